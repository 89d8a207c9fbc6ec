"""Cassettes: what vcrpy, Betamax and their relatives record, in YAML or JSON.

The rule of this module: every layout that these tools have written is read, newest first; a body may be text, bytes,
base64, a value that was parsed, or compressed as it came.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from assay.audit import records
from assay.audit.records import Broken, Place, Record, Unreadable
from assay.audit.traits import moment

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["interactions", "read_cassette"]


def interactions(value: Any) -> list[Any] | None:
    """Return the entries of a cassette, or None for a value that is none.

    Layouts: ``{interactions: [...]}`` (vcrpy since 1.0), a bare list (before), ``{http_interactions: [...]}``
    (Betamax and VCR).
    """
    if isinstance(value, dict):
        value = value.get("interactions", value.get("http_interactions"))
    if not isinstance(value, list):
        return None
    return value if all(isinstance(item, dict) and "request" in item for item in value) else None


def read_cassette(entries: list[Any], file: str) -> Iterator[Record | Broken]:
    """Read every entry of a cassette."""
    for number, entry in enumerate(entries):
        place = Place(file, entry=number)
        try:
            yield _record(entry, place)
        except Unreadable as error:
            yield Broken(place, str(error))


def _record(entry: dict[str, Any], place: Place) -> Record:
    sent, came = entry["request"], entry.get("response")
    if not isinstance(sent, dict):
        raise Unreadable("its request is not an object")
    when = moment(entry.get("recorded_at"))
    method = records.method_of(sent.get("method"))
    host, target = records.address(_url(sent))
    # These recorders write null where there was no body, so an absent one is empty.
    request, gap = records.request(method, target, records.fields(sent.get("headers")), _body(sent) or b"")
    gaps = {"request": gap}
    if came is None:
        return records.record(place, host, request, None, gaps, when)
    if not isinstance(came, dict):
        raise Unreadable("its response is not an object")
    code, fields = records.status(_status(came)), records.fields(came.get("headers"))
    response, gaps["response"] = records.response(code, fields, _body(came))
    return records.record(place, host, request, response, gaps, when)


def _url(sent: dict[str, Any]) -> Any:
    """The address; before version 1 it stood in pieces."""
    if "uri" in sent or "url" in sent:
        return sent.get("uri", sent.get("url"))
    pieces = (sent.get("protocol") or "https", sent.get("host"), sent.get("port"), sent.get("path"))
    if not isinstance(pieces[1], str) or not isinstance(pieces[3], str):
        raise Unreadable("it has no URL")
    port = f":{pieces[2]}" if pieces[2] not in (None, 80, 443) else ""
    return f"{pieces[0]}://{pieces[1]}{port}{pieces[3]}"


def _status(came: dict[str, Any]) -> Any:
    status = came.get("status", came.get("status_code"))
    return status.get("code") if isinstance(status, dict) else status


def _body(part: dict[str, Any]) -> bytes | None:
    if part.get("parsed_body") is not None:
        return records.raw(part["parsed_body"])
    # httpx recordings of vcrpy 2 to 5 have ``content``.
    return _bytes(part.get("body", part.get("content")))


def _bytes(value: Any) -> bytes | None:
    if not isinstance(value, dict):
        return records.raw(value)
    if isinstance(value.get("base64_string"), str | bytes):
        try:
            return base64.b64decode(value["base64_string"])
        except (binascii.Error, ValueError):
            raise Unreadable("one of its bodies is not the base64 that it says it is") from None
    return records.raw(value.get("string"))
