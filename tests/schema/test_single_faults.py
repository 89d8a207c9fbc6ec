"""The bar for messages: of the single faults in real requests, how many are named rightly.

The rule of this file: a fault is made by changing one place of a valid request, so the place that a message must name
is known without asking the code under test.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from assay.schema.check import Schemas
from assay.spec.load import load_api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

SPECIMENS = json.loads((Path(__file__).parent / "specimens.json").read_text(encoding="utf-8"))
SHAPES = {"object": {"zz": 1}, "number": 3.5, "boolean": True, "string": "zz", "array": [[[]]], "null": None}
FORM = {"type", "enum", "const", "anyOf", "oneOf"}
BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
Path_ = tuple[Any, ...]


class Fault(NamedTuple):
    """One change: its kind, the place it was made at, the changed request, and the name of a removed property."""

    kind: str
    path: Path_
    value: Any
    removed: str = ""


def shape_of(value: Any) -> str:
    """Name the JSON type of a value."""
    if value is None:
        return "null"
    kinds = ((bool, "boolean"), (int | float, "number"), (str, "string"), (dict, "object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "array")


def places(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Yield every place of a JSON value."""
    yield path, value
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in members:
        yield from places(inner, (*path, step))


def changed(whole: Any, path: Path_, new: Any) -> Any:
    """Return a copy of a JSON value with one place changed."""
    if not path:
        return new
    whole = copy.deepcopy(whole)
    holder = whole
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = new
    return whole


def faults(whole: Any) -> Iterator[Fault]:
    """Yield the single changes to a request; some of them are legal."""
    for path, old in places(whole):
        shape = shape_of(old)
        for kind, new in SHAPES.items():
            if kind != shape or kind in ("string", "number"):
                yield Fault(f"to {kind}", path, changed(whole, path, new))
        if shape == "object":
            yield Fault("extra", (*path, "zz"), changed(whole, path, {**old, "zz": 1}))
            for name in old:
                rest = {other: value for other, value in old.items() if other != name}
                yield Fault("removed", path, changed(whole, path, rest), name)
        if shape == "array":
            yield Fault("empty", path, changed(whole, path, []))
        if shape == "string":
            yield Fault("blank", path, changed(whole, path, ""))
            yield Fault("long", path, changed(whole, path, "x" * 100_000))
        if shape == "number":
            yield Fault("far", path, changed(whole, path, 10**12))
            yield Fault("far", path, changed(whole, path, -(10**12)))


def is_right(fault: Fault, first: Violation) -> bool:
    """Say whether a violation names the place of a fault and a rule that this fault can break."""
    rule = first.rule.removeprefix("schema/")
    if fault.kind == "removed":
        return (first.path, rule) == (fault.path, "required") and f'"{fault.removed}"' in first.expected
    if fault.kind == "to object" and first.path == (*fault.path, "zz"):
        return rule in FORM | {"additionalProperties"}
    if fault.kind == "to array" and first.path == (*fault.path, 0):
        return rule in FORM
    allowed = {
        "extra": FORM | {"additionalProperties"},
        "empty": {"minItems"},
        "blank": FORM | {"minLength", "pattern"},
        "long": FORM | {"maxLength", "pattern"},
        "far": BOUNDS,
        "to object": FORM | {"required"},
        "to number": FORM | BOUNDS,
        "to string": FORM | {"minLength", "pattern"},
        "to array": FORM | {"minItems"},
    }
    return first.path == fault.path and rule in allowed.get(fault.kind, FORM)


@pytest.fixture(scope="module")
def schemas(shared: Path) -> tuple[str, Schemas]:
    """Return the root and the schemas of the published description, as the wire has it."""
    api = load_api(shared / "specs" / "openai-2026-08-21.yaml", cache=False)
    return f"{api.root}#/components/schemas/", Schemas(api.documents)


@pytest.mark.parametrize("name", SPECIMENS)
def test_single_faults_are_named(schemas: tuple[str, Schemas], name: str) -> None:
    """In at least 95 % of the single faults of a request the first message names the place and the rule."""
    base, compiled = schemas
    check = compiled.check(base + name, "request")
    count: Counter[str] = Counter()
    for specimen in SPECIMENS[name]:
        assert check.ok(specimen), check.explain(specimen, part="body")
        for number, fault in enumerate(faults(specimen)):
            # Every third is enough to measure, and keeps the suite quick.
            if number % 3 and len(fault.path) < 4:
                continue
            if check.ok(fault.value):
                count["legal"] += 1
                continue
            first = check.explain(fault.value, part="body", limit=1)[0]
            right = is_right(fault, first)
            count["right" if right else "wrong"] += 1
            if not right:
                print(fault.kind, fault.path, fault.removed, "->", first)  # noqa: T201  the measure is the point
    share = count["right"] / (count["right"] + count["wrong"])
    print(f"{name}: {share:.1%} of {count['right'] + count['wrong']} faults, {count['legal']} changes were legal")  # noqa: T201  likewise
    assert count["right"] + count["wrong"] >= 300
    assert count["legal"] >= 50
    assert share >= 0.95
