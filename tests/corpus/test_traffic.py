"""Recorded real traffic: api.openai.com breaks nothing but what the ledger explains; other services do, truly.

The recordings are read and judged the way ``assay check`` does it.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
import yaml

from assay.audit.files import read_file
from assay.audit.judge import load_judge
from assay.audit.records import Broken
from assay.audit.report import Report

LEDGER = Path(__file__).parent / "traffic-ledger.yaml"
DESCRIPTION = "openai-2026-08-21.yaml"


def outcomes(file: Path, judge) -> list:
    """Judge every exchange of a file, in its order."""
    items = list(read_file(str(file)))
    assert not [item for item in items if isinstance(item, Broken)]
    return [judge(item) for item in items]


def violated(outcome) -> set[tuple[str, str]]:
    """The message and place of each violation, hazards left out."""
    return {(f.side, f.violation.place) for f in outcome.faults if f.violation.severity == "violation"}


def listed() -> set[tuple[str, int, str, str]]:
    """What the ledger explains: source, index, message and place."""
    entries = yaml.safe_load(LEDGER.read_text(encoding="utf-8"))["exchanges"]
    assert all(entry["reason"] for entry in entries)
    return {
        (entry["source"], entry["index"], entry["message"], place) for entry in entries for place in entry["places"]
    }


def found_in(judged, names) -> set[tuple[str, int, str, str]]:
    """The violations of judged exchanges, in the form of the ledger."""
    return {(*name, *one) for name, outcome in zip(names, judged, strict=True) for one in violated(outcome)}


@pytest.fixture(scope="module")
def recorded(shared) -> Path:
    """The traffic recorded against api.openai.com."""
    return shared / "traffic" / "openai.jsonl.gz"


@pytest.fixture(scope="module")
def names(recorded) -> list[tuple[str, int]]:
    """Source and index of each recorded exchange, in order."""
    with gzip.open(recorded) as lines:
        return [(value["source"], value["index"]) for value in map(json.loads, lines)]


@pytest.fixture(scope="module")
def compat(shared, recorded):
    """What the published description, as repaired, says of the recorded traffic."""
    return outcomes(recorded, load_judge(shared / "specs" / DESCRIPTION))


def test_real_traffic_breaks_only_what_the_ledger_explains(compat, names) -> None:
    """In compat, the violations in real traffic are exactly those of the ledger: none new, none stale."""
    assert found_in(compat, names) == listed()


def test_every_real_exchange_is_judged_whole(compat) -> None:
    """Each of the 466 exchanges belongs to an operation, and neither message is skipped."""
    assert len(compat) == 466
    assert not [outcome.record.place for outcome in compat if outcome.operation is None or outcome.skipped]
    assert len({outcome.operation for outcome in compat}) >= 21


def test_strict_judges_the_same_traffic_by_the_letter(shared, recorded) -> None:
    """By the letter the description rejects much of the same traffic, so the silence of compat is not deafness."""
    report = Report()
    for outcome in outcomes(recorded, load_judge(shared / "specs" / DESCRIPTION, layers=("strict",))):
        report.add(outcome)
    assert report.operations["createResponse"].responses_wrong >= 140
    assert report.operations["createChatCompletion"].responses_wrong >= 80


def test_our_own_description_takes_real_traffic(recorded, names) -> None:
    """The bundled description finds in the real traffic of its operations what the ledger explains, and no more."""
    judged = outcomes(recorded, load_judge())
    assert found_in(judged, names) == listed()
    counts = Counter(outcome.operation for outcome in judged)
    for operation, least in (("createChatCompletion", 211), ("createCompletion", 26), ("createResponse", 153)):
        assert counts[operation] == least


def test_compatible_services_are_judged_without_a_crash(shared) -> None:
    """Each exchange of other services gets a verdict; some services keep the contract, some break it."""
    report = Report()
    for outcome in outcomes(shared / "traffic" / "compatible.jsonl.gz", load_judge()):
        report.add(outcome)
    told = {host: (t.exchanges, t.requests_wrong, t.responses_wrong) for host, t in sorted(report.hosts.items())}
    print(json.dumps(told, indent=1))  # noqa: T201  shown by pytest -rP
    assert report.exchanges == 200
    assert report.judged == 162
    wrong = {host for host, tally in report.hosts.items() if tally.responses_wrong}
    assert {"api.mistral.ai", "api.groq.com", "myorg-myaccount.snowflakecomputing.com"} <= wrong
    kept = Counter({host: t.exchanges for host, t in report.hosts.items() if not t.responses_wrong + t.requests_wrong})
    assert kept["ollama.com"] == 3


@pytest.mark.parametrize(
    ("line", "side", "rule", "place"),
    [
        (6, "response", "schema/enum", "body.service_tier"),
        (13, "response", "schema/type", "body.choices[0].message.tool_calls"),
        (27, "response", "chat-stream/same-created", "event[123].created"),
        (29, "response", "chat-stream/same-id", "event[1].id"),
        (38, "response", "chat-stream/usage-unasked", "event[954].usage"),
        (44, "response", "schema/type", "event[2].choices[0].delta.content"),
        (99, "response", "schema/enum", "body.choices[0].finish_reason"),
        (196, "response", "completions-stream/created-seconds", "event[0].created"),
    ],
)
def test_known_deviations_of_services_are_found(shared, line, side, rule, place) -> None:
    """A deviation that was seen by eye in a recording is reported at its place."""
    found = outcomes(shared / "traffic" / "compatible.jsonl.gz", load_judge())[line - 1]
    assert (side, rule, place) in {(f.side, f.violation.rule, f.violation.place) for f in found.faults}
