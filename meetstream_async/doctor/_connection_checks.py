"""The checks of the way to the API: configuration, reach, key, clock and limits. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .._http.api_errors import route_is_missing
from .._http.urls import is_loopback
from ..errors import ApiError, InvalidResponseError, MeetStreamError, UserNotFoundError
from ._facts import Asked, Facts, Reading
from ._words import count, span, words_of
from .diagnosis import Check, CheckStatus

_SLOW: Final = 2.0
"""Seconds for one answer."""
_FAR: Final = 5.0
"""Seconds by which the clocks may differ: network and rounding explain them."""

OK, WARN, FAIL, SKIPPED = CheckStatus.OK, CheckStatus.WARN, CheckStatus.FAIL, CheckStatus.SKIPPED
NOTHING_SENT: Final = "nothing was sent: see configuration"
NO_ANSWER: Final = "nothing answered: see reach"


def configuration(facts: Facts) -> Check:
    """The key's shape, and the address."""
    url, public = facts.base_url, facts.default_url
    host = url.host or ""
    if facts.misspelt and public is not None:
        text = f"the host {host} is misspelt: the public API is at {public}"
        return Check("configuration", FAIL, f"{text}; nothing was sent, to protect the key")
    notes = []
    if public is not None and not is_loopback(host):
        if host != public.host:
            notes.append(
                f"the requests and the key go to {host}, which is not the public API's {public.host}"
            )
        elif url != public:
            notes.append(f"the address is {url}, where the public API is at {public}")
    if not facts.key_prefix_fits:
        notes.append("the key does not begin with ms_, as MeetStream's keys do")
    if notes:
        return Check("configuration", WARN, "; ".join(notes))
    where = "on this machine" if is_loopback(host) else facts.network
    shape = "" if public is None else ", and the key begins with ms_"
    return Check("configuration", OK, f"{url} is reached {where}{shape}")


def reach(facts: Facts) -> Check:
    """Name, connection, TLS and proxy: whether anything answers."""
    asked = (*facts.first, *facts.listings)
    if not asked:
        return Check("reach", SKIPPED, NOTHING_SENT)
    last = asked[-1]
    if not last.answered:
        if last.error is not None and not last.was_sent:
            return Check("reach", SKIPPED, f"nothing was sent: {words_of(last.error)}")
        return Check("reach", FAIL, _why_unreachable(last.error))
    tls = "over TLS" if facts.base_url.scheme == "https" else "without TLS"
    text = f"an answer came in {span(last.seconds)}, {tls}"
    status = 0 if last.head is None else last.head.status
    if facts.api == "MeetBit" and (status == 403 or status >= 500):
        return Check("reach", WARN, f"{text}, but it was {status}: not MeetBit's own, most likely")
    lost = [one for one in asked if not one.answered]
    if lost:
        return Check("reach", WARN, f"{text}, but an earlier request had none: {words_of(lost[0].error)}")
    if last.seconds >= _SLOW:
        return Check("reach", WARN, f"{text}, which is slow")
    return Check("reach", OK, text)


def _why_unreachable(error: MeetStreamError | None) -> str:
    text = words_of(error)
    if isinstance(error, TimeoutError):
        return f"{text}: the host is slow, or something on the way drops the requests"
    if "DNSError" in text:
        return f"the host has no address here (DNS): {text}"
    return text


def key(facts: Facts) -> Check:
    """Whether the key is accepted, and the path that lists the bots."""
    if facts.api == "MeetBit":
        text = "not checked: MeetBit's API can only cancel, so the first cancel shows whether the keys work"
        return Check("key", SKIPPED, text)
    if not facts.listings:
        return Check("key", SKIPPED, NOTHING_SENT)
    first, last = facts.listings[0], facts.listings[-1]
    if not last.answered:
        return Check("key", SKIPPED, NO_ANSWER)
    if last.value is None:
        return Check("key", FAIL, _why_no_listing(facts.listings))
    text = f"the key is accepted; bots are listed at {last.path}"
    if first.path != last.path:
        why = f", since {first.path} answers {words_of(first.error)}"
        return Check("key", OK if _is_missing(first) else WARN, text + why)
    if first is not last:
        return Check("key", WARN, f"{text}, at the second attempt; the first had: {words_of(first.error)}")
    return Check("key", OK, text)


