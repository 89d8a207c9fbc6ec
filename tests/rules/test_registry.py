"""The registry: what is listed, what is switched off, and that no rule raises on any value."""

from __future__ import annotations

import copy
import gzip
import json
from dataclasses import replace
from importlib import import_module

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.errors import UsageError
from assay.rules.catalogue import standard
from assay.rules.registry import Exchange, Registry, RuleSet
from assay.wire.sse import Decoder

REGISTRY = standard()
MOST = 10_000
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**13)
    | st.floats()
    | st.sampled_from(["", "a", "stop", "tool_calls"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "index", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def test_the_list_is_complete_and_readable():
    """Ids are unique and shaped ``resource/name``; every rule has a sentence, a source and an operation."""
    ids = [rule.id for rule in REGISTRY.rules]
    assert len(ids) == len(set(ids))
    for rule in REGISTRY.rules:
        assert rule.id.count("/") == 1
        assert rule.sentence.endswith(".")
        assert rule.source.startswith("#/components/schemas/")
        assert rule.operations


def test_a_rule_is_switched_off_by_id():
    """A rule that is off is listed and not run; the operation's other rules stay."""
    exchange = Exchange("createChatCompletion", {"n": 2}, {"id": "", "choices": [{"index": 0}]})
    assert {v.rule for v in REGISTRY.check_response(exchange)} == {"chat/choices-count", "chat/id-set"}
    without = standard(off=["chat/choices-count"])
    assert {v.rule for v in without.check_response(exchange)} == {"chat/id-set"}
    assert without.rules == REGISTRY.rules


def test_an_unknown_id_is_refused():
    """Switching off what does not exist is a usage error that names it."""
    with pytest.raises(UsageError, match="chat/nothing"):
        standard(off=["chat/nothing"])


def test_rules_of_ones_own():
    """A rule set of a user's own joins the registry with its severity and source."""
    own = RuleSet("own", "ping")

    @own.response("pong", "The answer is pong.", "#/pong", severity="hazard")
    def pong(rule, exchange):
        if exchange.response != "pong":
            yield rule.broken((), "pong", "something else")

    registry = Registry([own])
    (violation,) = registry.check_response(Exchange("ping", None, "ping"))
    assert (violation.rule, violation.severity, violation.pointer) == ("own/pong", "hazard", "#/pong")
    assert registry.check_response(Exchange("ping", None, "pong")) == ()
    assert registry.check_response(Exchange("ping", None, "ping", 404)) == ()


def places(value, path=()):
    """Every place inside a JSON value."""
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from places(inner, (*path, step))


def changed(value, path, new):
    """A copy of a value with another one at a place."""
    if not path:
        return new
    value = copy.deepcopy(value)
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new
    return value


def test_no_rule_raises_on_any_value(tables):
    """With any JSON value put anywhere in an exchange or an event, rules judge and never raise."""
    exchanges, streams = tables
    counts = {"told": 0, "silent": 0}

    @settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    @given(st.data(), JSON)
    def check(data, new):
        if data.draw(st.booleans()):
            exchange = data.draw(st.sampled_from(exchanges))
            side = data.draw(st.sampled_from(["request", "response"]))
            place = data.draw(st.sampled_from(list(places(getattr(exchange, side)))))
            exchange = replace(exchange, **{side: changed(getattr(exchange, side), place, new)})
            checks = [*REGISTRY.checks_for(exchange.operation, "request"), *REGISTRY.checks_for(exchange.operation)]
            found = [violation for judge in checks for violation in judge(exchange)]
            run = [*REGISTRY.check_request(exchange), *REGISTRY.check_response(replace(exchange, status=200))]
            assert run == found  # neither the short way nor ``when`` hides a violation
        else:
            operation, request, events = data.draw(st.sampled_from(streams))
            events = [e[1] if isinstance(e, tuple) else e for e in events if not isinstance(e, str)]
            events = changed(events, data.draw(st.sampled_from([p for p in places(events) if p])), new)
            rules = REGISTRY.open_stream(Exchange(operation, changed(request, (), data.draw(st.just(request) | JSON))))
            found = [v for n, e in enumerate(events) for v in rules.feed(n, e, "message")]
            found += rules.close()
        assert all(str(violation) for violation in found)
        counts["told" if found else "silent"] += 1

    check()
    assert min(counts.values()) >= 30, counts


def test_the_short_way_hides_nothing(tables):
    """Where a chat completion goes the short way no rule has anything to say, and many do go it."""
    silent = REGISTRY.silent_on("createChatCompletion", "response")
    chats = [e for e in tables[0] if e.operation == "createChatCompletion" and e.response is not None]
    plain = next(exchange for exchange in chats if silent(exchange.request, exchange.response))
    responses = list(places(plain.response))
    counts = {"short": 0, "long": 0}
    near = JSON | st.sampled_from([0, 1, 5, 1_760_000_000, "stop", "length", "text", None, [], {"x": 1}])
    words = ["model", "n", "stop", "tools", "tool_choice", "logprobs", "max_tokens", "response_format", "service_tier"]

    @settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    @given(st.sampled_from(responses), near, st.dictionaries(st.sampled_from(words), near, max_size=2))
    def check(place, new, request):
        exchange = replace(plain, request=request, response=changed(plain.response, place, new))
        short = silent(exchange.request, exchange.response)
        counts["short" if short else "long"] += 1
        if short:
            assert [v for judge in REGISTRY.checks_for("createChatCompletion") for v in judge(exchange)] == []

    check()
    assert min(counts.values()) >= 20, counts


def test_the_short_way_of_requests_hides_nothing(tables):
    """Where a chat request goes the short way no rule of requests has anything to say, and many do go it."""
    requests = [e.request for e in tables[0] if e.operation == "createChatCompletion" and e.request is not None]
    silent = REGISTRY.silent_on("createChatCompletion", "request")
    counts = {"short": 0, "long": 0}
    history = [
        [{"role": "tool"}],
        [{"role": "function", "name": "f"}],
        [{"role": "assistant", "tool_calls": [{"id": "a"}] * 2}],
        [{"content": [{"prompt_cache_breakpoint": {}}] * 5}],
    ]
    options = [0, 1, True, False, None, "auto", "none", "required", [], {"a": 1}]
    named = [{"type": "function", "function": {"name": name}} for name in "fgf"]
    strict = [{"type": "function", "function": {"name": "f", "strict": True, "parameters": {"type": "object"}}}]
    offers = [named[:1], named[:2], named, strict, [{"type": "custom", "custom": {"name": "f"}}], [{}]]
    near = JSON | st.sampled_from([*options, *history, *offers])
    words = ["stream", "stream_options", "tools", "tool_choice", "logprobs", "top_logprobs", "messages", "modalities"]
    words += ["tools", "tools", "functions", "function_call", "parallel_tool_calls", "response_format", "store"]

    @settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    @given(st.sampled_from(requests), st.dictionaries(st.sampled_from(words), near, max_size=2))
    def check(request, change):
        value = {"messages": [{"role": "user", "content": "hi"}]} | request | change
        short = silent(value, None)
        counts["short" if short else "long"] += 1
        if short:
            exchange = Exchange("createChatCompletion", value)
            checks = REGISTRY.checks_for("createChatCompletion", "request")
            assert [v for judge in checks for v in judge(exchange)] == []

    check()
    assert min(counts.values()) >= 20, counts


SAID = {
    "input": [{"role": "user", "content": "hi"}, {"type": "message", "role": "user", "content": []}],
    "tools": [{"type": "function", "name": name, "parameters": {"type": "object"}, "strict": False} for name in "fg"],
    "max_output_tokens": None,
    "text": {"verbosity": "low"},
}
ANSWERED = {
    "id": "resp_1",
    "created_at": 1_760_000_000,
    "completed_at": 1_760_000_001,
    "status": "completed",
    "error": None,
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "hi", "annotations": []}]},
        {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "id": "fc_2", "call_id": "call_2", "name": "g", "arguments": "{}"},
    ],
    "usage": {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5, "input_tokens_details": {"cached_tokens": 1}},
    "temperature": 1,
}


