"""Media types, content selection, content codings and charsets.

The rule of these tests: what is malformed matches nothing and raises nothing.
"""

from __future__ import annotations

import gzip
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.model import Content
from assay.wire.media import Decompressor, decode_text, decompress, essence, fits, is_json, select
from assay.wire.problem import Malformed, Problem


@pytest.mark.parametrize(
    ("text", "kind", "parameters"),
    [
        ("application/json", "application/json", {}),
        ("Application/JSON; Charset=UTF-8", "application/json", {"charset": "UTF-8"}),
        (' text/plain ;a=1 ; b = "x;\\"y" ;', "text/plain", {"a": "1", "b": 'x;"y'}),
        ("text/plain; a=1; a=2", "text/plain", {"a": "1"}),
        ("multipart/form-data; boundary=--a'b", "multipart/form-data", {"boundary": "--a'b"}),
        ("", "", {}),
        (None, "", {}),
        ("json", "", {}),
        ("application/", "", {}),
        ("/json", "", {}),
        ("application/json, text/plain", "", {}),
        ("application/json charset=utf-8", "", {}),
        ('text/plain; a="open', "", {}),
        ("applicatiön/json", "", {}),
    ],
)
def test_essence(text: str | None, kind: str, parameters: dict[str, str]) -> None:
    """Case, quotes and blanks are read as RFC 9110 says; the rest is nothing."""
    assert essence(text) == (kind, parameters)


def contents(*names: str) -> tuple[Content, ...]:
    """Contents of the given media types."""
    return tuple(Content(name) for name in names)


@pytest.mark.parametrize(
    ("names", "content_type", "chosen"),
    [
        (["application/json"], "application/json", "application/json"),
        (["application/json"], "application/JSON;charset=utf-8", "application/json"),
        (["*/*", "text/*", "text/plain"], "text/plain; charset=utf-8", "text/plain"),
        (["*/*", "text/*", "text/plain"], "text/html", "text/*"),
        (["*/*", "text/*"], "image/png", "*/*"),
        (["application/*", "application/*+json"], "application/problem+json", "application/*+json"),
        (["application/*"], "application/problem+json", "application/*"),
        (["application/json"], "application/problem+json", None),
        (["application/problem+json"], "application/json", None),
        (["image/*"], "imagex/png", None),
        (["application/json"], None, None),
        (["*/*"], "nonsense", None),
        (["application/json"], "application/json/x", None),
        ([], "application/json", None),
    ],
)
def test_select(names: list[str], content_type: str | None, chosen: str | None) -> None:
    """The exact type wins over ranges, the narrower range over the wider; no guess is made."""
    found = select(contents(*names), content_type)
    assert (found and found.media_type) == chosen


def test_kinds() -> None:
    """JSON is known by its suffix too; a range holds what stands under it."""
    assert is_json("application/json")
    assert is_json("application/problem+json")
    assert not is_json("application/jsonl")
    assert fits("image/png", "image/*")
    assert fits("image/png", "IMAGE/PNG")
    assert not fits("imagex/png", "image/*")
    assert fits("a/b", "*/*")
    assert not fits("", "image/*")


def raw_deflate(data: bytes) -> bytes:
    """Deflate without zlib's frame, as some servers send it."""
    tool = zlib.compressobj(wbits=-15)
    return tool.compress(data) + tool.flush()


PLAIN = b'{"a": "' + b"xyz" * 2000 + b'"}'
SOUND = [
    (PLAIN, None),
    (PLAIN, ""),
    (PLAIN, "identity"),
    (gzip.compress(PLAIN, mtime=0), "gzip"),
    (gzip.compress(PLAIN, mtime=0), "X-GZIP"),
    (zlib.compress(PLAIN), "deflate"),
    (raw_deflate(PLAIN), "deflate"),
    (gzip.compress(zlib.compress(PLAIN), mtime=0), "deflate, gzip"),
    (gzip.compress(PLAIN[:50], mtime=0) + gzip.compress(PLAIN[50:], mtime=0), "gzip"),
]


