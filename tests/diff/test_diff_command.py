"""`assay diff` on the command line: exit codes, the width of its text, the JSON document, and bad input."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from assay.cli import main

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, name: str, maximum: int) -> str:
    """A description in a file, with one bound."""
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer", "maximum": maximum}, "text": {"minLength": 500}},
    }
    body = {"content": {"application/json": {"schema": schema}}}
    post = {"operationId": "act", "requestBody": body, "responses": {"200": {"description": "fine"}}}
    whole = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/x": {"post": post}}}
    path = folder / name
    path.write_text(json.dumps(whole))
    return str(path)


def ran(*arguments: str) -> Any:
    """Run the command."""
    return CliRunner().invoke(main, ["diff", *arguments], standalone_mode=False, env={"COLUMNS": "80"})


def test_exit_codes_are_those_of_diff(tmp_path: Path) -> None:
    """0 for the same, 1 for a difference, 2 for a file that is not there or an operation that nobody has."""
    old, new = written(tmp_path, "old.json", 9), written(tmp_path, "new.json", 7)
    assert ran(old, old).return_value == 0
    assert ran(old, new).return_value == 1
    assert ran(old, new, "--operation", "act").return_value == 1
    assert ran(old, str(tmp_path / "none.json")).return_value == 2
    assert ran(old, new, "--operation", "none").return_value == 2


def test_the_text_fits_80_columns_and_names_rule_and_witness(tmp_path: Path) -> None:
    """The most breaking comes first; the rule is named in words, with its pointer and a witness."""
    result = ran(written(tmp_path, "old.json", 9), written(tmp_path, "new.json", 7))
    lines = result.stdout.splitlines()
    assert lines[0].startswith("BREAKS CALLERS: requests accepted before and refused now (1)")
    assert max(len(line) for line in lines) <= 80
    text = " ".join(result.stdout.split())
    assert "after expects at most 7; got " in text
    assert "[maximum]" in text
    assert "schema/properties/n/maximum" in text.replace(" ", "")
    assert "1 operation compared in" in text


def test_the_json_document_is_whole(tmp_path: Path) -> None:
    """With --json - the standard output is one JSON document, and the text goes to stderr."""
    old, new = written(tmp_path, "old.json", 9), written(tmp_path, "new.json", 7)
    document = json.loads(ran(old, new, "--json", "-").stdout)
    assert document["counts"] == {"request-refused": 1}
    [one] = document["differences"]
    assert (one["kind"], one["concerns"], one["place"]) == ("request-refused", "breaks callers", "body.n")
    assert 7 < one["witness"]["n"] <= 9
