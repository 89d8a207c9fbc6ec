"""What an audit of any size counts: by operation, host, model, status and day, and each cause likewise; ledgers merge.

The rule of this module: the result depends on the traffic alone, not on how it was cut nor in which order its parts
came: every count is a sum, every example the first by its place, and where names are too many, those are kept whose
checksum is least, each with all of its counts. Its size is bounded by the description and the caps below.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from heapq import nsmallest
from typing import TYPE_CHECKING, Generic, TypeVar
from zlib import crc32

from assay.audit.records import Broken, Place
from assay.audit.report import Seen, template
from assay.audit.traits import day_text, model_of, plain_host, plain_model, when_of
from assay.generate.coverage import Counts

if TYPE_CHECKING:
    from assay.audit.judge import Fault, Outcome
    from assay.violation import Violation

__all__ = ["DIMENSIONS", "OTHERS", "Count", "Ledger", "Names", "Times", "Trouble"]

DIMENSIONS = ("operation", "host", "model", "status", "day")
"""By what exchanges are counted; a day is UTC's, as ``2026-01-31``, and empty where no time is known."""

OTHERS = "(others)"
_NUMBER = re.compile(r"\d+")
_NAMES_KEPT = 2000
_CELLS_KEPT = 20_000
_BROKEN_KEPT = 50

Cell = tuple[str, str, str, str, str]
"""The names of one exchange, in the order of ``DIMENSIONS``."""

_Raw = tuple[str, str, str, int, float | None]
"""The same as it came; days are numbers."""

CauseKey = tuple[str, str, str]


S = TypeVar("S", "Count", "Times")


@dataclass(slots=True)
class Span:
    """When something was first and last seen, in seconds since 1970; None where no time is known."""

    first: float | None = None
    last: float | None = None

    def seen(self, first: float | None, last: float | None) -> None:
        """Widen the span."""
        if first is not None and (self.first is None or first < self.first):
            self.first = first
        if last is not None and (self.last is None or last > self.last):
            self.last = last


@dataclass(slots=True)
class Count(Span):
    """Exchanges, and of them: ``wrong`` (either message), wrong by message, with hazards, and not judged."""

    exchanges: int = 0
    wrong: int = 0
    requests_wrong: int = 0
    responses_wrong: int = 0
    hazards: int = 0
    requests_skipped: int = 0
    responses_skipped: int = 0

    def merge(self, other: Count) -> None:
        """Add another count."""
        self.exchanges += other.exchanges
        self.wrong += other.wrong
        self.requests_wrong += other.requests_wrong
        self.responses_wrong += other.responses_wrong
        self.hazards += other.hazards
        self.requests_skipped += other.requests_skipped
        self.responses_skipped += other.responses_skipped
        self.seen(other.first, other.last)


@dataclass(slots=True)
class Times(Span):
    """How often a rule was broken, and in how many exchanges."""

    count: int = 0
    exchanges: int = 0

    def merge(self, other: Times) -> None:
        """Add another count."""
        self.count += other.count
        self.exchanges += other.exchanges
        self.seen(other.first, other.last)


class Names(dict[str, S], Generic[S]):
    """Sums by name, at most ``limit`` of them when :meth:`settled`; the rest is one sum, ``OTHERS``."""

    def __init__(self, made: type[S], limit: int = _NAMES_KEPT) -> None:
        super().__init__()
        self.made: type[S] = made
        self.limit = limit
        self._most: tuple[int, str] | None = None

    def at(self, name: str) -> S:
        """The sum of a name."""
        found = self.get(name)
        if found is not None:
            return found
        if self._most is not None and _rank(name) > self._most:
            name = OTHERS
        elif len(self) >= 2 * self.limit:
            self.settle()
            return self.at(name)
        return self.setdefault(name, self.made())

    def merge(self, other: Names[S]) -> None:
        """Add the sums of other names."""
        marks = [mark for mark in (self._most, other._most) if mark is not None]
        for name, added in other.items():
            self.at(name).merge(added)
        if marks:
            self._most = min(marks)
            self._drop([name for name in self if name != OTHERS and _rank(name) > min(marks)])

    def settle(self) -> None:
        """Keep the names whose checksum is least: a name that is kept now was never dropped before."""
        names = [name for name in self if name != OTHERS]
        if len(names) > self.limit:
            kept = nsmallest(self.limit, map(_rank, names))
            self._most = kept[-1]
            self._drop([name for name in names if _rank(name) > kept[-1]])

    def _drop(self, names: list[str]) -> None:
        for name in names:
            dropped = self.pop(name)
            self.setdefault(OTHERS, self.made()).merge(dropped)

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (self.made, self.limit, self._most, dict(self))


