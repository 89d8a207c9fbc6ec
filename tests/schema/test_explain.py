"""Messages: the phrases, the branch of a union that is explained, the order, and that values stay hidden."""

from __future__ import annotations

from typing import Any

import pytest

from assay.schema.check import Schemas

URI = "file:///d.json"
FUNCTION = {
    "type": "object",
    "properties": {"type": {"const": "function"}, "name": {"type": "string"}},
    "required": ["type", "name"],
}
CUSTOM = {
    "type": "object",
    "properties": {"type": {"enum": ["custom"]}, "input": {"type": "integer"}},
    "required": ["type", "input"],
}
NESTED = {"oneOf": [{"anyOf": [FUNCTION, CUSTOM]}, {"type": "array", "items": {"oneOf": [FUNCTION, CUSTOM]}}]}


def explained(schema: Any, value: Any, **options: Any) -> list[tuple[str, str, Any, str]]:
    """Return rule, expected, path and pointer of each violation; both engines must say the same."""
    results = []
    for engine in ("rust", "reference"):
        check = Schemas({URI: schema}, engine=engine).check(f"{URI}#")
        assert not check.ok(value)
        found = check.explain(value, part="body", **options)
        results.append([(v.rule.removeprefix("schema/"), v.expected, v.path, v.pointer) for v in found])
    assert sorted(results[0]) == sorted(results[1])
    return results[0]


@pytest.mark.parametrize(
    ("schema", "value", "rule", "expected", "path"),
    [
        ({"type": "integer"}, "x", "type", "an integer", ()),
        ({"type": ["string", "null"]}, 1, "type", "a string or null", ()),
        ({"type": ["string", "null", "array"]}, 1, "type", "a string, an array or null", ()),
        ({"maximum": 10.0}, 11, "maximum", "at most 10", ()),
        ({"exclusiveMinimum": 0}, 0, "exclusiveMinimum", "more than 0", ()),
        ({"multipleOf": 5}, 3, "multipleOf", "a multiple of 5", ()),
        ({"minItems": 1}, [], "minItems", "at least 1 item", ()),
        ({"maxProperties": 1}, {"a": 1, "b": 1}, "maxProperties", "at most 1 property", ()),
        ({"minProperties": 2}, {"a": 1}, "minProperties", "at least 2 properties", ()),
        ({"maxLength": 3}, "abcd", "maxLength", "at most 3 characters", ()),
        ({"pattern": "^a"}, "b", "pattern", "a string matching ^a", ()),
        ({"format": "uuid"}, "b", "format", "a string in the format uuid", ()),
        ({"enum": ["a", 1, None]}, "b", "enum", 'one of "a", 1, null', ()),
        ({"enum": list("abcdefghij")}, "z", "enum", 'one of "a", "b", "c", "d", "e", "f", "g", "h" or 2 more', ()),
        ({"const": "a"}, "b", "const", '"a"', ()),
        ({"required": ["model"]}, {}, "required", 'the property "model"', ()),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "dependentRequired", 'the property "b"', ()),
        ({"additionalProperties": False}, {"foo": 1}, "additionalProperties", 'no property "foo"', ("foo",)),
        (
            {"additionalProperties": False},
            {"a b": 1},
            "additionalProperties",
            "no property <name of 3 characters>",
            ("a b",),
        ),
        (
            {"propertyNames": {"maxLength": 1}},
            {"ab": 1},
            "propertyNames",
            "another property name (see propertyNames)",
            (),
        ),
        ({"uniqueItems": True}, [1, 1], "uniqueItems", "items that all differ", ()),
        ({"contains": {"const": 1}}, [2], "contains", "at least 1 of the items that contains describes", ()),
        ({"not": {"required": ["a"]}}, {"a": 1}, "not", 'no property "a"', ()),
        ({"not": {"type": "string"}}, "a", "not", "anything but a string", ()),
        ({"if": {"type": "integer"}, "then": {"minimum": 4}}, 3, "minimum", "at least 4", ()),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, {"a": 1}, "required", 'the property "b"', ()),
        ({"properties": {"a": False}}, {"a": 1}, "false", "no value here", ("a",)),
        ({"properties": {"12": {"type": "null"}}}, {"12": 1}, "type", "null", ("12",)),
    ],
)
def test_phrases(schema: Any, value: Any, rule: str, expected: str, path: Any) -> None:
    """Each keyword has its noun phrase, at the right place, with the reference of the keyword."""
    [(found_rule, phrase, place, pointer)] = explained(schema, value)
    assert (found_rule, phrase, place) == (rule, expected, path)
    assert pointer.startswith(f"{URI}#/")
    assert rule == "false" or pointer.endswith(f"/{rule}")


