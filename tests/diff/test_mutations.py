"""Any one constraint of a schema taken away: the comparison finds it, both ways, with a witness that holds."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from assay.diff.compare import compare
from assay.spec.load import load_api

if TYPE_CHECKING:
    from collections.abc import Iterator

# A request with most of what JSON Schema has: bounds, unions told apart by tags, conditions, closed objects.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["model", "messages"],
    "additionalProperties": False,
    "properties": {
        "model": {"type": "string", "minLength": 1, "pattern": "^[a-z]*$"},
        "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 10},
        "messages": {
            "type": "array", "minItems": 1, "maxItems": 20,
            "items": {
                "oneOf": [
                    {"type": "object", "required": ["role", "content"],
                     "properties": {"role": {"const": "user"}, "content": {"type": "string", "maxLength": 50}}},
                    {"type": "object", "required": ["role"],
                     "properties": {"role": {"const": "assistant"}, "content": {"type": ["string", "null"]},
                                    "calls": {"type": "array", "items": {"$ref": "#/components/schemas/Call"}}}},
                ]
            },
        },
        "stop": {"anyOf": [{"type": "string", "maxLength": 9},
                           {"type": "array", "maxItems": 4, "items": {"type": "string", "minLength": 1}}]},
        "metadata": {"type": "object", "maxProperties": 3, "propertyNames": {"maxLength": 8},
                     "additionalProperties": {"type": "string", "maxLength": 12}},
        "temperature": {"type": "number", "minimum": 0, "exclusiveMaximum": 2},
        "tags": {"type": "array", "uniqueItems": True, "items": {"enum": ["a", "b", "c"]}},
        "stream": {"type": "boolean"},
    },
    "dependentRequired": {"metadata": ["stream"]},
    "if": {"required": ["model"], "properties": {"model": {"const": "tiny"}}},
    "then": {"properties": {"n": {"maximum": 2}}},
}  # fmt: skip
CALL: dict[str, Any] = {
    "type": "object", "required": ["id"],
    "properties": {"id": {"type": "string", "maxLength": 40}, "nested": {"$ref": "#/components/schemas/Call"}},
}  # fmt: skip
LOOSENED = (
    "type", "enum", "const", "pattern", "required", "additionalProperties", "uniqueItems", "propertyNames",
    "minimum", "maximum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties",
    "dependentRequired",
)  # fmt: skip


def described(schema: Any, call: Any) -> dict[str, Any]:
    """A description with one operation."""
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    post = {"operationId": "act", "requestBody": body, "responses": {"200": {"description": "fine"}}}
    whole = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/x": {"post": post}}}
    return {**whole, "components": {"schemas": {"Call": call}}}


def keywords(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all keywords that can be taken away; not those of conditions, which would then hold more often."""
    if isinstance(node, list):
        for number, inner in enumerate(node):
            yield from keywords(inner, (*path, number))
    elif isinstance(node, dict):
        for key, inner in node.items():
            if key in LOOSENED and path[-1:] != ("properties",) and (key != "additionalProperties" or inner is False):
                yield (*path, key)
            elif key != "if":
                yield from keywords(inner, (*path, key))


SITES = [("schema", *path) for path in keywords(SCHEMA)] + [("call", *path) for path in keywords(CALL)]


def without(path: tuple[Any, ...]) -> tuple[Any, Any]:
    """Both schemas with one keyword taken away."""
    both = copy.deepcopy({"schema": SCHEMA, "call": CALL})
    node: Any = both
    for step in path[:-1]:
        node = node[step]
    del node[path[-1]]
    return both["schema"], both["call"]


def judged(schemas: tuple[Any, Any], value: Any) -> bool:
    """The verdict of the independent engine."""
    whole = {"components": {"schemas": {"Call": schemas[1]}}, "allOf": [schemas[0]]}
    return jsonschema.Draft202012Validator(whole).is_valid(value)


@pytest.mark.parametrize("path", SITES, ids=lambda path: "/".join(map(str, path)))
def test_a_lost_constraint_is_found_both_ways(path: tuple[Any, ...]) -> None:
    """Taken away it lets more requests in, put back it refuses some; each time with a true witness."""
    strict, loose = (SCHEMA, CALL), without(path)
    for before, after, kind in ((loose, strict, "request-refused"), (strict, loose, "request-accepted")):
        found = compare(load_api(described(*before)), load_api(described(*after))).differences
        # Where just one branch may fit, a looser branch can also make the whole stricter.
        kinds = {one.kind for one in found}
        assert kinds == {kind} or ("oneOf" in path and kind in kinds)
        # A branch that may be anything is told by the union, or by what the other branch asks for.
        assert path[-1] in {one.rule for one in found} or {"oneOf", "anyOf"} & {*path}
        for one in found:
            assert judged((before, after)[one.refused_by == "before"], one.witness)
            assert not judged((before, after)[one.refused_by == "after"], one.witness)


def test_there_are_enough_sites() -> None:
    """The test above covers every keyword that it names."""
    assert {path[-1] for path in SITES} == {*LOOSENED}
    assert len(SITES) >= 40
