"""A reply in the bytes of HTTP/1.1, for clients that read their answers from a connection.

The rule of this module: each chunk of the reply is one chunk on the wire, so that the client sees the same pieces, and
a connection that breaks does so in the client's own code, which then raises the client's own error.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.adapters.intercept.wire import Reply

__all__ = ["written"]

_NO_CONTENT = frozenset({204, 205, 304})


def written(reply: Reply, method: str) -> Iterator[bytes]:
    """Yield the head, then every chunk, then the end, unless the reply breaks off there."""
    has_body = method.upper() != "HEAD" and reply.status not in _NO_CONTENT
    chunked = has_body and "content-length" not in reply.headers
    yield _head(reply, chunked=chunked)
    if not has_body:
        return
    for chunk in reply.chunks:
        if chunk:
            yield b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk
    if chunked and not reply.broken:
        yield b"0\r\n\r\n"


def _head(reply: Reply, *, chunked: bool) -> bytes:
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Unknown"
    fields = [(name, value) for name, value in reply.headers.fields if name.lower() != "transfer-encoding"]
    if chunked:
        fields.append(("Transfer-Encoding", "chunked"))
    lines = [f"HTTP/1.1 {reply.status} {phrase}", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")
