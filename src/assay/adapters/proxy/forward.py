"""An ASGI application that forwards every request to one upstream server, streaming both ways.

The rule of this module: nothing is buffered but what is in flight, hop-by-hop fields stay on their hop (RFC 9110,
7.6.1), a client that goes away takes its upstream request with it, and an upstream that fails is a 502 or 504 in
OpenAI's envelope, or a broken connection where the response has begun.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import orjson
from yarl import URL

from assay.errors import TargetError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

__all__ = ["Forward", "Upstream"]

_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
    b"transfer-encoding", b"upgrade",
})  # fmt: skip
_NOT_SENT = _HOP | {b"host", b"expect", b"content-length"}
_AUTO = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")
_DOTS = re.compile(rb"(?:^|/)(?:\.|%2e){1,2}(?:/|\\|%2f|%5c|$)", re.IGNORECASE)
_SMALL = 64 * 1024
# Shorter than the time after which common servers close an idle connection (uvicorn: 5 s), or a request would be lost.
_KEPT_SECONDS = 4.0
_LONGEST_FIELD = 64 * 1024


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where requests go. ``base`` is the base path of the description, as ``assay run`` means it.

    A URL without a path gets every path as it is; the path of a URL takes the place of ``base``. ``connect`` and
    ``idle`` are seconds: to connect, and between two pieces of a response.
    """

    url: str
    base: str = "/v1"
    connect: float = 10.0
    idle: float = 600.0

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            port = parts.port
        except ValueError:
            raise UsageError("the upstream's URL cannot be read") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or port == 0:
            raise UsageError("the upstream must be a URL such as http://127.0.0.1:8000 or https://host/v1")
        if parts.username or parts.password:
            raise UsageError("the upstream's URL must not hold a user name or password; clients send their own keys")

    def at(self, path: bytes, query: bytes) -> URL:
        """Return the URL for a path and query as the client sent them."""
        parts = urlsplit(self.url)
        own = parts.path.rstrip("/")
        text = path.decode("ascii")
        if own and (text == self.base or text.startswith(f"{self.base}/")):
            text = text[len(self.base) :]
        full = f"{parts.scheme}://{parts.netloc}{own}{text}"
        return URL(f"{full}?{query.decode('ascii')}" if query else full, encoded=True)


class Forward:
    """The application; ``aclose`` it when done."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Close all connections to the upstream."""
        if self._session is not None:
            await self._session.close()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Forward one request."""
        if _DOTS.search(scope["raw_path"]):
            await _answer(send, 400, "Invalid request: expected a path without dot segments.", "http_path")
            return
        exchange = _Exchange(receive, send)
        try:
            await exchange.run(self._open(), self.upstream, scope)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            if exchange.started:
                raise TargetError(f"the upstream broke off: {type(error).__name__}") from error
            late = isinstance(error, TimeoutError)
            status, code = (504, "upstream_timeout") if late else (502, "upstream_failed")
            text = (
                "The upstream server did not answer in time." if late else "The upstream server could not be reached."
            )
            await _answer(send, status, text, code)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEPT_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                max_field_size=_LONGEST_FIELD,
                max_line_size=_LONGEST_FIELD,
                skip_auto_headers=_AUTO,
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=self.upstream.connect, sock_read=self.upstream.idle
                ),
            )
        return self._session


class _Gone(ConnectionError):  # noqa: N818  it is what happened
    """The client went away in the middle of its request."""


class _Exchange:
    """One request on its way up and its response on its way down."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.started = False
        self._receive = receive
        self._send = send
        self._gone = False
        self._sent = asyncio.Event()  # the request's body is with us, whole

    async def run(self, session: aiohttp.ClientSession, upstream: Upstream, scope: Message) -> None:
        """Forward, until the response is over or the client is gone."""
        task = asyncio.current_task()
        first = await self._receive()
        if first["type"] == "http.disconnect" or task is None:
            return
        headers, body = _request_fields(scope["headers"]), self._body(first, scope["headers"])
        watcher = asyncio.create_task(self._watch(task))
        try:
            url = upstream.at(scope["raw_path"], scope["query_string"])
            async with session.request(
                scope["method"], url, headers=headers, data=body, allow_redirects=False
            ) as response:
                await self._answer(response)
        except asyncio.CancelledError:
            if not self._gone:
                raise
            task.uncancel()
        except (aiohttp.ClientError, _Gone):
            if not self._gone:
                raise
        finally:
            watcher.cancel()

    def _body(self, first: Message, headers: list[tuple[bytes, bytes]]) -> Any:
        """The body to send: at once when it is here, else as it comes."""
        piece = first.get("body", b"")
        if first.get("more_body", False):
            return self._pieces(piece)
        self._sent.set()
        declared = any(name in (b"content-length", b"transfer-encoding") for name, _ in headers)
        return piece if piece or declared else None

    async def _pieces(self, piece: bytes) -> AsyncIterator[bytes]:
        if piece:
            yield piece
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._gone = True
                raise _Gone
            more = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]
        self._sent.set()

    async def _watch(self, task: asyncio.Task[Any]) -> None:
        """Wait for the client to go away; then end its request."""
        await self._sent.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        task.cancel()

    async def _answer(self, response: aiohttp.ClientResponse) -> None:
        headers = _end_to_end(response.raw_headers)
        start = {"type": "http.response.start", "status": response.status, "headers": headers}
        length = response.content_length
        if length is not None and length <= _SMALL:
            body = await response.read()
            self.started = True
            await self._send(start)
            await self._send({"type": "http.response.body", "body": body, "more_body": False})
            return
        self.started = True
        await self._send(start)
        async for piece in response.content.iter_any():
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


def _request_fields(headers: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """The fields that go up. A declared length goes with them: the upstream sees the framing that we saw."""
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in _end_to_end(headers, _NOT_SENT)]
    lengths = [value.decode("ascii") for name, value in headers if name == b"content-length"]
    return [*fields, *(("content-length", length) for length in lengths), ("via", "1.1 assay")]


def _end_to_end(headers: Any, dropped: frozenset[bytes] = _HOP) -> list[tuple[bytes, bytes]]:
    """The fields without those of this hop, and without those that Connection names."""
    fields = [(name.lower(), value) for name, value in headers]
    named = {one.strip().lower() for name, value in fields if name == b"connection" for one in value.split(b",")}
    # A length that Connection names would leave the body without an end.
    gone = (named - {b"content-length", b"content-type", b"host"}) | dropped
    return [(name, value) for name, value in fields if name not in gone]


async def _answer(send: Send, status: int, message: str, code: str) -> None:
    kind = "invalid_request_error" if status < 500 else "server_error"  # noqa: PLR2004  the class of 5xx
    body = orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
