"""Scripted trouble: what goes wrong, for which requests, reproducible from a seed."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Literal

from attrs import Factory, define, field, frozen


@define(kw_only=True, eq=False)
class RequestRecord:
    """One request as the simulator saw it. No record holds a credential.

    index: position in the log, from 0; the answer carries it as `x-request-id: sim-<index>`.
    raw_path: path and query exactly as they stood on the wire; path: the path, percent-decoded.
    body: the parsed JSON body, None without one; body_readable is False where it was not JSON.
    route: name of the route, None where nothing matched; event_id, bot_id (MeetStream), calendar_id and
    calendar_event_id (MeetBit, None where it was no number): decoded from the path.
    at: arrival, in seconds of the simulator's monotonic clock.
    in_flight: requests being served at arrival, this one included.
    authorized: it carried the right key.
    status: what was answered; None while it is being served and where the connection was dropped.
    trouble: the trouble that hit it.
    """

    index: int
    method: str
    path: str
    raw_path: str
    query: dict[str, str]
    at: float
    in_flight: int
    authorized: bool
    route: str | None = None
    event_id: str | None = None
    bot_id: str | None = None
    calendar_id: int | None = None
    calendar_event_id: int | None = None
    body: Any = None
    body_readable: bool = True
    status: int | None = None
    trouble: "Trouble | None" = None


@frozen
class Trouble:
    """One kind of trouble and the requests it hits.

    Which requests: those of `route` ("list", "unschedule", "delete_bot", "cancel_event", or "*" for all of
    them) for which `when` is true; those that MeetBit's rate limit refuses are never among them. The first
    `skip` of them pass; then it hits `times` requests, or the share `rate` (0 to 1), or both (the share,
    until `times` are hit), or every one. A request is hit by one trouble at most: the first in order of
    addition that takes it; those behind it neither see nor count it.

    What happens, one of:

    status, body, html  An answer in place of the API's. `status` alone takes the API's own words for it;
                        `body` is sent as it is (as `content_type`, JSON by default); `html` is an error
                        page. The last two come with status 200 unless told otherwise.
    missing_route       The gateway's answer for an unknown route: 404 {"message": "Not Found"}; with
                        status=403 {"message": "Missing Authentication Token"}; or status=405.
    drop                The connection is cut without an answer, "before" or "after" the change was applied.
    hang                No answer, until the client leaves or the simulator closes.
    none of these       The API's own answer goes through, changed by what follows; the change is applied.

    With any answer: `latency` seconds of delay on top of the simulator's own; `headers`; `retry_after`, sent
    as it is written; `half_body`: the whole length is promised, half is sent, the connection is cut. On the
    API's own listing: `bad_rows`, that many unreadable rows; on a full page they take the place of good ones.

    apply: whether a trouble that answers in place of the API, or hangs, lets the change happen first
    ("before") or not at all ("never").
    """

    route: str = "*"
    status: int | None = None
    times: int | None = field(default=None, kw_only=True)
    rate: float | None = field(default=None, kw_only=True)
    skip: int = field(default=0, kw_only=True)
    when: Callable[[RequestRecord], bool] | None = field(default=None, kw_only=True)
    retry_after: str | int | float | None = field(default=None, kw_only=True)
    headers: Mapping[str, str] = field(default=Factory(dict), kw_only=True, hash=False)
    latency: float = field(default=0.0, kw_only=True)
    apply: Literal["never", "before"] = field(default="never", kw_only=True)
    drop: Literal["before", "after"] | None = field(default=None, kw_only=True)
    half_body: bool = field(default=False, kw_only=True)
    body: str | bytes | None = field(default=None, kw_only=True)
    content_type: str | None = field(default=None, kw_only=True)
    html: bool = field(default=False, kw_only=True)
    bad_rows: int = field(default=0, kw_only=True)
    missing_route: bool = field(default=False, kw_only=True)
    hang: bool = field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        for problem, wrong in self._problems():
            if wrong:
                raise ValueError(f"Trouble: {problem}")

    def _problems(self) -> list[tuple[str, bool]]:
        content = [self.body is not None, self.html, self.missing_route, self.bad_rows > 0]
        decorated = bool(self.headers) or self.retry_after is not None or self.half_body
        text = "".join(map(str, [self.retry_after, self.content_type, *self.headers, *self.headers.values()]))
        return [
            ("route must be a name or '*'", not isinstance(self.route, str) or not self.route),
            ("status must be between 200 and 599",
             self.status is not None and not 200 <= self.status <= 599),
            ("times must be at least 1", self.times is not None and self.times < 1),
            ("rate must be between 0 and 1", self.rate is not None and not 0 <= self.rate <= 1),
            ("skip must not be negative", self.skip < 0),
            ("bad_rows must not be negative", self.bad_rows < 0),
            ("latency must be a finite number of seconds, not negative", not 0 <= self.latency < math.inf),
            ("apply must be 'never' or 'before'", self.apply not in ("never", "before")),
            ("drop must be 'before' or 'after'", self.drop not in (None, "before", "after")),
            ("drop='before' contradicts apply='before'", self.drop == "before" and self.apply == "before"),
            ("drop and hang exclude each other", self.hang and self.drop is not None),
            ("drop and hang send no answer, so nothing else of one",
             self.silent and (any(content) or decorated or self.status is not None)),
            ("only one of body, html, bad_rows and missing_route", sum(content) > 1),
            ("bad_rows needs the API's own answer: no status", self.bad_rows > 0 and self.status is not None),
            ("bad_rows needs route='list'", self.bad_rows > 0 and self.route != "list"),
            ("missing_route takes status 403, 404 or 405",
             self.missing_route and self.status not in (None, 403, 404, 405)),
            ("content_type needs a body", self.content_type is not None and self.body is None),
            ("a header holds a line break or a NUL", bool(set(text) & set("\r\n\0"))),
            ("this does nothing",
             not (self.replaces or self.silent or decorated or any(content) or self.latency > 0)),
        ]  # fmt: skip

    @property
    def replaces(self) -> bool:
        """It answers in place of the API."""
        return self.status is not None or self.body is not None or self.html or self.missing_route

    @property
    def silent(self) -> bool:
        """It sends no answer."""
        return self.hang or self.drop is not None

    @property
    def applies(self) -> bool:
        """The change that the request asks for happens all the same."""
        if self.drop is not None:
            return self.drop == "after"
        return self.apply == "before" if self.replaces or self.hang else True

    @staticmethod
    def every_kind(
        rate: float, route: str = "*", *, retry_after: str | int | float = 1, slow: float = 0.25
    ) -> "list[Trouble]":
        """One of each passing kind, in equal shares that together hit the share `rate` (0 to 1).

        500 and 503 before and after applying, 429 with `retry_after`, dropped before and after applying,
        half a body, an HTML 502, and an answer that is `slow` seconds late.
        """
        kinds: list[dict[str, Any]] = [
            {"status": 500},
            {"status": 500, "apply": "before"},
            {"status": 503},
            {"status": 503, "apply": "before"},
            {"status": 429, "retry_after": retry_after},
            {"drop": "before"},
            {"drop": "after"},
            {"half_body": True},
            {"status": 502, "html": True},
            {"latency": slow},
        ]
        return [
            Trouble(route, rate=share, **kind)
            for share, kind in zip(_shares(rate, len(kinds)), kinds, strict=True)
        ]

    @staticmethod
    def server_errors(rate: float) -> "list[Trouble]":
        """500 and 503 in equal shares that together hit the share `rate`; half of them after applying."""
        apply: tuple[Literal["never"], Literal["before"]] = ("never", "before")
        kinds = [(status, when) for status in (500, 503) for when in apply]
        return [
            Trouble("*", status, apply=when, rate=share)
            for share, (status, when) in zip(_shares(rate, len(kinds)), kinds, strict=True)
        ]


def _shares(rate: float, count: int) -> list[float]:
    """Rates that hit `rate / count` of all requests each, though each sees only what the others pass."""
    if not 0 <= rate <= 1:
        raise ValueError("rate must be between 0 and 1")
    equal = rate / count
    return [min(1.0, equal / (1 - done * equal)) for done in range(count)]


@define(eq=False)
class _Armed:
    trouble: Trouble
    number: int
    passed: int = 0
    hits: int = 0


class TroubleDesk:
    """Decides which trouble hits a request.

    A rate is drawn from the seed, the trouble's number, the request line and how often that line was seen:
    which requests are hit does not depend on the order in which concurrent ones happen to arrive.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._numbers = 0
        self._scripted: list[_Armed] = []
        self._background: list[_Armed] = []
        self._seen: Counter[str] = Counter()

    def add(self, trouble: Trouble, *, background: bool = False) -> None:
        """Append a trouble; background ones come after all others."""
        (self._background if background else self._scripted).append(_Armed(trouble, self._numbers))
        self._numbers += 1

    def clear(self) -> None:
        """Forget all troubles, background ones included."""
        self._scripted.clear()
        self._background.clear()

    def pick(self, record: RequestRecord) -> Trouble | None:
        """The trouble that hits this request, if any; it counts as hit."""
        line = f"{record.method} {record.raw_path}"
        seen = self._seen[line]
        self._seen[line] += 1
        for armed in (*self._scripted, *self._background):
            trouble = armed.trouble
            if trouble.route not in ("*", record.route):
                continue
            if trouble.when is not None and not trouble.when(record):
                continue
            if armed.passed < trouble.skip:
                armed.passed += 1
            elif trouble.times is not None and armed.hits >= trouble.times:
                continue
            elif trouble.rate is None or self._draw(armed.number, line, seen) < trouble.rate:
                armed.hits += 1
                return trouble
        return None

    def _draw(self, number: int, line: str, seen: int) -> float:
        text = f"{self._seed} {number} {seen} {line}".encode("utf-8", "surrogateescape")
        return int.from_bytes(blake2b(text, digest_size=8).digest(), "big") / 2**64
