"""The official client uses responses and conversations; the fixture judges every exchange."""

from __future__ import annotations

import json

import openai
import pydantic
import pytest

WEATHER = {
    "type": "function",
    "name": "weather",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
PATCH = {"type": "custom", "name": "patch", "description": "Changes a file."}
GRAMMAR = {"type": "custom", "name": "date", "format": {"type": "grammar", "syntax": "regex", "definition": "[0-9]+"}}
LONG = {
    "type": "object",
    "properties": {f"field_{number}": {"type": "string", "minLength": 60} for number in range(8)},
}


class City(pydantic.BaseModel):
    """A structured answer."""

    name: str
    people: int


@pytest.fixture
def client(served):
    """Return the official client, pointed at the server."""
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def create(client):
    """Return what makes a response of one model."""

    def make(given=openai.omit, **more):
        return client.responses.create(model="gpt-4o", input=given, **more)

    return make


def kinds(events):
    """The types of events, each run of deltas as one."""
    found = []
    for event in events:
        if not (event.type.endswith(".delta") and found and found[-1] == event.type):
            found.append(event.type)
    return found


def test_a_response_answers_and_echoes(create) -> None:
    """An answer is a finished message, with usage and the settings of its request; the same input, the same text."""
    first = create(
        "hello", instructions="Be brief.", temperature=0.2, metadata={"a": "b"}, user="u", service_tier="fast"
    )
    assert (first.status, first.output[0].status, first.output[0].role) == ("completed", "completed", "assistant")
    assert first.output_text
    assert first.completed_at >= first.created_at
    assert first.usage.total_tokens == first.usage.input_tokens + first.usage.output_tokens > first.usage.output_tokens
    assert (first.instructions, first.temperature, first.top_p, first.metadata) == ("Be brief.", 0.2, 1, {"a": "b"})
    assert (first.user, first.service_tier, first.error) == ("u", "priority", None)
    again = create([{"role": "user", "content": [{"type": "input_text", "text": "hello"}]}], instructions="Be brief.")
    assert (again.output_text, again.id != first.id) == (first.output_text, True)
    assert create("other", instructions="Be brief.").output_text != first.output_text


def test_a_limit_cuts_the_answer(create) -> None:
    """A text and the arguments of a call that do not fit are told as incomplete, with the reason."""
    form = {"type": "json_schema", "name": "x", "schema": LONG}
    text = create("hello", max_output_tokens=16, text={"format": form})
    call = create("hello", max_output_tokens=16, tools=[{"type": "function", "name": "f", "parameters": LONG}])
    for response in (text, call):
        assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
        assert (response.output[0].status, response.usage.output_tokens) == ("incomplete", 16)
        assert response.completed_at is None
    events = [*create("hello", max_output_tokens=16, tools=[{"type": "function", "name": "f", "parameters": LONG}],
                      stream=True)]  # fmt: skip
    assert kinds(events)[-2:] == ["response.output_item.done", "response.incomplete"]


def test_a_stream_is_the_response(client) -> None:
    """The events come in the order of the protocol, and joined they are what is kept."""
    with client.responses.stream(model="gpt-4o", input="hello") as stream:
        events = [*stream]
        final = stream.get_final_response()
    assert kinds(events) == [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
        "response.output_text.delta", "response.output_text.done", "response.content_part.done",
        "response.output_item.done", "response.completed",
    ]  # fmt: skip
    assert [event.sequence_number for event in events] == [*range(len(events))]
    joined = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    kept = client.responses.retrieve(final.id)
    assert joined == final.output_text == kept.output_text
    assert kept.usage == final.usage
    rest = [*client.responses.retrieve(final.id, stream=True, starting_after=4, include_obfuscation=True)]
    assert [event.sequence_number for event in rest] == [*range(5, len(events))]
    assert all(event.obfuscation for event in rest if event.type == "response.output_text.delta")


def test_tools_are_called_and_answered(create) -> None:
    """Functions and custom tools are called, streamed or not, and their outputs are answered with text."""
    first = create("hello", tools=[WEATHER, PATCH])
    function, custom = first.output
    assert (function.type, function.name, [*json.loads(function.arguments)]) == ("function_call", "weather", ["city"])
    assert (custom.type, custom.name, bool(custom.input)) == ("custom_tool_call", "patch", True)
    answers = [
        {"type": "function_call_output", "call_id": function.call_id, "output": "rain"},
        {"type": "custom_tool_call_output", "call_id": custom.call_id, "output": "done"},
    ]
    second = create(answers, tools=[WEATHER, PATCH], previous_response_id=first.id)
    assert (second.output_text != "", second.previous_response_id) == (True, first.id)
    alone = [{"role": "user", "content": "hello"}, *(item.to_dict() for item in first.output), *answers]
    assert create(alone, tools=[WEATHER, PATCH]).output_text == second.output_text
    events = [*create("hello", tools=[WEATHER, PATCH], stream=True)]
    assert kinds(events)[2:-1] == [
        "response.output_item.added", "response.function_call_arguments.delta",
        "response.function_call_arguments.done", "response.output_item.done",
        "response.output_item.added", "response.custom_tool_call_input.delta",
        "response.custom_tool_call_input.done", "response.output_item.done",
    ]  # fmt: skip
    whole = events[-1].response.output
    assert [item.type for item in whole] == ["function_call", "custom_tool_call"]


def test_the_choice_of_tools_is_kept(create) -> None:
    """None, one, the required one, the named one and one of some: what is called is what may be."""
    options = {"given": "hello", "tools": [WEATHER, PATCH]}

    def called(**more):
        return [item.name for item in create(**options, **more).output if item.type != "message"]

    assert called(tool_choice="none") == []
    assert called(tool_choice="required", parallel_tool_calls=False) == ["weather"]
    assert called(tool_choice={"type": "custom", "name": "patch"}) == ["patch"]
    some = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "weather"}]}
    assert called(tool_choice=some) == ["weather"]
    assert create("hello", tools=[GRAMMAR]).output_text
    deferred = create("hello", tools=[{**PATCH, "defer_loading": True}])
    assert deferred.output_text