@pytest.mark.parametrize("side", ["request", "response"])
def test_the_short_way_of_responses_hides_nothing(side):
    """Wherever a request for a response, or its answer, goes the short way no rule has anything to say."""
    silent, checks = REGISTRY.silent_on("createResponse", side), REGISTRY.checks_for("createResponse", side)
    counts = {"short": 0, "long": 0}
    words = "function_call none required call_1 fc_1 g text [] incomplete json_object compaction_trigger"
    near = JSON | st.sampled_from(
        [*words.split(), 0, 1, 2, 5, True, False, None, [], {}, {"format": {"type": "json_object"}}]
    )
    names = "tools tool_choice max_output_tokens parallel_tool_calls max_tool_calls temperature text include input"
    change = st.tuples(st.sampled_from([*names.split(), "previous_response_id", "moderation", "output_text"]), near)
    spots = st.tuples(st.sampled_from([p for p in places(SAID if side == "request" else ANSWERED) if p]), near)

    @settings(max_examples=1500, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(change, max_size=1), st.lists(change, max_size=1), st.lists(spots, max_size=2))
    def check(asked, answered, inner):
        sides = {"request": SAID | dict(asked), "response": ANSWERED | dict(answered)}
        for path, new in inner:
            if path in [*places(sides[side])]:
                sides[side] = changed(sides[side], path, new)
        exchange = Exchange("createResponse", **sides)
        short = silent(exchange.request, exchange.response)
        counts["short" if short else "long"] += 1
        if short:
            assert [v for judge in checks for v in judge(exchange)] == []

    check()
    assert min(counts.values()) >= 150, counts


