"""Form bodies: texts to candidate objects by shape and encoding, and back.

The rule of these tests: each names the body as it stands on the wire.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.model import Encoding, Shape
from assay.wire.forms import read_form, write_form
from assay.wire.problem import Problem


def shape(*types: str, **more: Any) -> Shape:
    """A shape of the given types."""
    return Shape(frozenset(types), **more)


TEXT, WHOLE = shape("string"), shape("integer")
PERSON = shape("object", properties={"first": TEXT, "age": WHOLE})
FORM = shape(
    "object",
    properties={
        "name": TEXT,
        "age": WHOLE,
        "tags": shape("array", items=TEXT),
        "ids[]": shape("array", items=WHOLE),
        "person": PERSON,
        "ok": shape("boolean"),
        "either": shape("integer", "string"),
    },
)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"", {}),
        (b"name=Ann+B%26%3D&age=7&ok=true", {"name": "Ann B&=", "age": 7, "ok": True}),
        (b"tags=a%2Cb&tags=c", {"tags": ["a,b", "c"]}),
        (b"tags=a", {"tags": ["a"]}),
        (b"tags[]=a&tags%5B%5D=b", {"tags": ["a", "b"]}),
        (b"ids[]=1&ids[]=2", {"ids[]": [1, 2]}),
        (b"person=%7B%22first%22%3A%22x%22%7D", {"person": {"first": "x"}}),
        (b"person[first]=x&person[age]=3", {"person": {"first": "x", "age": 3}}),
        (b"age=1_0", {"age": "1_0"}),
        (b"age=1&age=2", {"age": ["1", "2"]}),
        (b"either=5", {"either": 5}),
        (b"unknown=1&flag", {"unknown": "1", "flag": ""}),
    ],
)
def test_read(body: bytes, value: Any) -> None:
    """The first candidate is the most specific reading."""
    found = read_form(body, FORM, {})
    assert isinstance(found, tuple)
    assert found[0] == value


def test_an_ambiguous_property_gives_both_objects() -> None:
    """A property that may be an integer or a string gives two objects."""
    assert read_form(b"either=5", FORM, {}) == ({"either": 5}, {"either": "5"})


@pytest.mark.parametrize(
    ("how", "body", "value"),
    [
        (Encoding(style="form", explode=False), b"tags=a,b%2Cc", ["a", "b,c"]),
        (Encoding(style="pipeDelimited"), b"tags=a%7Cb", ["a", "b"]),
        (Encoding(style="spaceDelimited", explode=False), b"tags=a%20b", ["a", "b"]),
        (Encoding(explode=True), b"tags=a&tags=b", ["a", "b"]),
        (Encoding(content_types=("application/json",)), b"tags=%5B%22a%22%5D", ["a"]),
    ],
)
def test_encodings_of_an_array(how: Encoding, body: bytes, value: list[str]) -> None:
    """Style and explode decide where they are given, else the content type."""
    found = read_form(body, FORM, {"tags": how})
    assert isinstance(found, tuple)
    assert found[0] == {"tags": value}


def test_encodings_of_an_object() -> None:
    """An object may stand in brackets, as JSON, or as properties side by side."""
    expected = {"person": {"first": "x", "age": 3}, "name": "n"}
    for how, body in (
        (Encoding(style="deepObject", explode=True), b"person[first]=x&person[age]=3&name=n"),
        (Encoding(content_types=("application/json",)), b"person=%7B%22first%22:%22x%22,%22age%22:3%7D&name=n"),
        (Encoding(style="form", explode=True), b"first=x&age=3&name=n"),
    ):
        found = read_form(body, FORM, {"person": how})
        assert isinstance(found, tuple)
        assert found[0] == expected


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"name=%zz", {}),
        (b"%zz=1", {}),
        (b"name=%ff", {}),
        ("name=é".encode(), {}),
        (b"person=1&person[first]=x", {}),
        (b"person=%7B", {"person": Encoding(content_types=("application/json",))}),
    ],
)
def test_unreadable(body: bytes, encoding: dict[str, Encoding]) -> None:
    """Broken encoding, broken JSON and names that contradict each other are problems."""
    assert isinstance(read_form(body, FORM, encoding), Problem)


values = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=5),
        "age": st.integers(),
        "tags": st.lists(st.text(max_size=4), min_size=1, max_size=3),
        "ids[]": st.lists(st.integers(), min_size=1, max_size=3),
        "person": st.fixed_dictionaries({"first": st.text(max_size=3), "age": st.integers()}),
        "ok": st.booleans(),
    },
)
HOWS = (Encoding(), Encoding(style="deepObject", explode=True), Encoding(content_types=("application/json",)))


@settings(max_examples=200, deadline=None, database=None)
@given(values, st.sampled_from(HOWS))
def test_reading_undoes_writing(value: dict[str, Any], how: Encoding) -> None:
    """The object that was written is among the candidates."""
    encoding = {"person": how}
    found = read_form(write_form(value, FORM, encoding), FORM, encoding)
    assert isinstance(found, tuple)
    assert value in found


def test_noise_is_read_or_refused() -> None:
    """Whatever the bytes, reading gives objects or a problem."""
    seen = {"read": 0, "refused": 0}

    @settings(max_examples=500, deadline=None, database=None)
    @given(st.text(st.sampled_from('persontags[]=&%2C+{}"1é'), max_size=30), st.sampled_from(HOWS))
    def tried(text: str, how: Encoding) -> None:
        found = read_form(text.encode(), FORM, {"person": how, "tags": how})
        seen["refused" if isinstance(found, Problem) else "read"] += 1
        assert isinstance(found, Problem) or all(isinstance(value, dict) for value in found)

    tried()
    assert min(seen.values()) > 50, seen
