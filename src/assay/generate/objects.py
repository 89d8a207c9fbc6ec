"""Objects: what is required always, what is declared at a set rate, other names where they are needed.

The rule of this module: every property is made for all schemas that apply to its name; nothing is filtered
afterwards except the count of properties, which is arranged beforehand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.generate.plans import ATTEMPTS, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from assay.generate.source import Source

__all__ = ["Break", "Combined", "Members", "Object"]


@dataclass(frozen=True, slots=True)
class Break:
    """A property that must exist: its name from ``name``, its value from ``value(name)``."""

    name: Plan
    value: Callable[[str], Plan]


@dataclass(frozen=True, slots=True)
class Members:
    """What an object view compiled to.

    ``required`` and ``optional`` are declared names in order; ``other`` makes further names (None where there can
    be none) and ``value(name)`` their plans. ``rates`` overrides the dial for single optional properties.
    """

    required: Mapping[str, Plan]
    optional: Mapping[str, Plan]
    other: Plan | None
    value: Callable[[str], Plan]
    least: int = 0
    most: float = math.inf
    breaks: tuple[Break, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    allowed: Callable[[str], bool] = lambda _name: True


class Object(Plan):
    """An object of a view; ``ok`` checks the whole where something is left to check, else it is None."""

    __slots__ = ("_members", "_ok", "_optional")

    def __init__(self, members: Members, ok: Callable[[Any], bool] | None = None) -> None:
        super().__init__()
        self._members = members
        self._ok = ok
        self._optional: list[tuple[str, Plan]] = list(members.optional.items())

    def measure(self) -> float:
        """One more than the highest required property; a minimum count takes the lowest of the rest."""
        members = self._members
        heights = [plan.height for plan in members.required.values()]
        missing = members.least - len(heights)
        if missing > 0:
            rest = sorted(plan.height for plan in members.optional.values())[:missing]
            heights += rest
            if missing > len(rest):
                heights.append(0.0 if members.other is None else members.other.height)
                if members.other is None:
                    return math.inf
        if len(members.required) > members.most or (members.breaks and members.most <= 0):
            return math.inf
        return max(heights, default=-1.0) + 1

    def settled(self) -> None:
        """A property that has no value stays away."""
        self._optional = [(name, plan) for name, plan in self._optional if plan.height < math.inf]

    def make(self, source: Source, depth: int) -> dict[str, Any]:
        """Make the properties; where a check is left, until it passes."""
        for _ in range(ATTEMPTS):
            value = self._once(source, depth)
            if value is not None and (self._ok is None or self._ok(value)):
                return value
        return source.give_up()

    def _once(self, source: Source, depth: int) -> dict[str, Any] | None:
        members, rate = self._members, source.dials.optional
        most = members.most - len(members.breaks)
        value = {name: plan.make(source, depth - 1) for name, plan in members.required.items()}
        if depth > 0:
            for name, plan in self._optional:
                if len(value) >= most or source.spent:
                    break
                if source.chance(members.rates.get(name, rate)):
                    value[name] = plan.make(source, depth - 1)
        if not all(self._break(source, depth, value, needed) for needed in members.breaks):
            return None
        self._fill(source, depth, value)
        if depth > 0 and members.other is not None:
            self._extend(source, depth, value, most)
        return value if members.least <= len(value) <= members.most else None

    def _fill(self, source: Source, depth: int, value: dict[str, Any]) -> None:
        """Reach the least number of properties: declared ones first, lowest first, then others."""
        missing = self._members.least - len(value)
        if missing <= 0:
            return
        absent = [(name, plan) for name, plan in self._optional if name not in value]
        absent.sort(key=lambda pair: pair[1].height)
        for name, plan in absent[:missing]:
            value[name] = plan.make(source, depth - 1)
        for _ in range(self._members.least - len(value)):
            self._add(source, depth, value)

    def _extend(self, source: Source, depth: int, value: dict[str, Any], most: float) -> None:
        """Free names: several in an object that declares none, elsewhere one at the set rate."""
        free = not self._members.required and not self._members.optional
        if free:
            wished = 0 if source.spent else source.below(source.dials.items)
        else:
            wished = int(source.chance(source.dials.extra))
        for _ in range(wished):
            if len(value) < most:
                self._add(source, depth, value)

    def _add(self, source: Source, depth: int, value: dict[str, Any]) -> None:
        other = self._members.other
        if other is None or other.height == math.inf:
            return
        for _ in range(ATTEMPTS):
            name = other.make(source, 0)
            if name in value or not self._members.allowed(name):
                continue
            plan = self._members.value(name)
            if plan.height < math.inf:
                value[name] = plan.make(source, depth - 1)
                return

    def _break(self, source: Source, depth: int, value: dict[str, Any], needed: Break) -> bool:
        for _ in range(ATTEMPTS):
            name = needed.name.make(source, 0)
            plan = needed.value(name)
            if plan.height < math.inf:
                value[name] = plan.make(source, depth - 1)
                return True
        return False


class Combined(Plan):
    """An object under conditions: a fixed part, and from each of several alternatives one more part.

    ``build(picks)`` gives the plan for one choice of alternatives (an index for each of ``counts``); ``base`` is the
    fixed part alone, whose height stands for the whole.
    """

    __slots__ = ("_base", "_build", "_built", "_counts")

    def __init__(self, base: Plan, counts: Sequence[int], build: Callable[[tuple[int, ...]], Plan]) -> None:
        super().__init__()
        self._base = base
        self._counts = counts
        self._build = build
        self._built: dict[tuple[int, ...], Plan] = {}

    def measure(self) -> float:
        """As high as the fixed part."""
        return self._base.height

    def make(self, source: Source, depth: int) -> Any:
        """Choose among the alternatives until they can hold together."""
        for _ in range(ATTEMPTS):
            picks = tuple(source.below(count) for count in self._counts)
            plan = self._built.get(picks)
            if plan is None:
                plan = self._built[picks] = self._build(picks)
            if plan.height < math.inf:
                return plan.make(source, depth)
        return source.give_up()
