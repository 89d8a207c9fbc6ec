"""aiohttp: a client middleware, put nearest to the wire, tells each exchange and answers it where asked.

The rule of this module: it stands on what aiohttp offers for extension (middlewares, connectors, payloads); answers
are read by aiohttp's own parser from a connection that is none.
"""

from __future__ import annotations

import asyncio
import errno
from typing import TYPE_CHECKING, Any

from assay.adapters.intercept.http11 import written
from assay.adapters.intercept.telling import Sent, Telling, without_coding
from assay.messages import Headers, Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from assay.adapters.intercept.wire import Exchange, Interceptor, Reply

__all__ = ["patch"]

_SHORT = 0.01  # seconds after which a connection that keeps silent on purpose times out


def patch(module: Any, interceptor: Interceptor) -> Callable[[], None]:
    """Give every request of every session the middleware; the function that is returned undoes it."""
    original = module.ClientSession._request  # noqa: SLF001  where all methods of a session meet

    async def request(session: Any, method: str, url: Any, *, middlewares: Any = None, **options: Any) -> Any:
        if middlewares is None:
            middlewares = session._middlewares  # noqa: SLF001  there is no public reader
        decompress = options.get("auto_decompress")
        decompress = session.auto_decompress if decompress is None else decompress
        ours = _Middleware(module, interceptor, decompress=decompress)
        return await original(session, method, url, middlewares=(*middlewares, ours), **options)

    module.ClientSession._request = request  # noqa: SLF001

    def undo() -> None:
        module.ClientSession._request = original  # noqa: SLF001

    return undo


class _Middleware:
    """Stands before the connection of one request."""

    def __init__(self, module: Any, interceptor: Interceptor, *, decompress: bool) -> None:
        self._module, self._interceptor, self._decompress = module, interceptor, decompress

    async def __call__(self, request: Any, handler: Any) -> Any:
        exchange = self._interceptor.begin(request.method, str(request.url))
        if exchange is None:
            return await handler(request)
        telling = Telling(exchange)
        body = request.body
        in_hand = not body or isinstance(body, self._module.BytesPayload)
        reply = None
        if in_hand or exchange.answers:
            whole = await body.as_bytes() if body else b""
            reply = exchange.sent(Request(*_address(request), whole))
        else:
            _tee(body, Sent(exchange, *_address(request)))
        try:
            response = await (handler(request) if reply is None else self._answered(request, reply))
        except BaseException as error:
            telling.broken(error)
            raise
        self._watch(response, telling, exchange)
        return response

    def _watch(self, response: Any, telling: Telling, exchange: Exchange) -> None:
        headers = Headers(response.headers.items())
        exchange.response(response.status, without_coding(headers) if self._decompress else headers)
        if response.content.at_eof() and response.content.exception() is None:
            telling.end()
        response.content = _Content(response.content, telling)
        for name in ("close", "release"):
            setattr(response, name, _then_closed(getattr(response, name), telling))

    async def _answered(self, request: Any, reply: Reply) -> Any:
        """Let aiohttp read the reply as if it came over a connection."""
        if not reply.status:
            raise self._failure(request, reply)
        connector: Any = type("Nowhere", (_Nowhere, self._module.BaseConnector), {})(force_close=True)
        connection = await connector.connect(request, [], self._module.ClientTimeout())
        silent = reply.broken == "timeout"
        connection.protocol.set_response_params(
            skip_payload=request.method == "HEAD",
            read_until_eof=True,
            auto_decompress=self._decompress,
            read_timeout=_SHORT if silent else None,
        )
        response = await request.send(connection)
        connection.transport.feed(reply, request.method)
        await response.start(connection)
        return response

    def _failure(self, request: Any, reply: Reply) -> Exception:
        if reply.broken == "connect":
            refused = OSError(errno.ECONNREFUSED, "connection refused, as the test asked for")
            error: Exception = self._module.ClientConnectorError(request.connection_key, refused)
        elif reply.broken == "timeout":
            error = self._module.SocketTimeoutError("time-out, as the test asked for")
        else:
            error = self._module.ServerDisconnectedError()
        return error


class _Nowhere:
    """A connector whose connections lead nowhere; mixed into aiohttp's own."""

    _factory: Any

    async def _create_connection(self, *_: Any) -> Any:
        protocol = self._factory()
        protocol.connection_made(_Wire(protocol))
        return protocol


