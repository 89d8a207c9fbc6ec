"""Relations between exchanges: what an honest server may do says nothing, and each twin is told by its rule."""
# ruff: noqa: ARG001, D103  twins take what all of them take, and are told by their names

from __future__ import annotations

import base64
import itertools
import struct

import orjson
import pytest
from in_process import in_process, json_of, rules, run_on, told, with_json

from assay.conformance.answers import said, vectors
from assay.messages import Request, Response
from assay.reference.server import application

TEXT = ("createChatCompletion", "createCompletion", "createResponse")
CHAT, EMBED = ("createChatCompletion",), ("createEmbedding",)
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def honest(contract):
    return in_process(application(judge=contract))


# Each twin: from the request's value, the honest response and a count to another response, or None.


def _choice(response, change):
    value = json_of(response)
    if response.status != 200 or not isinstance(value, dict) or "choices" not in value:
        return None
    change(value)
    return with_json(response, value)


def answers_anew(asked, response, count):
    def change(value):
        value["choices"][0]["message"]["content"] += str(count)

    return _choice(response, change) if asked.get("temperature") == 0 and "seed" in asked else None


def streams_other_words(asked, response, count):
    if asked.get("stream") and response.status == 200:
        return Response(200, response.headers, response.body.replace(b'"content":"', b'"content":"x', 3))
    return None


def ends_streams_otherwise(asked, response, count):
    if asked.get("stream") and response.status == 200:
        changed = response.body.replace(b'"finish_reason":"length"', b'"finish_reason":"stop"')
        return Response(200, response.headers, changed)
    return None


def counts_prompts_alike(asked, response, count):
    def change(value):
        usage = value["usage"]
        usage.update(prompt_tokens=3, total_tokens=3 + usage["completion_tokens"])

    return _choice(response, change)


def _embedded(response, change):
    value = json_of(response)
    if response.status != 200 or "embedding" not in value.get("data", [{}])[0]:
        return None
    change(value["data"])
    return with_json(response, value)


def _filled(response, number):
    def change(items):
        for item in items:
            if isinstance(item["embedding"], list):
                item["embedding"] = [number] * len(item["embedding"])

    return _embedded(response, change)


def swaps_embeddings(asked, response, count):
    def change(data):
        if len(data) > 1:
            data[0]["embedding"], data[1]["embedding"] = data[1]["embedding"], data[0]["embedding"]

    return _embedded(response, change)


def embeds_all_alike(asked, response, count):
    return _filled(response, 0.5)


def embeds_by_chance(asked, response, count):
    def change(data):
        for number, item in enumerate(data):
            if isinstance(item["embedding"], list):
                item["embedding"] = [((count + number) * 37 + n * 11) % 7 - 3.0 for n in range(len(item["embedding"]))]

    return _embedded(response, change)


def embeds_nothing(asked, response, count):
    return _filled(response, 0.0)


def writes_base64_backwards(asked, response, count):
    def change(items):
        for item in items:
            if isinstance(item["embedding"], str):
                data = base64.b64decode(item["embedding"])
                numbers = struct.unpack(f"<{len(data) // 4}f", data)
                item["embedding"] = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers[::-1])).decode()

    return _embedded(response, change)


def shortens_batches(asked, response, count):
    def change(data):
        if len(data) > 1 and isinstance(data[0]["embedding"], list):
            for item in data:
                item["embedding"] = item["embedding"][:-1]

    return _embedded(response, change)


TWINS = [
    (answers_anew, CHAT, "relation/repeatable", False),
    (streams_other_words, CHAT, "relation/stream-text", False),
    (ends_streams_otherwise, CHAT, "relation/stream-finish", True),
    (counts_prompts_alike, CHAT, "relation/prompt-grows", False),
    (counts_prompts_alike, CHAT, "relation/prompt-tokens", False),
    (swaps_embeddings, EMBED, "relation/embedding-order", True),
    (embeds_all_alike, EMBED, "relation/embedding-differs", False),
    (embeds_nothing, EMBED, "relation/embedding-zero", True),
    (embeds_by_chance, EMBED, "relation/embedding-repeatable", False),
    (writes_base64_backwards, EMBED, "relation/embedding-encodings", True),
    (shortens_batches, EMBED, "relation/embedding-length", True),
]


