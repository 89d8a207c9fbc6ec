"""The server's small writers: JSON values for schemas, texts for patterns, tokens."""

from __future__ import annotations

import re

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.reference.images import png
from assay.reference.patterns import example
from assay.reference.text import Source, count, tokens
from assay.reference.values import CannotWrite, write

TREE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "kids": {"type": "array", "items": {"$ref": "#"}}},
    "required": ["name"],
}
SCHEMAS = [
    {},
    {"type": "object"},
    TREE,
    {"type": "object", "properties": {"a": {"type": "integer", "minimum": 3, "multipleOf": 5}}, "required": ["a"]},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.5},
    {"type": "integer", "exclusiveMaximum": -7},
    {"type": "string", "minLength": 40, "maxLength": 41},
    {"type": "string", "pattern": "^[A-Z]{3}-[0-9]{2,}$"},
    {"type": "string", "enum": ["b", "a"]},
    {"type": ["string", "null"], "maxLength": 2},
    {"const": {"a": [1]}},
    {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "boolean"}, "minItems": 3}]},
    {"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "items": False, "minItems": 2},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    {"allOf": [{"$ref": "#/$defs/a"}, {"properties": {"y": {"type": "string"}}, "required": ["y"]}],
     "$defs": {"a": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]}}},
    {"oneOf": [{"type": "object", "properties": {"k": {"const": "a"}}, "required": ["k"]},
               {"type": "object", "properties": {"k": {"const": "b"}}, "required": ["k"]}]},
]  # fmt: skip


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
def test_values_satisfy_their_schema(schema) -> None:
    """The value validates, and is the same each time."""
    value = write(schema, Source("test"))
    jsonschema_rs.Draft202012Validator(schema).validate(value)
    assert write(schema, Source("test")) == value


@pytest.mark.parametrize(
    "schema",
    [{"type": "strin"}, {"$ref": "https://example.com/a"}, False, {"type": "string", "minLength": 10**9},
     {"type": "array", "minItems": 10**9}, {"$ref": "#/$defs/gone"},
     {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_written_is_refused(schema) -> None:
    """A wrong, remote, empty, endless or huge schema is refused at once."""
    with pytest.raises(CannotWrite):
        write(schema, Source("test"))


@pytest.mark.parametrize(
    "pattern", [r"^\d{5}$", r"[a-f0-9]+", r"^(cat|dog)s?$", r"[^a]b", r"\w+@\w+\.com", "", r"^\+?[1-9]{3}", r"x{0,3}y"]
)
def test_patterns_have_examples(pattern) -> None:
    """The example matches its pattern."""
    assert re.search(pattern, example(pattern))


@given(st.text())
def test_tokens_join_to_the_text_and_prefixes_are_stable(text) -> None:
    """Nothing is lost, and the first tokens are the tokens of the first part."""
    found = tokens(text)
    assert "".join(found) == text
    assert len(found) == count(text)
    for size in range(min(len(found), 5)):
        assert tokens("".join(found[:size])) == found[:size]


def test_a_png_has_its_size() -> None:
    """The header holds width and height, and the whole is small."""
    data = png(1792, 1024, b"\x10\x20\x30")
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert data[16:24] == (1792).to_bytes(4, "big") + (1024).to_bytes(4, "big")
    assert len(data) < 2000
    assert b"tRNS" not in data
    assert b"tRNS\0" in png(1, 1, b"\x10\x20\x30", clear=True)
