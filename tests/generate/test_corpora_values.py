"""Schemas of published descriptions: generated values keep their promise, and what is out of reach is in the ledger."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck, Unsatisfiable

from assay.contract import Contract
from assay.generate.bodies import BodyMaker
from assay.generate.dials import DIALS
from assay.generate.domain import domain_of
from assay.generate.source import Source
from assay.generate.values import invalid, valid
from assay.schema.check import Schemas
from assay.spec.load import load_api

LEDGER = yaml.safe_load((Path(__file__).parent / "ledger.yaml").read_text(encoding="utf-8"))
EXAMPLES = 3


def _references(api, share: int):
    """Every schema reference of a request or response; of large descriptions each ``share``-th."""
    found = {}
    for operation in api.operations:
        for parameter in operation.parameters:
            found[parameter.schema, "request"] = operation.id
        for content in operation.body.contents if operation.body else ():
            found |= dict.fromkeys([(content.schema, "request"), (content.item_schema, "request")], operation.id)
        for content in [content for answer in operation.answers for content in answer.contents]:
            found |= dict.fromkeys([(content.schema, "response"), (content.item_schema, "response")], operation.id)
    return [(*key, name) for key, name in found.items() if key[0] is not None][::share]


def _draw(strategy) -> list:
    seen: list = []

    @settings(max_examples=EXAMPLES, database=None, deadline=2000, derandomize=True, phases=[Phase.generate])
    @given(strategy)
    def collect(value) -> None:
        seen.append(value)

    collect()
    return seen


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "share", "floor"),
    [
        ("openai-2026-08-21.yaml", 2, 700), ("openai-2025-02-10.yaml", 4, 150), ("openai-2.0.0.yaml", 1, 100),
        ("museum.yaml", 1, 15), ("stripe.json", 12, 100),
    ],
)  # fmt: skip
def test_every_schema_is_reached_from_both_sides(shared: Path, name: str, share: int, floor: int) -> None:
    """Every schema of a published description has values that pass and values that fail, each as promised."""
    api = load_api(shared / "specs" / name)
    schemas = Schemas(api.documents)
    count: Counter[str] = Counter()
    missed = []
    for reference, direction, operation in _references(api, share):
        canonical, check = schemas.canonical(reference, direction), schemas.check(reference, direction)
        for make, good in ((valid, True), (invalid, False)):
            try:
                seen = _draw(make(canonical, check=check.ok))
            except (FailedHealthCheck, Unsatisfiable):
                missed.append(f"{name}::{operation}::{make.__name__}")
                continue
            assert all(check.ok(value) is good for value in seen), (reference, make.__name__)
            count[make.__name__] += bool(seen)
    assert not set(missed) - set(LEDGER["corpora"]), missed
    assert min(count["valid"], count["invalid"]) >= floor, count


@st.composite
def _bodies(draw, maker: BodyMaker):
    return maker.valid(Source(draw, DIALS))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "bodies"),
    [
        ("museum.yaml", 3), ("openai-2.0.0.yaml", 13), ("openai-2025-02-10.yaml", 40), ("openai-2026-08-21.yaml", 119),
        ("stripe.json", 452),
    ],
)  # fmt: skip
def test_every_request_body_is_completed(shared: Path, name: str, bodies: int) -> None:
    """Every request body of a description has values, all valid as the wire shows them, and none takes two seconds."""
    contract = Contract(load_api(shared / "specs" / name))
    found, missed = 0, set()
    for operation in contract.operations:
        for content in operation.body.contents if operation.body else ():
            maker = BodyMaker(contract.schemas, content, domain_of(operation.id))
            try:
                seen = _draw(_bodies(maker)) if maker.supported else []
            except (FailedHealthCheck, Unsatisfiable):
                seen = []
            if not seen:
                missed.add(f"{name}::{operation.id}::{content.media_type}")
                continue
            found += 1
            ok = contract.schemas.check(content.schema, "request").ok
            assert all(any(map(ok, maker.read(written))) for written in seen), (operation.id, content.media_type)
    assert missed == {key for key in LEDGER["bodies"] if key.startswith(f"{name}::")}
    assert found == bodies - len(missed)
