"""Values for single schemas: recursion ends, patterns translate, text stays readable, examples shrink."""

from __future__ import annotations

import re

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from assay.generate.dials import Dials
from assay.generate.patterns import translate
from assay.generate.values import invalid, valid

TREE = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}, "kids": {"items": {"$ref": "#"}}}}
CHAIN = {"type": "object", "required": ["next"], "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}}


def drawn(strategy, count: int = 40) -> list:
    """Draw some values."""
    seen: list = []

    @settings(max_examples=count, database=None, deadline=None, derandomize=True, phases=[Phase.generate])
    @given(strategy)
    def collect(value) -> None:
        seen.append(value)

    collect()
    return seen


@pytest.mark.parametrize(
    "schema",
    [
        TREE,
        CHAIN,
        {"type": "number", "multipleOf": 0.01, "exclusiveMinimum": 0.5, "maximum": 0.6},
        {"type": "integer", "minimum": 10**30},
        {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True, "minItems": 3},
        {"type": "array", "contains": {"multipleOf": 6}, "minContains": 2, "maxContains": 2,
         "items": {"type": "integer"}},
        {"type": "string", "pattern": "^[a-z]+$", "minLength": 40, "maxLength": 41},
        {"type": "string", "pattern": "^(?!red)[a-z]{3,}\\d$"},
        {"type": "object", "minProperties": 3, "propertyNames": {"pattern": "^x_"},
         "additionalProperties": {"type": "null"}},
        {"oneOf": [{"type": "integer"}, {"type": "number", "minimum": 2}]},
        {"allOf": [{"$ref": "#/$defs/a"}, {"if": {"required": ["a"]}, "then": {"required": ["b"]}}],
         "$defs": {"a": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"$ref": "#/$defs/a"}}}}},
        {"type": "string", "format": "date-time"},
    ],
    ids=lambda schema: str(sorted(schema))[:60],
)  # fmt: skip
def test_both_sides_of_hard_schemas(schema) -> None:
    """Schemas that defeat naive generation have values on both sides, all proved by the original schema."""
    ok = jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid
    canonical = jsonschema_rs.canonicalize(schema, validate_formats=True)
    good, bad = drawn(valid(canonical, check=ok)), drawn(invalid(canonical, check=ok))
    assert good
    assert bad
    assert all(map(ok, good))
    assert not any(map(ok, bad))


def test_a_schema_without_finite_values_has_none() -> None:
    """A list that must go on for ever has no strategy, and neither has the negation of the schema of everything."""
    link = {"type": "object", "required": ["n"], "properties": {"n": {"$ref": "#/$defs/a"}}}
    endless = {"$ref": "#/$defs/a", "$defs": {"a": link}}
    assert valid(jsonschema_rs.canonicalize(endless)).is_empty
    assert invalid(jsonschema_rs.canonicalize({})).is_empty


def test_examples_shrink_to_what_a_person_wants_to_read() -> None:
    """The smallest object that holds an optional property holds only that and what is required, in words."""
    parts = {"name": {"type": "string"}, "n": {"type": "integer"}, "tags": {"type": "array"}}
    schema = {"type": "object", "required": ["name"], "properties": parts}
    options = settings(database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    smallest = find(valid(jsonschema_rs.canonicalize(schema)), lambda value: "n" in value, settings=options)
    assert smallest == {"name": "a", "n": 0}


def test_text_is_readable_unless_the_dial_asks_for_more() -> None:
    """Without hostility every string is printable ASCII; with it some are not."""
    strings = jsonschema_rs.canonicalize({"type": "string"})
    assert all(text.isascii() and text.isprintable() for text in drawn(valid(strings, Dials(hostile=0.0)), 80))
    assert not all(text.isascii() and text.isprintable() for text in drawn(valid(strings, Dials(hostile=1.0)), 80))


def test_values_stay_small() -> None:
    """The dials bound depth and size, also where the schema recurses."""
    sizes = [len(str(value)) for value in drawn(valid(jsonschema_rs.canonicalize(TREE)), 100)]
    assert max(sizes) < 20_000
    assert len(set(sizes)) > 3


@pytest.mark.parametrize(
    ("pattern", "match", "miss"),
    [
        ("^\\d$", "5", "\u0665"),
        ("^\\cJ$", "\n", "J"),
        ("^\\p{L}+$", "abc", "12"),
        ("^[\\p{L}\\d]$", "7", "-"),
        ("^a\\/b$", "a/b", "ab"),
        ("^(?<y>\\d{2})\\k<y>$", "4242", "4243"),
        ("^\\u{1F9A6}$", "\U0001f9a6", "u"),
        ("^\\ud83e\\udda6$", "\U0001f9a6", "u"),
        ("^[^]$", "\n", ""),
        ("^a$", "a", "a\n"),
        ("^\\w+$", "a_1", "\u00e9"),
    ],
)
def test_ecma_patterns_become_python_patterns(pattern: str, match: str, miss: str) -> None:
    """The translation matches what ECMA-262 matches and no more."""
    compiled = re.compile(translate(pattern))
    assert compiled.search(match)
    assert not compiled.search(miss)


def test_strategies_compose() -> None:
    """A value's strategy is an ordinary Hypothesis strategy."""
    pairs = drawn(st.tuples(valid(jsonschema_rs.canonicalize({"type": "integer"})), st.booleans()), 10)
    assert all(isinstance(number, int) and isinstance(flag, bool) for number, flag in pairs)
