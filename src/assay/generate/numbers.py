"""Numbers: integers and reals in an interval, on a lattice of multiples, off other lattices.

The rule of this module: candidates are worked out exactly (as fractions) when the plan is made, each is proved by
a compiled check, and a draw is one choice among them; simplest first, boundaries included.
"""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from assay.generate.plans import ATTEMPTS, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from jsonschema_rs.canonical import IntegerView, NumberView

    from assay.generate.source import Source

__all__ = ["Numbers", "number"]

_SMALL = (0, 1, 2, 3, 4, 5, 7, 10, 12, 16, 25, 42, 50, 64, 99, 100, 128, 255, 256, 1000, 1024, 65536)
_LARGE = (2**31 - 1, 2**31, 2**53)  # what every JSON library reads exactly; larger only where bounds ask for it
_REACH = 2**53
_PARTS = tuple(Fraction(n, 100) for n in (50, 25, 10, 75, 1, 125, 99))
_FAR = Fraction(10) ** 9
_MOST = 64


class Numbers(Plan):
    """One of the proved candidates, and now and then any other number of the interval."""

    __slots__ = ("_known", "_ok", "_wide")

    def __init__(self, known: list[Any], wide: st.SearchStrategy[Any] | None, ok: Callable[[Any], bool]) -> None:
        super().__init__()
        self._known = known
        self._wide = wide
        self._ok = ok

    def measure(self) -> float:
        """Infinite only where nothing is known and nothing can be drawn."""
        return 0.0 if self._known or self._wide is not None else math.inf

    def make(self, source: Source, depth: int) -> Any:  # noqa: ARG002
        """Pick a candidate; the last place stands for a fresh number."""
        place = source.below(len(self._known) + (self._wide is not None))
        if place < len(self._known):
            return self._known[place]
        for _ in range(ATTEMPTS):
            value = source.from_strategy(self._wide) if self._wide is not None else None
            if value is not None and self._ok(value):
                return value
        if self._known:
            return self._known[0]
        return source.give_up()


def number(view: IntegerView | NumberView, *, integral: bool, ok: Callable[[Any], bool]) -> Numbers:
    """Compile a number view; ``ok`` is the compiled check of its facets."""
    low = None if view.minimum is None else _exact(view.minimum)
    high = None if view.maximum is None else _exact(view.maximum)
    steps = [_exact(step) for step in view.multiple_of]
    if integral:
        steps.append(Fraction(1))
    step = _common(steps) if steps else None
    known: list[Any] = []
    for fraction in _candidates(low, high, step):
        value = _json(fraction)
        if value is not None and value not in known and ok(value):
            known.append(value)
        if len(known) >= _MOST:
            break
    return Numbers(known, _wide(low, high, step), ok)


def _exact(value: float | Decimal) -> Fraction:
    # A float's shortest text is what the schema said: 0.1 means one tenth.
    return Fraction(value) if isinstance(value, int) else Fraction(Decimal(str(value)))


def _common(steps: Iterable[Fraction]) -> Fraction:
    """The least number that every step divides."""
    numerator, denominator = 1, 0
    for step in steps:
        numerator = math.lcm(numerator, step.numerator)
        denominator = math.gcd(denominator, step.denominator)
    return Fraction(numerator, denominator or 1)


def _json(value: Fraction) -> int | float | None:
    """The JSON number for a fraction: an integer where it is one, else the nearest float."""
    if value.denominator == 1:
        return value.numerator
    try:
        return float(value)
    except OverflowError:
        return None


def _candidates(low: Fraction | None, high: Fraction | None, step: Fraction | None) -> Iterator[Fraction]:
    inside = [f for f in _raw(low, high, step or Fraction(1)) if _within(f, low, high)]
    if step is not None:
        yield from inside
        return
    yield from inside[:12]
    width = high - low if low is not None and high is not None else Fraction(1)
    base = low if low is not None else high if high is not None else Fraction(0)
    for part in _PARTS:
        for value in (base + part * width, base - part * width, part, -part):
            if _within(value, low, high):
                yield value
    yield from inside[12:]
    yield from (bound for bound in (low, high) if bound is not None)


def _raw(low: Fraction | None, high: Fraction | None, step: Fraction) -> Iterator[Fraction]:
    """Multiples of ``step``: near zero, near the bounds, large."""
    first = None if low is None else math.ceil(low / step)
    last = None if high is None else math.floor(high / step)
    base = first if first is not None and first > 0 else last if last is not None and last < 0 else 0
    sign = -1 if last is not None and last < 0 else 1
    yield from ((base + sign * n) * step for n in _SMALL)
    for bound, inward in ((first, 1), (last, -1)):
        if bound is not None:
            yield from ((bound + inward * n) * step for n in range(3))
    yield from (-n * step for n in _SMALL[1:12])
    yield from (n * step for n in _LARGE)
    yield from (-n * step for n in _LARGE)


def _within(value: Fraction, low: Fraction | None, high: Fraction | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _wide(low: Fraction | None, high: Fraction | None, step: Fraction | None) -> st.SearchStrategy[Any] | None:
    """Any number of the interval, far from the candidates too."""
    if step is not None:
        first = None if low is None else math.ceil(low / step)
        last = None if high is None else math.floor(high / step)
        if first is not None and last is not None and first > last:
            return None
        reach = max(1, math.floor(_REACH / step))
        start = first if first is not None else min(-reach, last - reach if last is not None else 0)
        end = last if last is not None else max(reach, start + reach)
        return st.integers(start, end).map(lambda n: _json(n * step))
    least = float(low) if low is not None and abs(low) < _FAR else None
    most = float(high) if high is not None and abs(high) < _FAR else None
    if least is not None and most is not None and least > most:
        return None
    return st.floats(least, most, allow_nan=False, allow_infinity=False).map(_plain)


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) and abs(value) < 1e15 else value  # noqa: PLR2004  exact as a float
