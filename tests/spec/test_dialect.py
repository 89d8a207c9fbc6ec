"""Schemas of OpenAPI 3.0 and 3.1 into JSON Schema 2020-12."""

from __future__ import annotations

import copy

import jsonschema_rs
import pytest

from assay.errors import DescriptionError
from assay.spec.dialect import convert
from assay.spec.load import load_api


def compiled(schema, version="3.1.0", **schemas):
    """Return a function that says whether a value is valid, and the repairs."""
    document = {
        "openapi": version,
        "info": {"title": "t", "version": "1"},
        "paths": {},
        "components": {"schemas": {"S": schema, **schemas}},
    }
    api = load_api(document)
    registry = jsonschema_rs.Registry(list(api.documents.items()))
    reference = f"{api.root}#/components/schemas/S"
    return jsonschema_rs.Draft202012Validator({"$ref": reference}, registry=registry).is_valid, api.repairs


NULLABLE = {"type": "object", "nullable": True}


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0", "3.2.0"])
@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string", "nullable": True}, "a", 1),
        ({"type": "string", "enum": ["a"], "nullable": True}, "a", "b"),
        ({"nullable": True, "oneOf": [{"type": "string"}, {"type": "integer"}]}, 1, 1.5),
        ({"nullable": True, "oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/N"}]}, {}, 1.5),
        ({"nullable": True, "anyOf": [{"type": "string"}, {"type": "integer"}]}, "a", []),
        ({"nullable": True, "allOf": [{"$ref": "#/components/schemas/O"}]}, {}, 1),
        ({"nullable": True, "allOf": [{"$ref": "#/components/schemas/N"}, {"type": "object"}]}, {}, 1),
        ({"nullable": True, "allOf": [{"type": "object"}, {"enum": [{}]}]}, {}, {"a": 1}),
        ({"nullable": True, "$ref": "#/components/schemas/O"}, {}, 1),
        ({"nullable": True, "$ref": "#/components/schemas/N"}, {}, 1),
    ],
)
def test_nullable_admits_null_and_nothing_else(version, schema, good, bad) -> None:
    """Wherever nullable stands, null becomes valid, what was valid stays so, and the rest stays invalid."""
    is_valid, repairs = compiled(copy.deepcopy(schema), version, O={"type": "object"}, N=dict(NULLABLE))
    assert is_valid(None)
    assert is_valid(good)
    assert not is_valid(bad)
    assert any("nullable" in repair.reason for repair in repairs)


def test_nullable_false_and_a_property_of_that_name_change_nothing() -> None:
    """Nullable false says nothing, and a property called nullable is a property."""
    is_valid, _ = compiled({"type": "object", "nullable": False, "properties": {"nullable": {"type": "boolean"}}})
    assert is_valid({"nullable": True})
    assert not is_valid({"nullable": 1})
    assert not is_valid(None)


def test_data_is_never_changed() -> None:
    """What example, default, enum, const and x- fields hold is data, however much it looks like a schema."""
    look = {"type": "string", "nullable": True, "required": ["a", "a"]}
    schema = {"enum": [look], "default": look, "example": look, "examples": [look], "x-a": look, "const": look}
    api = load_api(
        {
            "openapi": "3.1.0",
            "info": {},
            "paths": {},
            "components": {"schemas": {"S": schema}, "examples": {"E": {"value": look}}},
        }
    )
    assert api.documents[api.root]["components"]["schemas"]["S"] == schema
    assert api.repairs == ()


