"""Resolve an account's reference to its key, on the worker, just before it is used."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeAlias

from .. import ConfigurationError, check_api_key
from .accounts import JobAccount

Resolver: TypeAlias = Callable[[JobAccount], str | Awaitable[str]]
"""Returns the key of an account with an ``api_key_ref``. May be async; sync functions run in a thread."""

_MOST_BYTES = 65_536


def read_key(account: JobAccount) -> str:
    """The key of an account whose reference is a variable or a file.

    Raises ConfigurationError that names the reference but never shows the key.
    """
    if account.api_key_env is not None:
        key = os.environ.get(account.api_key_env)
        if not key:
            raise ConfigurationError(f"environment variable {account.api_key_env} is not set")
        return key
    assert account.api_key_file is not None
    try:
        with open(Path(account.api_key_file), "rb") as file:
            data = file.read(_MOST_BYTES + 1)
        lines = data.decode("utf-8-sig").strip().splitlines()
    except OSError as error:
        problem = f"can't be read: {os.strerror(error.errno or 0)}"
    except UnicodeDecodeError:
        problem = "is not text"
    else:
        if len(lines) == 1 and len(data) <= _MOST_BYTES:
            return lines[0].strip()
        problem = "must contain the key on one line, and nothing else"
    raise ConfigurationError(f"key file {account.api_key_file} {problem}")


async def resolve(
    account: JobAccount, resolver: Resolver | None, loop: asyncio.AbstractEventLoop | None = None
) -> str:
    """The key of an account. ``loop``: the event loop on which an async resolver runs.

    Raises ConfigurationError if there is no key. Of a resolver's exception only the type is reported: its
    text could contain the key.
    """
    if account.api_key_env is not None:
        return read_key(account)
    if account.api_key_file is not None:
        return await asyncio.to_thread(read_key, account)
    if resolver is None:
        raise ConfigurationError(f"the worker has no resolver for {account.reference}")
    try:
        key = await _call(resolver, account, loop)
    except Exception as error:
        problem = f"the resolver raised {type(error).__name__} for {account.reference}"
    else:
        if isinstance(key, str) and key:
            return key
        problem = f"the resolver has no key for {account.reference}"
    raise ConfigurationError(problem)


async def _call(resolver: Resolver, account: JobAccount, loop: asyncio.AbstractEventLoop | None) -> object:
    async def called() -> object:
        if inspect.iscoroutinefunction(resolver):
            return await resolver(account)
        key = await asyncio.to_thread(resolver, account)
        return await key if inspect.isawaitable(key) else key

    if loop is None or loop is asyncio.get_running_loop():
        return await called()
    # On the application's own loop, because resources of an async resolver, such as a pool, are bound to it.
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(called(), loop))


def check_credentials(accounts: Iterable[JobAccount]) -> None:
    """Check that each variable and file contains a usable key; for a process that will run the job itself.

    Raises ConfigurationError that names every account without a usable key.
    """
    problems = []
    for account in accounts:
        if account.api_key_ref is not None:
            continue
        try:
            check_api_key(read_key(account))
        except ConfigurationError as error:
            problems.append(f"account {account.name!r}: {error}")
    if problems:
        raise ConfigurationError("; ".join(problems))
