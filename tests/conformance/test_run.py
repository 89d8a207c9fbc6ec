"""Whole runs, in process: the honest server gives nothing, a server with one defect gives one finding."""
# ruff: noqa: ARG001, ARG005, D103  fakes take what the real ones take, and defects are told by their names

from __future__ import annotations

import itertools
import re
from functools import partial

import orjson
import pytest
from in_process import Quiet, in_process, told
from in_process import run_on as ran

from assay.conformance.checks import Exchange, judge
from assay.conformance.pace import Clock
from assay.conformance.result import Options, Result, Target
from assay.conformance.run import run
from assay.errors import TargetError
from assay.messages import Request, Response
from assay.reference.server import application

CHAT = "createChatCompletion"
run_on = partial(ran, requests=150)


@pytest.fixture(scope="module")
def honest(contract):
    return in_process(application(judge=contract))


def test_the_honest_server_gives_no_findings(contract, honest):
    """A run within a small budget accuses the reference server of nothing, and uses its budget."""
    result = run_on(contract, honest)
    assert not len(result.findings), told(result)
    assert result.sent == 150
    assert result.tallies[CHAT].accepted >= 20
    assert sum(tally.accepted for tally in result.tallies.values()) >= 50
    assert sum(tally.invalid for tally in result.tallies.values()) >= 15


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_honest_server_gives_no_findings_in_long_runs(contract, honest, seed):
    """Five hundred requests under three seeds accuse the reference server of nothing."""
    result = run_on(contract, honest, requests=500, seed=seed)
    assert not len(result.findings), told(result)
    assert result.sent == 500
    assert sum(t.accepted for t in result.tallies.values()) >= 90
    assert sum(t.invalid for t in result.tallies.values()) >= 100


def test_what_lies_below_a_path_that_is_not_served_is_not_asked_for(contract, honest):
    """A server of embeddings alone gets few requests for the rest of the API, and is told whole."""
    asked = []

    def embeddings_only(request):
        if "/embeddings" in request.target or "/models" in request.target:
            return honest(request)
        asked.append(request.target)
        return Response(404, {"content-type": "application/json"}, b'{"detail":"Not Found"}')

    result = run_on(contract, embeddings_only)
    assert not len(result.findings), told(result)
    assert result.tallies["createEmbedding"].sent > 60
    assert len(asked) < 45
    assert result.tallies["getRunStep"].closed == "answered with 404"
    assert not [target for target in asked if "/threads/" in target and "runs" not in target]


def test_a_seed_decides_what_is_sent(contract, honest):
    """The same seed sends the same requests, another seed others."""

    def sent(seed):
        seen = []

        def send(request):
            seen.append(request)
            return honest(request)

        run_on(contract, send, requests=110, seed=seed, operations=(CHAT,))
        return seen

    assert sent(5) == sent(5)
    assert sent(5) != sent(6)


# Each defect: from (request, parsed body, honest response) to another response, or None to leave it alone.


def crashes_on_stop(request, asked, response):
    if "stop" in asked and asked["stop"] is not None:
        return Response(500, {"content-type": "text/plain"}, b"Internal Server Error")
    return None


def _changed(response, change):
    if response.status != 200 or "json" not in response.headers.get("content-type", ""):
        return None
    value = orjson.loads(response.body)
    change(value)
    return Response(200, response.headers, orjson.dumps(value))


def forgets_created(request, asked, response):
    return _changed(response, lambda value: value.pop("created"))


def says_text(request, asked, response):
    if response.status == 200 and not asked.get("stream"):
        return Response(200, {"content-type": "text/plain"}, response.body)
    return None


def never_done(request, asked, response):
    if asked.get("stream") and response.status == 200:
        return Response(200, response.headers, response.body.replace(b"data: [DONE]\n\n", b""))
    return None


def flat_errors(request, asked, response):
    if response.status != 400:
        return None
    message = orjson.loads(response.body)["error"]["message"]
    body = {"object": "error", "message": message, "type": "BadRequestError", "code": 400}
    return Response(400, {"content-type": "application/json"}, orjson.dumps(body))


def one_choice(request, asked, response):
    return _changed(response, lambda value: value.update(choices=value["choices"][:1]))


