"""One kind of difference at a time: two small descriptions, both directions, the witness judged by another engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from assay.diff.compare import compare
from assay.diff.differences import MISSING
from assay.spec.load import load_api

if TYPE_CHECKING:
    from assay.diff.differences import Comparison

SAMPLE = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 5},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "n": {"type": "integer", "minimum": 0, "maximum": 9},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
    },
}


def described(schema: Any, components: dict[str, Any] | None = None, **operation: Any) -> dict[str, Any]:
    """A description with one operation that takes and gives back one schema."""
    content = {"application/json": {"schema": schema}}
    post = {
        "operationId": "act",
        "requestBody": {"required": True, "content": content},
        "responses": {"200": {"description": "fine", "content": content}},
        **operation,
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {"/x": {"post": post}},
        "components": {"schemas": components or {}},
    }


def compared(before: Any, after: Any, components: dict[str, Any] | None = None) -> Comparison:
    """Compare two schemas, each as a request and as a response."""
    return compare(load_api(described(before, components)), load_api(described(after, components)))


def admits(schema: Any, value: Any, components: dict[str, Any] | None = None) -> bool:
    """The verdict of the independent engine."""
    whole = {"$defs": {}, "components": {"schemas": components or {}}, "allOf": [schema]}
    return jsonschema.Draft202012Validator(whole).is_valid(value)


def changed(name: str, **keywords: Any) -> dict[str, Any]:
    """The sample with keywords of one property changed; None takes a keyword away."""
    part = {key: value for key, value in {**SAMPLE["properties"][name], **keywords}.items() if value is not None}
    return {**SAMPLE, "properties": {**SAMPLE["properties"], name: part}}


# What only the second description refuses: the looser schema, the stricter one, the keyword and the pointer's end.
KINDS: dict[str, tuple[Any, Any, str, str]] = {
    "type": ({"type": ["string", "null"]}, {"type": "string"}, "type", "/type"),
    "null": (changed("n", type=["integer", "null"]), SAMPLE, "type", "properties/n/type"),
    "number": (changed("n", type="number"), SAMPLE, "type", "properties/n/type"),
    "enum": (changed("kind", enum=["a", "b", "c"]), SAMPLE, "enum", "properties/kind/enum"),
    "opened enum": (changed("kind", enum=None), SAMPLE, "enum", "properties/kind/enum"),
    "const": (changed("kind", enum=None, const="c"), changed("kind", enum=None, const="d"), "const", "kind/const"),
    "minimum": (changed("n", minimum=-1), SAMPLE, "minimum", "properties/n/minimum"),
    "maximum": (changed("n", maximum=None), SAMPLE, "maximum", "properties/n/maximum"),
    "exclusive": (SAMPLE, changed("n", exclusiveMaximum=9), "exclusiveMaximum", "n/exclusiveMaximum"),
    "multiple": (SAMPLE, changed("n", multipleOf=2), "multipleOf", "n/multipleOf"),
    "minLength": (changed("name", minLength=None), SAMPLE, "minLength", "name/minLength"),
    "maxLength": (changed("name", maxLength=6), SAMPLE, "maxLength", "name/maxLength"),
    "pattern": (SAMPLE, changed("name", pattern="^[a-z]+$"), "pattern", "name/pattern"),
    "format": (changed("name", maxLength=None), changed("name", maxLength=None, format="date"), "format", "format"),
    "minItems": (SAMPLE, changed("tags", minItems=1), "minItems", "tags/minItems"),
    "maxItems": (changed("tags", maxItems=None), SAMPLE, "maxItems", "tags/maxItems"),
    "uniqueItems": (SAMPLE, changed("tags", uniqueItems=True), "uniqueItems", "tags/uniqueItems"),
    "items": (changed("tags", items={}), SAMPLE, "type", "tags/items/type"),
    "prefixItems": (
        {"type": "array"}, {"type": "array", "prefixItems": [{"type": "integer"}]}, "type", "prefixItems/0/type",
    ),
    "required": (SAMPLE, {**SAMPLE, "required": ["name", "n"]}, "required", "/required"),
    "closed": (SAMPLE, {**SAMPLE, "additionalProperties": False}, "additionalProperties", "/additionalProperties"),
    "lost property": (
        {**changed("n"), "additionalProperties": False},
        {**SAMPLE, "properties": {k: v for k, v in SAMPLE["properties"].items() if k != "n"},
         "additionalProperties": False},
        "additionalProperties", "/additionalProperties",
    ),
    "additional": (
        {"type": "object"}, {"type": "object", "additionalProperties": {"type": "string"}}, "type",
        "/additionalProperties/type",
    ),
    "propertyNames": (
        {"type": "object"}, {"type": "object", "propertyNames": {"maxLength": 3}}, "propertyNames", "/propertyNames",
    ),
    "minProperties": ({"type": "object"}, {"type": "object", "minProperties": 1}, "minProperties", "/minProperties"),
    "maxProperties": ({"type": "object"}, {"type": "object", "maxProperties": 2}, "maxProperties", "/maxProperties"),
    "not": (SAMPLE, {**SAMPLE, "not": {"required": ["n"]}}, "not", "/not"),
    "dependentRequired": (
        SAMPLE, {**SAMPLE, "dependentRequired": {"n": ["kind"]}}, "dependentRequired", "/dependentRequired",
    ),
    "then": (
        SAMPLE,
        {**SAMPLE, "if": {"required": ["kind"], "properties": {"kind": {"const": "a"}}},
         "then": {"properties": {"n": {"maximum": 3}}}},
        "maximum", "/then/properties/n/maximum",
    ),
    "else": (
        SAMPLE,
        {**SAMPLE, "if": {"required": ["kind"], "properties": {"kind": {"const": "a"}}}, "then": True,
         "else": {"required": ["n"]}},
        "required", "/else/required",
    ),
    "branch": (
        {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "array"}]},
        {"anyOf": [{"type": "string"}, {"type": "integer"}]}, "anyOf", "/anyOf",
    ),
    "tagged branch": (
        {"oneOf": [
            {"type": "object", "required": ["t"], "properties": {"t": {"const": "a"}, "n": {"type": "integer"}}},
            {"type": "object", "required": ["t"], "properties": {"t": {"const": "b"}, "n": {"type": "string"}}},
        ]},
        {"anyOf": [
            {"type": "object", "required": ["t"], "properties": {"t": {"const": "b"}, "n": {"type": "string"}}},
            {"type": "object", "required": ["t"],
             "properties": {"t": {"const": "a"}, "n": {"type": "integer", "maximum": 4}}},
        ]},
        "maximum", "/anyOf/1/properties/n/maximum",
    ),
    "exclusive branches": (
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "integer", "maximum": 9}]},
        {"oneOf": [{"type": "integer", "minimum": 0}, {"type": "integer", "maximum": 9}]}, "oneOf", "/oneOf",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_stricter_constraint_is_found_with_a_true_witness(kind: str) -> None:
    """What only the second refuses breaks callers, and readers the other way round; both witnesses hold."""
    loose, strict, keyword, end = KINDS[kind]
    for before, after, wanted in ((loose, strict, "request-refused"), (strict, loose, "response-new")):
        found = [one for one in compared(before, after).differences if one.kind == wanted]
        named = [one for one in found if one.rule == keyword and one.pointer.endswith(end)]
        assert named, [(one.rule, one.pointer) for one in found]
        for one in found:
            refusing = after if one.refused_by == "after" else before
            accepting = before if one.refused_by == "after" else after
            if kind != "format":
                assert admits(accepting, one.witness), one.witness
                assert not admits(refusing, one.witness), one.witness


def test_every_difference_is_told_once() -> None:
    """Three changed constraints in one schema are three differences, each at its own place."""
    after = {
        **SAMPLE,
        "required": ["name", "tags"],
        "properties": {
            **SAMPLE["properties"],
            "name": {"type": "string", "minLength": 1, "maxLength": 4},
            "tags": {"type": "array", "items": {"type": "string", "minLength": 2}, "maxItems": 3},
        },
    }
    told = [(one.place, one.rule) for one in compared(SAMPLE, after).differences if one.kind == "request-refused"]
    assert sorted(told) == [("body", "required"), ("body.name", "maxLength"), ("body.tags[0]", "minLength")]


NODE = {
    "Node": {
        "type": "object",
        "properties": {"value": {"type": "integer"}, "next": {"$ref": "#/components/schemas/Node"}},
    }
}

SAME: dict[str, tuple[Any, Any, dict[str, Any] | None]] = {
    "itself": (SAMPLE, SAMPLE, None),
    "inlined": ({"$ref": "#/components/schemas/S"}, SAMPLE, {"S": SAMPLE}),
    "flattened": (
        {"allOf": [{"type": "object", "required": ["name"]}, {"properties": SAMPLE["properties"]}]}, SAMPLE, None,
    ),
    "enum order": (changed("kind", enum=["b", "a"]), SAMPLE, None),
    "null branch": (
        {"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": ["string", "null"]}, None,
    ),
    "tagged": (
        {"oneOf": [
            {"type": "object", "required": ["t"], "properties": {"t": {"const": "a"}}},
            {"type": "object", "required": ["t"], "properties": {"t": {"const": "b"}}},
        ]},
        {"anyOf": [
            {"type": "object", "required": ["t"], "properties": {"t": {"enum": ["b"]}}},
            {"type": "object", "required": ["t"], "properties": {"t": {"enum": ["a"]}}},
        ]},
        None,
    ),
    "recursion": (
        {"$ref": "#/components/schemas/Node"},
        {"type": "object", "properties": {"value": {"type": "integer"}, "next": {"$ref": "#/components/schemas/Node"}}},
        NODE,
    ),
    "condition": (
        {**SAMPLE, "if": {"required": ["n"]}, "then": {"required": ["kind"]}},
        {**SAMPLE, "dependentRequired": {"n": ["kind"]}}, None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SAME)
def test_the_same_said_otherwise_is_no_difference(kind: str) -> None:
    """Neither a description against itself nor against an equal rewriting differs, in either order."""
    one, other, components = SAME[kind]
    for before, after in ((one, other), (other, one)):
        assert compared(before, after, components).differences == ()


def test_a_difference_in_a_recursive_schema_ends() -> None:
    """A constraint below a reference that leads back is told once, at its place."""
    loose = {**NODE["Node"], "properties": {**NODE["Node"]["properties"], "value": {}}}
    before, after = (
        described({"$ref": "#/components/schemas/Node"}, {"Node": loose}),
        described({"$ref": "#/components/schemas/Node"}, NODE),
    )
    found = compare(load_api(before), load_api(after)).differences
    assert [(one.kind, one.place, one.rule) for one in found] == [
        ("request-refused", "body.value", "type"),
        ("response-gone", "body.value", "type"),
    ]


def test_what_only_names_tell() -> None:
    """Operations, parameters, media types, statuses and a body that come and go are told, with their kind."""
    limit = {"name": "limit", "in": "query", "schema": {"type": "integer"}}
    old = described(SAMPLE, parameters=[limit])
    new = described(SAMPLE, parameters=[{**limit, "name": "size"}, {**limit, "name": "after", "required": True}])
    new["paths"]["/y"] = {"get": {"operationId": "look", "responses": {"200": {"description": "fine"}}}}
    new["paths"]["/x"]["post"]["responses"]["202"] = {"description": "later"}
    new["paths"]["/x"]["post"]["requestBody"]["content"] = {"text/plain": {}}
    told = {(one.kind, one.part) for one in compare(load_api(old), load_api(new)).differences}
    assert told == {
        ("operation-added", ""),
        ("parameter-removed", "parameter query limit"),
        ("parameter-added", "parameter query size"),
        ("request-refused", "parameter query after"),
        ("request-refused", "request application/json"),
        ("request-accepted", "request text/plain"),
        ("response-new", "response 202"),
    }
    back = {one.kind for one in compare(load_api(new), load_api(old)).differences}
    assert {"operation-removed", "response-gone"} <= back


def test_parameters_are_compared_as_they_are_written() -> None:
    """A bound of a parameter is found, and a number that is read as text is none; names in the path do not matter."""

    def with_parameters(path: str, *parameters: dict[str, Any]) -> dict[str, Any]:
        get = {"operationId": "get", "parameters": list(parameters), "responses": {"200": {"description": "fine"}}}
        return {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {path: {"get": get}}}

    path = {"in": "path", "required": True, "schema": {"type": "string"}}
    query = {"name": "n", "in": "query"}
    old = with_parameters("/x/{id}", {**path, "name": "id"}, {**query, "schema": {"type": "integer"}})
    new = with_parameters("/x/{key}", {**path, "name": "key"}, {**query, "schema": {"type": "integer", "maximum": 5}})
    text = with_parameters("/x/{id}", {**path, "name": "id"}, {**query, "schema": {"type": "string"}})
    [found] = compare(load_api(old), load_api(new)).differences
    assert (found.kind, found.place, found.rule) == ("request-refused", "query.n", "maximum")
    assert [one for one in compare(load_api(old), load_api(text)).differences if one.kind == "request-refused"] == []


def test_stream_events_are_compared() -> None:
    """A constraint of one event's data is told, whichever way the description writes events."""
    plain = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
    wrapped = {
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": {"type": "string", "contentMediaType": "application/json",
                     "contentSchema": {**plain, "required": ["id", "n"]}}
        },
    }  # fmt: skip

    def streaming(schema: dict[str, Any]) -> dict[str, Any]:
        made = described(SAMPLE)
        made["openapi"] = "3.2.0"
        content = {"text/event-stream": {"itemSchema": schema}}
        made["paths"]["/x"]["post"]["responses"]["200"]["content"] = content
        return made

    [found] = compare(load_api(streaming(wrapped)), load_api(streaming(plain))).differences
    assert (found.kind, found.place, found.rule) == ("response-new", "event", "required")
    assert found.witness is not MISSING


def test_a_shared_cause_is_told_once_with_its_operations() -> None:
    """A component that two operations use differs once, and both are named."""

    def twice(maximum: int) -> dict[str, Any]:
        made = described({"$ref": "#/components/schemas/S"}, {"S": changed("n", maximum=maximum)})
        other = {**made["paths"]["/x"]["post"], "operationId": "again"}
        made["paths"]["/y"] = {"post": other}
        return made

    found = compare(load_api(twice(9)), load_api(twice(7))).differences
    assert [(one.kind, one.operation, one.also) for one in found] == [
        ("request-refused", "act", ("again",)),
        ("response-gone", "act", ("again",)),
    ]
