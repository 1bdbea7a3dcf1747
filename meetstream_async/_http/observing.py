"""Where tracing hooks in: one place for an observer of runs, calls and attempts, empty unless switched on.

Without an observer, a call costs a look at this place and nothing else. An observer is handed the coroutine
that it watches, and awaits it; it changes nothing of what is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeVar

from yarl import URL

from .call import Answer, Route
from .failures import Failure, HeldBack
from .reply import Reply

T = TypeVar("T")


class Report(Protocol):
    """What an observer may know of the end of a run."""

    @property
    def ok(self) -> bool: ...
    @property
    def complete(self) -> bool: ...
    @property
    def counts(self) -> Mapping[str, int]: ...


class Observer(Protocol):
    """Awaits what it is handed, once, and returns or raises what that does."""

    async def run(
        self, name: str, run: Callable[[], Coroutine[Any, Any, T]], report: Callable[[T], Report | None]
    ) -> T:
        """A bulk run, which begins when ``run`` is called; ``report`` gives the one to be counted, of its
        result.
        """

    async def call(self, calling: Coroutine[Any, Any, Answer[T]], route: Route) -> Answer[T]:
        """One call, attempts and waits together."""

    async def attempt(
        self,
        sending: Coroutine[Any, Any, Reply | Failure | HeldBack],
        route: Route,
        url: URL,
        attempts: int,
    ) -> Reply | Failure | HeldBack:
        """One request on the wire; ``attempts`` were sent before for the same call."""


class _Place:
    """Holds the observer, if there is one."""

    __slots__ = ("observer",)

    def __init__(self) -> None:
        self.observer: Observer | None = None


PLACE = _Place()


def observed(
    name: str, run: Callable[[], Coroutine[Any, Any, T]], report: Callable[[T], Report | None]
) -> Coroutine[Any, Any, T]:
    """A bulk run, seen by the observer if there is one."""
    observer = PLACE.observer
    return run() if observer is None else observer.run(name, run, report)
