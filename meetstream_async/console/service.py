"""The operations behind the console's API: list, match, preview, start, retry."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from attrs import define, field, frozen

from .. import (
    BulkOptions,
    Diagnosis,
    MeetStreamClient,
    MeetStreamError,
    ScheduledBot,
    UnscheduleOptions,
    UnscheduleOutcome,
    diagnose,
)
from ..fastapi import ProblemError, RunState
from ..preview import CancelBy, Consent, NamedEvents, OneOffBots, Preview, Selects, make_preview, words_for
from .agreements import Agreements, Job, digest_of, new_id
from .models import (
    BotRow,
    ConsentRequest,
    FilterRequest,
    LeftAlone,
    Listing,
    Matches,
    PreviewRequest,
    PreviewResponse,
    RunResponse,
    UndoPreview,
    Unreadable,
    left_alone,
    platforms_of,
    soonest_of,
)
from .pauses import Pauses
from .records import Record
from .runs import ConsoleRuns
from .undos import Undos

_MOST_LISTED = 100


@frozen
class _Picked:
    """Selects the bots that were ticked."""

    bot_ids: frozenset[str]

    def __call__(self, bot: ScheduledBot) -> bool:
        return bot.bot_id in self.bot_ids

    judge = __call__


@define(eq=False)
class ConsoleService:
    """One account, as shown on the page."""

    host: str
    """Base URL of the API."""
    key_source: str
    """Where the key was found; never the key itself."""
    explain: Callable[[MeetStreamError], str] = str
    """Turns an error into the text shown to the operator."""
    simulated: bool = False
    options: BulkOptions[UnscheduleOutcome] = field(factory=BulkOptions)
    """Options of every run."""
    clock: Callable[[], float] = time.monotonic
    """Returns monotonic seconds."""
    runs: ConsoleRuns = field(init=False)
    pauses: Pauses = field(init=False)
    """Listens to the log, for pauses that the API asks for."""
    undos: Undos = field(init=False)
    _agreements: Agreements = field(init=False)
    _listed: Preview | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self.runs = ConsoleRuns(self.options)
        self.undos = Undos(self.host, self.options)
        self._agreements = Agreements(self.clock)
        self.pauses = Pauses()

    async def listing(self, client: MeetStreamClient) -> Listing:
        """List the scheduled bots through the API."""
        found = self._listed = await self._preview_account(client, "report", None, False, events=False)
        return Listing(
            host=self.host,
            key_source=self.key_source,
            simulated=self.simulated,
            listed_at=datetime.now(UTC),
            truncated=found.truncated,
            bots=[BotRow.of(bot) for bot in found.listed],
            rejected=[Unreadable(path=row.path, reason=row.reason) for row in found.rejected],
        )

    async def diagnosis(self, client: MeetStreamClient) -> Diagnosis:
        """A first look at the account, as ``meetstream-async doctor`` takes it."""
        return await diagnose(client)

    def match(self, asked: FilterRequest) -> Matches:
        """The bots of the last listing that match a filter; sends no request."""
        selection = asked.selection()
        listed = self._listed.listed if self._listed is not None else ()
        return Matches(bot_ids=[bot.bot_id for bot in listed if selection is None or selection(bot)])

    async def preview(self, client: MeetStreamClient, asked: PreviewRequest) -> PreviewResponse:
        """List again, and describe what a run would do."""
        picked = asked.bot_ids
        selects: Selects | None = asked.filter.selection() if picked is None else _Picked(picked)
        found = await self._preview_account(
            client, asked.one_off_bots, selects, asked.whole_events, asked.cancel_by
        )
        events = [bot for bots in found.events.values() for bot in bots]
        deleted = list(found.deleted.values())
        job: Job
        if picked is None:
            job = Consent(found)
            words, gone = words_for(found), frozenset[str]()
            title = "everything" if selects is None else "what the filter selects"
        else:
            job = NamedEvents(found.bots, found.options(selects), page=found.page)
            words = f"unschedule {found.to_do}" if found.to_do else None
            gone = picked - {bot.bot_id for bot in found.listed}
            title = "the selected bots"
        options = {
            "filter": asked.filter.model_dump(mode="json", exclude_defaults=True),
            "picked": None if picked is None else sorted(picked),
            "one_off_bots": asked.one_off_bots,
            "whole_events": asked.whole_events,
            "cancel_by": asked.cancel_by,
        }
        return self._tell(
            job,
            options,
            words=words,
            title=title,
            filter=asked.filter if picked is None and selects is not None else None,
            truncated=found.truncated and picked is None,
            bots=[*events, *deleted],
            events=len(found.events),
            deleted=len(deleted),
            left_alone=left_alone(found, gone=sorted(gone)),
            one_off_bots=asked.one_off_bots,
            whole_events=asked.whole_events,
            cancel_by=asked.cancel_by,
        )

    async def retry(self, run_id: str) -> PreviewResponse:
        """Preview of what a run left undone, according to its report."""
        state, record = await self.runs.state(run_id), await self.runs.record(run_id)
        if not state.over:
            raise ProblemError(409, "run_not_over", "The run has not ended: stop it, or wait until it ends.")
        leftovers = record.leftovers()
        told = record.agreement.told
        job = retry_of(record)
        bots = [bot for bots in job.events.values() for bot in bots] + job.deleted
        left = [LeftAlone(kind="unseen", count=1)] if leftovers.unseen else []
        if job.shared:
            left.append(LeftAlone(kind="shared", count=len(job.shared), examples=job.shared[:3]))
        if alone := [bot.bot_id for bot in job.one_off if bot not in job.deleted]:
            left.append(LeftAlone(kind="one_off", count=len(alone), examples=alone[:3]))
        return self._tell(
            job,
            {
                "retry_of": run_id,
                "one_off_bots": told.one_off_bots,
                "whole_events": told.whole_events,
                "cancel_by": told.cancel_by,
                **leftovers.filter_options,
            },
            words=f"unschedule {job.to_do}" if job.to_do else None,
            title="what a run left undone",
            filter=None,
            truncated=False,
            bots=bots,
            events=len(job.events),
            deleted=len(job.deleted),
            left_alone=left,
            left=dict(leftovers.states),
            one_off_bots=told.one_off_bots,
            whole_events=told.whole_events,
            cancel_by=told.cancel_by,
        )

    async def start(self, client: MeetStreamClient, preview_id: str, asked: ConsentRequest) -> RunResponse:
        """Start the run of a confirmed preview."""
        agreement = self._agreements.consented(preview_id, asked.words, asked.digest)
        state = await self.runs.start_agreed(client, agreement)
        return run_response(state, await self.runs.record(state.id), self.pauses)

    async def undo(self, client: MeetStreamClient, run_id: str) -> UndoPreview:
        """Preview of scheduling again what a run has cancelled."""
        state, record = await self.runs.state(run_id), await self.runs.record(run_id)
        if not state.over:
            raise ProblemError(409, "run_not_over", "The run has not ended: stop it, or wait until it ends.")
        undoable = record.undoable()
        if undoable is None:
            raise ProblemError(
                409, "nothing_kept", "Nothing was kept of that run's bots, so it can't be undone."
            )
        try:
            return await self.undos.preview(client, undoable)
        except MeetStreamError as error:
            raise ProblemError(502, "account_unreadable", self.explain(error)) from None

    async def runs_told(self) -> list[RunResponse]:
        """The runs that are kept, newest first."""
        return [run_response(state, record, self.pauses) for state, record in await self.runs.kept()]

    async def run_told(self, run_id: str) -> RunResponse:
        """One of them. Raises ProblemError (404) if there is no such run."""
        return run_response(await self.runs.state(run_id), await self.runs.record(run_id), self.pauses)

    async def bots(self, run_id: str) -> list[BotRow]:
        """The bots that a run knows of so far."""
        return [BotRow.of(bot) for bot in (await self.runs.record(run_id)).agreement.job.known.values()]

    def _tell(
        self, job: Job, options: dict[str, Any], *, bots: list[ScheduledBot], **told: Any
    ) -> PreviewResponse:
        preview = PreviewResponse(
            id=new_id(),
            digest=digest_of(self.host, job, options),
            host=self.host,
            key_source=self.key_source,
            bots=len(bots),
            platforms=platforms_of(bots),
            soonest=soonest_of(bots),
            **told,
        )
        self._agreements.keep(preview, job, {**self.options.to_dict(), **options})
        return preview

    async def _preview_account(
        self,
        client: MeetStreamClient,
        one_off_bots: OneOffBots,
        selects: Selects | None,
        whole_events: bool,
        cancel_by: CancelBy = "auto",
        *,
        events: bool = True,
    ) -> Preview:
        try:
            return await make_preview(
                client,
                self.key_source,
                one_off_bots,
                selects,
                whole_events,
                cancel_by=cancel_by,
                events=events,
            )
        except MeetStreamError as error:
            raise ProblemError(502, "account_unreadable", self.explain(error)) from None


def retry_of(record: Record) -> NamedEvents:
    """A run of what an earlier one left undone, with its options."""
    leftovers, told = record.leftovers(), record.agreement.told
    options = UnscheduleOptions(
        one_off_bots=told.one_off_bots, whole_events=told.whole_events, cancel_by=told.cancel_by
    )
    return NamedEvents(leftovers.targets, leftovers.limited(options), leftovers)


def run_response(state: RunState, record: Record, pauses: Pauses) -> RunResponse:
    """A run, as shown on the page."""
    undone = retry_of(record).to_do if state.over and not state.ok else 0
    kept = record.undoable() if state.over else None
    job = record.agreement.job
    waiting = None
    if not state.over:
        waiting = pauses.waiting()
        if waiting is None and job.total is not None and sum(state.counts.values()) >= job.total:
            waiting = "all answers are in: looking at the listing again until the bots are gone from it"
    listed = record.report.still_listed if record.report is not None else ()
    return RunResponse(
        run=state,
        title=record.agreement.told.title,
        total=job.total,
        undone=undone,
        undoable=0 if kept is None else len(kept.snapshot),
        waiting=waiting,
        still_listed=[BotRow.of(bot) for bot in listed[:_MOST_LISTED]],
    )
