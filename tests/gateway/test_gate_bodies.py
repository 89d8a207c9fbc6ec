"""What a gate reads of bodies itself: depth, the skeleton of an upload, unknown fields."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import assay
from assay.gateway import Gate, Settings
from assay.gateway.bodies import Skeleton, deeper_than
from assay.messages import Headers
from assay.wire.multipart import FilePart, read_multipart, write_multipart

CONTENT_TYPE = "multipart/form-data; boundary=otter"
MEGABYTE = 1024 * 1024


def depth_of(value) -> int:
    """The depth of a JSON value, by definition."""
    if isinstance(value, dict):
        return 1 + max((depth_of(one) for one in value.values()), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


@settings(deadline=None, max_examples=200)
@given(st.recursive(st.text('[]{}\\"a'), lambda inner: st.lists(inner) | st.dictionaries(st.text('[{\\"'), inner)))
def test_depth_is_that_of_the_value(value) -> None:
    """Brackets inside strings do not count."""
    text, depth = json.dumps(value).encode(), depth_of(value)
    assert not deeper_than(text, max(depth, 1))
    assert depth == 0 or deeper_than(text, depth - 1)


def test_a_bomb_of_brackets_is_seen_at_once() -> None:
    """A megabyte of opening brackets, or of strings with brackets, takes no time."""
    assert deeper_than(b"[" * MEGABYTE, 100)
    assert not deeper_than(b'["' + b"[" * MEGABYTE + b'"]', 100)
    assert not deeper_than(b'"' + b'\\"' * MEGABYTE, 100)


def test_a_skeleton_keeps_the_fields_and_the_beginning_of_each_file() -> None:
    """However an upload is cut, what is left of it reads like the whole but for the depth of its files."""
    draw = random.Random(8)  # noqa: S311  a test repeats itself
    files = [
        FilePart("file", "a.bin", "application/octet-stream", draw.randbytes(300_000)),
        FilePart("image", "b.png", "image/png", b"\r\n--otte" * 50_000),
        FilePart("empty", "c", "", b""),
    ]
    fields = {"purpose": "batch", "prompt": "o" * 100_000}
    body = write_multipart(fields, files, "otter")
    expected = read_multipart(body, CONTENT_TYPE, None, {})
    for most in (1, 7, 100, 4096, 65_537, len(body)):
        skeleton, at = Skeleton(CONTENT_TYPE, MEGABYTE), 0
        while at < len(body) and most > 1:
            size = draw.randint(1, most)
            skeleton.feed(body[at : at + size])
            at += size
        if most == 1:
            small = write_multipart({"purpose": "batch"}, [FilePart("f", "x", "", b"\r\n-" * 20)], "otter")
            for byte in small:
                skeleton.feed(bytes([byte]))
            assert skeleton.body == small
            continue
        read = read_multipart(skeleton.body, CONTENT_TYPE, None, {})
        assert [(f.name, f.filename, f.data) for f in read.files] == [
            (f.name, f.filename, f.data[:65536]) for f in expected.files
        ]
        assert read.candidates[0]["prompt"] == fields["prompt"]
        assert skeleton.cut == {"file", "image"}
        assert len(skeleton.body) < 400_000


@pytest.mark.parametrize("piece", [b"x", b"\r\n--otter\r\n", b"--otter\r\nContent-Disposition: x\r\n\r\ndata"])
def test_a_skeleton_is_bounded(piece) -> None:
    """A body that never ends fills no memory."""
    skeleton = Skeleton(CONTENT_TYPE, 200_000)
    for _ in range(300):
        skeleton.feed(piece * 2000)
        assert len(skeleton.body) < 600_000
    assert skeleton.over or len(skeleton.body) < 100_000


@pytest.mark.parametrize(
    ("how", "chat", "embedding"),
    [
        (None, [], ["violation"]),
        ("allow", [], []),
        ("warn", ["hazard"], ["hazard"]),
        ("refuse", ["violation"], ["violation"]),
    ],
)
def test_unknown_fields_are_a_setting(how, chat, embedding) -> None:
    """The contract leaves chat requests open and embedding requests closed; the setting holds for both."""
    told = []
    gate = Gate(assay.load(), "enforce", Settings(unknown_fields=how), observers=[told.append])
    headers = Headers({"content-type": "application/json"})
    bodies = {
        "/v1/chat/completions": {"model": "m", "messages": [{"role": "user", "content": "x"}], "top_k": 3},
        "/v1/embeddings": {"model": "m", "input": "x", "top_k": 3},
    }
    for (path, body), expected in zip(bodies.items(), (chat, embedding), strict=True):
        passage = gate.open("POST", path, headers)
        refusal = passage.judge(json.dumps(body).encode())
        assert [v.severity for v in told[-1].violations] == expected, (path, told[-1])
        assert (refusal is not None) == ("violation" in expected)
        if refusal is not None:
            assert refusal.status == 400
