"""The wheel alone, as its users have it: in a fresh environment, in a folder without the project.

The demo, the tutorial's program, `jobs run` and the pytest plugin, each against the simulator that it holds.
Usage: python .ci/fresh.py FOLDER, the one with the wheel.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from environment import bare_environment, fresh, wheel_of

ROOT = Path(__file__).resolve().parents[1]

TEST = """
import pytest
from meetstream_async import unschedule_all


@pytest.mark.meetstream_simulator(bots=5, one_off=0)
async def test_the_plugin(meetstream_client, meetstream_simulator):
    assert (await unschedule_all(meetstream_client)).ok
    assert meetstream_simulator.ledger.scheduled_events == frozenset()
"""

SERVED = """
import asyncio, os, subprocess, sys
from meetstream_async.simulator import Simulator


async def main():
    async with Simulator(bots=12, one_off=0, several=0, series=0, soon=0.5) as sim:
        code = await asyncio.to_thread(subprocess.call, sys.argv[1:], env=os.environ | sim.environment)
        print(len(sim.ledger.scheduled_events), "events have a bot")
    return code


sys.exit(asyncio.run(main()))
"""

ACCOUNTS = """
[accounts.acme]
api_key_env = "MEETSTREAM_API_KEY"
"""

CORE = """
import asyncio
from meetstream_async import MeetStreamClient, unschedule_all
from meetstream_async.simulator import Simulator


async def main():
    async with Simulator(bots=3, one_off=0) as sim:
        async with MeetStreamClient(sim.api_key, base_url=sim.base_url) as client:
            assert (await unschedule_all(client)).ok


asyncio.run(main())
"""


def program_of_the_tutorial() -> str:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/tutorial.md").read_text("utf-8"), re.DOTALL)
    return next(str(block) for block in blocks if "asyncio.run(main())" in block)


class Folder:
    """Where a user works: nothing of the project is here, and only the environment's programs are found."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        self.environment = bare_environment(programs, folder)

    def run(self, *arguments: str, code: int = 0, **files: str) -> str:
        for name, text in files.items():
            (self.folder / name.replace("__", ".")).write_text(text, "utf-8")
        ended = subprocess.run(
            arguments, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300,
            check=False,
        )  # fmt: skip
        said = ended.stdout + ended.stderr
        if ended.returncode != code:
            sys.exit(f"{' '.join(arguments)} ended with {ended.returncode}, not {code}:\n{said}")
        print("ok:", " ".join(arguments[:6]))
        return said


def main(folder: Path) -> None:
    wheel = wheel_of(folder)
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary) / "home"
        home.mkdir()
        core = Folder(home, fresh(Path(temporary) / "core", str(wheel)))
        core.run("python", "core.py", core__py=CORE)
        assert "[cli]" in core.run("meetstream-async", "demo", code=2)
        user = Folder(
            home, fresh(Path(temporary) / "all", f"{wheel}[cli,fastapi,jobs]", "pytest", "pytest-asyncio")
        )
        user.run("meetstream-async", "demo")
        said = user.run(
            "python",
            "served.py",
            "python",
            "first.py",
            served__py=SERVED,
            first__py=program_of_the_tutorial(),
        )
        assert "would_unschedule" in said
        assert "12 events have a bot" in said
        job = ("meetstream-async", "jobs", "run", "accounts.toml", "--id", "fresh-1", "--yes")
        said = user.run("python", "served.py", *job, accounts__toml=ACCOUNTS)
        assert "0 events have a bot" in said
        user.run(
            "python",
            "-m",
            "pytest",
            "-q",
            "-o",
            "asyncio_mode=auto",
            "-o",
            "asyncio_default_fixture_loop_scope=function",
            "-W",
            "error",
            "test_job.py",
            test_job__py=TEST,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
