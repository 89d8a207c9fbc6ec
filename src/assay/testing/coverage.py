"""Coverage of a client's suite: of all that the operations it calls may answer, what its tests have seen.

The rule of this module: it counts what tests read and nothing else, and counts of workers add up. What the code never
asks for (an operation, streams) is not missed; of what it asks for, every facet that the contract names can be.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from assay.contract.events import event_check
from assay.generate.coverage import Observer
from assay.testing.facets import Facets
from assay.wire.media import is_json, select
from assay.wire.sse import LIMIT, Decoder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from assay.contract import Contract
    from assay.model import Content, Operation
    from assay.testing.observe import Seen

__all__ = ["Coverage", "Totals", "report"]

_STREAM = "text/event-stream"
_TOO_MANY, _BAD, _FAILED = 429, 400, 500
_BROKEN = "broken connection"
_SHOWN = 6

Fact = tuple[str, str, str]
"""Operation, what of it (``responses`` or a kind of response), and the name of the facet."""


@dataclass(slots=True)
class Totals:
    """What was possible, what was seen and how often, how many operations there are, and what requests kept."""

    possible: set[Fact] = field(default_factory=set)
    seen: Counter[Fact] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    sites: set[tuple[str, ...]] = field(default_factory=set)
    operations: dict[str, int] = field(default_factory=dict)

    def add(self, other: Totals) -> None:
        """Count what another process has seen."""
        self.possible |= other.possible
        self.seen += other.seen
        self.calls += other.calls
        self.sites |= other.sites
        self.operations |= other.operations

    def dumped(self) -> dict[str, Any]:
        """These totals as a value of JSON."""
        return {
            "possible": sorted(map(list, self.possible)),
            "seen": sorted([*fact, count] for fact, count in self.seen.items()),
            "calls": dict(self.calls),
            "sites": sorted(map(list, self.sites)),
            "operations": self.operations,
        }

    @classmethod
    def read(cls, value: dict[str, Any]) -> Totals:
        """Read what :meth:`dumped` wrote."""
        return cls(
            {(a, b, c) for a, b, c in value["possible"]},
            Counter({(a, b, c): count for a, b, c, count in value["seen"]}),
            Counter(value["calls"]),
            {tuple(site) for site in value["sites"]},
            dict(value["operations"]),
        )

    @property
    def share(self) -> tuple[int, int]:
        """How many facets were seen, of how many."""
        return len(self.possible & self.seen.keys()), len(self.possible)

    @property
    def percent(self) -> float:
        """The share in percent; 100 where there is nothing to see."""
        done, every = self.share
        return 100 * done / every if every else 100.0


class Coverage:
    """Counts the exchanges of one process."""

    def __init__(self) -> None:
        self.totals = Totals()
        self._facets: dict[str, Facets] = {}
        self._observers: dict[int, Observer] = {}

    def add(self, seen: Seen) -> None:
        """Count one exchange that is over."""
        contract, name = seen.contract, seen.verdict.operation
        if name is None:
            return
        operation = contract[name]
        totals = self.totals
        totals.calls[name] += 1
        totals.operations[contract.api.title] = len(contract.operations)
        totals.possible.update((name, "responses", kind) for kind in _kinds(operation))
        observer = self._observers.setdefault(id(contract), Observer(contract.api, contract.schemas))
        totals.sites.update(observer.observe(seen.request, seen.verdict).inside)
        for kind in _kind(seen):
            totals.seen[name, "responses", kind] += 1
            if kind.startswith("2"):
                totals.possible.add((name, "responses", kind))
        self._count_body(contract, operation, seen)

    def _count_body(self, contract: Contract, operation: Operation, seen: Seen) -> None:
        content = _content(operation, seen)
        if content is None:
            return
        reference = content.item_schema or content.schema
        if reference is None:
            return
        named = False
        if content.media_type == _STREAM:
            event = event_check(contract.schemas, reference)
            reference, named = event.reference, event.named
        kind = f"{seen.status} {content.media_type}"
        facets = self._facets.get(reference)
        if facets is None:
            facets = self._facets[reference] = Facets(contract.schemas, reference)
        self.totals.possible.update((operation.id, kind, name) for name in facets.possible)
        for value in _values(content, seen, named=named):
            for name in facets.shown(value):
                self.totals.seen[operation.id, kind, name] += 1


def report(totals: Totals, *, full: bool) -> Iterator[str]:
    """Write totals for people, line by line; ``full`` names everything that was not seen."""
    for name, calls in sorted(totals.calls.items()):
        mine = {fact for fact in totals.possible if fact[0] == name}
        done = len(mine & totals.seen.keys())
        kept = sum(site[0] == name for site in totals.sites)
        yield f"{name}: {done} of {len(mine)} facets of its responses in {calls} calls; its requests keep {kept} sites"
        for group in sorted({fact[1] for fact in mine}, key=lambda group: (group != "responses", group)):
            missed = sorted(fact[2] for fact in mine if fact[1] == group and fact not in totals.seen)
            if missed:
                label = "never answered with" if group == "responses" else f"not seen in {group}"
                yield f"  {label}: {_listed(missed, full=full)}"
    done, every = totals.share
    used, known = len(totals.calls), sum(totals.operations.values())
    yield f"{totals.percent:.0f}% ({done} of {every}) of what {used} of {known} operations may answer was seen"


def _listed(names: list[str], *, full: bool) -> str:
    if full or len(names) <= _SHOWN:
        return ", ".join(names)
    return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more (--assay-coverage-full)"


def _kinds(operation: Operation) -> Iterator[str]:
    """The kinds of response that an operation has."""
    for answer in operation.answers:
        if answer.status.startswith("2"):
            types = [content.media_type for content in answer.contents]
            # A stream comes where it is asked for, and then it is seen; who never asks misses nothing.
            yield from (f"{answer.status} {one}" for one in types if one != _STREAM or len(types) == 1)
            yield from () if answer.contents else (answer.status,)
        elif answer.status in ("4XX", "5XX") or answer.status.isdigit():
            yield answer.status
    if any(answer.status in ("4XX", "429", "default") for answer in operation.answers):
        yield "429"
    yield _BROKEN


def _kind(seen: Seen) -> Iterator[str]:
    if seen.state == "broken":
        yield _BROKEN
    if not seen.status:
        return
    if seen.status < _BAD:
        content = _content(seen.contract[seen.verdict.operation or ""], seen)
        yield f"{seen.status} {content.media_type}" if content is not None else str(seen.status)
        return
    yield str(seen.status)
    if seen.status != _TOO_MANY:
        yield "5XX" if seen.status >= _FAILED else "4XX"


def _content(operation: Operation, seen: Seen) -> Content | None:
    for answer in operation.answers:
        if answer.status == str(seen.status):
            return select(answer.contents, seen.headers.content_type)
    return None


def _values(content: Content, seen: Seen, *, named: bool) -> Iterable[Any]:
    body = b"".join(seen.pieces)
    if content.media_type == _STREAM:
        return _events(body, named=named)
    if not is_json(content.media_type):
        return ()
    try:
        return (orjson.loads(body),)
    except orjson.JSONDecodeError:
        return ()


def _events(body: bytes, *, named: bool) -> Iterator[Any]:
    """The data of every event that is JSON, or with its name where the description speaks of both."""
    for item in Decoder(LIMIT).read(body):
        name, text = ("message", item) if isinstance(item, bytes) else (item.name, item.data.encode())
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
        yield {"event": name, "data": value} if named else value
