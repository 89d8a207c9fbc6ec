"""Overlays: the merge rules of the specification, targets, errors, and that nothing given is ever changed."""

from __future__ import annotations

import copy

import jsonpath_rfc9535 as jsonpath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import OverlayError
from assay.spec.overlay import Query, apply, parse_overlay


def overlay(*actions, version="1.1.0", **fields):
    """Build an overlay document's value around some actions."""
    return {"overlay": version, "info": {"title": "T", "version": "1"}, "actions": list(actions), **fields}


def applied(document, *actions, version="1.1.0"):
    """Apply actions to a document and return the new document."""
    return apply(document, parse_overlay(overlay(*actions, version=version), "t.yaml"))[0]


# --- merging ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "update", "expected"),
    [
        pytest.param({"a": 1}, {"b": 2}, {"a": 1, "b": 2}, id="a new property is inserted"),
        pytest.param({"a": 1}, {"a": "x"}, {"a": "x"}, id="a primitive replaces a primitive"),
        pytest.param({"a": 1}, {"a": None}, {"a": None}, id="null is a primitive"),
        pytest.param({"a": [1]}, {"a": [2, 3]}, {"a": [1, 2, 3]}, id="arrays are concatenated"),
        pytest.param({"a": {"b": 1}}, {"a": {"c": {}}}, {"a": {"b": 1, "c": {}}}, id="objects merge recursively"),
    ],
)
def test_an_update_merges_as_the_specification_says(document, update, expected):
    """Objects merge, arrays are concatenated, primitive values replace."""
    assert applied(document, {"target": "$", "update": update}) == expected


@pytest.mark.parametrize("update", [{"a": 1}, {"a": []}, {"a": None}])
def test_kinds_that_do_not_fit_are_an_error(update):
    """A primitive or an array never silently replaces an object."""
    with pytest.raises(OverlayError, match=r"t\.yaml#/actions/0/update: .* cannot be merged into an object at a"):
        applied({"a": {}}, {"target": "$", "update": update})


@pytest.mark.parametrize(
    ("version", "update", "expected"),
    [
        ("1.1.0", {"n": 1}, [0, {"n": 1}]),
        ("1.1.0", 5, [0, 5]),
        ("1.1.0", [1, 2], [0, 1, 2]),
        ("1.0.0", {"n": 1}, [0, {"n": 1}]),
        ("1.0.0", [1, 2], [0, [1, 2]]),
    ],
)
def test_an_array_target_takes_an_entry_or_since_1_1_a_list(version, update, expected):
    """In 1.0 the value is one entry whatever it is; since 1.1 an array is concatenated."""
    assert applied({"a": [0]}, {"target": "$.a", "update": update}, version=version) == {"a": expected}


def test_a_primitive_target_is_replaced():
    """Since 1.1 a target may be a primitive value; so may a null."""
    assert applied({"a": 1, "b": None}, {"target": "$['a', 'b']", "update": "x"}) == {"a": "x", "b": "x"}


def test_a_target_of_mixed_kinds_is_an_error():
    """Selected nodes must be all objects, all arrays or all primitive values."""
    with pytest.raises(OverlayError, match="different kinds"):
        applied({"a": 1, "b": {}}, {"target": "$.*", "update": {}})


def test_a_value_of_another_kind_than_the_target_is_an_error():
    """An object takes an object, a primitive value takes a primitive value."""
    with pytest.raises(OverlayError, match="selects an object, so the value must be an object"):
        applied({"a": {}}, {"target": "$.a", "update": [1]})


def test_copy_merges_one_node_into_the_targets():
    """Copy acts like an update with the value of another place."""
    document = {"from": {"x": {"deep": [1]}}, "to": {"y": 2}}
    assert applied(document, {"target": "$.to", "copy": "$.from"})["to"] == {"y": 2, "x": {"deep": [1]}}


def test_a_copied_node_lives_its_own_life():
    """A later change of the source does not reach the copy, nor the other way round."""
    result = applied(
        {"from": {"x": [1]}, "to": {}},
        {"target": "$.to", "copy": "$.from"},
        {"target": "$.from.x", "update": 2},
        {"target": "$.to.x", "update": 3},
    )
    assert result == {"from": {"x": [1, 2]}, "to": {"x": [1, 3]}}


@pytest.mark.parametrize("source", ["$.nothing", "$.*"])
def test_copy_needs_exactly_one_source(source):
    """None or several sources are an error that names the field."""
    with pytest.raises(OverlayError, match=r"#/actions/0/copy: copy must select exactly one"):
        applied({"a": {}, "b": {}}, {"target": "$.a", "copy": source})


