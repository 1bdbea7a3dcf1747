"""Whether the server is about to stop: it tells an application only after the last response has ended."""

from __future__ import annotations

import signal


def server_is_stopping() -> bool:
    """True once a uvicorn in this process has been told to stop; False with any other server.

    uvicorn ends the lifespan after all responses have ended, and a stream that follows a run ends with the
    run. So the end has to be seen before: uvicorn's handler of SIGTERM is a method of the server. Only
    looked at, never replaced.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(server, "should_exit", False) is True
