"""Parity, measured: the bundled description against the published one, each difference on a ledger with its reason."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from assay.diff.compare import compare
from assay.spec.load import load_api

if TYPE_CHECKING:
    from pathlib import Path

    from assay.diff.differences import Comparison, Difference
    from assay.model import Api

LEDGER = "parity-ledger.yaml"
PUBLISHED = {"published": "openai-2026-08-21.yaml", "legacy": "openai-2.0.0.yaml"}
SEEN = {"published": 200, "legacy": 20}  # differences at least: a comparison that sees none means nothing

WITHOUT_LETTER = {"responses", "conversations", "webhooks"}  # openai-strict.yaml does not know them yet


def name(difference: Difference) -> str:
    """What the ledger calls a difference."""
    told = difference.pointer or f"{difference.operation} {difference.part}".strip()
    return f"undecided {told}" if difference.kind == "undecided" else told


@pytest.fixture(scope="module")
def ledger(root: Path) -> dict[str, Any]:
    """The ledger."""
    found: dict[str, Any] = yaml.safe_load((root / "tests" / "corpus" / LEDGER).read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def ours() -> Api:
    """The bundled description."""
    return load_api("openai")


@pytest.mark.parametrize("edition", PUBLISHED)
def test_every_difference_is_accounted_for(
    edition: str, ledger: dict[str, Any], ours: Api, shared: Path, record_property: Any
) -> None:
    """What one of the two accepts and the other refuses stands on the ledger, and nothing else does."""
    held = held_by(edition, ledger)
    theirs = load_api(shared / "specs" / PUBLISHED[edition])
    present = {one.id for api in (ours, theirs) for one in (*api.operations, *api.webhooks)}
    found = compare(ours, theirs, operations=[one for one in held if one in present])
    globs = [glob for entry in ledger[edition] for glob in entry["where"]]
    seldom = [glob for entry in ledger[edition] for glob in entry.get("seldom", ())]
    needed: set[str] = set()
    unaccounted = []
    for difference in found.differences:
        fitting = [glob for glob in (*globs, *seldom) if fnmatchcase(name(difference), glob)]
        needed |= {*fitting}
        if not fitting:
            unaccounted.append(difference)
    for line in shares(found, unaccounted, held):
        print(line)  # noqa: T201  the figure is what people run this for
        record_property("parity", line)
    assert not [f"{one.kind} {name(one)} {one.place}" for one in unaccounted]
    assert not [glob for glob in globs if glob not in needed], "stale entries"
    # The comparison saw every operation that is held, and enough of each to mean something.
    assert found.operations >= len([one for one in held if one in {each.id for each in theirs.operations}])
    assert len(found.parts) >= 4 * found.operations
    assert len(found.differences) >= SEEN[edition]


def test_the_letter_is_as_strict_as_the_published_one(ledger: dict[str, Any], shared: Path) -> None:
    """In the layer strict ours accepts nothing that the published description refuses."""
    held = [one for one, resource in held_by("published", ledger).items() if resource not in WITHOUT_LETTER]
    theirs = load_api(shared / "specs" / PUBLISHED["published"], layer="strict")
    found = compare(load_api("openai", layer="strict"), theirs, operations=held, refused_by="after")
    looser = [one for one in found.differences if one.kind != "undecided"]
    assert not [f"{one.operation} {one.place} {name(one)}" for one in looser]
    assert len(found.parts) >= 400
    # The comparison sees what is looser: the wire is.
    wire = compare(load_api("openai"), theirs, operations=["listFiles"], refused_by="after")
    assert len(wire.differences) >= 5


def held_by(edition: str, ledger: dict[str, Any]) -> dict[str, str]:
    """The operations and webhooks that one edition is compared in, each with its resource."""
    resources = ledger["resources"].items()
    return {
        one: resource
        for resource, names in resources
        if (resource == "legacy") is (edition == "legacy")
        for one in names
    }


def shares(found: Comparison, unaccounted: list[Difference], held: dict[str, str]) -> list[str]:
    """The share of compared parts without a difference, and with none that is not accounted for, by resource."""
    differing = {(one, each.part) for each in found.differences for one in (each.operation, *each.also)}
    open_ones = {(one, each.part) for each in unaccounted for one in (each.operation, *each.also)}
    lines = []
    for resource in dict.fromkeys(held.values()):
        parts = [part for part in found.parts if held.get(part[0]) == resource]
        if parts:
            same = sum(part not in differing for part in parts)
            fine = sum(part not in open_ones for part in parts)
            accounted = f"{100 * fine / len(parts):.0f} % accounted for"
            lines.append(f"{resource}: {len(parts)} parts, {100 * same / len(parts):.0f} % the same, {accounted}")
    return lines
