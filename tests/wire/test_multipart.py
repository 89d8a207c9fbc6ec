"""Multipart bodies: framing, part headers, names, files, and what a shape and an encoding say of them.

The rule of these tests: bodies are written out byte by byte, so that the reader is not tested by its own writer.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.errors import UsageError
from assay.model import Encoding, Parameter, Shape
from assay.wire.multipart import FilePart, Multipart, read_multipart, write_multipart
from assay.wire.parts import HEAD_LIMIT, MOST_PARTS
from assay.wire.problem import Problem

TYPE = "multipart/form-data; boundary=XX"
TEXT = Shape(frozenset({"string"}))
WHOLE = Shape(frozenset({"integer"}))
FORM = Shape(
    frozenset({"object"}),
    properties={
        "model": TEXT,
        "n": WHOLE,
        "stream": Shape(frozenset({"boolean"})),
        "file": TEXT,
        "image": Shape(frozenset({"string", "array"}), items=TEXT),
        "tags": Shape(frozenset({"array"}), items=TEXT),
        "metadata": Shape(frozenset({"object"}), additional=TEXT),
    },
)


def part(head: str, data: bytes = b"v") -> bytes:
    """One part with its boundary line; ``head`` in lines."""
    return b"--XX\r\n" + "".join(f"{line}\r\n" for line in head.split("\n") if line).encode() + b"\r\n" + data + b"\r\n"


def named(name: str, data: bytes = b"v", more: str = "") -> bytes:
    """One part with a name."""
    return part(f'Content-Disposition: form-data; name="{name}"{more}', data)


def read(*parts: bytes, how: dict[str, Encoding] | None = None, shape: Shape | None = FORM) -> Multipart:
    """Read a body of the given parts, which must be readable."""
    found = read_multipart(b"".join(parts) + b"--XX--\r\n", TYPE, shape, how or {})
    assert isinstance(found, Multipart), found
    return found


def test_fields_take_the_types_of_the_shape() -> None:
    """Texts become integers and booleans where the shape says so, and stay texts elsewhere."""
    found = read(named("model", b"gpt"), named("n", b"3"), named("stream", b"true"), named("x", "ü\r\n".encode()))
    assert found.candidates[0] == {"model": "gpt", "n": 3, "stream": True, "x": "ü\r\n"}
    assert found.files == ()
    assert read(named("n", b"1_0")).candidates == ({"n": "1_0"},)
    assert read().candidates == ({},)
    assert read(named("n", b"1"), shape=None).candidates == ({"n": "1"},)


def test_a_file_is_a_string_of_its_bytes() -> None:
    """A part with a file name is a file, whatever its media type; its string has one character for each byte."""
    head = 'Content-Disposition: form-data; name="file"; filename="a.bin"\nContent-Type: application/json'
    found = read(part(head, b"\x00\xff\r\n--X"))
    assert found.candidates == ({"file": "\x00\xff\r\n--X"},)
    assert found.files == (FilePart("file", "a.bin", "application/json", b"\x00\xff\r\n--X", "file"),)
    assert "a.bin" not in repr(found.files)
    bare = read(part('Content-Disposition: form-data; name="file"\nContent-Type: image/png', b"\x89"))
    assert bare.files[0].filename is None
    assert read(named("file", b"", '; filename=""')).files[0].filename == ""


def test_arrays_and_objects() -> None:
    """Names that repeat and names with brackets make arrays and objects; one name alone may be either."""
    file = '; filename="a"'
    found = read(named("image[]", b"1", file), named("image[]", b"2", file))
    assert found.candidates == ({"image": ["1", "2"]},)
    assert [one.field for one in found.files] == ["image", "image"]
    assert found.files[0].name == "image[]"
    assert read(named("image", b"1", file), named("image", b"2", file)).candidates == ({"image": ["1", "2"]},)
    assert {"image": "1"} in read(named("image", b"1", file)).candidates
    assert {"image": ["1"]} in read(named("image", b"1", file)).candidates
    assert read(named("metadata[a]", b"1"), named("metadata[b]", b"x")).candidates == (
        {"metadata": {"a": "1", "b": "x"}},
    )
    assert read(named("tags[0]", b"a"), named("tags[1]", b"b")).candidates == ({"tags": ["a", "b"]},)
    assert read(named("model", b"a"), named("model", b"b")).candidates == ({"model": ["a", "b"]},)


def test_json_parts() -> None:
    """A part may say that it is JSON, or the encoding may say it for a part that says nothing."""
    said = part('Content-Disposition: form-data; name="metadata"\nContent-Type: application/json', b'{"a": "b"}')
    assert read(said).candidates == ({"metadata": {"a": "b"}},)
    how = {"metadata": Encoding(content_types=("application/json",))}
    assert read(named("metadata", b'{"a": "b"}'), how=how).candidates == ({"metadata": {"a": "b"}},)
    assert read(named("metadata", b'{"a": "b"}')).candidates[0] == {"metadata": {"a": "b"}}
    assert problem(named("metadata", b"{"), how=how).at.startswith("part 1")


@pytest.mark.parametrize(
    ("head", "name", "filename"),
    [
        ('Content-Disposition: form-data; name="a%22b%0D%0Ac%41"', 'a"b\r\nc%41', None),
        ("content-disposition:form-data;name=a;filename=b", "a", "b"),
        ('Content-Disposition: form-data; name="a\\"b"; filename="C;\\\\x.png"', 'a"b', "C;\\x.png"),
        ('Content-Disposition: FORM-DATA; name="ü"; filename="日本.png"', "ü", "日本.png"),
        ("Content-Disposition: form-data; name=a; filename=x; filename*=UTF-8''%e2%82%ac.png", "a", "€.png"),
        ("Content-Disposition: form-data; name=a; filename*=iso-8859-1'en'%e9", "a", "é"),
        ('Content-Disposition: form-data;\n name="a"', "a", None),
        ('X-Other: 1\nContent-Disposition: form-data; name=""', "", None),
    ],
)
def test_names(head: str, name: str, filename: str | None) -> None:
    """Names are read as browsers and as RFC 7578 write them."""
    found = read(part(head), shape=None)
    assert found.candidates == ({name: "v"},)
    assert (found.files[0].filename if found.files else None) == filename


@pytest.mark.parametrize(
    ("encoding", "raw", "data"),
    [
        ("base64", b"aGVs\r\nbG8=", "hello"),
        ("BASE64", b"", ""),
        ("quoted-printable", b"a=20b=\r\nc", "a bc"),
        ("binary", b"a=20", "a=20"),
        ("7bit", b"a", "a"),
        ("8bit", b"a", "a"),
    ],
)
def test_transfer_encodings(encoding: str, raw: bytes, data: str) -> None:
    """The data is what was meant, not how it travelled."""
    head = f'Content-Disposition: form-data; name="model"\nContent-Transfer-Encoding: {encoding}'
    assert read(part(head, raw)).candidates == ({"model": data},)


def test_framing_beyond_the_plain() -> None:
    """Preamble, epilogue, blanks after a boundary, a boundary that begins a line of data, a missing last line end."""
    body = b"preamble\r\n--XX \t\r\n" + named("a", b"\r\n--XXX\r\n--X\r\n--XX-\r\n")[6:] + b"--XX--\r\nepilogue --XX"
    found = read_multipart(body, TYPE, None, {})
    assert isinstance(found, Multipart)
    assert found.candidates == ({"a": "\r\n--XXX\r\n--X\r\n--XX-\r\n"},)
    assert isinstance(read_multipart(named("a") + b"--XX--", TYPE, None, {}), Multipart)
    assert isinstance(read_multipart(b"--XX--", TYPE, None, {}), Multipart)
    quoted = read_multipart(named("a") + b"--XX--", 'Multipart/Form-Data; boundary="XX"', None, {})
    assert isinstance(quoted, Multipart)
    assert read(named("a", b"")).candidates[0] == {"a": ""}


def problem(
    *parts: bytes, how: dict[str, Encoding] | None = None, type_: str = TYPE, end: bytes = b"--XX--"
) -> Problem:
    """Read a body that must be unreadable."""
    found = read_multipart(b"".join(parts) + end, type_, FORM, how or {})
    assert isinstance(found, Problem), found
    return found


@pytest.mark.parametrize(
    ("parts", "end", "got"),
    [
        ([named("a")], b"", "without it"),
        ([named("a")], b"--XX\r\n", "without it"),
        ([named("a")[:-2]], b"--XX--", "without it"),
        ([], b"", "no boundary"),
        ([], b"--YY--", "no boundary"),
        ([named("a").replace(b"\r\n", b"\n")], b"--XX--", "no boundary"),
        ([part("X: 1")], b"--XX--", "none"),
        ([part("Content-Disposition: attachment; name=a")], b"--XX--", "another disposition"),
        ([part("Content-Disposition: form-data")], b"--XX--", "none"),
        ([part('Content-Disposition: form-data; name="SECRET')], b"--XX--", "none"),
        ([part("SECRET\nContent-Disposition: form-data; name=a")], b"--XX--", "another line"),
        ([b"--XX\r\nContent-Disposition: form-data; name=a\r\n"], b"--XX--", "headers without an end"),
        ([part("X: " + "y" * HEAD_LIMIT + "\nContent-Disposition: form-data; name=a")], b"--XX--", "more"),
        ([named("a")] * (MOST_PARTS + 1), b"--XX--", "more"),
        ([named("metadata"), named("metadata[a]")], b"--XX--", "both"),
        ([named("model", b"SECRET\xff")], b"--XX--", "bytes that are not"),
        ([named("a", more="; filename*=utf-7''x")], b"--XX--", "another encoding"),
        ([named("a", more="; filename*=SECRET")], b"--XX--", "another encoding"),
        ([named("a", b"SECRET\nContent-Type: text/plain")[:-2] + b"\n"], b"--XX--", "without it"),
        (
            [part('Content-Disposition: form-data; name="a"\nContent-Transfer-Encoding: base64', b"S%")],
            b"--XX--",
            "other",
        ),
        (
            [part('Content-Disposition: form-data; name="a"\nContent-Transfer-Encoding: SECRET')],
            b"--XX--",
            "another one",
        ),
        (
            [part('Content-Disposition: form-data; name="a"\nContent-Type: application/json', b"SECRET")],
            b"--XX--",
            "stand",
        ),
    ],
)
def test_unreadable(parts: list[bytes], end: bytes, got: str) -> None:
    """Each break of the framing and of a part is told, and nothing of the body is repeated."""
    found = problem(*parts, end=end)
    assert got in found.got
    assert "SECRET" not in str(found)


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", f"multipart/form-data; boundary={'x' * 71}",
     'multipart/form-data; boundary="a "', 'multipart/form-data; boundary="é"', ""],
)  # fmt: skip
def test_a_boundary_is_wanted(content_type: str) -> None:
    """A missing or impossible boundary is a problem."""
    assert "boundary" in problem(named("a"), type_=content_type).expected


def test_a_part_must_fit_its_encoding() -> None:
    """The media type and the required headers of an Encoding Object are held."""
    how = {"file": Encoding(content_types=("image/png", "image/jpeg"))}
    head = 'Content-Disposition: form-data; name="file"; filename="a"\nContent-Type: '
    assert read(part(head + "image/png"), how=how).files
    assert read(part(head + "image/png; a=b"), how={"file": Encoding(content_types=("image/*",))}).files
    assert read(named("file", more='; filename="a"'), how=how).files
    found = problem(part(head + "text/html"), how=how)
    assert found == Problem("image/png or image/jpeg for file", "another media type", "part 1")
    many = {"image": Encoding(content_types=("image/png",))}
    assert problem(part(head.replace('"file"', '"image[]"') + "text/html"), how=many).at == "part 1"
    header = Encoding(headers=(Parameter("X-Id", "header", None, required=True),))
    assert "X-Id" in problem(part(head + "image/png"), how={"file": header}).expected
    assert read(part(head + "image/png\nx-id: 1"), how={"file": header}).files


def test_an_encoding_may_put_items_side_by_side() -> None:
    """A style that is not exploded splits the text of a part."""
    assert read(named("tags", b"a,b%2C"), how={"tags": Encoding(style="form", explode=False)}).candidates[0] == {
        "tags": ["a", "b%2C"]
    }


def test_large_bodies_take_linear_time() -> None:
    """Bodies made to be slow are read or refused in bounded time."""
    near = b"\r\n--XX" * 700_000
    blank = part("X:" + " " * (HEAD_LIMIT - 80) + "x\nContent-Disposition: form-data; name=a")
    for body in (
        blank * 200,
        named("a", near + b"X"),
        named("a", b"\r\n" * 2_000_000),
        b"--XX\r\n" * 800_000,
        near + b"Y",
    ):
        begun = time.perf_counter()
        read_multipart(body + b"\r\n--XX--", TYPE, FORM, {})
        assert time.perf_counter() - begun < 3


names = st.text(st.characters(exclude_characters="%[]", exclude_categories=("Cs", "Cc")), min_size=1, max_size=5)
fields = st.dictionaries(names, st.text(max_size=6) | st.lists(st.text(max_size=4), min_size=1, max_size=3), max_size=3)
files = st.lists(
    st.builds(FilePart, names.map("f".__add__), names, st.just("image/png"), st.binary(max_size=12)), max_size=2
)


def test_reading_undoes_writing() -> None:
    """Fields and files come back as they were written."""
    seen = {"fields": 0, "files": 0}

    @settings(max_examples=200, deadline=None, database=None)
    @given(fields, files)
    def undone(some: dict[str, Any], sent: list[FilePart]) -> None:
        found = read_multipart(
            write_multipart(some, sent, "BoUnDaRy"), "multipart/form-data; boundary=BoUnDaRy", None, {}
        )
        assert isinstance(found, Multipart), found
        assert [(one.name, one.filename, one.content_type, one.data) for one in found.files] == [
            (one.name, one.filename, one.content_type, one.data) for one in sent
        ]
        taken = {one.name for one in sent}
        for name, value in some.items():
            if name not in taken:
                assert any(candidate[name] == value for candidate in found.candidates)
        seen["fields"] += bool(some)
        seen["files"] += bool(sent)

    undone()
    assert min(seen.values()) > 50, seen


def test_writing_is_exact() -> None:
    """The same arguments give the same bytes, and a boundary inside the data is refused."""
    body = write_multipart(
        {"tags": ["a"], "metadata": {"k": 1}, "x[]": ["y"]}, [FilePart("f", 'a"b', "image/png", b"P")], "B"
    )
    assert body == (
        b'--B\r\nContent-Disposition: form-data; name="tags[]"\r\n\r\na\r\n'
        b'--B\r\nContent-Disposition: form-data; name="metadata[k]"\r\n\r\n1\r\n'
        b'--B\r\nContent-Disposition: form-data; name="x[]"\r\n\r\ny\r\n'
        b'--B\r\nContent-Disposition: form-data; name="f"; filename="a%22b"\r\nContent-Type: image/png\r\n\r\nP\r\n'
        b"--B--\r\n"
    )
    with pytest.raises(UsageError):
        write_multipart({"a": "x--B"}, [], "B")


def test_noise_is_read_or_refused() -> None:
    """Whatever is damaged in a sound body, reading gives objects or a problem."""
    seen = {"read": 0, "refused": 0}
    sound = named("model") + named("image[]", b"12", '; filename="a"') + named("metadata[a]", b"1") + b"--XX--\r\n"

    @settings(max_examples=500, deadline=None, database=None)
    @given(st.integers(0, len(sound)), st.binary(max_size=3), st.integers(0, 3))
    def tried(at: int, noise: bytes, gone: int) -> None:
        found = read_multipart(sound[:at] + noise + sound[at + gone :], TYPE, FORM, {})
        seen["refused" if isinstance(found, Problem) else "read"] += 1

    tried()
    assert min(seen.values()) > 50, seen
