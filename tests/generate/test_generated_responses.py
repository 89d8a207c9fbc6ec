"""Generated responses: the contract finds nothing in them, they have every shape a client meets, and they shrink."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from assay.contract import load
from assay.errors import UsageError
from assay.generate.cases import cases
from assay.generate.responses import RESPONSES, Responder, responses
from assay.messages import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from assay.contract import Contract

CONTRACT = load("openai")
RESPONDER = Responder(CONTRACT.api, CONTRACT.schemas, CONTRACT.rules)
OPERATIONS = {operation.id: operation for operation in CONTRACT.operations}
ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hello"}]}
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": CITY, "strict": True}}]
QUIET = {"database": None, "deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}

Drawn = list[tuple[Request, Response]]


def chat(**more: Any) -> Request:
    """A chat completion request."""
    return posted("/v1/chat/completions", **{**ASK, **more})


def posted(target: str, **body: Any) -> Request:
    """A request with a JSON body."""
    return Request("POST", target, {"content-type": "application/json"}, json.dumps(body).encode())


def drawn(contract: Contract, responder: Responder, name: str, count: int) -> Drawn:
    """Draw requests of an operation, each with a response."""
    seen: Drawn = []
    asked = cases(contract.api, contract.schemas, contract[name])

    @settings(max_examples=count, phases=[Phase.generate], **QUIET)
    @given(st.data())
    def collect(data: Any) -> None:
        request = data.draw(asked).request
        seen.append((request, data.draw(responder.strategy(request, errors=0.15))))

    collect()
    return seen


def answers(request: Request, count: int, errors: float = 0.0) -> list[Response]:
    """Draw responses to one request."""
    seen: list[Response] = []

    @settings(max_examples=count, phases=[Phase.generate], **QUIET)
    @given(RESPONDER.strategy(request, errors=errors))
    def collect(response: Response) -> None:
        seen.append(response)

    collect()
    return seen


def smallest(request: Request, wanted: Any = lambda _: True) -> Response:
    """The smallest response to a request that has a property."""
    return find(RESPONDER.strategy(request), wanted, settings=settings(max_examples=3000, **QUIET))


def events(response: Response) -> list[Any]:
    """The data of a stream's events, ``[DONE]`` left out."""
    blocks = response.body.decode().split("\n\n")
    data = [block.partition("data: ")[2] for block in blocks if block]
    return [json.loads(text) for text in data if text != "[DONE]"]


