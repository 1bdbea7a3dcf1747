"""A call as three values: Request (what to send), Context (what came before), Answer. Pure, no I/O."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from attrs import define, field, frozen

from .._logs import log_fields
from .reply import Reply

T = TypeVar("T")


SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing, so that a request may be repeated whatever became of it (RFC 9110, 9.2.1)."""


@frozen(eq=False)
class Route:
    """A route of an API: its method, and its path in every spelling that the API has had.

    The first spelling is tried first. If that route turns out to be missing, the next one is tried, and the
    client remembers which one worked.
    """

    method: str
    paths: tuple[str, ...]
    name: str = "request"
    """What the client's method for it is called."""
    rest: str | None = None
    """What follows the path, with names in place of ids; None if nobody knows."""
    repeated: bool = True
    """Whether a failed attempt may be followed by another one, as the retry policy says."""

    @property
    def has_effect(self) -> bool:
        """Whether a request may change something, so that a lost response leaves the outcome unknown."""
        return self.method not in SAFE


@frozen(eq=False)
class Remark:
    """An observation about a reply, for the log."""

    level: int
    text: str
    fields: Mapping[str, Any]
    """Structured fields for the log record."""

    @classmethod
    def ignored_field(cls, path: str) -> Remark:
        """A field whose type differs from the documentation, and which reads as None."""
        text = f"{path} is of another type than documented and reads as None"
        return cls(logging.INFO, text, log_fields("ignored_field", path=path))


@frozen(eq=False)
class Context:
    """What is known before a request is sent, or before its reply is read."""

    attempts: int = 0
    """Number of requests already sent for this call."""
    uncertain: bool = False
    """Whether one of them may have taken effect."""
    paced: bool = False
    """Whether the caller has already waited for the rate limiter for the first attempt."""
    deadline: float | None = None
    """Deadline of the call, in the loop's time; None if only the retry policy limits it."""
    hint: str | None = None
    """Advice for the error, from an attempt at another path."""
    key_accepted: bool = False
    """Whether this client has had a success from the API before."""


FIRST = Context()
"""No earlier attempts."""
PACED = Context(paced=True)
"""No earlier attempts, and the caller has waited for the rate limiter."""
PACED_AND_UNCERTAIN = Context(paced=True, uncertain=True)
"""An earlier call may have taken effect, and the caller has waited for the rate limiter."""
ONE_ATTEMPT = Context(attempts=1)
"""The first attempt got a response; shared by nearly all calls."""


# Never changed after it was made, like the rest here; but a frozen class costs a call for each field, and
# one of these is made for every event of a bulk run.
@define(eq=False)
class Request(Generic[T]):
    """What to send, and how to read the reply.

    ``read`` returns the value and remarks for the log, or raises the error for the reply, built with
    everything that the context knows.
    """

    route: Route
    read: Callable[[Reply, Context], tuple[T, Sequence[Remark]]]
    rest: str = ""
    """The rest of the path after the route's, percent-encoded."""
    query: Mapping[str, str | Sequence[str]] | None = None
    body: object = field(default=None, repr=False)
    """A JSON value; None for a request without a body."""
    headers: Mapping[str, str] | None = None
    """Beside those that every request has; none of them a credential."""
    final: frozenset[int] = frozenset()
    """Statuses that are this route's own answers: they are never retried, and leave nothing uncertain."""
    repeatable: bool = True
    """Whether it may be sent again after an attempt that may have taken effect."""


@define(eq=False)
class Answer(Generic[T]):
    """The result of a call."""

    value: T
    attempts: int
    """Number of requests sent."""
