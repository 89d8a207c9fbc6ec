"""A result as people and machines are told of it: the one view that every report is made from, and the JSON report.

The rule of this module: pure, from a result to text; what a report may not hold is taken out here, so that no format
can forget it. The JSON is a stable format, told apart by ``format``; fields are added, never changed:

    {"format": "assay/run/1", "target", "began", "seed", "requests", "seconds", "stopped", "layers": [name],
     "verdict": "conforms" | "findings",
     "coverage": {"inside" | "outside" | "both": [sites tried, sites]},
     "operations": [{"id", "method", "path", "model", "requests", "valid", "invalid", "accepted",
                     "unsupported": {reason: count}, "closed": reason or "", "coverage": as above,
                     "matrix": {column: {"state", "findings"}}}],
     "baseline": null or {"file", "vanished": [entry]},
     "findings": [{"rule", "sentence", "severity", "layer", "operations": [id], "count", "flaky", "accepted", "reason",
                   "place", "expected", "got", "message", "pointer", "column", "request": {"method", "url"},
                   "status": int or null, "curl",
                   "kinds": how many kinds of invalid request, or places with null, were seen (1 elsewhere),
                   "parts": [{"place", "expected", "got", "pointer", "curl"}], the most telling of several kinds,
                   "response": text, only when bodies are asked for}]}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from assay.conformance.curl import curl
from assay.conformance.findings import COLUMNS, column
from assay.conformance.matrix import row, untested
from assay.conformance.redaction import hidden
from assay.conformance.statements import sentence

if TYPE_CHECKING:
    from datetime import datetime

    from assay.conformance.checks import Exchange
    from assay.conformance.findings import Finding
    from assay.conformance.result import Result, Target
    from assay.generate.coverage import Share
    from assay.messages import Response
    from assay.model import Operation

__all__ = ["Document"]

_BODY = 4000  # characters of a response that are shown, when they are
# Fields of a response whose values tell of the server and of nobody else.
_TELLING = frozenset(
    ("allow", "cache-control", "connection", "content-encoding", "content-length", "content-type", "date",
     "openai-processing-ms", "openai-version", "retry-after", "server", "transfer-encoding", "x-request-id")
)  # fmt: skip
_LIMITS = "x-ratelimit-"


@dataclass(frozen=True, slots=True)
class Document:
    """A result, and what it takes to write it down.

    ``bodies`` says that the bodies of responses may be shown; ``began`` is when the run did.
    """

    result: Result
    target: Target
    base_url: str
    bodies: bool = False
    began: datetime | None = None

    def curl(self, finding: Finding) -> str:
        """The line that sends a finding's request again; what led to it stands in lines before it."""
        request = finding.exchange.request
        secret = self.added(finding.exchange)
        led = (curl(one, self.target.url(one.target), secret=secret) for one in finding.exchange.before)
        line = "\n".join((*led, curl(request, self.target.url(request.target), secret=secret)))
        then = finding.exchange.then
        if then is not None:
            line += f" --next {curl(then, self.target.url(then.target), secret=secret).removeprefix('curl ')}"
        return self.hidden(line)

    def added(self, exchange: Exchange) -> tuple[str, ...]:
        """The names of the user's fields that an exchange was sent with."""
        fields = self.target.fields
        return tuple(name for name in fields if name.lower() != "authorization") if exchange.anonymous else fields

    def hidden(self, text: str) -> str:
        """A text without the values that the user's header fields have, should a target repeat them in any form."""
        return hidden(text, self.target.secrets)

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
        return self.hidden(response.body.decode("utf-8", "backslashreplace"))[:_BODY]

    def fields(self, response: Response) -> list[tuple[str, str]]:
        """The header fields of a response; of those that may be somebody's secret, the names alone."""
        told = []
        for name, value in response.headers.fields:
            plain = name.lower() in _TELLING or name.lower().startswith(_LIMITS)
            told.append((name, self.hidden(value) if plain else "(left out)"))
        return told

    def marks(self, finding: Finding) -> list[str]:
        """What sets a finding apart from a plain one that fails the run."""
        marks = []
        if finding.violation.severity == "hazard":
            marks.append("hazard")
        if finding.letter:
            marks.append("strict: by the letter alone")
        if finding.flaky:
            marks.append("flaky: not seen when repeated")
        if finding.unrepeated:
            marks.append("not repeated: the budget was spent")
        if finding.accepted:
            marks.append(f"known: {finding.reason}" if finding.reason else "known")
        return marks

    def untested(self) -> dict[str, list[str]]:
        """The operations, or those with features, that were not tested, by the reason, perhaps a refusal's words."""
        return {self.hidden(reason): names for reason, names in untested(self.result).items()}

    def verdict(self) -> tuple[str, str]:
        """The number of findings that fail the run, and what else there is to count."""
        found = self.result.all
        fails = sum(finding.fails for finding in found)
        open_ones = [finding for finding in found if not finding.accepted]
        hazards = sum(finding.violation.severity == "hazard" and not finding.letter for finding in open_ones)
        letter = sum(finding.letter for finding in open_ones)
        known = len(found) - len(open_ones)
        more = [_counted(hazards, "hazard")] if hazards else []
        more += [f"{letter} by the letter alone"] if letter else []
        more += [f"{known} known"] if known else []
        return _counted(fails, "finding"), ", ".join(more)

    def json(self) -> bytes:
        """The JSON document, with a line break at its end."""
        result = self.result
        value = {
            "format": "assay/run/1",
            "target": self.base_url,
            "began": None if self.began is None else self.began.isoformat(timespec="seconds"),
            "seed": result.options.seed,
            "requests": result.sent,
            "seconds": round(result.seconds, 3),
            "stopped": result.stopped,
            "layers": list(result.layers),
            "verdict": "findings" if result.failed else "conforms",
            "coverage": _shares(result.covered()),
            "operations": [self._operation(operation) for operation in result.operations],
            "baseline": None if result.baseline is None else result.baseline.document(),
            "findings": [self._finding(finding) for finding in result.all],
        }
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

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
            "unsupported": {self.hidden(reason): count for reason, count in tally.refusals.items()},
            "closed": self.hidden(tally.closed),
            "coverage": _shares(self.result.covered([operation.id])),
            "matrix": {
                name: {"state": cell.state, "findings": cell.findings}
                for name, cell in zip(COLUMNS, row(self.result, operation), strict=True)
            },
        }

    def _finding(self, finding: Finding) -> dict[str, Any]:
        violation, exchange = finding.violation, finding.exchange
        value: dict[str, Any] = {
            "rule": violation.rule,
            "sentence": sentence(violation.rule),
            "severity": violation.severity,
            "layer": "strict" if finding.letter else self.result.layer,
            "operations": list(finding.operations),
            "count": finding.count,
            "flaky": finding.flaky,
            "accepted": finding.accepted,
            "reason": finding.reason,
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


def _shares(covered: Share) -> dict[str, tuple[int, int]]:
    return {"inside": covered.inside, "outside": covered.outside, "both": covered.both}


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun if count == 1 else f'{noun}s'}"
