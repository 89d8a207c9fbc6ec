"""The pace of a run: how many requests may still be sent, until when, and how politely.

The rule of this module: nothing is sent past the budget, a 429 is obeyed by all workers (``Retry-After``) and its
repeats are paid for, a target that stopped answering is asked whether it lives before any request is blamed, and what
the journal knows is not sent again.
"""

from __future__ import annotations

import email.utils
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay.conformance.turn import Turn
from assay.errors import TargetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.conformance.journal import Journal
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
    """There was no response to this one request; ``late`` when its time ran out.

    ``dead`` is what the journal tells of a request after which the target had died, in an earlier session.
    """

    def __init__(self, reason: str, *, late: bool, dead: bool = False) -> None:
        super().__init__(reason)
        self.late = late
        self.dead = dead


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, passed in: ``now`` in seconds from anywhere, ``sleep`` for seconds."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep


@dataclass(slots=True)
class Courier:
    """Sends within a budget of requests and seconds; ``alive`` is a request that any living target answers.

    ``rate`` is how many requests may go out in one second. Whoever holds ``turn`` lets others have it while it waits.
    ``sent`` counts requests, ``replayed`` those among them that the journal answered; ``stopped`` ends the run.
    """

    send: Send
    alive: Request
    requests: int
    seconds: float | None = None
    clock: Clock = field(default_factory=Clock)
    rate: float | None = None
    journal: Journal | None = None
    turn: Turn = field(default_factory=Turn)
    sent: int = 0
    replayed: int = 0
    stopped: bool = False
    began: float = field(init=False)
    _next: float = field(init=False, default=0.0)  # when the rate allows another request
    _pause: float = field(init=False, default=0.0)  # until when the target wants to be left alone

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

        ``send`` takes the place of the usual one; ``beyond`` lets a request that tidies up exceed the budget.
        """
        for attempt in range(_WAITS + 1):
            if not beyond and (self.stopped or self.left == 0):
                raise Enough
            response, replayed = self._once(request, send or self.send)
            if self.stopped and not beyond:
                raise Enough
            if response.status != _TOO_MANY or attempt == _WAITS:
                return response
            if not replayed and not self._wait(response, attempt):
                return response
        raise AssertionError("the last attempt returns")

    def greet(self) -> None:
        """Ask whether the target is there, at no cost, before a journal is gone on with; raises ``TargetError``."""
        if self.journal is not None and self.journal.known:
            with self.turn.aside():
                self.send(self.alive)

    def _once(self, request: Request, send: Send) -> tuple[Response, bool]:
        """One answer, and whether the journal gave it."""
        self.sent += 1
        known = self.journal.recall(request) if self.journal is not None else None
        if known is None:
            return self._live(request, send), False
        self.replayed += 1
        if isinstance(known, Silent):
            raise known
        return known, True

    def _live(self, request: Request, send: Send) -> Response:
        self._hold_back()
        try:
            with self.turn.aside():
                response = self._delivered(request, send)
        except (Dead, Silent) as lost:
            self._note(request, lost if isinstance(lost, Silent) else Silent(str(lost), late=False, dead=True))
            raise
        self._note(request, response)
        return response

    def _note(self, request: Request, outcome: Response | Silent) -> None:
        if self.journal is not None:
            self.journal.note(request, outcome)

    def _delivered(self, request: Request, send: Send) -> Response:
        """Send; what never reached the target, because it was just coming back, is sent once more."""
        try:
            return send(request)
        except TargetError as error:
            first = error
        if not self._lives():
            raise Dead(str(first)) from first
        if str(first).startswith("cannot connect"):
            try:
                return send(request)
            except TargetError as error:
                first = error
        raise Silent(str(first), late=str(first).startswith("time-out")) from first

    def _lives(self) -> bool:
        for pause in _REVIVALS:
            try:
                self.send(self.alive)
            except TargetError:
                self.clock.sleep(pause)
            else:
                return True
        return False

    def _hold_back(self) -> None:
        """Sleep as long as the rate, or a pause that another worker was asked for, wants it."""
        now = self.clock.now()
        wait = max(self._next, self._pause) - now
        if self.rate is not None:
            self._next = max(self._next, self._pause, now) + 1 / self.rate
        self.sleep(wait)

    def _wait(self, response: Response, attempt: int) -> bool:
        """Sleep as a 429 asks; False when that would be longer than the run may take."""
        seconds = _retry_after(response.headers.get("retry-after"), default=2.0**attempt)
        now = self.clock.now()
        if seconds > _LONGEST_WAIT:
            return False
        if self.seconds is not None and now - self.began + seconds > self.seconds:
            return False
        until = self._pause = max(self._pause, now + seconds)
        self.sleep(seconds)
        if self._pause == until:
            self._pause = 0.0
        return True

    def sleep(self, seconds: float) -> None:
        """Let time pass, and others work meanwhile."""
        if seconds > 0:
            with self.turn.aside():
                self.clock.sleep(seconds)


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
