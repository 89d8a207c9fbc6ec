"""``given_response`` finds the bugs planted in client code, and shows the smallest response that breaks it."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from functools import cache

import aiohttp
import httpx2
import openai
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from assay.contract import load
from assay.errors import UsageError
from assay.testing import given_response
from assay.testing.offences import ContractViolated
from assay.testing.replies import UnexpectedCall

HI = [{"role": "user", "content": "hello"}]
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": CITY, "strict": True}}]
URL = "http://localhost:8000/v1/chat/completions"
STILL = settings(
    database=None, deadline=None, derandomize=True, print_blob=False, max_examples=120, report_multiple_bugs=False
)
EMPTY = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "stop"}


@cache
def client():
    """The official client, without attempts of its own."""
    return openai.OpenAI(api_key="sk-marked-secret", max_retries=0)


def ask(**options):
    """Ask for a chat completion."""
    return client().chat.completions.create(model="m", messages=HI, **options)


def found(test) -> tuple[type[BaseException], str]:
    """Run a decorated test that must fail; return the kind of its failure, and what is shown of it."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  any failure of the code under test
        STILL(test)()
    return caught.type, "\n".join(caught.value.__notes__)


def shown(notes: str) -> dict:
    """The JSON body that is shown."""
    return json.JSONDecoder().raw_decode(notes[notes.index("\n    {") :].strip())[0]


def shown_events(notes: str) -> list:
    """The events that are shown."""
    lines = [line.partition("  # or any")[0].strip() for line in notes.split("\n")]
    return [line.removeprefix("data: ") for line in lines if line.startswith(("data", ":"))]


def test_null_content() -> None:
    """Text that is taken for granted: the smallest response has null content and nothing else of note."""

    @given_response("createChatCompletion")
    def summarise() -> None:
        ask().choices[0].message.content.strip()

    kind, notes = found(summarise)
    assert kind is AttributeError
    assert "POST /v1/chat/completions (createChatCompletion)" in notes
    assert shown(notes) == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1767225600,
        "model": "m",
        "choices": [{**EMPTY, "message": {"role": "assistant", "content": None}, "finish_reason": "length"}],
    }


def test_missing_usage() -> None:
    """Usage that is taken for granted."""

    @given_response("createChatCompletion")
    def count() -> None:
        assert ask().usage.total_tokens >= 0

    kind, notes = found(count)
    assert kind is AttributeError
    assert shown(notes)["choices"] == [EMPTY]
    assert "usage" not in shown(notes)


def test_refusal() -> None:
    """A refusal that is taken for an answer."""

    @given_response("createChatCompletion")
    def read() -> None:
        message = ask().choices[0].message
        assert message.refusal is None

    _, notes = found(read)
    assert shown(notes)["choices"][0]["message"] == {"role": "assistant", "content": None, "refusal": "a"}


def test_choices_of_the_usage_chunk() -> None:
    """The chunk with the usage has no choice."""

    @given_response("createChatCompletion")
    def collect() -> None:
        for chunk in ask(stream=True, stream_options={"include_usage": True}):
            assert chunk.choices[0].delta

    kind, notes = found(collect)
    assert kind is IndexError
    *_, usage, done = shown_events(notes)
    assert done == "[DONE]"
    assert json.loads(usage)["choices"] == []
    assert len(shown_events(notes)) == 4


def test_arguments_that_were_cut_off() -> None:
    """Arguments of a call that the token limit cut off are no JSON."""

    @given_response("createChatCompletion")
    def call() -> None:
        for tool in ask(tools=TOOLS).choices[0].message.tool_calls or ():
            json.loads(tool.function.arguments)

    kind, notes = found(call)
    assert kind is json.JSONDecodeError
    choice = shown(notes)["choices"][0]
    assert choice["finish_reason"] == "length"
    assert [tool["function"]["arguments"] for tool in choice["message"]["tool_calls"]] == [""]


def test_several_tool_calls() -> None:
    """A client that knows one call only."""

    @given_response("createChatCompletion")
    def call() -> None:
        assert len(ask(tools=TOOLS).choices[0].message.tool_calls or ()) <= 1

    _, notes = found(call)
    calls = shown(notes)["choices"][0]["message"]["tool_calls"]
    assert [tool["id"] for tool in calls] == ["call_1", "call_2"]
    assert {tool["function"]["arguments"] for tool in calls} == {'{"city": "a"}'}


