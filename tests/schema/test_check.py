"""Verdicts: what ``Check`` says of odd values, of directions, and of descriptions that cannot be used."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from assay.errors import DescriptionError, UsageError
from assay.schema.check import DEEPEST, Check, Schemas

URI = "file:///d.json"
ENGINES = ("rust", "reference")
TREE = {"type": ["object", "array"], "additionalProperties": {"$ref": "#"}, "items": {"$ref": "#"}}


def check_of(schema: Any, engine: Any = "rust") -> Check:
    """Compile one schema that is a whole document."""
    return Schemas({URI: schema}, engine=engine).check(f"{URI}#")


def nested(levels: int, *, as_list: bool = True) -> Any:
    """Return a value nested so many levels deep."""
    value: Any = [] if as_list else {}
    for _ in range(levels - 1):
        value = [value] if as_list else {"a": value}
    return value


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("schema", "value", "verdict"),
    [
        ({"type": "integer"}, 1.0, True),
        ({"type": "integer"}, 1.5, False),
        ({"type": "integer", "maximum": 10**30}, 10**25, True),
        ({"type": "integer", "maximum": 10**20}, 10**25, False),
        ({"type": "integer"}, True, False),
        ({"const": 1}, True, False),
        ({"maxLength": 1}, "\U0001f600", True),
        ({"minLength": 2}, "\U0001f600", False),
    ],
)
def test_numbers_and_characters(engine: str, schema: Any, value: Any, verdict: bool) -> None:  # noqa: FBT001
    """1.0 is an integer, integers have any size, booleans are no numbers, length counts code points."""
    assert check_of(schema, engine).ok(value) is verdict


@pytest.mark.parametrize("engine", ENGINES)
def test_lone_surrogates_have_a_verdict(engine: str) -> None:
    """A lone surrogate is one character that equals no other, in values and in names; a split pair is one."""
    check = check_of({"type": "string", "maxLength": 2}, engine)
    assert check.ok("a\ud800")
    assert not check.ok("ab\ud800")
    assert check.explain("ab\ud800", part="body")[0].rule == "schema/maxLength"
    assert not check_of({"enum": ["a"]}, engine).ok("\udfff")
    assert not check_of({"additionalProperties": False}, engine).ok({"\ud800": 1})
    assert check_of({"maxLength": 1}, engine).ok("\ud83d\ude00")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("as_list", [True, False])
def test_a_depth_bomb_is_a_violation(engine: str, as_list: bool) -> None:  # noqa: FBT001
    """Where the schema is recursive, 100,000 levels give ``schema/depth``, also on the small stack of a thread."""
    check = check_of(TREE, engine)
    bomb = nested(100_000, as_list=as_list)
    threading.stack_size(512 * 1024)
    try:
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(check.ok, bomb).result() is False
            found = pool.submit(check.explain, bomb, part="body").result()
    finally:
        threading.stack_size(0)
    assert [violation.rule for violation in found] == ["schema/depth"]
    assert check.ok(nested(40, as_list=as_list))


def test_depth_up_to_the_limit_is_judged() -> None:
    """At the limit the verdict is the schema's, one level more is too deep."""
    check = check_of(TREE)
    assert check.ok(nested(DEEPEST))
    assert not check.ok(nested(DEEPEST + 1))
    assert check.explain(nested(DEEPEST - 5), part="body") == ()


@pytest.mark.parametrize("engine", ENGINES)
def test_depth_beyond_the_schema_is_not_looked_at(engine: str) -> None:
    """A schema that is not recursive admits any depth where it admits anything, and still explains."""
    check = check_of({"properties": {"a": {}, "b": {"type": "string"}}}, engine)
    assert check.ok({"a": nested(100_000)})
    assert not check.ok({"a": nested(100_000), "b": 1})
    assert check.explain({"a": nested(100_000), "b": 1}, part="body")[0].path == ("b",)


