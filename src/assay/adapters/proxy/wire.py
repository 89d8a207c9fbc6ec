"""The proxy's side of HTTP/1.1 towards clients: uvicorn's protocol on httptools, with bounds and without doubts.

The rule of this module: a request that two readers could read in two ways is refused (RFC 9112, 6 and 11.2), a head has
an end in time and size, and a body that stops coming ends the connection; whoever waits for us waits for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

__all__ = ["GuardedProtocol"]

HEAD_LIMIT = 64 * 1024
"""Bytes that the head of a request may have."""
HEAD_SECONDS = 20.0
"""From the first byte of a request, or from the connection's beginning, to the end of its head."""
IDLE_SECONDS = 60.0
"""Between two pieces of a body, while we are ready to read."""

_REASONS = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}
_ENDS = (b"\r", b"\n", b"\0")


class _Doubtful(Exception):  # noqa: N818  the request is in doubt, not the program
    """A request that could be read in two ways."""


class GuardedProtocol(HttpToolsProtocol):
    """One connection of a client."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._reading = True  # a request is awaited or coming in
        self._in_head = True
        self._head_size = 0
        self._began = self.loop.time()
        self._heard = self._began
        self._timer: asyncio.TimerHandle | None = None
        self._answer = (400, "expected an HTTP/1.1 request")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._watch(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take the next bytes."""
        if self.transport.is_closing():
            return
        self._heard = self.loop.time()
        super().data_received(data)
        if not self._reading or self.transport.is_closing():
            self._unwatch()
            return
        if self._in_head:
            # What was fed and brought no end belongs to the head.
            self._head_size += len(data)
            if self._head_size > HEAD_LIMIT:
                self._refuse(431, f"expected at most {HEAD_LIMIT} bytes of header fields")
                return
        if self._timer is None:
            self._watch(HEAD_SECONDS if self._in_head else IDLE_SECONDS)

    def on_message_begin(self) -> None:
        """A request's first byte is here."""
        super().on_message_begin()
        self._reading = self._in_head = True
        self._head_size = 0
        self._began = self.loop.time()

    def on_headers_complete(self) -> None:
        """Look at the head before anybody else does."""
        self._in_head = False
        if sum(len(name) + len(value) + 4 for name, value in self.headers) + len(self.url) > HEAD_LIMIT:
            self._answer = (431, f"expected at most {HEAD_LIMIT} bytes of header fields")
            raise _Doubtful
        doubt = _doubt(self.headers, self.parser.get_http_version(), upgrade=self.parser.should_upgrade())
        if doubt:
            self._answer = (400, doubt)
            raise _Doubtful
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is here, whole."""
        self._reading = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  the base class's own words
        """Answer what the parser refused, in OpenAI's envelope."""
        self._refuse(*self._answer)

    def _refuse(self, status: int, expected: str) -> None:
        error = {"message": f"Invalid request: {expected}.", "type": "invalid_request_error", "param": None}
        body = orjson.dumps({"error": {**error, "code": "http_message"}})
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(body)}\r\nx-assay-rule: http/message\r\nconnection: close\r\n\r\n"
        # Into a response that has begun nothing is written: it is cut off.
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    def _watch(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._look)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """End the connection when the request is late."""
        self._timer = None
        if not self._reading or self.transport.is_closing():
            return
        now = self.loop.time()
        if self._in_head:
            left = self._began + HEAD_SECONDS - now
        elif self.flow.read_paused:  # it is we who do not read
            left = IDLE_SECONDS
        else:
            left = self._heard + IDLE_SECONDS - now
        if left > 0:
            self._watch(left)
        else:
            self._refuse(408, "expected the whole request in time")


def _doubt(headers: list[tuple[bytes, bytes]], version: str, *, upgrade: bool) -> str:
    """Say why a head could be read in two ways, or nothing."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(value)
        if any(end in value for end in _ENDS):
            return "expected header fields on one line each"
    codings, lengths = found.get(b"transfer-encoding", []), found.get(b"content-length", [])
    if codings and (codings[0].strip().lower() != b"chunked" or len(codings) > 1 or version != "1.1"):
        return "expected no Transfer-Encoding but chunked, in HTTP/1.1"
    if codings and lengths:
        return "expected Transfer-Encoding or Content-Length, not both"
    if len(lengths) > 1 or not all(length.isdigit() for length in lengths):
        return "expected one Content-Length of decimal digits"
    if len(found.get(b"host", [])) != 1 and (version == "1.1" or b"host" in found):
        return "expected one Host"
    if version not in ("1.0", "1.1"):
        return "expected HTTP/1.0 or HTTP/1.1"
    return "expected no Upgrade and no CONNECT" if upgrade else ""