# --- removing -----------------------------------------------------------------------------------------------------


def test_removing_array_elements_never_shifts_a_later_match():
    """All matches of one action are removed, whatever their order in the query."""
    document = {"a": ["x", "y", "x", "z", "x"]}
    assert applied(document, {"target": "$.a[?@ == 'x']", "remove": True}) == {"a": ["y", "z"]}
    assert applied(document, {"target": "$.a[0, 4, 2]", "remove": True}) == {"a": ["y", "z"]}


def test_removing_a_node_and_what_is_in_it_is_one_removal():
    """A target may select a node together with its descendants, in several arrays."""
    document = {"a": [{"x": 1, "in": [{"x": 2}, 5]}, 6, {"x": 3}]}
    assert applied(document, {"target": "$..[?@.x]", "remove": True}) == {"a": [6]}


def test_the_whole_document_cannot_be_removed():
    """Removing the root is refused."""
    with pytest.raises(OverlayError, match="whole document"):
        applied({}, {"target": "$", "remove": True})


def test_remove_wins_over_update():
    """The specification gives update no effect beside remove."""
    assert applied({"a": 1}, {"target": "$.a", "remove": True, "update": 2}) == {}


def test_actions_apply_to_the_result_of_the_action_before():
    """What one action removes, the next can create anew."""
    actions = (
        {"target": "$.a", "remove": True},
        {"target": "$", "update": {"a": "new"}},
        {"target": "$.a", "update": "newer"},
    )
    assert applied({"a": {"old": 1}}, *actions) == {"a": "newer"}


# --- reports ------------------------------------------------------------------------------------------------------


def test_every_action_is_reported():
    """A repair names its action, target, reason and number of places; a target not found is not applied."""
    actions = (
        {"target": "$.*.a", "description": " why \n", "update": 2},
        {"target": "$.none", "description": "gone", "remove": True},
        {"target": "$.x", "remove": True},
        {"target": "$.y"},
    )
    repairs = apply({"x": {"a": 1}, "y": {"a": 1}}, parse_overlay(overlay(*actions), "t.yaml"))[1]
    assert [(r.by, r.target, r.count, r.applied) for r in repairs] == [
        ("t.yaml#/actions/0", "$.*.a", 2, True),
        ("t.yaml#/actions/1", "$.none", 0, False),
        ("t.yaml#/actions/2", "$.x", 1, True),
        ("t.yaml#/actions/3", "$.y", 1, True),
    ]
    assert [r.reason for r in repairs[:3]] == ["why", "gone", "remove asked for by the overlay t.yaml"]


def test_a_node_selected_twice_is_changed_once():
    """A node list may hold a node twice; an update still appends once."""
    assert applied({"a": [1]}, {"target": "$['a', 'a']", "update": 2}) == {"a": [1, 2]}


# --- nothing given is changed -------------------------------------------------------------------------------------


def test_the_given_document_and_overlay_stay_as_they_were():
    """Edits copy; neither the input nor the overlay's own values change, also when the result is changed."""
    shared = {"s": [1]}
    document = {"a": {"b": [{"c": 1}, shared]}, "d": shared, "e": {"untouched": []}}
    value = overlay(
        {"target": "$.a.b[*]", "update": {"n": {"k": [0]}}},
        {"target": "$.a.b[0].n.k", "update": 1},
        {"target": "$.d.s", "update": 2},
        {"target": "$.a.b[0]", "remove": True},
    )
    before, overlay_before = copy.deepcopy(document), copy.deepcopy(value)
    result, _ = apply(document, parse_overlay(value, "t.yaml"))
    assert result == {"a": {"b": [{"s": [1], "n": {"k": [0]}}]}, "d": {"s": [1, 2]}, "e": {"untouched": []}}
    assert result["e"] is document["e"]
    result["a"]["b"][0]["n"]["k"].append(9)
    assert (document, value) == (before, overlay_before)


