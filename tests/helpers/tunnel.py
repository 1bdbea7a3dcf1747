"""An HTTP proxy on loopback that opens tunnels to one port, whatever host is asked for."""

from __future__ import annotations

import asyncio

from tests.helpers.loopback import LoopbackServer


class Tunnel(LoopbackServer):
    """A proxy that records what it is asked for, and can refuse.

    ``answer`` is sent in place of an open tunnel; ``hangs`` leaves the question open.
    """

    def __init__(self, target: int, *, answer: bytes | None = None, hangs: bool = False) -> None:
        super().__init__()
        self.target = target
        self.answer = answer
        self.hangs = hangs
        self.heads: list[str] = []
        """The head of each request to the proxy."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
            if self.hangs:
                await asyncio.Event().wait()
            if self.answer is not None:
                writer.write(self.answer)
                await writer.drain()
                return
            there, out = await asyncio.open_connection("127.0.0.1", self.target)
            writers.append(out)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await asyncio.gather(_pump(reader, out), _pump(there, writer))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # The test is over, or one of the two ends is.
            pass
        finally:
            for one in writers:
                one.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        sink.write(data)
        await sink.drain()
    sink.close()
