"""The probes of one operation in the order in which a run wants them.

The rule of this module: nothing is built before it may be sent, so that a small budget never pays for a large contract;
what asks much of a server, or another model than the one that it serves, comes last; and the same contract gives the
same order.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import TYPE_CHECKING

from assay.generate.coverage import key
from assay.generate.dials import DIALS
from assay.generate.probes import Prober

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from assay.conformance.trial import Trial
    from assay.contract import Contract
    from assay.generate.cases import Case, CaseMaker
    from assay.generate.coverage import Key
    from assay.generate.sites import Site
    from assay.model import Operation

__all__ = ["Probing"]

# A value on the edge of these tells more than one that merely obeys them.
_EDGED = frozenset(
    ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems",
     "minProperties", "maxProperties", "enum", "anyOf", "oneOf")
)  # fmt: skip
_COUNTS = frozenset({"n", "best_of"})  # properties that ask for so many answers
_BULKY = 8000  # bytes of a body


class Probing:
    """The probes of one operation, each given out once.

    ``model`` is the target's name of one, or empty; ``known`` are ids of objects that it has, as the dials want them.
    ``trial`` is who will try them, where somebody will: what it knows already is not built.
    """

    def __init__(
        self,
        contract: Contract,
        operation: Operation,
        model: str,
        known: Mapping[str, str] | None = None,
        trial: Trial | None = None,
    ) -> None:
        dials = replace(DIALS, models=(model,) if model else DIALS.models, known=known or {})
        judge = contract.check_request if trial is None else trial.verdict
        self._prober = Prober(contract.api, contract.schemas, operation, dials, judge=judge)
        self._trial = trial
        self._model = model.encode()
        self._modelled: bool | None = None
        self._given: set[tuple[str, bytes]] = set()
        self._sides = {"inside": self._prober.inside(), "outside": self._single()}
        self._later: list[tuple[Site, Case]] = []

    @property
    def maker(self) -> CaseMaker:
        """What makes requests of the operation, from choices."""
        return self._prober.maker

    @property
    def sites(self) -> tuple[Site, ...]:
        """Every site of the operation's requests."""
        return self._prober.sites

    @property
    def weight(self) -> float:
        """How much of a budget the operation deserves: with twice the sites not quite twice as much."""
        return 1 + sqrt(len(self.sites))

    def draw(self, side: str, covered: Collection[Key]) -> Iterator[tuple[Site, Case]]:
        """Yield the probes of one side that were not given out yet; ``covered`` are the sites kept by what was sent.

        May be left and asked again: it goes on where it was.
        """
        for site, cases in self._sides[side]:
            if side == "inside" and site.keyword not in _EDGED and key(site) in covered:
                continue
            for case in self._fresh(cases):
                if self._can_wait(site, case):
                    self._later.append((site, case))
                else:
                    yield site, case
        while self._later:
            yield self._later.pop(0)

    def _single(self) -> Iterator[tuple[Site, tuple[Case, ...]]]:
        for site, case in self._prober.outside(self._settled):
            yield site, (case,)

    def _settled(self, site: Site) -> bool:
        return self._trial is not None and self._trial.settled(site)

    def _fresh(self, cases: tuple[Case, ...]) -> Iterator[Case]:
        for case in cases:
            mark = (case.request.target, case.request.body)
            if mark not in self._given:
                self._given.add(mark)
                yield case

    def _can_wait(self, site: Site, case: Case) -> bool:
        """Whether a probe makes a server work long, for a large body or many answers, or names a model it may lack."""
        if self._modelled is None:  # the simplest probe tells whether requests of this operation name a model
            self._modelled = bool(self._model) and self._model in case.request.body
        many = site.keyword == "maximum" and bool(site.path) and site.path[-1] in _COUNTS
        foreign = self._modelled and self._model not in case.request.body
        return many or foreign or len(case.request.body) > _BULKY
