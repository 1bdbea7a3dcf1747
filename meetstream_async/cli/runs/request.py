"""What the commands that unschedule bots can be asked for, read and checked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ... import UnscheduleOptions
from ...preview import Selection
from ..exit_codes import Refused
from ..inputs.files import STDIN
from ..inputs.filters import selection_of
from ..inputs.options import Filter, Scope
from ..inputs.times import both, echo, parse_time
from .bulk_run import BulkChoices


@frozen(kw_only=True)
class Unscheduling:
    """What was typed."""

    command: str = "unschedule-all"
    ids: tuple[str, ...] = ()
    events: str | None = None
    retry_from: Path | None = None
    filter: Filter = field(factory=Filter)
    scope: Scope = field(factory=Scope)
    whole_events: bool = False
    allow_empty: bool = False
    api_key_file: Path | None = None
    choices: BulkChoices = field(factory=BulkChoices)


@frozen
class Asked:
    """What was typed, read and checked."""

    typed: Unscheduling
    selection: Selection | None
    series_from: datetime | None

    @property
    def choices(self) -> BulkChoices:
        return self.typed.choices

    @property
    def series(self) -> str:
        """What becomes of recurring series, for the preview."""
        if not self.typed.scope.all_occurrences:
            return ""
        start = "" if self.series_from is None else f" from {both(self.series_from)} on"
        return f" with all occurrences of their series{start}"

    @property
    def again(self) -> str:
        """The command that takes up what this one leaves, less the report to retry from."""
        words = ["meetstream-async", self.typed.command]
        if self.typed.scope.one_off_bots != "report":
            words.append(f"--one-off-bots {self.typed.scope.one_off_bots}")
        if self.typed.scope.cancel_by != "auto":
            words.append(f"--cancel-by {self.typed.scope.cancel_by}")
        if self.typed.scope.all_occurrences:
            words.append("--all-occurrences")
        if self.series_from is not None:
            words.append(f"--from {self.series_from.isoformat()}")
        return " ".join(words)

    def unschedule_options(self) -> UnscheduleOptions:
        """For a run over named events."""
        scope = self.typed.scope
        return UnscheduleOptions(
            one_off_bots=scope.one_off_bots,
            cancel_by=scope.cancel_by,
            whole_events=self.typed.whole_events,
            cancel_all_occurrences=True if scope.all_occurrences else None,
            from_date=self.series_from,
        )

    def options(self) -> dict[str, Any]:
        """The options for the first line of a report."""
        return {
            **self.choices.to_dict(),
            "filter": None if self.selection is None else self.selection.to_dict(),
            "one_off_bots": self.typed.scope.one_off_bots,
            "cancel_by": self.typed.scope.cancel_by,
            "all_occurrences": self.typed.scope.all_occurrences,
            "from": None if self.series_from is None else self.series_from.isoformat(),
            "whole_events": self.typed.whole_events,
            "allow_empty": self.typed.allow_empty,
            "keep_for_undo": self.choices.keep_for_undo,
            "events": self.typed.events,
            "retry_from": None if self.typed.retry_from is None else str(self.typed.retry_from),
        }


def read(typed: Unscheduling) -> Asked:
    """The options, checked against each other. Raises Refused before anything is sent."""
    sources = [("event ids", typed.ids), ("--events", typed.events), ("--retry-from", typed.retry_from)]
    given = [name for name, value in sources if value]
    if len(given) > 1:
        raise Refused(f"{' and '.join(given)} can't be combined")
    if typed.command == "unschedule" and not given:
        raise Refused("nothing to unschedule: give event ids, --events FILE or --retry-from REPORT")
    if typed.choices.keep_for_undo and typed.choices.report is None:
        raise Refused("--keep-for-undo needs --report FILE: the configurations are kept beside the report")
    now = datetime.now(UTC)
    selection = selection_of(typed.filter, now)
    if selection is not None and given:
        raise Refused(
            f"a filter selects from the listing, but with {given[0]} nothing is listed: use only one of them"
        )
    if typed.scope.series_from is not None and not typed.scope.all_occurrences:
        raise Refused("--from needs --all-occurrences")
    if selection is not None and typed.scope.all_occurrences and not typed.whole_events:
        raise Refused(
            "--all-occurrences may unschedule bots outside the filter: add --whole-events to accept that"
        )
    if typed.scope.cancel_by == "bot" and typed.scope.all_occurrences:
        raise Refused("--all-occurrences unschedules a series by its event: leave --cancel-by bot out")
    if typed.scope.cancel_by == "bot" and (typed.ids or typed.events):
        raise Refused(f"--cancel-by bot needs bots, but {given[0]} name events only: leave it out")
    choices = typed.choices
    if typed.events == STDIN and not (choices.consent.yes or choices.consent.dry_run):
        raise Refused("standard input holds the ids, so it can't confirm: add --yes; nothing was sent")
    series_from = None
    if typed.scope.series_from is not None:
        # Requests carry whole seconds.
        series_from = parse_time(typed.scope.series_from, "--from", now, up=True, whole=True)
        echo("--from", typed.scope.series_from, series_from)
    return Asked(typed, selection, series_from)
