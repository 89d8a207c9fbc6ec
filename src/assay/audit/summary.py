"""A ledger told: as lines of text, as a JSON value, and as the rows of a table.

The rule of this module: pure; it shows places, names and masked descriptions, and never a body, a header's value or a
query.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from assay.audit.ledger import DIMENSIONS, Count
from assay.generate.coverage import Universe, share
from assay.generate.sites import sites
from assay.violation import place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from assay.audit.ledger import Ledger, Names, Times, Trouble
    from assay.audit.records import Broken, Place
    from assay.audit.report import Seen
    from assay.contract import Contract

__all__ = ["FORMAT", "About", "covered", "document", "moment_text", "rows", "text", "wrong_share"]

FORMAT = 1
"""Version of the JSON document; it rises when a field changes its meaning."""

About = dict[str, Any]
"""What the ledger itself does not know: ``description``, ``layers``, ``sources``, ``sampled``."""

_SHOWN = 8
_COUNTS = (
    "exchanges", "wrong", "requests_wrong", "responses_wrong", "hazards", "requests_skipped", "responses_skipped",
)  # fmt: skip


def wrong_share(ledger: Ledger) -> float:
    """The share of judged exchanges of which a message broke the contract, 0 to 1."""
    return ledger.total.wrong / ledger.total.exchanges if ledger.total.exchanges else 0.0


def covered(ledger: Ledger, contract: Contract) -> dict[str, dict[str, tuple[int, int]]]:
    """Contract coverage by operation: sites tried from inside, outside and both, each with how many there are."""
    found = {}
    for name in sorted(ledger.by["operation"]):
        if name not in {operation.id for operation in contract.operations}:
            continue
        universe = Universe.named(sites(contract.api, contract.schemas, contract[name]))
        told = share(universe, ledger.coverage)
        found[name] = {"inside": told.inside, "outside": told.outside, "both": told.both}
    return found


def text(ledger: Ledger, about: About) -> Iterator[str]:
    """Yield the lines of a report: the table, what was left out, each cause, and the verdict last."""
    yield from _table(ledger)
    yield from _notes(ledger)
    for number, trouble in enumerate(ledger.ranked(), 1):
        yield ""
        yield from _cause(number, trouble, about["layers"])
    yield ""
    causes = ledger.ranked()
    hazards = sum(trouble.violation.severity == "hazard" for trouble in causes)
    found = _plural(len(causes) - hazards, "cause") + " of violations"
    if hazards:
        found += f" and {_plural(hazards, 'hazard')}"
    total = ledger.total
    yield (
        f"{found}; {total.wrong} of {total.exchanges} exchanges wrong ({wrong_share(ledger):.2%}); "
        f"{total.exchanges} of {ledger.exchanges} judged by {about['description']!r}, {' and '.join(about['layers'])}"
    )


def document(ledger: Ledger, about: About, coverage: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ledger as a JSON value."""
    return {
        "format": FORMAT,
        **about,
        "exchanges": ledger.exchanges,
        "judged": ledger.total.exchanges,
        "wrong": ledger.total.wrong,
        "wrong_share": wrong_share(ledger),
        "first": moment_text(ledger.total.first),
        "last": moment_text(ledger.total.last),
        "by": {name: {value: _count(count) for value, count in sorted(ledger.by[name].items())} for name in DIMENSIONS},
        "not_in_description": _ranked(ledger.unknown),
        "other_hosts": _ranked(ledger.foreign),
        "skipped": dict(sorted(ledger.skipped.items())),
        "unread": {
            "count": ledger.unread.total(),
            "reasons": dict(sorted(ledger.unread.items())),
            "first": [_broken(item) for item in ledger.broken],
        },
        "coverage": {
            "requests": ledger.coverage.requests,
            "operations": {name: {side: list(of) for side, of in sides.items()} for name, sides in coverage.items()},
        },
        "causes": [_cause_document(trouble) for trouble in ledger.ranked()],
    }


def rows(ledger: Ledger) -> Iterator[dict[str, Any]]:
    """Yield a table in long form: one row for each value of each dimension, of all traffic and of each cause."""
    for name in DIMENSIONS:
        for value, count in sorted(ledger.by[name].items()):
            yield {"dimension": name, "name": value, **_counted(count), "first": count.first, "last": count.last}
    for trouble in ledger.ranked():
        violation = trouble.violation
        cause = {
            "rule": violation.rule,
            "pointer": violation.pointer,
            "message": trouble.side,
            "severity": violation.severity,
        }
        for name in DIMENSIONS:
            for value, times in sorted(trouble.by[name].items()):
                yield {
                    **cause,
                    "dimension": name,
                    "name": value,
                    "exchanges": times.exchanges,
                    "violations": times.count,
                    "first": times.first,
                    "last": times.last,
                }


