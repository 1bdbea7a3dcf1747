"""Reads of the engine's tables, without the engine.

DBOS documents its tables; a test compares what is read here with what the engine's own client reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import define, field, frozen

from .._tasks import finish
from .database import BUSY, Database
from .json_rows import postgres_row
from .names import STEPS
from .sqlite import Connection

_STATUS = "workflow_uuid status executor_id created_at updated_at started_at_epoch_ms completed_at attributes"
_COLUMNS = {
    "workflow_status": f"{_STATUS} name inputs output error serialization",
    "workflow_input": "workflow_uuid inputs",
    "workflow_output": "workflow_uuid output error",
    "operation_outputs": "workflow_uuid function_id function_name output serialization",
}
"""What is read of which table."""
_AT_ONCE = 1000
"""Workflows that one statement asks for."""


_FIELDS = [
    "workflow_id",
    "status",
    "executor_id",
    "created_at",
    "updated_at",
    "dequeued_at",
    "completed_at",
    "attributes",
]
"""The names of ``_STATUS`` in a row."""


@frozen
class _Row:
    workflow_id: str
    status: str
    executor_id: str | None
    created_at: int | None
    updated_at: int | None
    dequeued_at: int | None
    completed_at: int | None
    attributes: Any
    input: Any = None
    output: Any = None
    error: Any = None


class NoTables:
    """A database that does not exist yet."""

    async def list_workflows_async(self, **_: Any) -> Sequence[_Row]:
        return ()

    async def list_workflow_steps_async(self, workflow_id: str, **_: Any) -> Sequence[Mapping[str, Any]]:
        return ()

    async def list_last_steps_async(self, workflow_ids: Iterable[str]) -> Mapping[str, Any]:
        return {}


@define(eq=False)
class DirectTables:
    """One connection; statements run one at a time, in threads. A connection that was cut is made anew."""

    open_connection: Callable[[], Any]
    mark: str
    """The placeholder of a value."""
    schema: str
    connection: Any = field(init=False)
    _lock: threading.Lock = field(init=False, factory=threading.Lock)

    def __attrs_post_init__(self) -> None:
        self.connection = self.open_connection()

    @classmethod
    def connect(cls, database: Database) -> DirectTables | None:
        """None if the tables are not as they are known here. Raises what the driver raises."""
        if database.path is not None:
            direct = cls(lambda: _open_file(database), "?", "")
        else:
            direct = cls(lambda: _open_server(database), "%s", "dbos.")
        known = False
        try:
            known = direct._is_known()
        finally:
            if not known:
                direct.close()
        return direct if known else None

    def close(self) -> None:
        self.connection.close()

    async def list_workflows_async(
        self,
        *,
        workflow_ids: list[str] | None = None,
        name: str | None = None,
        limit: int | None = None,
        sort_desc: bool = False,
        load_input: bool = True,
        load_output: bool = True,
    ) -> Sequence[_Row]:
        columns = [f"s.{column}" for column in _STATUS.split()]
        joins, values = "", []
        # The marker of the values is read with them: the connection refuses what is not JSON by it.
        columns.append("s.serialization")
        if load_input:
            columns.append("coalesce(i.inputs, s.inputs) AS inputs")
            joins += f" LEFT JOIN {self.schema}workflow_input i ON i.workflow_uuid = s.workflow_uuid"
        if load_output:
            columns += ["coalesce(o.output, s.output) AS output", "coalesce(o.error, s.error) AS error"]
            joins += f" LEFT JOIN {self.schema}workflow_output o ON o.workflow_uuid = s.workflow_uuid"
        where = []
        if workflow_ids is not None:
            where.append(f"s.workflow_uuid IN ({self._marks(workflow_ids)})")
            values += workflow_ids
        if name is not None:
            where.append(f"s.name = {self.mark}")
            values.append(name)
        statement = f"SELECT {', '.join(columns)} FROM {self.schema}workflow_status s{joins}"
        if where:
            statement += f" WHERE {' AND '.join(where)}"
        statement += f" ORDER BY s.created_at {'DESC' if sort_desc else 'ASC'}"
        if limit is not None:
            statement += f" LIMIT {int(limit)}"
        return [_row(row, load_input, load_output) for row in await self._rows(statement, values)]

    async def list_workflow_steps_async(
        self, workflow_id: str, *, limit: int | None = None, offset: int | None = None
    ) -> Sequence[Mapping[str, Any]]:
        statement = (
            f"SELECT function_name, output, serialization FROM {self.schema}operation_outputs "
            f"WHERE workflow_uuid = {self.mark} ORDER BY function_id"
            f" LIMIT {2**31 if limit is None else int(limit)} OFFSET {int(offset or 0)}"
        )
        return [
            {"function_name": name, "output": _value(output)}
            for name, output, _ in await self._rows(statement, [workflow_id])
        ]

    async def list_last_steps_async(self, workflow_ids: Iterable[str]) -> Mapping[str, Any]:
        ids, found, steps = list(workflow_ids), {}, f"{self.schema}operation_outputs"
        for first in range(0, len(ids), _AT_ONCE):
            chunk = ids[first : first + _AT_ONCE]
            rows = await self._rows(
                "SELECT s.workflow_uuid, s.output, s.serialization FROM ("
                f"SELECT workflow_uuid, max(function_id) AS function_id FROM {steps} "
                f"WHERE workflow_uuid IN ({self._marks(chunk)}) AND function_name IN ({self._marks(STEPS)}) "
                f"AND output IS NOT NULL GROUP BY workflow_uuid) AS latest JOIN {steps} s "
                "ON s.workflow_uuid = latest.workflow_uuid AND s.function_id = latest.function_id",
                [*chunk, *STEPS],
            )
            found.update({workflow_id: _value(output) for workflow_id, output, _ in rows})
        return found

    def _marks(self, values: Sequence[str]) -> str:
        return ", ".join([self.mark] * len(values))

    async def _rows(self, statement: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
        # A thread can't be cancelled; the connection is not closed under its hands.
        return await finish(asyncio.to_thread(self._fetch, statement, values))

    def _fetch(self, statement: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._execute(statement, values)
            except Exception:
                # As when the server was restarted.
                if not getattr(self.connection, "closed", False):
                    raise
            self.connection = self.open_connection()
            return self._execute(statement, values)

    def _execute(self, statement: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.connection.execute(statement, values).fetchall()
        return rows

    def _is_known(self) -> bool:
        for table, columns in _COLUMNS.items():
            names = ", ".join(columns.split())
            try:
                self._fetch(f"SELECT {names} FROM {self.schema}{table} LIMIT 0", ())
            except sqlite3.OperationalError:
                return False
            except Exception as error:
                if type(error).__name__ not in ("UndefinedTable", "UndefinedColumn"):
                    raise
                return False
        return True


def _open_file(database: Database) -> sqlite3.Connection:
    assert database.path is not None
    return sqlite3.connect(
        database.path, timeout=BUSY, factory=Connection, isolation_level=None, check_same_thread=False
    )


def _open_server(database: Database) -> Any:
    import psycopg

    return psycopg.connect(
        database.url,
        autocommit=True,
        connect_timeout=10,
        row_factory=postgres_row,
        application_name="meetstream_jobs",
    )


def _row(row: tuple[Any, ...], has_input: bool, has_output: bool) -> _Row:
    values: dict[str, Any] = dict(zip(_FIELDS, row, strict=False))
    if isinstance(values["attributes"], str):
        values["attributes"] = _value(values["attributes"])
    rest = list(row[len(_FIELDS) + 1 :])
    if has_input:
        values["input"] = _arguments(rest.pop(0))
    if has_output:
        values["output"], values["error"] = _value(rest[0]), _error(rest[1])
    return _Row(**values)


def _value(text: Any) -> Any:
    """A stored value; the text itself if it is not JSON, as the engine's client gives it."""
    if text is None:
        return None
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        return json.loads(text)
    return text


def _arguments(text: Any) -> Any:
    """The stored arguments of a workflow, in the shape in which the engine's client gives them."""
    stored = _value(text)
    if isinstance(stored, dict):
        return {"args": tuple(stored.get("positionalArgs") or ()), "kwargs": stored.get("namedArgs") or {}}
    # A null is there, and no arguments.
    return text if stored is None else stored


def _error(text: Any) -> Any:
    """A stored error, as an exception; the text itself if it is none."""
    stored = _value(text)
    if isinstance(stored, dict) and isinstance(stored.get("message"), str):
        return RuntimeError(stored["message"])
    return text
