"""The command line: what every command has in common, and `list`."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from meetstream_async import (
    __version__,
)
from meetstream_async.cli.app import app
from meetstream_async.simulator import SimulatedBot, Simulator, Trouble
from tests.helpers.before import hasty
from tests.helpers.command_line import (
    CANARY,
    Ended,
    Terminal,
    command,
    finish,
    installed,
    surroundings,
    until,
)
from tests.helpers.program import start
from tests.helpers.tunnel import Tunnel

HOSTILE = "[bold red]x[/] :boom: \x1b[2J\x1b]8;;https://evil.example\x07 \u202egnp \ud800"


async def without(module: str) -> Ended:
    code = f"import sys; sys.modules[{module!r}] = None; from meetstream_async.cli import main; main()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    return await finish(process, {})


async def test_without_the_extra_one_line_says_what_to_install() -> None:
    """Without typer, rich or platformdirs the command says in one line what to install, and exits with 2."""
    hint = "pip install 'meetstream-async[cli]', or '.[cli]' in a checkout"
    line = f"error: the command needs an extra: {hint}\n"
    for ended in await asyncio.gather(*map(without, ("typer", "rich", "platformdirs"))):
        assert ended == Ended(2, "", line)


async def test_the_package_runs_as_a_module() -> None:
    """``python -m meetstream_async`` is the same command, and hints at the extra where it is missing."""
    runs = (
        ("import runpy, sys; sys.argv[1:] = ['--version']", f"meetstream-async {__version__}\n", 0),
        ("import runpy, sys; sys.modules['typer'] = None", "or '.[cli]' in a checkout\n", 2),
    )
    for before, printed, code in runs:
        program = f"{before}; runpy.run_module('meetstream_async', run_name='__main__')"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        out, _ = await process.communicate()
        assert out.decode().endswith(printed)
        assert process.returncode == code


async def test_another_missing_module_is_not_taken_for_the_extra() -> None:
    """A broken installation shows itself, and is not explained away by the extra."""
    code = "import sys; sys.modules['attrs'] = None; from meetstream_async.cli import main; main()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, "list", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    _, err = await process.communicate()
    assert process.returncode == 1
    assert b"attrs" in err
    assert b"pip install" not in err


async def test_the_version_is_printed() -> None:
    """--version of the program as it was installed prints name and version on stdout."""
    process = await installed("--version", environment=surroundings())
    assert await finish(process, surroundings()) == Ended(0, f"meetstream-async {__version__}\n", "")


COMMANDS = [
    "list", "unschedule", "unschedule-all", "cancel-event", "cancel-events", "cancel-meeting", "simulate",
    "demo",
]  # fmt: skip


async def test_every_help_has_an_example_and_none_takes_a_key() -> None:
    """--help of each command shows a line to type, and no option takes a key: all users see arguments."""
    overview = await command("--help")
    # In this process: these texts need no process of their own.
    helps = [
        Ended(result.exit_code, result.stdout, result.stderr)
        for result in (CliRunner().invoke(app, [name, "--help"]) for name in COMMANDS)
    ]
    for name, ended in zip(COMMANDS, helps, strict=True):
        assert ended.code == 0
        assert "Example" in ended.out
        assert f"\n    meetstream-async {name}" in ended.out
        options = set(re.findall(r"--[a-z-]*(?:key|secret|token)[a-z-]*", ended.out))
        assert options <= {"--api-key-file", "--access-keys-file"}
    assert overview.code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in overview.out


async def test_the_shell_completes_commands_and_options() -> None:
    """The shell's completion knows the commands, and the options of each."""
    typed = {"COMP_CWORD": "1", "_MEETSTREAM_ASYNC_COMPLETE": "complete_bash"}
    of_command, of_option = await asyncio.gather(
        command(COMP_WORDS="meetstream-async unsch", **typed),
        command(COMP_WORDS="meetstream-async list --pl", **{**typed, "COMP_CWORD": "2"}),
    )
    assert of_command.out.split() == ["unschedule", "unschedule-all"]
    assert of_option.out.split() == ["--platform"]


