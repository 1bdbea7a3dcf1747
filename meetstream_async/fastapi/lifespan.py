"""One client per application: opened at startup, closed at shutdown, passed to routes as a dependency."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any, TypeAlias, TypedDict, TypeVar, Unpack

import aiohttp
from fastapi import Depends
from fastapi.requests import HTTPConnection
from starlette.applications import Starlette

from .. import ConfigurationError, MeetBitClient, MeetStreamClient, RetryPolicy
from .._logs import log_fields

_log = logging.getLogger("meetstream_async.fastapi")

Lifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any]]]
OwnLifespan: TypeAlias = Callable[[Any], AbstractAsyncContextManager[Mapping[str, Any] | None]]
Client = TypeVar("Client", MeetStreamClient, MeetBitClient)

_MEETSTREAM = "meetstream_client"
_MEETBIT = "meetbit_client"


class ClientArguments(TypedDict, total=False):
    """The arguments that both clients take."""

    base_url: str | None
    session: aiohttp.ClientSession | None
    retry: RetryPolicy
    timeout: float
    rate_limit: float | None
    trace_configs: Sequence[aiohttp.TraceConfig]
    proxy: str | None
    ssl_context: ssl.SSLContext | None
    trust_env: bool
    pace_store: str | os.PathLike[str] | None
    user_agent: str | None


class MeetStreamArguments(ClientArguments, total=False):
    """The arguments of MeetStreamClient."""

    api_key: str | None


class MeetBitArguments(ClientArguments, total=False):
    """The arguments of MeetBitClient."""

    primary_domain: str | None
    access_key_id: str | None
    access_key_secret: str | None


def meetstream_lifespan(
    own: OwnLifespan | None = None, /, **client_arguments: Unpack[MeetStreamArguments]
) -> Lifespan:
    """A lifespan that opens a MeetStreamClient when the application starts and closes it when it stops.

    Use as ``FastAPI(lifespan=meetstream_lifespan())``. The arguments are those of MeetStreamClient;
    environment variables work the same. ``own`` is the application's own lifespan, or another of these; it
    runs inside this one, and the state it yields is kept. A missing key raises ConfigurationError and keeps
    the application from starting.

    ``pace_store`` is a SQLite file or a PostgreSQL URL by which several workers share the pace of their key;
    a warning is logged where ``WEB_CONCURRENCY`` says that there are several, and none is set.
    """
    storeless = None if client_arguments.get("pace_store") else "MEETSTREAM_PACE_STORE"
    return _lifespan(lambda: MeetStreamClient(**client_arguments), _MEETSTREAM, own, storeless)


def meetbit_lifespan(
    own: OwnLifespan | None = None, /, **client_arguments: Unpack[MeetBitArguments]
) -> Lifespan:
    """The same for a MeetBitClient; ``own`` as there. For both: ``meetstream_lifespan(meetbit_lifespan())``.

    The arguments are those of MeetBitClient.
    """
    storeless = None if client_arguments.get("pace_store") else "MEETBIT_PACE_STORE"
    return _lifespan(lambda: MeetBitClient(**client_arguments), _MEETBIT, own, storeless)


def get_client(connection: HTTPConnection) -> MeetStreamClient:
    """The application's MeetStreamClient, as a dependency: see ``ClientDep``."""
    client: MeetStreamClient = _find(connection, _MEETSTREAM, "meetstream_lifespan")
    return client


def get_meetbit_client(connection: HTTPConnection) -> MeetBitClient:
    """The application's MeetBitClient, as a dependency: see ``MeetBitClientDep``."""
    client: MeetBitClient = _find(connection, _MEETBIT, "meetbit_lifespan")
    return client


ClientDep = Annotated[MeetStreamClient, Depends(get_client)]
"""Annotation for a route's parameter that receives the application's MeetStreamClient."""
MeetBitClientDep = Annotated[MeetBitClient, Depends(get_meetbit_client)]
"""Annotation for a route's parameter that receives the application's MeetBitClient."""


def _warn_of_workers(variable: str) -> None:
    """``variable``: the environment variable that would name a store."""
    workers = os.environ.get("WEB_CONCURRENCY", "").strip()
    if workers.isdecimal() and int(workers) > 1 and not os.environ.get(variable):
        _log.warning(
            "%s workers share one key, and each finds its own pace: pass pace_store=... or set %s",
            workers,
            variable,
            extra=log_fields("no_pace_store", workers=int(workers)),
        )


def _lifespan(
    make: Callable[[], Client], name: str, own: OwnLifespan | None, storeless: str | None
) -> Lifespan:
    if own is not None and (isinstance(own, Starlette) or not callable(own)):
        # Do not show the value: it may be a key.
        raise ConfigurationError(
            f"a lifespan's first argument is another lifespan, not {type(own).__name__}: write "
            "FastAPI(lifespan=meetstream_lifespan(api_key=...)), with the call"
        )

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[Mapping[str, Any]]:
        if storeless is not None:
            _warn_of_workers(storeless)
        async with make() as client:
            # On the application's state for its own code, and on the state of requests for mounted
            # applications, which have no lifespan of their own.
            setattr(app.state, name, client)
            try:
                if own is None:
                    yield {name: client}
                else:
                    async with own(app) as state:
                        yield {**(state or {}), name: client}
            finally:
                delattr(app.state, name)

    return lifespan


def _find(connection: HTTPConnection, name: str, lifespan: str) -> Any:
    for state in (connection.state, connection.app.state):
        if (client := getattr(state, name, None)) is not None:
            return client
    raise RuntimeError(_missing(connection, lifespan))


def _missing(connection: HTTPConnection, lifespan: str) -> str:
    mount = connection.scope.get("root_path", "").removeprefix(connection.scope.get("app_root_path", ""))
    if "app_root_path" in connection.scope and mount:
        return (
            f"this application is mounted in another one, and servers run the lifespan of the outermost "
            f"application only: give that one FastAPI(lifespan={lifespan}()), which serves the mounted ones "
            "as well, or let its own lifespan enter the mounted one's: "
            "`async with child.router.lifespan_context(child)`"
        )
    return (
        f"the application has no client: start it with FastAPI(lifespan={lifespan}()), "
        "and in tests use `with TestClient(app)`, which runs the lifespan"
    )
