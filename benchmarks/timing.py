"""Measure and state: the best time of a call, and a claim that compares two of them.

The rule of this module: rounds of the compared calls alternate, so that a slow spell of the machine hits all alike.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Claim", "best"]

_ROUNDS = 15


@dataclass(frozen=True, slots=True)
class Claim:
    """One figure: ``value`` is a ratio; it holds when it is at most (or at least) ``bound``; None claims nothing."""

    text: str
    value: float
    bound: float | None = None
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the figure is on the right side of its bound."""
        if self.bound is None:
            return True
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def __str__(self) -> str:
        if self.bound is None:
            return f"      {self.text}: {self.value:.2f} x"
        side = "at least" if self.at_least else "at most"
        return f"{'ok  ' if self.holds else 'FAIL'}  {self.text}: {self.value:.2f} x ({side} {self.bound:g} x)"


def best(calls: Mapping[str, Callable[[], Any]], *, rounds: int = _ROUNDS, budget: float = 0.02) -> dict[str, float]:
    """Return the best time of one call of each, in seconds; each round runs each for about ``budget`` seconds."""
    counts = {name: _count(call, budget) for name, call in calls.items()}
    times = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            for _ in range(counts[name]):
                call()
            times[name] = min(times[name], (time.perf_counter() - began) / counts[name])
    return times


def _count(call: Callable[[], Any], budget: float) -> int:
    began = time.perf_counter()
    call()
    return max(1, int(budget / max(time.perf_counter() - began, 1e-7)))
