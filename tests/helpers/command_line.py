"""Run the real program in its own process, with pipes or on a pseudo-terminal."""

import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import struct
import termios
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from attrs import frozen

from meetstream_async.simulator import RequestRecord, Simulator
from tests.helpers.program import PROGRAM, Program, start

CANARY = "ms_canary_0123456789abcdef"
PATIENCE = 20.0


def surroundings(sim: Simulator | None = None, **more: str) -> dict[str, str]:
    """This process's environment, without variables for colours or another API, plus the simulator's."""
    strange = ("MEETSTREAM", "MEETBIT", "PYTHON", "COV_", "RICH", "TTY_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strange)}
    for name in ("CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TERM"):
        kept.pop(name, None)
    # The program reports unclosed connections on stderr, where `checked` looks for them.
    return {**kept, "PYTHONWARNINGS": "always::ResourceWarning", **(sim.environment if sim else {}), **more}


@frozen
class Ended:
    """The result of a finished program."""

    code: int | None
    out: str
    err: str


def checked(ended: Ended, environment: Mapping[str, str]) -> Ended:
    """Check what holds for every command: no traceback, no leak, and never the key."""
    both = ended.out + ended.err
    for word in ("Traceback", "Exception ignored", "ResourceWarning", "never retrieved"):
        assert word not in both, both
    for name in ("MEETSTREAM_API_KEY", "MEETBIT_ACCESS_KEY_ID", "MEETBIT_ACCESS_KEY_SECRET"):
        key = environment.get(name)
        assert not key or key not in both, f"{name} was printed"
    return ended


async def installed(*arguments: object, environment: Mapping[str, str]) -> asyncio.subprocess.Process:
    """Start the installed program on pipes, in a new interpreter."""
    return await asyncio.create_subprocess_exec(
        PROGRAM, *map(str, arguments), env=environment, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def finish(process: asyncio.subprocess.Process | Program, environment: Mapping[str, str]) -> Ended:
    """Wait for the program to end."""
    try:
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return checked(Ended(process.returncode, (out or b"").decode(), err.decode()), environment)


async def command(
    *arguments: object,
    sim: Simulator | None = None,
    given: str | None = None,
    before: Callable[[], object] | None = None,
    **more: str,
) -> Ended:
    """Run the program to its end; ``given`` is its standard input."""
    environment = surroundings(sim, **more)
    text = None if given is None else given.encode()
    # Variables that the interpreter reads at startup need a new interpreter.
    if any(name.startswith("PYTHON") for name in more):
        return await finish(await installed(*arguments, environment=environment), environment)
    return await finish(
        await start(*arguments, environment=environment, given=text, before=before), environment
    )


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The lines of a report file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def said_in(path: Path) -> dict[str | None, str]:
    """The status of each event according to the outcomes of a report file."""
    return {line["event_id"]: line["status"] for line in lines_of(path) if line["type"] == "outcome"}


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition becomes true."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def deletes(sim: Simulator) -> list[RequestRecord]:
    """The requests that could have changed something."""
    return [record for record in sim.requests if record.method != "GET"]


class Terminal:
    """The program on a pseudo-terminal of 80 columns, as a person would see it and type."""

    def __init__(
        self,
        *arguments: str,
        environment: Mapping[str, str],
        columns: int = 80,
        before: Callable[[], object] | None = None,
    ) -> None:
        self._arguments = arguments
        self._before = before
        self._columns = columns
        self._environment = {"TERM": "xterm-256color", **environment}
        self._seen = b""

    async def __aenter__(self) -> Self:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, self._columns, 0, 0))
        os.set_blocking(self._master, False)
        self._process = await start(
            *self._arguments, environment=self._environment, stdin=slave, stdout=slave, stderr=slave,
            new_session=True, before=self._before,
        )  # fmt: skip
        os.close(slave)
        asyncio.get_running_loop().add_reader(self._master, self._read)
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:
            data = b""
        if data:
            self._seen += data
        else:
            asyncio.get_running_loop().remove_reader(self._master)

    @property
    def raw(self) -> str:
        """Everything written to the terminal."""
        return self._seen.decode(errors="replace")

    @property
    def text(self) -> str:
        """The same, without colours and cursor movements."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw).replace("\r\n", "\n")

    async def shows(self, words: str) -> None:
        """Wait until the words appear."""
        await until(lambda: words in self.text or self._process.returncode is not None)
        assert words in self.text, self.text

    def type(self, line: str) -> None:
        """Type a line and press Return."""
        os.write(self._master, f"{line}\n".encode())

    def interrupt(self, number: int = signal.SIGINT) -> None:
        """Press Ctrl-C: without a controlling terminal, the signal alone."""
        self._process.send_signal(number)

    def hang_up(self) -> None:
        """Close the terminal, as when a connection breaks."""
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        self._master = os.open(os.devnull, os.O_RDWR)
        self._process.send_signal(signal.SIGHUP)

    async def ended(self) -> Ended:
        """Wait for the end. On a terminal, stdout and stderr are one."""
        code = await asyncio.wait_for(self._process.wait(), PATIENCE)
        return checked(Ended(code, self.text, ""), self._environment)
