"""Shapes, canonical forms, and schemas that admit nothing."""

from __future__ import annotations

import pytest

from assay.errors import DescriptionError
from assay.schema.algebra import negate
from assay.schema.check import Schemas

URI = "file:///d.json"
DOCUMENT = {
    "tree": {"type": "object", "properties": {"next": {"$ref": "#/tree"}, "n": {"type": "integer"}}},
    "either": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "number"}}, {"const": None}]},
    "both": {"allOf": [{"type": ["integer", "string"]}, {"type": "number"}]},
    "map": {"type": "object", "additionalProperties": {"enum": ["a", True]}},
    "open": {"anyOf": [{"type": "string"}, {}]},
    "never": {
        "properties": {"a": {"type": "integer", "minimum": 3, "maximum": 2}, "b": {"$ref": "#/both"}, "c": False}
    },
    "number": {"type": "integer", "minimum": 3},
    "bad": {"properties": {"a": {"minimum": "x"}}},
}
SCHEMAS = Schemas({URI: DOCUMENT})


def test_shapes() -> None:
    """A shape holds the types through references, unions and allOf, and the parts of objects and arrays."""
    either = SCHEMAS.shape(f"{URI}#/either")
    assert either.types == {"string", "array", "null"}
    assert either.items is not None
    assert either.items.types == {"number"}
    assert SCHEMAS.shape(f"{URI}#/both").types == {"integer"}
    assert SCHEMAS.shape(f"{URI}#/open").types == frozenset()
    additional = SCHEMAS.shape(f"{URI}#/map").additional
    assert additional is not None
    assert additional.types == {"string", "boolean"}


def test_a_recursive_shape_is_cut() -> None:
    """A recursive schema has a shape of bounded depth."""
    shape, levels = SCHEMAS.shape(f"{URI}#/tree"), 0
    while "next" in shape.properties:
        assert shape.properties["n"].types in ({"integer"}, frozenset())
        shape, levels = shape.properties["next"], levels + 1
    assert 2 <= levels <= 10


def test_canonical_and_negation() -> None:
    """The canonical form follows references, and its negation admits what it rejects."""
    form = SCHEMAS.canonical(f"{URI}#/number")
    assert form.definitions()
    other = negate(next(iter(form.definitions().values())))
    assert other is not None
    assert other.satisfiability().value == "yes"
    with pytest.raises(DescriptionError):
        SCHEMAS.canonical(f"{URI}#/nope")


def test_schemas_that_admit_nothing_are_named() -> None:
    """A contradiction is reported by its reference; a literal false is meant."""
    assert SCHEMAS.unsatisfiable(f"{URI}#/never") == (f"{URI}#/never/properties/a",)
    assert SCHEMAS.unsatisfiable(f"{URI}#/either") == ()
    with pytest.raises(DescriptionError):
        SCHEMAS.unsatisfiable(f"{URI}#/bad")
