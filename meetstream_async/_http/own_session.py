"""The aiohttp session that a client opens itself, whose connections it may share with other clients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiohttp

from .connections import CONNECTIONS, GatedConnector, SharedConnections
from .network import Network
from .prepared_request import new_request_class


def open_session(
    network: Network,
    depart: Callable[[], float],
    headers: Mapping[str, str] | None,
    trace_configs: Sequence[aiohttp.TraceConfig],
    settings: Mapping[str, Any],
    shared: SharedConnections | None,
) -> aiohttp.ClientSession:
    """A session that keeps no cookies. ``depart``: seconds until what is connected may be sent.

    ``shared`` are not used by a client with certificates of its own.
    """
    context = network.ssl_context
    if context is not None:
        shared = None
    return aiohttp.ClientSession(
        connector=GatedConnector(context, limit=CONNECTIONS) if shared is None else shared.connector(),
        connector_owner=shared is None,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=list(trace_configs) or None,
        headers=headers,
        request_class=new_request_class(depart),
        **settings,
    )
