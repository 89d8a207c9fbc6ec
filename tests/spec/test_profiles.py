"""Vendor profiles: each applies whole, takes what its vendor takes, and leaves the rest of the contract as it is."""

from __future__ import annotations

import json

import pytest

import assay
from assay.errors import UsageError
from assay.gateway import Gate, Settings
from assay.messages import Headers
from assay.spec.profiles import profile, profiles

MESSAGES = [{"role": "user", "content": "x"}]
JSON = {"content-type": "application/json"}
CHAT, TEXT, VECTOR = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"

# Each vendor: requests that it takes and the plain contract (with unknown fields refused) does not.
TAKEN = {
    "vllm": [
        (CHAT, {"model": "m", "messages": MESSAGES, "top_k": -1, "min_p": 0.1, "guided_choice": ["a"]}),
        (CHAT, {"model": "m", "messages": MESSAGES, "stop": list("abcdef")}),
        (TEXT, {"model": "m", "prompt": "x", "ignore_eos": True}),
        (VECTOR, {"model": "m", "input": "x", "truncate_prompt_tokens": 5}),
    ],
    "llamacpp": [
        (CHAT, {"messages": MESSAGES, "mirostat": 2, "cache_prompt": True}),
        (CHAT, {"messages": MESSAGES, "max_tokens": -1}),
        (TEXT, {"prompt": "x", "n_probs": 3, "grammar": "root ::= x"}),
        (VECTOR, {"input": "x"}),
    ],
    "ollama": [
        (CHAT, {"model": "m", "messages": MESSAGES, "reasoning": {"effort": "max"}, "reasoning_effort": "otter"})
    ],
    "groq": [(CHAT, {"model": "m", "messages": MESSAGES, "service_tier": "on_demand", "reasoning_format": "parsed"})],
    "azure": [
        (CHAT, {"model": "m", "messages": MESSAGES, "data_sources": [{"type": "azure_search"}]}),
        (CHAT, {"messages": MESSAGES}),
        (TEXT, {"prompt": "x"}),
        (VECTOR, {"input": "x"}),
    ],
}
REFUSED = {
    "vllm": (CHAT, {"model": "m", "messages": MESSAGES, "min_p": 3}, "min_p"),
    "llamacpp": (CHAT, {"messages": MESSAGES, "mirostat": 7}, "mirostat"),
    "ollama": (CHAT, {"model": "m", "messages": MESSAGES, "reasoning": "high"}, "reasoning"),
    "groq": (CHAT, {"model": "m", "messages": MESSAGES, "reasoning_format": "otter"}, "reasoning_format"),
    "azure": (CHAT, {"model": "m", "messages": MESSAGES, "data_sources": [{}]}, "data_sources[0]"),
}


@pytest.fixture(scope="module", params=sorted(TAKEN))
def vendor(request):
    """A vendor's name and its contract."""
    found = profile(request.param)
    return request.param, assay.load(overlays=found.overlays, off=found.off)


def refused(contract, path, body):
    """Judge a request with unknown fields refused; the refused place (empty: the whole body), or None."""
    passage = Gate(contract, "enforce", Settings(unknown_fields="refuse")).open("POST", path, Headers(JSON))
    refusal = passage.judge(json.dumps(body).encode())
    return None if refusal is None else json.loads(refusal.body)["error"]["param"] or ""


def test_every_profile_is_tested() -> None:
    """A new folder of overlays needs its examples here; an unknown name is refused with those there are."""
    assert set(profiles()) == set(TAKEN) == set(REFUSED)
    with pytest.raises(UsageError, match="there are: azure, groq"):
        profile("otter")


def test_every_action_applies(vendor) -> None:
    """No target of a profile is missing in the bundled description."""
    name, contract = vendor
    ours = [repair for repair in contract.api.repairs if not repair.by.startswith("dialect")]
    assert ours
    assert not [repair for repair in ours if not repair.applied]
    assert sum(len(path.read_text().split("\n  - target:")) - 1 for path in profile(name).overlays) <= len(ours)
    contract.compile()


def test_a_vendor_takes_what_it_documents(vendor) -> None:
    """What the profile declares passes, the plain contract refuses it, and a wrong type is refused by both."""
    name, contract = vendor
    plain = assay.load()
    for path, body in TAKEN[name]:
        assert refused(contract, path, body) is None, body
        assert refused(plain, path, body) is not None, body
    path, body, place = REFUSED[name]
    assert refused(contract, path, body) == place
    for path, body in (
        (CHAT, {"model": "m", "messages": []}),
        (CHAT, {"model": "m", "messages": MESSAGES, "otter": 1}),
    ):
        assert refused(contract, path, body) is not None


