"""Starts the program from a process that has imported it already: what differs is the time that takes.

Its process waits for requests on a socket. Each one becomes a process of its own with the given
arguments, environment and standard streams, which runs the program's own entry point to the interpreter's
end: signals, terminals, limits and exit codes are those of any process.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module

from attrs import frozen

CODE = struct.Struct("i")
"""What comes back on a request's own socket: first the process id, at the end the exit code."""


@frozen
class Start:
    """What a process is started with, besides its streams."""

    arguments: tuple[str, ...]
    """With the program's own name first."""
    environment: Mapping[str, str]
    new_session: bool
    before: Callable[[], object] | None
    """Runs in the process before the program does."""


def serve(control: socket.socket) -> None:
    """Start what is asked for until the other end is closed."""
    # What lies here already is looked at by no collection of a process that follows.
    gc.collect()
    gc.freeze()
    # Nobody waits for those that wait for the processes.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        _, fds, _, _ = socket.recv_fds(control, 1, 4)
        if not fds:
            return
        if os.fork() == 0:
            control.close()
            wait_for_it(socket.socket(fileno=fds.pop()), fds)
            return
        for fd in fds:
            os.close(fd)


def wait_for_it(line: socket.socket, streams: list[int]) -> None:
    """Start the process and say how it ended. Returns in neither: the process ends in its own way."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with line.makefile("rb") as file:
        start: Start = pickle.load(file)
    pid = os.fork()
    if pid == 0:
        line.close()
        become(start, streams)
    for fd in streams:
        os.close(fd)
    line.sendall(CODE.pack(pid))
    line.sendall(CODE.pack(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])))
    os._exit(0)


def become(start: Start, streams: list[int]) -> None:
    """Be the process that was asked for; ends with SystemExit."""
    from meetstream_async.cli import main

    for fd, stream in enumerate(streams):
        os.dup2(stream, fd)
        os.close(stream)
    if start.new_session:
        os.setsid()
    os.environ.clear()
    os.environ.update(start.environment)
    time.tzset()
    # As the interpreter opens them when it starts.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for the rest of the process
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = list(start.arguments)
    if start.before is not None:
        start.before()
    main()


def main() -> None:
    """Import all that the commands import when they run, and serve on the socket that was passed."""
    from typer.testing import CliRunner

    from meetstream_async.cli.app import app

    for late in ("commands.demo", "commands.simulate", "runs.jobs"):
        # What needs another extra is for those who have it.
        with suppress(ImportError):
            import_module(f"meetstream_async.cli.{late}")

    # A usage error, for what typer imports when it reads arguments.
    assert CliRunner().invoke(app, ["list", "--limit", "0"]).exit_code == 2

    with socket.socket(fileno=int(sys.argv[1])) as control:
        serve(control)
