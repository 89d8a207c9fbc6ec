"""Every constraint of the inventory is encoded, or on the ledger with the reason why no message can show it."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from inventory_messages import Wrapped, judge

import assay

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("ASSAY_SHARED", HERE.parents[2] / "shared"))
FILES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("inventory/*.yaml"))}
ENTRIES: dict[str, dict[str, Any]] = {id_: e for file in FILES.values() for id_, e in file["items"].items()}
BASES = {operation: base for file in FILES.values() for operation, base in file.get("bases", {}).items()}
ENCODED = sorted(id_ for id_, entry in ENTRIES.items() if "encoded" in entry)
KEYS = {"encoded", "ledger", "as", "at", "of", "operation", "with", "set"}
SHORTEST_REASON = 30


@functools.cache
def inventory() -> dict[str, dict[str, Any]]:
    """The items by id, or a skip where the shared data is not here."""
    path = SHARED / "constraints.json"
    if not path.is_file():
        pytest.skip(f"the shared data folder is not here ({SHARED}); set ASSAY_SHARED to its place")
    return {item["id"]: item for item in json.loads(path.read_text(encoding="utf-8"))}


@functools.cache
def contract() -> assay.Contract:
    """The contract of the bundled description, with every rule."""
    return assay.load("openai")


def test_every_item_has_an_entry():
    """No item is forgotten, and no entry speaks of an item that does not exist."""
    items = inventory()
    missing = [id_ for id_ in items if id_ not in ENTRIES]
    assert not missing, f"{len(missing)} items have no entry: {missing[:20]}"
    assert not sorted(ENTRIES.keys() - items.keys())


def test_entries_are_said_once_and_well():
    """Each id stands in one file; an entry is encoded or on the ledger, with a reason that says something."""
    assert sum(len(file["items"]) for file in FILES.values()) == len(ENTRIES)
    rules = {rule.id for rule in contract().rules.rules}
    for id_, entry in ENTRIES.items():
        assert entry.keys() <= KEYS, id_
        assert ("encoded" in entry) != ("ledger" in entry), id_
        assert len(entry.get("ledger", "x" * SHORTEST_REASON)) >= SHORTEST_REASON, id_
        encoded = entry.get("encoded", "schema")
        assert encoded in rules or encoded == "schema" or encoded.startswith(("schema/", "http/")), id_


@pytest.mark.parametrize("id_", ENCODED)
def test_the_contract_knows_the_difference(id_):
    """The valid example, embedded in whole messages, is clean; the invalid one is told under the entry's rule."""
    wrapped = Wrapped(inventory()[id_], ENTRIES[id_], BASES)
    found = judge(contract(), wrapped, "example_valid")
    assert not found, f"the valid example is accused: {[str(violation) for violation in found]}"
    rules = {violation.rule for violation in judge(contract(), wrapped, "example_invalid")}
    encoded = ENTRIES[id_]["encoded"]
    assert encoded in {"schema" if rule.startswith("schema/") else rule for rule in rules} | rules, rules
