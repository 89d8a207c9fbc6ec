"""Answers that a test writes: served to every client, checked against the contract, and told apart by operation."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import httpx2
import openai
import pytest
import requests

from assay.contract import load
from assay.errors import UsageError
from assay.testing import Offline
from assay.testing.replies import ImpossibleAnswer, UnexpectedCall, answering

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTRACT = load("openai")
HI = [{"role": "user", "content": "hello"}]
TOOLS = [{"type": "function", "function": {"name": "look_up"}}]
URL = "http://localhost:8000/v1"
CHAT = {"model": "m", "messages": HI}


@pytest.fixture
def assay() -> Iterator[Offline]:
    """Answer every call of this process; what answering raised fails the test, unless it takes it out."""
    offline = Offline(CONTRACT)
    with answering(offline) as raised:
        offline.raised = raised
        yield offline
    assert not raised


@pytest.fixture(scope="module")
def client() -> openai.OpenAI:
    """The official client, without attempts of its own."""
    return openai.OpenAI(api_key="sk-marked-secret", base_url=URL, max_retries=0)


def ask(client: openai.OpenAI, **options: Any) -> Any:
    """Ask for a chat completion."""
    return client.chat.completions.create(model="m", messages=HI, **options)


def failed(assay: Offline) -> BaseException:
    """What answering raised first, taken out."""
    first = assay.raised[0]
    assay.raised.clear()
    return first


def test_any_valid_response(assay: Offline, client: openai.OpenAI) -> None:
    """Without a word, the likeliest response comes, the same every time, with its usage."""
    assay.respond()
    first, second = ask(client), ask(client)
    assert first == second
    assert first.choices[0].finish_reason == "stop"
    assert first.usage.total_tokens == first.usage.prompt_tokens + first.usage.completion_tokens


@pytest.mark.parametrize("operation", sorted(o.id for o in CONTRACT.operations))
def test_every_operation_has_a_likeliest_response(operation: str) -> None:
    """A bare ``respond()`` is right for every operation: it is served, so it passed the contract."""
    found = CONTRACT[operation]
    path = re.sub(r"\{\w+\}", "otter", found.path)
    body = {"createChatCompletion": CHAT}.get(operation, {})
    offline = Offline(CONTRACT).respond(operation)
    with answering(offline) as raised:
        response = requests.request(found.method, URL + path, json=body or None, timeout=5)
    assert not raised
    assert 200 <= response.status_code < 300
    assert [call.operation for call in offline.calls] == [operation]


def test_what_is_said(assay: Offline, client: openai.OpenAI) -> None:
    """Content, refusal, calls and finish_reason come as they were written; the rest fits them."""
    assay.respond(content="Hello!", finish_reason="length", usage=_usage(3, 4))
    assay.respond(refusal="No.")
    assay.respond(tool_calls=[{"name": "look_up", "arguments": {"city": "Oslo"}}])
    assay.respond(content=["one", "two"])
    first = ask(client)
    assert (first.choices[0].message.content, first.choices[0].finish_reason) == ("Hello!", "length")
    assert first.usage.total_tokens == 7
    assert ask(client).choices[0].message.refusal == "No."
    choice = ask(client, tools=TOOLS).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert json.loads(choice.message.tool_calls[0].function.arguments) == {"city": "Oslo"}
    assert [choice.message.content for choice in ask(client, n=2).choices] == ["one", "two"]
    assert assay.unused == 0


def test_the_request_decides_whether_it_streams(assay: Offline, client: openai.OpenAI) -> None:
    """The same answer is streamed to who asks for a stream, with the usage where that is asked for."""
    assay.respond(content="Hello!", tool_calls=[{"name": "look_up"}])
    chunks = list(ask(client, tools=TOOLS, stream=True, stream_options={"include_usage": True}))
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.delta.content or "" for choice in choices) == "Hello!"
    assert next(c.delta.tool_calls[0].id for c in choices if c.delta.tool_calls) == "call_1"
    assert choices[-1].finish_reason == "tool_calls"
    assert chunks[-1].usage is not None


def test_pieces_of_a_stream(assay: Offline, client: openai.OpenAI) -> None:
    """A stream comes in the pieces that were written, one by one."""
    assay.stream("Hel", "lo", "!")
    found = [chunk.choices[0].delta.content for chunk in ask(client, stream=True)]
    assert [piece for piece in found if piece] == ["Hel", "lo", "!"]


def test_a_stream_nobody_asked_for(assay: Offline) -> None:
    """A stream that answers a request for none could never come."""
    assay.stream("Hello")
    with pytest.raises(ImpossibleAnswer, match="the request asks for no stream"):
        requests.post(f"{URL}/chat/completions", json=CHAT, timeout=5)
    assert isinstance(failed(assay), ImpossibleAnswer)


def test_errors_in_mid_stream(assay: Offline, client: openai.OpenAI) -> None:
    """A stream may end in an error event, or in a broken connection."""
    assay.stream("Hel", "lo", error="overloaded").stream("Hel", broken=True)
    for error, message in ((openai.APIError, "overloaded"), (openai.APIConnectionError, None)):
        seen: list[str | None] = []
        with pytest.raises(error, match=message):
            seen.extend(chunk.choices[0].delta.content for chunk in ask(client, stream=True))
    assert len(assay.calls) == 2


def test_refusals_and_failures(assay: Offline) -> None:
    """Errors come with the status, the headers and the words that were written."""
    assay.error(429, retry_after=1.5, message="Slow down.", code="rate_limit_exceeded").error(500)
    first = requests.post(f"{URL}/chat/completions", json=CHAT, timeout=5)
    assert (first.status_code, first.headers["retry-after"], first.headers["retry-after-ms"]) == (429, "2", "1500")
    assert first.json()["error"] == {
        "message": "Slow down.",
        "type": "rate_limit_error",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    assert requests.post(f"{URL}/chat/completions", json=CHAT, timeout=5).status_code == 500


def test_the_official_client_tries_again(assay: Offline) -> None:
    """Answers come in order, so that a client's own attempts can be tested."""
    assay.error(429, retry_after=0.001).error(500).respond(content="at last")
    patient = openai.OpenAI(api_key="sk", base_url=URL, max_retries=2)
    assert ask(patient).choices[0].message.content == "at last"
    assert [call.response.status for call in assay.calls] == [429, 500, 200]
    assert ask(patient).choices[0].message.content == "at last"


