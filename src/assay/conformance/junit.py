"""The result as JUnit XML: one test per operation and column, failed by its findings, skipped where nothing was sent.

The rule of this module: only what fails the run fails a test; hazards, known findings and those of the letter alone
stand in the test's output.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from assay.conformance.findings import COLUMNS, column

if TYPE_CHECKING:
    from assay.conformance.documents import Document
    from assay.conformance.findings import Finding
    from assay.model import Operation

__all__ = ["junit"]

# What XML 1.0 cannot carry, not even as a reference.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(document: Document) -> str:
    """Write a result as JUnit XML."""
    result = document.result
    cases = [case for operation in result.operations for case in _cases(document, operation)]
    failed = sum("<failure" in case for case in cases)
    skipped = sum("<skipped" in case for case in cases)
    head = (
        f'<testsuite name="assay" tests="{len(cases)}" failures="{failed}" errors="0" skipped="{skipped}" '
        f'time="{result.seconds:.3f}">'
    )
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<testsuites>", head, *cases, "</testsuite>", "</testsuites>"]
    return "\n".join([*lines, ""])


def _cases(document: Document, operation: Operation) -> list[str]:
    tally = document.result.tallies[operation.id]
    mine = [finding for finding in document.result.all if finding.operations[0] == operation.id]
    if not tally.sent:
        reason = document.hidden(tally.closed) or "not reached within the budget"
        return [_case(operation.id, "all", f"<skipped message={_quoted(reason)}/>")]
    cases = []
    for name in COLUMNS:
        found = [finding for finding in mine if column(finding.violation) == name]
        failures = "".join(_failure(document, finding) for finding in found if finding.fails)
        rest = "\n\n".join(_text(document, finding) for finding in found if not finding.fails)
        told = f"<system-out>{escape(_NOT_XML.sub('?', rest))}</system-out>" if rest else ""
        cases.append(_case(operation.id, name, failures + told))
    return cases


def _failure(document: Document, finding: Finding) -> str:
    violation = finding.violation
    flaky = "flaky: " if finding.flaky else ""
    lines = [*document.lines(finding), document.curl(finding), document.body(finding)]
    text = escape(_NOT_XML.sub("?", "\n".join(line for line in lines if line)))
    return f"<failure type={_quoted(violation.rule)} message={_quoted(flaky + violation.message)}>{text}</failure>"


def _text(document: Document, finding: Finding) -> str:
    """A finding that fails nothing, after what sets it apart."""
    head = f"{finding.violation.rule} ({'; '.join(document.marks(finding))})"
    return "\n".join([head, *document.lines(finding), document.curl(finding)])


def _case(operation: str, name: str, inside: str) -> str:
    opening = f"<testcase classname={_quoted('assay.' + operation)} name={_quoted(name)}"
    return f"{opening}>{inside}</testcase>" if inside else f"{opening}/>"


def _quoted(text: str) -> str:
    return quoteattr(_NOT_XML.sub("?", text))
