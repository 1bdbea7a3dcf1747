"""The tour: every command on a terminal, and the console in a browser, as screens to look at.

``python -m tests.helpers.tour FOLDER`` writes them: text at 80 and 120 columns, pictures at 390 and 1,280
pixels, light and dark. With ``--page`` it puts its screens of 100 columns into docs/cli.md and docs/jobs.md
instead, and with ``--picture`` the one of docs/console.md.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.accounts import bot
from tests.helpers.command_line import Terminal, surroundings

CSV = 'calendar_id,event_id,cancel_note\n{0},"Moved to May, sorry."\n{1},\n{2},\n{3},\n'
PORT = re.compile(r"127\.0\.0\.1:\d+")


@asynccontextmanager
async def account(**options: Any) -> AsyncIterator[Simulator]:
    """The account of the transcripts: 24 bots of 23 events."""
    async with Simulator(24, seed=1, one_off=0, series=0, error_rate=0, **options) as sim:
        yield sim


async def screen(
    sim: Simulator | None,
    folder: Path,
    *words: str,
    columns: int,
    typed: str | None = None,
    stop: str | None = None,
    variables: dict[str, str] | None = None,
) -> str:
    """What a command shows. ``typed``: the answer to the prompt. ``stop``: Ctrl-C once it shows this."""
    environment = {**surroundings(sim, MEETBIT_PRIMARY_DOMAIN="acme.example.com"), **(variables or {})}
    there = partial(os.chdir, folder)
    async with Terminal(*words, environment=environment, columns=columns, before=there) as terminal:
        if typed is not None:
            await terminal.shows("anything else to abort:")
            terminal.type(typed)
        if stop is not None:
            await terminal.shows(stop)
            await asyncio.sleep(0.7)
            terminal.interrupt(signal.SIGINT)
        ended = await terminal.ended()
        await asyncio.sleep(0.05)
    text = re.sub(r"[^\n]*\r(?!\n)", "", terminal.text.replace("\r\n", "\n"))
    text = PORT.sub("127.0.0.1:8100", text)
    if stop is not None:
        # The terminal would show it; the signal comes from elsewhere here.
        text = text.replace("stopping: ", "^C\nstopping: ", 1)
    command = " ".join(f'"{word}"' if " " in word else word for word in words)
    return f"$ meetstream-async {command}\n{text.rstrip()}\n$ echo $?\n{ended.code}\n"


def write_rows(sim: Simulator, folder: Path) -> None:
    """The files that the commands on calendar events read."""
    pairs = [f"{one.calendar_id},{one.event_id}" for one in sim.calendar_events[:4]]
    (folder / "flooded.csv").write_text(CSV.format(*pairs))
    (folder / "bad.csv").write_text("7,100\n7,200\n7,seven\n")


HELP = ("", "list", "unschedule-all", "undo", "cancel-events", "jobs", "jobs run", "simulate")
"""Commands whose help is among the screens."""
ORDER = ("list", "dry run", "run", "retry", "cancel events", "bad rows", "rejected")
"""The screens of docs/cli.md, in the order of the page."""
BLOCK = re.compile(r"```console\n(.*?)```", re.S)


def blocks_of(shown: dict[str, str], rows: str) -> list[str]:
    """The transcripts of the page, shortened: exit codes only of the run that was stopped."""
    found = []
    for name in ORDER:
        text = shown[name] if name == "run" else shown[name].partition("$ echo")[0]
        if name == "cancel events":
            text = f"$ cat flooded.csv\n{rows}{text}"
        if name == "rejected":
            text += shown["report exists"].partition("$ echo")[0]
        found.append(_shortened(text))
    return found


def _shortened(text: str) -> str:
    """Without trailing blanks; of four lines or more of ids alone, the first and how many there are."""
    lines = [line.rstrip() for line in text.splitlines()]
    kept: list[str] = []
    while lines:
        count = next((n for n, line in enumerate(lines) if not re.fullmatch(r"evt_\w+", line)), len(lines))
        kept += [lines[0], f"[{count - 1} more]"] if count > 3 else lines[: max(count, 1)]
        lines = lines[max(count, 1) :]
    return "\n".join(kept) + "\n"


def write_page(page: Path, folder: Path) -> None:
    """Put the transcripts into the page."""
    shown = asyncio.run(terminal_screens(folder, 100))
    blocks = blocks_of(shown, (folder / "flooded.csv").read_text())
    page.write_text(BLOCK.sub(lambda _: f"```console\n{blocks.pop(0)}```", page.read_text()))
    jobs = page.with_name("jobs.md")
    shown_job = asyncio.run(jobs_screen(100))
    jobs.write_text(BLOCK.sub(lambda _: f"```console\n{_shortened(shown_job)}```", jobs.read_text()))


async def terminal_screens(folder: Path, columns: int, *, all_of_it: bool = False) -> dict[str, str]:
    """The screens of the command line, by name: those of the page, or all."""
    shown: dict[str, str] = {}
    async with account() as sim:
        write_rows(sim, folder)

        async def show(name: str, *words: str, **more: Any) -> None:
            shown[name] = await screen(sim, folder, *words, columns=columns, **more)

        await show("list", "list", "--platform", "zoom", "--before", "+4d")
        if all_of_it:
            await show("list all", "list")
            await show("typo", "unschedule-all", "--platform", "zom", "--dry-run")
        await show("dry run", "unschedule-all", "--platform", "zoom", "--dry-run", "--max", "20")
        await show(
            "cancel events",
            "cancel-events",
            "flooded.csv",
            "--note",
            "The room is flooded.",
            typed="cancel 4",
        )
        await show("bad rows", "cancel-events", "bad.csv", "--note", "The room is flooded.", "--yes")
    async with account(latency=0.25) as sim:
        run = ("unschedule-all", "--max", "50", "--report", "run.jsonl", "--concurrency", "3")
        shown["run"] = await screen(
            sim, folder, *run, columns=columns, typed="unschedule 23", stop="unscheduling"
        )
        left = 23 - len(sim.ledger.unscheduled_events)
        again = ("unschedule-all", "--retry-from", "run.jsonl", "--report", "again.jsonl")
        shown["retry"] = await screen(sim, folder, *again, columns=columns, typed=f"unschedule {left}")
        taken = ("unschedule-all", "--report", "run.jsonl", "--yes")
        shown["report exists"] = await screen(sim, folder, *taken, columns=columns)
    async with account(troubles=[Trouble("*", 403)]) as sim:
        shown["rejected"] = await screen(sim, folder, "unschedule-all", columns=columns)
    if not all_of_it:
        return shown
    async with Simulator(60, 3, error_rate=0, removes="nothing") as sim:
        shown["left behind"] = await screen(
            sim, folder, "unschedule-all", "--platform", "zoom", "--yes", columns=columns
        )
    return shown | await way_back_screens(folder, columns)


async def way_back_screens(folder: Path, columns: int) -> dict[str, str]:
    """The doctor, a cancel with its undo and the undo of that, and a meeting."""
    shown: dict[str, str] = {}
    async with Simulator(30, 3, error_rate=0, one_off=0.1, series=0.1) as sim:

        async def show(name: str, *words: str, **more: Any) -> None:
            shown[name] = await screen(sim, folder, *words, columns=columns, **more)

        await show("doctor", "doctor")
        run = ("unschedule-all", "--platform", "zoom", "--one-off-bots", "delete", "--whole-events")
        await show("kept", *run, "--report", "wrong.jsonl", "--yes")
        undo = ("undo", "wrong.jsonl", "--report", "undo.jsonl")
        await show("undo refused", *undo, "--max", "3")
        await show("undo", *undo, "--yes")
        await show("undo of undo", "unschedule", "--retry-from", "undo.jsonl", "--dry-run")
        event = next(iter(sim.calendar_events))
        words = ("cancel-meeting", str(event.calendar_id), str(event.event_id), "--note", "Moved.")
        await show("meeting", *words, "--dry-run")
    for command in HELP:
        shown[f"help {command}".strip()] = await screen(None, folder, *command.split(), "-h", columns=columns)
    return shown


KEPT = "/srv/offboarding"
"""Where the files of the jobs' transcript are; as long as the folder that the system makes for us."""
TOML = """[accounts.acme]
api_key_env = "ACME_KEY"
base_url = "{0.base_url}"

[accounts."Globex EU"]
api_key_file = "keys/globex"
base_url = "{1.base_url}"
"""


