"""What a caller may lend to a client, or hang into the session that it opens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import aiohttp

from .errors import ClientSetupError


def checked_traces(given: object) -> list[aiohttp.TraceConfig]:
    """The trace configs as a list. Raises ClientSetupError for anything else."""
    configs = list(given) if isinstance(given, Iterable) else [given]
    traces = [config for config in configs if isinstance(config, aiohttp.TraceConfig)]
    if len(traces) < len(configs):
        raise ClientSetupError("trace_configs must be a sequence of aiohttp.TraceConfig")
    return traces


def check_session(session: object, trace_configs: Sequence[aiohttp.TraceConfig]) -> None:
    """Raises ClientSetupError for what is no session, or one that would add to our requests."""
    if session is None:
        return
    if not isinstance(session, aiohttp.ClientSession):
        raise ClientSetupError(f"session must be an aiohttp.ClientSession, not {type(session).__name__}")
    if session.auth is not None:
        # aiohttp lets no request take a session's auth away.
        raise ClientSetupError(
            "the lent aiohttp session has auth=..., which would go out with our requests; lend one without it"
        )
    if trace_configs:
        raise ClientSetupError(
            "trace_configs are for a session that the client opens itself; "
            "give them to the aiohttp session that you lend"
        )
