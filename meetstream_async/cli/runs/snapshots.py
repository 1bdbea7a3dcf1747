"""Keep what is known of the bots that a run is about to cancel, beside its report."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from ... import (
    ApiError,
    MeetStreamClient,
    MeetStreamError,
    MeetStreamEvent,
    ScheduledBot,
    ScheduledBotPage,
    Snapshot,
    take_snapshot,
)
from ...preview import Selects
from ..exit_codes import Refused
from ..inputs.accounts import Account
from ..terminal.output import clean, plural
from ..terminal.waiting import Waiting
from .bulk_run import BulkChoices
from .process import run_async
from .snapshot_file import SnapshotFile


class Kept:
    """The snapshot of one run, from its preview on; nothing where there is no file for it."""

    def __init__(self, file: SnapshotFile | None, choices: BulkChoices) -> None:
        self._file = file
        self._detail = choices.keep_for_undo
        self._concurrency = choices.speed.concurrency
        self._snapshot: Snapshot | None = None
        self._problem: str | None = None

    @property
    def id(self) -> str | None:
        """Of the snapshot, for the first line of the report."""
        return None if self._snapshot is None else self._snapshot.id

    @property
    def lines(self) -> list[str]:
        """What the preview says of it."""
        if self._problem is not None:
            return [f"nothing can be kept: {self._problem}"]
        if self._file is None or self._snapshot is None:
            return []
        what = "rows and configurations" if self._detail else "rows (whole configurations: --keep-for-undo)"
        lines = [f"{plural(len(self._snapshot), 'bot')}: {what}, with their meeting links"]
        if self._snapshot.why_incomplete is not None:
            lines.append(clean(self._snapshot.why_incomplete))
        return [*lines, f"in {clean(self._file.path)}, for `meetstream-async undo`"]

    async def take(
        self,
        client: MeetStreamClient,
        page: ScheduledBotPage,
        selects: Selects | None,
        events: Iterable[MeetStreamEvent] | None = None,
        *,
        whole_events: bool,
        series: bool,
    ) -> None:
        """Take the snapshot. With --keep-for-undo, raises what keeps it from being taken.

        ``whole_events``: the run takes the other bots of a selected bot's events, too. ``series``: it takes
        whole series, and nobody knows which of the calendars' bots belong to them.
        """
        if self._file is None:
            return
        chosen = selects

        def or_of_a_calendar(bot: ScheduledBot) -> bool:
            return not bot.is_one_off or chosen is None or chosen(bot)

        if series:
            selects = or_of_a_calendar
        try:
            snapshot = await take_snapshot(
                client,
                page,
                detail=self._detail,
                where=selects,
                whole_events=whole_events,
                events=events,
                max_concurrency=self._concurrency,
            )
        except MeetStreamError as error:
            if self._detail or (isinstance(error, ApiError) and error.key_rejected):
                raise
            self._problem = clean(error)
            return
        if self._file.write(snapshot):
            self._snapshot = snapshot
            return
        self._problem = f"{clean(self._file.path)} can't be written: {self._file.problem}"
        if self._detail:
            raise Refused(f"the snapshot {self._problem}; nothing was started")

    def take_named(
        self, account: Account[MeetStreamClient], targets: Sequence[ScheduledBot | str], *, series: bool
    ) -> None:
        """The same of targets that were named, of which a listing tells more."""
        ids = frozenset(one if isinstance(one, str) else one.bot_id for one in targets)
        given = {one.bot_id: one for one in targets if isinstance(one, ScheduledBot)}

        async def take(_: asyncio.Event) -> None:
            async with Waiting("the listing"), account.client() as client:
                try:
                    page = await client.list_scheduled_bots()
                except MeetStreamError as error:
                    if self._detail or (isinstance(error, ApiError) and error.key_rejected):
                        raise
                    self._problem = clean(error)
                    return
                listed = {bot.bot_id for bot in page.bots}
                more = tuple(bot for bot in given.values() if bot.bot_id not in listed)
                page = ScheduledBotPage((*page.bots, *more), page.limit, page.truncated, page.rejected)
                await self.take(
                    client,
                    page,
                    lambda bot: bot.bot_id in ids or bot.event_id in ids,
                    whole_events=True,
                    series=series,
                )

        with account.explaining():
            run_async(take)

    def begin(self) -> None:
        """The run was agreed to: the snapshot stays."""
        if self._file is not None and self._snapshot is not None:
            self._file.keep()

    def add(self, bot: ScheduledBot) -> bool:
        """Keep a bot that only a later listing shows. False if that fails: it is left alone then."""
        if self._file is None or self._snapshot is None:
            return True
        self._file.add(bot)
        return self._file.problem is None
