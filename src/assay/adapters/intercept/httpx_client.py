"""httpx and httpx2, sync and async: the transport that a client chooses for a URL is wrapped.

The rule of this module: it knows these libraries by the module it is given and imports neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.adapters.intercept.telling import AsyncTee, Sent, Tee, Telling
from assay.errors import UsageError
from assay.messages import Headers, Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from assay.adapters.intercept.wire import Exchange, Interceptor, Reply

__all__ = ["patch"]

_HOOK = "_transport_for_url"


def patch(module: Any, interceptor: Interceptor) -> Callable[[], None]:
    """Wrap every transport of every client; the function that is returned undoes it."""
    library = _Library(module, interceptor)
    pairs = ((module.Client, _Transport), (module.AsyncClient, _AsyncTransport))
    kept = [(client, getattr(client, _HOOK, None)) for client, _ in pairs]
    for (client, wrap), (_, original) in zip(pairs, kept, strict=True):
        if original is None:
            name, version = module.__name__, getattr(module, "__version__", "?")
            raise UsageError(f"{name} {version} cannot be observed: it has no {client.__name__}.{_HOOK}")
        setattr(client, _HOOK, _choosing(original, wrap, library))

    def undo() -> None:
        for client, original in kept:
            setattr(client, _HOOK, original)

    return undo


def _choosing(original: Any, wrap: Callable[[Any, _Library], object], library: _Library) -> Any:
    def choose(client: Any, url: Any) -> object:
        return wrap(original(client, url), library)

    return choose


class _Library:
    """One of the two libraries, and who looks on."""

    def __init__(self, module: Any, interceptor: Interceptor) -> None:
        self.module = module
        self.interceptor = interceptor
        # A client accepts only streams of its own classes.
        self.stream: Any = type("ObservedStream", (_Stream, module.SyncByteStream), {})
        self.async_stream: Any = type("ObservedAsyncStream", (_AsyncStream, module.AsyncByteStream), {})
        self.tee: Any = type("SentStream", (Tee, module.SyncByteStream), {})
        self.async_tee: Any = type("SentAsyncStream", (AsyncTee, module.AsyncByteStream), {})

    def body(self, request: Any) -> bytes | None:
        """The body of a request where it is in hand."""
        try:
            return bytes(request.content)
        except self.module.RequestNotRead:
            return None

    def error(self, reply: Reply, request: Any) -> Exception:
        """The client's own error for a connection that fails as the reply says."""
        kinds = {"connect": "ConnectError", "timeout": "ReadTimeout"}
        kind = getattr(self.module, kinds.get(reply.broken, "RemoteProtocolError"))
        error: Exception = kind(f"{reply.broken} failed, as the test asked for", request=request)
        return error


def _address(request: Any) -> tuple[str, str, Headers]:
    return request.method, request.url.raw_path.decode("ascii"), Headers(request.headers.multi_items())


def _head(response: Any) -> tuple[int, Headers]:
    return response.status_code, Headers(response.headers.multi_items())


class _Transport:
    """Stands before the transport of one request."""

    def __init__(self, inner: Any, library: _Library) -> None:
        self._inner, self._library = inner, library

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def handle_request(self, request: Any) -> Any:
        exchange = self._library.interceptor.begin(request.method, str(request.url))
        if exchange is None:
            return self._inner.handle_request(request)
        body = self._library.body(request)
        if body is None and exchange.answers:
            body = request.read()
        if body is None:
            return self._streamed(request, exchange)
        telling = Telling(exchange)
        reply = exchange.sent(Request(*_address(request), body))
        if reply is not None:
            return self._answered(request, reply, telling)
        return self._sent(request, telling)

    def _streamed(self, request: Any, exchange: Exchange) -> Any:
        stream = request.stream
        request.stream = self._library.tee(stream, Sent(exchange, *_address(request)))
        try:
            return self._sent(request, Telling(exchange))
        finally:
            # A redirect may send it again.
            request.stream = stream

    def _sent(self, request: Any, telling: Telling) -> Any:
        try:
            response = self._inner.handle_request(request)
        except BaseException as error:
            telling.broken(error)
            raise
        telling.head(*_head(response))
        response.stream = self._library.stream(response.stream, telling)
        return response

    def _answered(self, request: Any, reply: Reply, telling: Telling) -> Any:
        failing = self._library.error(reply, request) if reply.broken else None
        if failing is not None and not reply.status:
            telling.broken(failing)
            raise failing
        stream = self._library.stream(_Pieces(reply, failing), telling)
        telling.head(reply.status, reply.headers)
        return self._library.module.Response(reply.status, headers=list(reply.headers.fields), stream=stream)


class _AsyncTransport:
    """Stands before the asynchronous transport of one request."""

    def __init__(self, inner: Any, library: _Library) -> None:
        self._inner, self._library = inner, library

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def handle_async_request(self, request: Any) -> Any:
        exchange = self._library.interceptor.begin(request.method, str(request.url))
        if exchange is None:
            return await self._inner.handle_async_request(request)
        body = self._library.body(request)
        if body is None and exchange.answers:
            body = await request.aread()
        if body is None:
            return await self._streamed(request, exchange)
        telling = Telling(exchange)
        reply = exchange.sent(Request(*_address(request), body))
        if reply is not None:
            return self._answered(request, reply, telling)
        return await self._sent(request, telling)

    async def _streamed(self, request: Any, exchange: Exchange) -> Any:
        stream = request.stream
        request.stream = self._library.async_tee(stream, Sent(exchange, *_address(request)))
        try:
            return await self._sent(request, Telling(exchange))
        finally:
            request.stream = stream

    async def _sent(self, request: Any, telling: Telling) -> Any:
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            telling.broken(error)
            raise
        telling.head(*_head(response))
        response.stream = self._library.async_stream(response.stream, telling)
        return response

    def _answered(self, request: Any, reply: Reply, telling: Telling) -> Any:
        failing = self._library.error(reply, request) if reply.broken else None
        if failing is not None and not reply.status:
            telling.broken(failing)
            raise failing
        stream = self._library.async_stream(_Pieces(reply, failing), telling)
        telling.head(reply.status, reply.headers)
        return self._library.module.Response(reply.status, headers=list(reply.headers.fields), stream=stream)


class _Pieces:
    """The chunks of a reply as a stream, with the error that ends them."""

    def __init__(self, reply: Reply, failing: Exception | None) -> None:
        self._chunks, self._failing = reply.chunks, failing

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks
        if self._failing is not None:
            raise self._failing

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk

    def close(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


class _Stream:
    """The body of a response, told while it is read."""

    def __init__(self, stream: Any, telling: Telling) -> None:
        self._stream, self._telling = stream, telling

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._stream:
                self._telling.data(chunk)
                yield chunk
        except GeneratorExit:
            raise
        except BaseException as error:
            self._telling.broken(error)
            raise
        self._telling.end()

    def close(self) -> None:
        self._stream.close()
        self._telling.closed()


class _AsyncStream:
    """The body of a response, told while it is read."""

    def __init__(self, stream: Any, telling: Telling) -> None:
        self._stream, self._telling = stream, telling

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                self._telling.data(chunk)
                yield chunk
        except GeneratorExit:
            raise
        except BaseException as error:
            self._telling.broken(error)
            raise
        self._telling.end()

    async def aclose(self) -> None:
        await self._stream.aclose()
        self._telling.closed()