def _restored(made: type[S], limit: int, most: tuple[int, str] | None, items: dict[str, S]) -> Names[S]:
    names = Names(made, limit)
    names._most = most  # noqa: SLF001  its own pickle
    names.update(items)
    return names


def _rank(name: str) -> tuple[int, str]:
    return crc32(name.encode("utf-8", "replace")), name


def _times() -> dict[str, Names[Times]]:
    return {name: Names(Times, 200) for name in DIMENSIONS}


@dataclass(slots=True)
class Trouble:
    """All violations of one rule at one place of the contract, on one side; ``examples`` are the first by place."""

    violation: Violation
    side: str
    total: Times = field(default_factory=Times)
    layers: Counter[str] = field(default_factory=Counter)
    by: dict[str, Names[Times]] = field(default_factory=_times)
    examples: list[Seen] = field(default_factory=list)

    def merge(self, other: Trouble, keep: int) -> None:
        """Add the same cause of another ledger."""
        self.total.merge(other.total)
        self.layers.update(other.layers)
        for name, names in other.by.items():
            self.by[name].merge(names)
        self.examples = sorted([*self.examples, *other.examples], key=_by_place)[:keep]

    def note(self, cell: Cell, when: float | None, count: int) -> None:
        """Count one exchange that breaks the rule ``count`` times."""
        self.total.merge(Times(when, when, count, 1))
        for name, value in zip(DIMENSIONS, cell, strict=True):
            self.by[name].at(value).merge(Times(when, when, count, 1))

    def example(self, seen: Seen, keep: int) -> None:
        """Keep the example if it is one of the first."""
        if len(self.examples) < keep or _by_place(seen) < _by_place(self.examples[-1]):
            self.examples = sorted([*self.examples, seen], key=_by_place)[:keep]


