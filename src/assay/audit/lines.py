"""One exchange as a JSON object: ``method``, ``path`` or ``url``, ``status``, headers and bodies as text.

The rule of this module: an object stands alone, so that a file of any length is read in the memory of its longest
line; and the short way, for objects that are plain in every part, may only say what the long way would.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final

import orjson

from assay.audit import records
from assay.audit.records import Broken, Place, Record, Unreadable
from assay.audit.traits import moment
from assay.messages import Headers, Request, Response

__all__ = ["EMPTY", "is_exchange", "parsed", "read_exchange", "read_line"]

EMPTY: Final = object()
"""What :func:`parsed` returns for a line without anything."""

_METHODS = frozenset({"GET", "POST", "DELETE", "PUT", "PATCH", "HEAD"})
_STATUSES = range(100, 600)
_NO_GAPS: dict[str, str] = {}


def read_line(line: bytes, place: Place) -> Record | Broken | None:
    """Read one line; None for an empty one."""
    value = parsed(line, place)
    if value is EMPTY:
        return None
    return value if isinstance(value, Broken) else read_exchange(value, place)


def parsed(line: bytes, place: Place) -> Any:
    """Parse one line: its value, or Broken, or ``EMPTY``."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        if not line.strip():
            return EMPTY
    # Half a surrogate pair, NaN and a text in UTF-16 are what orjson refuses and recorders write.
    try:
        return json.loads(line)
    except ValueError:
        return Broken(place, "the line is not JSON")
    except RecursionError:
        return Broken(place, "the line is nested too deeply")


def read_exchange(value: Any, place: Place) -> Record | Broken:
    """Read one JSON value.

    The names: ``host``, ``method``, ``path``, ``query`` (or ``url`` for the three places), ``request_headers``,
    ``request_body``, ``status``, ``response_headers``, ``response_body``, ``time`` (seconds since 1970, or ISO 8601).
    A body is text, or absent when it was not text.
    """
    if not is_exchange(value):
        return Broken(place, "the line is not an exchange: it needs a method, and a path or url")
    try:
        return _short(value, place) or _record(value, place)
    except Unreadable as error:
        return Broken(place, str(error))


def is_exchange(value: Any) -> bool:
    """Say whether a JSON value has what makes an exchange."""
    return isinstance(value, dict) and "method" in value and ("path" in value or "url" in value)


def _short(value: dict[str, Any], place: Place) -> Record | None:
    """The common case: both bodies are text and uncompressed, and every other part is plain; else None."""
    get = value.get
    sent, came, path, status = get("request_body"), get("response_body"), get("path"), get("status")
    if type(sent) is not str or type(came) is not str or type(path) is not str or type(status) is not int:
        return None
    if get("query") or not path or "url" in value or value["method"] not in _METHODS or status not in _STATUSES:
        return None
    asked, answered = _headers(get("request_headers")), _headers(get("response_headers"))
    if asked is None or answered is None:
        return None
    host = _host(get("host") or "")
    try:
        request = Request(value["method"], path, asked, sent.encode())
        response = Response(status, answered, came.encode())
    except UnicodeEncodeError:
        return None
    return Record(place, host, request, response, _NO_GAPS, moment(value["time"]) if "time" in value else None)


def _headers(fields: Any) -> Headers | None:
    """Header fields that are an object of text and name no content coding; else None."""
    if type(fields) is not dict or not fields:
        return None
    try:
        return _made(tuple(fields.items()))
    except TypeError:
        return None


@lru_cache(2048)
def _made(fields: tuple[tuple[str, Any], ...]) -> Headers | None:
    if not all(type(value) is str and not name.startswith(":") for name, value in fields):
        return None
    headers = Headers(fields)
    return headers if headers.content_encoding is None else None


@lru_cache(1024)
def _host(host: str) -> str:
    return host.rpartition("@")[2].lower()


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
    return records.record(place, host, request, response, gaps, moment(value.get("time")))


def _address(value: dict[str, Any]) -> tuple[str, str]:
    if "url" in value:
        return records.address(value["url"])
    host, path, query = (value.get(name) or "" for name in ("host", "path", "query"))
    if not all(isinstance(part, str) for part in (host, path, query)):
        raise Unreadable("its host, path or query is not text")
    query = query.removeprefix("?")
    return _host(host), f"{path or '/'}{'?' if query else ''}{query}"
