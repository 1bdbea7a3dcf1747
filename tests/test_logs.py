"""Structured fields of log records: prefixed, and all of them documented."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import structlog

from meetstream_async import RetryPolicy, bulk_unschedule
from meetstream_async._logs import PREFIX, log_fields
from meetstream_async.simulator import Simulator, Trouble
from tests.helpers.accounts import bot, connect
from tests.helpers.proof import all_event_ids
from tests.helpers.source import MODULES, PACKAGE, nodes

PAGE = PACKAGE.parent / "docs" / "logging.md"

Key = tuple[str, str]
"""Name of the logger, and event."""
Known = dict[Key, tuple[set[str], set[str]]]
"""The levels and the other fields of each."""


def _documented() -> Known:
    known: Known = {}
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("| `"):
            logger, event, levels, fields, _ = (cell.strip() for cell in line.strip("|").split("|"))
            key = (logger.strip("`"), event.strip("`"))
            known[key] = (set(levels.split(", ")), set(re.findall(r"`(\w+)`", fields)))
    return known


@cache
def _calls(path: Path) -> tuple[tuple[ast.Call, str], ...]:
    """Each call, and what is called."""
    return tuple((node, _dotted(node.func)) for node in nodes(path) if isinstance(node, ast.Call))


def _dotted(node: ast.expr) -> str:
    """What is called, as far as it is names; in a fraction of the time that unparsing everything takes."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "(…)"


def _logger(path: Path) -> str:
    """The logger of a module; remarks about replies are logged by the one of the session."""
    found = {
        node.args[0].value
        for node, name in _calls(path)
        if name == "logging.getLogger" and isinstance(node.args[0], ast.Constant)
    } - {"meetstream_async"}
    assert len(found) <= 1, path
    return str(found.pop()) if found else "meetstream_async.http"


def _level(call: ast.Call, func: str) -> str | None:
    """The level of a call that takes structured fields, and None for other calls."""
    if func in ("Remark", "cls"):
        return ast.unparse(call.args[0]).removeprefix("logging.")
    return func.rpartition(".")[2].upper() if func.startswith("_log.") else None


def _in_code() -> Known:
    """What each call of a logger, and each remark about a reply, says."""
    levels, names = defaultdict(set), defaultdict(set)
    for path in MODULES:
        if "log_fields(" not in path.read_text(encoding="utf-8"):
            continue
        for call, name in _calls(path):
            level = _level(call, name)
            given = [*call.args, *(word.value for word in call.keywords if word.arg == "extra")]
            made = [
                one for one in given if isinstance(one, ast.Call) and ast.unparse(one.func) == "log_fields"
            ]
            for fields in made if level else ():
                assert isinstance(fields.args[0], ast.Constant), f"{path}:{call.lineno}"
                key = (_logger(path), str(fields.args[0].value))
                levels[key].add(str(level))
                words = {f"{PREFIX}{word.arg}" for word in fields.keywords}
                assert names.setdefault(key, words) == words, f"{path}:{call.lineno}"
    return {key: (levels[key], names[key]) for key in levels}


def test_the_table_lists_every_event_and_field() -> None:
    """docs/logging.md and the code name the same loggers, events, levels and fields."""
    assert _documented() == _in_code()


def test_every_record_has_prefixed_fields() -> None:
    """No module logs without an event, or with fields that it names itself."""
    for path in MODULES:
        for call, name in _calls(path) if "_log." in path.read_text(encoding="utf-8") else ():
            if name.startswith("_log.") and _level(call, name) in {
                "DEBUG", "INFO", "WARNING", "ERROR", "EXCEPTION", "CRITICAL", "LOG",
            }:  # fmt: skip
                extra = [ast.unparse(word.value) for word in call.keywords if word.arg == "extra"]
                assert extra, f"{path}:{call.lineno}"
                assert extra[0].startswith("log_fields(") or extra[0] == "remark.fields", (
                    f"{path}:{call.lineno}"
                )


def test_no_field_replaces_one_of_the_record() -> None:
    """The prefix keeps them apart from the attributes of a record and from each other."""
    assert log_fields("stop", name="x", msg="y") == {
        "meetstream_event": "stop",
        "meetstream_name": "x",
        "meetstream_msg": "y",
    }


async def test_structlog_keeps_the_message() -> None:
    """With structlog's formatter and ExtraAdder, `event` is the text and the fields stand beside it."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logger = logging.getLogger("meetstream_async")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        async with Simulator([bot(1)]) as sim, connect(sim, retry=RetryPolicy(initial_wait=0)) as client:
            sim.add_trouble(Trouble("unschedule", 503, times=1))
            sim.add_trouble(Trouble("unschedule", 429, times=1, retry_after=0.01))
            assert (await bulk_unschedule(client, all_event_ids(sim))).ok
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {line["meetstream_event"] for line in lines} >= {"retry", "pause"}
    for line in lines:
        assert " " in line["event"]
        assert "status" not in line
