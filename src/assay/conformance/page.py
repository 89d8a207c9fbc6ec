"""The result as one page of HTML that needs nothing else: the verdict, the matrix, the coverage, and the findings.

The rule of this module: colour never tells alone, everything passes the template's escaping, and the page asks the
network for nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from assay.conformance.findings import COLUMNS, column
from assay.conformance.matrix import row, tested
from assay.conformance.statements import sentence
from assay.page.render import render

if TYPE_CHECKING:
    from assay.conformance.documents import Document
    from assay.conformance.findings import Finding
    from assay.conformance.matrix import Cell
    from assay.messages import Request
    from assay.model import Operation

__all__ = ["page"]

_LONGEST = 20_000  # characters of one block
_MARKS = {
    "broken": "\u2715",
    "hazard": "!",
    "known": "\u2713",
    "strict": "\u00a7",
    "kept": "\u2713",
    "untried": "\u2013",
}
_WORDS = {"kept": "kept", "untried": "not tried"}
_ABOUT = {
    "shape": "values in responses",
    "constraints": "valid accepted, invalid refused",
    "relations": "between messages",
    "streams": "events",
    "errors": "refusals, failures",
    "state": "from request to request",
}


def page(document: Document) -> str:
    """Write the page."""
    result = document.result
    fails, more = document.verdict()
    numbered = [_finding(document, number, finding) for number, finding in enumerate(result.all, 1)]
    return render(
        "assay.conformance",
        "page.html",
        script="page.js",
        fails=fails,
        more=more,
        failed=result.failed,
        base_url=document.base_url,
        began=document.began,
        result=result,
        covered=result.covered(),
        columns=[(name, _ABOUT.get(name, "")) for name in COLUMNS],
        rows=[_row(document, operation, numbered) for operation in tested(result)],
        findings=numbered,
        untested=document.untested(),
    )


def _row(document: Document, operation: Operation, numbered: list[dict[str, Any]]) -> dict[str, Any]:
    result = document.result
    cells = []
    for name, cell in zip(COLUMNS, row(result, operation), strict=True):
        first = next((f["number"] for f in numbered if f["column"] == name and operation.id in f["operations"]), None)
        cells.append({"state": cell.state, "mark": _MARKS[cell.state], "words": _words(cell), "first": first})
    tally, share = result.tallies[operation.id], result.covered([operation.id])
    sides = [(name, done, every) for name, (done, every) in (("inside", share.inside), ("outside", share.outside))]
    return {"operation": operation, "tally": tally, "cells": cells, "sides": sides}


def _words(cell: Cell) -> str:
    return _WORDS.get(cell.state) or f"{cell.findings} {cell.state}"


def _finding(document: Document, number: int, finding: Finding) -> dict[str, Any]:
    violation, exchange = finding.violation, finding.exchange
    response = exchange.response
    return {
        "number": number,
        "column": column(violation),
        "kind": _kind(finding),
        "violation": violation,
        "operations": finding.operations,
        "count": finding.count,
        "marks": document.marks(finding),
        "sentence": sentence(violation.rule),
        "parts": [{"flaw": part.flaw, "curl": _short(document.curl(part))} for part in finding.parts],
        "unlisted": finding.kinds - len(finding.parts) if finding.parts else 0,
        "curl": _short(document.curl(finding)),
        "request": exchange.request,
        "url": document.hidden(document.target.url(exchange.request.target)),
        "sent": _short(_body(exchange.request)),
        "response": response,
        "fields": [] if response is None else document.fields(response),
        "came": document.body(finding),
    }


def _kind(finding: Finding) -> str:
    """The class of a finding, which gives it its colour."""
    if finding.accepted:
        return "known"
    if finding.letter:
        return "strict"
    return "hazard" if finding.violation.severity == "hazard" else "broken"


def _body(request: Request) -> str:
    """The body of a request for people: JSON with line breaks, other text as it is, the rest by its size."""
    try:
        return orjson.dumps(orjson.loads(request.body), option=orjson.OPT_INDENT_2).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass
    try:
        return request.body.decode("utf-8")
    except UnicodeDecodeError:
        return f"{len(request.body)} bytes that are no text"


def _short(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}\n... {len(text) - _LONGEST} characters more: see the JSON or HAR report"