def messages(response: Response) -> Iterator[dict[str, Any]]:
    """The messages of a chat completion."""
    for choice in json.loads(response.body).get("choices", ()):
        yield choice["message"]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_responses_keep_the_contract(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract finds neither violation nor hazard, and hardly any response had to be thrown away."""
    tries: Counter[bool] = Counter()
    attempt = Responder._try

    def counted(self: Responder, *args: Any) -> Response | None:
        found = attempt(self, *args)
        tries[found is None] += 1
        return found

    monkeypatch.setattr(Responder, "_try", counted)
    found = drawn(CONTRACT, RESPONDER, name, 60)
    assert len(found) >= 50
    for request, response in found:
        verdict = CONTRACT.check_response(request, response)
        assert (verdict.operation, verdict.violations) == (name, ())
    assert tries[True] <= max(3, 0.03 * tries[False])  # of so few, three is no more than chance
    assert sum(response.status < 300 for _, response in found) >= 25


FORM = b"".join(
    b'--x\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n' % pair
    for pair in ((b'file"; filename="a.wav', b"RIFF"), (b"model", b"gpt-4o-transcribe"), (b"stream", b"true"))
)
STREAMING = {
    "createChatCompletion": chat(stream=True, logprobs=True, top_logprobs=2),
    "createCompletion": posted("/v1/completions", model="m", prompt=["a", "b"], n=2, stream=True, logprobs=1),
    "createImage": posted("/v1/images/generations", prompt="otter", n=2, stream=True, partial_images=3),
    "createImageEdit": posted("/v1/images/edits", prompt="otter", images=[{"file_id": "f"}], stream=True),
    "createSpeech": posted("/v1/audio/speech", model="m", input="otter", voice="alloy", stream_format="sse"),
    "createTranscription": Request(
        "POST", "/v1/audio/transcriptions", {"content-type": "multipart/form-data; boundary=x"}, FORM + b"--x--\r\n"
    ),
}


@pytest.mark.parametrize("name", sorted(STREAMING))
def test_streams_keep_the_contract(name: str) -> None:
    """Whoever asks for a stream gets one, of different lengths, and the contract finds nothing in it."""
    request = STREAMING[name]
    found = answers(request, 60)
    lengths = Counter(len(events(response)) for response in found)
    assert len(found) >= 50
    assert {response.headers.content_type for response in found} == {"text/event-stream"}
    assert not [v for response in found for v in CONTRACT.check_response(request, response).violations]
    assert len(lengths) >= 2 or name == "createImageEdit", lengths


def test_chat_responses_have_every_shape_a_client_meets() -> None:
    """Empty, null and cut content, refusals, tool calls whole and cut, missing usage and errors all come often."""
    found = answers(chat(tools=TOOLS), 400, errors=0.1)
    good = [response for response in found if response.status < 300]
    said = [message for response in good for message in messages(response)]
    finishes = Counter(choice["finish_reason"] for r in good for choice in json.loads(r.body)["choices"])
    shapes = {
        "empty": sum(message["content"] == "" for message in said),
        "null": sum(message["content"] is None for message in said),
        "text": sum(bool(message["content"]) for message in said),
        "refusal": sum(message.get("refusal") is not None for message in said),
        "calls": sum(bool(message.get("tool_calls")) for message in said),
        "many calls": sum(len(message.get("tool_calls") or ()) > 1 for message in said),
        "no usage": sum("usage" not in json.loads(response.body) for response in good),
        "errors": len(found) - len(good),
        "429": sum(response.status == 429 for response in found),
        **finishes,
    }
    floors = dict.fromkeys(shapes, 10) | {"429": 1, "errors": 15, "many calls": 5, "no usage": 5}
    assert {"stop", "length", "tool_calls", "content_filter"} <= shapes.keys()
    assert not {name: shapes[name] for name, floor in floors.items() if shapes[name] < floor}


def test_streams_have_every_shape_a_client_meets() -> None:
    """Streams bring refusals, tool calls in fragments, cut answers, and the usage chunk with empty choices."""
    found = answers(chat(stream=True, n=2, tools=TOOLS, stream_options={"include_usage": True}), 200)
    shapes: Counter[str] = Counter()
    for response in found:
        chunks = events(response)
        choices = [choice for chunk in chunks for choice in chunk["choices"]]
        assert {choice["index"] for choice in choices} == {0, 1}
        assert chunks[-1]["choices"] == []
        assert chunks[-1]["usage"]
        deltas = [choice["delta"] for choice in choices]
        shapes["refusal"] += any(delta.get("refusal") for delta in deltas)
        shapes["fragments"] += sum(bool(delta.get("tool_calls")) for delta in deltas) > 2
        shapes["pieces"] += sum(bool(delta.get("content")) for delta in deltas) > 2
        shapes["empty"] += not any(len(delta) and set(delta) != {"role", "content"} for delta in deltas)
        shapes["interleaved"] += [c["index"] for c in choices] != sorted(c["index"] for c in choices)
        shapes.update({choice["finish_reason"] for choice in choices} - {None})
    assert {"stop", "length", "tool_calls", "content_filter"} <= shapes.keys()
    assert all(count >= 5 for count in shapes.values()), shapes


def test_what_is_streamed_is_what_was_asked() -> None:
    """JSON mode streams pieces that join to JSON, a strict tool's arguments join to what its schema admits."""
    form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": CITY}}
    joined: Counter[str] = Counter()
    for response in answers(chat(stream=True, response_format=form, tools=TOOLS), 150):
        choices = [choice for chunk in events(response) for choice in chunk["choices"]]
        finish = next(choice["finish_reason"] for choice in choices if choice["finish_reason"])
        content = "".join(choice["delta"].get("content") or "" for choice in choices)
        calls = [call for choice in choices for call in choice["delta"].get("tool_calls") or ()]
        first = "".join(call["function"].get("arguments", "") for call in calls if call["index"] == 0)
        if finish == "stop" and content:
            assert json.loads(content)["city"] is not None
        if finish == "tool_calls":
            assert isinstance(json.loads(first)["city"], str)
        joined[finish] += bool(content or first)
    assert joined["stop"] >= 20
    assert joined["tool_calls"] >= 20
    assert joined["length"] >= 5


@pytest.mark.parametrize(
    ("request_", "other"),
    [
        (chat(n=3), chat()),
        (chat(logprobs=True, top_logprobs=2), chat()),
        (chat(stream=True), chat()),
        (chat(stream=True, stream_options={"include_usage": True}), chat(stream=True)),
        (chat(tools=TOOLS, tool_choice="required"), chat(tools=TOOLS, tool_choice="none")),
    ],
)
def test_a_response_answers_its_own_request(request_: Request, other: Request) -> None:
    """What answers one request often breaks the contract as an answer to another: the ties are really made."""
    verdicts = Counter(bool(CONTRACT.check_response(other, found).violations) for found in answers(request_, 60))
    assert verdicts[True] >= 10


def test_the_smallest_chat_completion() -> None:
    """A chat completion shrinks to one choice with empty content and nothing that may be left out."""
    assert json.loads(smallest(chat()).body) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1767225600,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}],
    }


