"""The compatibility matrix: what a run can say of each operation, by the columns of the findings.

The rule of this module: an operation keeps only what was put to the test; a column that no exchange has touched is
untried, and never clean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from assay.conformance.findings import COLUMNS, column
from assay.conformance.statements import related

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.conformance.checks import Exchange
    from assay.conformance.result import Result
    from assay.model import Operation

__all__ = ["Cell", "State", "asked", "row", "tested", "untested"]

State = Literal["broken", "hazard", "known", "strict", "kept", "untried"]
"""In falling order of weight; ``known`` is broken as a baseline accepts it, ``strict`` by the letter alone."""

_WEIGHT: tuple[State, ...] = ("broken", "hazard", "known", "strict")
_BAD_REQUEST = 400
_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Cell:
    """One operation in one column: its worst state, and how many findings are of that state."""

    state: State
    findings: int = 0


def asked(exchange: Exchange) -> Iterator[str]:
    """Yield the columns that an exchange says something of."""
    response = exchange.response
    if response is None or response.broken:
        return
    yield "errors"
    if response.status >= _BAD_REQUEST:
        if exchange.flaw is not None:
            yield "constraints"
        return
    yield "constraints"
    if exchange.flaw is not None:
        return
    yield "streams" if (response.headers.content_type or "").lower().startswith(_STREAM) else "shape"
    if related(exchange.operation.id):
        yield "relations"


def tested(result: Result) -> list[Operation]:
    """The operations that get a row: those that the target serves, and those that have findings all the same."""
    bad = {name for finding in result.all for name in finding.operations}
    found = []
    for operation in result.operations:
        tally = result.tallies[operation.id]
        if operation.id in bad or (any(tally.asked.values()) and (tally.accepted or not tally.closed)):
            found.append(operation)
    return found


def row(result: Result, operation: Operation) -> list[Cell]:
    """The cells of one operation, in the order of the columns."""
    tally = result.tallies[operation.id]
    found = [finding for finding in result.all if operation.id in finding.operations]
    cells = []
    for name in COLUMNS:
        states = [
            _state(finding.accepted, finding.letter, finding.violation.severity)
            for finding in found
            if column(finding.violation) == name
        ]
        worst = min(states, key=_WEIGHT.index, default=None)
        if worst is not None:
            cells.append(Cell(worst, states.count(worst)))
        else:
            cells.append(Cell("kept" if tally.asked[name] else "untried"))
    return cells


def _state(accepted: bool, letter: bool, severity: str) -> State:  # noqa: FBT001  two marks of a finding
    if accepted:
        return "known"
    if letter:
        return "strict"
    return "hazard" if severity == "hazard" else "broken"


def untested(result: Result) -> dict[str, list[str]]:
    """The operations, or those with features, that were not tested, by the reason."""
    reasons: dict[str, list[str]] = {}
    for operation in result.operations:
        tally = result.tallies.get(operation.id)
        if tally is None:
            continue
        if tally.closed:
            reasons.setdefault(f"unsupported ({tally.closed})", []).append(operation.id)
        elif not tally.sent:
            reasons.setdefault("not reached within the budget", []).append(operation.id)
        else:
            head = "some requests unsupported" if tally.accepted else "unsupported"
            for reason in tally.refusals:
                reasons.setdefault(f"{head} ({reason})", []).append(operation.id)
    return reasons
