"""What a report says that can be undone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from meetstream_async import Snapshot, SnapshotBot
from meetstream_async.preview import undoable_of
from tests.helpers.report_files import outcome, run_line, target


@pytest.mark.parametrize(
    ("options", "status", "wanted"),
    [
        ({}, "unscheduled", {"bot-1"}),
        ({}, "unknown", {"bot-1"}),
        ({}, "already_unscheduled", set()),
        ({"all_occurrences": True}, "already_unscheduled", {"bot-1"}),
        ({}, "failed", set()),
        ({}, "skipped", set()),
        ({}, "not_attempted", set()),
    ],
)
@pytest.mark.parametrize("known", ["evt_1", "provider-1"])
def test_what_is_undone_is_what_the_run_has_taken(
    options: dict[str, Any], status: str, wanted: set[str], known: str
) -> None:
    """By the outcomes of its report; of a series, also what a DELETE of another occurrence took."""
    snapshot = Snapshot(
        id="5" * 32,
        taken_at=datetime.now(UTC),
        base_url="https://api.example.com",
        bots=(
            SnapshotBot(bot_id="bot-1", event_id="evt_1", listed_event_id="provider-1"),
            SnapshotBot(bot_id="bot-2", event_id="evt_2"),
        ),
    )
    first = run_line(options=options, targets=[target(known)])
    said = outcome(status, known, method="event")
    whole = [first, said, {"type": "summary", "corrections": [], "still_listed": []}]
    # A series may have had bots that the report does not name.
    uncertain = {"bot-2"} if options else set()
    assert {bot.bot_id for bot in undoable_of(whole, snapshot).snapshot} == wanted | uncertain
    assert undoable_of(whole, snapshot).uncertain == uncertain
    # A run that was cut off may have taken up more, but not what it has an outcome for.
    cut = {bot.bot_id for bot in undoable_of(whole[:2], snapshot).snapshot}
    assert cut == wanted | {"bot-2"}
    still = {"bot_id": "bot-1", "event_id": known, "scheduled_join_time": None}
    listed = [*whole[:2], {**whole[2], "still_listed": [still]}]
    assert {bot.bot_id for bot in undoable_of(listed, snapshot).snapshot} == uncertain
