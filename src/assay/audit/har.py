"""HTTP Archives (HAR 1.2): what browsers and proxies export.

The rule of this module: an archive holds decoded text beside the headers of the coded wire, so only the text counts.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from assay.audit import records
from assay.audit.records import Broken, Place, Record, Unreadable
from assay.audit.traits import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["is_archive", "read_archive", "read_entries"]

_EMPTY = frozenset({204, 205, 304})


def is_archive(value: Any) -> bool:
    """Say whether a JSON value is an archive."""
    log = value.get("log") if isinstance(value, dict) else None
    return isinstance(log, dict) and isinstance(log.get("entries"), list)


def read_archive(value: dict[str, Any], file: str) -> Iterator[Record | Broken]:
    """Read every entry of an archive."""
    return read_entries(value["log"]["entries"], file)


def read_entries(entries: Iterable[Any], file: str) -> Iterator[Record | Broken]:
    """Read entries as they come."""
    for number, entry in enumerate(entries):
        place = Place(file, entry=number)
        try:
            yield _record(entry, place)
        except Unreadable as error:
            yield Broken(place, str(error))


def _record(entry: Any, place: Place) -> Record:
    sent, came = _part(entry, "request"), _part(entry, "response")
    when = moment(entry.get("startedDateTime"))
    method = records.method_of(sent.get("method"))
    host, target = records.address(sent.get("url"))
    request, gap = records.request(method, target, _fields(sent), _sent(sent))
    gaps = {"request": gap}
    if not came.get("status"):
        # Browsers write status 0 for a request that was cut off.
        return records.record(place, host, request, None, gaps, when)
    code = records.status(came["status"])
    response, gaps["response"] = records.response(code, _fields(came), _came(came, code))
    return records.record(place, host, request, response, gaps, when)


def _part(entry: Any, name: str) -> dict[str, Any]:
    part = entry.get(name) if isinstance(entry, dict) else None
    if not isinstance(part, dict):
        raise Unreadable(f"it has no {name}")
    return part


def _fields(part: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in records.fields(part.get("headers")) if name.lower() != "content-encoding"]


def _sent(part: dict[str, Any]) -> bytes | None:
    """The body of a request; a form may be given by its fields alone."""
    data = part.get("postData")
    if not isinstance(data, dict):
        return b"" if part.get("bodySize") == 0 else None
    if isinstance(data.get("text"), str) and data["text"]:
        return _bytes(data)
    kind = str(data.get("mimeType", "")).partition(";")[0].strip().lower()
    pairs = [item for item in data.get("params") or [] if isinstance(item, dict)]
    if kind == "application/x-www-form-urlencoded" and pairs:
        return urlencode([(str(item.get("name", "")), str(item.get("value", ""))) for item in pairs]).encode()
    return None


def _came(part: dict[str, Any], code: int) -> bytes | None:
    content = part.get("content")
    if isinstance(content, dict) and isinstance(content.get("text"), str):
        return _bytes(content)
    size = content.get("size") if isinstance(content, dict) else part.get("bodySize")
    return b"" if code in _EMPTY or size == 0 else None


def _bytes(holder: dict[str, Any]) -> bytes | None:
    if holder.get("encoding") != "base64":
        return records.raw(holder["text"])
    try:
        return base64.b64decode(holder["text"], validate=True)
    except (binascii.Error, ValueError):
        raise Unreadable("one of its bodies is not the base64 that it says it is") from None
