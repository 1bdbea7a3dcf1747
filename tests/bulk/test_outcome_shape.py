"""One JSON shape of an outcome, and one set of defaults, wherever they are shown."""

import inspect
import re
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest

from meetstream_async import (
    AccountState,
    BotFilter,
    BulkOptions,
    CancelOutcome,
    ConfigurationError,
    OutcomeStatus,
    TransportError,
    UnscheduleOptions,
    UnscheduleOutcome,
    bulk_cancel_events,
    bulk_reschedule,
    bulk_unschedule,
    cancel_meetings,
    cancel_waiting,
    outcome_to_dict,
    run_account,
    stream_unschedule,
    unschedule_all,
)
from meetstream_async.bulk import options
from meetstream_async.bulk._account_report import SETTLED
from meetstream_async.fastapi import BulkRequest, RunOutcome
from meetstream_async.fastapi.runs import STATUSES as RUN_STATUSES
from meetstream_async.jobs import JobOptions, JobOutcome
from meetstream_async.jobs.ledger import DONE as JOB_DONE
from meetstream_async.preview import CancelBy, OneOffBots
from tests.helpers.outcomes import SHAPE

OUTCOME = UnscheduleOutcome(
    "evt_1",
    ("bot-1",),
    OutcomeStatus.UNKNOWN,
    "lost",
    error=TransportError("reset"),
    attempts=4,
    elapsed=1.23456789,
    method="event",
    request_id="req-1",
)


def test_an_outcome_has_one_shape() -> None:
    """The names and their order; the error is its class and text."""
    assert outcome_to_dict(OUTCOME) == OUTCOME.to_dict() == {
        "event_id": "evt_1",
        "bot_ids": ["bot-1"],
        "method": "event",
        "inferred": False,
        "status": "unknown",
        "reason": "lost",
        "attempts": 4,
        "elapsed": 1.234568,
        "error": "TransportError: reset",
        "request_id": "req-1",
    }  # fmt: skip
    assert list(OUTCOME.to_dict()) == SHAPE
    page = (Path(__file__).parents[2] / "docs/semantics.md").read_text("utf-8")
    table = page.split("## An outcome in JSON")[1].split("\n## ")[0]
    assert re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", table, re.M))) == SHAPE
    cancelled = CancelOutcome(7, 100, OutcomeStatus.CANCELLED).to_dict()
    assert list(cancelled) == ["calendar_id", "event_id", *SHAPE[4:]]


def test_a_job_adds_its_account_and_renames_nothing() -> None:
    """A line of ``jobs report`` is the shape behind the account."""
    stored: dict[str, Any] = OUTCOME.to_dict()
    values = {**stored, "bot_ids": ("bot-1",), "status": OutcomeStatus.UNKNOWN}
    shown = JobOutcome(account="acme", position="0.1.2", **values).to_dict()
    assert shown == {"account": "acme", **stored}
    assert list(shown) == ["account", *SHAPE]


def test_fastapi_adds_a_position_and_renames_nothing() -> None:
    """The model of the router's outcomes has the names of the shape, all of them."""
    assert list(RunOutcome.model_fields) == ["position", *SHAPE]
    assert RunOutcome(position="1", **OUTCOME.to_dict()).model_dump(mode="json") == {
        "position": "1",
        **OUTCOME.to_dict(),
    }


@pytest.mark.parametrize(
    "function",
    [
        bulk_unschedule,
        stream_unschedule,
        unschedule_all,
        run_account,
        cancel_waiting,
        bulk_cancel_events,
        cancel_meetings,
        bulk_reschedule,
    ],
)
def test_every_function_has_the_options_of_all_runs_with_one_default(function: Any) -> None:
    """An option for all runs is left out nowhere, and means the same wherever a caller leaves it out."""
    defaults = BulkOptions[Any]().keywords() | UnscheduleOptions().keywords()
    parameters = inspect.signature(function).parameters
    shared = parameters.keys() & defaults.keys()
    assert BulkOptions[Any]().to_dict().keys() <= shared
    assert {name: parameters[name].default for name in shared} == {name: defaults[name] for name in shared}


def test_the_defaults_of_the_doors_are_those_of_the_values() -> None:
    """A job and a request that say nothing ask for what the functions do by default."""
    assert (
        JobOptions().keywords()
        == BulkRequest(all=True).options().keywords()
        == UnscheduleOptions().keywords()
    )
    assert JobOptions().bulk() == BulkRequest(all=True).bulk() == BulkOptions()


def test_the_doors_know_the_same_choices_and_statuses() -> None:
    """A door may import the package root alone, so it has lists of its own, which say the same."""
    assert get_args(OneOffBots) == get_args(options.OneOffBots)
    assert get_args(CancelBy) == get_args(options.CancelBy)
    counts = AccountState(UnscheduleOptions()).report().counts
    assert [status.value for status in RUN_STATUSES] == list(counts)
    assert JOB_DONE == SETTLED


def test_a_job_can_carry_every_option_that_can_be_stored() -> None:
    """No option of a run is lost on its way into a job."""
    stored = BulkOptions[Any]().to_dict() | UnscheduleOptions().to_dict()
    assert JobOptions().to_dict().items() >= stored.items()


def test_options_come_back_as_they_were() -> None:
    """to_dict and from_dict are inverse; what can't be stored, and unknown names, are refused."""
    what = UnscheduleOptions(where=BotFilter(platform="zoom"), one_off_bots="skip", dry_run=True)
    assert UnscheduleOptions.from_dict(what.to_dict()) == what
    how = BulkOptions[Any](max_concurrency=2, max_pause=1.5, stop_after_failures=3)
    assert BulkOptions.from_dict(how.to_dict()) == how
    assert BulkOptions.from_dict(attrs.evolve(how, on_outcome=print).to_dict()) == how
    with pytest.raises(ConfigurationError, match="only a BotFilter can be stored"):
        UnscheduleOptions(where=lambda bot: True).to_dict()
    for kind in (UnscheduleOptions, BulkOptions):
        with pytest.raises(ConfigurationError, match="unknown option: wher"):
            kind.from_dict({"wher": None})
    with pytest.raises(ConfigurationError, match="stop can't be stored"):
        BulkOptions.from_dict({"stop": None})