@pytest.mark.parametrize(
    ("value", "rule", "expected", "path"),
    [
        ({"type": "function"}, "required", 'the property "name"', ()),
        ({"type": "custom", "input": "x"}, "type", "an integer", ("input",)),
        ({"type": "other", "name": "x"}, "anyOf", 'one of "function", "custom"', ("type",)),
        ([{"type": "other"}], "oneOf", 'one of "function", "custom"', (0, "type")),
        ([{"type": "custom", "input": 1}, {"type": "function", "name": 2}], "type", "a string", (1, "name")),
        ("x", "oneOf", "an array or an object", ()),
        ({"input": 1}, "required", 'the property "type"', ()),
    ],
)
def test_one_branch_of_a_union_is_explained(value: Any, rule: str, expected: str, path: Any) -> None:
    """The tag picks the branch, through nested unions; an unknown tag lists the known ones at its own place."""
    assert explained(NESTED, value)[0][:3] == (rule, expected, path)


def test_unevaluated_properties_are_named() -> None:
    """What no part of a schema evaluates is named, but not where another fault of the object is the cause."""
    schema = {"properties": {"a": {"type": "string"}}, "unevaluatedProperties": False}
    check = Schemas({URI: schema}).check(f"{URI}#")
    [violation] = check.explain({"foo": 1}, part="body")
    assert (violation.expected, violation.path) == ('no property "foo"', ("foo",))
    assert [v.rule for v in check.explain({"foo": 1, "a": 1}, part="body")] == ["schema/type"]


def test_null_branches_are_not_chosen_for_values() -> None:
    """A value beside a null branch is explained by the other branch."""
    schema = {"anyOf": [{"type": "null"}, {"type": "integer", "maximum": 3}]}
    assert explained(schema, 4) == [("maximum", "at most 3", (), f"{URI}#/anyOf/1/maximum")]
    assert explained(schema, "x")[0][1] == "an integer or null"


def test_constants_of_several_branches_are_listed_together() -> None:
    """A scalar that is none of the constants of any branch is told all of them."""
    schema = {"anyOf": [{"enum": ["a", "b"]}, {"const": "c"}, {"type": "object"}]}
    assert explained(schema, "x")[0][1] == 'one of "a", "b", "c"'


def test_the_mapping_of_a_discriminator_picks() -> None:
    """A discriminator's mapping names the branch where no constant does; it never decides the verdict."""
    schema = {
        "oneOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}],
        "discriminator": {"propertyName": "t", "mapping": {"x": "#/$defs/B"}},
        "$defs": {"A": {"required": ["a"]}, "B": {"required": ["b", "c", "d"]}},
    }
    assert [name for _, name, _, _ in explained(schema, {"t": "x"})] == [f'the property "{n}"' for n in "bcd"]
    assert Schemas({URI: schema}).check(f"{URI}#").ok({"t": "x", "a": 1})


def test_several_matching_branches_are_named() -> None:
    """A oneOf that two branches accept says which."""
    schema = {"oneOf": [{"$ref": "#/$defs/A"}, {"title": "Big", "minimum": 2}], "$defs": {"A": {"type": "integer"}}}
    [(rule, expected, path, _)] = explained(schema, 3)
    assert (rule, path) == ("oneOf", ())
    assert expected == "exactly one of 2 forms, not 2 of them at once (A, Big)"


def test_at_most_the_limit_and_what_follows_last() -> None:
    """The limit holds; a stray property comes after what is missing; repeats are left out."""
    schema = {
        "additionalProperties": False,
        "properties": {"a": {"allOf": [{"minimum": 2}, {"minimum": 3}]}},
        "required": ["m"],
    }
    rules = [rule for rule, _, _, _ in explained(schema, {"a": 1, "z": 1})]
    assert sorted(rules[:2]) == ["minimum", "required"]
    assert rules[2:] == ["additionalProperties"]
    assert len(explained({"items": {"type": "string"}}, list(range(50)), limit=4)) == 4


def test_no_value_is_repeated() -> None:
    """Neither strings nor odd names of a value appear in a message."""
    secret = "sk-secret value"
    schema = {
        "properties": {"a": {"enum": ["x"]}, "b": {"oneOf": [FUNCTION, CUSTOM]}, "c": {"maxLength": 1}},
        "additionalProperties": {"type": "integer"},
        "propertyNames": {"maxLength": 3},
    }
    value = {"a": secret, "b": {"type": secret}, "c": secret, secret: secret}
    for engine in ("rust", "reference"):
        found = Schemas({URI: schema}, engine=engine).check(f"{URI}#").explain(value, part="body")
        assert len(found) >= 4
        assert "secret" not in " ".join(str(violation) for violation in found)


def test_a_hostile_value_is_explained_in_bounded_work() -> None:
    """A hundred thousand faults give the limit of violations."""
    schema = {"items": NESTED}
    check = Schemas({URI: schema}).check(f"{URI}#")
    assert len(check.explain([{"type": "other"}] * 100_000, part="body", limit=10)) == 10
