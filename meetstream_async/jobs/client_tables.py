"""Reads of the engine's tables by its own client, where they are not as our own reads know them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from .names import STEPS
from .source import Row

if TYPE_CHECKING:
    from dbos import DBOSClient

_PAGE = 50
"""Steps read at a time."""


@frozen
class ClientTables:
    """Slower, and the same answers."""

    client: DBOSClient

    async def list_workflows_async(self, **which: Any) -> Sequence[Row]:
        return await self.client.list_workflows_async(**which)

    async def list_workflow_steps_async(self, workflow_id: str, **which: Any) -> Sequence[Mapping[str, Any]]:
        return await self.client.list_workflow_steps_async(workflow_id, **which)

    async def list_last_steps_async(self, workflow_ids: Iterable[str]) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for workflow_id in workflow_ids:
            offset = 0
            while steps := await self.list_workflow_steps_async(workflow_id, limit=_PAGE, offset=offset):
                offset += len(steps)
                for step in steps:
                    if step["function_name"] in STEPS and step["output"] is not None:
                        found[workflow_id] = step["output"]
        return found