class _Wire(asyncio.Transport):
    """The transport of such a connection: what is written is dropped, what is read comes from a reply."""

    def __init__(self, protocol: Any) -> None:
        super().__init__()
        self._protocol = protocol
        self._closing = False
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._feeding: asyncio.Task[None] | None = None

    def feed(self, reply: Reply, method: str) -> None:
        """Begin to let the reply in, a piece at a time."""
        self._feeding = asyncio.get_running_loop().create_task(self._fed(reply, method))

    async def _fed(self, reply: Reply, method: str) -> None:
        for piece in written(reply, method):
            await self._resumed.wait()
            self._protocol.data_received(piece)
            # The client reads this piece before the next one comes.
            await asyncio.sleep(0)
        if reply.broken == "read" or (not reply.broken and "content-length" in reply.headers):
            self._lost(ConnectionResetError("as the test asked for") if reply.broken else None)

    def _lost(self, error: Exception | None) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, error)

    def write(self, data: Any) -> None:
        pass

    def writelines(self, list_of_data: Any) -> None:
        pass

    def is_closing(self) -> bool:
        return self._closing

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self._resumed.clear()

    def resume_reading(self) -> None:
        self._resumed.set()

    def close(self) -> None:
        if self._feeding is not None and self._feeding is not asyncio.current_task():
            self._feeding.cancel()
        self._lost(None)

    def abort(self) -> None:
        self.close()


class _Content:
    """The body of a response, told while it is read; what is not reading is the reader's own."""

    def __init__(self, reader: Any, telling: Telling) -> None:
        self._reader, self._telling = reader, telling

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    async def read(self, n: int = -1) -> bytes:
        if n >= 0:
            return await self._told(self._reader.read(n))
        # Piece by piece, so that what comes before a connection breaks is told.
        pieces = []
        while piece := await self.readany():
            pieces.append(piece)
        return b"".join(pieces)

    async def readany(self) -> bytes:
        return await self._told(self._reader.readany())

    async def readline(self, **options: Any) -> bytes:
        return await self._told(self._reader.readline(**options))

    async def readuntil(self, separator: bytes = b"\n", **options: Any) -> bytes:
        return await self._told(self._reader.readuntil(separator, **options))

    async def readexactly(self, n: int) -> bytes:
        return await self._told(self._reader.readexactly(n))

    async def readchunk(self) -> tuple[bytes, bool]:
        chunk, last = await self._heard(self._reader.readchunk())
        self._tell(chunk)
        return chunk, last

    def read_nowait(self, n: int = -1) -> bytes:
        chunk: bytes = self._reader.read_nowait(n)
        self._tell(chunk)
        return chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while line := await self.readline():
            yield line

    async def iter_any(self) -> AsyncIterator[bytes]:
        while chunk := await self.readany():
            yield chunk

    async def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        while chunk := await self.read(n):
            yield chunk

    async def iter_chunks(self) -> AsyncIterator[tuple[bytes, bool]]:
        while (piece := await self.readchunk()) != (b"", False):
            yield piece

    async def _told(self, reading: Any) -> bytes:
        chunk: bytes = await self._heard(reading)
        self._tell(chunk)
        return chunk

    async def _heard(self, reading: Any) -> Any:
        try:
            return await reading
        except BaseException as error:
            self._telling.broken(error)
            raise

    def _tell(self, chunk: bytes) -> None:
        self._telling.data(chunk)
        if self._reader.at_eof() and self._reader.exception() is None:
            self._telling.end()


def _then_closed(close: Callable[[], Any], telling: Telling) -> Callable[[], Any]:
    def closing() -> Any:
        telling.closed()
        return close()

    return closing


def _address(request: Any) -> tuple[str, str, Headers]:
    headers = Headers(request.headers.items())
    # aiohttp compresses while it writes; what is told of the body is what it was before.
    return request.method, request.url.raw_path_qs, without_coding(headers) if request.compress else headers


def _tee(payload: Any, sent: Sent) -> None:
    """Copy what a payload writes."""
    original = payload.write_with_length

    async def write_with_length(writer: Any, content_length: int | None) -> None:
        await original(_Writer(writer, sent), content_length)
        sent.done()

    payload.write_with_length = write_with_length


class _Writer:
    """A writer of aiohttp that copies what it writes."""

    def __init__(self, writer: Any, sent: Sent) -> None:
        self._writer, self._sent = writer, sent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    async def write(self, chunk: Any) -> None:
        self._sent.add(bytes(chunk))
        await self._writer.write(chunk)
