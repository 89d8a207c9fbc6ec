"""Responses and streams judged by the contract of the bundled description.

The rule of this module: an honest exchange gives nothing; each defect gives its own rule, whole or in pieces.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from chat_exchange import ANSWER, ASK, JSON

import assay

SSE = {"content-type": "text/event-stream; charset=utf-8"}


@pytest.fixture(scope="module")
def contract() -> assay.Contract:
    """Load the bundled contract."""
    return assay.load("openai")


def ask(**more: Any) -> assay.Request:
    """Make a chat request."""
    return assay.Request("POST", "/v1/chat/completions", JSON, json.dumps(ASK | more).encode())


def answer(value: Any, status: int = 200, headers: dict[str, str] = JSON) -> assay.Response:
    """Make a response with a JSON body."""
    return assay.Response(status, headers, json.dumps(value).encode())


def choice(**change: Any) -> dict[str, Any]:
    """The answer with a changed choice."""
    return ANSWER | {"choices": [ANSWER["choices"][0] | change]}


def chunk(delta: dict[str, Any], finish: str | None = None, **change: Any) -> dict[str, Any]:
    """One chunk of a chat stream."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1767225600,
        "model": "gpt-4o",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    } | change


STREAM = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Hel"}),
    chunk({"content": "lo."}),
    chunk({}, "stop"),
]


def sse(events: list[Any], end: str = "data: [DONE]\n\n") -> bytes:
    """Write events as a stream."""
    return ("".join(f"data: {json.dumps(event)}\n\n" for event in events) + end).encode()


def test_an_honest_answer_gives_nothing(contract: assay.Contract) -> None:
    """A complete, ordinary chat completion has no violation."""
    assert contract.check_response(ask(), answer(ANSWER)).violations == ()


DEFECTS = [
    ("object missing", {k: v for k, v in ANSWER.items() if k != "object"}, "schema/required"),
    ("finish_reason empty", choice(finish_reason=""), "schema/enum"),
    ("foreign finish_reason", choice(finish_reason="end_turn"), "schema/enum"),
    ("two choices for n=1", ANSWER | {"choices": ANSWER["choices"] * 2}, "chat/choices-count"),
    ("usage does not add up", ANSWER | {"usage": ANSWER["usage"] | {"total_tokens": 9}}, "chat/usage-sums"),
    ("null body", None, "schema/type"),
]


@pytest.mark.parametrize(("value", "rule"), [row[1:] for row in DEFECTS], ids=[row[0] for row in DEFECTS])
def test_each_defect_has_its_rule(contract: assay.Contract, value: Any, rule: str) -> None:
    """A defect in one message or against its request is reported under its rule."""
    verdict = contract.check_response(ask(), answer(value))
    assert rule in {v.rule for v in verdict.violations}
    assert not verdict.ok


def test_status_and_content_type_are_part_of_the_contract(contract: assay.Contract) -> None:
    """JSON as text, an undocumented status and a flat error are violations; an error envelope is not."""
    text = contract.check_response(ask(), answer(ANSWER, headers={"content-type": "text/plain"}))
    assert [v.rule for v in text.violations] == ["http/content-type"]
    odd = contract.check_response(ask(), answer(ANSWER, status=302))
    assert [v.rule for v in odd.violations] == ["http/status"]
    flat = contract.check_response(ask(), answer({"object": "error", "message": "no"}, status=400))
    assert [v.rule for v in flat.violations] == ["schema/required"]
    error = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": None}}
    assert contract.check_response(ask(), answer(error, status=400)).violations == ()


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_a_stream_is_judged_alike_however_it_is_cut(contract: assay.Contract, size: int) -> None:
    """An honest stream gives nothing and a broken one the same violations, in pieces of any size."""
    good, bad = sse(STREAM), sse([*STREAM[:2], chunk({"content": 5}), STREAM[3]])
    told = []
    for body in (good, bad):
        check = contract.open_stream(ask(stream=True), 200, SSE)
        found = [v for at in range(0, len(body), size) for v in check.feed(body[at : at + size])]
        found.extend(check.close())
        assert check.events == 5
        assert tuple(found) == check.violations
        told.append([(v.rule, v.place) for v in found])
    assert told == [[], [("schema/type", "event[2].choices[0].delta.content")]]


STREAM_DEFECTS = [
    ("no [DONE]", sse(STREAM, end=""), "stream/done-missing"),
    ("id changes", sse([STREAM[0], STREAM[1] | {"id": "other"}, *STREAM[2:]]), "chat-stream/same-id"),
    ("never finished", sse(STREAM[:3]), "chat-stream/finish-missing"),
    ("not JSON", sse(STREAM, end="data: oops\n\ndata: [DONE]\n\n"), "http/stream-json"),
    ("cut off", sse(STREAM)[:-1], "http/stream-unfinished"),
]


@pytest.mark.parametrize(("body", "rule"), [row[1:] for row in STREAM_DEFECTS], ids=[row[0] for row in STREAM_DEFECTS])
def test_stream_defects_are_seen(contract: assay.Contract, body: bytes, rule: str) -> None:
    """What only shows across events is reported, also when the stream is judged whole."""
    verdict = contract.check_response(ask(stream=True), assay.Response(200, SSE, body))
    assert [v.rule for v in verdict.violations] == [rule]


def test_an_honest_stream_judged_whole_gives_nothing(contract: assay.Contract) -> None:
    """The same stream through check_response has no violation."""
    verdict = contract.check_response(ask(stream=True), assay.Response(200, SSE, sse(STREAM)))
    assert verdict.violations == ()


def test_a_stream_for_no_operation_is_a_usage_error(contract: assay.Contract) -> None:
    """There is nothing to check a stream by when its request is unknown."""
    with pytest.raises(assay.UsageError):
        contract.open_stream(assay.Request("POST", "/v1/nowhere"), 200, SSE)


def test_a_stream_comes_when_asked_for_and_only_then(contract: assay.Contract) -> None:
    """JSON for ``stream: true`` and a stream for a plain request are violations, an error in JSON is not."""
    error = {"error": {"message": "no", "type": "invalid_request_error", "param": None, "code": None}}
    stream = assay.Response(200, SSE, sse(STREAM))
    for request, response, rules in [
        (ask(stream=True), stream, []),
        (ask(), answer(ANSWER), []),
        (ask(stream=False), answer(ANSWER), []),
        (ask(stream=True), answer(error, status=400), []),
        (ask(stream=True), answer(ANSWER), ["http/stream-missing"]),
        (ask(), stream, ["http/stream-unasked"]),
    ]:
        assert [v.rule for v in contract.check_response(request, response).violations] == rules
