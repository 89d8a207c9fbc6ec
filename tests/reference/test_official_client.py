"""The official Python client works against the reference server, and every exchange is valid by the contract."""

from __future__ import annotations

import base64
import json

import openai
import pytest

HI = [{"role": "user", "content": "hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture
def client(served):
    """Return the official client, pointed at the server."""
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def test_models_are_listed_and_retrieved(client) -> None:
    """Each listed model can be retrieved by its id."""
    listed = [model.id for model in client.models.list()]
    assert "assay-chat" in listed
    assert [client.models.retrieve(name).id for name in listed] == listed
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("nobody")
    assert caught.value.code == "model_not_found"


def test_a_stream_joined_is_the_response(client) -> None:
    """The streamed text is the text of the whole response."""
    whole = client.chat.completions.create(model="assay-chat", messages=HI, n=2)
    texts = ["", ""]
    stream = client.chat.completions.create(
        model="assay-chat", messages=HI, n=2, stream=True, stream_options={"include_usage": True}
    )
    usage = None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == [choice.message.content for choice in whole.choices]
    assert texts[0] != texts[1]
    assert usage == whole.usage


def test_a_tool_loop_ends_in_text(client) -> None:
    """The model calls the tool with valid arguments, and answers in text once it has the result."""
    first = client.chat.completions.create(model="assay-chat", messages=HI, tools=[WEATHER]).choices[0]
    assert first.finish_reason == "tool_calls"
    (call,) = first.message.tool_calls
    assert json.loads(call.function.arguments)["days"] >= 2
    answer = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    messages = [*HI, first.message.model_dump(exclude_none=True, exclude={"annotations"}), answer]
    second = client.chat.completions.create(model="assay-chat", messages=messages, tools=[WEATHER]).choices[0]
    assert second.finish_reason == "stop"
    assert second.message.content


def test_the_streaming_helper_assembles_tool_calls(client) -> None:
    """The client's own accumulator joins the pieces of a streamed call."""
    with client.chat.completions.stream(model="assay-chat", messages=HI, tools=[WEATHER]) as stream:
        final = stream.get_final_completion()
    assert json.loads(final.choices[0].message.tool_calls[0].function.arguments)["city"]


def test_structured_output_follows_its_schema(client) -> None:
    """A strict JSON Schema gives a value that validates."""
    schema = WEATHER["function"]["parameters"]
    form = {"type": "json_schema", "json_schema": {"name": "w", "strict": True, "schema": schema}}
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=HI, response_format=form)
    assert set(json.loads(answer.choices[0].message.content)) == {"city", "days"}


def test_embeddings_are_the_same_in_both_forms(client) -> None:
    """The client's default (base64) and the list of numbers are the same vectors."""
    inputs = ["otter", "river"]
    packed = client.embeddings.create(model="text-embedding-3-small", input=inputs)
    plain = client.embeddings.create(model="text-embedding-3-small", input=inputs, encoding_format="float")
    assert [item.embedding for item in packed.data] == [item.embedding for item in plain.data]
    assert len(plain.data[0].embedding) == 1536
    short = client.embeddings.create(model="text-embedding-3-small", input="otter", dimensions=8).data[0].embedding
    assert len(short) == 8
    assert sum(number * number for number in short) == pytest.approx(1, rel=1e-5)


def test_completions_echo_and_stream(client) -> None:
    """An echoed completion begins with the prompt, and its stream joined is the response."""
    options = {"model": "gpt-3.5-turbo-instruct", "prompt": "Once upon", "echo": True, "logprobs": 2}
    whole = client.completions.create(**options)
    assert whole.choices[0].text.startswith("Once upon")
    streamed = client.completions.create(**options, stream=True)
    assert "".join(chunk.choices[0].text for chunk in streamed) == whole.choices[0].text


def test_images_are_png(client) -> None:
    """A generated image is a PNG of the size that was asked for."""
    made = client.images.generate(model="gpt-image-1", prompt="otter", size="1536x1024", n=2)
    assert made.size == "1536x1024"
    for image in made.data:
        data = base64.b64decode(image.b64_json)
        assert data.startswith(b"\x89PNG")
        assert data[16:24] == (1536).to_bytes(4, "big") + (1024).to_bytes(4, "big")
    linked = client.images.generate(model="dall-e-3", prompt="otter")
    assert linked.data[0].url.startswith("https://")


def test_images_stream(client) -> None:
    """A streamed image sends its partial images first."""
    events = client.images.generate(model="gpt-image-1", prompt="otter", stream=True, partial_images=2)
    assert [event.type.rpartition(".")[2] for event in events] == ["partial_image", "partial_image", "completed"]


def test_moderations_flag_what_they_should(client) -> None:
    """One result per text; only the bad one is flagged."""
    results = client.moderations.create(input=["an otter has skill", "I will kill"]).results
    assert [result.flagged for result in results] == [False, True]
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    (one,) = client.moderations.create(model="omni-moderation-latest", input=parts).results
    assert "image" in one.category_applied_input_types.violence


def test_an_invalid_request_names_its_place(client) -> None:
    """The client raises its own error with the parameter that was wrong."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(prompt="otter", n=11)
    assert caught.value.param == "n"
