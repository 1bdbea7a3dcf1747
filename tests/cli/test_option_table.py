"""Every option of every command arrives at the run that it is for.

The table has a row for each option: what is typed, and what the run must have been told. The run is
intercepted where it leaves the command line: at the library's function, at the client, at the job's options.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import click
import pytest
import typer
from attrs import define, evolve, field, frozen
from typer.testing import CliRunner

import meetstream_async.cli.commands.console as console_command
import meetstream_async.cli.commands.demo as demo_command
import meetstream_async.cli.commands.doctor as doctor_command
import meetstream_async.cli.commands.unschedule as unschedule_commands
import meetstream_async.cli.inputs.accounts as accounts
import meetstream_async.cli.inputs.filters as filters_module
import meetstream_async.cli.runs.account as account_run
import meetstream_async.cli.runs.calendar as calendar_run
import meetstream_async.cli.runs.events as events_run
import meetstream_async.cli.runs.jobs as job_runs
import meetstream_async.cli.runs.jobs_admin as job_admin
import meetstream_async.cli.runs.jobs_status as job_looking
import meetstream_async.cli.runs.meeting as meeting_run
import meetstream_async.cli.runs.simulation as simulate_command
import meetstream_async.cli.runs.snapshots as snapshots_run
import meetstream_async.cli.runs.undo as undo_run
import meetstream_async.console as console_door
import meetstream_async.preview.consent as consent_module
import meetstream_async.preview.named_events as named_events
from meetstream_async import (
    AccountState,
    BulkReport,
    Diagnosis,
    MeetingCancellation,
    OutcomeStatus,
    ScheduledBot,
    ScheduledBotPage,
    Snapshot,
    SnapshotBot,
)
from meetstream_async.cli.app import app
from meetstream_async.cli.exit_codes import ExitCode
from meetstream_async.cli.inputs.filters import selection_of
from meetstream_async.cli.runs.jobs_input import job_options
from meetstream_async.cli.runs.request import read
from meetstream_async.cli.terminal.display import DISPLAY
from meetstream_async.preview import Leftovers, Undoable
from meetstream_async.simulator import SlidingWindow
from tests.helpers.warm_program import build_commands_once

build_commands_once()

LATER = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
BOT = ScheduledBot(
    "bot-1", platform="zoom", scheduled_join_time=LATER, custom_attributes={"event_id": "evt_1"}
)
EMPTY: BulkReport[Any] = BulkReport(counts={}, outcomes=(), complete=True, ok=True, reason=None, elapsed=0.0)
SNAPSHOT = Snapshot(
    id="5" * 32,
    taken_at=LATER,
    base_url="https://api.example.com",
    bots=(SnapshotBot(bot_id="bot-1", event_id="evt_1"), SnapshotBot(bot_id="bot-2", event_id="evt_2")),
)


@define
class Seen:
    """What the run of one command was told."""

    run: dict[str, Any] = field(factory=dict)
    """Keyword arguments of the library's function, or of what stands for it."""
    client: dict[str, Any] = field(factory=dict)
    meetbit: dict[str, Any] = field(factory=dict)
    asked: int = 0
    out: str = ""
    folder: Path = Path()

    @property
    def where(self) -> Any:
        """The filter that the run selects with."""
        where = self.run["where"]
        return where.preview.selection if hasattr(where, "preview") else where


@frozen
class Row:
    """One option: what is typed, ``{}`` being the test's folder, and whether it has arrived."""

    typed: tuple[str, ...]
    arrived: Callable[[Seen], object]


def row(*typed: str) -> Callable[[Callable[[Seen], object]], Row]:
    return lambda arrived: Row(typed, arrived)


def attribute(seen: Seen) -> object:
    where = seen.where
    return (where.attributes or {}) == {"customer": "acme"}


