"""requests: the adapter that a session chooses for a URL is wrapped, and the response told while it is read.

The rule of this module: the response stays the object that urllib3 made; only its reading methods are watched.
"""

from __future__ import annotations

import http.client
import io
from typing import TYPE_CHECKING, Any

import urllib3

from assay.adapters.intercept.http11 import written
from assay.adapters.intercept.telling import FileTee, Sent, Tee, Telling, without_coding
from assay.messages import Headers, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from assay.adapters.intercept.wire import Exchange, Interceptor, Reply

__all__ = ["patch"]


def patch(module: Any, interceptor: Interceptor) -> Callable[[], None]:
    """Wrap every adapter of every session; the function that is returned undoes it."""
    original = module.Session.get_adapter

    def get_adapter(session: Any, url: str) -> object:
        return _Adapter(original(session, url), module, interceptor)

    module.Session.get_adapter = get_adapter

    def undo() -> None:
        module.Session.get_adapter = original

    return undo


class _Adapter:
    """Stands before the adapter of one request."""

    def __init__(self, inner: Any, module: Any, interceptor: Interceptor) -> None:
        self._inner, self._module, self._interceptor = inner, module, interceptor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def send(self, request: Any, **options: Any) -> Any:
        exchange = self._interceptor.begin(request.method, request.url)
        if exchange is None:
            return self._inner.send(request, **options)
        body = _in_hand(request.body)
        if body is None and exchange.answers:
            body = _read(request.body)
        if body is None:
            return self._streamed(request, exchange, options)
        telling = Telling(exchange)
        reply = exchange.sent(Request(*_address(request), body))
        if reply is not None:
            return self._answered(request, reply, telling)
        return self._sent(request, telling, options)

    def _streamed(self, request: Any, exchange: Exchange, options: dict[str, Any]) -> Any:
        body = request.body
        tee = FileTee if hasattr(body, "read") else Tee
        request.body = tee(body, Sent(exchange, *_address(request)))
        try:
            return self._sent(request, Telling(exchange), options)
        finally:
            # A redirect may send it again.
            request.body = body

    def _sent(self, request: Any, telling: Telling, options: dict[str, Any]) -> Any:
        try:
            response = self._inner.send(request, **options)
        except BaseException as error:
            telling.broken(error)
            raise
        _watch(response.raw, response.status_code, _fields(response), telling)
        return response

    def _answered(self, request: Any, reply: Reply, telling: Telling) -> Any:
        """Let urllib3 read the reply as if it came over a connection."""
        if not reply.status:
            error = _failure(self._module, reply, request)
            telling.broken(error)
            raise error
        stream: Any = _Connection(reply, request.method)
        wire = http.client.HTTPResponse(stream, method=request.method)
        wire.begin()
        raw = urllib3.HTTPResponse(
            body=wire,
            headers=urllib3.HTTPHeaderDict(wire.msg.items()),
            status=wire.status,
            version=wire.version,
            reason=wire.reason,
            preload_content=False,
            decode_content=False,
            original_response=wire,
            request_method=request.method,
        )
        response = self._module.adapters.HTTPAdapter().build_response(request, raw)
        _watch(raw, reply.status, reply.headers, telling)
        return response


class _Connection(io.RawIOBase):
    """The bytes of a reply as the socket of ``http.client`` gives them."""

    def __init__(self, reply: Reply, method: str) -> None:
        self._pieces = written(reply, method)
        self._rest = b""
        self._broken = reply.broken

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self, 1 << 16)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = next(self._pieces, b"")
        if not self._rest and self._broken == "timeout":
            raise TimeoutError("timed out")
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def _watch(raw: Any, status: int, headers: Headers, telling: Telling) -> None:
    """Tell what the reading methods of urllib3's response return."""
    watched = _Watched(raw, status, headers, telling)
    if headers.content_encoding is None:
        watched.head(decoded=False)
    for name in ("read", "read1", "stream", "close", "release_conn"):
        if hasattr(raw, name):
            setattr(raw, name, getattr(watched, name))


class _Watched:
    """The reading methods of one response; one that calls another is told once."""

    def __init__(self, raw: Any, status: int, headers: Headers, telling: Telling) -> None:
        self._raw, self._status, self._headers, self._telling = raw, status, headers, telling
        self._methods = {n: getattr(raw, n, None) for n in ("read", "read1", "stream", "close", "release_conn")}
        self._inside = self._headed = False

    def head(self, *, decoded: bool) -> None:
        """Tell the head, once it is known whether the client undoes the content coding."""
        if not self._headed:
            self._headed = True
            self._telling.head(self._status, without_coding(self._headers) if decoded else self._headers)

    def read(self, amt: int | None = None, decode_content: bool | None = None, *rest: Any, **more: Any) -> bytes:  # noqa: FBT001
        chunk: bytes = self._called("read", decode_content, amt, decode_content, *rest, **more)
        if not self._inside:
            self._told(chunk, last=amt is None)
        return chunk

    def read1(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:  # noqa: FBT001
        chunk: bytes = self._called("read1", decode_content, amt, decode_content)
        if not self._inside:
            self._told(chunk, last=False)
        return chunk

    def stream(self, amt: int | None = 2**16, decode_content: bool | None = None) -> Iterator[bytes]:  # noqa: FBT001
        self._heard(decode_content)
        pieces = iter(self._methods["stream"](amt, decode_content))  # type: ignore[misc]
        while True:
            self._inside = True
            try:
                chunk = next(pieces, None)
            except BaseException as error:
                self._telling.broken(error)
                raise
            finally:
                self._inside = False
            if chunk is None:
                self._telling.end()
                return
            self._telling.data(chunk)
            yield chunk

    def close(self) -> None:
        self._finished("close")

    def release_conn(self) -> None:
        self._finished("release_conn")

    def _heard(self, decode_content: bool | None) -> None:  # noqa: FBT001
        decoded = self._raw.decode_content if decode_content is None else decode_content
        self.head(decoded=bool(decoded))

    def _called(self, name: str, decode_content: bool | None, *given: Any, **more: Any) -> Any:  # noqa: FBT001
        self._heard(decode_content)
        outer, self._inside = self._inside, True
        try:
            return self._methods[name](*given, **more)  # type: ignore[misc]
        except BaseException as error:
            if not outer:
                self._telling.broken(error)
            raise
        finally:
            self._inside = outer

    def _told(self, chunk: bytes, *, last: bool) -> None:
        self._telling.data(chunk)
        if last or not chunk or self._raw.length_remaining == 0:
            self._telling.end()

    def _finished(self, name: str) -> None:
        self._methods[name]()  # type: ignore[misc]
        # urllib3 lets go of the connection from inside its reading methods too.
        if not self._inside:
            self._telling.closed()


def _address(request: Any) -> tuple[str, str, Headers]:
    return request.method, request.path_url, Headers((name, _text(v)) for name, v in request.headers.items())


def _fields(response: Any) -> Headers:
    fields = getattr(response.raw, "headers", None)
    return Headers(fields.items() if fields is not None else response.headers.items())


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _in_hand(body: Any) -> bytes | None:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray | memoryview) else None


def _read(body: Any) -> bytes:
    whole = body.read() if hasattr(body, "read") else b"".join(p.encode() if isinstance(p, str) else p for p in body)
    return whole.encode() if isinstance(whole, str) else whole


def _failure(module: Any, reply: Reply, request: Any) -> Exception:
    kind = module.exceptions.ReadTimeout if reply.broken == "timeout" else module.exceptions.ConnectionError
    error: Exception = kind(f"{reply.broken} failed, as the test asked for", request=request)
    return error
