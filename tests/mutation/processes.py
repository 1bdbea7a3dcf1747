"""Work in forked processes, a few at a time. What a process imports or breaks ends with it."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

CPU_SECONDS = 120
"""Of one process. A mutant that spins is found by this, however busy the machine is."""
SECONDS = 240.0
"""Of one process, for a mutant that waits for ever in a way that no test's own timeout ends."""


def each(work: Callable[[Any], Any], items: Sequence[Any], processes: int) -> Iterator[tuple[Any, Any]]:
    """Every item with what `work` made of it as JSON, in the order they finish; None where it was killed."""
    with tempfile.TemporaryDirectory() as folder:
        waiting = list(enumerate(items))[::-1]
        running: dict[int, tuple[int, float]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < processes:
                    index, item = waiting.pop()
                    running[_fork(work, item, Path(folder, str(index)))] = index, time.monotonic() + SECONDS
                ended = [
                    (pid, status)
                    for pid in running
                    for found, status in [os.waitpid(pid, os.WNOHANG)]
                    if found
                ]
                for pid, status in ended:
                    index, _ = running.pop(pid)
                    if os.WIFSIGNALED(status):
                        yield items[index], None
                        continue
                    if status:
                        raise RuntimeError(f"the driver itself failed at {items[index]}")
                    yield items[index], json.loads(Path(folder, str(index)).read_text())
                for pid, (_, until) in running.items():
                    if time.monotonic() > until:
                        os.kill(pid, signal.SIGKILL)
                if not ended:
                    time.sleep(0.01)
        finally:
            for pid in running:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _fork(work: Callable[[Any], Any], item: Any, path: Path) -> int:
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    code = 1
    try:
        os.setpgid(0, 0)  # what a mutant kills is not the driver
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        nothing = os.open(os.devnull, os.O_WRONLY)
        errors = os.dup(2)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        made = json.dumps(work(item))
        partial = path.with_suffix(".part")
        partial.write_text(made)
        partial.rename(path)
        code = 0
    except BaseException:
        with os.fdopen(errors, "w") as stream:
            traceback.print_exc(file=stream)
    finally:
        os._exit(code)