def test_azure_serves_deployments_by_their_name() -> None:
    """The path of a deployment leads to the operation under the profile only, and to no other."""
    found = profile("azure")
    azure, plain = assay.load(overlays=found.overlays, off=found.off), assay.load()
    body = json.dumps({"messages": MESSAGES, "temperature": 3}).encode()
    target = "/openai/deployments/my-gpt.4/chat/completions?api-version=2024-10-21"
    request = assay.Request("POST", target, JSON, body)
    assert [v.rule for v in azure.check_request(request).violations] == ["schema/maximum"]
    assert plain.find(request) is None
    assert azure.find(assay.Request("POST", "/openai/deployments/a/b/chat/completions", JSON, body)) is None
    assert azure.find(assay.Request("GET", "/openai/v1/models")).id == "listModels"
    assert azure["createChatCompletion"].bases[0] == "/v1"


def test_azure_may_begin_a_stream_with_its_content_filter() -> None:
    """A frame without id, object and choices is no finding; the plain contract has four of them."""
    found = profile("azure")
    frames = [
        {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": []},
        _chunk({"role": "assistant", "content": ""}),
        _chunk({"content": "x"}),
        _chunk({}, "stop"),
    ]
    data = b"".join(b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames) + b"data: [DONE]\n\n"
    body = json.dumps({"model": "m", "messages": MESSAGES, "stream": True}).encode()
    request = assay.Request("POST", CHAT, JSON, body)
    told = []
    for contract in (assay.load(overlays=found.overlays, off=found.off), assay.load()):
        check = contract.open_stream(request, 200, {"content-type": "text/event-stream"})
        told.append([*check.feed(data), *check.close()])
    assert told[0] == []
    assert {v.rule for v in told[1]} >= {"schema/const", "chat-stream/choices-empty"}


def test_vllm_may_send_null_for_what_is_not_set() -> None:
    """A message with every field, unset ones null, is right under the profile only."""
    found = profile("vllm")
    message = {"role": "assistant", "content": "x", "refusal": None, "annotations": None, "function_call": None}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "prompt_tokens_details": None}
    choice = {"index": 0, "message": {**message, "tool_calls": []}, "logprobs": None, "finish_reason": "stop"}
    answer = {
        "id": "c",
        "object": "chat.completion",
        "created": 1767225600,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }
    request = assay.Request("POST", CHAT, JSON, json.dumps({"model": "m", "messages": MESSAGES}).encode())
    response = assay.Response(200, JSON, json.dumps(answer).encode())
    assert assay.load(overlays=found.overlays, off=found.off).check_response(request, response).ok
    assert not assay.load().check_response(request, response).ok


def test_an_overlay_of_a_document_that_is_not_there_is_listed(tmp_path) -> None:
    """Nothing refers to the document, so its actions are told as not applied; a document that is used is changed."""
    (tmp_path / "api.json").write_text(json.dumps({
        "openapi": "3.1.0", "info": {"title": "t", "version": "1"},
        "paths": {"/p": {"$ref": "used.json#/p"}},
    }))  # fmt: skip
    body = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    used = {"p": {"post": {"operationId": "p", "requestBody": body, "responses": {"200": {"description": ""}}}}}
    (tmp_path / "used.json").write_text(json.dumps(used))
    (tmp_path / "unused.json").write_text("{}")

    def overlay(document, target):
        action = {"target": target, "update": {"required": ["a"]}, "description": "why"}
        return {"overlay": "1.0.0", "info": {"title": "t", "version": "1"}, "extends": document, "actions": [action]}

    overlays = [
        overlay("./used.json", "$.p.post.requestBody.content['application/json'].schema"),
        overlay("unused.json", "$"),
    ]
    for _ in range(2):  # the second time from the cache
        contract = assay.load(tmp_path / "api.json", overlays=overlays)
        assert not contract.check_request(assay.Request("POST", "/p", JSON, b"{}")).ok
        assert contract.check_request(assay.Request("POST", "/p", JSON, b'{"a": 1}')).ok
        assert [(r.target, r.applied) for r in contract.api.repairs if r.reason == "why"] == [
            ("$.p.post.requestBody.content['application/json'].schema", True), ("$", False)
        ]  # fmt: skip


def _chunk(delta, finish=None):
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1767225600, "model": "m", "choices": [choice]}
