"""The three ids of a calendar event, made from its own one: MeetStream's, the provider's and iCalendar's."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Literal

Provider = Literal["google", "outlook"]

# Google's event ids are written in base32hex, in lower case.
_GOOGLE_LETTERS = "0123456789abcdefghijklmnopqrstuv"
# What every global object id of Outlook begins with.
_OUTLOOK_UID = "040000008200E00074C5B7101A82E008"


def digest(seed: int, *parts: str, size: int = 16) -> bytes:
    """A hash of the parts that differs from seed to seed."""
    text = " ".join((str(seed), *parts))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()


def own_id(seed: int, *parts: str) -> str:
    """An id as MeetStream gives to events: `evt_` and 16 hexadecimal digits."""
    return f"evt_{digest(seed, 'event', *parts, size=8).hex()}"


@lru_cache(maxsize=4096)
def provider_id(seed: int, event_id: str, provider: Provider) -> str:
    """An id as the provider of the calendar gives to events."""
    if provider == "outlook":
        raw = b"\x00\x02\xa4" + digest(seed, "outlook", event_id, size=64) + b"\x00" * 5
        return urlsafe_b64encode(raw).decode()
    return "".join(_GOOGLE_LETTERS[byte % 32] for byte in digest(seed, "google", event_id, size=26))


def instance_id(series_id: str, start: datetime) -> str:
    """Google's id of one occurrence: that of the series, and when it was meant to begin."""
    return f"{series_id}_{start.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def ical_uid(seed: int, event_id: str, provider: Provider) -> str:
    """An id as calendars exchange it; all occurrences of a series have the same one."""
    if provider == "outlook":
        return _OUTLOOK_UID + digest(seed, "uid", event_id, size=40).hex().upper()
    return f"{provider_id(seed, event_id, provider)}@google.com"


def provider_of(meeting_platform: str | None) -> Provider:
    """Teams meetings are in Outlook's calendars, all others in Google's."""
    return "outlook" if meeting_platform and "eams" in meeting_platform else "google"
