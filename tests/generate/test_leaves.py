"""Our leaf strings against those of hypothesis-jsonschema, which nobody here wrote.

The rule of this module: each side's values are judged by the other's engine, both verdicts are counted, and a format
that one side does not know is left out by name.
"""

from __future__ import annotations

from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema

from assay.generate.values import invalid, valid
from assay.schema.check import Schemas

PATTERNS: list[dict[str, Any]] = [
    {"type": "string", "pattern": pattern}
    for pattern in ("^[a-zA-Z0-9_-]{1,64}$", "^ft:[a-z]+$", "^[0-9]{3}-[a-f]+$", "^(auto|none)$")
]
# hypothesis-jsonschema knows no uuid, and its \d means the digits of all scripts, as in Python and not in ECMA-262.
THEIRS = [*({"type": "string", "format": name} for name in ("date", "date-time", "ipv4", "ipv6")), *PATTERNS]
# jsonschema judges date-time only with a library of its own.
OURS = [*({"type": "string", "format": name} for name in ("date", "ipv4", "ipv6", "uuid")), *PATTERNS]
ROOT = "file:///leaves.json"
QUICK = settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def checks(schema: dict[str, Any]) -> tuple[Any, Any]:
    """Our verdict, with the formats that we assert, and jsonschema's."""
    ours = Schemas({ROOT: {"leaf": schema}}).check(f"{ROOT}#/leaf").ok
    theirs = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).is_valid
    return ours, theirs


@pytest.mark.parametrize("schema", THEIRS, ids=str)
def test_their_leaves_are_valid_for_us(schema: dict[str, Any]) -> None:
    """What hypothesis-jsonschema makes for a format or pattern, our check accepts; other text it mostly does not."""
    ours, _ = checks(schema)
    refused: list[str] = []

    @QUICK
    @given(from_schema(schema), st.text(max_size=20))
    def compare(leaf: str, text: str) -> None:
        assert ours(leaf), leaf
        refused.extend([text] if not ours(text) else [])

    compare()
    assert len(refused) >= 10


@pytest.mark.parametrize("schema", OURS, ids=str)
def test_our_leaves_are_what_jsonschema_thinks(schema: dict[str, Any]) -> None:
    """Our valid strings are valid and our invalid ones invalid for the jsonschema library too."""
    _, theirs = checks(schema)
    form = jsonschema_rs.canonicalize(schema, validate_formats=True)
    counts = {"valid": 0, "invalid": 0}

    @QUICK
    @given(valid(form), invalid(form))
    def compare(right: Any, wrong: Any) -> None:
        assert theirs(right), right
        assert not theirs(wrong), wrong
        counts["valid"] += 1
        counts["invalid"] += 1

    compare()
    assert min(counts.values()) >= 20
