"""One run of a suite: its settings, its contracts, and what is told at its end.

The rule of this module: it knows nothing of pytest; hooks tell it which test begins and ends, and ask what was found.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assay.adapters.intercept import intercept
from assay.contract import Contract, load
from assay.testing.observe import Scope, Traffic, Watch
from assay.testing.settings import Settings, hosts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from assay.rules.registry import RuleSet
    from assay.testing.observe import Seen

__all__ = ["Suite"]


class Suite:
    """``root`` is the folder that relative paths of descriptions start from; ``rules`` are people's own rule sets."""

    def __init__(self, settings: Settings, root: Path, rules: Iterable[RuleSet] = ()) -> None:
        self.settings = settings
        self.root = root
        self.rules = tuple(rules)
        self.listeners: list[Callable[[Seen], None]] = []
        self.hazards: Counter[str] = Counter()
        self.unjudged: Counter[str] = Counter()
        self.exchanges = 0
        self._traffic = Traffic()
        self._contracts: dict[Settings, Contract] = {}

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
                off=settings.off,
                rules=self.rules,
            )
            self._contracts[key] = made
        return made

    def scope(self, settings: Settings, contract: Contract | None = None) -> Scope:
        """The scope of settings, with a contract of one's own where it is given."""
        contract = contract or self.contract(settings)
        return Scope(contract, settings.hosts or hosts_of(contract), settings.unknown)

    @contextmanager
    def watching(self, settings: Iterable[Settings]) -> Iterator[Watch]:
        """Watch the traffic of this process, in all threads, while the block runs."""
        watch = Watch([self.scope(one) for one in settings])
        if self.listeners:
            watch.over = self._over
        before, self._traffic.watch = self._traffic.watch, watch
        try:
            with intercept(self._traffic):
                yield watch
        finally:
            self._traffic.watch = before
            self.exchanges += watch.exchanges
            self.hazards.update(f"{hazard.violation} in the {hazard.side} of {hazard.call}" for hazard in watch.hazards)
            self.unjudged.update(watch.unjudged)

    def _over(self, seen: Seen) -> None:
        for listener in self.listeners:
            listener(seen)

    def _path(self, source: str) -> str:
        path = self.root / source
        return str(path) if source != "openai" and path.exists() else source
