"""The exchanges of the findings as an HTTP Archive (HAR 1.2), for other tools and for ``assay check``.

The rule of this module: an archive is read far from where it was made, so no header field that the user added stands in
it, and of a response only what :class:`Document` shows; a body that was left out is said to be, never shown as empty.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from assay.wire.media import decompress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.conformance.checks import Exchange
    from assay.conformance.documents import Document
    from assay.conformance.findings import Finding
    from assay.messages import Response

__all__ = ["har"]

_LONGEST = 1024 * 1024  # bytes of a response's body
_NEVER = datetime.fromtimestamp(0, UTC)
_UNKNOWN = "x-unknown"  # what HAR calls a media type that nobody named


def har(document: Document) -> bytes:
    """Write the archive: an entry for each exchange, which names the findings that it shows."""
    entries: dict[object, dict[str, Any]] = {}
    for number, finding in enumerate(document.result.all, 1):
        for exchange, shown in _exchanges(finding):
            mark = (exchange.request, exchange.response)
            entry = entries.get(mark)
            if entry is None:
                entry = entries[mark] = _entry(document, exchange)
            entry["_findings"].append(_told(document, number, shown))
    for entry in entries.values():
        entry["comment"] = "; ".join(f"{told['number']}. {told['rule']}" for told in entry["_findings"])
    creator = {"name": "assay", "version": version("assay")}
    log = {"version": "1.2", "creator": creator, "entries": [*entries.values()]}
    return orjson.dumps({"log": log}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _exchanges(finding: Finding) -> Iterator[tuple[Exchange, Finding]]:
    for part in finding.parts or (finding,):
        yield part.exchange, part


def _told(document: Document, number: int, finding: Finding) -> dict[str, Any]:
    return {
        "number": number,
        "rule": finding.violation.rule,
        "operation": finding.exchange.operation.id,
        "message": finding.violation.message,
        "pointer": finding.violation.pointer,
        "layer": "strict" if finding.letter else document.result.layer,
        "accepted": finding.accepted,
    }


def _entry(document: Document, exchange: Exchange) -> dict[str, Any]:
    response = exchange.response
    took = 0.0 if response is None else response.elapsed * 1000
    return {
        "startedDateTime": (document.began or _NEVER).isoformat(timespec="milliseconds"),
        "time": took,
        "request": _request(document, exchange),
        "response": _none() if response is None else _response(document, response),
        "cache": {},
        "timings": {"send": 0, "wait": took, "receive": 0},
        "_findings": [],
    }


def _request(document: Document, exchange: Exchange) -> dict[str, Any]:
    request = exchange.request
    url = document.target.url(request.target)
    made: dict[str, Any] = {
        "method": request.method,
        "url": document.hidden(url),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": name, "value": value} for name, value in request.headers.fields],
        "queryString": [
            {"name": name, "value": value} for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True)
        ],
        "headersSize": -1,
        "bodySize": len(request.body),
    }
    if request.body:
        made["postData"] = {"mimeType": request.headers.content_type or _UNKNOWN, **_written(request.body)}
    left_out = [name for name in document.added(exchange) if name not in request.headers]
    if left_out:
        made["comment"] = f"sent with {', '.join(left_out)}, left out here"
    return made


def _response(document: Document, response: Response) -> dict[str, Any]:
    made: dict[str, Any] = {
        "status": response.status,
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": [{"name": name, "value": value} for name, value in document.fields(response)],
        "content": _content(document, response),
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": len(response.body),
    }
    if response.broken:
        made["_error"] = response.broken
    return made


def _content(document: Document, response: Response) -> dict[str, Any]:
    """The body in decoded form, or why it is not there; a size of -1 means that nobody can know the whole body."""
    content = {"size": len(response.body), "mimeType": response.headers.content_type or _UNKNOWN}
    if response.broken:
        return {**content, "size": -1, "comment": "left out: the response broke off"}
    if not response.body:
        return content
    if not document.bodies:
        return {**content, "comment": "left out: --show-bodies shows it"}
    body = decompress(response.body, response.headers.content_encoding, _LONGEST)
    if not isinstance(body, bytes) or len(body) > _LONGEST:
        return {**content, "comment": "left out: too long, or its coding cannot be undone"}
    written = _written(body)
    if "encoding" not in written:
        written["text"] = document.hidden(written["text"])
    return {**content, "size": len(body), **written}


def _none() -> dict[str, Any]:
    """No response, as browsers write it."""
    return {
        "status": 0,
        "statusText": "",
        "httpVersion": "",
        "cookies": [],
        "headers": [],
        "content": {"size": 0, "mimeType": _UNKNOWN},
        "redirectURL": "",
        "headersSize": -1,
        "bodySize": -1,
    }


def _written(body: bytes) -> dict[str, str]:
    try:
        return {"text": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(body).decode("ascii"), "encoding": "base64"}