def test_broken_connections(assay: Offline) -> None:
    """A connection may be refused, or keep silent: each client raises its own error."""
    assay.refuse_connection().time_out()
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{URL}/chat/completions", json=CHAT, timeout=5)
    with pytest.raises(httpx2.TimeoutException):
        httpx2.post(f"{URL}/chat/completions", json=CHAT)


def test_answers_by_operation(assay: Offline, client: openai.OpenAI) -> None:
    """Answers for an operation come before those for any, in whichever order the code calls."""
    assay.respond(content="any").respond("createEmbedding", data=[_vector(0, 0.5), _vector(1, 1.0)])
    assert [
        item.embedding for item in client.embeddings.create(model="m", input=["a", "b"], encoding_format="float").data
    ] == [
        [0.5],
        [1.0],
    ]
    assert ask(client).choices[0].message.content == "any"
    assert len(assay.calls_of("createEmbedding")) == 1
    with pytest.raises(UsageError, match="no operation 'createOtter'"):
        assay.respond("createOtter")


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({"content": ["one", "two"]}, "chat/choices-count"),
        ({"finish_reason": "tool_calls"}, "chat/finish-tool-calls"),
        ({"finish_reason": "done"}, "schema/enum"),
        ({"usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 3}}, "chat/usage-sums"),
        ({"tool_calls": [{"name": "a", "id": "x"}, {"name": "b", "id": "x"}]}, "chat/tool-call-ids"),
        ({"json": {"id": "x"}}, "schema/required"),
        ({"body": b"oops"}, "http/content-type"),
    ],
)
def test_a_response_that_could_never_come(assay: Offline, said: dict[str, Any], rule: str) -> None:
    """What the contract does not allow as the answer to this request fails, with the rule and the place."""
    assay.respond(**said)
    with pytest.raises(ImpossibleAnswer) as caught:
        requests.post(f"{URL}/chat/completions", json={**CHAT, "tools": TOOLS}, timeout=5)
    assert "this test answers POST /v1/chat/completions (createChatCompletion)" in str(caught.value)
    assert rule in str(caught.value)
    failed(assay)