@pytest.mark.parametrize("engine", ENGINES)
def test_catastrophic_patterns_end(engine: str) -> None:
    """A pattern that backtracks for ever is given up in bounded time, and the value is not accepted."""
    for pattern in (r"^(a+)+$", r"^(?!x)(a+)+$", r"^(a|aa)+\1$", r"(?=(a+)+$)b"):
        check = check_of({"pattern": pattern}, engine)
        assert not check.ok("a" * 60 + "!")
        assert check.explain("a" * 60 + "!", part="body")[0].rule == "schema/pattern"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ({"properties": {"a": {"$ref": "#/nope"}}}, "#/properties/a/$ref"),
        ({"properties": {"a": {"$ref": "other.json#/x"}}}, "#/properties/a/$ref"),
        ({"properties": {"a~/": {"type": "strin"}}}, "#/properties/a~0~1/type"),
        ({"properties": {"a": {"pattern": "["}}}, "#/properties/a/pattern"),
        ({"$defs": {"a": {"required": "x"}}, "$ref": "#/$defs/a"}, "#/$defs/a/required"),
    ],
)
def test_what_cannot_compile_names_its_pointer(engine: str, document: Any, pointer: str) -> None:
    """A schema that cannot be used is a DescriptionError with the pointer of the place."""
    with pytest.raises(DescriptionError) as caught:
        check_of(document, engine)
    assert (caught.value.source, caught.value.pointer) == (URI.removeprefix("file:///"), pointer)


def test_what_does_not_exist_is_refused() -> None:
    """A reference to nothing and an engine of another name are told at once."""
    with pytest.raises(DescriptionError, match="nothing stands"):
        Schemas({URI: {}}).check(f"{URI}#/a")
    with pytest.raises(UsageError, match="no engine"):
        Schemas({URI: {}}, engine="python")  # type: ignore[arg-type]


USER = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "readOnly": True},
        "secret": {"$ref": "#/$defs/secret"},
        "name": {"type": "string"},
    },
    "required": ["id", "secret", "name"],
    "additionalProperties": False,
    "$defs": {
        "secret": {"type": "string", "writeOnly": True},
        "more": {"allOf": [{"$ref": "#"}, {"required": ["id", "secret"]}]},
    },
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("pointer", ["", "/$defs/more"])
def test_directions(engine: Any, pointer: str) -> None:
    """A readOnly property is not required of requests, a writeOnly one not of responses; what is there is judged."""
    schemas = Schemas({URI: USER}, engine=engine)
    request = schemas.check(f"{URI}#{pointer}", "request")
    response = schemas.check(f"{URI}#{pointer}", "response")
    assert request.ok({"secret": "s", "name": "n"})
    assert request.ok({"secret": "s", "name": "n", "id": "i"})
    assert not request.ok({"secret": "s", "name": "n", "id": 7})
    assert not request.ok({"name": "n"})
    assert response.ok({"id": "i", "name": "n"})
    assert not response.ok({"secret": "s", "name": "n"})
    assert not response.ok({"id": 7, "name": "n"})


@pytest.mark.parametrize("engine", ENGINES)
def test_a_reference_into_a_read_only_property_still_leads_somewhere(engine: Any) -> None:
    """Real descriptions refer to places inside read-only properties (found in DigitalOcean's)."""
    window = {"readOnly": True, "allOf": [{"type": "integer"}]}
    document = {
        "properties": {"window": window},
        "required": ["window"],
        "$defs": {"w": {"$ref": "#/properties/window/allOf/0"}},
    }
    check = Schemas({URI: document}, engine=engine).check(f"{URI}#/$defs/w", "request")
    assert check.ok(1)
    assert not check.ok("1")


def test_directions_share_what_does_not_differ() -> None:
    """Without such marks both directions are the same check, compiled once."""
    schemas = Schemas({URI: {"type": "string"}})
    assert schemas.check(f"{URI}#", "request") is schemas.check(f"{URI}#", "response")


def test_the_room_imports_without_the_wheel() -> None:
    """Without jsonschema-rs the reference engine works and the algebra says what is missing."""
    program = """
import sys
sys.modules["jsonschema_rs"] = None
from assay.errors import UsageError
from assay.schema.check import Schemas
schemas = Schemas({"file:///d": {"type": "string"}}, engine="reference")
assert schemas.check("file:///d#").ok("x") and not schemas.check("file:///d#").ok(1)
try:
    schemas.canonical("file:///d#")
except UsageError as error:
    print(error)
"""
    bare = "import sys, types, importlib.util as u; p = types.ModuleType('assay');"
    bare += "p.__path__ = list(u.find_spec('assay').submodule_search_locations); sys.modules['assay'] = p"
    done = subprocess.run([sys.executable, "-c", f"{bare}\n{program}"], capture_output=True, text=True, check=False)
    assert "jsonschema-rs cannot be imported" in done.stdout, done.stderr
