"""A call as three values: what to send, what came before, and what came of it. Pure, no I/O."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from attrs import define, field, frozen

from .reply import Reply

T = TypeVar("T")


@frozen(eq=False)
class Route:
    """A route of an API: its method, and its path in every spelling that the API has had.

    The first spelling is tried first. Where the route turns out to be missing, the next one is tried,
    and a client remembers which one was answered.
    """

    method: str
    paths: tuple[str, ...]

    @property
    def has_effect(self) -> bool:
        """A request may change something, so a lost answer leaves the outcome unknown."""
        return self.method != "GET"


@frozen(eq=False)
class Remark:
    """Something about a reply that is worth a line in the log."""

    level: int
    text: str
    fields: Mapping[str, Any]
    """Structured fields of the log record."""

    @classmethod
    def ignored_field(cls, path: str) -> Remark:
        """A field of another type than documented, which reads as None."""
        text = f"{path} is of another type than documented and reads as None"
        return cls(logging.INFO, text, {"event": "ignored_field", "path": path})


@frozen(eq=False)
class Context:
    """What is known before a request is sent, or before its reply is read."""

    attempts: int = 0
    """Requests already sent for the same call."""
    uncertain: bool = False
    """One of them may have taken effect."""
    paced: bool = False
    """The caller has waited for the rate limiter on behalf of the first attempt."""
    deadline: float | None = None
    """The loop's time at which the call has to end; None for what the retry policy allows."""
    hint: str | None = None
    """Advice for the error, from an attempt elsewhere."""
    key_accepted: bool = False
    """The API has answered this client with a success before."""


FIRST = Context()
"""Nothing came before."""
PACED = Context(paced=True)
"""Nothing came before, and the caller has waited for the rate limiter."""
PACED_AND_UNCERTAIN = Context(paced=True, uncertain=True)
"""A call before this one may have taken effect."""
ONE_ATTEMPT = Context(attempts=1)
"""The first attempt was answered: shared by nearly all calls."""


# Never changed after it was made, like the rest here; but a frozen class costs a call for each field, and
# one of these is made for every event of a bulk run.
@define(eq=False)
class Request(Generic[T]):
    """What to send, and how its reply is read.

    ``read`` returns the value and remarks for the log, or raises the error that the reply means, built
    with all that the context knows.
    """

    route: Route
    read: Callable[[Reply, Context], tuple[T, Sequence[Remark]]]
    rest: str = ""
    """What follows the route's path, percent-encoded."""
    query: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = field(default=None, repr=False)


@define(eq=False)
class Answer(Generic[T]):
    """What came of a call."""

    value: T
    attempts: int
    """Requests sent."""