async def test_without_a_key_the_demo_is_named() -> None:
    """Without MEETSTREAM_API_KEY one line names the variable and the demo, and the exit code is 2."""
    runs = await asyncio.gather(
        command("list"),
        command("unschedule-all", "--yes"),
        command("unschedule", "evt_a", "--yes"),
        command("cancel-meeting", "1", "2", "--note", "n", "--yes", MEETBIT_PRIMARY_DOMAIN="x.example",
                MEETBIT_ACCESS_KEY_ID="id_0123456789", MEETBIT_ACCESS_KEY_SECRET="secret_0123456789"),
    )  # fmt: skip
    for ended in runs:
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith("error: MEETSTREAM_API_KEY is not set")
        assert "--api-key-file" in ended.err
        assert "meetstream-async demo" in ended.err
        assert ended.err.count("\n") == 1


async def test_a_rejected_key_exits_with_3() -> None:
    """401 and 403 end with 3 and one line that names the variable and the address, not the key."""
    async with (
        Simulator(3, troubles=[Trouble("list", 401)]) as first,
        Simulator(3, troubles=[Trouble("list", 403)]) as second,
    ):
        runs = await asyncio.gather(
            *(command("list", sim=sim, MEETSTREAM_API_KEY=CANARY) for sim in (first, second))
        )
        for status, sim, ended in zip((401, 403), (first, second), runs, strict=True):
            assert (ended.code, ended.out) == (3, "")
            assert ended.err.startswith(f"error: {status} ")
            assert "MEETSTREAM_API_KEY was rejected" in ended.err
            assert sim.base_url in ended.err
            assert ended.err.count("\n") == 1


async def test_a_wrong_key_changes_nothing() -> None:
    """unschedule-all with a key that the server does not know exits with 3, and no DELETE was sent."""
    async with Simulator(3) as sim:
        ended = await command("unschedule-all", "--yes", sim=sim, MEETSTREAM_API_KEY=CANARY)
        assert (ended.code, ended.out) == (3, "")
        assert {record.method for record in sim.requests} == {"GET"}


async def test_the_environment_s_proxy_is_used_and_named_where_it_refuses() -> None:
    """With HTTPS_PROXY the proxy gets the request, and its refusal exits with 1, without its password."""
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    async with Tunnel(0, answer=refusal) as proxy:
        ended = await command(
            "list",
            MEETSTREAM_API_KEY=CANARY,
            MEETSTREAM_API_URL=" https://api.example.test/api/v1 ",
            HTTPS_PROXY=f"http://user:hunter2-hunter2@{proxy.address}",
        )
        assert len(proxy.heads) == 1
        assert (ended.code, ended.out) == (1, "")
        assert f"the proxy http://{proxy.address} (from HTTPS_PROXY) refused the connection (407" in ended.err
        assert "hunter2" not in ended.err


async def test_a_proxy_that_can_not_be_used_is_asked_about_and_not_the_address_of_the_api() -> None:
    """It hangs up: the last line names it and the variable, and the exit code is 1."""
    async with Tunnel(0, answer=b"") as proxy:
        ended = await command(
            "list",
            before=hasty,
            MEETSTREAM_API_KEY=CANARY,
            MEETSTREAM_API_URL="https://api.example.test/api/v1",
            HTTPS_PROXY=proxy.address,
        )
        last = ended.err.splitlines()[-1]
        assert (ended.code, ended.out) == (1, "")
        assert f"while the proxy http://{proxy.address} (from HTTPS_PROXY) was to open a tunnel" in last
        assert "is the proxy right?" in last
        assert "MEETSTREAM_API_URL" not in last


async def test_an_unreachable_host_exits_with_1(tmp_path: Path) -> None:
    """If no server listens, the message says which variable to check, and the exit code is 1."""
    report = tmp_path / "run.jsonl"
    async with Simulator(0) as sim:
        environment = sim.environment
    # Taken and not served, so that no other server gets this port.
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("127.0.0.1", urlsplit(sim.base_url).port))
        runs = await asyncio.gather(
            command("list", before=hasty, **environment),
            command("unschedule-all", "--yes", "--report", report, before=hasty, **environment),
            command("unschedule", "evt_a", "--yes", before=hasty, **environment),
            command("cancel-event", "7", "9", "--note", "n", "--yes", before=hasty, **environment),
        )
    for ended in runs[:2]:
        assert (ended.code, ended.out) == (1, "")
        assert ended.err.splitlines()[-1].startswith("error: ")
        assert f"is MEETSTREAM_API_URL right? The address is {environment['MEETSTREAM_API_URL']}" in ended.err
        assert all(line.startswith("waiting for the listing") for line in ended.err.splitlines()[:-1])
    # Nothing began, and the same command can be repeated.
    assert not report.exists()
    for ended, variable in zip(runs[2:], ("MEETSTREAM_API_URL", "MEETBIT_API_URL"), strict=True):
        assert ended.code == 1
        assert ended.out.splitlines()[-1].startswith("not ok: 1 failed")
        assert f"is {variable} right? The address is {environment[variable]}" in ended.err


