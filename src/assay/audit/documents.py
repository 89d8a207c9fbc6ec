"""A report for people, as lines of text, and for programs, as JSON.

The rule of this module: pure; it shows places, names and masked descriptions, and never a body, a header's value or a
query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.violation import place

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence

    from assay.audit.records import Place
    from assay.audit.report import Cause, Report, Seen, Tally

__all__ = ["document", "text"]

FORMAT = 1
"""Version of the JSON document; it rises when a field changes its meaning."""

_COLUMNS = ("exchanges", "requests wrong", "responses wrong", "hazards", "skipped")
_NAMES = 6


def text(report: Report, *, layers: Sequence[str], title: str) -> Iterator[str]:
    """Yield the lines of a report: the table, what was left out, each cause, and the verdict last."""
    if report.operations:
        yield from _table(report)
    yield from _notes(report)
    for number, cause in enumerate(report.ranked(), 1):
        yield ""
        yield from _cause(number, cause, layers)
    if report.operations or report.unknown or report.unread:
        yield ""
    yield _verdict(report, layers, title)


def document(report: Report, *, layers: Sequence[str], title: str, files: Sequence[str]) -> dict[str, Any]:
    """Return a report as a JSON value."""
    return {
        "format": FORMAT,
        "description": title,
        "layers": list(layers),
        "files": list(files),
        "ok": not report.failed,
        "exchanges": report.exchanges,
        "judged": report.judged,
        "operations": {name: _counts(tally) for name, tally in sorted(report.operations.items())},
        "hosts": {name: _counts(tally) for name, tally in sorted(report.hosts.items())},
        "not_in_description": dict(report.unknown.most_common()),
        "other_hosts": dict(report.foreign.most_common()),
        "skipped": dict(report.skipped.most_common()),
        "unreadable": {
            "count": report.unread,
            "first": [{**_place(item.place), "reason": item.reason} for item in report.broken],
        },
        "causes": [_cause_document(cause) for cause in report.ranked()],
    }


def _table(report: Report) -> Iterator[str]:
    rows = [(name, *_cells(tally)) for name, tally in report.operations.items()]
    rows.sort(key=lambda row: (-int(row[1]), row[0]))
    whole = [("operation", *_COLUMNS), *rows]
    widths = [max(len(row[column]) for row in whole) for column in range(len(_COLUMNS) + 1)]
    for row in whole:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()


def _cells(tally: Tally) -> tuple[str, ...]:
    skipped = tally.requests_skipped + tally.responses_skipped
    counts = (tally.requests_wrong, tally.responses_wrong, tally.hazards, skipped)
    return (str(tally.exchanges), *(str(count) if count else "-" for count in counts))


def _notes(report: Report) -> Iterator[str]:
    for lead, counter in (
        ("not in the description", report.unknown),
        ("of other hosts", report.foreign),
        ("not judged", report.skipped),
    ):
        if counter:
            yield f"{lead}: {counter.total()}"
            yield from _named(counter)
    if report.unread:
        yield f"unreadable entries: {report.unread}"
        yield from (f"  {item.place}: {item.reason}" for item in report.broken)
        if report.unread > len(report.broken):
            yield f"  and {report.unread - len(report.broken)} more"


def _named(counter: Counter[str]) -> Iterator[str]:
    for name, count in counter.most_common(_NAMES):
        yield f"  {count} x {name}"
    if len(counter) > _NAMES:
        yield f"  and {len(counter) - _NAMES} more kinds"


def _cause(number: int, cause: Cause, layers: Sequence[str]) -> Iterator[str]:
    violation = cause.violation
    hazard = ", hazard" if violation.severity == "hazard" else ""
    yield f"{number}. {violation.rule}{hazard}: {cause.count} in {_plural(cause.exchanges, 'exchange')}"
    if violation.pointer:
        yield f"   stated at {violation.pointer}"
    if len(cause.hosts) > 1:
        yield f"   hosts: {', '.join(f'{host} {count}' for host, count in cause.hosts.most_common(_NAMES))}"
    if len(layers) > 1:
        yield f"   layers: {', '.join(f'{layer} {cause.layers[layer]}' for layer in layers)}"
    for seen in cause.examples:
        yield f"   {seen.place}: {_seen(seen, layers)}"
    if cause.count > len(cause.examples):
        yield f"   and {cause.count - len(cause.examples)} more"


def _seen(seen: Seen, layers: Sequence[str]) -> str:
    fault = seen.fault
    only = f" ({fault.layers[0]} only)" if len(layers) > 1 and len(fault.layers) == 1 else ""
    return f"{fault.side} of {seen.operation or 'an unknown operation'}: {fault.violation.message}{only}"


def _verdict(report: Report, layers: Sequence[str], title: str) -> str:
    causes = report.ranked()
    hazards = sum(cause.violation.severity == "hazard" for cause in causes)
    found = _plural(len(causes) - hazards, "cause") + " of violations"
    if hazards:
        found += f" and {_plural(hazards, 'hazard')}"
    judged = f"{report.judged} of {_plural(report.exchanges, 'exchange')} judged"
    return f"{found}; {judged} by {title!r}, {' and '.join(layers)}"


def _cause_document(cause: Cause) -> dict[str, Any]:
    violation = cause.violation
    return {
        "rule": violation.rule,
        "pointer": violation.pointer,
        "severity": violation.severity,
        "count": cause.count,
        "exchanges": cause.exchanges,
        "layers": dict(cause.layers),
        "hosts": dict(cause.hosts.most_common()),
        "examples": [_seen_document(seen) for seen in cause.examples],
    }


def _seen_document(seen: Seen) -> dict[str, Any]:
    violation = seen.fault.violation
    return {
        **_place(seen.place),
        "host": seen.host,
        "operation": seen.operation or None,
        "message": seen.fault.side,
        "place": place(violation.part, violation.path),
        "expected": violation.expected,
        "got": violation.got,
        "layers": list(seen.fault.layers),
    }


def _place(where: Place) -> dict[str, Any]:
    position = {"line": where.line} if where.line is not None else {"entry": where.entry}
    return {"file": where.file, **position}


def _counts(tally: Tally) -> dict[str, int]:
    return {name: getattr(tally, name) for name in tally.__slots__}


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun if count == 1 else f'{noun}s'}"
