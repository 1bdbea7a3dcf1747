"""The result of ``diagnose``: its checks, the kind of ids, and the verdict."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from .._pydantic import PydanticType

IdKind: TypeAlias = Literal["event", "provider", "none", "mixed", "unknown"]


class CheckStatus(StrEnum):
    """What a check came to."""

    OK = "ok"
    """As it should be."""
    WARN = "warn"
    """A run works, and something about it should be known; ``detail`` says what."""
    FAIL = "fail"
    """A run would not work."""
    SKIPPED = "skipped"
    """It could not be looked at, because another check failed."""


@frozen
class Check(PydanticType):
    """One thing that was looked at."""

    name: str
    """For example ``clock``."""
    status: CheckStatus
    """``warn``: runs work, but there is something to know. ``skipped``: what it needs is missing."""
    detail: str
    """What was found, in words; without keys and without personal data."""


@frozen
class Diagnosis(PydanticType):
    """What ``diagnose`` found. It holds no key and no personal data."""

    checks: tuple[Check, ...]
    """In the order in which they build on each other."""
    ids: IdKind
    """What a listing shows as the id of a bot's event: MeetStream's own (``event``), the calendar provider's,
    ``none``, or ``mixed``; ``unknown`` where no bot shows it."""
    verdict: str
    """The outcome in one sentence."""
    ok: bool
    """No check failed; with ``strict``, none warned either."""
    requests: int = 0
    """Number of requests that were sent."""
    key_rejected: bool = field(default=False, kw_only=True)
    """It is the API itself that rejects the key."""

    def check(self, name: str) -> Check:
        """The check of that name. Raises KeyError if there is none."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            "ok": self.ok,
            "ids": self.ids,
            "verdict": self.verdict,
            "requests": self.requests,
            "key_rejected": self.key_rejected,
            "checks": [
                {"name": check.name, "status": check.status.value, "detail": check.detail}
                for check in self.checks
            ],
        }