def refuses_developers(request, asked, response):
    messages = asked.get("messages")
    roles = [m.get("role") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
    if response.status == 200 and "developer" in roles:
        body = {"error": {"message": "Unexpected role", "type": "invalid_request_error", "param": None, "code": None}}
        return Response(400, {"content-type": "application/json"}, orjson.dumps(body))
    return None


def breaks_off(request, asked, response):
    if asked.get("stream") and response.status == 200:
        return Response(200, response.headers, response.body[:40], broken="the connection broke after 40 bytes")
    return None


DEFECTS = [
    (crashes_on_stop, "http/server-error"),
    (forgets_created, "schema/required"),
    (says_text, "http/content-type"),
    (never_done, re.compile(r"stream.*done|done")),
    (flat_errors, "http/error-envelope"),
    (one_choice, re.compile(r"chat/.*choices|chat/n\b")),
    (refuses_developers, "http/valid-refused"),
    (breaks_off, "http/broken-response"),
]


def faulty(send, defect):
    def spoiled(request):
        response = send(request)
        if not request.target.endswith("/chat/completions"):
            return response
        try:
            asked = orjson.loads(request.body)
        except orjson.JSONDecodeError:
            asked = {}
        return defect(request, asked if isinstance(asked, dict) else {}, response) or response

    return spoiled


@pytest.mark.parametrize(("defect", "rule"), DEFECTS, ids=[d.__name__ for d, _ in DEFECTS])
def test_one_defect_is_one_finding(contract, honest, defect, rule):
    """A server with one defect gives one finding, of the rule that names it, shown again when repeated."""
    result = run_on(contract, faulty(honest, defect), requests=120, operations=(CHAT,))
    assert len(result.findings) == 1, told(result)
    finding = next(iter(result.findings))
    assert rule.search(finding.violation.rule) if isinstance(rule, re.Pattern) else finding.violation.rule == rule
    assert finding.operations == [CHAT]
    assert not finding.violation.pointer.startswith("file:")
    assert not finding.flaky
    assert result.failed


@pytest.mark.slow
def test_a_constraint_that_is_not_enforced_is_one_finding(contract, honest):
    """A server that takes any temperature gives one finding at that place, which lists what it does not enforce."""

    def lenient(request):
        if request.target.endswith("/chat/completions"):
            try:
                asked = orjson.loads(request.body)
            except orjson.JSONDecodeError:
                return honest(request)
            if isinstance(asked, dict) and isinstance(asked.get("temperature"), int | float):
                asked["temperature"] = min(2, max(0, asked["temperature"]))
                request = Request(request.method, request.target, request.headers, orjson.dumps(asked))
        return honest(request)

    result = run_on(contract, lenient, requests=1000, operations=(CHAT,))
    (finding,) = result.findings
    assert (finding.violation.rule, finding.violation.path) == ("http/invalid-accepted", ("temperature",)), told(result)
    for part in finding.parts or (finding,):
        assert part.flaw.path == ("temperature",)
        assert part.flaw.pointer.rpartition("/")[2] in ("minimum", "maximum")
        assert len(part.exchange.request.body) < 400  # a probe is built small, and not shrunk any further


def test_a_server_that_validates_nothing_has_one_finding_for_each_operation(contract, honest):
    """Bodies that are not looked at are told once for each operation, the kinds counted and at most ten listed."""
    accepted = {}

    def blind(request):
        response = honest(request)
        if response.status == 200:
            accepted[request.target] = response
        return accepted.get(request.target, response) if response.status == 400 else response

    result = run_on(contract, blind, requests=150, operations=("createEmbedding", "createModeration"))
    lenient = [f for f in result.findings if f.violation.rule == "http/invalid-accepted"]
    assert sorted(f.operations[0] for f in lenient) == ["createEmbedding", "createModeration"], told(result)
    for finding in lenient:
        assert finding.kinds >= 3
        assert 2 <= len(finding.parts) <= 10
        assert finding.violation.expected == f"a refusal (400) of {finding.kinds} kinds of invalid request"
        assert len(finding.exchange.request.body) <= min(len(p.exchange.request.body) for p in finding.parts)
        assert len({(p.flaw.place, p.flaw.pointer) for p in finding.parts}) >= 2


def test_a_dead_server_is_one_finding(contract, honest):
    """A server that dies in mid-run ends the run with one finding about its last request."""
    count = itertools.count()

    def dying(request):
        if next(count) >= 40:
            raise TargetError("cannot connect to http://target: connection refused")
        return honest(request)

    result = run_on(contract, dying, operations=(CHAT,))
    assert [f.violation.rule for f in result.findings] == ["http/server-down"]
    assert result.stopped == "the target stopped answering"


def test_a_request_that_is_not_answered_is_its_own_finding(contract, honest):
    """A server that closes the connection for one feature, and lives, is accused of that alone."""

    def closing(request):
        if b'"logprobs":true' in request.body:
            raise TargetError("no HTTP response from http://target: it closed the connection without an answer")
        return honest(request)

    result = run_on(contract, closing, requests=100, operations=(CHAT,))
    assert [f.violation.rule for f in result.findings] == ["http/no-response"], told(result)


def test_a_flaky_violation_is_marked(contract, honest):
    """What shows once and not when repeated is reported as flaky."""
    broken = []

    def once(request):
        response = honest(request)
        if request.target.endswith("/chat/completions") and response.status == 200 and not broken:
            broken.append(request)
            return Response(500, {}, b"")
        return response

    result = run_on(contract, once, requests=60, operations=(CHAT,))
    assert [(f.violation.rule, f.flaky) for f in result.findings] == [("http/server-error", True)]


def test_operations_that_are_not_served_are_unsupported(contract, honest):
    """A 404 or 501 closes an operation without a finding."""

    def partly(request):
        if request.target.endswith("/embeddings"):
            return Response(404, {"content-type": "application/json"}, b'{"detail": "Not Found"}')
        return honest(request)

    result = run_on(contract, partly, requests=80, operations=(CHAT, "createEmbedding"))
    assert not len(result.findings), told(result)
    assert result.tallies["createEmbedding"].closed == "answered with 404"
    assert result.tallies["createEmbedding"].sent == 1


def test_a_target_that_serves_nothing_cannot_be_tested(contract):
    """A web server of something else ends in one clear error."""
    with pytest.raises(TargetError, match="nothing of this API is served here"):
        run_on(contract, lambda request: Response(404, {"content-type": "text/html"}, b"<html>"))


def test_an_operation_that_is_not_served_alone_is_not_blamed_on_the_base_path(contract):
    """Where models are listed, the address and the key are right, and the error says what was not served."""
    honest = in_process(application(judge=contract))
    for operation, why in (("deleteModel", "403"), ("resumeFineTuningJob", "404")):
        with pytest.raises(TargetError, match=f"models are listed at .*, but nothing that was tested is served.*{why}"):
            run_on(contract, honest, operations=(operation,))


def test_refused_credentials_are_an_error(contract):
    """A target that wants a key says so before anything is blamed."""
    locked = in_process(application(judge=contract, key="secret"))
    with pytest.raises(TargetError, match="refuses these credentials"):
        run_on(contract, locked)


def test_an_unreachable_target_is_an_error(contract):
    """Nobody there: the reason is passed on."""

    def nobody(request):
        raise TargetError("cannot connect to http://target: connection refused")

    with pytest.raises(TargetError, match="connection refused"):
        run_on(contract, nobody)


def test_rate_limits_are_obeyed(contract, honest):
    """A 429 with Retry-After is waited for and sent again; it is nobody's fault."""
    slept = []
    turns = itertools.count(1)

    def limited(request):
        if next(turns) % 3 == 0:
            return Response(429, {"retry-after": "7"}, b"{}")
        return honest(request)

    result = Result(Options(requests=60, operations=(CHAT,)))
    clock = Clock(sleep=slept.append)
    run(contract, Target(limited, lambda target: f"http://target{target}"), result, Quiet(), clock=clock)
    assert not len(result.findings), told(result)
    assert set(slept) == {7.0}
    assert result.sent == 60


def test_a_long_answer_is_a_hazard(contract, honest):
    """A body of which we stop reading is our limit: no violation, whatever the request."""

    def endless(request):
        if b'"stream":true' in request.body:
            return Response(200, {"content-type": "text/event-stream"}, b"data: ", broken="more than 9 bytes, not read")
        return honest(request)

    result = run_on(contract, endless, requests=60, operations=(CHAT,))
    rules = {f.violation.rule: f.violation.severity for f in result.findings}
    assert rules.pop("http/long-response") == "hazard", told(result)
    assert set(rules) <= {"http/invalid-accepted"}, told(result)


@pytest.mark.parametrize(("inputs", "told_of"), [(1, True), (2048, False)])
def test_a_long_answer_that_was_asked_for_is_none(contract, inputs, told_of):
    """Thousands of embeddings in one answer are what the request asked for."""
    operation = next(one for one in contract.operations if one.id == "createEmbedding")
    body = orjson.dumps({"model": "m", "input": ["a"] * inputs})
    request = Request("POST", "/v1/embeddings", {"content-type": "application/json"}, body)
    long = Response(200, {"content-type": "application/json"}, b"{", broken="more than 9 bytes, not read to the end")
    found = judge(contract, Exchange(operation, request, long)).violations
    assert [violation.rule for violation in found] == (["http/long-response"] if told_of else [])


def test_time_outs_close_an_operation(contract, honest):
    """A target too slow to answer is left alone after three time-outs, with a hazard and no violation."""

    def slow(request):
        if request.target.endswith("/chat/completions"):
            return Response(200, {"content-type": "application/json"}, b"{", broken="time-out: not finished after 9 s")
        return honest(request)

    result = run_on(contract, slow, requests=80, operations=(CHAT, "listModels"))
    assert [f.violation.rule for f in result.findings] == ["http/slow-response"]
    assert not result.failed
    assert result.tallies[CHAT].sent <= 5


def test_nothing_is_deleted_that_was_not_named(contract, honest):
    """Where the user named no operation that deletes, only what this run was told to have made is deleted."""
    made, deleted = [], []

    def send(request):
        response = honest(request)
        if request.method == "POST" or "/batches/" in request.target:  # a batch makes files when it is done
            made.append(response.body)
        if request.method == "DELETE":
            deleted.append(request.target.rpartition("/")[2].encode())
        return response

    run_on(contract, send, requests=300)
    assert len(deleted) >= 20
    assert all(any(name in body for body in made) for name in deleted)


def test_time_ends_a_run(contract, honest):
    """The limit of seconds stops a run between two requests."""
    now = itertools.count()
    result = Result(Options(requests=1000, seconds=50))
    target = Target(honest, lambda target: target)
    run(contract, target, result, Quiet(), clock=Clock(now=lambda: next(now), sleep=lambda seconds: None))
    assert result.stopped == "time is up"
    assert 10 <= result.sent < 60
