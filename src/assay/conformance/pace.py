"""The pace of a run: how many requests may still be sent, until when, and how politely.

The rule of this module: nothing is sent past the budget, a 429 is obeyed (``Retry-After``) and its repeats are paid
for, and a target that stopped answering is asked whether it lives before any request is blamed.
"""

from __future__ import annotations

import email.utils
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.messages import Request, Response, Send

__all__ = ["Clock", "Courier", "Dead", "Enough", "Silent"]

_TOO_MANY = 429
_LONGEST_WAIT = 30.0  # seconds for one Retry-After
_WAITS = 3
_REVIVALS = (0.1, 0.5, 2.0)  # seconds before each question whether a silent target lives


class Enough(BaseException):
    """The budget is spent. Not an Exception, so that Hypothesis lets it through instead of shrinking it."""


class Dead(BaseException):
    """The target does not answer any more, whatever is asked; the text says how. No Exception, as Enough is none."""


class Silent(Exception):  # noqa: N818
    """The target lives, but gave no response to this one request; ``late`` when its time ran out."""

    def __init__(self, reason: str, *, late: bool) -> None:
        super().__init__(reason)
        self.late = late


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, passed in: ``now`` in seconds from anywhere, ``sleep`` for seconds."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep


@dataclass(slots=True)
class Courier:
    """Sends within a budget of requests and seconds; ``alive`` is a request that any living target answers."""

    send: Send
    alive: Request
    requests: int
    seconds: float | None = None
    clock: Clock = field(default_factory=Clock)
    sent: int = 0
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock.now()

    @property
    def left(self) -> int:
        """How many requests may still be sent; 0 when time is up."""
        if self.seconds is not None and self.clock.now() - self.began >= self.seconds:
            return 0
        return max(0, self.requests - self.sent)

    def __call__(self, request: Request, *, send: Send | None = None, beyond: bool = False) -> Response:
        """Send one request, waiting where the target asks for it; raises Enough, Dead or Silent.

        ``send`` takes the place of the usual one; ``beyond`` lets a repeat that confirms a finding exceed the budget.
        """
        for attempt in range(_WAITS + 1):
            if not beyond and self.left == 0:
                raise Enough
            response = self._once(request, send or self.send)
            if response.status != _TOO_MANY or attempt == _WAITS or not self._wait(response, attempt):
                return response
        raise AssertionError("the last attempt returns")

    def _once(self, request: Request, send: Send) -> Response:
        self.sent += 1
        try:
            return send(request)
        except TargetError as error:
            if not self._lives():
                raise Dead(str(error)) from error
            raise Silent(str(error), late=str(error).startswith("time-out")) from error

    def _lives(self) -> bool:
        for pause in _REVIVALS:
            try:
                self.send(self.alive)
            except TargetError:
                self.clock.sleep(pause)
            else:
                return True
        return False

    def _wait(self, response: Response, attempt: int) -> bool:
        """Sleep as a 429 asks; False when that would be longer than the run may take."""
        seconds = _retry_after(response.headers.get("retry-after"), default=2.0**attempt)
        if seconds > _LONGEST_WAIT:
            return False
        if self.seconds is not None and self.clock.now() - self.began + seconds > self.seconds:
            return False
        self.clock.sleep(seconds)
        return True


def _retry_after(value: str | None, *, default: float) -> float:
    """Seconds of a ``Retry-After`` field: a number, or an HTTP date (RFC 9110, 10.2.3)."""
    if value is None:
        return default
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        then = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return default
    return max(0.0, then.timestamp() - time.time())
