"""What a run made is taken away again, whatever ended the run, and nothing else is."""
# ruff: noqa: D103  names say it

from __future__ import annotations

import pytest
from in_process import Quiet, in_process, json_of, run_on, with_json

from assay.conformance.made import Ledger
from assay.conformance.pace import Clock, Courier
from assay.conformance.result import Options, Result, Target
from assay.conformance.run import run
from assay.errors import TargetError
from assay.messages import Request, Response
from assay.reference.server import application

OPERATIONS = ("/files", "/assistants", "/threads", "/files/{file_id}", "/assistants/{assistant_id}")
JSON = {"content-type": "application/json"}


@pytest.fixture
def honest(contract):
    return in_process(application(judge=contract))


def left(send):
    """How many files and assistants the target still has."""
    pages = [json_of(send(Request("GET", f"/v1/{kind}?limit=100"))) for kind in ("files", "assistants")]
    return sum(len(page["data"]) for page in pages)


def operation_of(contract, name):
    return next(operation for operation in contract.api.operations if operation.id == name)


def test_nothing_is_left(contract, honest):
    """After a whole run the target is as it was before: what was there stays, what was made is gone."""
    body = b'{"model": "assay-chat", "name": "mine"}'
    mine = json_of(honest(Request("POST", "/v1/assistants", JSON, body)))["id"]
    result = run_on(contract, honest, operations=OPERATIONS, requests=100)
    assert sum(tally.accepted for tally in result.tallies.values()) >= 30
    assert result.sent == 100
    assert left(honest) == 1
    assert honest(Request("GET", f"/v1/assistants/{mine}")).status == 200


def test_nothing_is_left_after_an_interruption(contract, honest):
    """Ctrl-C in mid-run ends it, and what was made until then is deleted."""
    count = 0

    def interrupted(request):
        nonlocal count
        count += 1
        if count == 20:
            raise KeyboardInterrupt
        return honest(request)

    result = Result(Options(requests=100, operations=OPERATIONS))
    with pytest.raises(KeyboardInterrupt):
        run(contract, Target(interrupted, str), result, Quiet(), clock=Clock(sleep=lambda _: None))
    assert count > 20
    assert left(honest) == 0


def test_a_dead_target_is_left_alone(contract, honest):
    """A target that died is asked once and no more."""
    asked = []

    def dying(request):
        asked.append(request)
        if len(asked) > 30:
            raise TargetError("cannot connect to http://target: connection refused")
        return honest(request)

    run_on(contract, dying, operations=OPERATIONS, requests=100)
    assert len([request for request in asked if request.method == "DELETE"]) <= 3


def test_what_cannot_be_deleted_is_tried_three_times(contract, honest):
    """A server without deletion is not asked for every object that it keeps."""
    deleted = []

    def keeping(request):
        if request.method == "DELETE":
            deleted.append(request.target)
            return Response(405, JSON, b'{"detail": "Method Not Allowed"}')
        return honest(request)

    run_on(contract, keeping, operations=("/files",), requests=60)
    assert 1 <= len(deleted) <= 4


def test_the_ledger_knows_what_was_made(contract):
    """Objects by their answers, whole or streamed; nothing that is not kept, and nothing of a refusal."""
    ledger = Ledger(contract.api)
    responses, chat = operation_of(contract, "createResponse"), operation_of(contract, "createChatCompletion")
    stream = Response(200, {"content-type": "text/event-stream"}, b'data: {"response": {"id": "resp_1"}}\n\n')
    ledger.note(responses, Request("POST", "/v1/responses", JSON, b'{"stream": true}'), stream)
    assert len(ledger) == 1
    shown = Response(200, JSON, b'{"id": "resp_2"}')
    ledger.note(responses, Request("POST", "/v1/responses", JSON, b'{"store": false}'), shown)
    ledger.note(chat, Request("POST", "/v1/chat/completions", JSON, b"{}"), with_json(shown, {"id": "c_1"}))
    ledger.note(
        chat, Request("POST", "/v1/chat/completions", JSON, b'{"store": true}'), Response(400, JSON, b'{"id":"x"}')
    )
    assert len(ledger) == 1
    ledger.note(
        chat, Request("POST", "/v1/chat/completions", JSON, b'{"store": true}'), with_json(shown, {"id": "c_2"})
    )
    assert len(ledger) == 2
    gone = operation_of(contract, "deleteResponse")
    ledger.note(gone, Request("DELETE", "/v1/responses/resp_1"), shown)
    assert len(ledger) == 1


def test_objects_go_with_what_they_belong_to(contract):
    """A thread is deleted and not its messages one by one; a job that cannot be deleted is cancelled."""
    ledger, sent = Ledger(contract.api), []
    made = Response(200, JSON, b'{"id": "a_1"}')
    ledger.note(operation_of(contract, "createThread"), Request("POST", "/v1/threads"), made)
    ledger.note(operation_of(contract, "createMessage"), Request("POST", "/v1/threads/a_1/messages"), made)
    ledger.note(operation_of(contract, "createFineTuningJob"), Request("POST", "/v1/fine_tuning/jobs"), made)

    def send(request):
        sent.append((request.method, request.target))
        return made

    ledger.tidy(Courier(send, Request("GET", "/v1/models"), 0))
    assert sent == [("POST", "/v1/fine_tuning/jobs/a_1/cancel"), ("DELETE", "/v1/threads/a_1")]
    assert not len(ledger)
