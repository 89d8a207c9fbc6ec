"""Search on a live target: draw cases by chance, and let Hypothesis shrink those that show something new.

The rule of this module: what is drawn and what is shrunk are the same choices, and neither decides what is sent twice
or too often: the caller's ``attempt`` keeps the budget, and nothing is written to the user's folder.
"""

from __future__ import annotations

import random
import warnings
from typing import TYPE_CHECKING
from unittest import SkipTest

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.database import ExampleDatabase, choices_to_bytes
from hypothesis.errors import FlakyFailure, HypothesisWarning, Unsatisfiable

from assay.conformance.pace import Enough

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hypothesis.strategies import SearchStrategy

    from assay.generate.cases import Case
    from assay.generate.chance import Cases

    Attempt = Callable[[Case], frozenset[object]]

__all__ = ["search"]

_BARREN = 27  # cases in a row that may tell nothing new
_SHRINKS = 30  # requests spent on making one finding smaller


class _Shown(AssertionError):  # noqa: N818  a finding, not a fault
    """A case shows the cause that is being shrunk."""


class _Shrinking:
    """Makes one cause smaller, until it is as small as can be or the requests are spent."""

    def __init__(self, attempt: Attempt, wanted: object, spent: Callable[[], int]) -> None:
        self._attempt, self._wanted, self._spent = attempt, wanted, spent
        self._until = spent() + _SHRINKS

    @property
    def over(self) -> bool:
        """Whether it has spent what it may."""
        return self._spent() >= self._until

    def __call__(self, case: Case) -> None:
        """Try one case; raise when it shows the wanted cause."""
        if self.over:
            raise Enough
        if self._wanted in self._attempt(case):
            raise _Shown


class _Begun(ExampleDatabase):
    """What Hypothesis takes up, as if an earlier run had left it: the choices of one case."""

    def __init__(self, choices: tuple[int, ...]) -> None:
        super().__init__()
        # One choice more than the case makes: else Hypothesis takes it for something that was shrunk before.
        self._left = [choices_to_bytes((*choices, 0))]

    def fetch(self, _key: bytes) -> Iterable[bytes]:
        """Give the choices out, once."""
        left, self._left = self._left, []
        return left

    def save(self, _key: bytes, _value: bytes) -> None:
        """Nothing is kept."""

    def delete(self, _key: bytes, _value: bytes) -> None:
        """Nothing is kept."""


def search(
    cases: Cases,
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
    chance = random.Random(seed)  # noqa: S311  repeatable, not secret
    until, barren = spent() + requests, 0
    while (before := spent()) < until and barren < _BARREN:
        # Where an operation gets but one request, a valid one tells most.
        drawn = cases.drawn(chance, valid=before == until - requests)
        fresh = [] if drawn is None else sorted(attempt(drawn[0]) - known, key=repr)
        if drawn is not None and fresh:
            known.add(fresh[0])
            _shrink(cases.strategy(), drawn[1], _Shrinking(attempt, fresh[0], spent), seed)
        barren = barren + 1 if not fresh and spent() == before else 0


def _shrink(strategy: SearchStrategy[Case], choices: tuple[int, ...], one: _Shrinking, seed: int) -> None:
    """Let Hypothesis take up a case by its choices and make it small."""
    settings = hypothesis.settings(
        database=_Begun(choices),
        deadline=None,
        derandomize=False,
        phases=(Phase.reuse, Phase.shrink),
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
            # The settings last: a seed switches the database off.
            settings(hypothesis.seed(seed)(hypothesis.given(strategy)(test)))()
    except (_Shown, FlakyFailure, Unsatisfiable, SkipTest):  # the last where a case has more choices than it takes
        return
    except Enough:
        if not one.over:
            raise
