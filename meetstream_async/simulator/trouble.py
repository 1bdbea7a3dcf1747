"""Scripted faults: what goes wrong, and for which requests, reproducible from a seed."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Literal

from attrs import Factory, define, field, frozen


@define(kw_only=True, eq=False)
class RequestRecord:
    """One request as the simulator saw it. Records contain no credentials.

    index: position in the log, from 0; the response carries it as `x-request-id: sim-<index>`.
    method: as sent.
    raw_path: path and query exactly as sent. path: the percent-decoded path.
    query: the percent-decoded query.
    body: the parsed JSON body, None without one. body_readable: False if the body was not valid JSON.
    route: name of the route, None if none matched.
    event_id, bot_id: MeetStream's, decoded from the path.
    calendar_id, calendar_event_id: MeetBit's, decoded from the path; None if not a number.
    at: time of arrival, in seconds of the simulator's monotonic clock.
    in_flight: requests being served at arrival, this one included.
    idempotency_key: the header `Idempotency-Key`.
    authorized: whether it carried the right key.
    status: status of the response; None while it is being served, and if the connection was dropped.
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
    idempotency_key: str | None = None
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
    """One kind of fault, and the requests that it hits.

    Which requests: those of `route` (its name, or "*" for all of them) for which `when` returns true, except
    those refused by a rate limit. The first `skip` of them pass. After that it hits `times` requests, or the
    share `rate` (0 to 1), or both (the share, until `times` are hit), or all of them. A request is hit by at
    most one trouble: the first match in the order in which troubles were added; later troubles neither see
    nor count it.

    What happens is one of:

    status, body, html  A response in place of the API's. `status` alone uses the API's own text for it;
                        `body` is sent as it is (as `content_type`, JSON by default); `html` is an HTML
                        error page. The last two have status 200 unless `status` is set.
    missing_route       The gateway's response for an unknown route: 404 {"message": "Not Found"}; with
                        status=403 {"message": "Missing Authentication Token"}; or status=405.
    drop                The connection is closed without a response, "before" or "after" the change is
                        applied.
    hang                No response until the client disconnects or the simulator closes.
    none of these       The API's own response, altered by the options below; the change is applied.

    Options for any response: `latency`, seconds of delay on top of the simulator's own; `headers`;
    `retry_after`, sent verbatim; `half_body`: the full length is announced, half of the body is sent, and the
    connection is closed. For the API's own listing: `bad_rows`, the number of unreadable rows; on a full page
    they replace good ones. For the API's own page of events: `paging`, which makes it "empty" with more to
    come, or one of an "endless" number, or one whose `next` is "repeated": it leads to this page again.

    apply: for a trouble that responds in place of the API, or hangs: whether the change is applied first
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
    paging: Literal["empty", "endless", "repeated"] | None = field(default=None, kw_only=True)
    missing_route: bool = field(default=False, kw_only=True)
    hang: bool = field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        for problem, wrong in self._problems():
            if wrong:
                raise ValueError(f"Trouble: {problem}")

    def _problems(self) -> list[tuple[str, bool]]:
        own = [self.bad_rows > 0, self.paging is not None]
        content = [self.body is not None, self.html, self.missing_route, *own]
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
            ("drop and hang can't be combined", self.hang and self.drop is not None),
            ("drop and hang send no answer, so nothing else of one",
             self.silent and (any(content) or decorated or self.status is not None)),
            ("only one of body, html, bad_rows, paging and missing_route", sum(content) > 1),
            ("bad_rows and paging need the API's own answer", any(own) and self.status is not None),
            ("bad_rows needs route='list'", self.bad_rows > 0 and self.route != "list"),
            ("paging needs route='events'", self.paging is not None and self.route != "events"),
            ("paging must be 'empty', 'endless' or 'repeated'",
             self.paging not in (None, "empty", "endless", "repeated")),
            ("missing_route takes status 403, 404 or 405",
             self.missing_route and self.status not in (None, 403, 404, 405)),
            ("content_type needs a body", self.content_type is not None and self.body is None),
            ("a header holds a line break or a NUL", bool(set(text) & set("\r\n\0"))),
            ("this does nothing",
             not (self.replaces or self.silent or decorated or any(content) or self.latency > 0)),
        ]  # fmt: skip

    @property
    def replaces(self) -> bool:
        """Whether it responds in place of the API."""
        return self.status is not None or self.body is not None or self.html or self.missing_route

    @property
    def silent(self) -> bool:
        """Whether it sends no response."""
        return self.hang or self.drop is not None

    @property
    def applies(self) -> bool:
        """Whether the requested change is applied despite the trouble."""
        if self.drop is not None:
            return self.drop == "after"
        return self.apply == "before" if self.replaces or self.hang else True

    @staticmethod
    def every_kind(
        rate: float, route: str = "*", *, retry_after: str | int | float = 1, slow: float = 0.25
    ) -> "list[Trouble]":
        """One trouble of each transient kind, in equal shares that together hit the share `rate` (0 to 1).

        `route` is the one that they hit. 500 and 503, before and after applying; 429 with `retry_after`;
        dropped before and after applying; half a body; an HTML 502; and a response that is `slow` seconds
        late.
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
    """Rates that hit `rate / count` of all requests each, although each sees only what earlier ones pass."""
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


class TroubleSelector:
    """Decides which trouble hits a request.

    A rate is drawn from the seed, the trouble's number, the request line and how often that line was seen, so
    which requests are hit does not depend on the order in which concurrent requests happen to arrive.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._numbers = 0
        self._scripted: list[_Armed] = []
        self._background: list[_Armed] = []
        self._seen: Counter[str] = Counter()

    def add(self, trouble: Trouble, *, background: bool = False) -> None:
        """Append a trouble; background troubles come after all others."""
        (self._background if background else self._scripted).append(_Armed(trouble, self._numbers))
        self._numbers += 1

    def clear(self) -> None:
        """Forget all troubles, background ones included."""
        self._scripted.clear()
        self._background.clear()

    def pick(self, record: RequestRecord) -> Trouble | None:
        """The trouble that hits this request, if any; the hit is counted."""
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
