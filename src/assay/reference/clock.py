"""Clocks of the reference server: Unix time in seconds that no machine decides.

The rule of this module: a clock depends on nothing but how often it was looked at, so that answers can be repeated.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NOW", "still", "ticking"]

NOW = 1_767_225_600  # 2026-01-01


def still() -> int:
    """Return the same second whenever it is looked at."""
    return NOW


def ticking() -> Callable[[], int]:
    """Return a clock that is a second later whenever it is looked at: it tells apart what was made one by one."""
    seconds = itertools.count(NOW)
    return lambda: next(seconds)
