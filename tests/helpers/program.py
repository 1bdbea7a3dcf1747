"""The program in its own process, started within milliseconds by warm_program.py."""

from __future__ import annotations

import asyncio
import atexit
import fcntl
import functools
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from tests.helpers.warm_program import CODE, Start

ROOT = Path(__file__).parents[2]
# Not `-m`: click then takes the program's name for that of the module.
WARM = "from tests.helpers.warm_program import main; main()"
PROGRAM = str(Path(sys.executable).with_name("meetstream-async"))


class Program:
    """Like asyncio's Process, as far as the tests need it."""

    def __init__(
        self,
        pid: int,
        line: socket.socket,
        stdout: asyncio.StreamReader | None,
        stderr: asyncio.StreamReader | None,
        pipes: list[asyncio.BaseTransport],
    ) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.stdout = stdout
        self.stderr = stderr
        self._line = line
        self._pipes = pipes
        self._over = asyncio.Event()
        asyncio.get_running_loop().add_reader(line, self._end)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._line)
        with self._line:
            (self.returncode,) = CODE.unpack(self._line.recv(CODE.size))
        self._over.set()

    async def wait(self) -> int | None:
        """Wait for its end; returns the exit code, or minus the number of the signal that ended it."""
        await self._over.wait()
        return self.returncode

    async def communicate(self) -> tuple[bytes, bytes]:
        """Everything it writes, once it has ended; empty for a stream that is not a pipe of ours."""
        read = [b"" if stream is None else await stream.read() for stream in (self.stdout, self.stderr)]
        await self.wait()
        for pipe in self._pipes:
            # uvloop leaves that to us, even where the other end is closed.
            pipe.close()
        return read[0], read[1]

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Terminate it."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


async def start(
    *arguments: object,
    environment: Mapping[str, str],
    given: bytes | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
    stderr: int | None = None,
    new_session: bool = False,
    before: Callable[[], object] | None = None,
) -> Program:
    """Start the program. Without open files it reads nothing and writes to pipes.

    ``given`` is what it reads. ``before`` runs in it before it starts, and has to be found by its name.
    """
    asked = Start((PROGRAM, *map(str, arguments)), dict(environment), new_session, before)
    mine, its = socket.socketpair()
    mine.setblocking(False)
    pipes: list[asyncio.BaseTransport] = []
    with its, ExitStack() as stack:
        stdin = _holding(given or b"", stack) if stdin is None else stdin
        out, stdout = (None, stdout) if stdout is not None else await _pipe(stack, pipes)
        err, stderr = (None, stderr) if stderr is not None else await _pipe(stack, pipes)
        socket.send_fds(_server(), [b"!"], [stdin, stdout, stderr, its.fileno()])
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(mine, pickle.dumps(asked))
    (pid,) = CODE.unpack(await loop.sock_recv(mine, CODE.size))
    return Program(pid, mine, out, err, pipes)


def _holding(content: bytes, stack: ExitStack) -> int:
    """A pipe that contains this text and no more."""
    reading, writing = os.pipe()
    stack.callback(os.close, reading)
    assert os.write(writing, content) == len(content)
    os.close(writing)
    return reading


async def _pipe(stack: ExitStack, pipes: list[asyncio.BaseTransport]) -> tuple[asyncio.StreamReader, int]:
    """A pipe: the read end, and the write end, which is closed with the stack."""
    reading, writing = os.pipe()
    stack.callback(os.close, writing)
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: protocol, os.fdopen(reading, "rb", 0)
    )
    pipes.append(pipe)
    return reader, writing


@functools.cache
def _server() -> socket.socket:
    """A connection to the server, which the processes of a test run share: its start takes seconds."""
    shared = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"of-{os.getpid()}")
    place = Path(tempfile.gettempdir(), f"warm-{shared[:20]}")
    mine = socket.socket(socket.AF_UNIX)
    with open(__file__) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            mine.connect(str(place))
        except OSError:
            _start_server(place)
            mine.connect(str(place))

    def end() -> None:
        mine.shutdown(socket.SHUT_WR)
        # Once everyone has gone, until the server has.
        mine.settimeout(10)
        with mine, suppress(OSError):
            mine.recv(1)
        place.unlink(missing_ok=True)

    atexit.register(end)
    return mine


def _start_server(place: Path) -> None:
    place.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen()
        server = subprocess.Popen(
            [sys.executable, "-c", WARM, str(listener.fileno())],
            # The program reports unclosed connections on stderr, where the tests look for them.
            env={**os.environ, "PYTHONWARNINGS": "always::ResourceWarning", "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[listener.fileno()],
            start_new_session=True,
        )  # fmt: skip
    # It ends by itself, later than this process where another still needs it: nobody waits for it.
    server.returncode = 0