@pytest.mark.parametrize(
    ("wanted", "message", "finish"),
    [
        (lambda m: m["content"] is None, {"content": None}, "length"),
        (lambda m: m.get("refusal"), {"content": None, "refusal": "a"}, "stop"),
        (
            lambda m: m.get("tool_calls"),
            {
                "content": None,
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"city": "a"}'}}
                ],
            },
            "tool_calls",
        ),
    ],
)
def test_shapes_shrink_to_themselves(wanted: Any, message: dict[str, Any], finish: str) -> None:
    """The smallest response of a shape is that shape and nothing else."""
    found = json.loads(smallest(chat(tools=TOOLS), lambda r: wanted(next(messages(r)))).body)
    assert found["choices"] == [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}]
    assert "usage" not in found


def test_the_smallest_stream() -> None:
    """A stream shrinks to the role, the end and, when it was asked for, the usage."""
    found = events(smallest(chat(stream=True, stream_options={"include_usage": True})))
    assert [chunk["choices"] for chunk in found] == [
        [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}],
        [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        [],
    ]
    assert found[-1]["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def test_responses_of_the_published_description(shared: Path) -> None:
    """All operations of the published description get responses that keep it, streams of every kind among them."""
    contract = load(str(shared / "specs" / "openai-2026-08-21.yaml"))
    responder = Responder(contract.api, contract.schemas, contract.rules)
    counts: Counter[str] = Counter()
    for operation in contract.operations:
        many = any(content.item_schema for answer in operation.answers for content in answer.contents)
        for request, response in drawn(contract, responder, operation.id, 160 if many else 3):
            verdict = contract.check_response(request, response)
            assert not verdict.violations, (operation.id, verdict.violations)
            counts["responses"] += 1
            counts[f"{operation.id} streamed"] += response.headers.content_type == "text/event-stream"
    streamed = [name for name, count in counts.items() if count and name.endswith("streamed")]
    assert counts["responses"] >= 800
    assert len(streamed) >= 8, streamed


def test_operations_without_a_recipe_answer_too(shared: Path) -> None:
    """A description that nobody wrote a recipe for is answered by its schemas alone."""
    contract = load(str(shared / "specs" / "museum.yaml"))
    responder = Responder(contract.api, contract.schemas)
    found = [
        (request, response)
        for operation in contract.operations
        for request, response in drawn(contract, responder, operation.id, 20)
    ]
    assert not [v for request, response in found for v in contract.check_response(request, response).violations]
    assert len(found) >= 100


def test_a_request_to_nowhere_is_an_error_of_the_caller() -> None:
    """There is no response to a request that belongs to no operation."""
    nowhere = Request("GET", "/v1/otters")
    with pytest.raises(UsageError, match="no operation for GET /v1/otters"):
        responses(CONTRACT.api, CONTRACT.schemas, OPERATIONS["listModels"], nowhere, RESPONSES)
