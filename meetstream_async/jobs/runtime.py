"""The engine itself in this process: launched for a worker, and shut down."""

from __future__ import annotations

import logging

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer

from .. import ConfigurationError
from .database import Database
from .workflows import ACCOUNT_QUEUE, APPLICATION, JOB_QUEUE, VERSION

_POLL = 0.2
"""Seconds between two looks into the queue: how long a free place stays empty."""
_POOL = 10
"""Connections of a worker's engine."""
_THREADS = 64
_SILENT = logging.NullHandler()


def leave_the_log_to_the_application() -> None:
    """With a handler of its own, the engine would print to stderr."""
    log = logging.getLogger("dbos")
    log.addHandler(_SILENT)
    log.addFilter(_is_news)


def claim(database: Database, worker_id: str) -> None:
    """Make the engine of this process ours. Raises ConfigurationError where the application uses it."""
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_url": database.url,
        "db_engine_kwargs": database.engine_options,
        "application_version": VERSION,
        "executor_id": worker_id,
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "WARNING",
        "sys_db_pool_size": _POOL,
        "max_executor_threads": _THREADS,
        # Of messages between workflows, which there are none of here; stopping waits for it, though.
        "notification_listener_polling_interval_sec": 0.1,
    }
    DBOS(config=config)
    if DBOS.application_version != VERSION or DBOS.executor_id != worker_id:
        raise ConfigurationError(
            "this process uses DBOS already, which is one for a process: work in a process of its own"
        )


def launch(client: DBOSClient, accounts_at_once: int) -> None:
    """Start to work. To be called in a thread that has no event loop.

    Then the engine runs the workflows on a loop of its own: what an application does on its loop and what
    the jobs do stay apart.
    """
    # Before the launch: the engine looks for new queues only once a second.
    for queue, at_once in ((JOB_QUEUE, 1), (ACCOUNT_QUEUE, accounts_at_once)):
        client.register_queue(
            queue, worker_concurrency=at_once, polling_interval_sec=_POLL, on_conflict="always_update"
        )
    DBOS.launch()


def shut_down() -> None:
    """Stop to work. What still runs is cut off, and is as if its step had not begun."""
    DBOS.destroy()


def _is_news(record: logging.LogRecord) -> bool:
    # A run that leaves its account for later ends like this, and does so on purpose.
    return not str(record.msg).startswith("Asyncio task cancelled")
