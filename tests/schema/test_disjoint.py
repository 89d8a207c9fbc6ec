"""Unions whose branches exclude each other: which are proven to, and that no verdict changes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import assay
from assay.schema.disjoint import without_one_of
from assay.schema.places import objects

TEXT, OBJECT = {"type": "string"}, {"type": "object"}


def tagged(value: Any, **more: Any) -> dict[str, Any]:
    """An object whose type is one value."""
    return {"type": "object", "required": ["type"], "properties": {"type": {"const": value}}} | more


def untyped(value: Any) -> dict[str, Any]:
    """The same without saying that it is an object, so that whatever is none is admitted."""
    return {name: rest for name, rest in tagged(value).items() if name != "type"}


def rewritten(*branches: Any, **defs: Any) -> bool:
    """Whether a union of these branches is rewritten."""
    document = {"union": {"oneOf": list(branches)}, "$defs": defs}
    return "anyOf" in without_one_of({"file:///a": document})["file:///a"]["union"]


@pytest.mark.parametrize(
    "branches",
    [
        (TEXT, OBJECT, {"type": ["null", "boolean"]}),
        (tagged("a"), tagged("b")),
        (untyped("a"), tagged("b")),
        (tagged("a"), {"type": "object", "properties": {"type": {"enum": ["b", None]}}}),
        (tagged("a"), {"type": "object", "properties": {"type": False}}),
        ({"const": 1}, {"enum": ["1", None]}),
        ({"$ref": "#/$defs/a"}, {"allOf": [tagged("b")]}),
        ({"anyOf": [tagged("a"), tagged("b")]}, {"oneOf": [tagged("c"), TEXT]}),
    ],
)
def test_branches_that_exclude_each_other_are_found(branches) -> None:
    """By their types, or by the values of a property that one of the two requires."""
    assert rewritten(*branches, a=tagged("a"))


@pytest.mark.parametrize(
    "branches",
    [
        (TEXT, {"type": "string", "minLength": 1}),
        ({"type": "integer"}, {"type": "number"}),
        (tagged("a"), tagged("a")),
        (tagged("a"), OBJECT),
        (untyped("a"), untyped("b")),
        (tagged("a", required=[]), tagged("b", required=[])),
        (tagged(1), tagged(1.0)),
        ({"anyOf": [tagged("a"), OBJECT]}, tagged("c")),
        (True, TEXT),
    ],
)  # fmt: skip
def test_others_stay_as_they_are(branches) -> None:
    """Where a value may have two branches, or nothing says that none has."""
    assert not rewritten(*branches)


def test_values_and_foreign_bases_are_left_alone() -> None:
    """What only looks like a union, and what references lead into, is not touched."""
    union = {"oneOf": [TEXT, OBJECT]}
    for document in ({"enum": [union]}, {"default": union}):
        assert without_one_of({"file:///a": document}) == {"file:///a": document}
    for document in (
        {"a": union, "b": {"$ref": "#/a/oneOf/0"}},
        {"a": union, "b": {"$id": "https://example.com/b"}},
        {"a": OBJECT},
    ):
        documents = {"file:///a": document}
        assert without_one_of(documents) is documents


TAGS = [{"type": "object", "properties": {"type": values}} for values in (False, {"enum": ["a", None]})]
PLAIN = [TEXT, OBJECT, {"type": ["null", "integer"]}, {"const": None}, {"enum": [1, "a"]}, True]
UNIONS = st.sampled_from(["oneOf", "anyOf", "allOf"])
BRANCHES = st.recursive(
    st.sampled_from(PLAIN + TAGS) | st.builds(tagged, st.sampled_from(["a", "b", None, True, 1])),
    lambda inner: st.builds(lambda key, of: {key: of}, UNIONS, st.lists(inner, min_size=1, max_size=3)),
    max_leaves=6,
)
VALUES = st.sampled_from([None, True, 1, 1.0, "a", "b", [], {}, *({"type": v} for v in ("a", "b", "c", None, True, 1))])


def test_no_verdict_changes() -> None:
    """A rewritten schema admits what the reference engine says that the original admits."""
    seen: Counter[str] = Counter()

    @settings(max_examples=1500, deadline=None, suppress_health_check=[*HealthCheck])
    @given(st.lists(BRANCHES, min_size=2, max_size=4), VALUES)
    def check(branches: list[Any], value: Any) -> None:
        schema = {"oneOf": branches}
        new = without_one_of({"file:///a": schema})["file:///a"]
        verdict = Draft202012Validator(schema).is_valid(value)
        seen["rewritten" if new != schema else "left"] += 1
        if new != schema:
            seen["valid" if verdict else "invalid"] += 1
            assert Draft202012Validator(new).is_valid(value) == verdict

    check()
    assert min(seen[name] for name in ("rewritten", "left", "valid", "invalid")) >= 100, seen


def test_the_unions_of_our_description_exclude_each_other() -> None:
    """Nine of ten do by construction; a new one that does not makes every check slower."""
    documents = assay.load("openai").api.documents
    before, after = (
        sum("oneOf" in node for document in some.values() for node in objects(document))
        for some in (documents, without_one_of(documents))
    )
    assert before > 100
    assert after <= before / 10
