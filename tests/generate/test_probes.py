"""Sites and probes: each constraint is tried alone, proven by the contract, and what cannot be is in the ledger."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from assay.cli import main
from assay.contract import Contract, load
from assay.generate.coverage import Counts, Observer, Universe, share
from assay.generate.probes import Outcome, Prober, probes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.generate.cases import Case
    from assay.violation import Verdict

LEDGER: dict[str, dict[str, str]] = yaml.safe_load(
    (Path(__file__).parent / "unreachable.yaml").read_text(encoding="utf-8")
)
CONTRACT = load("openai")
NAMES = sorted(operation.id for operation in CONTRACT.operations)
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
    """Every inside probe is valid, and every outside probe has one violation, at the pointer that was promised."""
    name, outcomes = probed
    for outcome in outcomes:
        for case in outcome.inside:
            assert CONTRACT.check_request(case.request).violations == (), case.label
        if outcome.outside is None:
            continue
        verdict = CONTRACT.check_request(outcome.outside.request)
        assert verdict.operation == name
        assert [v.pointer for v in verdict.violations] == [outcome.violation.pointer], outcome.outside.label


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
    """Each side of a site without a probe is listed with its reason, and nothing else is."""
    name, outcomes = probed
    found = {}
    for one in outcomes:
        for side, reason in (("inside", one.no_inside), ("outside", one.no_outside)):
            if reason:
                found[f"{side} {one.site.pointer} {one.site.name}".strip()] = reason
    assert found == (LEDGER.get(name) or {})


def test_the_ledger_names_only_operations_that_exist() -> None:
    """No stale operation stands in the ledger."""
    assert set(LEDGER) <= set(NAMES)


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


def test_all_probes_of_chat_are_built_in_little_time() -> None:
    """Building and proving takes about a second; the bound is generous, for machines differ."""
    contract = load("openai")
    began = time.perf_counter()
    assert len(outcomes_of(contract, "createChatCompletion")) > 300
    assert time.perf_counter() - began < SECONDS


def test_probes_come_inside_first_and_the_same_every_time() -> None:
    """The order is that of the budget, no request comes twice, and a second run gives the same."""
    given: dict[str, Any] = {"judge": CONTRACT.check_request}
    operation = CONTRACT["createEmbedding"]
    first = list(probes(CONTRACT.api, CONTRACT.schemas, operation, **given))
    second = list(probes(CONTRACT.api, CONTRACT.schemas, operation, **given))
    assert first == second
    assert [case.valid for case in first] == sorted((case.valid for case in first), reverse=True)
    assert len({(case.request.target, case.request.headers, case.request.body) for case in first}) == len(first)
    assert {case.valid for case in first} == {True, False}


def test_traffic_that_tries_little_covers_little() -> None:
    """One plain request covers some sites from inside and none from outside; an unknown path counts nothing."""
    outcomes = outcomes_of(CONTRACT, "createChatCompletion")
    universe = Universe.of(outcomes)
    observer = Observer(CONTRACT.api, CONTRACT.schemas, outcomes)
    plain = next(case for one in outcomes for case in one.inside)
    counts = observer.observe(plain.request, CONTRACT.check_request(plain.request))
    covered = share(universe, counts)
    assert 0 < covered.inside[0] < covered.inside[1] / 4
    assert covered.outside[0] == 0
    strange = type(plain.request)("GET", "/v1/otters")
    verdict: Verdict = CONTRACT.check_request(strange)
    assert observer.observe(strange, verdict) == Counts()


@pytest.mark.parametrize(("name", "least"), [("createChatCompletion", 300), ("createFineTuningJob", 200)])
def test_messages_of_the_published_description_name_the_site(shared: Path, name: str, least: int) -> None:
    """Of the outside probes at least 95 % are told at the site, or at the union that tells of it for its branches."""
    contract = load(shared / "specs" / "openai-2026-08-21.yaml")
    sides = [one for one in outcomes_of(contract, name) if "outside" in one.site.sides]
    told = sum(one.outside is not None for one in sides)
    assert len(sides) >= least
    assert told / len(sides) >= 0.95, (told, len(sides))


def test_the_command_lists_sites(capsys) -> None:
    """Each site is listed with its pointer and both sides, as text and as JSON; an unknown operation is refused."""
    assert main(["sites", "createModeration"], standalone_mode=False) == 0
    text = capsys.readouterr().out
    assert text.startswith("createModeration: ")
    assert "outside: no: " in text
    assert main(["sites", "/moderations", "--json", "-"], standalone_mode=False) == 0
    listed = json.loads(capsys.readouterr().out)["createModeration"]
    assert {"pointer", "keyword", "inside", "outside", "told"} <= listed[0].keys()
    assert len(listed) > 20
    assert main(["sites", "otter"], standalone_mode=False) == 2
