"""Hand-written broken requests: each breaks one constraint, by the contract's own word."""

from __future__ import annotations

import orjson
import pytest
from in_process import in_process, json_of, run_on, told

from assay.conformance.limits import LIMITS, limits
from assay.conformance.scenes import scenes
from assay.generate.cases import CaseMaker
from assay.generate.dials import DIALS
from assay.generate.subjects import default_body
from assay.messages import Request
from assay.reference.server import application
from assay.wire.parts import split_parts


def example(contract, operation) -> Request:
    """A request that an operation accepts: its first scenario, or the simplest that can be made."""
    if operation.method == "GET":
        return Request("GET", operation.bases[0] + operation.path)
    scene = next(scenes(contract.check_request, operation, ("gpt-4o-mini",)), None)
    if scene is not None:
        return scene.request
    body = default_body(CaseMaker(contract.schemas, operation), DIALS)
    kind, data = (body.content_type, body.data) if body is not None else ("application/json", b"{}")
    return Request(operation.method, operation.bases[0] + operation.path, {"content-type": kind}, data)


@pytest.mark.parametrize(("method", "path"), LIMITS, ids=lambda text: text.strip("/").replace("/", "-"))
def test_each_breaks_one_constraint(contract, method, path) -> None:
    """The request it is made of is valid, and the contract has one thing against each entry, at its property."""
    operation = next(o for o in contract.api.operations if (o.method, o.path) == (method, path))
    good = example(contract, operation)
    assert contract.check_request(good).ok
    made = dict(limits(operation, good))
    assert made.keys() == LIMITS[method, path].keys()
    for name, request in made.items():
        found = [v for v in contract.check_request(request).violations if v.severity == "violation"]
        assert len(found) == 1, (name, found)
        assert found[0].part == ("query" if method == "GET" else "body")


def test_a_form_keeps_what_is_not_changed(contract) -> None:
    """The broken form has the accepted one's file and model; what is no body at all gives no broken request."""
    operation = next(o for o in contract.api.operations if o.path == "/audio/transcriptions")
    good = example(contract, operation)
    (broken,) = dict(limits(operation, good)).values()
    kind = good.headers.content_type
    before, after = ({part.name: part.data for part in split_parts(one.body, kind)} for one in (good, broken))
    assert after == {**before, "response_format": b"stenography"}
    assert before["file"].startswith(b"RIFF")
    assert not list(limits(operation, Request("POST", good.target, {"content-type": "text/plain"}, b"hello")))


def test_lists_that_a_late_flow_opens_are_asked_too(contract) -> None:
    """A server whose lists take any limit is told of it, although nothing is listed before the last flows."""
    honest = in_process(application(judge=contract))

    def lenient(request):
        target = request.target.replace("limit=101", "limit=100")
        return honest(Request(request.method, target, request.headers, request.body))

    result = run_on(contract, lenient, operations=("/assistants", "/assistants/{assistant_id}"), requests=60)
    (finding,) = result.findings
    assert (finding.violation.rule, finding.violation.path) == ("http/invalid-accepted", ("limit",)), told(result)


def test_what_is_not_enforced_is_told(contract) -> None:
    """A server that takes any temperature is told of it in the first hundred requests."""
    honest = in_process(application(judge=contract))

    def lenient(request):
        value = json_of(request)
        if isinstance(value, dict) and isinstance(value.get("temperature"), int | float):
            value["temperature"] = min(2, max(0, value["temperature"]))
            request = Request(request.method, request.target, request.headers, orjson.dumps(value))
        return honest(request)

    result = run_on(contract, lenient, operations=("createChatCompletion",), requests=70)
    (finding,) = result.findings
    assert (finding.violation.rule, finding.violation.path) == ("http/invalid-accepted", ("temperature",)), told(result)
