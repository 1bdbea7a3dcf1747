"""What jobs are read from: an engine, or a reader of its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from .. import ConfigurationError
from .database import Database


class Row(Protocol):
    """A workflow in the engine's tables, as its client and our reader give it."""

    @property
    def workflow_id(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def executor_id(self) -> str | None: ...
    @property
    def created_at(self) -> int | None: ...
    @property
    def updated_at(self) -> int | None: ...
    @property
    def dequeued_at(self) -> int | None: ...
    @property
    def completed_at(self) -> int | None: ...
    @property
    def attributes(self) -> Any: ...
    @property
    def input(self) -> Any: ...
    @property
    def output(self) -> Any: ...
    @property
    def error(self) -> Any: ...


class Tables(Protocol):
    """Reads of the engine's tables; the times are milliseconds since 1970."""

    async def list_workflows_async(
        self,
        *,
        workflow_ids: list[str] | None = None,
        name: str | None = None,
        limit: int | None = None,
        sort_desc: bool = False,
        load_input: bool = True,
        load_output: bool = True,
    ) -> Sequence[Row]:
        """Workflows, oldest first unless ``sort_desc``."""

    async def list_workflow_steps_async(
        self, workflow_id: str, *, limit: int | None = None, offset: int | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Stored steps of a workflow, in their order: ``function_name`` and ``output``."""

    async def list_last_steps_async(self, workflow_ids: Iterable[str]) -> Mapping[str, Any]:
        """The output of the last step of ours that each workflow has stored, of those that have any."""


class Source(Protocol):
    """What the functions that read jobs need of an engine or reader."""

    @property
    def database(self) -> str:
        """The database's URL, without its password."""

    @property
    def worker_id(self) -> str | None:
        """The worker of this process, if it is one."""

    @property
    def store(self) -> Database: ...

    @property
    def tables(self) -> Tables:
        """Raises ConfigurationError if the source is not open."""


_open: list[Source] = []
"""The open sources of this process, in the order in which they were opened."""


def opened(source: Source) -> None:
    """From now on it is the one that functions take that were given none."""
    _open.append(source)


def closed(source: Source) -> None:
    """The opposite, for one that may not be open."""
    if source in _open:
        _open.remove(source)


def open_sources() -> tuple[Source, ...]:
    """All that are open, the latest last."""
    return tuple(_open)


def current_source(source: Source | None = None) -> Source:
    """The given one, or the one that was opened last. Raises ConfigurationError if there is none."""
    if source is not None:
        return source
    if not _open:
        raise ConfigurationError("no JobEngine is open in this process; use `async with JobEngine(...)`")
    return _open[-1]
