"""The contract of the published OpenAI description: webhooks, streams, directions, statuses.

The rule of this module: the description is one that we did not write, from the shared folder.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import assay

if TYPE_CHECKING:
    from pathlib import Path

JSON = {"content-type": "application/json"}
SSE = {"content-type": "text/event-stream"}
WEBHOOKS = [
    "batch.cancelled", "batch.completed", "batch.expired", "batch.failed", "eval.run.canceled", "eval.run.failed",
    "eval.run.succeeded", "fine_tuning.job.cancelled", "fine_tuning.job.failed", "fine_tuning.job.succeeded",
    "response.cancelled", "response.completed", "response.failed", "response.incomplete",
]  # fmt: skip


@pytest.fixture(scope="module")
def contract(shared: Path) -> assay.Contract:
    """Load the published description."""
    return assay.load(shared / "specs" / "openai-2026-08-21.yaml")


def post(path: str, value: Any) -> assay.Request:
    """Make a POST request with a JSON body."""
    return assay.Request("POST", path, JSON, json.dumps(value).encode())


@pytest.mark.parametrize("kind", WEBHOOKS)
def test_webhooks_are_judged_by_the_one_that_fits(contract: assay.Contract, kind: str) -> None:
    """A delivery is recognised by its body; a wrong part is named, by name or without."""
    event = {"id": "evt_1", "object": "event", "created_at": 1767225600, "type": kind, "data": {"id": "x_1"}}
    name = kind.replace(".", "_")
    assert contract.check_webhook(post("/hook", event)).ok
    assert (
        contract.check_webhook(post("/hook", event)).operation
        == contract.check_webhook(post("/", event), name).operation
    )
    for request in (post("/hook", event | {"created_at": "now"}), post("/hook", event | {"data": {}})):
        for verdict in (contract.check_webhook(request), contract.check_webhook(request, name)):
            (violation,) = verdict.violations
            assert violation.path[0] in ("created_at", "data")


def test_an_unknown_webhook_is_a_usage_error(contract: assay.Contract) -> None:
    """The error lists what there is."""
    with pytest.raises(assay.UsageError, match="batch_completed"):
        contract.check_webhook(post("/", {}), "no_such_hook")
    with pytest.raises(assay.UsageError, match="no webhook"):
        assay.load({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}}).check_webhook(
            post("/", {})
        )


STREAMS: list[tuple[str, str, dict[str, Any], list[dict[str, Any]], str]] = [
    ("createSpeech", "/v1/audio/speech", {"model": "tts-1", "input": "hi", "voice": "alloy", "stream_format": "sse"},
     [{"type": "speech.audio.delta", "audio": "AAAA"},
      {"type": "speech.audio.done", "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}}], "audio"),
    ("createImage", "/v1/images/generations", {"prompt": "otter", "stream": True},
     [{"type": "image_generation.partial_image", "b64_json": "AAAA", "created_at": 1767225600, "size": "1024x1024",
       "quality": "high", "background": "opaque", "output_format": "png", "partial_image_index": 0},
      {"type": "image_generation.completed", "b64_json": "AAAA", "created_at": 1767225600, "size": "1024x1024",
       "quality": "high", "background": "opaque", "output_format": "png",
       "usage": {"total_tokens": 3, "input_tokens": 1, "output_tokens": 2,
                 "input_tokens_details": {"text_tokens": 1, "image_tokens": 0}}}], "b64_json"),
    ("createCompletion", "/v1/completions", {"model": "gpt-3.5-turbo-instruct", "prompt": "hi", "stream": True},
     [{"id": "cmpl-1", "object": "text_completion", "created": 1767225600, "model": "m",
       "choices": [{"index": 0, "text": "Hi", "logprobs": None, "finish_reason": "stop"}]}], "choices"),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "path", "body", "events", "key"), STREAMS, ids=[row[0] for row in STREAMS])
def test_streams_of_other_resources_are_checked(
    contract: assay.Contract, operation: str, path: str, body: dict[str, Any], events: list[dict[str, Any]], key: str
) -> None:
    """An honest stream gives nothing; a damaged event is told with its number and place."""
    request = post(path, body)
    end = b"data: [DONE]\n\n" if operation == "createCompletion" else b""
    for damage, places in ((False, []), (True, [f"event[0].{key}"])):
        sent = [events[0] | ({key: 7} if damage else {}), *events[1:]]
        stream = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in sent) + end
        check = contract.open_stream(request, 200, SSE)
        found = [*check.feed(stream), *check.close()]
        assert check.operation == operation
        assert [v.place for v in found if v.rule.startswith("schema/")] == places, found


def test_statuses_without_a_body_and_head(contract: assay.Contract) -> None:
    """HEAD has GET's headers and no body; an error status is covered by the envelope that the overlay adds."""
    head = assay.Request("HEAD", "/v1/models")
    assert contract.check_response(head, assay.Response(200, JSON)).ok
    assert [v.rule for v in contract.check_response(head, assay.Response(200, JSON, b"{}")).violations] == [
        "http/body-unexpected"
    ]
    error = {"error": {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
    models = assay.Request("GET", "/v1/models")
    for status in (400, 401, 404, 429, 500, 503):
        assert contract.check_response(models, assay.Response(status, JSON, json.dumps(error).encode())).ok


def test_parameters_are_judged(contract: assay.Contract) -> None:
    """A bound of a query parameter is enforced on its text, and an undeclared one in the strict mode."""
    strict = assay.Contract(contract.api, strict_query=True)
    for query, ok, ok_strictly in [
        ("limit=20&order=asc", True, True),
        ("limit=twenty", False, False),
        ("limit=1_0", False, False),
        ("order=sideways", False, False),
        ("limits=20", True, False),
        ("after=%zz", False, False),
    ]:
        request = assay.Request("GET", f"/v1/files?{query}")
        assert contract.check_request(request).ok is ok, query
        assert strict.check_request(request).ok is ok_strictly, query


DIRECTIONS = {
    "openapi": "3.0.3",
    "info": {"title": "t", "version": "1"},
    "paths": {
        "/x": {
            "post": {
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/X"}}}},
                "responses": {
                    "200": {
                        "description": "d",
                        "headers": {"X-Count": {"required": True, "schema": {"type": "integer", "maximum": 9}}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/X"}}},
                    }
                },
            }
        }
    },
    "components": {
        "schemas": {
            "X": {
                "type": "object",
                "required": ["id", "secret"],
                "properties": {
                    "id": {"type": "string", "readOnly": True},
                    "secret": {"type": "string", "writeOnly": True},
                },
            }
        }
    },
}


def test_directions_and_response_headers() -> None:
    """What is only read is not required in requests, what is only written not in responses; headers are judged."""
    contract = assay.load(DIRECTIONS)
    assert contract.check_request(post("/x", {"secret": "s"})).ok
    assert not contract.check_request(post("/x", {"id": "i"})).ok
    answer = json.dumps({"id": "i"}).encode()
    for headers, rules in [
        ({"x-count": "3"}, []),
        ({"x-count": "12"}, ["schema/maximum"]),
        ({"x-count": "many"}, ["schema/type"]),
        ({}, ["http/header-missing"]),
    ]:
        verdict = contract.check_response(post("/x", {"secret": "s"}), assay.Response(200, JSON | headers, answer))
        assert [v.rule for v in verdict.violations] == rules, headers
    wrong = assay.Response(200, JSON | {"x-count": "1"}, b'{"secret": "s"}')
    assert not contract.check_response(post("/x", {"secret": "s"}), wrong).ok