PREPARED = {
    "ids.txt": "evt_file\n",
    "rows.csv": "7,100\n",
    "key": "ms_key_of_the_file\n",
    "keys": "the-id\nthe-secret\n",
    "accounts.toml": '[accounts.acme]\napi_key_env = "ACME"\n',
}
"""Files that options name."""
SHARED: dict[str, Row] = {
    "dry_run": row("--dry-run")(lambda seen: seen.run["dry_run"] is True),
    "yes": row("--yes")(lambda seen: seen.asked == 0),
    "platform": row("--platform", "zoom")(lambda seen: _filter(seen).platform == "zoom"),
    "before": row("--before", "2126-05-04T03:02:01Z")(
        lambda seen: _filter(seen).before == datetime(2126, 5, 4, 3, 2, 1, tzinfo=UTC)
    ),
    "after": row("--after", "2006-05-04T03:02:01Z")(
        lambda seen: _filter(seen).after == datetime(2006, 5, 4, 3, 2, 1, tzinfo=UTC)
    ),
    "name": row("--name", "Acme *")(lambda seen: _filter(seen).name == "Acme *"),
    "attr": row("--attr", "customer=acme")(attribute),
    "whole_events": row("--whole-events", "--platform", "zoom")(
        lambda seen: seen.run["whole_events"] is True
    ),
    "one_off_bots": row("--one-off-bots", "delete")(lambda seen: seen.run["one_off_bots"] == "delete"),
    "cancel_by": row("--cancel-by", "event")(lambda seen: seen.run["cancel_by"] == "event"),
    "all_occurrences": row("--all-occurrences")(lambda seen: seen.run["cancel_all_occurrences"] is True),
    "series_from": row("--all-occurrences", "--from", "2126-05-04T00:00:00Z")(
        lambda seen: seen.run["from_date"] == datetime(2126, 5, 4, tzinfo=UTC)
    ),
    "most": row("--max", "17")(lambda seen: seen.run["most"] == 17),
    "report": row("--report", "{}/report.jsonl")(
        lambda seen: json.loads((seen.folder / "report.jsonl").read_text().splitlines()[0])["type"] == "run"
    ),
    "retry_from": row("--retry-from", "{}/earlier.jsonl")(
        lambda seen: seen.run["retry_from"] == seen.folder / "earlier.jsonl"
    ),
    "events": row("--events", "{}/ids.txt")(lambda seen: seen.run["targets"] == ["evt_file"]),
    "concurrency": row("--concurrency", "7")(lambda seen: seen.run["max_concurrency"] == 7),
    "rate": row("--rate", "2.5")(lambda seen: (seen.client or seen.meetbit)["rate_limit"] == 2.5),
    "max_pause": row("--max-pause", "12.5")(lambda seen: seen.run["max_pause"] == 12.5),
    "timeout": row("--timeout", "3.5")(
        lambda seen: {told["timeout"] for told in (seen.client, seen.meetbit) if told} == {3.5}
    ),
    "api_key_file": row("--api-key-file", "{}/key")(
        lambda seen: seen.client["api_key"] == "ms_key_of_the_file"
    ),
    "access_keys_file": row("--access-keys-file", "{}/keys")(
        lambda seen: (
            (seen.meetbit["access_key_id"], seen.meetbit["access_key_secret"]) == ("the-id", "the-secret")
        )
    ),
    "as_json": row("--json")(lambda seen: json.loads(seen.out) is not None),
    "note": row("--note", "Moved to May.")(lambda seen: seen.run["note"] == "Moved to May."),
    "calendar": row()(lambda seen: seen.run["pair"][0] == 7),
    "event": row()(lambda seen: seen.run["pair"][1] == 100),
    "database": row("--database", "sqlite:////nowhere/x.sqlite")(
        lambda seen: seen.run["database"] == "sqlite:////nowhere/x.sqlite"
    ),
    "job_id": row()(lambda seen: seen.run["job_id"] == "job-7"),
    "accounts": row()(lambda seen: seen.run["accounts"] == seen.folder / "accounts.toml"),
    "accounts_at_once": row("--accounts-at-once", "3")(lambda seen: seen.run["accounts_at_once"] == 3),
    "verbose": row("--verbose")(lambda seen: DISPLAY.verbose and not DISPLAY.quiet),
    "quiet": row("--quiet")(lambda seen: DISPLAY.quiet and not DISPLAY.verbose),
    "no_color": row("--no-color")(lambda seen: DISPLAY.no_color),
    "port": row("--port", "8123")(lambda seen: seen.run["port"] == 8123),
}
"""Rows by the name of the parameter."""
OWN: dict[tuple[str, str], Row] = {
    ("doctor", "strict"): row("--strict")(lambda seen: seen.run["strict"] is True),
    ("doctor", "meetbit"): row("--meetbit")(lambda seen: seen.meetbit and not seen.client),
    ("doctor", "access_keys_file"): row("--meetbit", "--access-keys-file", "{}/keys")(
        lambda seen: seen.meetbit["access_key_id"] == "the-id"
    ),
    ("list", "limit"): row("--limit", "42")(lambda seen: seen.client["limit"] == 42),
    ("jobs run", "most"): row("--max", "17")(lambda seen: seen.run["max_events"] == 17),
    ("jobs submit", "most"): row("--max", "17")(lambda seen: seen.run["max_events"] == 17),
    ("jobs run", "allow_empty"): row("--allow-empty")(lambda seen: seen.run["allow_empty"] is True),
    ("jobs submit", "allow_empty"): row("--allow-empty")(lambda seen: seen.run["allow_empty"] is True),
    ("jobs status", "allow_empty"): row("--allow-empty")(lambda seen: seen.run["allow_empty"] is True),
    ("jobs list", "limit"): row("--limit", "3")(lambda seen: seen.run["limit"] == 3),
    ("unschedule-all", "allow_empty"): row("--platform", "nowhere", "--allow-empty")(
        lambda seen: "ok: everything" in seen.out and "not ok" not in seen.out
    ),
    ("unschedule", "event_ids"): row()(lambda seen: seen.run["targets"] == ["evt_1"]),
    ("unschedule", "keep_for_undo"): row("--report", "{}/r.jsonl", "--keep-for-undo")(
        lambda seen: seen.run["detail"] is True
    ),
    ("unschedule-all", "keep_for_undo"): row("--report", "{}/r.jsonl", "--keep-for-undo")(
        lambda seen: seen.run["detail"] is True
    ),
    ("undo", "of"): row()(lambda seen: seen.run["of"] == seen.folder / "earlier.jsonl"),
    ("undo", "only"): row("--only", "evt_2")(lambda seen: seen.run["bots"] == ["bot-2"]),
    ("undo", "restore_times"): row("--restore-times")(lambda seen: seen.run["restore_times"] is True),
    ("cancel-events", "file"): row()(lambda seen: seen.run["pair"] == (7, 100)),
    ("cancel-meeting", "bot_event_id"): row("--bot-event-id", "evt_9")(
        lambda seen: seen.run["bot_event_id"] == "evt_9"
    ),
    ("jobs run", "job_id"): row("--id", "job-7")(lambda seen: seen.run["job_id"] == "job-7"),
    ("jobs submit", "job_id"): row("--id", "job-7")(lambda seen: seen.run["job_id"] == "job-7"),
    ("jobs run", "worker"): row("--worker", "w-1")(lambda seen: seen.run["worker"] == "w-1"),
    ("jobs worker", "worker_id"): row("--id", "w-1")(lambda seen: seen.run["worker"] == "w-1"),
    ("jobs run", "yes"): row("--yes")(lambda seen: seen.run["yes"] is True),
    ("jobs submit", "yes"): row("--yes")(lambda seen: seen.run["yes"] is True),
    ("jobs forget", "yes"): row("--yes")(lambda seen: seen.run["yes"] is True),
    ("jobs run", "rate"): row("--rate", "2.5")(lambda seen: seen.run["rate_limit"] == 2.5),
    ("jobs submit", "rate"): row("--rate", "2.5")(lambda seen: seen.run["rate_limit"] == 2.5),
    ("jobs run", "timeout"): row("--timeout", "3.5")(lambda seen: seen.run["timeout"] == 3.5),
    ("jobs submit", "timeout"): row("--timeout", "3.5")(lambda seen: seen.run["timeout"] == 3.5),
    ("jobs status", "watch"): row("--watch")(lambda seen: seen.run["watch"] is True),
    ("jobs resume", "force"): row("--force")(lambda seen: seen.run["force"] is True),
    ("jobs forget", "older_than"): row("--older-than", "12h")(
        lambda seen: seen.run["age"] == timedelta(hours=12)
    ),
    ("simulate", "latency"): row("--latency", "0.5")(lambda seen: seen.run["latency"] == 0.5),
    ("simulate", "error_rate"): row("--error-rate", "0.25")(lambda seen: seen.run["error_rate"] == 0.25),
    ("simulate", "seed"): row("--seed", "9")(lambda seen: seen.run["seed"] == 9),
    ("simulate", "bots"): row("--bots", "11")(lambda seen: seen.run["bots"] == 11),
    ("simulate", "one_off"): row("--one-off", "0.125")(lambda seen: seen.run["one_off"] == 0.125),
    ("simulate", "series"): row("--series", "0.75")(lambda seen: seen.run["series"] == 0.75),
    ("simulate", "host"): row("--host", "127.0.0.2")(lambda seen: seen.run["host"] == "127.0.0.2"),
    ("simulate", "ids"): row("--ids", "mixed")(lambda seen: seen.run["ids"] == "mixed"),
    ("simulate", "foreign_id"): row("--foreign-id", "not_found")(
        lambda seen: seen.run["foreign_id"] == "not_found"
    ),
    ("simulate", "series_as"): row("--series-as", "master")(lambda seen: seen.run["series_as"] == "master"),
    ("simulate", "soon"): row("--soon", "0.125")(lambda seen: seen.run["soon"] == 0.125),
    ("simulate", "in_meeting"): row("--in-meeting", "0.125")(lambda seen: seen.run["in_meeting"] == 0.125),
    ("simulate", "past"): row("--past", "0.125")(lambda seen: seen.run["past"] == 0.125),
    ("simulate", "auto_schedule"): row("--auto-schedule")(lambda seen: seen.run["auto_schedule"] is True),
    ("simulate", "limit"): row("--limit", "30/60")(lambda seen: seen.run["limit"] == SlidingWindow(30, 60)),
    ("demo", "ids"): row("--ids", "none")(lambda seen: seen.run["ids"] == "none"),
    ("simulate", "calendar_events"): row("--calendar-events", "{}/rows.csv")(
        lambda seen: f"{seen.folder / 'rows.csv'} already exists" in seen.run["output"]
    ),
    ("console", "simulate"): row("--simulate")(lambda seen: seen.run["simulated"] is True),
    ("console", "bots"): row("--simulate", "--bots", "11")(lambda seen: seen.run["bots"] == 11),
    ("console", "browser"): row("--browser")(lambda seen: seen.run["browser"] is True),
}
BASE = {
    "doctor": (),
    "list": (),
    "unschedule": ("evt_1",),
    "unschedule-all": (),
    "undo": ("{}/earlier.jsonl",),
    "cancel-event": ("7", "100", "--note", "Off"),
    "cancel-events": ("{}/rows.csv", "--note", "Off"),
    "cancel-meeting": ("7", "100", "--note", "Off"),
    "simulate": (),
    "console": ("--no-browser",),
    "demo": (),
    "jobs run": ("{}/accounts.toml",),
    "jobs submit": ("{}/accounts.toml",),
    "jobs worker": (),
    "jobs list": (),
    "jobs status": ("job-7",),
    "jobs report": ("job-7",),
    "jobs cancel": ("job-7",),
    "jobs resume": ("job-7",),
    "jobs forget": ("--older-than", "30d"),
}
"""What each command needs."""
REPLACED = {
    ("unschedule", "events"),
    ("unschedule", "retry_from"),
    ("undo", "retry_from"),
    ("console", "browser"),
    ("cancel-events", "retry_from"),
}
"""Options that stand in the place of what the command needs."""