class Ledger:
    """The counts of an audit; ``keep`` is how many examples each cause has at most."""

    def __init__(self, keep: int = 5) -> None:
        self.keep = keep
        self.exchanges = 0
        """How many exchanges were read, of whatever host and path."""
        self.total = Count()
        """The exchanges that were judged."""
        self.by: dict[str, Names[Count]] = {name: Names(Count) for name in DIMENSIONS}
        self.unknown: Names[Count] = Names(Count)
        self.foreign: Names[Count] = Names(Count)
        self.skipped: Counter[str] = Counter()
        self.unread: Counter[str] = Counter()
        """Entries that could not be read, by reason; ``broken`` holds the first of them by place."""
        self.broken: list[Broken] = []
        self.troubles: dict[CauseKey, Trouble] = {}
        self.coverage = Counts()
        self.lines: dict[tuple[str, int], int] = {}
        """How many lines each piece of a file that was cut has, by the file and the piece's first byte."""
        self._cells: dict[_Raw, Count] = {}

    def add(self, item: Outcome | Broken) -> None:
        """Count one entry of a recording."""
        if isinstance(item, Broken):
            self._unread(item)
            return
        self.exchanges += 1
        record = item.record
        when = when_of(record)
        if item.foreign or item.operation is None:
            names = self.foreign if item.foreign else self.unknown
            host = plain_host(record.host)
            name = host if item.foreign else f"{record.request.method} {host}{template(record.request.target)}"
            names.at(name).merge(Count(when, when, 1))
            if not item.faults:
                return
        status = record.response.status if record.response is not None else 0
        day = when // 86400 if when is not None else None
        raw = (item.operation or "", record.host, model_of(record), status, day)
        self._count(raw, when, item)
        if item.faults:
            self._note(_named(raw), when, item)

    def merge(self, other: Ledger) -> None:
        """Add another ledger; which one comes first does not matter."""
        other.fold()
        self.exchanges += other.exchanges
        self.total.merge(other.total)
        for name, names in other.by.items():
            self.by[name].merge(names)
        self.unknown.merge(other.unknown)
        self.foreign.merge(other.foreign)
        self.skipped.update(other.skipped)
        self.unread.update(other.unread)
        self.broken = sorted([*self.broken, *other.broken], key=lambda b: _order(b.place))[:_BROKEN_KEPT]
        for key, trouble in other.troubles.items():
            mine = self.troubles.setdefault(key, Trouble(trouble.violation, trouble.side))
            mine.merge(trouble, self.keep)
        self.coverage.add(other.coverage)
        self.lines.update(other.lines)

    def counted(self, file: str, start: int, lines: int) -> None:
        """Note how many lines a piece of a file has that was cut."""
        self.lines[file, start] = lines

    def fold(self) -> None:
        """Bring what was counted by cell into the sums by dimension."""
        for raw, count in self._cells.items():
            self.total.merge(count)
            for name, value in zip(DIMENSIONS, _named(raw), strict=True):
                self.by[name].at(value).merge(count)
        self._cells.clear()

    def settle(self) -> None:
        """End the counting: fold, drop the names over the caps, and number the lines of files that were cut."""
        self.fold()
        for names in (*self.by.values(), self.unknown, self.foreign):
            names.settle()
        starts: dict[tuple[str, int], int] = {}
        before: dict[str, int] = {}
        for (file, start), count in sorted(self.lines.items()):
            starts[file, start] = before.get(file, 0)
            before[file] = starts[file, start] + count
        self.lines.clear()
        self.broken = [replace(item, place=_numbered(item.place, starts)) for item in self.broken]
        for trouble in self.troubles.values():
            for times in trouble.by.values():
                times.settle()
            trouble.examples = [replace(seen, place=_numbered(seen.place, starts)) for seen in trouble.examples]
            # Which of the equals stands for all must not depend on the order either.
            trouble.violation = trouble.examples[0].fault.violation

    def ranked(self) -> list[Trouble]:
        """Every cause: violations before hazards, the most frequent first."""
        return sorted(
            self.troubles.values(),
            key=lambda t: (
                t.violation.severity != "violation", -t.total.exchanges, t.violation.rule, t.violation.pointer, t.side,
            ),
        )  # fmt: skip

    def _unread(self, item: Broken) -> None:
        self.unread[_NUMBER.sub("N", item.reason)] += 1
        if len(self.broken) < _BROKEN_KEPT or _order(item.place) < _order(self.broken[-1].place):
            self.broken = sorted([*self.broken, item], key=lambda b: _order(b.place))[:_BROKEN_KEPT]

    def _count(self, cell: _Raw, when: float | None, item: Outcome) -> None:
        count = self._cells.get(cell)
        if count is None:
            if len(self._cells) >= _CELLS_KEPT:
                self.fold()
            count = self._cells[cell] = Count()
        count.exchanges += 1
        if when is not None and not (count.first is not None and count.first <= when <= (count.last or 0)):
            count.seen(when, when)
        for side, reason in (item.skipped or {}).items():
            self.skipped[f"{side}: {reason}"] += 1
            if side == "request":
                count.requests_skipped += 1
            else:
                count.responses_skipped += 1
        if not item.faults:
            return
        wrong = {fault.side for fault in item.faults if fault.violation.severity == "violation"}
        count.wrong += bool(wrong)
        count.requests_wrong += "request" in wrong
        count.responses_wrong += "response" in wrong
        count.hazards += any(fault.violation.severity == "hazard" for fault in item.faults)

    def _note(self, cell: Cell, when: float | None, item: Outcome) -> None:
        groups: dict[CauseKey, list[Fault]] = {}
        for fault in item.faults:
            groups.setdefault((fault.side, fault.violation.rule, fault.violation.pointer), []).append(fault)
        for key, faults in groups.items():
            trouble = self.troubles.get(key)
            if trouble is None:
                trouble = self.troubles[key] = Trouble(faults[0].violation, faults[0].side)
            trouble.note(cell, when, len(faults))
            for fault in faults:
                trouble.layers.update(fault.layers)
            record = item.record
            place = record.answered_at if faults[0].side == "response" and record.answered_at else record.place
            trouble.example(Seen(place, cell[1], cell[0], faults[0]), self.keep)


def _named(raw: _Raw) -> Cell:
    operation, host, model, status, day = raw
    return operation, plain_host(host), plain_model(model), str(status) if status else "", day_text(day)


def _order(place: Place) -> tuple[str, int, int]:
    position = place.line if place.line is not None else place.entry
    return place.file, place.start, -1 if position is None else position


def _by_place(seen: Seen) -> tuple[str, int, int]:
    return _order(seen.place)


def _numbered(place: Place, starts: dict[tuple[str, int], int]) -> Place:
    before = starts.get((place.file, place.start), 0)
    return place if place.line is None else place._replace(line=place.line + before, start=0)
