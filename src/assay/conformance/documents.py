"""A result as a document for machines: JSON and JUnit XML.

The rule of this module: pure, from a result to text. The JSON is a stable format, told apart by ``format``:

    {"format": "assay/run/1", "target", "seed", "requests", "seconds", "stopped",
     "verdict": "conforms" | "findings",
     "coverage": {"inside" | "outside" | "both": [sites tried, sites]},
     "operations": [{"id", "method", "path", "model", "requests", "valid", "invalid", "accepted",
                     "unsupported": {reason: count}, "closed": reason or "", "coverage": as above}],
     "findings": [{"rule", "severity", "operations": [id], "count", "flaky", "place", "expected", "got", "message",
                   "pointer", "column", "request": {"method", "url"}, "status": int or null, "curl",
                   "kinds": how many kinds of invalid request, or places with null, were seen (1 elsewhere),
                   "parts": [{"place", "expected", "got", "pointer", "curl"}], the most telling of several kinds,
                   "response": text, only when bodies are asked for}]}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

import orjson

from assay.conformance.curl import curl
from assay.conformance.findings import COLUMNS, column

if TYPE_CHECKING:
    from assay.conformance.findings import Finding
    from assay.conformance.result import Result, Target
    from assay.generate.coverage import Share
    from assay.model import Operation

__all__ = ["Document"]

# What XML 1.0 cannot carry, not even as a reference.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BODY = 4000  # characters of a response that are shown, when they are


@dataclass(frozen=True, slots=True)
class Document:
    """A result, and what it takes to write it down; ``bodies`` says that the bodies of responses may be shown."""

    result: Result
    target: Target
    base_url: str
    bodies: bool = False

    def curl(self, finding: Finding) -> str:
        """The line that sends a finding's request again."""
        request = finding.exchange.request
        secret = () if finding.violation.rule == "http/authentication" else self.target.fields
        line = curl(request, self.target.url(request.target), secret=secret)
        then = finding.exchange.then
        if then is None:
            return line
        return f"{line} --next {curl(then, self.target.url(then.target), secret=secret).removeprefix('curl ')}"

    def lines(self, finding: Finding) -> list[str]:
        """What a finding says, for people: its message, its kinds where there are several, where it is stated."""
        violation = finding.violation
        lines = [violation.message]
        for number, part in enumerate(finding.parts):
            flaw = part.flaw
            stated = "shown below; " if number == 0 else ""
            lines.append(f"- {flaw.place}: {flaw.got} where {flaw.expected} is wanted ({stated}{flaw.pointer})")
        if finding.parts and finding.kinds > len(finding.parts):
            lines.append(f"- and {finding.kinds - len(finding.parts)} more")
        if violation.pointer:
            lines.append(f"stated at {violation.pointer}")
        return lines

    def body(self, finding: Finding) -> str:
        """The body of a finding's response as text; empty unless bodies were asked for."""
        response = finding.exchange.response
        if not self.bodies or response is None:
            return ""
        return response.body[:_BODY].decode("utf-8", "backslashreplace")

    def json(self) -> bytes:
        """The JSON document, with a line break at its end."""
        result = self.result
        value = {
            "format": "assay/run/1",
            "target": self.base_url,
            "seed": result.options.seed,
            "requests": result.sent,
            "seconds": round(result.seconds, 3),
            "stopped": result.stopped,
            "verdict": "findings" if result.failed else "conforms",
            "coverage": _shares(result.covered()),
            "operations": [self._operation(operation) for operation in result.operations],
            "findings": [self._finding(finding) for finding in result.findings],
        }
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def junit(self) -> str:
        """JUnit XML: one test per operation and column, failed by its findings, skipped where nothing was sent."""
        cases = [case for operation in self.result.operations for case in self._cases(operation)]
        failed = sum("<failure" in case for case in cases)
        skipped = sum("<skipped" in case for case in cases)
        head = (
            f'<testsuite name="assay" tests="{len(cases)}" failures="{failed}" errors="0" skipped="{skipped}" '
            f'time="{self.result.seconds:.3f}">'
        )
        return "\n".join(
            [
                '<?xml version="1.0" encoding="utf-8"?>',
                "<testsuites>",
                head,
                *cases,
                "</testsuite>",
                "</testsuites>",
                "",
            ]
        )

    def _operation(self, operation: Operation) -> dict[str, Any]:
        tally = self.result.tallies[operation.id]
        return {
            "id": operation.id,
            "method": operation.method,
            "path": operation.path,
            "model": tally.model,
            "requests": tally.sent,
            "valid": tally.valid,
            "invalid": tally.invalid,
            "accepted": tally.accepted,
            "unsupported": dict(tally.refusals),
            "closed": tally.closed,
            "coverage": _shares(self.result.covered([operation.id])),
        }

    def _finding(self, finding: Finding) -> dict[str, Any]:
        violation, exchange = finding.violation, finding.exchange
        value: dict[str, Any] = {
            "rule": violation.rule,
            "severity": violation.severity,
            "operations": list(finding.operations),
            "count": finding.count,
            "flaky": finding.flaky,
            "place": violation.place,
            "expected": violation.expected,
            "got": violation.got,
            "message": violation.message,
            "pointer": violation.pointer,
            "column": column(violation),
            "request": {"method": exchange.request.method, "url": self.target.url(exchange.request.target)},
            "status": exchange.response.status if exchange.response else None,
            "curl": self.curl(finding),
            "kinds": finding.kinds,
            "parts": [self._part(part) for part in finding.parts],
        }
        if self.bodies:
            value["response"] = self.body(finding)
        return value

    def _part(self, part: Finding) -> dict[str, Any]:
        flaw = part.flaw
        return {
            "place": flaw.place,
            "expected": flaw.expected,
            "got": flaw.got,
            "pointer": flaw.pointer,
            "curl": self.curl(part),
        }

    def _cases(self, operation: Operation) -> list[str]:
        tally = self.result.tallies[operation.id]
        mine = [f for f in self.result.findings if f.operations[0] == operation.id]
        if not tally.sent:
            reason = tally.closed or "not reached within the budget"
            return [_case(operation.id, "all", f"<skipped message={_quoted(reason)}/>")]
        cases = []
        for name in COLUMNS:
            found = [f for f in mine if column(f.violation) == name]
            cases.append(_case(operation.id, name, "".join(self._failure(f) for f in found if f.fails)))
        return cases

    def _failure(self, finding: Finding) -> str:
        violation = finding.violation
        flaky = "flaky: " if finding.flaky else ""
        lines = [*self.lines(finding), self.curl(finding), self.body(finding)]
        text = escape(_NOT_XML.sub("?", "\n".join(line for line in lines if line)))
        return f"<failure type={_quoted(violation.rule)} message={_quoted(flaky + violation.message)}>{text}</failure>"


def _shares(covered: Share) -> dict[str, tuple[int, int]]:
    return {"inside": covered.inside, "outside": covered.outside, "both": covered.both}


def _case(operation: str, name: str, inside: str) -> str:
    opening = f"<testcase classname={_quoted('assay.' + operation)} name={_quoted(name)}"
    return f"{opening}>{inside}</testcase>" if inside else f"{opening}/>"


def _quoted(text: str) -> str:
    return quoteattr(_NOT_XML.sub("?", text))
