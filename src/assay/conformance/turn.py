"""The turn: which thread of a run may work.

Python runs one thread at a time anyway, so whoever works holds the turn, and puts it aside only to wait for the target
or for time to pass. The rule of this module: nothing of a run is touched without the turn, so that no other part of it
needs a lock.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Turn"]


class Turn:
    """Held by a ``with`` block of one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder = 0

    def __enter__(self) -> Self:
        self._lock.acquire()
        self._holder = threading.get_ident()
        return self

    def __exit__(self, *_: object) -> None:
        self._holder = 0
        self._lock.release()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Let others work while the block waits; a thread that does not hold the turn gets none at its end."""
        if self._holder != threading.get_ident():
            yield
            return
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()
