"""Workers: threads that share the items of one step of a run.

The rule of this module: a step is over when every thread is. What ends one of them ends the step: the others finish
what they wait for and begin nothing new.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from assay.conformance.pace import Enough

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from assay.conformance.pace import Courier

__all__ = ["each"]

_Item = TypeVar("_Item")
_NAP = 0.003  # seconds between two looks for work
_STEP = 0.05  # seconds between two looks at a thread, so that Ctrl-C is heard
_GRACE = 2.0  # seconds that threads get to end after Ctrl-C; what they still wait for is lost


def each(workers: int, courier: Courier, items: Iterable[_Item], do: Callable[[_Item], Iterable[_Item] | None]) -> None:
    """Call ``do`` for every item, in order, by so many threads; by this one alone when that is 1.

    What a call returns are further items, which come before those that wait. Raises what a call raised: of several the
    first that is not mere ``Enough``. The caller holds the courier's turn.
    """
    work = _Work(courier, items, do)
    if workers == 1:
        work.all()
        return
    threads = [threading.Thread(target=work, name=f"assay-worker-{n}", daemon=True) for n in range(workers)]
    with courier.turn.aside():
        _finished(threads, courier)
    if work.failures:
        raise next((failure for failure in work.failures if not isinstance(failure, Enough)), work.failures[0])


class _Work(Generic[_Item]):
    """The items of a step, and how far it is; called by every thread."""

    def __init__(self, courier: Courier, items: Iterable[_Item], do: Callable[[_Item], Iterable[_Item] | None]) -> None:
        self.failures: list[BaseException] = []
        self._courier, self._do = courier, do
        self._waiting, self._busy = deque(items), 0

    def __call__(self) -> None:
        try:
            with self._courier.turn:
                self.all()
        except BaseException as failure:  # noqa: BLE001  handed on to the thread that waits
            self.failures.append(failure)
            self._courier.stopped = self._courier.stopped or not isinstance(failure, Enough)

    def all(self) -> None:
        """Do items as long as there are any, or others may still bring some."""
        while (self._waiting or self._busy) and not self.failures:
            if self._waiting:
                self._one()
            else:
                with self._courier.turn.aside():
                    time.sleep(_NAP)

    def _one(self) -> None:
        self._busy += 1
        try:
            more = self._do(self._waiting.popleft())
        finally:
            self._busy -= 1
        self._waiting.extendleft(reversed([*(more or ())]))


def _finished(threads: list[threading.Thread], courier: Courier) -> None:
    """Start threads and wait for their end; after Ctrl-C not for long."""
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(_STEP)
    except KeyboardInterrupt:
        courier.stopped = True
        for thread in threads:
            thread.join(_GRACE / len(threads))
        raise
