"""How a public description is held complete: operations and bodies are counted a second time, from the raw document.

The rule of this module: the counts use the raw document alone and nothing of Assay's reader.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from assay import Contract
from assay.spec.load import load_api

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
LEDGER = yaml.safe_load((Path(__file__).parent / "descriptions-ledger.yaml").read_text(encoding="utf-8"))["refused"]


def raw(path: Path) -> dict[str, Any]:
    """Read a description with a parser that is not ours."""
    if path.suffix == ".json":
        document: dict[str, Any] = json.loads(path.read_bytes())
        return document
    return yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe


def followed(document: dict[str, Any], value: Any) -> Any:
    """Follow local references."""
    while isinstance(value, dict) and "$ref" in value:
        target: Any = document
        for step in unquote(value["$ref"]).split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            target = target[int(name)] if isinstance(target, list) else target[name]
        value = target
    return value


def operations(document: dict[str, Any], field: str = "paths") -> list[dict[str, Any]]:
    """List the operation objects."""
    items = [followed(document, item) for name, item in (document.get(field) or {}).items() if name[:2] != "x-"]
    return [item[method] for item in items for method in METHODS & item.keys()]


def described(document: dict[str, Any]) -> int:
    """Count the bodies with a schema, one for each operation, message and media type."""
    count = 0
    for operation in operations(document):
        bodies = [
            operation.get("requestBody"),
            *(v for k, v in (operation.get("responses") or {}).items() if k[:2] != "x-"),
        ]
        for body in filter(None, (followed(document, body) for body in bodies)):
            media = {n.partition(";")[0].strip().lower(): v for n, v in reversed((body.get("content") or {}).items())}
            count += sum("schema" in (value or {}) for value in media.values())
    return count


def hold_complete(path: Path, layer: str = "compat", engine: str = "rust") -> int:
    """Assert that a description compiles whole: every operation, every body. Return the number of operations."""
    document = raw(path)
    api = load_api(path, layer=layer, cache=False)
    compiled = Contract(api, engine=engine).compile()
    counted = len(operations(document))
    assert len(api.operations) == counted
    assert len(api.webhooks) == len(operations(document, "webhooks"))
    assert len(compiled) == len({operation.id for operation in compiled}) == counted + len(api.webhooks)
    if all(repair.by in ("text", "dialect", "reader") for repair in api.repairs):
        contents = [
            content
            for operation in api.operations
            for part in ((operation.body,) if operation.body else ()) + operation.answers
            for content in part.contents
        ]
        assert sum(content.schema is not None for content in contents) == described(document)
    return counted