def twin_of(send, change):
    count = itertools.count()

    def spoiled(request):
        asked = json_of(request)
        response = send(request)
        return change(asked if isinstance(asked, dict) else {}, response, next(count)) or response

    return spoiled


@pytest.mark.parametrize(("change", "operations", "rule", "fails"), TWINS, ids=[rule for _, _, rule, _ in TWINS])
def test_what_does_not_agree_is_told(contract, honest, change, operations, rule, fails):
    """Two answers that should agree and do not are told by the rule that says so; as a hazard where a model may."""
    result = run_on(contract, twin_of(honest, change), operations=operations, requests=45)
    assert rule in rules(result), told(result)
    finding = next(f for f in result.findings if f.violation.rule == rule)
    assert (finding.violation.severity == "violation") == fails


def test_the_honest_server_agrees_with_itself(contract, honest):
    """The reference server agrees with itself in every relation, and a word that it wrote was stopped at."""
    stops = []

    def send(request):
        asked = json_of(request)
        stops.append(asked.get("stop") if isinstance(asked, dict) else None)
        return honest(request)

    result = run_on(contract, send, operations=(*TEXT, *EMBED), requests=80)
    assert not len(result.findings), told(result)
    assert any(isinstance(stop, list) and "\n" not in stop for stop in stops)


def test_no_tool_call_in_a_stream_is_told(contract, honest):
    """A call that must be made, and comes whole but not streamed, is told."""

    def silent(request):
        response = honest(request)
        if b'"stream":true' in request.body and b'"tool_choice":"required"' in request.body and response.status == 200:
            events = [orjson.loads(line[5:]) for line in response.body.splitlines() if line.startswith(b"data: {")]
            for event in events:
                for choice in event["choices"]:
                    choice["delta"].pop("tool_calls", None)
            text = b"".join(b"data: " + orjson.dumps(event) + b"\n\n" for event in events)
            return Response(200, response.headers, text + b"data: [DONE]\n\n")
        return response

    result = run_on(contract, silent, operations=CHAT, requests=45)
    assert "relation/stream-tools" in rules(result), told(result)


def test_no_tool_call_in_a_streamed_response_is_told(contract, honest):
    """A call that must be made, and comes whole but not in the events of a response, is told."""

    def silent(request):
        asked = json_of(request)
        if isinstance(asked, dict) and asked.get("stream") and asked.get("tool_choice") == "required":
            asked.pop("tools")
            asked.pop("tool_choice")
            return honest(Request(request.method, request.target, request.headers, orjson.dumps(asked)))
        return honest(request)

    result = run_on(contract, silent, operations=("createResponse",), requests=45)
    assert "relation/stream-tools" in rules(result), told(result)


def test_answers_are_read_whole_and_streamed() -> None:
    """Text, end, calls and tokens of every kind of answer; what is no answer says nothing."""
    whole = {"choices": [{"index": 0, "message": {"content": "ab", "tool_calls": [{}]}, "finish_reason": "stop"}],
             "usage": {"prompt_tokens": 4}}  # fmt: skip
    found = said(Response(200, JSON, orjson.dumps(whole)))
    assert found is not None
    assert (found.text, found.finish, found.calls, found.prompt) == ("ab", "stop", 1, 4)
    events = (
        b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
        b'data: {"choices":[{"delta":{"content":"b"},"finish_reason":"length"}]}\n\ndata: [DONE]\n\n'
    )
    found = said(Response(200, {"content-type": "text/event-stream"}, events))
    assert found is not None
    assert (found.text, found.finish, found.prompt) == ("ab", "length", None)
    output = [{"type": "message", "content": [{"text": "hi"}]}, {"type": "function_call"}]
    response = {"object": "response", "status": "completed", "output": output, "usage": {"input_tokens": 2}}
    found = said(Response(200, JSON, orjson.dumps(response)))
    assert found is not None
    assert (found.text, found.finish, found.calls, found.prompt) == ("hi", "completed", 1, 2)
    for broken in (
        Response(500, JSON, b"{}"),
        Response(200, JSON, b"[]"),
        Response(200, JSON, b"{", broken="cut"),
        None,
    ):
        assert said(broken) is None
    assert vectors(Response(200, JSON, b'{"data": [{"embedding": "AACAPw=="}, {"embedding": [2]}]}')) == [
        (1.0,),
        (2.0,),
    ]
    assert vectors(Response(200, JSON, b'{"data": [{"embedding": "AAA"}]}')) == []
