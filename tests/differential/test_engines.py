"""The two engines give the same verdicts: on the official suite, and on real schemas with valid and broken values.

The rule of this file: each disagreement, and each official answer not met, is in a ledger with its reason.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assay.errors import AssayError
from assay.schema.check import Schemas
from assay.schema.places import Place, Places
from assay.spec.load import load_api

if TYPE_CHECKING:
    from collections.abc import Iterator

ENGINES = ("rust", "reference")
SPECIMENS = Path(__file__).parents[1] / "schema" / "specimens.json"

# (file, group) of the official suite -> why an engine does not give the official answer.
LEDGER = {
    ("optional/cross-draft.json", "refs to historic drafts are processed as historic drafts"): (
        "documents of older drafts are converted before they come here; mixed drafts are refused"
    ),
    ("vocabulary.json", "schema that uses custom metaschema with with no validation vocabulary"): (
        "vocabularies declared by a metaschema of one's own are not honoured by the reference engine"
    ),
}


def suite(root: Path) -> Iterator[tuple[str, str, Any, Any, bool | None]]:
    """Yield file, group, schema, value and official answer; no answer where ``format`` is only an annotation to it."""
    for path in sorted((root / "draft2020-12").rglob("*.json")):
        name = path.relative_to(root / "draft2020-12").as_posix()
        for group in json.loads(path.read_text(encoding="utf-8")):
            for test in group["tests"]:
                # Which formats are asserted is our own table's to say; the engines must only agree.
                official = None if "format" in name else test["valid"]
                yield name, group["description"], group["schema"], test["data"], official


def verdict(documents: Any, reference: str, engine: Any, value: Any) -> object:
    """Return the verdict, or the kind of refusal; a refused value must be explained."""
    try:
        check = Schemas(documents, engine=engine).check(reference)
        answer = check.ok(value)
        assert answer or check.explain(value, part="body")
    except AssayError as error:
        return type(error).__name__
    return answer


def test_official_suite(shared: Path) -> None:
    """On the official suite both engines give the official answer, apart from the ledger."""
    root = shared / "suites" / "json-schema"
    remotes = {}
    for folder in ("draft2020-12", "baseUriChange", "baseUriChangeFolder", "baseUriChangeFolderInSubschema", "nested"):
        for path in (root / "remotes" / folder).rglob("*.json"):
            remotes[f"http://localhost:1234/{path.relative_to(root / 'remotes').as_posix()}"] = json.loads(
                path.read_text(encoding="utf-8")
            )
    remotes["http://localhost:1234/integer.json"] = json.loads((root / "remotes" / "integer.json").read_text())
    count: Counter[object] = Counter()
    wrong: dict[tuple[str, str], Any] = {}
    for name, group, schema, value, official in suite(root):
        own = schema.get("$id", "file:///suite.json") if isinstance(schema, dict) else "file:///suite.json"
        uri = own.rstrip("#")
        answers = [verdict({uri: schema, **remotes}, f"{uri}#", engine, value) for engine in ENGINES]
        count[answers[0]] += 1
        expected = answers[0] if official is None else official
        if answers != [expected, expected]:
            wrong[name, group] = answers
    assert {key: answers for key, answers in wrong.items() if key not in LEDGER} == {}
    assert wrong.keys() == LEDGER.keys(), "an entry of the ledger is out of date"
    assert count[True] >= 900
    assert count[False] >= 700


def sample(places: Places, place: Place, depth: int = 0) -> Any:
    """Return a small value that a schema is likely to admit."""
    if (target := places.target(place)) is not None:
        return sample(places, target, depth)
    if (constant := place.keyword("const", ...)) is not ...:
        return constant
    if options := place.keyword("enum"):
        return options[0]
    for keyword in ("anyOf", "oneOf"):
        if branches := place.branches(keyword):
            return sample(places, branches[0], depth + 1) if depth < 12 else None
    kind = place.keyword("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind in ("object", None) or place.keyword("allOf"):
        return sample_object(places, place, depth)
    if kind == "array":
        inner = place.step("items")
        return [sample(places, inner, depth + 1)] if inner is not None and depth < 8 else []
    text = {"uuid": "2eb8aa08-aa98-11ea-b4aa-73b441d16380", "date-time": "2024-01-01T00:00:00Z", "date": "2024-01-01"}
    plain = {"string": text.get(place.keyword("format"), "aaa"), "boolean": True, "null": None}
    return plain.get(kind, place.keyword("minimum", 1))


def sample_object(places: Places, place: Place, depth: int) -> Any:
    """Return an object with the required properties and, not too deep, some others."""
    value: dict[str, Any] = {}
    if depth > 10:
        return value
    for here in places.same_value(place):
        wanted = set(here.keyword("required", []))
        for number, (name, inner) in enumerate(here.named().items()):
            if name in wanted or (depth < 2 and number < 6):
                value[name] = sample(places, inner, depth + 1)
    return value


def broken(value: Any) -> Iterator[Any]:
    """Yield some changes to a value."""
    yield []
    if not isinstance(value, dict):
        yield {"zz": 1}
        return
    for name in list(value)[:6]:
        rest = copy.deepcopy(value)
        del rest[name]
        yield rest
        for new in (None, {"zz": 1}, "zz", 1.5, 10**9):
            yield {**value, name: new}


@pytest.mark.parametrize(
    ("file", "every", "floor"), [("openai-2026-08-21.yaml", 10, 400), ("stripe.json", 40, 30), ("museum.yaml", 1, 15)]
)
def test_real_schemas(shared: Path, file: str, every: int, floor: int) -> None:
    """On real schemas both engines give the same verdict and the same first place, for both verdicts often."""
    api = load_api(shared / "specs" / file, cache=False)
    engines = [Schemas(api.documents, engine=engine) for engine in ENGINES]  # type: ignore[arg-type]
    count: Counter[bool] = Counter()
    places = Places(api.documents)
    names = list(api.documents[api.root]["components"]["schemas"])[::every]
    for name in names:
        reference = f"{api.root}#/components/schemas/{name}"
        value = sample(places, places.at(reference))
        checks = [schemas.check(reference, "request") for schemas in engines]
        for candidate in (value, *broken(value)):
            answers = [check.ok(candidate) for check in checks]
            assert answers[0] is answers[1], (name, candidate, answers)
            count[answers[0]] += 1
    print(file, dict(count))  # noqa: T201  the measure is the point
    assert min(count[True], count[False]) >= floor


def test_real_requests_and_their_messages(shared: Path) -> None:
    """On real requests with one fault both engines name the same place and the same rule."""
    api = load_api(shared / "specs" / "openai-2026-08-21.yaml", cache=False)
    engines = [Schemas(api.documents, engine=engine) for engine in ENGINES]  # type: ignore[arg-type]
    count: Counter[bool] = Counter()
    for name, specimens in json.loads(SPECIMENS.read_text(encoding="utf-8")).items():
        checks = [schemas.check(f"{api.root}#/components/schemas/{name}", "request") for schemas in engines]
        for specimen in specimens:
            for candidate in (specimen, *broken(specimen)):
                answers = [check.ok(candidate) for check in checks]
                assert answers[0] is answers[1]
                count[answers[0]] += 1
                found = [{(v.path, v.rule, v.pointer) for v in c.explain(candidate, part="body")} for c in checks]
                assert found[0] == found[1]
    assert count[True] >= 20
    assert count[False] >= 60
