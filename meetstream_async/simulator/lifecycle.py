"""A server on one loopback address, which can be started again where it was."""

from types import TracebackType
from typing import Self

from aiohttp import web

from .checks import loopback
from .closing import to_its_end
from .serving import Serving

# Seconds for responses that are being written at shutdown; requests that are still waiting are dropped at
# once.
_SHUTDOWN_SECONDS = 0.25


class LoopbackServer:
    """Listens and stops. Port 0 picks a free port, which later starts reuse."""

    _serving: Serving

    def __init__(self, host: str, port: int) -> None:
        self._host = loopback(host)
        self._port = port
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Start listening. After a close: on the same port, with the same account and log."""
        if self._runner is not None:
            raise RuntimeError("the simulator is already running")
        # Cancel the handler when its client disconnects, so that the request no longer counts as in flight.
        server = web.Server(self._serving.handle, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await to_its_end(runner.cleanup())
            raise
        self._serving.open()
        self._runner = runner
        self._port = runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening and drop all connections at once; may be called more than once."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            self._serving.close()
            await to_its_end(runner.cleanup())

    def _origin(self) -> str:
        if self._port == 0:
            raise RuntimeError("the simulator has no address until it is started")
        return f"http://{f'[{self._host}]' if ':' in self._host else self._host}:{self._port}"
