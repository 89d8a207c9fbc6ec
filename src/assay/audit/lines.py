"""One line of JSON Lines as an exchange: ``method``, ``path`` or ``url``, ``status``, headers and bodies as text.

The rule of this module: a line stands alone, so that a file of any length is read in the memory of its longest line.
"""

from __future__ import annotations

import json
from typing import Any

from assay.audit import records
from assay.audit.records import Broken, Place, Record, Unreadable

__all__ = ["is_exchange", "read_line"]


def read_line(line: bytes, place: Place) -> Record | Broken | None:
    """Read one line; None for an empty one.

    The names: ``host``, ``method``, ``path``, ``query`` (or ``url`` for the three places), ``request_headers``,
    ``request_body``, ``status``, ``response_headers``, ``response_body``. A body is text, or absent when it was not
    text.
    """
    if not line.strip():
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return Broken(place, "the line is not JSON")
    except RecursionError:
        return Broken(place, "the line is nested too deeply")
    if not is_exchange(value):
        return Broken(place, "the line is not an exchange: it needs a method, and a path or url")
    try:
        return _record(value, place)
    except Unreadable as error:
        return Broken(place, str(error))


def is_exchange(value: Any) -> bool:
    """Say whether a JSON value has what makes an exchange."""
    return isinstance(value, dict) and "method" in value and ("path" in value or "url" in value)


def _record(value: dict[str, Any], place: Place) -> Record:
    host, target = _address(value)
    request, gap = records.request(
        records.method_of(value["method"]),
        target,
        records.fields(value.get("request_headers")),
        records.raw(value.get("request_body")),
    )
    gaps = {"request": gap}
    response = None
    if value.get("status") is not None:
        response, gaps["response"] = records.response(
            records.status(value["status"]),
            records.fields(value.get("response_headers")),
            records.raw(value.get("response_body")),
        )
    return records.record(place, host, request, response, gaps)


def _address(value: dict[str, Any]) -> tuple[str, str]:
    if "url" in value:
        return records.address(value["url"])
    host, path, query = (value.get(name) or "" for name in ("host", "path", "query"))
    if not all(isinstance(part, str) for part in (host, path, query)):
        raise Unreadable("its host, path or query is not text")
    query = query.removeprefix("?")
    return host.rpartition("@")[2].lower(), f"{path or '/'}{'?' if query else ''}{query}"
