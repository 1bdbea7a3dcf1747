"""A server on one address, by default a loopback one, which can be started again where it was."""

import logging
from types import TracebackType
from typing import Self

from aiohttp import web

from .checks import address, is_loopback
from .closing import to_its_end
from .complaints import Complaints, log_fields
from .serving import Serving

# Seconds for responses that are being written at shutdown; requests that are still waiting are dropped at
# once.
_SHUTDOWN_SECONDS = 0.25


_log = logging.getLogger("meetstream_async.simulator")


class Server:
    """Listens and stops. Port 0 picks a free port, which later starts reuse."""

    _serving: Serving

    def __init__(self, host: str, port: int) -> None:
        self._host = address(host)
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
        server = web.Server(
            self._serving.handle, handler_cancellation=True, access_log=None, logger=Complaints(_log)
        )
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except BaseException:
            await to_its_end(runner.cleanup())
            raise
        if not is_loopback(self._host):
            _log.warning(
                "the simulator listens on %s: whoever reaches this machine can use it",
                self._host,
                extra=log_fields("exposed", host=self._host),
            )
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
        # An address that stands for all of them can be listened on, but not be asked for.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"
