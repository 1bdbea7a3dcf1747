"""Turn a page of ``GET /calendar/events`` into models. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import attrs
from cattrs.errors import ClassValidationError
from cattrs.gen import override

from .._http.call import Context, Remark
from .._http.convert import AN_ID, Structurer
from .._http.reply import Reply, json_type
from .._http.urls import identifier_problem
from . import models
from ._replies import REPLACED, meetstream_error, rejected_remark, rows_of
from .models import EventBot, MeetStreamEvent, MeetStreamEventPage, RejectedRow

ModelT = TypeVar("ModelT", MeetStreamEvent, EventBot)


def _bots(values: Any, _: object) -> tuple[EventBot, ...]:
    """Hook for the bots of an event; raises any exception unless each of them is as documented."""
    if not values:
        return ()
    if type(values) is not list:
        raise TypeError("expected an array")
    return tuple(map(_structurer.reader(EventBot), values))


_structurer = Structurer(
    models,
    {EventBot: {"id": AN_ID}, MeetStreamEvent: {"id": AN_ID, "bots": override(struct_hook=_bots)}},
)


def read_events(reply: Reply, context: Context) -> tuple[MeetStreamEventPage, Sequence[Remark]]:
    """One page, with remarks on fields of the wrong type and on what can't be read.

    Raises InvalidResponseError for a body without a list of events, and the reply's ApiError unless it is a
    2xx.
    """
    if not reply.succeeded:
        raise meetstream_error(reply, context, effect=False)
    data, rows = rows_of(reply, context, "results", "events")
    reader = _Reader(reply.is_damaged)
    events = [event for index, row in enumerate(rows) if (event := reader.event(row, index)) is not None]
    cursor = data.get("next")
    usable = cursor if isinstance(cursor, str) and identifier_problem(cursor) is None else None
    page = MeetStreamEventPage(
        events=tuple(events),
        next=usable,
        has_more=bool(data.get("has_more")) or bool(cursor),
        rejected=tuple(reader.rejected),
        request_id=reply.request_id,
    )
    return page, reader.remarks


class _Reader:
    """Reads the events of one page, and notes what is wrong with them."""

    def __init__(self, damaged: bool) -> None:
        self._damaged = damaged
        self._reader = _structurer.reader(MeetStreamEvent)
        self.rejected: list[RejectedRow] = []
        self.remarks: list[Remark] = []

    def event(self, row: object, index: int) -> MeetStreamEvent | None:
        """The event, with those of its bots that can be read; None if it can't be read itself."""
        return self._read_as_documented(row) or self._read_by_parts(row, index, f"$.results[{index}]")

    def _read_as_documented(self, row: Any) -> MeetStreamEvent | None:
        """The event, if nothing in it deviates from the documentation."""
        if self._damaged:
            return None
        try:
            return self._reader(row)
        except Exception:
            return None

    def _read_by_parts(self, row: object, index: int, path: str) -> MeetStreamEvent | None:
        if not isinstance(row, dict):
            self._reject(index, path, f"is {json_type(row)}, not an object")
            return None
        bots = row.get("bots")
        event = self._read({**row, "bots": None}, MeetStreamEvent, index, path)
        if event is None:
            return None
        if not bots:
            return event
        if not isinstance(bots, list):
            self._reject(index, f"{path}.bots", f"is {json_type(bots)}, not an array")
            return event
        read = (self._read(bot, EventBot, index, f"{path}.bots[{n}]") for n, bot in enumerate(bots))
        return attrs.evolve(event, bots=tuple(bot for bot in read if bot is not None))

    def _read(self, value: object, model: type[ModelT], index: int, path: str) -> ModelT | None:
        """The model, or None for a value without a usable id."""
        if not isinstance(value, dict):
            self._reject(index, path, f"is {json_type(value)}, not an object")
            return None
        try:
            one, wrong = _structurer.structure(value, model, path)
        except ClassValidationError:
            problem = "is missing" if "id" not in value else identifier_problem(value["id"])
            self._reject(index, f"{path}.id", problem or "can't be read")
            return None
        if self._damaged and REPLACED in one.id:
            self._reject(index, f"{path}.id", "is not valid UTF-8")
            return None
        self.remarks += wrong
        return one

    def _reject(self, index: int, path: str, problem: str) -> None:
        row = RejectedRow(index, path, problem)
        self.rejected.append(row)
        self.remarks.append(rejected_remark(row, "a part of the events"))