def test_structured_output_follows_its_schema(client, create) -> None:
    """A parsed answer is of the type that was asked for, whole and streamed; any JSON is JSON."""
    parsed = client.responses.parse(model="gpt-4o", input="hello", text_format=City).output_parsed
    with client.responses.stream(model="gpt-4o", input="hello", text_format=City) as stream:
        streamed = stream.get_final_response().output_parsed
    assert isinstance(parsed, City)
    assert parsed == streamed
    free = create("hello, in JSON", text={"format": {"type": "json_object"}, "verbosity": "low"})
    assert json.loads(free.output_text)
    assert (free.text.format.type, free.text.verbosity) == ("json_object", "low")


def test_log_probabilities_come_when_asked_for(create) -> None:
    """With include each token has its log probability, whole and streamed; without it none has."""
    options = {"include": ["message.output_text.logprobs"], "top_logprobs": 2}
    part = create("hello", **options).output[0].content[0]
    assert "".join(item.token for item in part.logprobs) == part.text
    assert {len(item.top_logprobs) for item in part.logprobs} == {2}
    deltas = [event for event in create("hello", **options, stream=True) if event.type == "response.output_text.delta"]
    assert [event.logprobs[0].token for event in deltas] == [event.delta for event in deltas]
    assert create("hello").output[0].content[0].logprobs == []


def test_responses_are_kept(client, create) -> None:
    """What is kept is found, with its input page by page, and gone once deleted; what is not kept is not found."""
    given = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": ""},
    ]
    made = create(given)
    assert client.responses.retrieve(made.id) == made
    pages = [*client.responses.input_items.list(made.id, limit=2, order="asc").iter_pages()]
    texts = [[item.content[0].text for item in page.data] for page in pages]
    assert (texts, [page.has_more for page in pages]) == ([["one", "two"], [""]], [True, False])
    last = [*client.responses.input_items.list(made.id, limit=1)]
    assert [item.content[0].text for item in last] == ["", "two", "one"]
    client.responses.delete(made.id)
    lost = create("hello", store=False)
    for id_ in (made.id, lost.id):
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(id_)
        with pytest.raises(openai.NotFoundError):
            create("on", previous_response_id=id_)


def test_items_are_referred_to(client, create) -> None:
    """A reference stands for the item that it names; an unknown one, and one item twice, are refused."""
    first = create("hello", tools=[WEATHER], parallel_tool_calls=False)
    call = first.output[0]
    told = {"type": "function_call_output", "call_id": call.call_id, "output": "rain"}
    by_name = create([{"role": "user", "content": "hello"}, {"type": "item_reference", "id": call.id}, told])
    in_full = create([{"role": "user", "content": "hello"}, call.to_dict(), told])
    assert by_name.output_text == in_full.output_text
    listed = [item.type for item in client.responses.input_items.list(by_name.id, order="asc")]
    assert listed == ["message", "function_call", "function_call_output"]
    with pytest.raises(openai.NotFoundError, match="input"):
        create([{"type": "item_reference", "id": "nothing"}])
    with pytest.raises(openai.BadRequestError, match="another item"):
        create([{"type": "item_reference", "id": call.id}, {"type": "item_reference", "id": call.id}])


