"""Cassettes: the exchanges of one test as an HTTP Archive (HAR 1.2), without secrets.

The rule of this module: pure, from exchanges to a value of JSON and back. No header, query parameter or body that is
written holds a credential or says whose account it was. Beside the standard's own fields, ``_pieces`` holds the sizes
of the pieces in which a body was read, and ``_broken`` says that a connection failed.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from assay.adapters.intercept import Reply
from assay.audit.har import is_archive, read_archive
from assay.audit.records import Broken
from assay.errors import UsageError
from assay.messages import Headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from assay.adapters.intercept.wire import Break
    from assay.messages import Request
    from assay.testing.observe import Seen

__all__ = ["REMOVED", "Track", "archive", "secrets_of", "tracks"]

REMOVED = "removed"
"""What stands where a secret stood."""

_SECRET = re.compile(
    r"authorization|cookie|api[-_]?key|subscription[-_]?key|secret|token$|password|signature|organization|project"
    r"|^(key|sig|code)$|x-amz-|x-goog-|client-request-id",
    re.IGNORECASE,
)
_SHORTEST = 8  # characters of a secret that is looked for in bodies
_EPOCH = "1970-01-01T00:00:00.000Z"


@dataclass(frozen=True, slots=True)
class Track:
    """One recorded exchange: what was asked, where, and what is answered again."""

    url: str
    request: Request
    reply: Reply


def archive(exchanges: Iterable[Seen], *, moment: str = _EPOCH) -> dict[str, Any]:
    """Write exchanges as an archive. ``moment`` is when the recording was made, as ISO 8601."""
    kept = list(exchanges)
    secrets = sorted({secret for seen in kept for secret in secrets_of(seen)}, key=len, reverse=True)
    entries = [_entry(seen, secrets, moment) for seen in kept]
    return {"log": {"version": "1.2", "creator": {"name": "assay", "version": "1"}, "entries": entries}}


def tracks(value: Any, file: str) -> Iterator[Track]:
    """Read the exchanges of an archive; raises ``UsageError`` for one that cannot be used."""
    if not is_archive(value):
        raise UsageError(f"{file} is no cassette: it is not an HTTP Archive; record it again with --assay-record")
    for raw, record in zip(value["log"]["entries"], read_archive(value, file), strict=True):
        if isinstance(record, Broken):
            raise UsageError(f"{record.place} cannot be used: {record.reason}; record it again with --assay-record")
        came = raw["response"]
        broken: Break = came.get("_broken") or ""
        response = record.response
        if response is None:
            reply = Reply(0, Headers(), (), broken or "connect")
        else:
            reply = Reply(response.status, response.headers, _pieces(response.body, came.get("_pieces")), broken)
        yield Track(raw["request"]["url"], record.request, reply)


def secrets_of(seen: Seen) -> set[str]:
    """The credentials that an exchange carries: they may stand in bodies too."""
    found: set[str] = set()
    for headers in (seen.request.headers, seen.headers):
        for name, value in headers.fields:
            if _SECRET.search(name):
                found |= {value, *value.split()}
    found |= {value for name, value in parse_qsl(urlsplit(seen.url).query) if _SECRET.search(name)}
    return {secret for secret in found if len(secret) >= _SHORTEST}


def _entry(seen: Seen, secrets: list[str], moment: str) -> dict[str, Any]:
    return {
        "startedDateTime": moment,
        "time": 0,
        "request": _request(seen, secrets),
        "response": _response(seen, secrets),
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
    }


def _request(seen: Seen, secrets: list[str]) -> dict[str, Any]:
    body = _without(seen.request.body, secrets)
    url = _plain_url(seen.url)
    made: dict[str, Any] = {
        "method": seen.request.method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _fields(seen.request.headers),
        "queryString": [{"name": n, "value": v} for n, v in parse_qsl(urlsplit(url).query, keep_blank_values=True)],
        "headersSize": -1,
        "bodySize": len(body),
    }
    if body:
        made["postData"] = {"mimeType": seen.request.headers.content_type or "", **_text(body)}
    return made


def _response(seen: Seen, secrets: list[str]) -> dict[str, Any]:
    pieces = list(seen.pieces)
    plain = [_without(piece, secrets) for piece in pieces]
    whole = _without(b"".join(pieces), secrets)
    # A secret that is cut in two by the pieces is found only in the whole.
    sizes = [len(piece) for piece in plain if piece] if b"".join(plain) == whole else [len(whole)]
    made: dict[str, Any] = {
        "status": seen.status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _fields(seen.headers),
        "content": {"size": len(whole), "mimeType": seen.headers.content_type or "", **_text(whole)},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": len(whole),
    }
    if len(sizes) > 1:
        made["_pieces"] = sizes
    if seen.state == "broken":
        made["_broken"] = "read" if seen.status else "connect"
    return made


def _fields(headers: Headers) -> list[dict[str, str]]:
    """Header fields without secrets, and without those that tell of the wire's form of a body."""
    gone = ("content-length", "transfer-encoding", "connection")
    return [
        {"name": name, "value": REMOVED if _SECRET.search(name) else value}
        for name, value in headers.fields
        if name.lower() not in gone
    ]


def _plain_url(url: str) -> str:
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    if any(_SECRET.search(name) for name, _ in pairs):
        query = urlencode([(name, REMOVED if _SECRET.search(name) else value) for name, value in pairs])
    else:
        query = parts.query
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


def _without(body: bytes, secrets: list[str]) -> bytes:
    for secret in secrets:
        body = body.replace(secret.encode(), REMOVED.encode())
    return body


def _text(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(body).decode(), "encoding": "base64"}


def _pieces(body: bytes, sizes: Any) -> list[bytes]:
    if not isinstance(sizes, list) or sum(sizes) != len(body):
        return [body] if body else []
    pieces, start = [], 0
    for size in sizes:
        pieces.append(body[start : start + size])
        start += size
    return pieces
