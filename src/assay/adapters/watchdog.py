"""The watchdog: one thread that ends exchanges which outlive their time, whatever the peer does.

A socket's own time-out counts from byte to byte, so a peer that drips one byte a second keeps a reader for ever,
inside a header line as well as inside a body. The rule of this module: a guarded exchange ends at its deadline,
because its socket is shut down there and the blocked reader wakes with an error or an early end.
"""

from __future__ import annotations

import heapq
import itertools
import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Ward", "Watchdog"]

_IDLE = 5.0  # seconds without a ward after which the thread ends


class Ward:
    """One guarded exchange; whoever opens its socket hands it over in :meth:`hold`."""

    __slots__ = ("_lock", "_socket", "expired", "over")

    def __init__(self) -> None:
        self.expired = False
        self.over = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def hold(self, connected: socket.socket | None) -> None:
        """Take the socket to shut down at the deadline; at once when that has passed."""
        with self._lock:
            self._socket = connected
            if self.expired:
                self._shut()

    def expire(self) -> None:
        """End the exchange, unless it is over already."""
        with self._lock:
            if self.over:
                return
            self.expired = True
            self._shut()

    def finish(self) -> None:
        """Mark the exchange as over; its socket may serve another from now on."""
        with self._lock:
            self.over = True
            self._socket = None

    def _shut(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class Watchdog:
    """Guards any number of exchanges with one daemon thread, started when the first ward comes."""

    def __init__(self) -> None:
        self._queue: list[tuple[float, int, Ward]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._running = False

    @contextmanager
    def guard(self, seconds: float) -> Iterator[Ward]:
        """Guard what happens inside the block: after ``seconds`` its socket is shut down and ``expired`` set."""
        ward = Ward()
        with self._changed:
            heapq.heappush(self._queue, (time.monotonic() + seconds, next(self._numbers), ward))
            if not self._running:
                self._running = True
                threading.Thread(target=self._watch, name="assay-watchdog", daemon=True).start()
            elif self._queue[0][2] is ward:
                self._changed.notify()
        try:
            yield ward
        finally:
            ward.finish()

    def _watch(self) -> None:
        while True:
            with self._changed:
                while self._queue and self._queue[0][2].over:
                    heapq.heappop(self._queue)
                wait = self._queue[0][0] - time.monotonic() if self._queue else _IDLE
                if wait > 0:
                    told = self._changed.wait(wait)
                    if not self._queue and not told:
                        self._running = False
                        return
                    continue
                ward = heapq.heappop(self._queue)[2]
            ward.expire()