def moment_text(seconds: float | None) -> str | None:
    """A time as ISO 8601 in UTC, to the second."""
    return None if seconds is None else datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _table(ledger: Ledger) -> Iterator[str]:
    if not ledger.by["operation"]:
        return
    head = ("operation", "exchanges", "wrong", "requests wrong", "responses wrong", "hazards", "skipped")
    found = sorted(ledger.by["operation"].items(), key=lambda item: (-item[1].exchanges, item[0]))
    cells: list[tuple[str, ...]] = [head]
    for name, count in found:
        skipped = count.requests_skipped + count.responses_skipped
        counts = (count.wrong, count.requests_wrong, count.responses_wrong, count.hazards, skipped)
        cells.append((name or "(none)", str(count.exchanges), *(str(one) if one else "-" for one in counts)))
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        yield "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()


def _notes(ledger: Ledger) -> Iterator[str]:
    for lead, counts in (
        ("not in the description", _ranked(ledger.unknown)),
        ("of other hosts", _ranked(ledger.foreign)),
        ("not judged", dict(ledger.skipped.most_common())),
        ("unread", dict(sorted(ledger.unread.items(), key=lambda item: (-item[1], item[0])))),
    ):
        if not counts:
            continue
        yield f"{lead}: {sum(counts.values())}"
        yield from (f"  {count} x {name}" for name, count in [*counts.items()][:_SHOWN])
        if len(counts) > _SHOWN:
            yield f"  and {len(counts) - _SHOWN} more kinds"
    yield from (f"  {item.place}: {item.reason}" for item in ledger.broken[:_SHOWN])


def _cause(number: int, trouble: Trouble, layers: Sequence[str]) -> Iterator[str]:
    violation, total = trouble.violation, trouble.total
    hazard = ", hazard" if violation.severity == "hazard" else ""
    yield f"{number}. {violation.rule}{hazard}: {total.count} in {_plural(total.exchanges, 'exchange')}"
    if violation.pointer:
        yield f"   stated at {violation.pointer}"
    if total.first is not None:
        yield f"   from {moment_text(total.first)} to {moment_text(total.last)}"
    for name in ("operation", "host", "model"):
        named = [(value, times) for value, times in trouble.by[name].items() if value]
        named.sort(key=lambda item: (-item[1].exchanges, item[0]))
        if named:
            yield f"   {name}s: {', '.join(f'{value} {times.exchanges}' for value, times in named[:_SHOWN])}"
    if len(layers) > 1:
        yield f"   layers: {', '.join(f'{layer} {trouble.layers[layer]}' for layer in layers)}"
    for seen in trouble.examples:
        yield f"   {seen.place}: {trouble.side} of {seen.operation or 'no operation'}: {seen.fault.violation.message}"


def _ranked(names: Names[Count]) -> dict[str, int]:
    found = sorted(names.items(), key=lambda item: (-item[1].exchanges, item[0]))
    return {name: count.exchanges for name, count in found}


def _counted(count: Count) -> dict[str, int]:
    return {name: getattr(count, name) for name in _COUNTS}


def _count(count: Count) -> dict[str, Any]:
    return {**_counted(count), "first": moment_text(count.first), "last": moment_text(count.last)}


def _times(times: Times) -> dict[str, Any]:
    return {
        "violations": times.count,
        "exchanges": times.exchanges,
        "first": moment_text(times.first),
        "last": moment_text(times.last),
    }


def _cause_document(trouble: Trouble) -> dict[str, Any]:
    violation = trouble.violation
    return {
        "rule": violation.rule,
        "pointer": violation.pointer,
        "message": trouble.side,
        "severity": violation.severity,
        **_times(trouble.total),
        "layers": dict(sorted(trouble.layers.items())),
        "by": {
            name: {value: _times(times) for value, times in sorted(trouble.by[name].items())} for name in DIMENSIONS
        },
        "examples": [_seen(seen) for seen in trouble.examples],
    }


def _seen(seen: Seen) -> dict[str, Any]:
    violation = seen.fault.violation
    return {
        **_position(seen.place),
        "host": seen.host,
        "operation": seen.operation or None,
        "place": place(violation.part, violation.path),
        "expected": violation.expected,
        "got": violation.got,
        "layers": list(seen.fault.layers),
    }


def _broken(item: Broken) -> dict[str, Any]:
    return {**_position(item.place), "reason": item.reason}


def _position(where: Place) -> dict[str, Any]:
    if where.line is not None:
        return {"file": where.file, "line": where.line}
    return {"file": where.file} if where.entry is None else {"file": where.file, "entry": where.entry}


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun if count == 1 else f'{noun}s'}"
