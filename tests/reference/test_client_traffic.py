"""Everything that the official Python client sends and gets is valid, by our description and by the published one."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import struct
import wave
from collections import Counter

import openai
import pytest

import assay
from assay.adapters.serve import serve
from assay.generate.tuning import batch_lines
from assay.messages import Request, Response
from assay.reference.images import png
from assay.reference.server import application
from assay.reference.sound import pcm, wav

KEY = "sesame"
HI = [{"role": "user", "content": "hello"}]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
RECORDING = ("talk.wav", wav(pcm(1.5, 440)), "audio/wav")
SQUARE, OTHER = png(64, 64, b"abc"), png(64, 64, b"xyz", clear=True)
LINES = b'{"messages": []}\n\x00\xff\r\n--not-the-boundary--\r\n'

FLOORS = {
    "models": 3, "chat JSON": 4, "chat stream": 3, "chat stream with usage": 2, "tool calls": 3,
    "stream of tool calls": 2, "error 400": 4, "error 401": 2, "error 404": 4, "embeddings base64": 3,
    "embeddings float": 1, "completions": 2, "moderations": 1, "images": 2, "file upload": 6, "file list": 5,
    "file retrieval": 1, "file download": 1, "file deletion": 1, "image edit": 2, "image edit with several images": 2,
    "image edit stream": 1, "image variation": 1, "transcription": 6, "transcription stream": 3, "translation": 5,
    "speech binary": 3, "speech stream": 1,
}  # fmt: skip
"""How many exchanges of each kind there must be."""


def chat(client, recorder) -> None:
    """Play the exchanges of chat."""
    create = client.chat.completions.create
    recorder.kind = "chat JSON"
    create(model="assay-chat", messages=HI)
    create(model="gpt-4o", messages=HI, n=2, logprobs=True, top_logprobs=2, temperature=0.2, seed=7, stop=["."])
    create(model="gpt-4o-mini", messages=[{"role": "system", "content": "Brief."}, *HI], max_completion_tokens=5)
    as_json = [{"role": "system", "content": "Answer in JSON."}, *HI]
    create(model="gpt-5", messages=as_json, response_format={"type": "json_object"}, metadata={"a": "b"}, store=False)
    recorder.kind = "chat stream"
    for more in ({}, {"n": 2}, {"logprobs": True, "max_tokens": 3}):
        assert [*create(model="assay-chat", messages=HI, stream=True, **more)]
    recorder.kind = "chat stream with usage"
    for more in ({}, {"n": 2}):
        stream = create(model="gpt-4o", messages=HI, stream=True, stream_options={"include_usage": True}, **more)
        assert [*stream][-1].usage.total_tokens
    recorder.kind = "tool calls"
    first = create(model="assay-chat", messages=HI, tools=[WEATHER]).choices[0].message
    answers = [{"role": "tool", "tool_call_id": call.id, "content": "rain"} for call in first.tool_calls]
    create(model="assay-chat", messages=[*HI, first.to_dict(), *answers], tools=[WEATHER])
    create(model="gpt-4o", messages=HI, tools=[WEATHER], tool_choice="required", parallel_tool_calls=False)
    recorder.kind = "stream of tool calls"
    assert [*create(model="assay-chat", messages=HI, tools=[WEATHER], stream=True)]
    with client.chat.completions.stream(model="gpt-4o", messages=HI, tools=[WEATHER]) as stream:
        assert stream.get_final_completion().choices[0].message.tool_calls


def other_json(client, recorder) -> None:
    """Play the exchanges of the other operations that send JSON."""
    recorder.kind = "models"
    client.models.list()
    client.models.retrieve("whisper-1")
    recorder.kind = "embeddings base64"
    for given in ("otter", ["otter", "river"], [[1, 2], [3]]):
        client.embeddings.create(model="text-embedding-3-small", input=given)
    recorder.kind = "embeddings float"
    client.embeddings.create(model="text-embedding-3-small", input="otter", encoding_format="float", dimensions=8)
    recorder.kind = "completions"
    client.completions.create(model="assay-text", prompt="Once", n=2, logprobs=1, echo=True)
    assert [*client.completions.create(model="assay-text", prompt=["a", "b"], stream=True)]
    recorder.kind = "moderations"
    client.moderations.create(input=["otter", "kill"])
    recorder.kind = "images"
    client.images.generate(model="gpt-image-1", prompt="otter", size="1024x1024")
    assert [*client.images.generate(model="gpt-image-1", prompt="otter", stream=True, partial_images=1)]


def errors(client, recorder) -> None:
    """Play what is refused."""
    recorder.kind = "error 400"
    refused = [
        lambda: client.chat.completions.create(model="assay-chat", messages=[]),
        lambda: client.images.edit(model="dall-e-2", image=[SQUARE, OTHER], prompt="x"),
        lambda: client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"ID3"), temperature=0),
        lambda: client.audio.speech.create(model="tts-1", voice="alloy", input="hi", response_format="opus"),
        lambda: client.files.create(file=b"x", purpose="fun"),
    ]
    for call in refused:
        with pytest.raises(openai.BadRequestError):
            call()
    recorder.kind = "error 404"
    missing = [
        lambda: client.models.retrieve("nobody"),
        lambda: client.chat.completions.create(model="nobody", messages=HI),
        lambda: client.files.retrieve("file-nobody"),
        lambda: client.files.delete("file-nobody"),
        lambda: client.files.content("file-nobody"),
    ]
    for call in missing:
        with pytest.raises(openai.NotFoundError) as caught:
            call()
        assert caught.value.code
    recorder.kind = "error 401"
    stranger = client.with_options(api_key="wrong")
    for call in (stranger.models.list, lambda: stranger.files.create(file=b"x", purpose="user_data")):
        with pytest.raises(openai.AuthenticationError):
            call()
    recorder.kind = "models"
    with pytest.raises(openai.PermissionDeniedError):
        client.models.delete("gpt-4o")


def files(client, recorder) -> None:
    """Upload, list page by page, retrieve, download and delete."""
    recorder.kind = "file upload"
    sent = [client.files.create(file=(f"{number}.bin", LINES), purpose="assistants") for number in range(3)]
    life = {"anchor": "created_at", "seconds": 3600}
    short = client.files.create(file=('näme "a".txt', b"", "text/plain"), purpose="user_data", expires_after=life)
    assert (short.filename, short.bytes, short.expires_at) == ('näme "a".txt', 0, short.created_at + 3600)
    batch = client.files.create(file=io.BytesIO(batch_lines()), purpose="batch")
    assert batch.expires_at == batch.created_at + 30 * 24 * 3600
    recorder.kind = "file list"
    assert [file.id for file in client.files.list(order="asc")] == [file.id for file in (*sent, short, batch)]
    pages = [*client.files.list(limit=2, purpose="assistants").iter_pages()]
    assert [file.id for page in pages for file in page.data] == [file.id for file in reversed(sent)]
    assert [page.has_more for page in pages] == [True, False]
    assert [file.id for file in client.files.list(after=sent[1].id, order="asc", limit=1).data] == [sent[2].id]
    assert client.files.list(purpose="vision").data == []
    recorder.kind = "file retrieval"
    assert client.files.retrieve(sent[0].id) == sent[0]
    recorder.kind = "file download"
    assert client.files.content(sent[0].id).read() == LINES
    recorder.kind = "file deletion"
    assert client.files.delete(sent[0].id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.content(sent[0].id)


def images(client, recorder) -> None:
    """Edit and vary images."""
    recorder.kind = "image edit"
    client.images.edit(image=("a.png", SQUARE), mask=("m.png", OTHER), prompt="null", model="dall-e-2", n=2)
    plain = client.images.edit(image=SQUARE, prompt="17", model="gpt-image-1", size="1024x1024", quality="low")
    recorder.kind = "image edit with several images"
    several = [("a.png", SQUARE), ("b.png", OTHER, "image/png")]
    both = client.images.edit(image=several, prompt="17", model="gpt-image-1", background="transparent")
    assert base64.b64decode(both.data[0].b64_json) != base64.b64decode(plain.data[0].b64_json)
    assert both.usage.input_tokens_details.image_tokens == 2 * plain.usage.input_tokens_details.image_tokens
    client.images.edit(image=several * 8, prompt="otter")
    recorder.kind = "image edit stream"
    events = client.images.edit(image=several, prompt="otter", stream=True, partial_images=2, model="gpt-image-1")
    assert [event.type for event in events] == ["image_edit.partial_image"] * 2 + ["image_edit.completed"]
    recorder.kind = "image variation"
    with pytest.deprecated_call():
        made = client.images.create_variation(image=SQUARE, n=2, size="256x256", response_format="b64_json")
    assert struct.unpack(">II", base64.b64decode(made.data[1].b64_json)[16:24]) == (256, 256)


def audio(client, recorder) -> None:
    """Write down and read aloud."""
    write = client.audio.transcriptions.create
    recorder.kind = "transcription"
    short = write(model="whisper-1", file=RECORDING, language="en", prompt="5", temperature=0.5)
    assert write(model="whisper-1", file=RECORDING, response_format="text") == f"{short.text}\n"
    both = ["word", "segment"]
    long = write(model="whisper-1", file=RECORDING, response_format="verbose_json", timestamp_granularities=both)
    assert (long.text, long.duration, long.segments[-1].end) == (short.text, 1.5, 1.5)
    assert " ".join(word.word for word in long.words) == long.text
    assert write(model="whisper-1", file=RECORDING, response_format="vtt").startswith("WEBVTT\n\n00:00:00.000 -->")
    assert write(model="whisper-1", file=RECORDING, response_format="srt").startswith("1\n00:00:00,000 -->")
    assert write(model="gpt-4o-transcribe", file=RECORDING, include=["logprobs"]).logprobs
    speakers = {"known_speaker_names": ["ann"], "known_speaker_references": ["data:audio/wav;base64,AAAA"]}
    vad = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 100}
    diarize = {"model": "gpt-4o-transcribe-diarize", "file": RECORDING, "response_format": "diarized_json"}
    said = write(**diarize, chunking_strategy=vad, extra_body=speakers)
    assert {segment.speaker for segment in said.segments} == {"ann"}
    recorder.kind = "transcription stream"
    probable = {"model": "gpt-4o-transcribe", "file": RECORDING, "include": ["logprobs"]}
    guessed = {"model": "gpt-transcribe", "file": RECORDING}
    for options in (probable, guessed, {**diarize, "chunking_strategy": "auto"}):
        events = [*write(**options, stream=True)]
        deltas = [event.delta for event in events if event.type == "transcript.text.delta"]
        assert "".join(deltas) == events[-1].text == short.text
    recorder.kind = "translation"
    for form in ("json", "text", "srt", "vtt", "verbose_json"):
        with pytest.deprecated_call():
            assert client.audio.translations.create(model="whisper-1", file=RECORDING, response_format=form)
    speech(client, recorder)


def speech(client, recorder) -> None:
    """Read aloud, in each format that the server makes."""
    say = client.audio.speech.create
    recorder.kind = "speech binary"
    with wave.open(io.BytesIO(say(model="tts-1", voice="alloy", input="hi", response_format="wav").read())) as tone:
        assert (tone.getframerate(), tone.getnchannels(), tone.getsampwidth()) == (24000, 1, 2)
        assert tone.getnframes() > 400
    assert (
        say(model="gpt-4o-mini-tts", voice="nova", input="hi", speed=4, instructions="calm").read()[:2] == b"\xff\xfb"
    )
    whole = say(model="gpt-4o-mini-tts", voice="nova", input="an otter", response_format="pcm").read()
    recorder.kind = "speech stream"
    options = {"model": "gpt-4o-mini-tts", "voice": "nova", "input": "an otter", "response_format": "pcm"}
    with client.audio.speech.with_streaming_response.create(**options, stream_format="sse") as response:
        events = [json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: ")]
    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == whole


async def together(url, recorder) -> None:
    """Play two exchanges with the asynchronous client."""
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
        recorder.kind = "file upload"
        kept = await client.files.create(file=("a.png", SQUARE), purpose="vision")
        recorder.kind = "transcription stream"
        stream = await client.audio.transcriptions.create(model="gpt-4o-transcribe", file=RECORDING, stream=True)
        assert [event async for event in stream][-1].type == "transcript.text.done"
        recorder.kind = "image edit"
        await client.images.edit(image=[SQUARE], prompt="otter", model="gpt-image-1")
        recorder.kind = "file download"
        assert (await client.files.content(kept.id)).read() == SQUARE


@pytest.fixture(scope="module")
def traffic(contract, recording):
    """Play everything once and return the recorder."""
    recorder = recording(application(judge=contract, key=KEY))
    with serve(recorder) as url:
        with openai.OpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0) as client:
            for play in (chat, other_json, errors, files, images, audio):
                play(client, recorder)
        asyncio.run(together(url, recorder))
    return recorder


def judged(traffic, contract) -> Counter[str]:
    """Judge every exchange; count them by kind."""
    counted: Counter[str] = Counter()
    for kind, (request, response) in zip(traffic.kinds, traffic.exchanges, strict=True):
        found = contract.check_response(request, response).violations
        if response.status < 400:
            found += contract.check_request(request).violations
        assert not found, (kind, request.method, request.target, [str(violation) for violation in found])
        assert kind.startswith("error") <= (response.status >= 400)
        counted[kind] += 1
    return counted


def test_our_description_admits_the_official_client(traffic, contract) -> None:
    """Zero violations in enough exchanges of each kind."""
    counted = judged(traffic, contract)
    assert {kind for kind, floor in FLOORS.items() if counted[kind] < floor} == set()
    assert set(counted) == set(FLOORS)


def test_the_published_description_admits_the_same(traffic, shared) -> None:
    """The repaired description of 2026-08-21 has nothing against a single exchange either."""
    published = assay.load(shared / "specs" / "openai-2026-08-21.yaml")
    counted = judged(traffic, published)
    assert {kind for kind, floor in FLOORS.items() if counted[kind] < floor} == set()


@pytest.mark.parametrize("described", ["ours", "published"])
def test_the_same_exchanges_broken_are_refused(traffic, contract, described, request) -> None:
    """A form cut short, a form without its first part's name, and an answer of another shape are all reported."""
    if described == "published":
        shared = request.getfixturevalue("shared")
        contract = assay.load(shared / "specs" / "openai-2026-08-21.yaml")
    broken: Counter[str] = Counter()
    for sent, got in traffic.exchanges:
        if got.status >= 400:
            continue
        if sent.headers.get("content-type", "").startswith("multipart/"):
            for body in (sent.body[:-4], sent.body.replace(b' name="', b' naam="', 1)):
                assert not contract.check_request(Request(sent.method, sent.target, sent.headers, body)).ok
                broken["form"] += 1
        if got.headers.get("content-type") == "application/json":
            assert not contract.check_response(sent, Response(got.status, got.headers, b"[]")).ok
            broken["answer"] += 1
    assert broken["form"] >= 40
    assert broken["answer"] >= 40
