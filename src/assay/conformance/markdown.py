"""The result as Markdown, to be pasted into an issue: a table, and a section for each finding.

The rule of this module: nothing that comes from a target or a description can end a fence, a table or a code span, and
a finding that is pasted alone still says all that a maintainer needs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from assay.conformance.findings import COLUMNS
from assay.conformance.matrix import row, tested
from assay.conformance.statements import sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.conformance.documents import Document
    from assay.conformance.findings import Finding
    from assay.conformance.matrix import Cell

__all__ = ["markdown"]

_LONGEST = 8000  # characters of one block; an issue holds 65536
_RUNS = re.compile(r"`+")
_STATES = {"broken": "**{} broken**", "hazard": "{} hazard", "known": "{} known", "strict": "{} strict"}


def markdown(document: Document) -> str:
    """Write a result as Markdown."""
    return "\n".join([*_head(document), *_table(document), *_rest(document), *_findings(document)]).rstrip() + "\n"


def _head(document: Document) -> Iterator[str]:
    result = document.result
    fails, more = document.verdict()
    yield f"# Assay: {fails}{f' ({more})' if more else ''}"
    yield ""
    stopped = f" Stopped: {result.stopped}." if result.stopped else ""
    yield (
        f"{_code(document.base_url)} in {result.sent} requests, {result.seconds:.1f} s, seed {result.options.seed}, "
        f"judged by {' and '.join(result.layers)}.{stopped}"
    )
    yield ""


def _table(document: Document) -> Iterator[str]:
    result = document.result
    rows = [(operation, row(result, operation)) for operation in tested(result)]
    told = [(operation, cells) for operation, cells in rows if any(cell.findings for cell in cells)]
    if told:
        yield f"| operation | {' | '.join(COLUMNS)} | coverage |"
        yield f"|---|{'---|' * len(COLUMNS)}---:|"
    for operation, cells in told:
        done, every = result.covered([operation.id]).both
        states = " | ".join(_cell(cell) for cell in cells)
        yield f"| {_code(operation.id, table=True)} | {states} | {done} of {every} |"
    if told:
        yield ""
        yield "kept: tried and found right; -: not tried; coverage: constraints tried from inside and outside."
        yield ""
    clean = [_code(operation.id) for operation, cells in rows if not any(cell.findings for cell in cells)]
    if clean:
        yield f"Tried without findings: {', '.join(clean)}."
        yield ""


def _cell(cell: Cell) -> str:
    if cell.state in _STATES:
        return _STATES[cell.state].format(cell.findings)
    return "kept" if cell.state == "kept" else "-"


def _rest(document: Document) -> Iterator[str]:
    reasons = document.untested()
    if reasons:
        yield "Not tested:"
        yield ""
        for reason, names in reasons.items():
            yield f"* {_code(reason)}: {', '.join(_code(name) for name in names)}"
        yield ""
    baseline = document.result.baseline
    if baseline is not None and baseline.vanished:
        yield f"No longer seen, to be removed from {_code(baseline.file)}:"
        yield ""
        yield from (f"* {_code(str(entry))}" for entry in baseline.vanished)
        yield ""


def _findings(document: Document) -> Iterator[str]:
    for number, finding in enumerate(document.result.all, 1):
        yield from _finding(document, number, finding)


def _finding(document: Document, number: int, finding: Finding) -> Iterator[str]:
    violation = finding.violation
    marks = "".join(f" ({mark.partition(':')[0]})" for mark in document.marks(finding))
    yield f"## {number}. {violation.rule}{marks}"
    yield ""
    yield f"{sentence(violation.rule)} Seen {finding.count}x in {', '.join(map(_code, finding.operations))}.".lstrip()
    yield ""
    lines = [f"expected: {violation.expected}", f"seen:     {violation.got}", f"at:       {violation.place}"]
    lines += [f"stated:   {violation.pointer}"] if violation.pointer else []
    lines += [f"note:     {mark}" for mark in document.marks(finding)]
    lines += [line for line in document.lines(finding)[1:] if line.startswith("- ")]
    yield _fenced("\n".join(lines), "text")
    yield ""
    yield _fenced(document.curl(finding), "sh")
    yield ""
    body = document.body(finding)
    if body:
        yield "The response:"
        yield ""
        yield _fenced(body, "")
        yield ""


def _fenced(text: str, language: str) -> str:
    """A block whose fence is longer than any run of backticks in it."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}\n... {len(text) - _LONGEST} characters more: see the JSON or HAR report"
    fence = "`" * (1 + max((2, *(len(run) for run in _RUNS.findall(text)))))
    return f"{fence}{language}\n{text}\n{fence}"


def _code(text: str, *, table: bool = False) -> str:
    """A code span that holds any text of one line."""
    text = " ".join(text.split())
    ticks = "`" * (1 + max((0, *(len(run) for run in _RUNS.findall(text)))))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    span = f"{ticks}{space}{text}{space}{ticks}"
    return span.replace("|", "\\|") if table else span