@pytest.fixture
def tables():
    """The exchanges and streams of the tables of examples, those too large to be changed again and again left out."""
    rules, streams = import_module("test_rule_examples"), import_module("test_stream_rules")
    exchanges = [exchange for row in rules.EXAMPLES for exchange in row[1:]]
    return (
        [exchange for exchange in exchanges if len(json.dumps(exchange.request)) < MOST],
        [(row[0], row[2], stream) for row in streams.EXAMPLES for stream in row[3:] if stream],
    )


OPERATIONS = {
    "/chat/completions": "createChatCompletion",
    "/v1/completions": "createCompletion",
    "/v1/embeddings": "createEmbedding",
    "/v1/responses": "createResponse",
}


def test_recorded_traffic_of_the_service_breaks_no_rule(shared):
    """What api.openai.com sent and accepted gives no violation and no hazard, but for an old name that still works."""
    counts = {"exchanges": 0, "streams": 0}
    for line in gzip.decompress((shared / "traffic" / "openai.jsonl.gz").read_bytes()).splitlines():
        record = json.loads(line)
        operation = next((o for end, o in OPERATIONS.items() if record["path"].endswith(end)), None)
        if operation is None or record["status"] != 200 or not record["request_body"]:
            continue
        request = json.loads(record["request_body"])
        exchange = Exchange(operation, request)
        found = list(REGISTRY.check_request(exchange))
        if "event-stream" in record["response_headers"].get("content-type", ""):
            found += judged_stream(exchange, record["response_body"].encode())
            counts["streams"] += 1
        else:
            found += REGISTRY.check_response(replace(exchange, response=json.loads(record["response_body"])))
            counts["exchanges"] += 1
        found = [violation for violation in found if violation.rule != "responses/summary-renamed"]
        assert [str(violation) for violation in found] == [], record["source"]
    assert counts["exchanges"] > 300, counts
    assert counts["streams"] > 70, counts


def judged_stream(exchange, body):
    """The violations of a recorded stream."""
    decoder, rules, found = Decoder(), REGISTRY.open_stream(exchange), []
    for number, event in enumerate(decoder.feed(body)):
        try:
            value = json.loads(event.data)
        except ValueError:
            found += rules.mark(number, event.data)
        else:
            found += rules.feed(number, value, event.name)
    assert (decoder.close(), decoder.problems) == (None, ())
    return [*found, *rules.close()]
