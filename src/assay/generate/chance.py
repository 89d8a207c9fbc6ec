"""Cases by chance: drawn at once with every choice noted down, and handed to Hypothesis only to be made smaller.

The rule of this module: the same choices give the same case, whoever makes them. Hypothesis takes a hundred
microseconds for a choice that it might shrink later; of thousands of cases, a handful are ever shrunk.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.errors import HypothesisException

from assay.generate.fixed import Fixed, GaveUp

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from assay.generate.cases import Case, CaseMaker
    from assay.generate.dials import Dials

__all__ = ["Cases"]

# A strategy's values among which is chosen. From the tenth in one use on, Hypothesis tries five variations of every
# other one.
_USES, _SAMPLES = 2, 9
_THIRDS = 3  # two of which are invalid: more of these tell nothing new, and are not sent
_QUIET = hypothesis.settings(
    max_examples=_SAMPLES,
    database=None,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=tuple(HealthCheck),
    verbosity=Verbosity.quiet,
)


class Cases:
    """Valid and invalid cases of one operation."""

    def __init__(self, maker: CaseMaker, dials: Dials) -> None:
        self._maker, self._dials = maker, dials
        self.none = not maker.possible
        """Whether there is no case at all, because one cannot be written."""

    def drawn(self, chance: random.Random, *, valid: bool = False) -> tuple[Case, tuple[int, ...]] | None:
        """A case with the choices that made it, a ``valid`` one where it must be; None where they lead to none."""
        choices: list[int] = []
        number = chance.random

        def choose(count: int) -> int:
            choices.append(0 if valid and not choices else int(number() * count))
            return choices[-1]

        try:
            return self._case(choose), tuple(choices)
        except GaveUp:
            return None

    def strategy(self) -> st.SearchStrategy[Case]:
        """The same cases for Hypothesis, which draws one integer for each choice, 0 being the simplest."""

        @st.composite
        def case(draw: st.DrawFn) -> Case:
            try:
                return self._case(lambda count: draw(_below(count)))
            except GaveUp:
                hypothesis.reject()

        return case()

    def _case(self, choose: Callable[[int], int]) -> Case:
        source = _Chosen(choose, self._dials)
        invalid = self._maker.ways and choose(_THIRDS) > 0
        return self._maker.invalid(source) if invalid else self._maker.valid(source)


class _Chosen(Fixed):
    """Choices of whoever is asked."""

    __slots__ = ("_choose",)

    def __init__(self, choose: Callable[[int], int], dials: Dials) -> None:
        super().__init__(dials)
        self._choose = choose

    def below(self, count: int) -> int:
        """Choose a number from 0 to ``count - 1``; 0 is the simplest."""
        if count <= 1:
            return 0
        self._left -= 1
        return self._choose(count)

    def from_strategy(self, strategy: st.SearchStrategy[Any]) -> Any:
        """Choose one of some values of a strategy."""
        self._left -= 2
        values = _samples(strategy)
        return values[self._choose(len(values))] if values else self.give_up()


@lru_cache(maxsize=1024)
def _samples(strategy: st.SearchStrategy[Any]) -> tuple[Any, ...]:
    """Some values of a strategy, the simplest first, the same every time."""
    found: list[Any] = []

    def keep(value: Any) -> None:
        found.append(value)

    for number in range(_USES):
        with suppress(HypothesisException):
            hypothesis.seed(number)(_QUIET(hypothesis.given(strategy)(keep)))()
    return tuple(found)


@lru_cache(maxsize=1024)
def _below(count: int) -> st.SearchStrategy[int]:
    return st.integers(0, count - 1)
