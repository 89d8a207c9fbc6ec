"""Between a patched client and whoever looks on: Interceptor, Exchange, and Reply, an answer without network.

The rule of this module: a patch tells what crosses the wire, in the order in which the client sends and reads it, and
holds nothing back; it decides nothing.

For each request a patch asks :meth:`Interceptor.begin`. None: the request is left alone. Else the exchange is told:

    sent(request)               the request is whole. A returned Reply answers it, and the network is never touched.
    response(status, headers)   the head of the response, from the network or of the Reply
    data(chunk)                 bytes as the client reads them, content codings as on the wire
    end() | broken(reason) | closed()
                                the last byte was read | the connection failed (also before any response)
                                | the client stopped reading early (not every client tells)

All of it may come from any thread and any event loop; one exchange never from two at once. An exception that
``begin`` or ``sent`` raises goes to the caller of the client.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.messages import Headers, Request

__all__ = ["Break", "Exchange", "Interceptor", "Reply"]

Break = Literal["", "connect", "read", "timeout"]
"""How a connection fails: not at all, before any response, after the chunks of the body, by keeping silent there."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer without network. ``chunks`` reach the client one by one, as they are, without delay.

    ``broken`` makes the client raise its own error of that kind: ``connect`` at once, without status and chunks;
    ``read`` and ``timeout`` when the chunks are used up (``timeout`` without chunks and with status 0: no response).
    """

    status: int
    headers: Headers
    chunks: Iterable[bytes] = ()
    broken: Break = ""


class Exchange(Protocol):
    """One request with its response, as a client sends and reads it."""

    @property
    def answers(self) -> bool:
        """Whether :meth:`sent` returns a reply: then a body that streams is read whole before it is called."""

    def sent(self, request: Request) -> Reply | None:
        """Take the whole request; its target is the path with the query."""

    def response(self, status: int, headers: Headers) -> None:
        """Take the head of the response."""

    def data(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""

    def end(self) -> None:
        """Take the end of the body."""

    def broken(self, reason: str) -> None:
        """Take that the connection failed; ``reason`` is the name of the client's error."""

    def closed(self) -> None:
        """Take that the client stopped reading before the end."""


class Interceptor(Protocol):
    """Who looks on."""

    def begin(self, method: str, url: str) -> Exchange | None:
        """Open the exchange of a request, or return None to leave it alone."""
