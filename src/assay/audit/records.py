"""One exchange out of a recording, whatever the format: where it stands, whom it was with, what was said.

The rule of this module: what a recording leaves out is None here, and never guessed; a body stands as the peer would
see it after the recorder's own decoding, so a content coding that is undone already is taken out of the headers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from assay.messages import Headers, Request, Response
from assay.wire.media import decompress
from assay.wire.problem import Problem

__all__ = [
    "BODY_LIMIT",
    "Broken",
    "Place",
    "Record",
    "Unreadable",
    "address",
    "fields",
    "method_of",
    "raw",
    "record",
    "request",
    "response",
    "status",
]

BODY_LIMIT = 64 * 1024 * 1024
"""Bytes that one recorded body, or one line of JSON Lines, may have."""

_BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_METHOD = re.compile(r"[A-Z]{1,20}")
_NOT_RECORDED = "its body was not recorded"
_UNKNOWN_CODING = "its content coding cannot be undone here"
_STATUSES = range(100, 600)


class Place(NamedTuple):  # a tuple, as one is made for every line and a frozen dataclass takes twice as long
    """Where an exchange stands: a file, and a line (from 1) or an entry (from 0); both are None for the whole file.

    ``start`` is the first byte of the piece of the file in which ``line`` is counted.
    """

    file: str
    line: int | None = None
    entry: int | None = None
    start: int = 0

    def __str__(self) -> str:
        if self.line is not None:
            return f"{self.file}:{self.line}"
        return self.file if self.entry is None else f"{self.file}[{self.entry}]"


@dataclass(frozen=True, slots=True)
class Broken:
    """An entry that cannot be read as an exchange, and why, in a phrase that repeats nothing of it."""

    place: Place
    reason: str


class Record(NamedTuple):  # a tuple, for the reason that a Place is one
    """One recorded exchange.

    ``host`` is the authority without credentials (``api.openai.com``, ``localhost:8000``), or empty. The target of
    ``request`` has no host. ``response`` is None when none came. ``skipped`` says of ``request`` and ``response``
    why that body cannot be judged; a message that is not named there is recorded whole. ``when`` is the time that the
    recording gives, in seconds since 1970. ``answered_at`` is where the response stands if not at ``place``.
    """

    place: Place
    host: str
    request: Request
    response: Response | None
    skipped: Mapping[str, str]
    when: float | None = None
    answered_at: Place | None = None


class Unreadable(ValueError):  # noqa: N818  what is so, not an error of ours
    """An entry is not an exchange; ``str`` is the phrase that a :class:`Broken` carries."""


def record(
    place: Place,
    host: str,
    request: Request,
    response: Response | None,
    gaps: Mapping[str, str],
    when: float | None = None,
) -> Record:
    """Make a record; ``gaps`` are the reasons, by message, why a body is missing (empty reasons are dropped)."""
    skipped = {name: reason for name, reason in gaps.items() if reason}
    if response is None:
        skipped["response"] = "no response was recorded"
    return Record(place, host, request, response, skipped, when)


def address(url: object) -> tuple[str, str]:
    """Split a URL into its host, without credentials, and its path with the query."""
    if not isinstance(url, str):
        raise Unreadable("its URL is not text")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Unreadable("its URL cannot be read") from None
    query = f"?{parts.query}" if parts.query else ""
    return parts.netloc.rpartition("@")[2].lower(), f"{parts.path or '/'}{query}"


def fields(value: object) -> list[tuple[str, str]]:
    """Read header fields in any form in which recordings hold them; pseudo-fields of HTTP/2 are left out.

    The forms: ``{name: value}``, ``{name: [value, ...]}``, ``[[name, value], ...]``, ``[{name, value}, ...]``.
    """
    if value is None:
        return []
    pairs: list[tuple[Any, Any]]
    if isinstance(value, Mapping):
        pairs = [(name, item) for name, given in value.items() for item in _listed(given)]
    elif isinstance(value, list):
        pairs = [_pair(item) for item in value]
    else:
        raise Unreadable("its headers are neither an object nor an array")
    return [(_text(name), _text(item)) for name, item in pairs if not _text(name).startswith(":")]


def method_of(method: object) -> str:
    """Read a method; recorders do not all keep its case."""
    name = method.upper() if isinstance(method, str) else ""
    if not _METHOD.fullmatch(name):
        raise Unreadable("its method is not a name of HTTP")
    return name


def status(value: object) -> int:
    """Read a status code."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:4])
    if not isinstance(value, int) or isinstance(value, bool) or value not in _STATUSES:
        raise Unreadable("its status is not a number from 100 to 599")
    return value


