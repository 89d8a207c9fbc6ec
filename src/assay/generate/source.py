"""Where choices come from: a thin layer over Hypothesis's ``draw`` that counts choices and knows the dials.

The rule of this module: every choice is one draw from a cached integer strategy whose 0 is the simplest choice, so
that values shrink towards the first word, the first branch and the absent property, and a draw costs microseconds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from hypothesis import reject
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.generate.dials import Dials

__all__ = ["Source"]

T = TypeVar("T")
_GRAIN = 100  # chances are drawn in per cent
_SAMPLED = 2000
_LEAN = 1.04  # Hypothesis leans to simple choices: it cuts its first examples short, 50 of them or one in ten


@lru_cache(maxsize=1 << 14)
def _numbered(count: int, number: int) -> st.SearchStrategy[int]:
    # Hypothesis tells strategies apart by what they sample from. Where two choices of one example are alike to it, it
    # runs five copies of that example with the one in the other's place: every choice therefore samples from numbers
    # of its own.
    return st.sampled_from(range(number * count, (number + 1) * count))


class Source:
    """One value's stream of choices. ``draw`` is what ``st.composite`` hands to its function."""

    __slots__ = ("_left", "_number", "dials", "draw")

    def __init__(self, draw: st.DrawFn, dials: Dials) -> None:
        self.draw = draw
        self.dials = dials
        self._left = dials.size
        self._number = 0

    @property
    def spent(self) -> bool:
        """True when the value has taken its share of choices and must come to an end."""
        return self._left <= 0

    def below(self, count: int) -> int:
        """Choose a number from 0 to ``count - 1``; 0 is the simplest."""
        if count <= 1:
            return 0
        self._left -= 1
        if count > _SAMPLED:
            return self.draw(st.integers(0, count - 1))
        self._number += 1
        return self.draw(_numbered(count, self._number)) % count

    def chance(self, rate: float) -> bool:
        """Decide with a chance of ``rate``; the simplest answer is no, except where it is certain."""
        share = round(rate * _GRAIN)
        if share <= 0:
            return False
        if share >= _GRAIN:
            return True
        # The answers yes are spread evenly, so that a number which Hypothesis copied from a choice among fewer options
        # says yes as often as any other.
        share = min(round(share * _LEAN), _GRAIN - 1)
        return self.below(_GRAIN) * share % _GRAIN >= _GRAIN - share

    def pick(self, options: Sequence[T]) -> T:
        """Choose one of ``options``; the first is the simplest."""
        return options[self.below(len(options))]

    def from_strategy(self, strategy: st.SearchStrategy[Any]) -> Any:
        """Draw from a Hypothesis strategy."""
        self._left -= 2
        return self.draw(strategy)

    def give_up(self) -> NoReturn:
        """Abandon this example: what was drawn so far cannot be completed."""
        reject()
