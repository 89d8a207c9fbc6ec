"""The overlays that mend OpenAI's published description: every action fits it, and mends what it says it mends."""

from __future__ import annotations

import re
import time

import pytest
import yaml

from assay.schema.check import Schemas
from assay.spec.load import load_api
from assay.spec.overlay import apply, parse_overlay

REPAIRS, COMPAT = "openai-repairs.yaml", "openai-compat.yaml"
OPERATIONS = 288


@pytest.fixture(scope="module")
def description(shared):
    """Return the published description as parsed YAML (only its structure matters here)."""
    return yaml.load((shared / "specs/openai-2026-08-21.yaml").read_bytes(), yaml.CSafeLoader)


@pytest.fixture(scope="module")
def overlays(root):
    """Return both overlays, read, by name."""
    folder = root / "schemas" / "overlays"
    return {name: parse_overlay(yaml.safe_load((folder / name).read_bytes()), name) for name in (REPAIRS, COMPAT)}


@pytest.fixture(scope="module")
def schemas(shared):
    """Return the schemas of both layers of the published description, with the root document's URI."""
    apis = {layer: load_api(shared / "specs/openai-2026-08-21.yaml", layer=layer) for layer in ("compat", "strict")}
    return {layer: (Schemas(api.documents), api) for layer, api in apis.items()}


def test_every_action_applies_and_says_why(description, overlays):
    """Each target is found in the published description, and each action has a reason of its own."""
    document, repairs = apply(description, overlays[REPAIRS])
    repairs += apply(document, overlays[COMPAT])[1]
    assert [repair.target for repair in repairs if not repair.applied] == []
    assert all(repair.reason and "asked for by" not in repair.reason for repair in repairs)
    assert len(repairs) > 150


def test_every_component_that_an_action_names_exists(description, overlays):
    """A list of names has no name that is misspelt or gone: the others would hide it."""
    document, _ = apply(description, overlays[REPAIRS])
    document, _ = apply(document, overlays[COMPAT])
    known = set(document["components"]["schemas"])
    named = set()
    for action in (*overlays[REPAIRS].actions, *overlays[COMPAT].actions):
        if lists := re.match(r"\$\.components\.schemas\[('[^\]]*')\]", action.target.text):
            named |= {name.strip(" '\n") for name in lists[1].split(",")}
    assert len(named) > 100
    assert named <= known


def test_both_overlays_apply_in_little_time(description, overlays):
    """All repairs together take at most 0.2 s on the 3 MB description, and leave it as it was."""
    operations = description["paths"]["/chat/completions"]["post"]["responses"]
    best = 1.0
    for _ in range(3):
        start = time.process_time()
        document, _ = apply(description, overlays[REPAIRS])
        apply(document, overlays[COMPAT])
        best = min(best, time.process_time() - start)
    assert best <= 0.2
    assert set(operations) == {"200", "429"}


def test_the_repaired_description_loads_in_both_layers(schemas):
    """No operation is lost, and every operation describes its errors."""
    for _, api in schemas.values():
        assert len(api.operations) == OPERATIONS
        assert all({"4XX", "5XX"} <= {answer.status for answer in operation.answers} for operation in api.operations)


def test_every_stream_has_an_item_schema_and_no_schema(schemas):
    """The thirteen operations that stream describe one event, never the whole body."""
    _, api = schemas["strict"]
    streams = {
        operation.id: content
        for operation in api.operations
        for answer in operation.answers
        for content in answer.contents
        if content.media_type == "text/event-stream"
    }
    assert len(streams) == 13
    assert all(content.item_schema and content.schema is None for content in streams.values())


# --- payloads that the published description judges wrongly -------------------------------------------------------

