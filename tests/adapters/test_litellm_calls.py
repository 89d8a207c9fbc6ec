"""The LiteLLM hook, with LiteLLM's two classes stood in for: what it reads, what it refuses, what it leaves alone."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import types

import prometheus_client
import pytest

import assay
from assay.gateway import Gate, Policy, Settings

MESSAGES = [{"role": "user", "content": "marked-secret"}]
OURS = {"user_api_key_auth": object(), "headers": {}, "a": "b"}


class Answer:
    """What LiteLLM gives for an answer: something that writes itself as JSON."""

    def __init__(self, value) -> None:
        self.value = value

    def model_dump_json(self, **_how) -> str:
        """Write it."""
        return json.dumps(self.value)


class Refused(Exception):  # noqa: N818  it stands in for LiteLLM's
    """LiteLLM's exception for a refusal."""

    def __init__(self, message, kind, param, code, headers) -> None:
        super().__init__(message)
        self.kind, self.param, self.code, self.headers = kind, param, code, headers


@pytest.fixture
def module(monkeypatch):
    """Import the adapter beside stand-ins for the modules of LiteLLM that it needs."""
    names = (
        "litellm",
        "litellm.integrations",
        "litellm.integrations.custom_logger",
        "litellm.proxy",
        "litellm.proxy._types",
    )
    for name in names:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    sys.modules["litellm.integrations.custom_logger"].CustomLogger = object
    sys.modules["litellm.proxy._types"].ProxyException = Refused
    monkeypatch.delitem(sys.modules, "assay.adapters.litellm", raising=False)
    monkeypatch.setattr(prometheus_client, "REGISTRY", prometheus_client.CollectorRegistry())
    yield importlib.import_module("assay.adapters.litellm")
    sys.modules.pop("assay.adapters.litellm", None)


@pytest.fixture
def hooked(module):
    """Make a hook and what it tells."""
    told = []

    def make(mode, **settings):
        return module.Hook(Gate(assay.load(), mode, Settings(**settings), observers=[told.append])), told

    return make


def data(body, **more):
    """What LiteLLM hands to a hook."""
    request = {
        "url": "http://h:4000/v1/chat/completions",
        "method": "POST",
        "headers": {"content-type": "application/json"},
    }
    return {**body, "proxy_server_request": {**request, "body": {**body, "metadata": OURS}, **more}}


def run(hook, given):
    """Call the pre-call hook."""
    return asyncio.run(hook.async_pre_call_hook(None, None, given, "acompletion"))


def test_a_wrong_request_is_refused_before_the_call(hooked) -> None:
    """With LiteLLM's own exception: status, type and param of the envelope."""
    hook, told = hooked("enforce")
    with pytest.raises(Refused) as caught:
        run(hook, data({"model": "m", "messages": MESSAGES, "temperature": 9}))
    assert (caught.value.code, caught.value.param, caught.value.kind) == (400, "temperature", "invalid_request_error")
    assert caught.value.headers == {"x-assay-rule": "schema/maximum"}
    assert "marked" not in str(caught.value)
    assert [j.action for j in told] == ["refused"]


def test_a_right_request_passes_as_it_is(hooked) -> None:
    """LiteLLM's bookkeeping is not the client's; the data that goes on is the data that came."""
    hook, told = hooked("enforce", unknown_fields="refuse")
    given = data({"model": "m", "messages": MESSAGES})
    assert run(hook, given) is given
    assert [(j.action, j.violations) for j in told] == [("forwarded", ())]
    observing, told = hooked("observe")
    run(observing, data({"model": "m", "messages": []}))
    assert told[-1].broken


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"proxy_server_request": {}},
        data({"a": 1}, headers={"content-type": "multipart/form-data"}),
        data({"a": object()}),
    ],
)
def test_what_is_no_json_request_is_left_alone(hooked, given) -> None:
    """Uploads and calls without a request go on unjudged."""
    hook, told = hooked("enforce")
    assert run(hook, given) is given
    assert not told


def test_answers_are_judged_with_their_request(hooked) -> None:
    """Withheld only where responses are enforced."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "otter"}
    answer = Answer({"id": "c", "object": "chat.completion", "created": 1767225600, "model": "m", "choices": [choice]})
    given = data({"model": "m", "messages": MESSAGES})
    hook, told = hooked("enforce")
    assert asyncio.run(hook.async_post_call_success_hook(given, None, answer)) is answer
    assert (told[-1].kind, told[-1].broken, told[-1].action) == ("response", True, "forwarded")
    hook, told = hooked(Policy("off", "enforce"))
    with pytest.raises(Refused) as caught:
        asyncio.run(hook.async_post_call_success_hook(given, None, answer))
    assert caught.value.code == 502
    choice["finish_reason"] = "stop"
    assert asyncio.run(hook.async_post_call_success_hook(given, None, answer)) is answer


@pytest.mark.parametrize("right", [True, False])
def test_streams_pass_and_are_told_of(hooked, right) -> None:
    """Every piece goes on; a wrong one is told, and ends the stream only when that was asked for."""
    frame = {"id": "c", "object": "chat.completion.chunk", "created": 1767225600, "model": "m"}
    deltas = [({"role": "assistant", "content": "" if right else 5}, None), ({"content": "x"}, None), ({}, "stop")]
    items = [
        Answer({**frame, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
        for delta, finish in deltas
    ]

    async def through(hook):
        async def source():
            for item in items:
                yield item

        given = data({"model": "m", "messages": MESSAGES, "stream": True})
        return [item async for item in hook.async_post_call_streaming_iterator_hook(None, source(), given)]

    hook, told = hooked("observe")
    assert asyncio.run(through(hook)) == items
    assert [(j.kind, j.broken, j.skipped) for j in told] == [("stream", not right, "")]
    hook, _ = hooked(Policy("off", "enforce"), end_streams=True)
    if right:
        assert asyncio.run(through(hook)) == items
    else:
        with pytest.raises(Refused):
            asyncio.run(through(hook))


def test_one_line_installs_it(module) -> None:
    """The names that stand in config.yaml are there, once each; others are not."""
    assert module.enforce is module.enforce
    assert module.enforce.gate.policy.requests == "enforce"
    assert module.observe.gate.policy.requests == "observe"
    with pytest.raises(AttributeError):
        _ = module.otter
