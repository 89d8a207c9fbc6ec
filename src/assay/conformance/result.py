"""What a run is asked for and what it brings back: Target, Options, Tally, Result, and Watch, who looks on.

The rule of this module: a result is complete at every moment of a run, so that an interrupted run has one too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from assay.conformance.findings import Findings
from assay.conformance.matrix import asked
from assay.generate.coverage import Counts, Universe, share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from assay.conformance.baseline import Baseline
    from assay.conformance.checks import Exchange
    from assay.conformance.findings import Finding
    from assay.conformance.letter import Letter
    from assay.generate.coverage import Share
    from assay.messages import Request, Send
    from assay.model import Operation
    from assay.violation import Violation

__all__ = ["Options", "Result", "Tally", "Target", "Watch"]


@dataclass(frozen=True, slots=True)
class Target:
    """The server under test. ``anonymous`` sends without the user's key; None when there is no key to enforce.

    ``fresh`` sends on a connection of its own, None where requests share none.
    ``url`` gives the absolute URL of a request's target; ``fields`` names the header fields that ``send`` adds, and
    ``secrets`` are their values, which no report may repeat, not even where the target does. ``key`` is the key that
    stands behind ``Bearer`` there, empty where there is none.
    """

    send: Send
    url: Callable[[str], str]
    anonymous: Send | None = None
    fields: tuple[str, ...] = ()
    fresh: Send | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Options:
    """What to do: ``operations`` by id, path or ``METHOD path`` (all when empty); ``seconds`` for the whole run.

    ``workers`` is how many threads send, ``rate`` how many requests may go out in one second.
    """

    model: str | None = None
    operations: tuple[str, ...] = ()
    requests: int = 300
    seconds: float | None = None
    seed: int = 0
    workers: int = 1
    rate: float | None = None


@dataclass(slots=True)
class Tally:
    """What happened to one operation.

    ``sent`` counts requests, repeats included; ``accepted`` those with a 2xx; ``refusals`` the honest refusals of
    valid requests by their reason; ``closed`` says why the operation is left alone, or is empty; ``late`` counts
    time-outs in a row; ``example`` is the first request that was accepted; ``asked`` counts the exchanges that say
    something of a column of the findings.
    """

    sent: int = 0
    valid: int = 0
    invalid: int = 0
    accepted: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    closed: str = ""
    late: int = 0
    model: str = ""
    example: Request | None = None
    asked: Counter[str] = field(default_factory=Counter)


class Watch(Protocol):
    """Who looks on while a run goes: a progress bar, lines of a log, or nobody."""

    def begin(self, phase: str, operation: str) -> None:
        """A phase turns to an operation."""

    def update(self, sent: int, findings: int) -> None:
        """So many requests were sent, and so many findings there are by now."""


@dataclass(slots=True)
class Result:
    """All that a run has to tell. ``stopped`` says why it ended before its budget was used, or is empty.

    ``replayed`` counts those of the requests that were answered by a journal.
    ``unproven`` counts generated cases that the contract labelled otherwise than the generator; they are not sent.
    ``counts`` says which sites the requests tried, ``universes`` by operation which there are. ``letter`` judges by the
    strict layer too, where that was asked for; ``baseline`` is the one that was applied; ``layer`` is the one that
    decides.
    """

    options: Options
    operations: tuple[Operation, ...] = ()
    findings: Findings = field(default_factory=Findings)
    tallies: dict[str, Tally] = field(default_factory=dict)
    sent: int = 0
    replayed: int = 0
    seconds: float = 0.0
    stopped: str = ""
    unproven: int = 0
    counts: Counts = field(default_factory=Counts)
    universes: dict[str, Universe] = field(default_factory=dict)
    letter: Letter | None = None
    baseline: Baseline | None = None
    layer: str = "compat"

    @property
    def failed(self) -> bool:
        """Whether there is a finding that counts for the exit code."""
        return any(finding.fails for finding in self.findings)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that responses were judged by, the deciding one first."""
        return (self.layer,) if self.letter is None else (self.layer, "strict")

    @property
    def all(self) -> list[Finding]:
        """Every finding in the order in which people want them: new ones, those of the letter alone, accepted ones."""
        letter = [] if self.letter is None else list(self.letter.findings)
        return sorted([*self.findings, *letter], key=lambda finding: (finding.accepted, finding.letter))

    def note(self, exchange: Exchange, violations: Iterable[Violation]) -> None:
        """Count what an exchange says something of, and let the letter judge it; for every exchange with a response."""
        self.tallies[exchange.operation.id].asked.update(asked(exchange))
        if self.letter is not None:
            self.letter.judge(exchange, violations)

    def covered(self, operations: Iterable[str] | None = None) -> Share:
        """Contract coverage: of all tested operations, or of some; of all their sites, reachable or not."""
        universe = Universe(frozenset(), frozenset())
        for name in self.universes if operations is None else operations:
            universe |= self.universes.get(name, universe)
        return share(universe, self.counts)