CALL = {"role": "assistant", "content": None}
CHAT = {"id": "c", "created": 1, "model": "m", "object": "chat.completion"}
CHUNK = {**CHAT, "object": "chat.completion.chunk"}
USAGE = {
    "input_tokens": 1,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 1,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 2,
}
TEXT = {"type": "output_text", "text": "x", "annotations": []}
RESPONSE = {
    "id": "r",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "model": "m",
    "tools": [],
    "output": [{"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [TEXT]}],
    "parallel_tool_calls": True,
    "metadata": {},
    "tool_choice": "auto",
    "temperature": 1,
    "top_p": 1,
    "usage": USAGE,
}
FILE = {"id": "f", "bytes": 1, "created_at": 1, "filename": "x", "object": "file", "purpose": "batch"}
MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
BATCH = {
    "id": "b",
    "object": "batch",
    "endpoint": "/v1/x",
    "input_file_id": "f",
    "completion_window": "24h",
    "status": "validating",
    "created_at": 1,
}


def choice(**fields):
    """Build a chat completion with one choice."""
    return {**CHAT, "choices": [{"index": 0, "finish_reason": "stop", "message": CALL, **fields}]}


def chunk(**fields):
    """Build a chat chunk with one choice."""
    return {**CHUNK, "choices": [{"index": 0, "finish_reason": None, "delta": {}, **fields}]}


def without(value, *names):
    """Return an object without some of its properties."""
    return {name: item for name, item in value.items() if name not in names}


ACCEPTED = [
    ("CreateChatCompletionResponse", choice()),
    ("CreateChatCompletionResponse", choice(message={**CALL, "tool_calls": None, "refusal": None})),
    ("CreateChatCompletionResponse", {**choice(), "system_fingerprint": None}),
    ("CreateChatCompletionStreamResponse", chunk()),
    ("CreateChatCompletionStreamResponse", {**CHUNK, "choices": [], "usage": None}),
    (
        "CreateChatCompletionStreamResponse",
        chunk(delta={"tool_calls": [{"index": 0, "id": "x", "type": "custom", "custom": {}}]}),
    ),
    (
        "CreateCompletionStreamResponse",
        {
            **CHAT,
            "object": "text_completion",
            "choices": [{"index": 0, "text": "", "logprobs": None, "finish_reason": None}],
        },
    ),
    (
        "CreateChatCompletionRequest",
        {
            "model": "m",
            "messages": [{"role": "user", "content": "x"}],
            "stop": None,
            "n": None,
            "stream": None,
            "top_logprobs": None,
        },
    ),
    ("Embedding", {"index": 0, "object": "embedding", "embedding": "AAAAAA=="}),
    ("Embedding", {"index": 0, "object": "embedding", "embedding": [0.5]}),
    ("InputItem", MESSAGE),
    ("InputItem", without(MESSAGE, "type")),
    ("InputItem", {"role": "assistant", "content": [{"type": "output_text", "text": "x"}]}),
    ("InputItem", {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True}),
    ("InputItem", {"type": "local_shell_call_output", "id": "a", "output": "x"}),
    ("InputItem", {"type": "image_generation_call", "id": "a"}),
    (
        "InputItem",
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}", "status": None, "id": None},
    ),
    ("InputItem", {"role": "user", "content": [{"type": "input_image", "image_url": "https://a/b.png"}]}),
    ("Tool", {"type": "function", "name": "f", "parameters": {"type": "object"}}),
    ("Tool", {"type": "mcp", "server_label": "s", "server_url": None, "connector_id": None}),
    ("Response", RESPONSE),
    ("Response", {**RESPONSE, "user": None, "usage": None}),
    (
        "ResponseErrorEvent",
        {"type": "error", "sequence_number": 1, "error": {"type": "x", "code": None, "message": "m", "param": None}},
    ),
    ("Batch", {**BATCH, "errors": None, "completed_at": None, "output_file_id": None}),
    (
        "VectorStoreFileBatchObject",
        {
            "id": "v",
            "object": "vector_store.file_batch",
            "created_at": 1,
            "vector_store_id": "s",
            "status": "completed",
            "file_counts": dict.fromkeys(["in_progress", "completed", "failed", "cancelled", "total"], 0),
        },
    ),
    ("OpenAIFile", {**FILE, "purpose": "evals", "expires_at": None, "status_details": None}),
    ("CreateUploadRequest", {"filename": "f", "purpose": "user_data", "bytes": 1, "mime_type": "text/plain"}),
    ("ImagesResponse", {"created": 1, "size": "1536x864", "usage": None}),
    ("UpdateVectorStoreRequest", {"expires_after": None}),
    ("CreateRunRequest", {"assistant_id": "a", "tool_choice": None, "truncation_strategy": None}),
    (
        "Upload",
        {
            "id": "u",
            "created_at": 1,
            "filename": "f",
            "bytes": 1,
            "purpose": "batch",
            "status": "pending",
            "expires_at": 1,
            "file": None,
        },
    ),
    ("AssistantStreamEvent", {"event": "done", "data": "[DONE]"}),
    (
        "VectorStoreSearchRequest",
        {
            "query": "x",
            "filters": {
                "type": "and",
                "filters": [{"type": "or", "filters": [{"type": "eq", "key": "k", "value": 1}]}],
            },
        },
    ),
]

REJECTED = [
    ("CreateChatCompletionRequest", {"model": "m", "messages": [{"role": "user", "content": "x"}], "functions": None}),
    ("CreateChatCompletionResponse", without(choice(), "object")),
    ("CreateChatCompletionResponse", without(choice(), "id")),
    ("CreateChatCompletionResponse", choice(finish_reason=None)),
    ("CreateChatCompletionResponse", choice(finish_reason="end_turn")),
    ("CreateChatCompletionResponse", choice(index=None)),
    ("CreateChatCompletionResponse", choice(message={"role": "assistant"})),
    (
        "CreateChatCompletionResponse",
        choice(message={**CALL, "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{}"}}]}),
    ),
    (
        "CreateChatCompletionResponse",
        choice(
            message={
                **CALL,
                "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": {}}}],
            }
        ),
    ),
    ("CreateChatCompletionStreamResponse", {**CHUNK, "choices": [{"index": 0, "delta": {}}]}),
    ("CreateChatCompletionStreamResponse", chunk(finish_reason="")),
    ("CreateChatCompletionStreamResponse", chunk(delta=None)),
    ("CreateChatCompletionStreamResponse", chunk(delta={"role": ""})),
    ("CreateChatCompletionStreamResponse", chunk(delta={"role": None})),
    ("CreateChatCompletionStreamResponse", chunk(delta={"tool_calls": None})),
    ("CreateChatCompletionStreamResponse", chunk(delta={"tool_calls": [{"id": "a", "type": "function"}]})),
    ("CreateChatCompletionStreamResponse", {"choices": [], "cost": "0"}),
    (
        "CreateCompletionResponse",
        {
            **CHAT,
            "object": "text_completion",
            "choices": [{"index": 0, "text": "", "logprobs": None, "finish_reason": None}],
        },
    ),
    ("Embedding", {"index": 0, "object": "embedding", "embedding": None}),
    ("Embedding", {"index": 0, "object": "embedding", "embedding": ["0.5"]}),
    ("Response", without(RESPONSE, "object")),
    ("Response", {**RESPONSE, "status": "complete"}),
    ("Response", {**RESPONSE, "output": None}),
    ("Response", {**RESPONSE, "tools": None}),
    ("Response", {**RESPONSE, "usage": without(USAGE, "output_tokens_details")}),
    ("Response", {**RESPONSE, "output": [{**RESPONSE["output"][0], "content": [without(TEXT, "annotations")]}]}),
    ("ResponseStreamEvent", {"type": "response.output_text.delta", "item_id": "i", "delta": "x", "sequence_number": 1}),
    ("ResponseStreamEvent", {"type": "response.unheard_of", "sequence_number": 1}),
    ("ResponseErrorEvent", {"type": "error", "sequence_number": 1}),
    ("ErrorResponse", {"object": "error", "message": "m", "type": "x", "code": 400}),
    ("ErrorResponse", {"error": {"message": "m", "type": "x", "param": {}, "code": None}}),
    ("ErrorResponse", {"detail": "m"}),
    ("Model", "gpt"),
    ("Model", {"id": "m", "object": "model", "owned_by": "o"}),
    ("ListMessagesResponse", 42),
    ("OpenAIFile", without(FILE, "object")),
    ("InputItem", {"type": "image_generation_call"}),
    ("InputItem", {"role": "user", "content": [{"type": "output_text"}]}),
    ("AssistantStreamEvent", {"event": "thread.run.created", "data": "[DONE]"}),
    ("CreateChatCompletionRequest", {"model": "m", "messages": [{"role": "tool", "content": "x"}]}),
]


