"""Plans: what a schema became, ready to make values of it.

The rule of this module: a plan is compiled once and makes values by plain calls, with no strategy per node; and
every plan knows its height (how deep its smallest value nests), which is what makes recursion end.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

from assay.generate.text import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from assay.generate.source import Source

__all__ = ["NOTHING", "Anything", "Checked", "Choice", "Merged", "Plan", "Supplied", "Union"]

ATTEMPTS = 12
_NONE = object()


class Plan:
    """Makes values. ``height`` is 0 for a scalar and infinite while no value is known to exist."""

    __slots__ = ("height",)

    def __init__(self, height: float = math.inf) -> None:
        self.height = height

    def measure(self) -> float:
        """The height as the parts' heights give it now; the compiler repeats this until nothing changes."""
        return 0.0

    def settled(self) -> None:
        """All heights are final: drop what can never be made."""

    def make(self, source: Source, depth: int) -> Any:
        """Make one value that nests by choice at most ``depth`` deep."""
        raise NotImplementedError


class Nothing(Plan):
    """No value at all."""

    __slots__ = ()

    def measure(self) -> float:
        """Infinite."""
        return math.inf

    def make(self, source: Source, depth: int) -> Any:  # noqa: ARG002
        """Abandon the example."""
        return source.give_up()


NOTHING = Nothing()


class Choice(Plan):
    """One of a few known values."""

    __slots__ = ("_plain", "_values")

    def __init__(self, values: Sequence[Any]) -> None:
        super().__init__(0.0)
        self._values = tuple(values)
        self._plain = not any(isinstance(value, list | dict) for value in values)

    def make(self, source: Source, depth: int) -> Any:  # noqa: ARG002
        """Pick one; containers are copied, for the caller may change what it gets."""
        value = source.pick(self._values)
        return value if self._plain else copy.deepcopy(value)


class Supplied(Plan):
    """A value that a domain strategy makes in the schema's place."""

    __slots__ = ("_maker",)

    def __init__(self, maker: Callable[[Source], Any]) -> None:
        super().__init__(0.0)
        self._maker = maker

    def make(self, source: Source, depth: int) -> Any:  # noqa: ARG002
        """Let the domain strategy make it."""
        return self._maker(source)


# Simplest first; null last, since a present value says more.
_SCALARS: dict[str, Sequence[Any]] = {
    "string": (),
    "boolean": (False, True),
    "integer": (0, 1, 2, -1, 7, 10, 100, 1000, -(2**31), 2**53),
    "number": (0, 1, 0.5, -1, 2.25, 1e6, -0.125, 3.5e-5, 1e20),
    "null": (None,),
}
_RANK = ("string", "boolean", "integer", "number", "array", "object", "null")


class Anything(Plan):
    """Any JSON value of the given types."""

    __slots__ = ("_flat", "_types")

    def __init__(self, types: Sequence[str] = ()) -> None:
        super().__init__(0.0)
        given = [name for name in _RANK if name in types] if types else list(_RANK)
        if "number" in given and "integer" in given:
            given.remove("integer")
        self._types = given
        self._flat = [name for name in given if name in _SCALARS]

    def measure(self) -> float:
        """Scalars are flat; an empty container counts as one level."""
        return 0.0 if self._flat else 1.0

    def make(self, source: Source, depth: int) -> Any:
        """Make a scalar, or a container of scalars."""
        if self._flat and (depth <= 0 or source.spent):
            return self._of(source, source.pick(self._flat), 0)
        return self._of(source, source.pick(self._types), depth)

    def _of(self, source: Source, name: str, depth: int) -> Any:
        if name == "string":
            return words(source)
        if name in _SCALARS:
            return source.pick(_SCALARS[name])
        count = source.below(source.dials.items) if depth > 0 and not source.spent else 0
        values = [self._of(source, source.pick(("string", "number", "boolean", "null")), 0) for _ in range(count)]
        return values if name == "array" else {words(source, longest=20): value for value in values}


class Union(Plan):
    """A value of one of several plans."""

    __slots__ = ("_branches", "_lowest", "_parts")

    def __init__(self, parts: Sequence[Plan]) -> None:
        super().__init__()
        self._parts = parts
        self._branches: Sequence[Plan] = parts
        self._lowest: Sequence[Plan] = parts

    def measure(self) -> float:
        """As low as the lowest branch."""
        return min((part.height for part in self._parts), default=math.inf)

    def settled(self) -> None:
        """Drop empty branches; the simplest comes first."""
        self._branches = sorted((p for p in self._parts if p.height < math.inf), key=lambda p: p.height)
        self._lowest = [p for p in self._branches if p.height == self.height]

    def make(self, source: Source, depth: int) -> Any:
        """Make one branch's value, a lowest one when the value must come to an end."""
        branches = self._lowest if depth <= 0 or source.spent else self._branches
        return source.pick(branches or (NOTHING,)).make(source, depth)


class Checked(Plan):
    """Values of several plans, in turn, until one passes ``ok``; ``later`` gives better plans at a price."""

    __slots__ = ("_better", "_later", "_ok", "_parts")

    def __init__(
        self, parts: Sequence[Plan], ok: Callable[[Any], bool], later: Callable[[], Iterable[Plan]] | None = None
    ) -> None:
        super().__init__()
        self._parts = parts
        self._ok = ok
        self._later = later
        self._better: Sequence[Plan] | None = None

    def measure(self) -> float:
        """As low as the lowest part."""
        return min((part.height for part in self._parts), default=math.inf)

    def settled(self) -> None:
        """Drop empty parts."""
        self._parts = [part for part in self._parts if part.height < math.inf]

    def make(self, source: Source, depth: int) -> Any:
        """Try the parts in turn."""
        value = self._first(source, depth, self._parts)
        if value is _NONE and self._later is not None:
            if self._better is None:
                self._better = [part for part in self._later() if part.height < math.inf]
            value = self._first(source, depth, self._better)
        if value is _NONE:
            return source.give_up()
        return value

    def _first(self, source: Source, depth: int, parts: Sequence[Plan]) -> Any:
        start = source.below(len(parts))
        for attempt in range(ATTEMPTS if parts else 0):
            value = parts[(start + attempt) % len(parts)].make(source, depth)
            if self._ok(value):
                return value
        return _NONE


class Merged(Plan):
    """The properties of several objects in one; for branches of an ``allOf`` that algebra could not merge."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[Plan]) -> None:
        super().__init__()
        self._parts = parts

    def measure(self) -> float:
        """All parts are needed."""
        return max((part.height for part in self._parts), default=0.0)

    def make(self, source: Source, depth: int) -> Any:
        """Merge what the parts make; where one is no object, it is the value."""
        merged: dict[str, Any] = {}
        for part in self._parts:
            value = part.make(source, depth)
            if not isinstance(value, dict):
                return value
            merged.update(value)
        return merged
