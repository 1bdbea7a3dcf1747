"""Detect that the server is about to stop; applications are only told after the last response has ended."""

from __future__ import annotations

import signal


def server_is_stopping() -> bool:
    """True once a uvicorn server in this process has been told to stop; always False with other servers.

    uvicorn ends the lifespan after all responses have ended, but a stream that follows a run ends only with
    the run. The stop therefore has to be detected earlier: uvicorn's SIGTERM handler is a method of the
    server object. It is only inspected, never replaced.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(server, "should_exit", False) is True
