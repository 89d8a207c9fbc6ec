"""One run of a suite: its settings, its contracts, and what is told at its end.

The rule of this module: it knows nothing of pytest; hooks tell it which test begins and ends, and ask what was found.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from assay.adapters.intercept import intercept
from assay.conformance.run_rules import parted
from assay.contract import Contract, load
from assay.errors import UsageError
from assay.testing.coverage import Coverage, Totals
from assay.testing.observe import Scope, Traffic, Watch
from assay.testing.replay import Recorder, Refusal, Replay
from assay.testing.settings import Settings, hosts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from assay.rules.registry import RuleSet
    from assay.testing.observe import Seen

__all__ = ["Suite"]


@dataclass(frozen=True, slots=True)
class Tape:
    """The cassette of a test: ``record`` it, answer from it where it is there (``auto``), or from it ``only``."""

    path: Path
    mode: Literal["auto", "record", "only"]
    moment: str


class Suite:
    """``root`` is the folder that relative paths of descriptions start from; ``rules`` are people's own rule sets."""

    def __init__(self, settings: Settings, root: Path, rules: Iterable[RuleSet] = ()) -> None:
        self.settings = settings
        self.root = root
        self.rules = tuple(rules)
        self.listeners: list[Callable[[Seen], None]] = []
        self.hazards: Counter[str] = Counter()
        self.unjudged: Counter[str] = Counter()
        self.foreign: set[str] = set()
        self.coverage: Coverage | None = None
        self._traffic = Traffic()
        self._contracts: dict[Settings, Contract] = {}

    def cover(self) -> Coverage:
        """Count coverage from now on."""
        if self.coverage is None:
            self.coverage = Coverage()
            self.listeners.append(self.coverage.add)
        return self.coverage

    def dumped(self) -> dict[str, Any]:
        """What this process has to tell at the end, as a value of JSON."""
        covered = self.coverage.totals.dumped() if self.coverage is not None else None
        return {
            "hazards": dict(self.hazards),
            "unjudged": dict(self.unjudged),
            "foreign": sorted(self.foreign),
            "coverage": covered,
        }

    def merge(self, dumped: Mapping[str, Any]) -> None:
        """Take what another process of the same run had to tell."""
        self.hazards.update(dumped["hazards"])
        self.unjudged.update(dumped["unjudged"])
        self.foreign.update(dumped["foreign"])
        if dumped["coverage"] is not None:
            self.cover().totals.add(Totals.read(dumped["coverage"]))

    @property
    def watch(self) -> Watch | None:
        """The watch of the test that runs."""
        return self._traffic.watch

    def settings_of(self, marks: Sequence[Mapping[str, Any]]) -> list[Settings]:
        """The settings of a test by its markers, the nearest first; each that names a description opens a scope."""
        base = self.settings
        for mark in reversed([mark for mark in marks if "description" not in mark]):
            base = base.changed(mark)
        named = [base.changed(mark) for mark in marks if "description" in mark]
        return named or [base]

    def contract(self, settings: Settings) -> Contract:
        """The contract that settings name, compiled once."""
        key = replace(settings, hosts=(), unknown="warn", mode="off")
        made = self._contracts.get(key)
        if made is None:
            made = load(
                self._path(settings.description),
                overlays=[self._path(overlay) for overlay in settings.overlays],
                layer=settings.layer,
                off=parted(settings.off)[1],
                rules=self.rules,
            )
            self._contracts[key] = made
        return made

    def scope(self, settings: Settings, contract: Contract | None = None) -> Scope:
        """The scope of settings, with a contract of one's own where it is given."""
        contract = contract or self.contract(settings)
        return Scope(contract, settings.hosts or hosts_of(contract), settings.unknown)

    @contextmanager
    def watching(self, settings: Iterable[Settings], tape: Tape | None = None) -> Iterator[Watch]:
        """Watch the traffic of this process, in all threads, while the block runs; ``tape`` is the test's cassette."""
        watch = Watch([self.scope(one) for one in settings])
        recorder = _wound(watch, tape) if tape is not None else None
        listeners = [*self.listeners, *([recorder.exchanges.append] if recorder is not None else [])]
        if listeners:
            watch.over = _told(listeners)
        before, self._traffic.watch = self._traffic.watch, watch
        try:
            with intercept(self._traffic):
                yield watch
            if recorder is not None:
                recorder.write()
        finally:
            self._traffic.watch = before
            self.foreign |= watch.foreign
            self.hazards.update(f"{hazard.violation} in the {hazard.side} of {hazard.call}" for hazard in watch.hazards)
            self.unjudged.update(watch.unjudged)

    def _path(self, source: str) -> str:
        path = self.root / source
        return str(path) if source != "openai" and path.exists() else source


def _wound(watch: Watch, tape: Tape) -> Recorder | None:
    """Put the cassette in: the recorder that writes it, or answers from it."""
    if tape.mode == "record":
        return Recorder(tape.path, tape.moment)
    if tape.path.exists():
        try:
            watch.answers = Replay(tape.path)
        except UsageError as error:
            watch.answers = Refusal(str(error))
    elif tape.mode == "only":
        watch.answers = Refusal(f"there is no cassette {tape.path}; record it with --assay-record")
    return None


def _told(listeners: Sequence[Callable[[Seen], object]]) -> Callable[[Seen], None]:
    def over(seen: Seen) -> None:
        for listener in listeners:
            listener(seen)

    return over
