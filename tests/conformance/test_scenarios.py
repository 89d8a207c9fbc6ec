"""Feature scenarios: names are filled in, and what goes on from an earlier answer is sent only after one."""

from __future__ import annotations

import orjson

from assay.conformance import plan
from assay.conformance.pace import Clock
from assay.conformance.result import Options, Result, Target
from assay.conformance.run import run
from assay.conformance.scenarios import EARLIER, SCENARIOS
from assay.messages import Response


class Quiet:
    """Looks on and says nothing."""

    def begin(self, phase, operation):
        """Ignore it."""

    def update(self, sent, findings):
        """Ignore it."""


def sent_to(contract, body):
    """Send few requests to a server that gives one answer to everything; return the bodies that it got."""
    bodies = []

    def send(request):
        bodies.append(request.body)
        return Response(200, [("content-type", "application/json")], body)

    result = Result(Options(requests=20, seed=0, operations=("createResponse",)))
    run(contract, Target(send, lambda target: target, None), result, Quiet(), clock=Clock(sleep=lambda _: None))
    return bodies


def test_every_scenario_is_a_valid_request(contract) -> None:
    """Each body of the table is one that the bundled contract admits."""
    operations = {(operation.method, operation.path): operation for operation in contract.api.operations}
    for place, bodies in SCENARIOS.items():
        made = plan.scenarios(operations[place], "gpt-4o")
        assert len(made) == len(bodies)
        for label, request in made:
            assert contract.check_request(request).ok, (place, label)


def test_an_earlier_answer_is_gone_on_from(contract) -> None:
    """The id of the first answer goes into the request that needs one; without an id that request is not sent."""
    with_id = sent_to(contract, b'{"id": "resp_7"}')
    assert sum(b'"previous_response_id":"resp_7"' in body for body in with_id) >= 1
    for answer in (b'{"id": 7}', b"[]", b"no JSON"):
        without = sent_to(contract, answer)
        assert len(without) >= 10
        assert not any(EARLIER.encode() in body or b'"previous_response_id":""' in body for body in without)


def test_the_id_of_an_answer_is_read() -> None:
    """Only a success that shows an object with an id has one."""
    assert plan.identity(Response(200, [], orjson.dumps({"id": "resp_1"}))) == "resp_1"
    assert plan.identity(Response(400, [], orjson.dumps({"id": "resp_1"}))) == ""
    assert plan.identity(None) == ""