def _is_missing(asked: Asked[object]) -> bool:
    return isinstance(asked.error, ApiError) and route_is_missing(asked.error)


def key_is_rejected(facts: Facts) -> bool:
    """The API itself has rejected the key, at one of its paths."""
    return any(getattr(one.error, "key_rejected", False) for one in facts.listings)


def _why_no_listing(listings: tuple[Asked[object], ...]) -> str:
    last = listings[-1]
    error, text = last.error, words_of(last.error)
    rejections = [one for one in listings if getattr(one.error, "key_rejected", False)]
    if rejections:
        return f"the API rejects the key: {words_of(rejections[0].error)}"
    if isinstance(error, UserNotFoundError):
        return f"the API knows no user for the key: {text}"
    if all(_is_missing(one) for one in listings):
        tried = ", ".join(f"{one.path} answers {words_of(one.error)}" for one in listings)
        return f"no path lists the bots: {tried}; is the address right?"
    refusing = [one for one in listings if getattr(one.error, "refused_in_front", False)]
    if refusing:
        who = "something before the API (a firewall, a proxy or a CDN) refuses"
        return f"{who}, which says nothing about the key: {words_of(refusing[0].error)}"
    if isinstance(error, InvalidResponseError):
        return f"the answer is not a listing: {text}; is the address right?"
    if last.is_limited:
        return f"the listing was refused, whatever the key: {text}"
    again = ", asked twice" if sum(one.path == last.path for one in listings) > 1 else ""
    return f"the bots can't be listed{again}: {text}"


def clock(facts: Facts) -> Check:
    """This machine's clock, against the ``Date`` of the replies."""
    heads = [one.head for one in facts.asked if one.head is not None]
    if not heads:
        return Check("clock", SKIPPED, _why_nothing(facts))
    told = [head.ahead for head in heads if head.ahead is not None]
    if not told:
        text = "no reply has a Date, so whether a bot has joined is judged by this machine's clock"
        return Check("clock", WARN, text)
    ahead = min(told, key=abs)
    if abs(ahead) <= _FAR:
        return Check("clock", OK, f"this machine's clock and the API's differ by less than {_FAR:g} s")
    which = "ahead of" if ahead > 0 else "behind"
    text = f"this machine's clock is {span(abs(ahead))} {which} the API's: times such as +2h are off by that"
    return Check("clock", WARN, text)


def limits(facts: Facts) -> Check:
    """What was seen of rate limits."""
    sent = [one for one in facts.asked if one.was_sent]
    waiting = [one for one in facts.asked if not one.was_sent]
    if waiting:
        return Check("limits", WARN, words_of(waiting[0].error))
    if not any(one.head is not None for one in sent):
        return Check("limits", SKIPPED, _why_nothing(facts))
    limited = [one.head for one in sent if one.head is not None and one.is_limited]
    if limited:
        wait = max((head.wait for head in limited if head.wait is not None), default=None)
        asks = "without saying for how long to wait" if wait is None else f"asking to wait {span(wait)}"
        number = f"{len(limited)} of {count(len(sent), 'request')}"
        return Check("limits", WARN, f"{number} met a limit (429), {asks}")
    text = f"none was met in {count(len(sent), 'request')}"
    return Check("limits", OK, text + _told(head for one in sent if (head := one.head) is not None))


def _told(heads: Iterable[Reading]) -> str:
    limit = next((head.limit for head in heads if head.limit is not None), None)
    return "" if limit is None else f"; the API says that it allows {count(limit, 'request')} at a time"


def _why_nothing(facts: Facts) -> str:
    return NO_ANSWER if facts.asked else NOTHING_SENT
