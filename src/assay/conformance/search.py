"""Hypothesis against a live target: draw cases, and shrink those that show something new.

The rule of this module: Hypothesis decides what to draw, never what is sent twice or too often: the caller's
``attempt`` keeps the budget, and nothing is written to the user's folder.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.errors import FlakyFailure, HypothesisWarning, Unsatisfiable

from assay.conformance.pace import Enough

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

    from assay.generate.cases import Case

    Attempt = Callable[[Case], frozenset[object]]

__all__ = ["search"]

# Examples drawn in one use of Hypothesis: from the tenth on it tries five variations of every other one, nearly all of
# which were sent before, and a variation costs as much as a new example.
_DRAWS = 9
_BARREN = 3  # uses in a row that may tell nothing new
_SHRINKS = 30  # requests spent on making one finding smaller


class _Shown(AssertionError):  # noqa: N818  a finding, not a fault
    """A case shows the cause that is being shrunk."""


class _Round:
    """One use of Hypothesis: until a new cause is found and made small, or the requests are spent."""

    def __init__(self, attempt: Attempt, known: set[object], spent: Callable[[], int], until: int) -> None:
        self.attempt, self.known, self.spent, self.until = attempt, known, spent, until
        self.wanted: object = None

    @property
    def over(self) -> bool:
        """Whether this round has spent what it may."""
        return self.spent() >= self.until

    def __call__(self, case: Case) -> None:
        """Try one case; raise when it shows the wanted cause."""
        if self.over:
            raise Enough
        shown = self.attempt(case)
        if self.wanted is None:
            fresh = sorted(shown - self.known, key=repr)
            if not fresh:
                return
            self.wanted = fresh[0]
            self.known.add(self.wanted)
            self.until = self.spent() + _SHRINKS
        if self.wanted in shown:
            raise _Shown


def search(
    strategy: SearchStrategy[Case],
    attempt: Attempt,
    *,
    known: set[object],
    requests: int,
    seed: int,
    spent: Callable[[], int],
) -> None:
    """Draw cases until about ``requests`` were sent by ``attempt`` or nothing new can be drawn.

    ``attempt`` tries a case and returns the causes worth shrinking that it shows; ``known`` are those that have been
    shrunk, and is added to; ``spent`` tells how many requests were sent so far. Raises Enough only when that comes
    from ``attempt``: the budget of the whole run is spent.
    """
    until = spent() + requests
    number = barren = 0
    while (before := spent()) < until and barren < _BARREN:
        one = _Round(attempt, known, spent, until)
        _hypothesis(strategy, one, seed + number)
        number += 1
        barren = barren + 1 if one.wanted is None and spent() == before else 0


def _hypothesis(strategy: SearchStrategy[Case], one: _Round, seed: int) -> None:
    """Let Hypothesis draw, and shrink the first cause that is new."""
    settings = hypothesis.settings(
        max_examples=_DRAWS,
        database=None,
        deadline=None,
        derandomize=False,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=tuple(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
    )

    def test(case: Case) -> None:
        one(case)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HypothesisWarning)
            hypothesis.seed(seed)(settings(hypothesis.given(strategy)(test)))()
    except (_Shown, FlakyFailure, Unsatisfiable):
        return
    except Enough:
        if not one.over:
            raise
