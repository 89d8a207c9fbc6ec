"""Text into values: the YAML 1.2 core schema, JSON, and bounds."""

from __future__ import annotations

import time

import pytest

from assay.errors import DescriptionError
from assay.spec.notes import DEEPEST
from assay.spec.text import own, parse


def value(text: str | bytes, source: str = "x.yaml"):
    """Return the value of a text."""
    return parse(text, source)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("1_000", "1_000"),
        ("0o14", 12),
        ("014", 14),
        ("0x1F", 31),
        ("+7", 7),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("-", ["-"]),
        ("~", None),
        ("Null", None),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("'true'", "true"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("!!float 1", 1),
        ("9223372036854775808", 9223372036854775808),
        ("9" * 60, int("9" * 60)),
        (".inf", ".inf"),
        ("1e400", "1e400"),
        ("=", "="),
        ("1.2.3", "1.2.3"),
    ],
)
def test_plain_scalars_follow_the_core_schema(text, expected) -> None:
    """Each scalar means what YAML 1.2.2, 10.3.2 says; what JSON cannot hold stays text."""
    if text == "-":
        text, expected = "- '-'", ["-"]
        assert value(text) == expected
        return
    got = value(f"a: {text}")["a"]
    assert got == expected
    assert type(got) is type(expected)


def test_keys_are_strings_whatever_they_look_like() -> None:
    """A status code, a boolean and a quoted name are names when they are keys."""
    assert value("200: a\non: b\n'x': c\nnull: d\n1.0: e") == {"200": "a", "on": "b", "x": "c", "null": "d", "1.0": "e"}


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3\n", '{"a": 1, "b": 2, "a": 3}'])
def test_a_duplicate_key_counts_last_and_is_a_repair(text) -> None:
    """The last of two equal keys wins, and the repair names the key."""
    got, repairs = parse(text, "x.yaml")
    assert got == {"a": 3, "b": 2}
    assert [(repair.count, repair.target[0]) for repair in repairs] == [(1, "a")]


def test_aliases_are_copies() -> None:
    """Two places never share one object, so changing one leaves the other."""
    got = value("a: &x {k: [1]}\nb: *x\n")
    assert got == {"a": {"k": [1]}, "b": {"k": [1]}}
    assert got["a"] is not got["b"]
    assert got["a"]["k"] is not got["b"]["k"]


def test_merge_keys_merge_and_are_a_repair() -> None:
    """The old merge key works, a key written out wins over a merged one, and the repair says so."""
    got, repairs = parse("base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n", "x.yaml")
    assert got["use"] == {"x": 1, "y": 3}
    assert "<<" in repairs[0].reason


def test_an_alias_bomb_is_refused_quickly() -> None:
    """A thousand million values from ten lines end in an error in well under a few seconds."""
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    began = time.process_time()
    with pytest.raises(DescriptionError, match="aliases unfold"):
        value("\n".join(lines))
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [*x]", "inside its own anchor, at line 1"),
        ("a: *nothing", "anchor"),
        ("a: [1\nb: 2", "line 2"),
        ("a: !!binary aGk=", "!!binary|binary.*line 1"),
        ("a: !!python/object:os.system x", "means nothing in JSON"),
        ("? [a]\n: b", "a key must be a string"),
        ("a: 1\n---\nb: 2", "second document"),
        ("a: !!int x", "is not one"),
        ("<<: 3", "takes an object"),
        ("a:\n\t- b", "line 2"),
        ("# nothing\n", "holds no document"),
        ("  \n", "empty"),
    ],
)
def test_broken_yaml_is_one_error_with_its_line(text, message) -> None:
    """Whatever is wrong with the text, one DescriptionError says what and where."""
    with pytest.raises(DescriptionError, match=message):
        value(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,}', "line 1, column"),
        ('{"a":\n  nul}', "line 2"),
        ("[" * 100_000, "."),
        ('{"a": "\\ud800"}', "surrogate"),
        ('{"a": ' + "9" * 5000 + "}", "4,300"),
    ],
)
def test_broken_json_is_one_error(text, message) -> None:
    """JSON that cannot be read is a DescriptionError too, with line and column where there is one."""
    with pytest.raises(DescriptionError, match=message):
        value(text, "x.json")


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000 + "x", "{a: " * 5_000 + "1"])
def test_depth_is_bounded_in_yaml(text) -> None:
    """A deeply nested text is refused and does not end the process."""
    with pytest.raises(DescriptionError, match=f"{DEEPEST}"):
        value(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    """A binary file is named as such."""
    for data in (b"\x89PNG\r\n\x1a\n\0\0", b"a: \0", b"\xff\xd8\xff"):
        with pytest.raises(DescriptionError, match="not text"):
            value(data)


def test_byte_order_marks_are_read() -> None:
    """UTF-8 and UTF-16 with a mark are text like any other."""
    assert value("\ufeffa: ü".encode()) == {"a": "ü"}
    assert value("a: ü".encode("utf-16")) == {"a": "ü"}


def test_a_flow_mapping_that_is_not_json_is_yaml() -> None:
    """Text that begins with a brace is JSON or else YAML."""
    assert value("{a: 1, 'b': [on]}") == {"a": 1, "b": ["on"]}


def test_own_copies_and_refuses_what_is_not_json() -> None:
    """A dict from Python is copied with string keys; a set, a cycle or an odd key is refused."""
    given = {200: [{"a": (1, 2)}]}
    got = own(given, "d")
    assert got == {"200": [{"a": [1, 2]}]}
    assert got["200"][0] is not given[200][0]
    loop: list = []
    loop.append(loop)
    for bad in ({"a": {1}}, loop, {None: 1}, {"a": object()}):
        with pytest.raises(DescriptionError):
            own(bad, "d")