async def test_a_base_url_that_would_leak_the_key_is_a_usage_error() -> None:
    """Plain http to another machine is refused with 2."""
    ended = await command("list", MEETSTREAM_API_URL="http://api.example.com", MEETSTREAM_API_KEY=CANARY)
    assert (ended.code, ended.out) == (2, "")
    assert "use https://" in ended.err


async def test_a_limit_out_of_range_is_a_usage_error() -> None:
    """list --limit takes 1 to 100 and exits with 2 for anything else, before any request."""
    async with Simulator(1) as sim:
        runs = await asyncio.gather(*(command("list", "--limit", limit, sim=sim) for limit in (0, 101, "x")))
        assert {(ended.code, ended.out) for ended in runs} == {(2, "")}
        assert not sim.requests


async def test_list_shows_each_bot_once_soonest_first() -> None:
    """list prints one line a bot, soonest first, with whole ids; words about it go to stderr."""
    async with Simulator(40, seed=3) as sim:
        ended = await command("list", sim=sim)
        lines = ended.out.splitlines()[1:]
        bots = sorted(sim.ledger.bots.values(), key=lambda bot: bot.join_time)
    assert ended.code == 0
    assert ended.err == "40 scheduled bots\n"
    assert [line.split()[-1] for line in lines] == [bot.bot_id for bot in bots]
    for line, bot in zip(lines, bots, strict=True):
        assert (bot.event_id or "one-off") in line.split()
        assert bot.join_time.astimezone().strftime("%H:%M") in line
        assert "  in " in line


async def test_list_json_is_one_document_without_personal_data() -> None:
    """list --json prints the listing as one document, times in ISO 8601: no link, no title, no people."""
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    bot = SimulatedBot(
        "bot-1", "evt_1", join_time=soon, deduplication_key="k",
        attributes={"event_summary": "Ada's review", "scheduled_by": "ada@x.example", "occurrence_number": 3},
        meeting_link="https://meet.google.com/abc",
    )  # fmt: skip
    async with Simulator([bot]) as sim:
        ended = await command("list", "--json", "--limit", "7", sim=sim)
    assert ended.code == 0
    attributes = {
        "source": "calendar_schedule_api", "event_id": "evt_1", "deduplication_key": "k",
        "occurrence_number": 3,
    }  # fmt: skip
    assert json.loads(ended.out) == {
        "bots": [
            {
                "bot_id": "bot-1",
                "event_id": "evt_1",
                "platform": "google_meet",
                "status": "Scheduled",
                "scheduled_join_time": soon.isoformat(),
                "bot_username": "MeetStream Bot",
                "is_scheduled": True,
                "source": "calendar_schedule_api",
                "deduplication_key": "k",
                "custom_attributes": attributes,
            }
        ],
        "limit": 7,
        "truncated": False,
        "rejected": [],
    }


async def test_a_full_listing_is_said_to_be_full() -> None:
    """A listing that came back full is a warning on stderr, and `truncated` in JSON."""
    async with Simulator(10) as sim:
        plain, as_json = await asyncio.gather(
            command("list", "--limit", "4", sim=sim), command("list", "--limit", "4", "--json", sim=sim)
        )
    assert len(plain.out.splitlines()) == 5
    assert "warning: the listing is full (4 rows): there may be more bots" in plain.err
    document = json.loads(as_json.out)
    assert (len(document["bots"]), document["truncated"]) == (4, True)


async def test_unreadable_rows_are_named() -> None:
    """Each row that could not be read is a warning that names its place, and an entry in JSON."""
    async with Simulator(3, troubles=[Trouble("list", bad_rows=2)]) as sim:
        plain, as_json = await asyncio.gather(command("list", sim=sim), command("list", "--json", sim=sim))
    rejected = json.loads(as_json.out)["rejected"]
    assert len(rejected) == 2
    for row in rejected:
        assert f"warning: a row can't be read: {row['path']} {row['reason']}" in plain.err


async def test_an_empty_account_prints_no_results() -> None:
    """list on an empty account says so on stderr and prints nothing on stdout."""
    async with Simulator(0) as sim:
        assert await command("list", sim=sim) == Ended(0, "", "0 scheduled bots\n")


