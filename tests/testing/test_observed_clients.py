"""Clients that we did not write, against the reference server: all that they send and read is seen, and valid."""

# ruff: noqa: ARG001  what is watched is looked at when the test is over

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave

import aiohttp
import httpx
import httpx2
import openai
import pytest
import requests

from assay.testing.session import Suite
from assay.testing.settings import Settings

HI = [{"role": "user", "content": "hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A suite that knows every host of this machine as the contract's."""
    return Suite(Settings(hosts=("127.0.0.1",)), tmp_path_factory.mktemp("suite"))


@pytest.fixture
def watch(watched):
    """Watch a test; at its end there are exchanges, and nothing is wrong with them."""
    ended = []
    with watched.watching([watched.settings]) as watch:
        watch.over = ended.append
        yield watch
    watch.check()
    assert watch.exchanges == len(ended) > 0
    assert {seen.state for seen in ended} == {"end"}
    assert not watch.unjudged
    assert not watch.hazards


@pytest.fixture
def client(reference):
    """The official client."""
    with openai.OpenAI(base_url=f"{reference}/v1", api_key="any", max_retries=0) as client:
        yield client


def sound() -> bytes:
    """A tenth of a second of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(1600))
    return file.getvalue()


def test_chat_with_tools(watch, client) -> None:
    """A conversation with a tool call and its result is observed in both turns."""
    first = client.chat.completions.create(model="assay-chat", messages=HI, tools=[WEATHER], tool_choice="required")
    call = first.choices[0].message.tool_calls[0]
    turns = [*HI, first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    client.chat.completions.create(model="assay-chat", messages=turns, tools=[WEATHER])
    assert watch.exchanges == 2


def test_streams(watch, client) -> None:
    """Chunks, the stream helper, and streamed tool calls."""
    options = {"include_usage": True}
    for chunk in client.chat.completions.create(
        model="assay-chat", messages=HI, n=2, stream=True, stream_options=options
    ):
        assert chunk.object == "chat.completion.chunk"
    with client.chat.completions.stream(
        model="assay-chat", messages=HI, tools=[WEATHER], tool_choice="required"
    ) as stream:
        assert stream.get_final_completion().choices[0].message.tool_calls
    for chunk in client.completions.create(model="assay-text", prompt="once", stream=True):
        assert chunk.object == "text_completion"


def test_files(watch, client) -> None:
    """An upload, its metadata, its content and its end."""
    made = client.files.create(file=("a.jsonl", b'{"a": 1}\n'), purpose="user_data")
    assert client.files.retrieve(made.id).bytes == 9
    assert client.files.content(made.id).read() == b'{"a": 1}\n'
    assert [file.id for file in client.files.list()].count(made.id) == 1
    assert client.files.delete(made.id).deleted


def test_audio(watch, client, tmp_path) -> None:
    """Speech as bytes and as a file that streams, and a recording that is written down."""
    assert client.audio.speech.create(model="assay-audio", voice="alloy", input="hello").read()
    with client.audio.speech.with_streaming_response.create(
        model="assay-audio", voice="alloy", input="hello", response_format="wav"
    ) as response:
        response.stream_to_file(tmp_path / "a.wav")
    told = client.audio.transcriptions.create(model="assay-audio", file=("a.wav", sound()))
    assert isinstance(told.text, str)


def test_images_embeddings_and_moderations(watch, client) -> None:
    """The small resources."""
    image = client.images.generate(model="assay-image", prompt="otter", size="1024x1024").data[0]
    assert image.url or base64.b64decode(image.b64_json)
    assert len(client.embeddings.create(model="assay-embedding", input=["a", "b"]).data) == 2
    assert len(client.moderations.create(input="hello").results) == 1
    assert len(list(client.models.list())) > 1


def test_responses(watch, client) -> None:
    """A response, the next one after it, a stream of one, and its end."""
    first = client.responses.create(model="assay-chat", input="hello")
    after = client.responses.create(model="assay-chat", input="go on", previous_response_id=first.id)
    assert after.output_text
    with client.responses.stream(model="assay-chat", input="hello") as stream:
        assert stream.get_final_response().status == "completed"
    client.responses.delete(first.id)


def test_asynchronous_calls_at_once(watch, reference) -> None:
    """Many calls of the asynchronous client at once keep apart."""

    async def run():
        async with openai.AsyncOpenAI(base_url=f"{reference}/v1", api_key="any", max_retries=0) as client:
            ask = client.chat.completions.create
            whole = [ask(model="assay-chat", messages=HI, n=n) for n in (1, 2, 3)]
            streams = [ask(model="assay-chat", messages=HI, n=n, stream=True) for n in (1, 2, 3)]
            answers = await asyncio.gather(*whole, *streams)
            for stream in answers[3:]:
                async for _ in stream:
                    pass
            return [len(answer.choices) for answer in answers[:3]]

    assert asyncio.run(run()) == [1, 2, 3]
    assert watch.exchanges == 6


@pytest.mark.parametrize("library", ["requests", "httpx", "httpx2", "aiohttp"])
def test_plain_libraries(watch, reference, library) -> None:
    """The same call and the same stream, by hand."""
    url, body = f"{reference}/v1/chat/completions", {"model": "assay-chat", "messages": HI}

    async def by_aiohttp():
        async with aiohttp.ClientSession() as session:
            async with session.post(url, json=body) as response:
                whole = await response.json()
            async with session.post(url, json={**body, "stream": True}) as response:
                return whole, [line.decode() async for line in response.content]

    if library == "requests":
        whole = requests.post(url, json=body, timeout=10).json()
        with requests.post(url, json={**body, "stream": True}, stream=True, timeout=10) as response:
            lines = list(response.iter_lines(decode_unicode=True))
    elif library == "aiohttp":
        whole, lines = asyncio.run(by_aiohttp())
    else:
        module = {"httpx": httpx, "httpx2": httpx2}[library]
        whole = module.post(url, json=body).json()
        with module.stream("POST", url, json={**body, "stream": True}) as response:
            lines = list(response.iter_lines())
    texts = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
    said = "".join(choice["delta"].get("content") or "" for text in texts for choice in text["choices"])
    assert said == whole["choices"][0]["message"]["content"]


@pytest.mark.real
def test_langchain(watch, reference) -> None:
    """A framework that nobody here wrote: whole, streamed, asynchronous and structured calls, and embeddings."""
    chat_module = pytest.importorskip("langchain_openai", reason="pip install langchain-openai")
    chat = chat_module.ChatOpenAI(model="assay-chat", base_url=f"{reference}/v1", api_key="any", max_retries=0)
    assert chat.invoke("hello").content
    assert "".join(piece.content for piece in chat.stream("hello"))
    assert asyncio.run(chat.ainvoke("hello")).content
    assert chat.bind_tools([WEATHER], tool_choice="weather").invoke("hello").tool_calls
    made = chat_module.OpenAIEmbeddings(
        model="assay-embedding", base_url=f"{reference}/v1", api_key="any", check_embedding_ctx_length=False
    )
    assert len(made.embed_documents(["a", "b"])) == 2
    assert watch.exchanges >= 5
