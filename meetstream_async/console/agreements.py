"""Previews that were shown, and the consent that each of them waits for."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import define

from ..fastapi import ProblemError
from ..preview import Consent, Given
from .outline import PreviewTold

Job: TypeAlias = Consent | Given
"""What is agreed to, ready to be carried out."""

_KEPT = 20
"""Previews that are kept; an older one has to be made again."""
_FRESH = 900.0
"""Seconds for which a preview may be consented to."""


@define(eq=False)
class Agreement:
    """A preview, and what a run of it does."""

    told: PreviewTold
    job: Job
    options: dict[str, Any]
    """For the first line of the report."""
    made: float
    """Seconds of the clock."""
    run_id: str | None = None
    """The run that it was consented to."""


def digest_of(host: str, job: Job, options: dict[str, Any]) -> str:
    """A hash of whose account it is, of every event and bot that a run takes, and of how."""
    ids = sorted(json.dumps([line["event_id"], sorted(line["bot_ids"])]) for line in job.targets())
    return hashlib.sha256(json.dumps([host, job.listing, ids, options]).encode()).hexdigest()


def new_id() -> str:
    return secrets.token_urlsafe(18)


class Agreements:
    """The previews of this process. ``clock``: monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: dict[str, Agreement] = {}

    def keep(self, told: PreviewTold, job: Job, options: dict[str, Any]) -> None:
        self._kept[told.id] = Agreement(told, job, options, self._clock())
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]

    def consented(self, preview_id: str, words: str, digest: str) -> Agreement:
        """The agreement to a preview. Raises ProblemError where the words are not for it."""
        agreement = self._kept.get(preview_id)
        if agreement is None:
            raise ProblemError(404, "preview_not_found", "That preview is not kept any more: make a new one.")
        told = agreement.told
        if told.words is None:
            raise ProblemError(422, "nothing_to_do", "There is nothing to unschedule.")
        if digest != told.digest:
            raise ProblemError(409, "another_selection", "The consent was for another selection.")
        if words.strip() != told.words:
            raise ProblemError(422, "not_confirmed", f"Not confirmed: type {told.words}")
        if agreement.run_id is None and self._clock() - agreement.made > _FRESH:
            raise ProblemError(409, "preview_too_old", "That preview is too old: make a new one.")
        return agreement
