"""Choices without chance: a source that is no Hypothesis draw, for probes, which must come out the same every time.

The rule of this module: the same number gives the same values; number 0 takes the simplest choice everywhere.
"""

from __future__ import annotations

import random
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from assay.generate.source import Source

if TYPE_CHECKING:
    from assay.generate.dials import Dials
    from assay.generate.plans import Plan

__all__ = ["Fixed", "GaveUp", "made"]

T = TypeVar("T")
_QUIET = hypothesis.settings(
    max_examples=50,
    database=None,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=tuple(HealthCheck),
    verbosity=Verbosity.quiet,
)


class GaveUp(Exception):  # noqa: N818  an outcome inside this room, not an error for people
    """A plan could not be completed with these choices."""


class Fixed(Source):
    """The choices that belong to one number."""

    __slots__ = ("_random",)

    def __init__(self, dials: Dials, number: int = 0) -> None:
        super().__init__(cast("st.DrawFn", _no_draw), dials)
        self._random = random.Random(number) if number else None  # noqa: S311  repeatable, not secret

    def below(self, count: int) -> int:
        """Take the simplest choice, or the next of this number's."""
        if count <= 1:
            return 0
        self._left -= 1
        return 0 if self._random is None else self._random.randrange(count)

    def from_strategy(self, strategy: st.SearchStrategy[Any]) -> Any:
        """Take the first value that Hypothesis makes when nothing is left to chance."""
        self._left -= 2
        return _first(strategy)

    def give_up(self) -> NoReturn:
        """Abandon this value."""
        raise GaveUp


def made(plan: Plan, dials: Dials, number: int = 0) -> Any:
    """Make the value of a plan that belongs to a number; raises :class:`GaveUp`."""
    return plan.make(Fixed(dials, number), dials.depth)


@lru_cache(maxsize=1024)
def _first(strategy: st.SearchStrategy[Any]) -> Any:
    try:
        return hypothesis.find(strategy, lambda _: True, settings=_QUIET)
    except HypothesisException as error:
        raise GaveUp from error


def _no_draw(_strategy: st.SearchStrategy[T], _label: object = None) -> T:
    raise GaveUp
