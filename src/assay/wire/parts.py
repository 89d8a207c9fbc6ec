"""The framing of a multipart body: boundary, part headers, Content-Disposition, transfer encoding.

The rule of this module: it knows bytes and header fields and nothing of schemas; every size is bounded and every
search moves forward, so that no body takes more than linear time.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from assay.wire.media import essence, parameters_of
from assay.wire.problem import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["HEAD_LIMIT", "MOST_PARTS", "Part", "split_parts"]

MOST_PARTS = 1000
"""Parts that one body may have."""
HEAD_LIMIT = 16 * 1024
"""Bytes that the headers of one part may have."""

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_AFTER = re.compile(rb"(--)?[ \t]*(\r\n|\Z)?")
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)", re.DOTALL)
_FOLD = re.compile(r"\r\n[ \t]+")
_DISPOSITION = re.compile(r"[ \t]*form-data[ \t]*(?=;|\Z)", re.IGNORECASE)
_ESCAPED = re.compile("%(22|0D|0A)", re.IGNORECASE)
_CODECS = {"utf-8": "utf-8", "iso-8859-1": "latin-1"}


@dataclass(frozen=True, slots=True, repr=False)
class Part:
    """One part: its name and file name decoded, its headers by lower-case name, its data without transfer encoding."""

    name: str
    filename: str | None
    content_type: str
    headers: Mapping[str, str]
    data: bytes

    def __repr__(self) -> str:
        return f"<Part {len(self.data)} bytes>"


def split_parts(body: bytes, content_type: str) -> Iterator[Part]:
    """Yield the parts of a ``multipart/form-data`` body; raises ``Malformed``."""
    delimiter = b"--" + _boundary(content_type)
    start, last = _first(body, delimiter)
    number = 0
    while not last:
        number += 1
        if number > MOST_PARTS:
            raise Malformed(f"at most {MOST_PARTS} parts", "more")
        end, following, last = _next(body, b"\r\n" + delimiter, start)
        yield _part(body, start, end, f"part {number}")
        start = following


def _boundary(content_type: str) -> bytes:
    boundary = essence(content_type)[1].get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise Malformed("a boundary of 1 to 70 characters in Content-Type", "none" if not boundary else "another form")
    return boundary.encode("ascii")


def _first(body: bytes, delimiter: bytes) -> tuple[int, bool]:
    """Find where the first part starts; text before the first boundary is skipped, as RFC 2046 says."""
    if body.startswith(delimiter):
        match = _AFTER.match(body, len(delimiter))
        if match and (match[1] or match[2]):
            return match.end(), bool(match[1])
    _, start, last = _next(body, b"\r\n" + delimiter, 0, missing="no boundary")
    return start, last


def _next(body: bytes, delimiter: bytes, start: int, missing: str = "a body without it") -> tuple[int, int, bool]:
    """Return where the data ends, where the next part starts, and whether this was the closing boundary.

    A line that only begins like the boundary is data.
    """
    # A part without data may share its blank line with the boundary's CRLF.
    search = max(start - 2, 0)
    while (found := body.find(delimiter, search)) >= 0:
        match = _AFTER.match(body, found + len(delimiter))
        if match and (match[1] or match[2]):
            return found, match.end(), bool(match[1])
        search = found + 2
    raise Malformed("the boundary line that ends the body" if start else "the boundary line of Content-Type", missing)


def _part(body: bytes, start: int, end: int, at: str) -> Part:
    if body.startswith(b"\r\n", start):
        head_end, data_start = start, start + 2
    else:
        head_end = body.find(b"\r\n\r\n", start, min(end + 2, start + HEAD_LIMIT + 4))
        data_start = head_end + 4
    if head_end < 0:
        got = "headers without an end" if end - start < HEAD_LIMIT else "more"
        raise Malformed(f"a blank line after at most {HEAD_LIMIT} bytes of part headers", got, at)
    headers = _headers(body[start:head_end], at)
    name, filename = _disposition(headers.get("content-disposition"), at)
    data = _plain(body[data_start : max(end, data_start)], headers.get("content-transfer-encoding", ""), at)
    return Part(name, filename, headers.get("content-type", ""), headers, data)


def _headers(raw: bytes, at: str) -> dict[str, str]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    found: dict[str, str] = {}
    for line in _FOLD.sub(" ", text).split("\r\n"):
        match = _FIELD.fullmatch(line)
        if match is None:
            if line:
                raise Malformed("part headers as name: value lines", "another line", at)
            continue
        found.setdefault(match[1].lower(), match[2].strip(" \t"))
    return found


def _disposition(value: str | None, at: str) -> tuple[str, str | None]:
    """Read the name and file name of a part (RFC 7578, 4.2; quoting as browsers do it)."""
    match = _DISPOSITION.match(value) if value is not None else None
    if value is None or match is None:
        raise Malformed("Content-Disposition: form-data", "none" if value is None else "another disposition", at)
    parameters = parameters_of(value, match.end())
    if parameters is None or "name" not in parameters:
        raise Malformed("a name in Content-Disposition", "none", at)
    filename = parameters.get("filename")
    if "filename*" in parameters:
        filename = _extended(parameters["filename*"], at)
    elif filename is not None:
        filename = _unescaped(filename)
    return _unescaped(parameters["name"]), filename


def _unescaped(text: str) -> str:
    """Undo the three escapes of the WHATWG HTML standard; any other ``%`` is data."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text) if "%" in text else text


def _extended(text: str, at: str) -> str:
    """Decode ``charset'language'value`` (RFC 8187)."""
    charset, _, rest = text.partition("'")
    codec = _CODECS.get(charset.lower())
    try:
        if codec is not None:
            return unquote_to_bytes(rest.partition("'")[2]).decode(codec)
    except UnicodeError:
        pass
    raise Malformed("filename* in UTF-8 (RFC 8187)", "another encoding", at)


def _plain(data: bytes, encoding: str, at: str) -> bytes:
    """Undo a Content-Transfer-Encoding."""
    match encoding.lower():
        case "" | "7bit" | "8bit" | "binary":
            return data
        case "quoted-printable":
            return binascii.a2b_qp(data)
        case "base64":
            try:
                return binascii.a2b_base64(data.replace(b"\r\n", b""), strict_mode=bool(data))
            except binascii.Error:
                raise Malformed("base64", "other bytes", at) from None
        case _:
            raise Malformed("a transfer encoding of binary, 7bit, 8bit, base64 or quoted-printable", "another one", at)
