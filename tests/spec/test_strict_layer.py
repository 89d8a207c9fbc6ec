"""The bundled description in the layer strict: our own overlay, applied to each of its files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from assay.schema.check import Schemas
from assay.spec.load import load_api, schemas_folder

if TYPE_CHECKING:
    from pathlib import Path

CHUNK = {"id": "a", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": []}
FILE = {"id": "f", "object": "file", "bytes": 1, "created_at": 1, "filename": "a", "purpose": "assistants"}
ERROR = {"error": {"type": "server_error", "message": "no", "param": None, "code": None}}

# Component, what both layers admit, what only compat admits.
CASES: dict[str, tuple[str, Any, Any]] = {
    "chunk": (
        "chat.yaml#/components/schemas/ChatCompletionStreamEvent", CHUNK, {**CHUNK, "system_fingerprint": None},
    ),
    "error in a stream": ("chat.yaml#/components/schemas/ChatCompletionStreamEvent", CHUNK, ERROR),
    "vector": (
        "embeddings.yaml#/components/schemas/Embedding",
        {"index": 0, "object": "embedding", "embedding": [0.5]},
        {"index": 0, "object": "embedding", "embedding": "AAAA"},
    ),
    "image": ("images.yaml#/components/schemas/Image", {"url": "https://a"}, {"url": None}),
    "file": ("files.yaml#/components/schemas/OpenAIFile", {**FILE, "status": "processed"}, FILE),
    "failure": (
        "common.yaml#/components/responses/Failed/content/application~1json/schema",
        ERROR,
        {"error": {"type": "server_error", "message": "no", "code": 502}},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def layers() -> dict[str, Schemas]:
    """The schemas of the bundled description in both layers."""
    return {layer: Schemas(load_api("openai", layer=layer, cache=False).documents) for layer in ("compat", "strict")}


@pytest.mark.parametrize("case", CASES)
def test_the_letter_is_stricter_than_the_wire(case: str, layers: dict[str, Schemas]) -> None:
    """What follows the letter passes in both layers, what only the wire knows passes in compat alone."""
    reference, both, wire = CASES[case]
    verdicts = [
        layers[layer].check(f"file:///{reference}").ok(value)
        for value in (both, wire)
        for layer in ("compat", "strict")
    ]
    assert verdicts == [True, True, True, False]


def test_every_action_has_a_place() -> None:
    """No action of the overlay is stale: each one applies in some file, and compat applies none."""
    overlay = yaml.safe_load((schemas_folder() / "overlays" / "openai-strict.yaml").read_text(encoding="utf-8"))
    wanted = {" ".join(action["target"].split()) for action in overlay["actions"]}
    made = {
        " ".join(one.target.split()) for one in load_api("openai", layer="strict", cache=False).repairs if one.applied
    }
    assert wanted <= made
    assert not wanted & {one.target for one in load_api("openai", cache=False).repairs}


def test_the_cache_keeps_the_layers_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A strict description read from the cache is strict, and a compat one is not."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    reference, _, wire = CASES["vector"]
    for _ in range(2):
        for layer, ok in (("compat", True), ("strict", False)):
            schemas = Schemas(load_api("openai", layer=layer).documents)
            assert schemas.check(f"file:///{reference}").ok(wire) is ok
