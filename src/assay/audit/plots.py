"""Plots of counts over days, as SVG.

The rule of this module: pure text made of numbers and dates alone, in colours that the page names, so that one plot
serves light and dark; a course of many days is told in weeks or months, so that a plot has at most so many bars.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Axis", "axis", "bars"]

_MOST_BARS = 92
_GAP = 0.18  # of a bar's share of the width


@dataclass(frozen=True, slots=True)
class Axis:
    """Days in order, ``step`` of them to a bar."""

    first: date
    count: int
    step: int

    def sums(self, by_day: Mapping[str, int]) -> list[int]:
        """The sums of each bar."""
        found = [0] * self.count
        for day, number in by_day.items():
            if day:
                found[(date.fromisoformat(day) - self.first).days // self.step] += number
        return found

    def label(self, bar: int) -> str:
        """The days of one bar."""
        first = self.first + timedelta(bar * self.step)
        return f"{first}" if self.step == 1 else f"{first} and {self.step - 1} days after"

    @property
    def last(self) -> date:
        """The last day."""
        return self.first + timedelta(self.count * self.step - 1)

    @property
    def unit(self) -> str:
        """What one bar stands for."""
        return "day" if self.step == 1 else f"{self.step} days"


def axis(days: Sequence[str]) -> Axis | None:
    """The axis of some days (``2026-01-31``; empty ones do not count), or None where there is none."""
    known = sorted(day for day in days if day and day[:1].isdigit())
    if not known:
        return None
    first, last = date.fromisoformat(known[0]), date.fromisoformat(known[-1])
    span = (last - first).days + 1
    step = next(step for step in (1, 7, 28, 91, 364, 3640, 36400) if span <= step * _MOST_BARS)
    return Axis(first, -(-span // step), step)


def bars(shown: Axis, series: Sequence[tuple[str, Mapping[str, int]]], *, height: int, title: str) -> str:
    """Bars, the series over one another from the same ground: give the greatest first. Names are CSS classes."""
    width = 720
    sums = [(name, shown.sums(by_day)) for name, by_day in series]
    most = max((number for _, numbers in sums for number in numbers), default=0) or 1
    share = width / max(shown.count, 12)
    pieces = [f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{title}">']
    pieces.append(f'<line class="ground" x1="0" x2="{width}" y1="{height - 0.5}" y2="{height - 0.5}"/>')
    for bar in range(shown.count):
        told = ", ".join(f"{numbers[bar]} {name}" for name, numbers in sums)
        if not any(numbers[bar] for _, numbers in sums):
            continue
        pieces.append(f"<g><title>{shown.label(bar)}: {told}</title>")
        for name, numbers in sums:
            tall = max(1.5, numbers[bar] / most * (height - 2)) if numbers[bar] else 0
            left = bar * share + share * _GAP / 2
            pieces.append(
                f'<rect class="{name}" x="{left:.2f}" y="{height - 1 - tall:.2f}" '
                f'width="{share * (1 - _GAP):.2f}" height="{tall:.2f}"/>'
            )
        pieces.append("</g>")
    pieces.append("</svg>")
    return "".join(pieces)
