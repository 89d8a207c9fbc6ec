"""Workers: threads that share the items of one step of a run.

The rule of this module: a step is over when every thread is. What ends one of them ends the step: the others finish
what they wait for and begin nothing new.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, TypeVar

from assay.conformance.pace import Enough

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from assay.conformance.pace import Courier

__all__ = ["each"]

_Item = TypeVar("_Item")
_STEP = 0.05  # seconds between two looks at a thread, so that Ctrl-C is heard
_GRACE = 2.0  # seconds that threads get to end after Ctrl-C; what they still wait for is lost


def each(workers: int, courier: Courier, items: Iterable[_Item], do: Callable[[_Item], object]) -> None:
    """Call ``do`` for every item, in order, by so many threads; by this one alone when that is 1.

    Raises what a call raised: of several the first that is not mere ``Enough``. The caller holds the courier's turn.
    """
    if workers == 1:
        for item in items:
            do(item)
        return
    waiting, failures = deque(items), list[BaseException]()

    def work() -> None:
        with courier.turn:
            try:
                while waiting and not failures:
                    do(waiting.popleft())
            except BaseException as failure:  # noqa: BLE001  handed on to the thread that waits
                failures.append(failure)
                courier.stopped = courier.stopped or not isinstance(failure, Enough)

    count = min(workers, len(waiting))
    threads = [threading.Thread(target=work, name=f"assay-worker-{n}", daemon=True) for n in range(count)]
    with courier.turn.aside():
        _finished(threads, courier)
    if failures:
        raise next((failure for failure in failures if not isinstance(failure, Enough)), failures[0])


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
