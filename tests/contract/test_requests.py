"""Requests judged by the contract of the bundled description.

The rule of this module: each row names the one thing that is wrong and where the message must point.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

import assay

JSON = {"content-type": "application/json"}
CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(scope="module")
def contract() -> assay.Contract:
    """Load the bundled contract."""
    return assay.load("openai")


def post(path: str, body: Any, headers: dict[str, str] = JSON) -> assay.Request:
    """Make a POST request with a JSON body."""
    return assay.Request("POST", path, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def test_the_readme_example(contract: assay.Contract) -> None:
    """Eleven images are one too many."""
    verdict = contract.check_request(post("/v1/images/generations", {"prompt": "otter", "n": 11}))
    assert not verdict.ok
    assert verdict.operation == "createImage"
    (violation,) = verdict.violations
    assert violation.message == "expected at most 10, got 11, at body.n"
    assert violation.rule == "schema/maximum"
    assert violation.pointer.startswith("images.yaml#/")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions", "/openai/v1/chat/completions"])
def test_paths_match_with_and_without_the_base(contract: assay.Contract, path: str) -> None:
    """A base path may be there, be missing, or stand behind a gateway's prefix."""
    verdict = contract.check_request(post(path, CHAT))
    assert verdict.ok
    assert verdict.operation == "createChatCompletion"


def test_absolute_urls_are_targets_too(contract: assay.Contract) -> None:
    """A client's request may be given with its whole URL."""
    assert contract.check_request(post("https://api.openai.com/v1/chat/completions", CHAT)).ok