def verdicts(schemas, layer, payloads):
    """Return the payloads' verdicts in a layer."""
    compiled, api = schemas[layer]
    return [compiled.check(f"{api.root}#/components/schemas/{name}").ok(value) for name, value in payloads]


def test_what_the_service_sends_and_takes_is_accepted(schemas):
    """Ordinary payloads pass in compat."""
    found = verdicts(schemas, "compat", ACCEPTED)
    assert [ACCEPTED[number] for number, ok in enumerate(found) if not ok] == []
    assert sum(found) > 30


def test_what_breaks_clients_is_still_rejected(schemas):
    """The relaxations let no defect through that real servers are known for."""
    found = verdicts(schemas, "compat", REJECTED)
    assert [REJECTED[number] for number, ok in enumerate(found) if ok] == []
    assert found.count(False) > 30


def test_strict_is_stricter_and_never_more_lenient(schemas):
    """What compat rejects strict rejects, and some of what compat accepts strict does not."""
    assert not any(verdicts(schemas, "strict", REJECTED))
    found = verdicts(schemas, "strict", ACCEPTED)
    assert found.count(False) > 10
    assert found.count(True) > 10


def test_verbose_transcriptions_match(schemas):
    """A verbose or diarized transcription is valid, though it matches the plain form too; without text none is."""
    compiled, api = schemas["strict"]
    operation = next(operation for operation in api.operations if operation.id == "createTranscription")
    content = next(content for content in operation.answers[0].contents if content.media_type == "application/json")
    check = compiled.check(content.schema)
    assert check.ok({"task": "transcribe", "language": "english", "duration": 1.0, "text": "x"})
    assert check.ok({"task": "transcribe", "duration": 1.0, "text": "x", "segments": []})
    assert not check.ok({"task": "transcribe", "duration": 1.0, "segments": []})
