"""`assay spec lint` on a sound description and on one with a schema that nothing fits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from assay.cli import main

if TYPE_CHECKING:
    from pathlib import Path


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """A description with one operation and one request schema."""
    body = {"content": {"application/json": {"schema": schema}}}
    post = {"requestBody": body, "responses": {"200": {"description": "fine"}}}
    return {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/x": {"post": post}}}


def test_a_schema_that_admits_nothing_is_named(tmp_path: Path) -> None:
    """Bounds that cross are named by their pointer; the same without the fault is clean."""
    for maximum, code in ((4, 1), (6, 0)):
        path = tmp_path / f"{maximum}.json"
        path.write_text(
            json.dumps(described({"properties": {"n": {"type": "integer", "minimum": 5, "maximum": maximum}}}))
        )
        result = CliRunner().invoke(main, ["spec", "lint", "--description", str(path)], standalone_mode=False)
        shown = (
            "#/paths/~1x/post/requestBody/content/application~1json/schema/properties/n: expected a schema"
            in result.output
        )
        assert (result.return_value, shown) == (code, bool(code)), result.output


def test_our_description_is_clean() -> None:
    """The bundled description has no schema that admits nothing."""
    result = CliRunner().invoke(main, ["spec", "lint"], standalone_mode=False)
    assert (result.return_value, "0 schemas" in result.output) == (0, True)


def test_a_path_of_null_is_named(tmp_path: Path) -> None:
    """A path item or webhook that is null, as a merge leaves it, is told by its place."""
    path = tmp_path / "lost.json"
    path.write_text(json.dumps(described({}) | {"webhooks": {"lost": None}}))
    result = CliRunner().invoke(main, ["spec", "lint", "--description", str(path)], standalone_mode=False)
    assert result.return_value == 1
    assert "#/webhooks/lost: expected a path item" in result.output