@pytest.mark.parametrize(
    ("schema", "valid", "invalid"),
    [
        ({"minimum": 1, "exclusiveMinimum": True}, 1.5, 1),
        ({"maximum": 1, "exclusiveMaximum": True}, 0.5, 1),
        ({"minimum": 1, "exclusiveMinimum": False}, 1, 0),
        ({"maximum": 9223372036854776000}, 2**63 - 1, 2**63),
        ({"minimum": -9223372036854776000}, -(2**63), -(2**63) - 1),
        ({"maximum": 9.223372036854776e18}, 2**63 - 1, 2**63),
        ({"minimum": "3"}, 3, 2),
        ({"type": "integer", "default": "inf"}, 1, "inf"),
        ({"type": "number", "maximum": ".inf"}, 1e300, "a"),
        ({"required": ["a", "a"]}, {"a": 1}, {}),
        ({"type": "string", "required": True}, "a", 1),
        ({"type": "file"}, "a", 1),
        ({"type": ["string", "string"]}, "a", 1),
        ({"type": "array", "items": [{"type": "string"}], "additionalItems": False}, ["a"], ["a", "b"]),
        ({"dependencies": {"a": ["b"]}}, {"a": 1, "b": 1}, {"a": 1}),
        ({"type": "string", "pattern": "(?i)a(?<b"}, "a", 1),
        ({"minLength": -1, "type": "string"}, "", 1),
        ({"type": "object", "properties": None}, {}, 1),
        ({"type": "object", "properties": {"a": None}}, {"a": 1}, 1),
        ({"enum": "a"}, "a", "b"),
        ({"multipleOf": 0, "type": "integer"}, 1, "a"),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "string"}, "a", 1),
    ],
)
def test_each_idiom_means_what_its_author_meant(schema, valid, invalid) -> None:
    """Each old or broken form compiles, decides as meant, and is listed as a repair."""
    is_valid, repairs = compiled(dict(schema))
    assert is_valid(valid)
    assert not is_valid(invalid)
    assert len(repairs) == 1
    assert repairs[0].by == "dialect"
    assert repairs[0].target.startswith("#/components/schemas/S")


def test_siblings_of_a_reference_count_by_version() -> None:
    """OpenAPI 3.0 ignores what stands beside $ref, 3.1 does not."""
    schema = {"$ref": "#/components/schemas/T", "minLength": 2}
    assert compiled(dict(schema), "3.0.3", T={"type": "string"})[0]("a")
    assert not compiled(dict(schema), "3.1.0", T={"type": "string"})[0]("a")


def test_a_discriminator_decides_nothing() -> None:
    """A discriminator without a mapping stays an annotation."""
    schema = {"oneOf": [{"$ref": "#/components/schemas/T"}], "discriminator": {"propertyName": "kind"}}
    is_valid, _ = compiled(schema, T={"type": "object", "properties": {"kind": {"enum": ["t"]}}})
    assert is_valid({"kind": "t"})
    assert not is_valid({"kind": "T"})


def test_identifiers_and_anchors_become_pointers() -> None:
    """References by $id, $anchor, $dynamicRef and $recursiveRef resolve offline."""
    one = {
        "$id": "https://example.com/tree",
        "type": "object",
        "$defs": {"leaf": {"$anchor": "leaf", "type": "integer"}},
    }
    one["properties"] = {"a": {"$ref": "#leaf"}, "b": {"$ref": "#/$defs/leaf"}, "c": {"$ref": "#/components/schemas/T"}}
    is_valid, _ = compiled(one, T={"type": "string"})
    assert is_valid({"a": 1, "b": 1, "c": "x"})
    for name in "abc":
        assert not is_valid({name: []})
    is_valid, _ = compiled({"$ref": "https://example.com/tree"}, A=one, T={})
    assert not is_valid({"a": "x"})
    for self_reference in ({"$recursiveRef": "#"}, {"$dynamicRef": "#node"}):
        schema = {
            "type": "object",
            "additionalProperties": self_reference,
            "$recursiveAnchor": True,
            "$dynamicAnchor": "node",
        }
        is_valid, _ = compiled(schema)
        assert is_valid({"a": {"b": {}}})
        assert not is_valid({"a": {"b": 1}})


@pytest.mark.parametrize("declared", ["https://example.com/mine", 3])
def test_an_unknown_dialect_is_refused(declared) -> None:
    """A dialect that Assay does not know is an error with its pointer, at the root and in a schema."""
    with pytest.raises(DescriptionError, match="#/jsonSchemaDialect"):
        load_api({"openapi": "3.1.0", "info": {}, "paths": {}, "jsonSchemaDialect": declared})
    with pytest.raises(DescriptionError, match=r"#/components/schemas/S/\$schema"):
        compiled({"$schema": declared})


def test_convert_is_idempotent() -> None:
    """A converted schema is already 2020-12: converting it again changes nothing."""
    schema = {"type": "string", "nullable": True, "enum": ["a"], "minimum": 1, "exclusiveMinimum": True}
    assert convert(schema, "3.1", lambda _: False)
    before = dict(schema)
    assert convert(schema, "3.1", lambda _: False) == []
    assert schema == before
