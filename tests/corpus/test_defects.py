"""Each class of defect that real servers have shown is told, and the honest twin of each exchange is not."""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import assay
from assay.conformance.checks import Exchange, judge

TABLE = yaml.safe_load((Path(__file__).parent / "defects.yaml").read_text(encoding="utf-8"))
DEFECTS = TABLE["defects"]
CLASSES = 47
PUBLISHED = "openai-2026-08-21.yaml"


@functools.cache
def contract(source: Any) -> assay.Contract:
    """One contract for all tests of a description."""
    return assay.load(source)


def described(shared: Path, operation: str) -> assay.Contract:
    """The bundled contract, or the published one for an operation that the bundled description lacks."""
    bundled = contract("openai")
    return bundled if operation in {o.id for o in bundled.operations} else contract(shared / "specs" / PUBLISHED)


def changed(value: Any, steps: list[str], new: Any) -> Any:
    """A value with something else at a path; ``...`` takes away what is there."""
    if not steps:
        return new
    value = copy.copy(value)
    key = int(steps[0]) if isinstance(value, list) else steps[0]
    if len(steps) == 1 and new is ...:
        del value[key]
    elif len(steps) == 1:
        value[key] = new
    else:
        value[key] = changed(value[key], steps[1:], new)
    return value


def defective(answer: Any, defect: dict[str, Any]) -> Any:
    """The response, or the events of the stream, with the defect."""
    for path, new in defect.get("set", {}).items():
        answer = changed(answer, path.split(".") if path else [], new)
    for path in defect.get("remove", ()):
        answer = changed(answer, path.split("."), ...)
    for number in sorted(defect.get("drop", ()), reverse=True):
        answer = answer[:number] + answer[number + 1 :]
    for number, event in defect.get("insert", {}).items():
        answer = [*answer[:number], event, *answer[number:]]
    return answer


def stream(events: list[Any], operation: str) -> bytes:
    """Events as they stand on the wire; those of responses are named by their type."""
    named = operation == "createResponse"
    frames = []
    for event in events:
        name = f"event: {event['type']}\n" if named and isinstance(event, dict) else ""
        frames.append(f"{name}data: {event if isinstance(event, str) else json.dumps(event)}\n\n")
    return "".join(frames).encode()


def exchange(shared: Path, defect: dict[str, Any], *, honest: bool) -> tuple[assay.Contract, Exchange]:
    """The exchange of a defect as the checks of a run see it, and the contract it is held against."""
    base, given = TABLE["exchanges"][defect["of"]], defect.get("given", {})
    rules = described(shared, base["operation"])
    operation = rules[base["operation"]]
    body = json.dumps({**base["request"], **given}).encode() if "request" in base else b""
    headers = {"content-type": "application/json"} if body else {}
    request = assay.Request(operation.method, f"/v1{operation.path}", headers, body)
    answer = copy.deepcopy(base.get("stream", base.get("response")))
    kind, status = "text/event-stream" if "stream" in base else "application/json", base.get("status", 200)
    if not honest:
        answer = defective(answer, defect)
        kind, status = defect.get("content-type", kind), defect.get("status", status)
    written = stream(answer, operation.id) if "stream" in base else json.dumps(answer).encode()
    flaws = rules.check_request(request).violations
    assert bool(flaws) == defect.get("invalid", False), [str(flaw) for flaw in flaws]
    response = assay.Response(status, {"content-type": kind}, written)
    return rules, Exchange(operation, request, response, flaw=flaws[0] if flaws else None)


def test_every_class_is_here():
    """The table has each class of defect, and every exchange of it is used."""
    assert sorted(DEFECTS) == list(range(1, CLASSES + 1))
    assert {defect["of"] for defect in DEFECTS.values()} == TABLE["exchanges"].keys()


@pytest.mark.parametrize("number", DEFECTS, ids=lambda number: f"{number}-{DEFECTS[number]['what'].replace(' ', '-')}")
def test_the_defect_is_told_and_the_honest_twin_is_not(shared, number):
    """The exchange with the defect breaks the rule of its class; without the defect nothing is broken."""
    defect = DEFECTS[number]
    honest = judge(*exchange(shared, defect, honest=True))
    assert not honest.violations, [str(violation) for violation in honest.violations]
    assert not honest.unsupported
    told = judge(*exchange(shared, defect, honest=False))
    assert defect["rule"] in {violation.rule for violation in told.violations}, told
