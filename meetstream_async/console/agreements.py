"""The previews that were shown, each with the confirmation it requires."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import define

from ..fastapi import ProblemError
from ..preview import Consent, NamedEvents
from .models import PreviewResponse

Job: TypeAlias = Consent | NamedEvents
"""What a confirmed preview runs."""

_KEPT = 20
"""Number of previews kept; older ones have to be created again."""
_FRESH = 900.0
"""Seconds for which a preview can be confirmed."""


@define(eq=False)
class Agreement:
    """A preview, and the run that it stands for."""

    told: PreviewResponse
    job: Job
    options: dict[str, Any]
    """Options of the run, for the first line of the report."""
    made: float
    """Time of creation, in seconds of the clock."""
    run_id: str | None = None
    """Id of the run that was started from it, if any."""


def digest_of(host: str, job: Job, options: dict[str, Any]) -> str:
    """Hash of the account, of every event and bot that the run takes, and of its options."""
    ids = sorted(json.dumps([line["event_id"], sorted(line["bot_ids"])]) for line in job.targets())
    return hashlib.sha256(json.dumps([host, job.listing, ids, options]).encode()).hexdigest()


def new_id() -> str:
    return secrets.token_urlsafe(18)


class Agreements:
    """The previews of this process. ``clock`` returns monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[str, Agreement] = {}

    def keep(self, told: PreviewResponse, job: Job, options: dict[str, Any]) -> None:
        self._kept[told.id] = Agreement(told, job, options, self._clock())
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]

    def consented(self, preview_id: str, words: str, digest: str) -> Agreement:
        """The confirmed preview. Raises ProblemError unless it is available and ``words`` confirm it."""
        agreement = self._kept.get(preview_id)
        if agreement is None:
            raise ProblemError(404, "preview_not_found", "That preview is gone: make a new one.")
        told = agreement.told
        if told.words is None:
            raise ProblemError(422, "nothing_to_do", "There is nothing to unschedule.")
        if digest != told.digest:
            raise ProblemError(409, "another_selection", "The confirmation was for a different selection.")
        if words.strip() != told.words:
            raise ProblemError(422, "not_confirmed", f"Not confirmed: type {told.words}")
        if agreement.run_id is None and self._clock() - agreement.made > _FRESH:
            raise ProblemError(409, "preview_too_old", "That preview has expired: make a new one.")
        return agreement