@pytest.mark.parametrize(("body", "coding"), SOUND)
def test_codings_are_undone(body: bytes, coding: str | None) -> None:
    """Every coding, stacked ones and members one after another give the plain bytes, at once or byte by byte."""
    assert decompress(body, coding, len(PLAIN)) == PLAIN
    tool = Decompressor(coding, len(PLAIN))
    assert b"".join(tool.feed(body[i : i + 1]) for i in range(len(body))) == PLAIN
    tool.close()


@pytest.mark.parametrize(
    ("body", "coding", "got"),
    [
        (gzip.compress(PLAIN, mtime=0)[:-5], "gzip", "too early"),
        (b"plain", "gzip", "bytes that are not"),
        (b"plain", "deflate", "bytes that are not"),
        (zlib.compress(PLAIN) + b"x", "deflate", "more bytes"),
        (gzip.compress(PLAIN, mtime=0) + b"x" * 20, "gzip", "bytes that are not"),
        (b"SECRET", "br", "another one"),
        (b"SECRET", "gzip, zstd", "another one"),
        (b"", "gzip, gzip, gzip, gzip, gzip", "5"),
        (gzip.compress(PLAIN, mtime=0), "gzip", "larger"),
    ],
)
def test_broken_codings_are_problems(body: bytes, coding: str, got: str) -> None:
    """A truncated, foreign or unknown coding, and a body over the limit, are told."""
    found = decompress(body, coding, 1000 if got == "larger" else 100_000)
    assert isinstance(found, Problem)
    assert got in found.got
    assert "SECRET" not in str(found)


def test_an_empty_body_needs_no_coding() -> None:
    """A message without a body may still name a coding (HEAD, 204)."""
    assert decompress(b"", "gzip", 10) == b""


def test_a_bomb_is_refused_before_it_grows() -> None:
    """A gigabyte of zeros, packed once or twice, stops at the limit."""
    once = gzip.compress(b"\0" * 50_000_000, mtime=0)
    for body, coding in ((once, "gzip"), (gzip.compress(once, mtime=0), "gzip, gzip"), (once * 20, "gzip")):
        found = decompress(body, coding, 1_000_000)
        assert isinstance(found, Problem)
        assert "larger" in found.got


def test_a_flood_of_empty_members_is_refused() -> None:
    """Four megabytes of gzip members that hold nothing are refused in bounded time."""
    begun = time.perf_counter()
    found = decompress(gzip.compress(b"", mtime=0) * 200_000, "gzip", 1000)
    assert isinstance(found, Problem)
    assert "members" in found.expected
    assert time.perf_counter() - begun < 3
    assert decompress(gzip.compress(b"a", mtime=0) * 9_000, "gzip", 10_000) == b"a" * 9_000


def test_noise_is_read_or_refused() -> None:
    """Whatever the bytes, decompression gives bytes or a problem."""
    seen = {"read": 0, "refused": 0}

    @settings(max_examples=400, deadline=None, database=None)
    @given(st.sampled_from(SOUND), st.integers(0, 60), st.binary(max_size=3), st.booleans())
    def tried(sound: tuple[bytes, str | None], at: int, noise: bytes, whole: bool) -> None:  # noqa: FBT001
        body = sound[0] if whole else sound[0][:at] + noise + sound[0][at + len(noise) :]
        found = decompress(body, sound[1], len(PLAIN) + 3)
        seen["refused" if isinstance(found, Problem) else "read"] += 1
        assert not whole or found == PLAIN

    tried()
    assert seen["read"] > 80, seen
    assert seen["refused"] > 20, seen


def test_a_spent_decompressor_says_so() -> None:
    """Feeding raises the problem as Malformed, for callers that read a stream."""
    tool = Decompressor("gzip", 100)
    with pytest.raises(Malformed, match="gzip body"):
        tool.feed(b"plain text")


def test_charsets() -> None:
    """UTF-8 is the default; other charsets are read when they are charsets."""
    assert decode_text("é".encode(), "text/plain") == "é"
    assert decode_text("é".encode(), None) == "é"
    assert decode_text("é".encode("latin-1"), "text/plain; charset=ISO-8859-1") == "é"
    for body, charset in ((b"\xff", "utf-8"), (b"a", "rot13"), (b"a", "utf-7"), (b"\xe9", "us-ascii")):
        assert isinstance(decode_text(body, f"text/plain; charset={charset}"), Problem)