def test_fragments_of_arguments() -> None:
    """Arguments that are read fragment by fragment instead of joined."""

    @given_response("createChatCompletion")
    def call() -> None:
        for chunk in ask(tools=TOOLS, stream=True):
            for tool in chunk.choices[0].delta.tool_calls or ():
                if tool.function.arguments:
                    json.loads(tool.function.arguments)

    kind, notes = found(call)
    assert kind is json.JSONDecodeError
    assert '"tool_calls":[{"index":0' in notes
    assert len(shown_events(notes)) <= 6


def test_cut_answers() -> None:
    """JSON mode gives JSON only where the answer was not cut off."""

    @given_response("createChatCompletion")
    def parse() -> None:
        content = ask(response_format={"type": "json_object"}).choices[0].message.content
        if content is not None:
            json.loads(content)

    _, notes = found(parse)
    assert shown(notes)["choices"][0]["message"]["content"] == ""
    assert shown(notes)["choices"][0]["finish_reason"] in ("length", "content_filter")


def test_unknown_finish_reason() -> None:
    """A client that lists the reasons it knows breaks on a service that has grown, and only with ``future``."""
    known = ("stop", "length", "tool_calls", "content_filter", "function_call")

    def read() -> None:
        assert ask().choices[0].finish_reason in known

    STILL(given_response("createChatCompletion")(read))()
    _, notes = found(given_response("createChatCompletion", future=True)(read))
    assert shown(notes)["choices"] == [{**EMPTY, "finish_reason": "future_value"}]


def test_unknown_fields() -> None:
    """A client that forbids fields it does not know breaks on a service that has grown."""

    @given_response("createChatCompletion", future=True)
    def read() -> None:
        body = requests.post(URL, json={"model": "m", "messages": HI}, timeout=5).json()
        assert "future_field" not in body

    _, notes = found(read)
    assert shown(notes)["future_field"] == {"future": True}


def test_comments_in_a_stream() -> None:
    """A hand-written reader of streams that knows data lines only."""

    @given_response("createChatCompletion", future=True)
    def read() -> None:
        body = {"model": "m", "messages": HI, "stream": True}
        with httpx2.stream("POST", URL, json=body) as response:
            for line in response.iter_lines():
                assert not line or line.startswith("data: ")

    _, notes = found(read)
    assert ": keep-alive" in shown_events(notes)


def test_the_end_marker() -> None:
    """A hand-written reader of streams that parses the end marker."""

    @given_response("createChatCompletion")
    def read() -> None:
        body = {"model": "m", "messages": HI, "stream": True}
        with requests.post(URL, json=body, stream=True, timeout=5) as response:
            for line in filter(None, response.iter_lines()):
                json.loads(line.removeprefix(b"data: "))

    kind, notes = found(read)
    assert issubclass(kind, ValueError)
    assert len(shown_events(notes)) == 3


@pytest.mark.parametrize(
    ("handled", "escapes", "shows"),
    [
        ((openai.APIConnectionError, openai.InternalServerError), openai.RateLimitError, "429 application/json"),
        ((openai.APIConnectionError, openai.RateLimitError), openai.InternalServerError, "500 application/json"),
        ((openai.APIStatusError,), openai.APIConnectionError, "no response: the connection is refused"),
    ],
)
def test_faults(handled: tuple[type[Exception], ...], escapes: type[Exception], shows: str) -> None:
    """Refusals, failures and broken connections that a client forgot, and only with ``faults``."""

    def call() -> None:
        try:
            ask()
        except handled:
            return
        except openai.APIError as error:
            if isinstance(error, escapes):
                raise AssertionError("forgotten") from error  # noqa: TRY004  a failing test

    STILL(given_response("createChatCompletion")(call))()
    kind, notes = found(given_response("createChatCompletion", faults=True)(call))
    assert kind is AssertionError
    assert shows in notes


def test_errors_in_mid_stream() -> None:
    """A client that expects errors when it asks, and not while it reads."""

    @given_response("createChatCompletion", faults=True)
    def collect() -> None:
        try:
            stream = ask(stream=True)
        except openai.APIError:
            return
        try:
            for _ in stream:
                pass
        except openai.APIConnectionError:
            pass  # the connection broke; handled
        except httpx2.HTTPError:
            pass

    kind, notes = found(collect)
    assert kind is openai.APIError
    assert json.loads(shown_events(notes)[-1])["error"]["type"] == "server_error"
    assert len(shown_events(notes)) == 1


