"""The transcripts of docs/cli.md are what its commands show, but for times and, in a stopped run, numbers."""

import re
from pathlib import Path

import pytest

from meetstream_async.simulator import Simulator
from tests.helpers.program import ROOT
from tests.helpers.tour import BLOCK, blocks_of, jobs_screen, screen, terminal_screens

pytestmark = pytest.mark.docs
PAGE = ROOT / "docs" / "cli.md"
MOVING = [
    (r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)", "<time>"),
    (r"\w{3} \d\d \w{3} (\d{4} )?\d\d:\d\d(:\d\d [+-]\d\d:\d\d)?", "<time>"),
    (r"in \d+ (d|h|min)( \d+ (h|min))?", "<away>"),
    (r"[━╺╸]+.*", "<bar>"),
    (r"\(\d+(\.\d)? s\)", "<seconds>"),
    (r"sim-\d+", "sim-0"),
]
CHANCE = re.compile(r"already unscheduled <n>|<n> still listed; checking again.*|checking <bar>|to <n> s")
"""Lines of a stopped run and its retry that depend on the moment."""
COUNTS = [(r"evt_\w+", "<event>"), (r"\d+", "<n>")]


def steady(block: str) -> list[str]:
    """The lines without what differs from run to run."""
    stopped = "run.jsonl" in block
    for pattern, word in MOVING + COUNTS * stopped:
        block = re.sub(pattern, word, block)
    lines = [" ".join(line.split()) for line in block.splitlines() if line.strip()]
    # A bar may be drawn more than once.
    return list(dict.fromkeys(line for line in lines if not (stopped and CHANCE.fullmatch(line))))


async def test_the_transcripts_are_what_the_commands_show(tmp_path: Path) -> None:
    """Run in order on a terminal of 100 columns; `python -m tests.helpers.tour FOLDER --page` renews them."""
    shown = await terminal_screens(tmp_path, 100)
    made = blocks_of(shown, (tmp_path / "flooded.csv").read_text())
    printed = BLOCK.findall(PAGE.read_text())
    for page, run in zip(printed, made, strict=True):
        assert steady(page) == steady(run)


async def test_the_transcript_of_a_job_is_what_its_command_shows() -> None:
    """So is that of docs/jobs.md, with a folder of the same length."""
    (printed,) = BLOCK.findall(PAGE.with_name("jobs.md").read_text())
    assert steady(printed) == steady(await jobs_screen(100))


async def test_the_transcript_of_the_doctor_is_what_it_says_of_such_an_account(tmp_path: Path) -> None:
    """But for the two lines of a connection to the public address, and for numbers."""

    def plain(text: str) -> list[str]:
        lines = [line for line in text.splitlines() if not line.startswith(("configuration", "reach", "$"))]
        numbered = re.sub(r"\d{4}-[\dT:-]+Z|\d+", "<n>", " ".join(" ".join(lines).split()))
        return numbered.split()

    (printed,) = BLOCK.findall(PAGE.with_name("doctor.md").read_text())
    async with Simulator(
        24, seed=1, ids="provider", auto_schedule=True, one_off=0, series=0, error_rate=0
    ) as sim:
        shown = await screen(sim, tmp_path, "doctor", columns=110)
    assert plain(printed) == plain(shown.partition("$ echo")[0])