def write_accounts(folder: Path, acme: Simulator, globex: Simulator) -> None:
    """The file of the accounts, and the one with a key."""
    (folder / "keys").mkdir()
    (folder / "keys" / "globex").touch(0o600)
    (folder / "keys" / "globex").write_text(globex.api_key)
    (folder / "accounts.toml").write_text(TOML.format(acme, globex))


async def jobs_screen(columns: int, *, all_of_it: bool = False) -> str:
    """A job of two accounts on a terminal: one is full, the key of the other is rejected once it works.

    ``all_of_it``: with the looks at it afterwards.
    """
    with tempfile.TemporaryDirectory(prefix="tmp", dir="/tmp") as folder:
        acme = {"attributes": {"customer": "acme"}}
        async with (
            Simulator([bot(number, **acme) for number in range(105)]) as large,
            Simulator([bot(number, **acme) for number in range(4)]) as small,
        ):
            small.add_trouble(Trouble("list", 401, skip=1))
            write_accounts(Path(folder), large, small)
            words = ("jobs", "run", "accounts.toml", "--id", "offboarding-7", "--attr", "customer=acme")
            variables = {"ACME_KEY": large.api_key, "XDG_STATE_HOME": f"{folder}/state"}
            show = partial(screen, None, Path(folder), columns=columns, variables=variables)
            text = await show(*words, typed="unschedule all")
            for more in (("jobs", "list"), ("jobs", "status", "offboarding-7")) if all_of_it else ():
                text += await show(*more)
    assert len(folder) == len(KEPT)
    begun, _, shown = text.replace(folder, KEPT).partition("continues it\n")
    # Without the live view, which the terminal draws over.
    ran, echo, looks = shown.partition("$ echo")
    ended = f"{echo}{looks}" if all_of_it else ""
    return f"{begun}continues it\n{ran[ran.rindex('ACCOUNT ') :]}{ended}"