def test_what_is_drawn_without_faults_never_fails_a_careful_client() -> None:
    """No false alarm: a client that copes with the contract passes, sync and streamed, over many shapes."""
    shapes: Counter[str] = Counter()

    @STILL
    @given_response("createChatCompletion", stream=st.booleans(), n=st.integers(1, 2))
    def careful(*, stream: bool, n: int, assay) -> None:
        options = {"n": n, "tools": TOOLS, "stream": stream}
        answer = ask(**options)
        if stream:
            choices = [choice for chunk in answer for choice in chunk.choices]
            said = "".join(choice.delta.content or "" for choice in choices)
        else:
            choices = answer.choices
            said = "".join(choice.message.content or "" for choice in choices)
        assert {choice.index for choice in choices} == set(range(n))
        assert assay.calls[0].operation == "createChatCompletion"
        assert assay.calls[0].json["n"] == n
        shapes.update([f"stream {stream}", f"n {n}", f"said {bool(said)}"])

    careful()
    assert min(shapes.values()) >= 30, shapes


def test_a_wrong_request_fails() -> None:
    """The code under test is told of what it sends, as everywhere."""

    @given_response("createChatCompletion")
    def call() -> None:
        requests.post(URL, json={"model": "m", "messages": [], "n": "two"}, timeout=5)

    kind, _ = found(call)
    assert kind is ContractViolated


def test_unexpected_calls_fail_by_name() -> None:
    """A call that the description does not know names itself, whatever the client makes of the error."""

    @given_response("createChatCompletion")
    def call() -> None:
        with suppress(Exception):  # this is what the code under test does
            requests.get("http://localhost:8000/v1/otters", timeout=5)

    with pytest.raises(UnexpectedCall, match="GET /v1/otters was called"):
        STILL(call)()


def test_a_test_that_calls_nothing_proves_nothing() -> None:
    """A test without any call fails instead of passing for nothing."""
    with pytest.raises(UnexpectedCall, match="made no call"):
        STILL(given_response("createChatCompletion")(lambda: None))()


def test_other_operations_get_the_likeliest_response() -> None:
    """Only the operations that are named vary."""
    lists, chats = Counter(), Counter()

    @STILL
    @given_response("createChatCompletion")
    def call() -> None:
        lists[client().models.list().model_dump_json()] += 1
        chats[ask().model_dump_json()] += 1

    call()
    assert len(lists) == 1
    assert len(chats) >= 20


def test_beside_a_given_of_its_own() -> None:
    """It may stand above a test that Hypothesis runs already."""
    seen: Counter[int] = Counter()

    @STILL
    @given_response("createChatCompletion")
    @given(n=st.integers(1, 3))
    def call(n: int) -> None:
        assert len(ask(n=n).choices) == n
        seen[n] += 1

    call()
    assert set(seen) == {1, 2, 3}
    with pytest.raises(UsageError, match="give the strategies to given_response"):
        given_response(m=st.none())(given(n=st.none())(lambda n: n))


@pytest.mark.anyio
@settings(STILL, max_examples=25)
@given_response("createChatCompletion", stream=st.booleans())
async def test_async_clients(*, stream: bool) -> None:
    """Async tests run as well, under the plugin that runs them; every example is answered."""
    async with openai.AsyncOpenAI(api_key="sk", max_retries=0) as asynchronous:
        answer = await asynchronous.chat.completions.create(model="m", messages=HI, stream=stream)
        if stream:
            assert [chunk async for chunk in answer][-1].choices[0].finish_reason
        else:
            assert answer.choices[0].finish_reason


@pytest.mark.anyio
@settings(STILL, max_examples=20)
@given_response()
async def test_async_aiohttp() -> None:
    """Any operation of any client is answered when none is named."""
    async with aiohttp.ClientSession() as session, session.get("http://localhost:8000/v1/models") as response:
        assert (await response.json())["object"] == "list"


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio."""
    return "asyncio"


def test_runs_are_the_same() -> None:
    """Derandomised runs draw the same responses, so that continuous integration is steady."""

    def run() -> list[str]:
        seen: list[str] = []

        @settings(STILL, max_examples=30, phases=[Phase.generate])
        @given_response("createChatCompletion", contract=load("openai"))
        def call() -> None:
            seen.append(ask(stream=False).model_dump_json())

        call()
        return seen

    first, second = run(), run()
    assert first == second
    assert len(set(first)) >= 15


def test_no_health_check_of_its_own() -> None:
    """With Hypothesis's own settings, health checks on, nothing is slow or filtered too much."""

    @settings(max_examples=100, database=None, suppress_health_check=[HealthCheck.differing_executors], deadline=None)
    @given_response("createChatCompletion", "createEmbedding", future=True, faults=True)
    def call() -> None:
        for make in (ask, lambda: client().embeddings.create(model="m", input=["a", "b"])):
            try:
                make()
            except openai.APIError:
                continue
            except (ValueError, TypeError):
                continue

    call()