def _filter(seen: Seen) -> Any:
    where = seen.where
    return getattr(where, "filter", where)


def _options() -> Iterator[tuple[str, str]]:
    def walk(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
        if hasattr(command, "commands"):
            for name, child in command.commands.items():
                yield from walk(getattr(child, "real", child), f"{path} {name}".strip())
        else:
            for parameter in command.params:
                if parameter.name != "help":
                    yield path, str(parameter.name)

    return walk(typer.main.get_command(app), "")


OPTIONS = list(_options())


class Client:
    """Stands for both clients: a listing of one bot, and no network."""

    base_url = "https://api.example.com"

    def __init__(self, told: dict[str, Any], **arguments: Any) -> None:
        told.update(arguments)
        self._told = told

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def list_scheduled_bots(self) -> ScheduledBotPage:
        return ScheduledBotPage((BOT,), 100, False)

    def iter_scheduled_bots(self, limit: int = 100) -> Any:
        self._told["limit"] = limit

        class Stream:
            truncated, rejected = False, ()

            async def __aiter__(self) -> Any:
                yield BOT

        return Stream()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Seen:
    """What the run is told, once a command was invoked."""
    seen = Seen(folder=tmp_path)
    patch = monkeypatch.setattr
    for name, text in PREPARED.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    for name in ("MEETSTREAM_API_KEY", "MEETBIT_ACCESS_KEY_ID", "MEETBIT_ACCESS_KEY_SECRET"):
        monkeypatch.setenv(name, "from-the-environment")
    patch(accounts, "MeetStreamClient", lambda **told: Client(seen.client, **told))
    patch(accounts, "MeetBitClient", lambda **told: Client(seen.meetbit, **told))
    _library(seen, patch)
    _way_back(seen, patch)
    _jobs(seen, patch)
    _servers(seen, patch)
    return seen


def _library(seen: Seen, patch: Callable[..., None]) -> None:
    """The functions of the library that runs call, the prompt, and what bounds a run."""

    async def account(client: Client, state: AccountState, **told: Any) -> BulkReport[Any]:
        targets = [one.event_id for one in state.forecast()]
        seen.run |= {"targets": targets, **state.options.keywords(), **told}
        return EMPTY

    async def cancel(client: Client, rows: Any, note: str, **told: Any) -> BulkReport[Any]:
        (calendar_id, event_id, own) = rows[0]
        seen.run |= {"pair": (calendar_id, event_id), "note": own, **told}
        return EMPTY

    async def meetings(meetbit: Client, meetstream: Client, rows: Any, note: str, **told: Any) -> Any:
        seen.run |= {"pair": rows[0][:2], "bot_event_id": rows[0][2], "note": note, **told}
        return (MeetingCancellation(7, 100, None, (), True, None),)

    def asked(*_: Any) -> None:
        seen.asked += 1

    def most(count: int, bound: int | None, **_: Any) -> None:
        seen.run["most"] = bound

    def leftovers(path: Path, **_: Any) -> Leftovers:
        seen.run["retry_from"] = path
        return Leftovers({}, ("evt_1",), frozenset({(7, 100)}), False, ())

    def select(options: Any) -> Any:
        seen.run["where"] = selection_of(options)
        return seen.run["where"]

    async def diagnose(client: Client, *, strict: bool) -> Diagnosis:
        seen.run["strict"] = strict
        return Diagnosis(checks=(), ids="unknown", verdict="nothing was asked", ok=True)

    patch(doctor_command, "diagnose", diagnose)
    # The command filters what its listing brings.
    patch(filters_module, "selection_of", select)
    for module in (consent_module, named_events):
        patch(module, "run_account", account)
    patch(calendar_run, "bulk_cancel_events", cancel)
    patch(meeting_run, "cancel_meetings", meetings)
    for module in (account_run, events_run, calendar_run, meeting_run, undo_run):
        patch(module, "ask", asked)
    for module in (account_run, events_run, calendar_run, undo_run):
        patch(module, "check_most", most)
    for module in (unschedule_commands, calendar_run):
        patch(module, "read_leftovers", leftovers)


def _way_back(seen: Seen, patch: Callable[..., None]) -> None:
    """What is kept before a cancel, and the undo."""

    async def snapshot(client: Client, page: Any, *, detail: bool, **_: Any) -> Snapshot:
        seen.run["detail"] = detail
        return SNAPSHOT

    async def reschedule(client: Client, snapshot: Snapshot, **told: Any) -> BulkReport[Any]:
        seen.run |= {"bots": [bot.bot_id for bot in snapshot], **told}
        return evolve(EMPTY, counts={OutcomeStatus.WOULD_RESCHEDULE: 1})

    def undone(typed: Any, _: str) -> Undoable:
        seen.run |= {"of": typed.of, "retry_from": typed.retry_from}
        return Undoable(SNAPSHOT, (), {}, False, False)

    patch(snapshots_run, "take_snapshot", snapshot)
    patch(undo_run, "bulk_reschedule", reschedule)
    patch(undo_run, "_read", undone)


def _jobs(seen: Seen, patch: Callable[..., None]) -> None:
    """The runs of jobs, which take what was typed at their beginning."""

    def job(accounts: Path, job_id: str, database: str, typed: Any, **told: Any) -> ExitCode:
        options = job_options(read(typed))
        seen.run |= options.keywords() | options.bulk().keywords() | told
        seen.run |= {
            "rate_limit": options.rate_limit,
            "timeout": options.timeout,
            "yes": typed.choices.consent.yes,
            "allow_empty": typed.allow_empty,
            "max_events": options.max_events,
        }
        seen.run |= {"accounts": accounts, "job_id": job_id, "database": database}
        seen.out = "{}" if typed.choices.as_json else ""
        return ExitCode.OK

    def work(worker_id: str, database: str, accounts_at_once: int) -> ExitCode:
        seen.run |= {"worker": worker_id, "database": database, "accounts_at_once": accounts_at_once}
        return ExitCode.OK

    def listed(limit: int, database: str, **told: Any) -> ExitCode:
        seen.run |= {"limit": limit, "database": database, **told}
        seen.out = "{}" if told.get("as_json") else ""
        return ExitCode.OK

    def admin(job_id: Any, database: str, **told: Any) -> ExitCode:
        seen.run |= {"job_id": job_id, "age": job_id, "database": database, **told}
        seen.out = "{}" if told.get("as_json") else ""
        return ExitCode.OK

    patch(job_runs, "run_job", job)
    patch(job_runs, "submit", job)
    patch(job_runs, "work", work)
    patch(job_looking, "show_jobs", listed)
    patch(job_looking, "show_status", admin)
    for name in ("print_report", "cancel", "resume", "forget"):
        patch(job_admin, name, admin)


def _servers(seen: Seen, patch: Callable[..., None]) -> None:
    """The simulator and the console, neither of which is served."""

    def simulator(bots: int, seed: int = 0, **told: Any) -> Any:
        seen.run |= {"bots": bots, "seed": seed, **told}
        raise ValueError("not served")

    @asynccontextmanager
    async def simulated(bots: int, **_: Any) -> Any:
        seen.run["bots"] = bots
        yield SimpleNamespace(api_key="key", base_url="https://simulated.example.com")

    @asynccontextmanager
    async def serving(desk: Any, arguments: dict[str, Any], *, port: int) -> Any:
        seen.run |= {"port": port, "simulated": desk.simulated, **desk.options.keywords()}
        seen.client.update(arguments)
        yield SimpleNamespace(url="https://page.example.com")
        raise console_door.CannotServe("not served")

    def browser(url: str) -> None:
        seen.run["browser"] = True
        raise console_door.CannotServe("opened")

    def demo(ids: str) -> ExitCode:
        seen.run["ids"] = ids
        return ExitCode.OK

    patch(simulate_command, "Simulator", simulator)
    patch(demo_command, "demo", demo)
    patch(console_command, "Simulator", simulated)
    patch(console_door, "serving", serving)
    patch(console_command, "open_page", browser)
    patch(console_command, "print_line", _not_served)


def _not_served(url: str) -> None:
    if "--browser" not in _typed:
        raise console_door.CannotServe("not served")


_typed: list[str] = []


def _invoke(command: str, arguments: list[str], seen: Seen) -> None:
    _typed[:] = arguments
    result = CliRunner().invoke(app, [*command.split(), *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    seen.out = seen.out or result.stdout
    seen.run.setdefault("output", result.output)


def _rows() -> Iterator[Any]:
    """Each row of the table, and a shared one at its first command; at the others it is `slow`."""
    used: set[str] = set()
    for command, name in OPTIONS:
        usual = (command, name) in OWN or name not in used
        if (command, name) not in OWN:
            used.add(name)
        marks = () if usual else pytest.mark.slow
        yield pytest.param(command, name, id=f"{command} {name}", marks=marks)


@pytest.mark.parametrize(("command", "name"), list(_rows()))
def test_every_option_arrives_at_the_run_it_is_for(command: str, name: str, seen: Seen) -> None:
    """What is typed is what the run is told; an option without a row in the table fails here."""
    told = OWN.get((command, name)) or SHARED[name]
    base = () if (command, name) in REPLACED else BASE[command]
    if (command, name) == ("cancel-events", "retry_from"):
        base = ("--note", "Off")
    arguments = [text.replace("{}", str(seen.folder)) for text in (*base, *told.typed)]
    _invoke(command, arguments, seen)
    assert told.arrived(seen), seen


@pytest.mark.parametrize(
    "command", [name for name in BASE if (name, "yes") in OPTIONS and "jobs" not in name]
)
def test_without_yes_somebody_is_asked(command: str, seen: Seen) -> None:
    """The other side of the row of --yes."""
    _invoke(command, [text.replace("{}", str(seen.folder)) for text in BASE[command]], seen)
    assert seen.asked == 1, seen


def test_every_command_and_row_is_used() -> None:
    """No option is without a row, and no row is left over from an option that has gone."""
    assert [option for option in OPTIONS if option not in OWN and option[1] not in SHARED] == []
    assert {command for command, _ in OPTIONS} == set(BASE)
    assert set(OWN) <= set(OPTIONS)
    assert set(SHARED) <= {name for _, name in OPTIONS}