def raw(value: object) -> bytes | None:
    """Return the bytes of a recorded body: text, bytes, or a JSON value that a recorder has parsed; None is None."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return _written(value)


def request(method: str, target: str, headers: list[tuple[str, str]], body: bytes | None) -> tuple[Request, str]:
    """Make a request of its recorded parts; return it with the reason why its body is missing, or ``""``."""
    if body is None:
        # Some recorders write the same for no body and for a body that is not text.
        bodiless = method in _BODILESS or Headers(headers).get("content-length") == "0"
        gap = "" if bodiless else _NOT_RECORDED
        return Request(method, target, headers), gap
    plain, kept = _plain(body, headers)
    if plain is None:
        return Request(method, target, headers), _UNKNOWN_CODING
    return Request(method, target, _with_type(kept, plain), plain), ""


def response(code: int, headers: list[tuple[str, str]], body: bytes | None) -> tuple[Response, str]:
    """Make a response of its recorded parts; return it with the reason why its body is missing, or ``""``."""
    if body is None:
        return Response(code, headers), _NOT_RECORDED
    plain, kept = _plain(body, headers)
    if plain is None:
        return Response(code, headers), _UNKNOWN_CODING
    return Response(code, _with_type(kept, plain), plain), ""


def _written(value: Any) -> bytes:
    """Write a parsed body as JSON again, within the limit: aliases of YAML make much out of little."""
    pieces, size = [], 0
    try:
        for piece in json.JSONEncoder(default=str).iterencode(value):
            size += len(piece)
            if size > BODY_LIMIT:
                raise Unreadable("one of its bodies is too long")
            pieces.append(piece)
    except (TypeError, RecursionError):
        raise Unreadable("one of its bodies is no JSON value") from None
    except ValueError as error:
        raise Unreadable(str(error) if isinstance(error, Unreadable) else "one of its bodies holds itself") from None
    return "".join(pieces).encode()


def _plain(body: bytes, headers: list[tuple[str, str]]) -> tuple[bytes | None, list[tuple[str, str]]]:
    """Undo a content coding unless the recorder has done so; None when the body can be read neither way."""
    coding = Headers(headers).get("content-encoding")
    if coding is None:
        return body, headers
    kept = [(name, value) for name, value in headers if name.lower() != "content-encoding"]
    plain = decompress(body, coding, BODY_LIMIT)
    if not isinstance(plain, Problem):
        return plain, kept
    return (body, kept) if _is_text(body) else (None, kept)


def _is_text(body: bytes) -> bool:
    try:
        return "\0" not in body.decode()
    except UnicodeDecodeError:
        return False


def _with_type(headers: list[tuple[str, str]], body: bytes) -> list[tuple[str, str]]:
    """Give a message without any field the type that its body shows: its fields were cut off, not forgotten."""
    if headers or not body:
        return headers
    if body.lstrip()[:1] in (b"{", b"["):
        return [("content-type", "application/json")]
    if body.lstrip().startswith((b"data:", b"event:", b":")):
        return [("content-type", "text/event-stream")]
    return headers


def _listed(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else (value,)


def _pair(item: object) -> tuple[Any, Any]:
    if isinstance(item, Mapping) and "name" in item:
        return item["name"], item.get("value", "")
    if isinstance(item, list | tuple) and len(item) == 2:  # noqa: PLR2004  a name and its value
        return item[0], item[1]
    raise Unreadable("one of its headers has no name and value")


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, str | int | float):
        return str(value)
    raise Unreadable("one of its headers is not text")
