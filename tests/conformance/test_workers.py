"""Several workers: the same findings as one, sooner, within the budget; one turn, however many threads."""

# ruff: noqa: ARG001  fakes take what the real ones take

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from assay.adapters.send import Sender
from assay.adapters.serve import serve
from assay.conformance.pace import Clock, Courier, Dead, Enough
from assay.conformance.result import Options, Result, Target
from assay.conformance.run import run
from assay.conformance.turn import Turn
from assay.conformance.workers import each
from assay.errors import TargetError
from assay.messages import Request, Response
from assay.reference.server import application

SERVED = (
    "listModels", "createChatCompletion", "createCompletion", "createEmbedding", "createModeration", "createResponse",
    "createConversation", "listFiles", "createVectorStore",
)  # fmt: skip
ALIVE = Request("GET", "/v1/models")
LATENCY = 0.5


class Quiet:
    """Looks on and says nothing."""

    def begin(self, phase, operation):
        """Ignore it."""

    def update(self, sent, findings):
        """Ignore it."""


def faulty(judge, latency=0.0):
    """The reference server, late, with embeddings of no object, streams without end, and errors without a type."""
    honest = application(judge=judge)
    changes = {b'"object":"embedding",': b"", b"[DONE]": b"DONE", b'"type":"invalid_request_error"': b'"kind":"no"'}

    async def app(scope, receive, send):
        await asyncio.sleep(latency)

        async def spoilt(message):
            if message["type"] == "http.response.start":
                fields = [(name, value) for name, value in message["headers"] if name != b"content-length"]
                await send({**message, "headers": fields})
                return
            body = message.get("body", b"")
            for before, after in changes.items():
                body = body.replace(before, after)
            await send({**message, "body": body})

        await honest(scope, receive, spoilt)

    return app


def found_in(contract, app, **options):
    """Run against an application and return the result."""
    result = Result(Options(operations=SERVED, **options))
    with serve(app) as url:
        sender = Sender(url, timeout=20)
        run(contract, Target(sender, sender.url, None, (), sender.afresh), result, Quiet())
    return result


def keys(result):
    """What was found, in any order."""
    return sorted((f.violation.rule, f.violation.place, tuple(sorted(f.operations)), f.flaky) for f in result.findings)


def test_the_number_of_workers_does_not_decide_what_is_found(contract):
    """One, four and nine workers find the same, within the budget."""
    results = [found_in(contract, faulty(contract), requests=180, workers=workers) for workers in (1, 4, 9)]
    first, *others = [keys(result) for result in results]
    assert len(first) >= 3
    assert others == [first, first]
    assert [result.sent for result in results] == [180] * 3


@pytest.mark.slow
def test_four_workers_test_a_slow_server_in_less_than_half_the_time(contract):
    """What one worker could not send in two and a half times the time, four do."""
    found_in(contract, faulty(contract), requests=30)  # compiles what the next run needs
    result = found_in(contract, faulty(contract, LATENCY), requests=80, workers=4)
    assert result.sent == 80
    assert result.sent * LATENCY / result.seconds >= 2.5


def courier(send, requests=1000, **more):
    """A courier without a clock that waits."""
    return Courier(send, ALIVE, requests, clock=Clock(sleep=lambda _: None), **more)


def test_a_budget_is_never_exceeded():
    """Sixteen workers that all want to send are stopped exactly at the budget."""
    sent = []

    def slow(request):
        time.sleep(0.001)
        sent.append(request)
        return Response(200)

    one = courier(slow, 100)
    with one.turn, pytest.raises(Enough):
        each(16, one, range(50), lambda _: [one(ALIVE) for _ in range(7)])
    assert len(sent) == one.sent == 100


def test_only_one_thread_works_while_others_wait():
    """Nothing but sending happens at the same time, and sending does."""
    working, flying, most = 0, 0, [0, 0]

    def slow(request):
        nonlocal flying
        flying += 1
        most[1] = max(most[1], flying)
        time.sleep(0.01)
        flying -= 1
        return Response(200)

    def work(item):
        nonlocal working
        for _ in range(3):
            working += 1
            most[0] = max(most[0], working)
            time.sleep(0.001)
            working -= 1
            one(ALIVE)

    one = courier(slow)
    with one.turn:
        each(5, one, range(10), work)
    assert most[0] == 1
    assert 3 <= most[1] <= 5


def test_one_death_ends_all_workers():
    """A target that died is told once, by the thread that waits for the workers; no other item is begun."""
    begun, dead, before = [], threading.Event(), threading.active_count()

    def dying(request):
        if dead.wait(0.05 if len(begun) < 4 else 0):
            raise TargetError("cannot connect")
        return Response(200)

    def work(item):
        begun.append(item)
        if len(begun) == 4:
            dead.set()
        while True:
            one(ALIVE)

    one = courier(dying)
    with one.turn, pytest.raises(Dead, match="cannot connect"):
        each(4, one, range(20), work)
    assert begun == [0, 1, 2, 3]
    assert threading.active_count() <= before


def test_a_fault_of_ours_is_not_swallowed():
    """What a worker did wrong reaches the caller, and is no Enough."""

    def work(item):
        if item == 2:
            raise ValueError("otter")
        one(ALIVE)

    one = courier(lambda _: Response(200), 3)
    with one.turn, pytest.raises(ValueError, match="otter"):
        each(3, one, range(3), work)


def test_the_turn_is_put_aside_only_by_its_holder():
    """A thread without the turn waits for nothing, and gets nothing."""
    turn = Turn()
    with turn.aside():
        pass
    with turn:
        other = threading.Thread(target=lambda: turn.aside().__enter__())
        other.start()
        other.join(5)
        assert not other.is_alive()
        with turn.aside(), turn:
            pass


@pytest.mark.parametrize("workers", [1, 3])
def test_work_may_bring_more_work(workers):
    """What an item brings comes before what waits, and whoever has nothing to do waits for it."""
    done, together = [], threading.Barrier(3 if workers == 3 else 1, timeout=10)

    def send(request):
        together.wait()
        return Response(200)

    def work(item):
        done.append(item)
        if len(item) > 1:
            one(ALIVE)
        return [item + name for name in "xyz"] if item == "a" else None

    one = courier(send)
    with one.turn:
        each(workers, one, ["a", "b"], work)
    assert sorted(done) == ["a", "ax", "ay", "az", "b"]
    assert workers > 1 or done == ["a", "ax", "ay", "az", "b"]
