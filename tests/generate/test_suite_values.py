"""Every schema of the official JSON Schema suite: generated values keep their promise."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import jsonschema_rs
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import FailedHealthCheck, Unsatisfiable

from assay.errors import DescriptionError
from assay.generate.values import invalid, valid
from assay.schema.check import Schemas
from assay.spec.load import load_api

LEDGER = yaml.safe_load((Path(__file__).parent / "ledger.yaml").read_text(encoding="utf-8"))
EXAMPLES = 8


def _groups(folder: Path):
    for path in sorted(folder.rglob("*.json")):
        for group in json.loads(path.read_text(encoding="utf-8")):
            yield path.relative_to(folder).as_posix(), group


def _registry(folder: Path) -> jsonschema_rs.Registry:
    paths = [path for path in folder.rglob("*.json") if "v1" not in path.relative_to(folder).parts]
    base = "http://localhost:1234/"
    documents = [(base + path.relative_to(folder).as_posix(), json.loads(path.read_text("utf-8"))) for path in paths]
    return jsonschema_rs.Registry(documents)


def _draw(strategy, seen: list) -> None:
    @settings(
        max_examples=EXAMPLES, database=None, deadline=2000, derandomize=True, phases=[Phase.generate],
        suppress_health_check=[HealthCheck.differing_executors],
    )  # fmt: skip
    @given(strategy)
    def collect(value) -> None:
        seen.append(value)

    collect()


def test_every_value_keeps_its_promise(shared: Path) -> None:
    """Positives pass and negatives fail the original schema, and only the ledger's schemas are not reached."""
    suite = shared / "suites" / "json-schema"
    registry = _registry(suite / "remotes")
    count: Counter[str] = Counter()
    missed = {}
    for name, group in _groups(suite / "draft2020-12"):
        asserted = "format" in name
        options = {"registry": registry, "validate_formats": asserted}
        schema = jsonschema_rs.canonicalize(group["schema"], draft=jsonschema_rs.Draft202012, **options)
        ok = jsonschema_rs.Draft202012Validator(group["schema"], **options).is_valid
        for make, good in ((valid, True), (invalid, False)):
            seen: list = []
            strategy = make(schema, check=ok)
            if strategy.is_empty:
                assert not any(test["valid"] is good for test in group["tests"]), (name, group["description"])
                count[f"{make.__name__} none"] += 1
                continue
            try:
                _draw(strategy, seen)
            except (FailedHealthCheck, Unsatisfiable) as error:
                missed[f"{name}::{group['description']}::{make.__name__}"] = type(error).__name__
            assert all(ok(value) is good for value in seen), (name, group["description"], make.__name__)
            count[make.__name__] += bool(seen)
    assert set(missed) == set(LEDGER["suite"]), missed
    assert count["valid"] >= 440
    assert count["invalid"] >= 420


def _moved(schema, base: str):
    """The schema with its own pointers leading to where it now stands."""
    if isinstance(schema, dict):
        return {
            name: base + value[1:] if name == "$ref" and isinstance(value, str) and value[:1] == "#"
            else _moved(value, base)
            for name, value in schema.items()
        }  # fmt: skip
    return [_moved(one, base) for one in schema] if isinstance(schema, list) else schema


def _in_openapi(schema) -> tuple[Schemas, str] | None:
    """A draft 4 schema as OpenAPI 3.0 has it; None for what 3.0 has no place for (``id``, other documents)."""
    if '"id": "' in json.dumps(schema) or '"$ref": "http' in json.dumps(schema):
        return None
    pointer = "#/components/schemas/One"
    document = {
        "openapi": "3.0.3",
        "info": {"title": "One schema", "version": "1"},
        "paths": {},
        "components": {"schemas": {"One": _moved(schema, pointer)}},
    }
    api = load_api(document)
    return Schemas(api.documents), next(iter(api.documents)) + pointer


def test_every_value_of_openapi_3_0_keeps_its_promise(shared: Path) -> None:
    """The same for draft 4, the dialect of OpenAPI 3.0, after its translation."""
    count: Counter[str] = Counter()
    missed = {}
    for name, group in _groups(shared / "suites" / "json-schema" / "draft4"):
        key = f"{name}::{group['description']}"
        try:
            found = _in_openapi(group["schema"])
        except DescriptionError:
            found = None
        if found is None:
            count["no OpenAPI 3.0"] += 1
            continue
        schemas, reference = found
        ok = schemas.check(reference).ok
        for make, good in ((valid, True), (invalid, False)):
            seen: list = []
            strategy = make(schemas.canonical(reference, "response"), check=ok)
            if strategy.is_empty:
                count[f"{make.__name__} none"] += 1
                continue
            try:
                _draw(strategy, seen)
            except (FailedHealthCheck, Unsatisfiable) as error:
                missed[f"{key}::{make.__name__}"] = type(error).__name__
            assert all(ok(value) is good for value in seen), (key, make.__name__)
            count[make.__name__] += bool(seen)
    assert set(missed) == set(LEDGER["draft4"]), sorted(missed)
    assert count["valid"] >= 170, count
    assert count["invalid"] >= 155, count
    assert count["no OpenAPI 3.0"] <= 19, count
