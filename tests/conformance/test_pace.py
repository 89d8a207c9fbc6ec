"""The pace: requests per second, pauses that all workers keep, and requests that never arrived."""
# ruff: noqa: ARG001  fakes take what the real ones take

from __future__ import annotations

import pytest

from assay.conformance.pace import Clock, Courier, Dead, Enough, Silent
from assay.conformance.workers import each
from assay.errors import TargetError
from assay.messages import Request, Response

ALIVE, ASKED = Request("GET", "/v1/models"), Request("POST", "/v1/a", {}, b"{}")


class Time:
    """A clock that moves when somebody sleeps; ``slept`` lists for how long."""

    def __init__(self):
        self.now, self.slept = 100.0, []

    def sleep(self, seconds):
        """Let time pass."""
        self.slept.append(round(seconds, 6))
        self.now += seconds

    @property
    def clock(self):
        """What a courier takes."""
        return Clock(now=lambda: self.now, sleep=self.sleep)


def answering(*outcomes):
    """Answer ASKED with these, the last again and again: statuses, responses or errors; ALIVE always."""
    waiting, log = list(outcomes), []

    def send(request):
        if request is ALIVE:
            return Response(200)
        log.append(request)
        found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, Response) else Response(found)

    return send, log


@pytest.mark.parametrize(("rate", "step"), [(4, 0.25), (0.5, 2.0), (1000, 0.001)])
def test_a_rate_is_kept(rate, step):
    """Requests go out at least one step apart, and one that took longer makes nobody wait."""
    time = Time()
    send, _ = answering(200)
    courier = Courier(send, ALIVE, 100, clock=time.clock, rate=rate)
    for _ in range(4):
        courier(ASKED)
    assert time.slept == [step] * 3
    time.now += 10
    courier(ASKED)
    assert time.slept == [step] * 3


def test_a_rate_holds_for_all_workers_together():
    """Ten requests of three workers take nine steps."""
    time = Time()
    send, log = answering(200)
    courier = Courier(send, ALIVE, 100, clock=time.clock, rate=10)
    with courier.turn:
        each(3, courier, range(10), lambda _: courier(ASKED) and None)
    assert len(log) == 10
    assert time.now >= 100.9 - 1e-6


def test_a_pause_is_kept_by_all():
    """While one worker waits for its Retry-After, another sends nothing."""
    time = Time()
    send, log = answering(Response(429, {"retry-after": "5"}), 200)
    courier = Courier(send, ALIVE, 100, clock=time.clock)
    seen = []

    def sleep(seconds):
        time.slept.append(round(seconds, 6))
        if len(time.slept) == 1:  # another worker comes by, while the first one waits
            time.now += 2
            courier(Request("POST", "/v1/b", {}, b"{}"))
            seen.append(time.now)

    courier.clock = Clock(now=lambda: time.now, sleep=sleep)
    assert courier(ASKED).status == 200
    assert time.slept == [5.0, 3.0]
    assert len(log) == 3


def test_a_date_that_is_far_away_is_not_waited_for():
    """A Retry-After of more than half a minute is an answer like any other."""
    for field in ("31", "Wed, 21 Oct 2099 07:28:00 GMT", "inf"):
        time = Time()
        send, log = answering(Response(429, {"retry-after": field}))
        assert Courier(send, ALIVE, 100, clock=time.clock)(ASKED).status == 429
        assert (time.slept, len(log)) == ([], 1)


def test_what_never_reached_the_target_is_sent_again():
    """A refused connection to a target that is back a moment later blames nobody."""
    send, log = answering(TargetError("cannot connect to http://h: connection refused"), 200)
    courier = Courier(send, ALIVE, 100, clock=Time().clock)
    assert courier(ASKED).status == 200
    assert (len(log), courier.sent) == (2, 1)


@pytest.mark.parametrize(("reason", "late"), [("no HTTP response: reset", False), ("time-out: no response", True)])
def test_what_got_no_answer_is_not_sent_again(reason, late):
    """Only who asked knows whether it may be repeated."""
    send, log = answering(TargetError(reason))
    with pytest.raises(Silent, match=reason) as silent:
        Courier(send, ALIVE, 100, clock=Time().clock)(ASKED)
    assert (silent.value.late, len(log)) == (late, 1)


def test_a_target_that_comes_back_in_time_is_alive():
    """It is asked three times, with pauses between, before it is called dead."""
    time, answers = Time(), [TargetError("cannot connect"), TargetError("cannot connect"), Response(200)]

    def send(request):
        found = answers.pop(0) if answers else TargetError("cannot connect")
        if isinstance(found, Exception):
            raise found
        return found

    courier = Courier(send, ALIVE, 100, clock=time.clock)
    with pytest.raises(Silent):
        courier(ASKED)
    with pytest.raises(Dead):
        courier(ASKED)
    assert time.slept == [0.1, 0.1, 0.5, 2.0]


def test_what_tidies_up_may_exceed_the_budget():
    """A spent budget stops everything else, and so does a run that was stopped."""
    send, log = answering(200)
    courier = Courier(send, ALIVE, 1, clock=Time().clock)
    courier(ASKED)
    for _ in range(2):
        with pytest.raises(Enough):
            courier(ASKED)
        assert courier(ASKED, beyond=True).status == 200
        courier.requests, courier.stopped = 100, True
    assert len(log) == 3