BROKEN = [
    ("unknown path", post("/v1/chat/completion", CHAT), "http/unknown-operation", "path"),
    ("unknown method", assay.Request("PUT", "/v1/chat/completions", JSON, b"{}"), "http/unknown-method", "request"),
    ("no body", assay.Request("POST", "/v1/chat/completions", JSON), "http/body-missing", "body"),
    ("no content type", post("/v1/chat/completions", CHAT, {}), "http/content-type", "header.content-type"),
    ("form", post("/v1/chat/completions", b"a=1", {"content-type": "application/x-www-form-urlencoded"}),
     "http/content-type", "header.content-type"),
    ("cut JSON", post("/v1/chat/completions", b'{"model": "gpt'), "http/json", "body"),
    ("bad UTF-8", post("/v1/chat/completions", b'{"model": "\xff"}'), "http/json", "body"),
    ("NaN", post("/v1/chat/completions", b'{"model": "m", "temperature": NaN}'), "http/json", "body"),
    ("unknown coding", post("/v1/chat/completions", CHAT, JSON | {"content-encoding": "zstd"}),
     "http/content-encoding", "body"),
    ("no model", post("/v1/chat/completions", {"messages": CHAT["messages"]}), "schema/required", "body"),
    ("no messages", post("/v1/chat/completions", CHAT | {"messages": []}), "schema/minItems", "body.messages"),
    ("role", post("/v1/chat/completions", CHAT | {"messages": [{"role": "usr", "content": "x"}]}),
     "schema/oneOf", "body.messages[0].role"),
    ("temperature", post("/v1/chat/completions", CHAT | {"temperature": 2.5}), "schema/maximum", "body.temperature"),
    ("image part", post("/v1/chat/completions", CHAT | {"messages": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": 7}}]}]}),
     "schema/type", "body.messages[0].content[0].image_url.url"),
    ("metadata", post("/v1/chat/completions", CHAT | {"metadata": {f"k{n}": "v" for n in range(17)}}),
     "schema/maxProperties", "body.metadata"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "rule", "place"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_one_fault_is_one_violation_at_its_place(
    contract: assay.Contract, request_: assay.Request, rule: str, place: str
) -> None:
    """Each broken request breaks exactly one rule, named with its place."""
    verdict = contract.check_request(request_)
    assert [(v.rule, v.place) for v in verdict.violations] == [(rule, place)]


def test_bodies_may_be_compressed(contract: assay.Contract) -> None:
    """A gzip body is judged by what is in it, both ways."""
    headers = JSON | {"content-encoding": "gzip"}
    good, bad = (gzip.compress(json.dumps(CHAT | {"n": n}).encode()) for n in (1, 0))
    assert contract.check_request(post("/v1/chat/completions", good, headers)).ok
    assert [v.place for v in contract.check_request(post("/v1/chat/completions", bad, headers)).violations] == [
        "body.n"
    ]


def test_a_violation_becomes_the_error_envelope(contract: assay.Contract) -> None:
    """The envelope names the parameter as OpenAI does."""
    verdict = contract.check_request(post("/v1/chat/completions", CHAT | {"top_p": 3}))
    error = verdict.violations[0].envelope()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == "top_p"
    assert "at most 1" in error["message"]


SECRET = "sk-marked-secret-7f3a"


@pytest.mark.parametrize(
    "body",
    [
        CHAT | {"temperature": SECRET},
        CHAT | {"model": {SECRET: SECRET}},
        CHAT | {"messages": [{"role": SECRET, "content": SECRET}]},
        CHAT | {"messages": [{"role": "user", "content": [{"type": SECRET}]}]},
        CHAT | {"messages": SECRET},
        CHAT | {"metadata": {SECRET: 1}},
        CHAT | {"response_format": {"type": SECRET}},
        CHAT | {"tools": [{"type": "function", "function": {"name": SECRET + "!"}}]},
        [SECRET],
        (SECRET + "{").encode(),
    ],
)
def test_no_violation_repeats_what_was_sent(contract: assay.Contract, body: Any) -> None:
    """A marked secret in any place of a wrong body shows in no message, place or envelope."""
    verdict = contract.check_request(post("/v1/chat/completions", body, JSON | {"authorization": f"Bearer {SECRET}"}))
    assert not verdict.ok
    for violation in verdict.violations:
        assert SECRET not in f"{violation} {violation!r} {violation.envelope()}"


def test_both_engines_say_the_same(contract: assay.Contract) -> None:
    """The reference engine gives the verdicts of the compiled one on every row above, and both verdicts occur."""
    reference = assay.load("openai", engine="reference")
    requests = [row[1] for row in BROKEN] + [post("/v1/chat/completions", CHAT | {"n": n}) for n in (1, 2, 128)]
    verdicts = [(contract.check_request(r).ok, reference.check_request(r).ok) for r in requests]
    assert all(one == other for one, other in verdicts)
    assert sum(one for one, _ in verdicts) >= 3
    assert sum(not one for one, _ in verdicts) >= 10


def test_options_that_do_not_exist_are_refused() -> None:
    """An unknown rule id, engine or operation is a clear error."""
    with pytest.raises(assay.UsageError, match="no-such-rule"):
        assay.load("openai", off=["chat/no-such-rule"])
    with pytest.raises(assay.UsageError, match="createEverything"):
        assay.load("openai")["createEverything"]


def test_a_query_in_a_path_key_tells_operations_apart() -> None:
    """Of two path keys that differ by their query, the request's own query chooses; the plain one is the default."""
    answers = {"200": {"description": "fine"}}
    body = {"content": {"application/json": {"schema": {"type": "object", "required": ["a"]}}}}
    beta = {"content": {"application/json": {"schema": {"type": "object", "required": ["b"]}}}}
    contract = assay.load({
        "openapi": "3.1.0", "info": {"title": "t", "version": "1"},
        "paths": {
            "/x?beta=true": {"post": {"operationId": "beta", "requestBody": beta, "responses": answers}},
            "/x": {"post": {"operationId": "plain", "requestBody": body, "responses": answers}},
        },
    })  # fmt: skip
    for target, value, operation in [
        ("/x", {"a": 1}, "plain"),
        ("/x?beta=false", {"a": 1}, "plain"),
        ("/x?beta=true", {"b": 1}, "beta"),
        ("/x?c=1&beta=true", {"b": 1}, "beta"),
    ]:
        verdict = contract.check_request(post(target, value))
        assert (verdict.operation, verdict.ok) == (operation, True)
        assert not contract.check_request(post(target, {})).ok