# --- targets ------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "$ref", "x-y", "/p/{q}", "", "é", "0", "it's", 'say "x"', "back\\slash"])
VALUES = st.recursive(
    st.integers(0, 2) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
STEPS = NAMES.map(lambda n: "['" + n.replace("\\", "\\\\").replace("'", "\\'") + "']") | st.sampled_from(
    [
        ".a",
        ".b",
        ".é",
        '["a"]',
        '["$ref"]',
        "[0]",
        "[1]",
        "[-1]",
        "[*]",
        ".*",
        "..a",
        "[0:1]",
        "[?@.a]",
        "[?$.a]",
        " .a",
        "['a', 'b']",
    ]
)


def read(text):
    """Return the query that Assay makes of a target."""
    return parse_overlay(overlay({"target": text, "remove": True}), "t").actions[0].target


def test_the_direct_walk_and_the_library_agree():
    """Whatever part of a target is walked directly, the selected places are those of the library, in its order."""
    found = {"nothing": 0, "something": 0, "direct": 0}

    @given(VALUES, st.lists(STEPS, max_size=4))
    def agree(document, steps):
        text = "$" + "".join(steps)
        query = read(text)
        expected = list(dict.fromkeys(node.location for node in jsonpath.find(text, document)))
        assert query.locations(document) == expected
        found["something" if expected else "nothing"] += 1
        found["direct"] += query.rest is None and bool(expected)

    agree()
    assert found["something"] > 20
    assert found["nothing"] > 20
    assert found["direct"] > 10


def test_plain_steps_are_walked_directly():
    """The paths that repairs are made of do not need the library, and its part starts where they end."""
    assert read("$.paths['/a/{b}'].get[\"x-y\"][0]") == Query(
        "$.paths['/a/{b}'].get[\"x-y\"][0]", ("paths", "/a/{b}", "get", "x-y", 0)
    )
    assert read("$.a.b[?@.c]").steps == ("a", "b")
    assert read("$.a.b[?@.c == $.d]").steps == ()


# --- what is refused ----------------------------------------------------------------------------------------------

ACTION = {"target": "$.a", "remove": True}


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ([], "#"),
        ({**overlay(ACTION), "overlay": 1.1}, "#/overlay"),
        ({**overlay(ACTION), "overlay": "1.2.0"}, "#/overlay"),
        ({**overlay(ACTION), "overlay": "1.1"}, "#/overlay"),
        ({**overlay(ACTION), "action": []}, "#"),
        ({**overlay(ACTION), "info": None}, "#/info"),
        ({**overlay(ACTION), "info": {"title": "T"}}, "#/info/version"),
        ({**overlay(ACTION, version="1.0.0"), "info": {"title": "T", "version": "1", "description": "D"}}, "#/info"),
        ({**overlay(ACTION), "extends": 5}, "#/extends"),
        ({**overlay(ACTION), "actions": []}, "#/actions"),
        ({**overlay(ACTION), "actions": {}}, "#/actions"),
        (overlay(ACTION, "x"), "#/actions/1"),
        (overlay({"remove": True}), "#/actions/0/target"),
        (overlay({"target": "$.a-b"}), "#/actions/0/target"),
        (overlay({"target": "paths"}), "#/actions/0/target"),
        (overlay({"target": "$.a[?"}), "#/actions/0/target"),
        (overlay({"target": ""}), "#/actions/0/target"),
        (overlay({"target": "$" + ".a" * 3 + "[?" + "(" * 5000 + "@.b" + ")" * 5000 + "]"}), "#/actions/0/target"),
        (overlay({"target": "$.a", "remove": "yes"}), "#/actions/0/remove"),
        (overlay({"target": "$.a", "updates": {}}), "#/actions/0"),
        (overlay({"target": "$.a", "copy": "$.b"}, version="1.0.0"), "#/actions/0"),
        (overlay({"target": "$.a", "copy": "b"}), "#/actions/0/copy"),
        (overlay({"target": "$.a", "copy": "$.b", "update": 1}), "#/actions/0"),
        (overlay({"target": "$.a", "description": 1, "remove": True}), "#/actions/0/description"),
    ],
)
def test_a_mistake_in_an_overlay_names_its_place(value, pointer):
    """Every mistake is an OverlayError with the source and the pointer of the mistake."""
    with pytest.raises(OverlayError) as caught:
        parse_overlay(value, "mine.yaml")
    assert (caught.value.source, caught.value.pointer) == ("mine.yaml", pointer)
    assert str(caught.value).startswith(f"mine.yaml{pointer}: ")


def test_a_description_nested_beyond_measure_is_an_error_and_not_a_crash():
    """A recursive query over a very deep document ends with an OverlayError."""
    deep: dict = {}
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(OverlayError, match="too deeply"):
        applied(deep, {"target": "$..b", "remove": True})


def test_extensions_and_extends_are_read():
    """Fields that start with x- are allowed everywhere; extends is kept."""
    value = overlay({**ACTION, "x-note": 1}, extends="./openapi.yaml", **{"x-made-by": {}})
    value["info"]["x-info"] = 1
    read_overlay = parse_overlay(value, "t.yaml")
    assert (read_overlay.extends, read_overlay.version, read_overlay.title) == ("./openapi.yaml", "1.1", "T")