def test_the_background_takes_its_time(client, create) -> None:
    """A response in the background is queued, at work and completed in turn; while at work it can be cancelled."""
    made = create("hello", background=True)
    seen = [made.status, *(client.responses.retrieve(made.id).status for _ in range(3))]
    assert seen == ["queued", "in_progress", "completed", "completed"]
    assert client.responses.cancel(made.id).status == "completed"
    whole = client.responses.retrieve(made.id)
    assert whole.output_text == create("hello").output_text
    stopped = create("hello", background=True)
    assert client.responses.cancel(stopped.id).status == "cancelled"
    after = client.responses.retrieve(stopped.id)
    assert (after.status, after.output, after.usage) == ("cancelled", [], None)
    streamed = [*create("hello", background=True, stream=True)]
    assert kinds(streamed)[:3] == ["response.created", "response.queued", "response.in_progress"]
    early = create("hello", background=True)
    assert kinds(client.responses.retrieve(early.id, stream=True))[-1] == "response.completed"
    waiting = create("hello", background=True)
    for refused in (
        lambda: create("on", previous_response_id=waiting.id),
        lambda: client.responses.cancel(create("hello").id),
        lambda: client.responses.retrieve(stopped.id, stream=True),
    ):
        with pytest.raises(openai.BadRequestError):
            refused()


def test_tokens_are_counted_and_conversations_compacted(client, create) -> None:
    """The count is that of the response; a compacted conversation is shorter, and can be gone on from."""
    made = create("hello there", instructions="Be brief.", tools=[WEATHER])
    counted = client.responses.input_tokens.count(
        model="gpt-4o", input="hello there", instructions="Be brief.", tools=[WEATHER]
    )
    assert counted.input_tokens == made.usage.input_tokens
    assert client.responses.input_tokens.count().input_tokens == 0
    short = client.responses.compact(model="gpt-4o", previous_response_id=made.id)
    assert [item.type for item in short.output] == ["message", "compaction"]
    assert create(
        [*(item.to_dict(warnings=False) for item in short.output), {"role": "user", "content": "on"}]
    ).output_text
    with pytest.raises(openai.BadRequestError, match="model"):
        client.responses.compact(model=None, input="hello")


def test_a_conversation_grows(client, create) -> None:
    """A conversation is made, changed, filled by hand and by responses, read page by page, and deleted."""
    conversations = client.conversations
    made = conversations.create(items=[{"role": "system", "content": "Be brief."}], metadata={"a": "b"})
    assert conversations.retrieve(made.id) == made
    assert conversations.update(made.id, metadata={"c": "d"}).metadata == {"c": "d"}
    added = conversations.items.create(made.id, items=[{"role": "user", "content": "hello"}])
    first = create("more", conversation=made.id, tools=[WEATHER], parallel_tool_calls=False)
    assert first.conversation.id == made.id
    answer = {"type": "function_call_output", "call_id": first.output[0].call_id, "output": "rain"}
    second = create([answer], conversation={"id": made.id}, store=False)
    assert second.output_text
    listed = [item.type for item in conversations.items.list(made.id, order="asc", limit=2)]
    assert listed == ["message"] * 3 + ["function_call", "function_call_output", "message"]
    item = conversations.items.retrieve(added.data[0].id, conversation_id=made.id)
    assert item == added.data[0]
    assert conversations.items.delete(item.id, conversation_id=made.id).id == made.id
    assert len([*conversations.items.list(made.id)]) == 5
    assert conversations.delete(made.id).deleted
    empty = conversations.create()
    assert ([*conversations.items.list(empty.id)], empty.metadata) == ([], {})
    for lost in (
        lambda: conversations.retrieve(made.id),
        lambda: conversations.items.retrieve(item.id, conversation_id=empty.id),
        lambda: create("on", conversation=made.id),
    ):
        with pytest.raises(openai.NotFoundError):
            lost()


REFUSED = {
    "tools[0]": {"tools": [{"type": "web_search"}]},
    "tools[0].parameters": {"tools": [{"type": "function", "name": "f", "parameters": {"type": "string"}}]},
    "tool_choice": {"tools": [], "tool_choice": "required"},
    "moderation": {"moderation": {"model": "omni-moderation-latest"}},
    "prompt.id": {"prompt": {"id": "pmpt_1"}},
    "background": {"background": True, "conversation": "NEW"},
    "context_management": {
        "context_management": [{"type": "compaction", "compact_threshold": 1000}],
        "instructions": "otter " * 1000,
    },
    "text.format.schema": {"text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "nothing"}}}},
    "input[0]": {"given": [{"type": "compaction_trigger"}]},
    "input[0].content": {
        "given": [{"role": "assistant", "content": [{"type": "input_image", "image_url": "https://a.example/b.png"}]}]
    },
}


@pytest.mark.parametrize("param", REFUSED)
def test_what_is_not_supported_is_named(client, create, param) -> None:
    """A feature that the server lacks is refused, and the error says which."""
    options = {"given": "hello", **REFUSED[param]}
    if options.get("conversation"):
        options["conversation"] = client.conversations.create().id
    with pytest.raises(openai.APIStatusError, match=r"support|exist|usable") as caught:
        create(**options)
    assert (caught.value.status_code in (400, 404), caught.value.param) == (True, param)
