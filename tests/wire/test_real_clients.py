"""Bodies and queries as httpx2 and the official OpenAI client really send them.

The rule of these tests: the bytes are caught at the clients' own transport; nothing is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest

from assay.messages import Headers
from assay.model import Parameter, Shape
from assay.wire.forms import read_form
from assay.wire.json_text import parse_json
from assay.wire.lines import read_lines
from assay.wire.multipart import Multipart, read_multipart
from assay.wire.styles import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = Shape(frozenset({"string"}))
NUMBER = Shape(frozenset({"number"}))
WHOLE = Shape(frozenset({"integer"}))
TEXTS = Shape(frozenset({"array"}), items=TEXT)
ANSWER = {"id": "x", "object": "file", "text": "", "data": [], "created": 1, "created_at": 1, "bytes": 1}


class Caught:
    """A transport that keeps the last request and answers every one alike."""

    request: httpx2.Request

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Keep a request and answer it."""
        request.read()
        self.request = request
        return httpx2.Response(200, json=ANSWER)

    def multipart(self, **properties: Shape) -> Multipart:
        """Read the body that was caught."""
        shape = Shape(frozenset({"object"}), properties=properties)
        found = read_multipart(self.request.content, self.request.headers["content-type"], shape, {})
        assert isinstance(found, Multipart), found
        return found


@pytest.fixture
def caught() -> Caught:
    """Return a fresh transport."""
    return Caught()


@pytest.fixture
def client(caught: Caught) -> Iterator[openai.OpenAI]:
    """Return an OpenAI client whose requests are caught."""
    transport = httpx2.MockTransport(caught)
    with openai.OpenAI(
        api_key="none", base_url="http://test/v1", http_client=httpx2.Client(transport=transport)
    ) as client:
        yield client


def test_a_file_upload(client: openai.OpenAI, caught: Caught) -> None:
    """The file, its purpose and a nested object arrive; the file is JSON Lines."""
    lines = b'{"a":1}\n{"a":2}\n'
    client.files.create(
        file=("a.jsonl", lines), purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    after = Shape(frozenset({"object"}), properties={"anchor": TEXT, "seconds": WHOLE})
    found = caught.multipart(file=TEXT, purpose=TEXT, expires_after=after)
    assert found.candidates == (
        {"purpose": "batch", "expires_after": {"anchor": "created_at", "seconds": 3600}, "file": lines.decode()},
    )
    (file,) = found.files
    assert (file.name, file.filename, file.data) == ("file", "a.jsonl", lines)
    assert [line.value for line in read_lines([file.data])] == [{"a": 1}, {"a": 2}]


def test_an_edit_of_several_images(client: openai.OpenAI, caught: Caught) -> None:
    """Several images come as image[], one comes as image; both fit a schema of one or many."""
    either = Shape(frozenset({"string", "array"}), items=TEXT)
    images = [("a.png", b"\x89PNG1", "image/png"), ("b.png", b"\x89PNG2\r\n", "image/png")]
    client.images.edit(image=images, prompt="p", n=2, model="gpt-image-1")
    found = caught.multipart(image=either, prompt=TEXT, n=WHOLE, model=TEXT)
    assert found.candidates[0]["image"] == ["\x89PNG1", "\x89PNG2\r\n"]
    assert found.candidates[0]["n"] == 2
    assert [(file.field, file.filename, file.content_type, file.data) for file in found.files] == [
        ("image", name, kind, data) for name, data, kind in images
    ]
    client.images.edit(image=b"\x89PNG", prompt="p")
    assert {"image": "\x89PNG", "prompt": "p"} in caught.multipart(image=either, prompt=TEXT).candidates


def test_an_audio_transcription(client: openai.OpenAI, caught: Caught) -> None:
    """Arrays, a nested object, numbers and a file name that needs quoting arrive with their types."""
    client.audio.transcriptions.create(
        file=('ü"\\x.wav', b"RIFF\x00"),
        model="whisper-1",
        timestamp_granularities=["word", "segment"],
        temperature=0.5,
        chunking_strategy={"type": "server_vad", "threshold": 0.25},
        response_format="verbose_json",
    )
    strategy = Shape(frozenset({"string", "object"}), properties={"type": TEXT, "threshold": NUMBER})
    found = caught.multipart(
        file=TEXT, model=TEXT, timestamp_granularities=TEXTS, temperature=NUMBER, chunking_strategy=strategy
    )
    assert found.candidates == (
        {
            "model": "whisper-1",
            "chunking_strategy": {"type": "server_vad", "threshold": 0.25},
            "response_format": "verbose_json",
            "temperature": 0.5,
            "timestamp_granularities": ["word", "segment"],
            "file": "RIFF\x00",
        },
    )
    assert found.files[0].filename == 'ü"\\x.wav'


def test_query_parameters(client: openai.OpenAI, caught: Caught) -> None:
    """Arrays and objects of a query arrive in the client's brackets."""
    declared = [
        Parameter("include", "query", "texts", style="form", explode=True),
        Parameter("metadata", "query", "object", style="deepObject", explode=True),
        Parameter("limit", "query", "whole", style="form", explode=True),
    ]
    shapes: dict[str, Any] = {"texts": TEXTS, "whole": WHOLE, "object": Shape(frozenset({"object"}), additional=TEXT)}
    reader = Reader(declared, shapes)
    client.responses.retrieve("r", include=["message.output_text.logprobs", "reasoning.encrypted_content"])
    readings = reader.read({}, caught.request.url.query.decode(), Headers())
    assert readings.values[0].candidates == (["message.output_text.logprobs", "reasoning.encrypted_content"],)
    assert readings.undeclared == ()
    client.chat.completions.list(metadata={"k": "v w&"}, limit=2)
    readings = reader.read({}, caught.request.url.query.decode(), Headers())
    assert readings.values[1].candidates == ({"k": "v w&"},)
    assert readings.values[2].candidates == (2,)
    assert readings.undeclared == ()


def test_httpx2_forms(caught: Caught) -> None:
    """Form bodies, repeated fields, file names with backslashes and JSON bodies of httpx2 are read."""
    with httpx2.Client(transport=httpx2.MockTransport(caught)) as client:
        client.post("http://test/", data={"a": "1 &+é", "b": ["x", "y"]})
        shape = Shape(frozenset({"object"}), properties={"a": TEXT, "b": TEXTS})
        assert read_form(caught.request.content, shape, {}) == ({"a": "1 &+é", "b": ["x", "y"]},)
        client.post("http://test/", data={"b": ["x", "y"]}, files={'f"g': ('C:\\new".bin', b"\0\r\n--")})
        found = caught.multipart(b=TEXTS)
        assert found.candidates == ({"b": ["x", "y"], 'f"g': "\0\r\n--"},)
        assert found.files[0].filename == 'C:\\new".bin'
        client.post("http://test/", json={"é": [1, None]})
        assert parse_json(caught.request.content) == {"é": [1, None]}
