"""Arrays: items by position, what they must contain, and whether they must differ.

The rule of this module: an item is made for exactly the schemas of its place (its position, what it contributes to
``contains``, what it must not); only arrays with ``contains`` or repetition are checked afterwards.
"""

from __future__ import annotations

import copy
import json
import math
from typing import TYPE_CHECKING, Any

from jsonschema_rs.canonical import Distinctness

from assay.generate.plans import ATTEMPTS, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jsonschema_rs.canonical import ArrayView

    from assay.generate.source import Source

__all__ = ["Array", "identity"]


def identity(value: Any) -> str:
    """A key that is equal for equal JSON values: 1 and 1.0 are equal, 1 and true are not."""
    return json.dumps(_exact(value), sort_keys=True, default=str)


def _exact(value: Any) -> Any:
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return int(value)
    if isinstance(value, list):
        return [_exact(item) for item in value]
    if isinstance(value, dict):
        return {name: _exact(item) for name, item in value.items()}
    return value


class Array(Plan):
    """An array of a view.

    ``slot(position, kept)`` gives the plan of an item: ``position`` counts ``prefix_items`` and stops at their
    number for all the rest, ``kept`` holds the indexes of the ``contains`` requirements that it must meet; it meets
    none of the others whose number is limited. ``ok`` checks the whole array, or is None where nothing is left.
    """

    __slots__ = ("_least", "_most", "_needs", "_ok", "_prefix", "_slot", "_view")

    def __init__(
        self, view: ArrayView, slot: Callable[[int, frozenset[int]], Plan], ok: Callable[[Any], bool] | None
    ) -> None:
        super().__init__()
        self._view = view
        self._slot = slot
        self._ok = ok
        self._prefix = len(view.prefix_items)
        self._needs = [1 if need.min_contains is None else need.min_contains for need in view.contains]
        repeated = 2 if view.distinctness is Distinctness.SOME_REPEATED else 0
        self._least = max(view.min_items or 0, repeated, max(self._needs, default=0))
        self._most = math.inf if view.max_items is None else view.max_items

    def measure(self) -> float:
        """One more than the items that must be there; infinite where one of them has no value."""
        inner = [self._plain(position).height for position in range(min(self._least, self._prefix + 1))]
        needed = [self._kept_height(index) for index, need in enumerate(self._needs) if need]
        highest = max([*inner, *needed], default=-1.0)
        return math.inf if self._least > self._most else highest + 1

    def settled(self) -> None:
        """The array ends before the first position that has no value."""
        for position in range(self._prefix + 1):
            if self._plain(position).height == math.inf:
                self._most = min(self._most, position)
                return

    def make(self, source: Source, depth: int) -> list[Any]:
        """Make the items; where a check is left, until it passes."""
        for attempt in range(2 * ATTEMPTS):
            value = self._items(source, depth, attempt)
            if value is not None and (self._ok is None or self._ok(value)):
                return value
        return source.give_up()

    def _plain(self, position: int) -> Plan:
        return self._slot(position, frozenset())

    def _kept_height(self, index: int) -> float:
        return min(self._slot(position, frozenset({index})).height for position in range(self._prefix + 1))

    def _items(self, source: Source, depth: int, attempt: int) -> list[Any] | None:
        size = self._size(source, depth, attempt)
        kept = self._assign(source, size, attempt)
        distinct = self._view.distinctness is Distinctness.ALL_DISTINCT
        values: list[Any] = []
        seen: set[str] = set()
        for index in range(size):
            plan = self._slot(min(index, self._prefix), kept[index])
            if plan.height == math.inf:
                return None
            value = self._fresh(source, plan, depth - 1, seen) if distinct else [plan.make(source, depth - 1)]
            if not value:
                return values if len(values) >= self._least and not any(kept[index:]) else None
            values += value
        if self._view.distinctness is Distinctness.SOME_REPEATED:
            _repeat(source, values, self._prefix if attempt % 2 == 0 else 0)
        return values

    def _size(self, source: Source, depth: int, attempt: int) -> int:
        more = source.dials.items if depth > 0 and not source.spent else 0
        if self._ok is not None:  # what is required together may need more places than each alone
            more += min(sum(self._needs), 8) + (attempt % 3)
            more += self._prefix if attempt % 2 else 0
        most = min(self._most, max(self._least, self._prefix if more else 0) + more)
        # the values of a long tuple are declared in order: a short array is the simple one
        return self._least + source.below(int(most) - self._least + 1)

    def _assign(self, source: Source, size: int, attempt: int) -> Sequence[frozenset[int]]:
        """Which ``contains`` requirements each position is to meet."""
        kept: list[frozenset[int]] = [frozenset()] * size
        for index, need in enumerate(self._needs):
            able = [p for p in range(size) if self._slot(min(p, self._prefix), frozenset({index})).height < math.inf]
            start = source.below(len(able)) if attempt % 2 else 0
            for place in (able[start:] + able[:start])[:need]:
                both = kept[place] | {index}
                kept[place] = both if attempt % 3 or not kept[place] else kept[place]
        return kept

    @staticmethod
    def _fresh(source: Source, plan: Plan, depth: int, seen: set[str]) -> list[Any]:
        for _ in range(2 * ATTEMPTS):
            value = plan.make(source, depth)
            key = identity(value)
            if key not in seen:
                seen.add(key)
                return [value]
        return []


def _repeat(source: Source, values: list[Any], start: int) -> None:
    """Make one value stand twice, preferably beyond the declared positions."""
    if len(values) - start < 2:  # noqa: PLR2004  two places are needed
        start = 0
    if len(values) < 2:  # noqa: PLR2004
        return
    first = start + source.below(len(values) - start - 1)
    values[-1 if start else first + 1] = copy.deepcopy(values[first])
