"""Start the program from a process that has already imported it; only the startup time differs.

Its process waits for requests on the sockets of those who start programs. Each request becomes a child
process with the given arguments, environment and standard streams, which runs the program's entry point to
the interpreter's exit. Signals, terminals, limits and exit codes work as in any other process.
"""

from __future__ import annotations

import atexit
import gc
import os
import pickle
import selectors
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cache
from importlib import import_module

import typer.main
import typer.testing
from attrs import frozen

from meetstream_async.simulator import Simulator
from tests.helpers.in_thread import in_thread
from tests.helpers.quick_checks import check_soon

LATE = (
    *("cli.commands.cancel", "cli.commands.console", "cli.commands.demo", "cli.commands.doctor"),
    *("cli.commands.jobs", "cli.commands.list_bots", "cli.commands.simulate", "cli.commands.small"),
    *("cli.commands.unschedule", "cli.runs.simulation", "cli.runs.jobs", "cli.runs.jobs_admin"),
    *("cli.runs.jobs_status", "console.serving"),
)
"""What the commands import when they are called."""
CODE = struct.Struct("i")
"""The replies on a request's own socket: first the process id, at the end the exit code."""


@frozen
class Start:
    """The arguments of a process, besides its streams."""

    arguments: tuple[str, ...]
    """Including the program's own name."""
    environment: Mapping[str, str]
    new_session: bool
    before: Callable[[], object] | None
    """Code that runs in the process before the program."""


def serve(listener: socket.socket) -> None:
    """Start requested processes until everyone who had connected has gone."""
    end_threads()
    # Freeze existing objects, so that garbage collections in the children skip them.
    gc.freeze()
    lines: dict[int, socket.socket] = {}
    # Neither has a file of its own, which the programs would inherit, but the pair that a signal wakes up.
    with selectors.SelectSelector() as ready:
        ended, wake = socket.socketpair()
        for end in ended, wake:
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        ready.register(ended, selectors.EVENT_READ)
        ready.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                control: socket.socket = key.fileobj  # type: ignore[assignment]
                if control is ended:
                    ended.recv(4096)
                    tell_the_ends(lines)
                    continue
                if control is listener:
                    ready.register(listener.accept()[0], selectors.EVENT_READ)
                    continue
                _, fds, _, _ = socket.recv_fds(control, 1, 4)
                if fds:
                    ours = [wake, *lines.values(), *(one.fileobj for one in ready.get_map().values())]
                    fork(fds, ours, lines)  # type: ignore[arg-type]
                    continue
                ready.unregister(control)
                if len(ready.get_map()) == 2:
                    # Left open: it is closed with this process, which is what the last one waits for.
                    control.detach()
                    return
                control.close()


def end_threads() -> None:
    """Let the threads of the rehearsal end: a lock that one held when a program is forked would be held in
    it for ever.
    """
    until = time.monotonic() + 20
    gc.unfreeze()
    while others := [one for one in threading.enumerate() if one is not threading.main_thread()]:
        assert time.monotonic() < until, others
        # A thread of an executor ends when nobody has that any more.
        gc.collect()
        others[0].join(0.05)


def fork(fds: list[int], sockets: list[socket.socket], lines: dict[int, socket.socket]) -> None:
    """Start one requested process; ``lines`` gets its own socket, by its process id."""
    pid = os.fork()
    if pid == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in sockets:
            one.close()
        with socket.socket(fileno=fds.pop()) as line, line.makefile("rb") as file:
            start: Start = pickle.load(file)
        become(start, fds)
    lines[pid] = socket.socket(fileno=fds.pop())
    lines[pid].sendall(CODE.pack(pid))
    for fd in fds:
        os.close(fd)


def tell_the_ends(lines: dict[int, socket.socket]) -> None:
    """Report each program that has ended on its own socket."""
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            with lines.pop(ended[0]) as line, suppress(OSError):
                line.sendall(CODE.pack(os.waitstatus_to_exitcode(ended[1])))


def become(start: Start, streams: list[int]) -> None:
    """Run the requested program in this process, to its end."""
    from meetstream_async.cli import main

    for fd, stream in enumerate(streams):
        os.dup2(stream, fd)
        os.close(stream)
    if start.new_session:
        os.setsid()
    os.environ.clear()
    os.environ.update(start.environment)
    time.tzset()
    # As the interpreter opens them at startup.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for the rest of the process
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = list(start.arguments)
    if start.before is not None:
        start.before()
    code: object = 0
    try:
        main()
    except SystemExit as exit_:
        code = exit_.code
    leave(code)


def leave(code: object) -> None:
    """What the interpreter does at its exit, except that it takes nothing apart of what was imported before.

    That takes a tenth of a second, and several hundred tests start a program.
    """
    with suppress(Exception):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        # Reports connections that were left open.
        gc.collect()
        sys.stdout.flush()
        sys.stderr.flush()
        if code is None or isinstance(code, int):
            os._exit((code or 0) & 0xFF)
    # Whatever is unusual, such as a broken pipe, is for the interpreter to tell.
    sys.exit(code)  # type: ignore[arg-type]


def build_commands_once() -> None:
    """Let typer keep what it makes of the signatures of the commands, which takes as long as many a test."""
    typer.main.get_command = typer.testing._get_command = cache(typer.main.get_command)  # type: ignore[attr-defined]


def rehearse(app: typer.Typer) -> None:
    """Run two commands, and build all: what is made once in a process, each program then finds made."""
    groups = [typer.main.get_command(app)]
    for group in groups:
        for command in getattr(group, "commands", {}).values():
            groups.append(getattr(command, "real", command))
    with in_thread(_account) as account:
        for words in (["list"], ["unschedule-all", "--yes"]):
            ended = typer.testing.CliRunner().invoke(app, words, env=account)
            assert ended.exit_code == 0, ended.output


@asynccontextmanager
async def _account() -> AsyncIterator[dict[str, str]]:
    async with Simulator(3, seed=1, one_off=0) as sim:
        yield sim.environment


def main() -> None:
    """Import everything that the commands import lazily, and serve on the socket that was passed."""
    from meetstream_async.cli.app import app

    for late in LATE:
        # Imports that need another extra are skipped without it.
        with suppress(ImportError):
            import_module(f"meetstream_async.{late}")
    import_module("tests.helpers.before")
    check_soon()

    build_commands_once()
    rehearse(app)
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        serve(listener)
