"""Media types and content codings: which content of a description a body is, and its bytes without compression.

The rule of this module: nothing is guessed. A media type that cannot be read matches nothing, an unknown coding or
charset is a problem, and no body grows past its limit while it is decompressed. RFC 9110, sections 8.3 and 8.4.
"""

from __future__ import annotations

import re
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

from assay.wire.problem import Malformed, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.model import Content

__all__ = ["Decompressor", "decode_text", "decompress", "essence", "fits", "is_json", "parameters_of", "select"]

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_ESSENCE = re.compile(rf"[ \t]*({_NAME}/{_NAME})[ \t]*")
_PARAMETER = re.compile(rf';[ \t]*(?:({_NAME}\*?)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;"]*))?[ \t]*', re.DOTALL)
# Only these two need a backslash; before any other character it is data, as browsers send it (C:\new.png).
_ESCAPE = re.compile(r'\\(["\\])')

# Media types are ASCII supersets or UTF forms only: CPython knows codecs that are no charsets (``rot13``, ``idna``).
_CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "latin-1",
    "latin1": "latin-1",
    "windows-1252": "cp1252",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
_MOST_CODINGS = 4
_HEAD = 2
# zlib copies what follows a member, so that tiny members in one large piece would take quadratic time.
_PIECE = 64 * 1024
_MOST_MEMBERS = 10_000


def essence(content_type: str | None) -> tuple[str, dict[str, str]]:
    """Split a Content-Type into ``type/subtype`` in lower case and its parameters (names in lower case).

    Returns ``("", {})`` when it is missing or malformed.
    """
    match = _ESSENCE.match(content_type) if content_type else None
    if match is None or content_type is None:
        return "", {}
    found = parameters_of(content_type, match.end())
    return ("", {}) if found is None else (match[1].lower(), found)


@lru_cache(maxsize=256)
def _kind(content_type: str | None) -> str:
    """The same few Content-Types come again and again."""
    return essence(content_type)[0]


def parameters_of(text: str, start: int) -> dict[str, str] | None:
    """Read ``;name=value`` pairs from ``start`` to the end; the first of a name wins. None when malformed."""
    found: dict[str, str] = {}
    while start < len(text):
        match = _PARAMETER.match(text, start)
        if match is None:
            return None
        start = match.end()
        if match[1]:
            value = match[2].strip(" \t")
            found.setdefault(match[1].lower(), _ESCAPE.sub(r"\1", value[1:-1]) if value[:1] == '"' else value)
    return found


def is_json(media_type: str) -> bool:
    """Tell whether a media type (essence) is JSON: ``application/json``, ``text/json`` or any ``+json``."""
    return media_type == "application/json" or media_type.endswith("+json") or media_type == "text/json"


def select(contents: Sequence[Content], content_type: str | None) -> Content | None:
    """Return the content that a Content-Type belongs to: the exact type, else the narrowest range that holds it.

    ``application/*+json`` is a range too. None when nothing fits, or the Content-Type is missing or malformed.
    """
    for content in contents:
        if content.media_type == content_type:
            return content
    kind = _kind(content_type)
    if not kind:
        return None
    ranges = {content.media_type: content for content in reversed(contents)}
    main, _, sub = kind.partition("/")
    suffix = sub.rpartition("+")[2] if "+" in sub else None
    for name in (kind, f"{main}/*+{suffix}" if suffix else kind, f"{main}/*", "*/*"):
        if name in ranges:
            return ranges[name]
    return None


def fits(kind: str, media_range: str) -> bool:
    """Tell whether a media type (essence) is inside a range: ``image/*``, ``*/*``, or the type itself."""
    wanted = essence(media_range)[0]
    return wanted in (kind, "*/*") or (wanted.endswith("/*") and kind.startswith(wanted[:-1]))


def decode_text(body: bytes, content_type: str | None) -> str | Problem:
    """Decode a text body by its charset parameter, UTF-8 where there is none."""
    name = essence(content_type)[1].get("charset", "utf-8").lower()
    codec = _CHARSETS.get(name)
    if codec is None:
        return Problem("a known charset (utf-8)", "another one")
    try:
        return body.decode(codec)
    except UnicodeDecodeError as error:
        return Problem(name, f"bytes that are not {name}", f"byte {error.start}")