@pytest.mark.slow
async def test_a_servers_text_is_shown_and_never_interpreted() -> None:
    """Markup, emoji codes, control characters and lone surrogates in a name are shown as they are written."""
    environments: list[dict[str, str]] = [{}, {"FORCE_COLOR": "1"}, {"PYTHONIOENCODING": "ascii"}]
    async with Simulator([SimulatedBot("bot-1", "evt_1", bot_username=HOSTILE)]) as sim:
        runs = await asyncio.gather(*(command("list", sim=sim, **more) for more in environments))
    for ended in runs:
        assert ended.code == 0
        assert "[bold red]x[/] :boom: \\x1b[2J\\x1b]8;;https://evil.example" in ended.out
        assert "\x1b[2J" not in ended.out
        assert "\x1b]8" not in ended.out
        assert "\u202e" not in ended.out


async def test_on_a_narrow_terminal_no_id_is_cut() -> None:
    """On 80 columns a bot takes two lines, and both of its ids stay whole."""
    async with Simulator(5, seed=2) as sim:
        async with Terminal("list", environment=surroundings(sim)) as terminal:
            ended = await terminal.ended()
            await terminal.shows("5 scheduled bots")
        bots = sim.ledger.bots.values()
    assert ended.code == 0
    assert max(map(len, terminal.text.splitlines())) <= 80
    for bot in bots:
        assert bot.bot_id in terminal.text
        assert (bot.event_id or "one-off") in terminal.text


async def test_no_color_is_respected() -> None:
    """With NO_COLOR a terminal gets no colours."""
    async with (
        Simulator(2) as sim,
        Terminal("list", environment=surroundings(sim, NO_COLOR="1")) as terminal,
    ):
        await terminal.ended()
        await terminal.shows("2 scheduled bots")
        assert "\x1b[3" not in terminal.raw


async def into_a_closed_pipe(sim: Simulator, *arguments: str) -> Ended:
    environment = surroundings(sim)
    reading, writing = os.pipe()
    os.close(reading)
    process = await start(*arguments, environment=environment, stdout=writing)
    os.close(writing)
    return await finish(process, environment)


async def test_a_closed_pipe_ends_quietly() -> None:
    """A reader that leaves, such as head, causes no complaint, and changes no exit code."""
    async with Simulator(60, seed=4, one_off=0) as sim, Simulator(60, seed=4, one_off=0) as other:
        runs = await asyncio.gather(
            into_a_closed_pipe(other, "list"),
            into_a_closed_pipe(other, "list", "--json"),
            into_a_closed_pipe(other, "unschedule", *other.ledger.events, "--yes", "--json"),
            into_a_closed_pipe(sim, "unschedule-all", "--yes"),
        )
        for ended in runs:
            assert ended.code == 0
            assert "roken" not in ended.err
        assert not sim.ledger.scheduled_bots
        assert not other.ledger.scheduled_bots


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
async def test_results_that_cannot_be_written_are_an_error() -> None:
    """If stdout can't be written, one line says so, and the exit code is 1."""
    async with Simulator(5) as sim:
        environment = surroundings(sim)
        full = os.open("/dev/full", os.O_WRONLY)
        process = await start("list", environment=environment, stdout=full)
        os.close(full)
        ended = await finish(process, environment)
    assert ended.code == 1
    assert ended.err == "error: the results can't be written: No space left on device\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
async def test_a_log_that_takes_no_more_ends_no_run() -> None:
    """If stderr goes to a full disk, the run continues, and its results are printed."""
    async with Simulator(5, one_off=0) as sim:
        full = os.open("/dev/full", os.O_WRONLY)
        environment = surroundings(sim)
        process = await start("unschedule-all", "--yes", environment=environment, stderr=full)
        os.close(full)
        ended = await finish(process, environment)
        assert not sim.ledger.scheduled_bots
    assert ended.code == 0
    assert "ok: everything you asked for was done" in ended.out


async def test_ctrl_c_ends_a_listing() -> None:
    """A listing that hangs is given up at the first Ctrl-C, with 130."""
    async with Simulator(3, troubles=[Trouble("list", hang=True)]) as sim:
        environment = surroundings(sim)
        process = await start("list", environment=environment)
        await until(lambda: sim.requests)
        process.send_signal(2)
        ended = await finish(process, environment)
    assert ended == Ended(130, "", "interrupted\n")
