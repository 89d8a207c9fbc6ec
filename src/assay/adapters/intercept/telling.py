"""What every patch tells of one exchange, with each end told once.

The rule of this module: whoever looks on can never break the client: its calls come in the promised order, and a
body that streams is passed on piece by piece while its copy grows, up to a limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.messages import Headers, Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from assay.adapters.intercept.wire import Exchange

__all__ = ["SENT_LIMIT", "AsyncTee", "FileTee", "Sent", "Tee", "Telling", "without_coding"]

SENT_LIMIT = 64 * 1024 * 1024
"""Bytes of a request body that streams which are kept to be judged; of a longer one nothing is told."""


class Telling:
    """Tells one exchange what comes back; after its end nothing more is told."""

    __slots__ = ("_exchange", "_over")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._over = False

    @property
    def over(self) -> bool:
        """Whether the end was told."""
        return self._over

    def head(self, status: int, headers: Headers) -> None:
        """Tell the head of the response."""
        self._exchange.response(status, headers)

    def data(self, chunk: bytes) -> None:
        """Tell bytes of the body."""
        if chunk and not self._over:
            self._exchange.data(chunk)

    def end(self) -> None:
        """Tell the end of the body."""
        if not self._over:
            self._over = True
            self._exchange.end()

    def broken(self, error: BaseException) -> None:
        """Tell that the connection failed; what is no ``Exception`` (a cancelled task) is the client's own will."""
        if self._over:
            return
        self._over = True
        if isinstance(error, Exception):
            self._exchange.broken(type(error).__name__)
        else:
            self._exchange.closed()

    def closed(self) -> None:
        """Tell that the client reads no further."""
        if not self._over:
            self._over = True
            self._exchange.closed()


class Sent:
    """The copy of a request body that grows while it is sent; ``done`` tells the exchange of the whole."""

    __slots__ = ("_body", "_exchange", "_head", "_told")

    def __init__(self, exchange: Exchange, method: str, target: str, headers: Headers) -> None:
        self._exchange = exchange
        self._head = (method, target, headers)
        self._body = bytearray()
        self._told = False

    def add(self, chunk: bytes | str) -> None:
        """Keep the next bytes."""
        if len(self._body) <= SENT_LIMIT:
            self._body += chunk.encode() if isinstance(chunk, str) else chunk

    def done(self) -> None:
        """Tell the whole request, once."""
        if not self._told and len(self._body) <= SENT_LIMIT:
            self._told = True
            self._exchange.sent(Request(*self._head, bytes(self._body)))


class Tee:
    """An iterable body that is copied while it is sent."""

    def __init__(self, body: Any, sent: Sent) -> None:
        self._body = body
        self._sent = sent

    def __iter__(self) -> Iterator[Any]:
        for chunk in self._body:
            self._sent.add(chunk)
            yield chunk
        self._sent.done()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


class FileTee(Tee):
    """A file that is copied while it is sent."""

    def read(self, *size: Any) -> Any:
        """Read like the file."""
        chunk = self._body.read(*size)
        if chunk:
            self._sent.add(chunk)
        if not chunk or not size or size[0] is None or size[0] < 0:
            self._sent.done()
        return chunk


class AsyncTee(Tee):
    """An asynchronous iterable body that is copied while it is sent."""

    async def __aiter__(self) -> AsyncIterator[Any]:
        async for chunk in self._body:
            self._sent.add(chunk)
            yield chunk
        self._sent.done()


def without_coding(headers: Headers) -> Headers:
    """The fields of a message whose content coding was undone."""
    if headers.content_encoding is None:
        return headers
    return Headers((name, value) for name, value in headers.fields if name.lower() != "content-encoding")