class Decompressor:
    """Undoes the content codings of one body as its bytes arrive. ``limit`` bounds all bytes that come out.

    ``feed`` and ``close`` raise ``Malformed``; after that the decompressor is spent.
    """

    def __init__(self, encodings: str | None, limit: int) -> None:
        names = [name.strip(" \t").lower() for name in (encodings or "").split(",")]
        codings = [name for name in names if name not in ("", "identity")]
        if len(codings) > _MOST_CODINGS:
            raise Malformed(f"at most {_MOST_CODINGS} content codings", f"{len(codings)}")
        # The coding that was applied last is named last and undone first.
        self._stages = [_stage(name) for name in reversed(codings)]
        self._limit = limit
        self._out = 0

    def feed(self, data: bytes) -> bytes:
        """Return the bytes that can be known so far."""
        # Every stage is bounded, or a bomb inside a bomb would grow in the first stage.
        for stage in self._stages:
            pieces = [data[start : start + _PIECE] for start in range(0, len(data), _PIECE)]
            data = b"".join([stage.feed(piece, self._limit) for piece in pieces])
        self._out += len(data)
        if self._out > self._limit and self._stages:
            raise Malformed(f"a body of at most {self._limit} bytes once decompressed", "a larger one")
        return data

    def close(self) -> None:
        """Check that every coding came to its end."""
        for stage in self._stages:
            stage.close()


def decompress(body: bytes, encodings: str | None, limit: int) -> bytes | Problem:
    """Undo a Content-Encoding (``gzip``, ``x-gzip``, ``deflate``, ``identity``, stacked), or say why it cannot be.

    ``limit`` is the largest size in bytes that may come out.
    """
    if encodings is None:
        return body
    try:
        decompressor = Decompressor(encodings, limit)
        data = decompressor.feed(body)
        decompressor.close()
    except Malformed as error:
        return error.problem
    return data


def _stage(name: str) -> _Stage:
    if name in ("gzip", "x-gzip"):
        return _Stage(name, 16 + zlib.MAX_WBITS)
    if name == "deflate":
        return _Stage(name, zlib.MAX_WBITS)
    raise Malformed("a content coding of gzip, deflate or identity", "another one")


class _Stage:
    """One coding. A gzip body may have several members; ``deflate`` is zlib, or raw as some servers send it."""

    def __init__(self, name: str, bits: int) -> None:
        self._name = name
        self._bits = bits
        self._zlib = zlib.decompressobj(bits)
        self._begun = False
        self._head = b""
        self._total = 0
        self._members = 1

    def feed(self, data: bytes, limit: int) -> bytes:
        pieces = []
        if not self._begun:
            # Two bytes tell zlib's form from the raw one.
            data = self._head = self._head + data
            if len(data) < _HEAD:
                return b""
        while data:
            if self._zlib.eof:
                if self._name == "deflate":
                    raise Malformed("the end of the deflate body", "more bytes after it")
                self._members += 1
                if self._members > _MOST_MEMBERS:
                    raise Malformed(f"at most {_MOST_MEMBERS} gzip members", "more")
                self._zlib = zlib.decompressobj(self._bits)
            piece = self._inflate(data, limit + 1 - self._total)
            self._begun = True
            self._total += len(piece)
            if self._total > limit:
                raise Malformed(f"a body of at most {limit} bytes once decompressed", "a larger one")
            pieces.append(piece)
            data = self._zlib.unused_data or self._zlib.unconsumed_tail
        return b"".join(pieces)

    def _inflate(self, data: bytes, room: int) -> bytes:
        try:
            return self._zlib.decompress(data, room)
        except zlib.error:
            if self._name != "deflate" or self._begun:
                raise Malformed(f"a {self._name} body", "bytes that are not") from None
        self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            return self._zlib.decompress(data, room)
        except zlib.error:
            raise Malformed("a deflate body", "bytes that are not") from None

    def close(self) -> None:
        if not self._zlib.eof and self._head:
            raise Malformed(f"a whole {self._name} body", "one that ends too early")
