"""Launch and shut down the engine in this process, for a worker."""

from __future__ import annotations

import logging

from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer

from .. import ConfigurationError
from .database import Database
from .names import ACCOUNT_QUEUE, APPLICATION, JOB_QUEUE, VERSION

_POLL = 0.1
"""Seconds between two reads of the queue of accounts, and so the longest that a free slot stays empty."""
_POLL_JOBS = 0.3
"""Seconds between two reads of the queue of jobs."""
_POOL = 10
"""Maximum connections of a worker's engine."""
_THREADS = 64
_SILENT = logging.NullHandler()


def leave_the_log_to_the_application() -> None:
    """Give the engine's log a null handler; with its own handler it would print to stderr."""
    log = logging.getLogger("dbos")
    log.addHandler(_SILENT)
    log.addFilter(_is_news)


def claim(database: Database, worker_id: str) -> None:
    """Reserve the engine of this process. Raises ConfigurationError if the application itself uses it."""
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_url": database.url,
        "db_engine_kwargs": database.worker_options,
        "application_version": VERSION,
        "executor_id": worker_id,
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "WARNING",
        "sys_db_pool_size": _POOL,
        "max_executor_threads": _THREADS,
        # The listener for messages between workflows is not needed, but stopping would wait for it.
        "notification_listener_polling_interval_sec": 0.1,
    }
    DBOS(config=config)
    if DBOS.application_version != VERSION or DBOS.executor_id != worker_id:
        raise ConfigurationError(
            "this process uses DBOS already, and only one is possible: run the worker in another process"
        )


def launch(client: DBOSClient, accounts_at_once: int) -> None:
    """Start the engine. Must be called in a thread without an event loop.

    That way the engine runs workflows on its own loop, separate from the application's.
    """
    # Before the launch, because the engine checks for new queues only once a second.
    for queue, at_once, poll in ((JOB_QUEUE, 1, _POLL_JOBS), (ACCOUNT_QUEUE, accounts_at_once, _POLL)):
        client.register_queue(
            queue, worker_concurrency=at_once, polling_interval_sec=poll, on_conflict="always_update"
        )
    DBOS.launch()


def shut_down() -> None:
    """Stop the engine. Runs in progress are interrupted, as if their current step had not started."""
    DBOS.destroy()


def _is_news(record: logging.LogRecord) -> bool:
    # Expected: a run that leaves its account for later ends this way.
    return not str(record.msg).startswith("Asyncio task cancelled")