async def console_screens(folder: Path) -> list[Path]:
    """Pictures of the console: the page, a preview, a run that leaves bots behind."""
    from tests.helpers.browser import browsing

    pictures = []
    for width in (390, 1280):
        for scheme in ("light", "dark"):
            options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
            troubles = [Trouble("unschedule", 409, times=2), Trouble("delete_bot", 409)]
            async with (
                Simulator(60, 7, latency=0.1, troubles=troubles) as sim,
                browsing(sim, **options) as seen,
            ):

                async def take(
                    name: str, width: int = width, scheme: str = scheme, page: Any = seen.page
                ) -> None:
                    path = folder / f"console-{name}-{width}-{scheme}.png"
                    await page.screenshot(path=path, full_page=name in ("run", "undone", "checked"))
                    pictures.append(path)

                await take("page")
                await seen.page.click("#every")
                await seen.page.wait_for_selector("#words:visible")
                await take("preview")
                await seen.consent()
                await seen.page.wait_for_timeout(900)
                await take("running")
                await seen.page.wait_for_selector("#stop", state="hidden", timeout=60_000)
                await seen.page.wait_for_timeout(1500)
                await take("run")
                await seen.page.click("#undo")
                await seen.page.wait_for_selector("#undo-words:visible")
                await take("undo")
                await seen.page.fill("#undo-words", await seen.page.inner_text("#undo-wanted"))
                await seen.page.click("#undo-go")
                await seen.page.wait_for_selector("#undo-preview", state="hidden")
                await seen.page.wait_for_timeout(3000)
                await take("undone")
                await seen.page.click("#diagnose")
                await seen.page.wait_for_timeout(1500)
                await take("checked")
            async with Simulator(8, 7, removes="nothing") as sim, browsing(sim, **options) as seen:
                await seen.page.click("#every")
                await seen.consent()
                await seen.page.wait_for_selector("#stop", state="hidden", timeout=60_000)
                await seen.page.wait_for_timeout(1000)
                await seen.page.screenshot(
                    path=folder / f"console-left-behind-{width}-{scheme}.png", full_page=True
                )
    return pictures


async def write_picture(path: Path) -> None:
    """The picture of docs/console.md: a run in progress."""
    from tests.helpers.browser import browsing

    options = {"viewport": {"width": 1280, "height": 1330}, "device_scale_factor": 1.25}
    troubles = [Trouble("unschedule", 409, times=1), Trouble("unschedule", drop="after", times=1, skip=1)]
    async with (
        Simulator(64, 11, latency=0.6, troubles=troubles) as sim,
        browsing(sim, key_source="MEETSTREAM_API_KEY", **options) as seen,
    ):
        await seen.page.click("#every")
        await seen.consent()
        await seen.page.wait_for_timeout(2500)
        await seen.page.evaluate("scrollTo(0, 0)")
        await seen.page.screenshot(path=path)


async def main(folder: Path) -> None:
    """Write all of it."""
    for columns in (80, 120):
        place = folder / str(columns)
        place.mkdir(parents=True, exist_ok=True)
        for name, text in (await terminal_screens(place, columns, all_of_it=True)).items():
            (place / f"{name.replace(' ', '-')}.txt").write_text(text)
        (place / "jobs.txt").write_text(await jobs_screen(columns, all_of_it=True))
    await console_screens(folder)


if __name__ == "__main__":
    if sys.argv[2:] == ["--picture"]:
        asyncio.run(write_picture(Path("docs/console.png")))
    elif sys.argv[2:] == ["--page"]:
        write_page(Path("docs/cli.md"), Path(sys.argv[1]))
    else:
        asyncio.run(main(Path(sys.argv[1])))
