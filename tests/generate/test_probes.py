"""Sites and probes: each constraint is tried alone, proven by the contract, and what cannot be is in the ledger."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from write_unreachable import kind_of

from assay.contract import Contract, load
from assay.generate.coverage import Observer, Universe, share
from assay.generate.probes import Outcome, Prober
from assay.generate.proofs import Proofs
from assay.generate.sites import sites

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.generate.cases import Case

LEDGER: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "unreachable.yaml").read_text(encoding="utf-8"))
OPEN = 0  # sides that are neither reached nor proved or argued to be out of reach; this number may only sink
CONTRACT = load("openai")
NAMES = sorted({operation.id for operation in CONTRACT.operations})
SECONDS = 5.0  # for what takes one on an idle machine: see benchmarks/generate.py


def outcomes_of(contract: Contract, name: str) -> tuple[Outcome, ...]:
    """What becomes of the sites of an operation."""
    return Prober(contract.api, contract.schemas, contract[name], judge=contract.check_request).outcomes()


@pytest.fixture(scope="module", params=NAMES)
def probed(request) -> tuple[str, tuple[Outcome, ...]]:
    """Return an operation of our description with the outcomes of its sites."""
    return request.param, outcomes_of(CONTRACT, request.param)


def requests_of(outcomes: Iterable[Outcome]) -> list[Case]:
    """All probes."""
    return [case for one in outcomes for case in (*one.inside, one.outside) if case is not None]


def test_probes_are_what_they_say(probed: tuple[str, tuple[Outcome, ...]]) -> None:
    """Every inside probe is valid, if with a hazard; every outside one has one violation, at the promised pointer."""
    name, outcomes = probed
    for outcome in outcomes:
        for case in outcome.inside:
            assert CONTRACT.check_request(case.request).ok, case.label
        if outcome.outside is None:
            continue
        verdict = CONTRACT.check_request(outcome.outside.request)
        assert verdict.operation == name
        told = [v.pointer for v in verdict.violations if v.severity == "violation"]
        assert told == [outcome.violation.pointer], outcome.outside.label


def test_a_complete_plan_covers_all_that_can_be_reached(probed: tuple[str, tuple[Outcome, ...]]) -> None:
    """Contract coverage of all probes, counted from the requests and verdicts alone, is 100 %."""
    _, outcomes = probed
    observer = Observer(CONTRACT.api, CONTRACT.schemas, outcomes)
    pairs = [(case.request, CONTRACT.check_request(case.request)) for case in requests_of(outcomes)]
    counted = share(Universe.of(outcomes), observer.observe_all(pairs))
    assert counted.complete, counted
    half = len(pairs) // 2
    parts = observer.observe_all(pairs[:half]) + observer.observe_all(pairs[half:])
    assert parts == observer.observe_all(pairs)


def test_what_cannot_be_reached_is_in_the_ledger(probed: tuple[str, tuple[Outcome, ...]]) -> None:
    """Each side of a site without a probe is listed once with its reason, and no side that is reached is."""
    name, outcomes = probed
    found = [
        f"{side} {one.site.pointer} {one.site.name}".strip()
        for one in outcomes
        for side, lacks in (("inside", one.no_inside), ("outside", one.no_outside))
        if lacks
    ]
    listed = [side for group in LEDGER for side in group["sites"].get(name, ())]
    assert sorted(found) == sorted(listed), {*found} ^ {*listed}


@pytest.mark.parametrize("group", LEDGER, ids=lambda group: f"{group['kind']}: {group['reason'][:30]}")
def test_reasons_hold(group: dict[str, Any]) -> None:
    """What is said to be proved is proved here again: by the shape on the wire, by algebra, or by its size."""
    assert group["kind"] in ("text", "idle", "size", "argued", "open")
    if group["kind"] in ("argued", "open"):
        assert len(group["reason"]) > 40
        return
    proofs = Proofs(CONTRACT.api.documents)
    for name, listed in group["sites"].items():
        operation = CONTRACT[name]
        known = {f"{one.pointer} {one.name}".strip(): one for one in sites(CONTRACT.api, CONTRACT.schemas, operation)}
        for said in listed:
            side, _, pointer = said.partition(" ")
            assert kind_of(CONTRACT.schemas, operation, known[pointer], side, proofs) == group["kind"], (name, said)


def test_algebra_proves_only_what_is_idle() -> None:
    """A constraint that a probe breaks alone is never proved to be idle, and some of the others are."""
    proofs = Proofs(CONTRACT.api.documents)
    for name in ("createCompletion", "searchVectorStore", "createModeration"):
        outcomes = [one for one in outcomes_of(CONTRACT, name) if one.site.part == "body"]
        broken = [one for one in outcomes if one.exact]
        assert len(broken) >= 10
        assert not [one.site.pointer for one in broken if proofs.idle(one.site)]
    assert sum(len(sides) for group in LEDGER if group["kind"] == "idle" for sides in group["sites"].values()) >= 10


def test_the_ledger_stays_short() -> None:
    """No stale operation stands in the ledger, and few sides in it lack a reason."""
    assert {name for group in LEDGER for name in group["sites"]} <= set(NAMES)
    assert sum(len(sides) for group in LEDGER if group["kind"] == "open" for sides in group["sites"].values()) <= OPEN


@pytest.mark.parametrize(
    ("name", "part", "sides"),
    [("createTranscription", "body", 60), ("createFile", "body", 8), ("listFiles", "query", 8)],
)
def test_forms_and_parameters_are_probed_from_both_sides(name: str, part: str, sides: int) -> None:
    """Parts of a form and query parameters have sites, and most of them probes just inside and just outside."""
    outcomes = [one for one in outcomes_of(CONTRACT, name) if one.site.part == part]
    inside, outside = sum(bool(one.inside) for one in outcomes), sum(one.outside is not None for one in outcomes)
    assert inside + outside >= sides, (inside, outside)
    assert outside >= 0.5 * inside


def test_chat_has_its_sites() -> None:
    """The well-known constraints of a chat request are found, each with a probe just beyond it."""
    found = {(one.site.path, one.site.keyword): one for one in outcomes_of(CONTRACT, "createChatCompletion")}
    assert len(found) > 200
    for path, keyword, value in (
        (("temperature",), "maximum", b'"temperature":3'),
        (("n",), "minimum", b'"n":0'),
        (("messages",), "minItems", b'"messages":[]'),
        (("top_logprobs",), "maximum", b'"top_logprobs":21'),
    ):
        outside = found[path, keyword].outside
        assert outside is not None
        assert value in outside.request.body.replace(b" ", b""), outside.request.body


def test_probes_are_small_enough_to_read() -> None:
    """What a probe does not need is pared away: half of chat's have 150 bytes at most, nine of ten have 400."""
    outcomes = outcomes_of(CONTRACT, "createChatCompletion")
    sizes = sorted(len(one.outside.request.body) for one in outcomes if one.outside is not None)
    assert len(sizes) > 300
    assert sizes[len(sizes) // 2] <= 150
    assert sizes[len(sizes) * 9 // 10] <= 400


def test_all_probes_of_chat_are_built_in_little_time() -> None:
    """Building and proving takes about a second; the bound is generous, for machines differ."""
    contract = load("openai")
    began = time.process_time()
    assert len(outcomes_of(contract, "createChatCompletion")) > 300
    assert time.process_time() - began < SECONDS


def test_probes_are_the_same_every_time() -> None:
    """Nothing is left to chance: a second prober gives the same requests in the same order."""

    def given() -> list[Any]:
        prober = Prober(CONTRACT.api, CONTRACT.schemas, CONTRACT["createEmbedding"], judge=CONTRACT.check_request)
        return [*prober.inside(), *prober.outside()]

    assert given() == given()
