"""What an audit has counted: per operation, per host, and each cause with its first places. Reports merge.

The rule of this module: its size is bounded by the description and by the caps below, never by the traffic; and
merging the reports of the parts gives the report of the whole.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay.audit.records import Broken

if TYPE_CHECKING:
    from assay.audit.judge import Fault, Outcome
    from assay.audit.records import Place
    from assay.violation import Violation

__all__ = ["Cause", "Report", "Seen", "Tally", "template"]

_NAMES_KEPT = 1000
_OTHERS = "(others)"
# A step of a path that reads like a word or a version may be shown; any other may be an id or a key.
_WORD = re.compile(r"[a-z]{1,24}([_.-][a-z]{1,24}){0,4}|v\d{1,2}((alpha|beta)\d{0,2})?", re.IGNORECASE)


@dataclass(slots=True)
class Tally:
    """The counts of one operation or one host, in exchanges; ``hazards`` in messages.

    ``requests_skipped`` and ``responses_skipped`` count the messages that could not be judged.
    """

    exchanges: int = 0
    requests_wrong: int = 0
    responses_wrong: int = 0
    hazards: int = 0
    requests_skipped: int = 0
    responses_skipped: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one exchange."""
        wrong = {fault.side for fault in outcome.faults if fault.violation.severity == "violation"}
        risky = {fault.side for fault in outcome.faults if fault.violation.severity == "hazard"}
        skipped = outcome.skipped or {}
        self.exchanges += 1
        self.requests_wrong += "request" in wrong
        self.responses_wrong += "response" in wrong
        self.hazards += len(risky)
        self.requests_skipped += "request" in skipped
        self.responses_skipped += "response" in skipped

    def merge(self, other: Tally) -> None:
        """Add the counts of another tally."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True, slots=True)
class Seen:
    """One place where a cause showed: the fault, where it stands, and with whom."""

    place: Place
    host: str
    operation: str
    fault: Fault


@dataclass(slots=True)
class Cause:
    """All violations of one rule at one place of the contract; ``examples`` are the first of them."""

    violation: Violation
    count: int = 0
    exchanges: int = 0
    layers: Counter[str] = field(default_factory=Counter)
    hosts: Counter[str] = field(default_factory=Counter)
    examples: list[Seen] = field(default_factory=list)


class Report:
    """The counts of an audit; ``keep`` is how many examples each cause has at most."""

    def __init__(self, keep: int = 5) -> None:
        self.keep = keep
        self.operations: dict[str, Tally] = {}
        self.hosts: dict[str, Tally] = {}
        self.unknown: Counter[str] = Counter()
        self.foreign: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.causes: dict[tuple[str, str, str], Cause] = {}
        self.broken: list[Broken] = []
        self.unread = 0
        """How many entries could not be read; ``broken`` holds the first of them."""

    @property
    def exchanges(self) -> int:
        """How many exchanges were read, of whatever host and path."""
        return self.judged + self.unknown.total() + self.foreign.total()

    @property
    def judged(self) -> int:
        """How many exchanges belong to an operation of the description."""
        return sum(tally.exchanges for tally in self.operations.values())

    @property
    def failed(self) -> bool:
        """Whether anything broke the contract; hazards do not count."""
        return any(cause.violation.severity == "violation" for cause in self.causes.values())

    def add(self, item: Outcome | Broken) -> None:
        """Count one entry of a recording."""
        if isinstance(item, Broken):
            self.unread += 1
            if len(self.broken) < self.keep:
                self.broken.append(item)
            return
        record = item.record
        if item.foreign:
            _count(self.foreign, record.host)
            return
        if item.operation is None:
            _count(self.unknown, f"{record.request.method} {record.host}{template(record.request.target)}")
        else:
            self.operations.setdefault(item.operation, Tally()).add(item)
            for side, reason in (item.skipped or {}).items():
                self.skipped[f"{side}: {reason}"] += 1
        host = record.host if record.host in self.hosts or len(self.hosts) < _NAMES_KEPT else _OTHERS
        self.hosts.setdefault(host, Tally()).add(item)
        self._note(item)

    def merge(self, other: Report) -> None:
        """Add another report, of what comes after this one."""
        for mine, theirs in ((self.operations, other.operations), (self.hosts, other.hosts)):
            for name, tally in theirs.items():
                mine.setdefault(name, Tally()).merge(tally)
        for counter, added in (
            (self.unknown, other.unknown),
            (self.foreign, other.foreign),
            (self.skipped, other.skipped),
        ):
            for name, count in added.items():
                _count(counter, name, count)
        for key, theirs_cause in other.causes.items():
            cause = self.causes.setdefault(key, Cause(theirs_cause.violation))
            cause.count += theirs_cause.count
            cause.exchanges += theirs_cause.exchanges
            cause.layers.update(theirs_cause.layers)
            cause.hosts.update(theirs_cause.hosts)
            cause.examples.extend(theirs_cause.examples[: self.keep - len(cause.examples)])
        self.broken.extend(other.broken[: self.keep - len(self.broken)])
        self.unread += other.unread

    def ranked(self) -> list[Cause]:
        """Every cause: violations before hazards, the most frequent first."""
        return sorted(
            self.causes.values(),
            key=lambda c: (c.violation.severity != "violation", -c.exchanges, c.violation.rule, c.violation.pointer),
        )

    def _note(self, outcome: Outcome) -> None:
        touched = set()
        for fault in outcome.faults:
            violation, record = fault.violation, outcome.record
            key = (fault.side, violation.rule, violation.pointer)
            cause = self.causes.setdefault(key, Cause(violation))
            cause.count += 1
            cause.layers.update(fault.layers)
            if key not in touched:
                # One exchange may break a rule in each of a thousand events.
                touched.add(key)
                cause.exchanges += 1
                _count(cause.hosts, record.host)
            if len(cause.examples) < self.keep:
                cause.examples.append(Seen(record.place, record.host, outcome.operation or "", fault))


def template(target: str) -> str:
    """The path of a target, with ``{}`` for each step that may be an id or a key, and without the query."""
    steps = target.partition("?")[0].partition("#")[0].split("/")
    return "/".join(step if not step or _WORD.fullmatch(step) else "{}" for step in steps)


def _count(counter: Counter[str], name: str, count: int = 1) -> None:
    counter[name if name in counter or len(counter) < _NAMES_KEPT else _OTHERS] += count