def test_the_request_counts(assay: Offline) -> None:
    """One answer may be right for one request and impossible for the next."""
    assay.respond(tool_calls=[{"name": "look_up"}])
    url = f"{URL}/chat/completions"
    assert requests.post(url, json={**CHAT, "tools": TOOLS}, timeout=5).status_code == 200
    with pytest.raises(ImpossibleAnswer, match="chat/tool-choice"):
        requests.post(url, json={**CHAT, "tools": TOOLS, "tool_choice": "none"}, timeout=5)
    failed(assay)


def test_unexpected_calls(assay: Offline, client: openai.OpenAI) -> None:
    """A call without an answer names itself, and says what to write; the client may swallow it."""
    assay.respond("createEmbedding")
    with pytest.raises(UnexpectedCall):
        ask(client)
    message = str(failed(assay))
    assert "POST /v1/chat/completions (createChatCompletion) was called" in message
    assert "assay.respond('createChatCompletion')" in message
    with pytest.raises(UnexpectedCall, match="GET /otters was called, which is no operation"):
        requests.get("http://localhost/otters?key=marked-secret", timeout=5)
    failed(assay)


def test_what_was_sent(assay: Offline, client: openai.OpenAI) -> None:
    """The calls hold what was sent; their text shows none of it."""
    assay.respond()
    ask(client, temperature=0.5)
    client.files.list(limit=3)
    chat, files = assay.calls
    assert (chat.method, chat.path, chat.json["temperature"]) == ("POST", "/v1/chat/completions", 0.5)
    assert chat.headers.get("authorization") == "Bearer sk-marked-secret"
    assert (files.operation, files.query, files.json) == ("listFiles", {"limit": ["3"]}, None)
    assert repr(assay.calls) == "[<Call createChatCompletion 200>, <Call listFiles 200>]"


def test_every_client(assay: Offline) -> None:
    """Each client library gets its answers without a patch in the code under test."""
    assay.respond(content="Hello!")
    url = f"{URL}/chat/completions"
    answers = [
        requests.post(url, json=CHAT, timeout=5).json(),
        httpx.post(url, json=CHAT).json(),
        httpx2.post(url, json=CHAT).json(),
    ]
    assert [answer["choices"][0]["message"]["content"] for answer in answers] == ["Hello!"] * 3


@pytest.mark.anyio
async def test_async_clients(assay: Offline) -> None:
    """Asynchronous clients get theirs as well, streams included."""
    assay.respond(content="Hello!").respond(content="Hello!").stream("Hel", "lo!")
    url = f"{URL}/chat/completions"
    async with aiohttp.ClientSession() as session, session.post(url, json=CHAT) as response:
        assert (await response.json())["choices"][0]["message"]["content"] == "Hello!"
    async with httpx2.AsyncClient() as session:
        assert (await session.post(url, json=CHAT)).json()["choices"][0]["message"]["content"] == "Hello!"
    async with openai.AsyncOpenAI(api_key="sk", base_url=URL) as client:
        stream = await client.chat.completions.create(model="m", messages=HI, stream=True)
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "Hello!"


def test_what_cannot_be_said() -> None:
    """Wishes that make no sense are refused where they are written."""
    with pytest.raises(UsageError, match="json= and body= are the whole body"):
        Offline(CONTRACT).respond(json={}, content="x")
    with pytest.raises(UsageError, match="createEmbedding has no content"):
        Offline(CONTRACT).respond("createEmbedding", content="x")
    with pytest.raises(UsageError, match="a tool call needs the name"):
        Offline(CONTRACT).respond(tool_calls=[{}])


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


def _usage(read: int, made: int) -> dict[str, int]:
    return {"prompt_tokens": read, "completion_tokens": made, "total_tokens": read + made}


def _vector(index: int, number: float) -> dict[str, Any]:
    return {"object": "embedding", "index": index, "embedding": [number]}
