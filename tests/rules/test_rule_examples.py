"""Every rule by a passing and a failing example; what passes breaks no rule, what fails breaks that one alone."""

from __future__ import annotations

import base64
import struct

import pytest
import tuning_rule_examples
from assistant_examples import EXAMPLES as ASSISTANTS

from assay.rules.catalogue import standard
from assay.rules.registry import Exchange

REGISTRY = standard()
NOW = 1_760_000_000
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOLS = [{"type": "function", "function": {"name": "f"}}]
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
LOGPROBS = {"content": [{"token": "a", "logprob": -1, "bytes": None, "top_logprobs": [{}, {}]}], "refusal": None}


def choice(index=0, finish="stop", logprobs=None, **message):
    """One choice of a chat completion."""
    message = {"role": "assistant", "content": "hi", "refusal": None, **message}
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish}


def chat(*choices, request=None, **over):
    """An exchange of a chat completion."""
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": NOW, "model": "m", "usage": USAGE}
    return Exchange("createChatCompletion", request or {}, {**body, "choices": list(choices or (choice(),)), **over})


def called(*calls, finish="tool_calls", index=0):
    """A choice with tool calls."""
    return choice(index, finish, content=None, tool_calls=list(calls or (CALL,)))


def asked(operation="createChatCompletion", **request):
    """A request alone."""
    return Exchange(operation, request, None, 0)


def talk(*messages):
    """A chat request of messages, the ids of tool calls and answers only."""
    made = []
    for message in messages:
        role, *ids = message.split()
        calls = {"tool_calls": [{**CALL, "id": i} for i in ids]} if role == "assistant" and ids else {}
        made.append({"role": role, "content": "x", **calls, **({"tool_call_id": ids[0]} if role == "tool" else {})})
    return asked(messages=made)


def text(*texts, request=None, **over):
    """An exchange of a text completion."""
    choices = [{"index": i, "text": t, "logprobs": None, "finish_reason": "stop"} for i, t in enumerate(texts or "a")]
    body = {"id": "cmpl-1", "object": "text_completion", "created": NOW, "model": "m", "usage": USAGE}
    return Exchange("createCompletion", request or {}, {**body, "choices": choices, **over})


def floats(*numbers):
    """Numbers as base64 of 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def vectors(*embeddings, indexes=None, usage=None, **request):
    """An exchange of embeddings."""
    data = [{"index": i, "embedding": e} for i, e in zip(indexes or range(len(embeddings)), embeddings, strict=True)]
    usage = usage or {"prompt_tokens": 3, "total_tokens": 3}
    return Exchange("createEmbedding", request, {"object": "list", "data": data, "model": "m", "usage": usage})


def model(operation, response, **path_values):
    """An exchange about models."""
    return Exchange(operation, None, response, path_values=path_values)


def pictures(*data, created=NOW, usage=None, **request):
    """An exchange of images."""
    return Exchange("createImage", request, {"created": created, "data": list(data), "usage": usage})


def answer(*output, request=None, operation="createResponse", **over):
    """An exchange of the Responses API."""
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    body = {"id": "resp_1", "created_at": NOW, "status": "completed", "error": None, "incomplete_details": None}
    response = {**body, "output": list(output), "usage": usage, **over}
    return Exchange(operation, request or {}, response, path_values={"response_id": "resp_1"})


def function_call(call_id="call_1", arguments="{}"):
    """An output item that calls a function."""
    return {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": "f", "arguments": arguments}


EXAMPLES = [
    ("chat/stream-options-need-stream", asked(stream=True, stream_options={}), asked(stream_options={})),
    ("chat/top-logprobs-need-logprobs", asked(logprobs=True, top_logprobs=2), asked(top_logprobs=2)),
    ("chat/tool-choice-needs-tools", asked(tool_choice="required", tools=TOOLS), asked(tool_choice="required")),
    (
        "chat/tool-messages-answer-calls",
        talk("user", "assistant a b", "tool b", "tool a", "assistant c", "tool c"),
        talk("user", "assistant a", "tool a", "tool c"),
    ),
    ("chat/tool-calls-answered", talk("user", "assistant a"), talk("user", "assistant a b", "tool a", "user")),
    ("chat/id-set", chat(), chat(id="")),
    ("chat/created-seconds", chat(), chat(created=NOW * 1000)),
    ("chat/created-set", chat(), chat(created=0)),
    ("chat/choices-count", chat(choice(), choice(1), request={"n": 2}), chat(request={"n": 2})),
    ("chat/choices-indexes", chat(choice(1), choice(), request={"n": 2}), chat(choice(), choice(), request={"n": 2})),
    ("chat/usage-sums", chat(usage=None), chat(usage={**USAGE, "total_tokens": 6})),
    (
        "chat/usage-details",
        chat(usage={**USAGE, "completion_tokens_details": {"reasoning_tokens": 2}}),
        chat(usage={**USAGE, "prompt_tokens_details": {"cached_tokens": 4}}),
    ),
    ("chat/token-limit", chat(request={"max_completion_tokens": 2}), chat(request={"max_tokens": 1})),
    ("chat/tool-calls-finish", chat(called()), chat(called(finish="stop"))),
    ("chat/finish-tool-calls", chat(called(finish="length")), chat(choice(finish="tool_calls"))),
    ("chat/tool-call-ids", chat(called(CALL, {**CALL, "id": "call_2"})), chat(called(CALL, CALL))),
    (
        "chat/arguments-json",
        chat(called({**CALL, "function": {"name": "f", "arguments": '{"a'}}, finish="length")),
        chat(called({**CALL, "function": {"name": "f", "arguments": '{"a'}})),
    ),
    (
        "chat/tool-choice",
        chat(called(finish="stop"), request={"tool_choice": {"type": "function", "function": {"name": "f"}}}),
        chat(called(), request={"tool_choice": {"type": "function", "function": {"name": "g"}}}),
    ),
    ("chat/tool-choice", chat(called(finish="stop"), request={"tool_choice": "required"}),
     chat(request={"tool_choice": "required"})),
    ("chat/tool-choice", chat(request={"tool_choice": "none"}), chat(called(), request={"tool_choice": "none"})),
    (
        "chat/parallel-tool-calls",
        chat(called(), request={"parallel_tool_calls": False}),
        chat(called(CALL, {**CALL, "id": "b"}), request={"parallel_tool_calls": False}),
    ),
    (
        "chat/json-mode",
        chat(choice(content="{}"), request={"response_format": {"type": "json_object"}}),
        chat(choice(content="```json\n{}```"), request={"response_format": {"type": "json_object"}}),
    ),
    (
        "chat/json-mode",
        chat(choice(content='{"a": "b'), request={"response_format": {"type": "json_object"}, "stop": ["."]}),
        chat(choice(content='{"a": "b'), request={"response_format": {"type": "json_object"}, "stop": []}),
    ),
    (
        "chat/json-mode",
        chat(choice(content="{"), request={"response_format": {"type": "json_object"}, "stop": "}"}),
        chat(choice(content="{"), request={"response_format": {"type": "json_object"}, "stop": None}),
    ),
    ("chat/stop-sequences", chat(request={"stop": "END"}), chat(choice(content="a END"), request={"stop": ["END"]})),
    ("chat/logprobs-given", chat(choice(logprobs=LOGPROBS), request={"logprobs": True, "top_logprobs": 2}),
     chat(request={"logprobs": True})),
    ("chat/logprobs-unasked", chat(choice(logprobs={"content": None})), chat(choice(logprobs=LOGPROBS))),
    (
        "chat/top-logprobs-count",
        chat(choice(logprobs=LOGPROBS), request={"logprobs": True, "top_logprobs": 3}),
        chat(choice(logprobs=LOGPROBS), request={"logprobs": True, "top_logprobs": 1}),
    ),
    ("completions/best-of", asked("createCompletion", n=2, best_of=2), asked("createCompletion", n=2, best_of=1)),
    ("completions/best-of-streamed", asked("createCompletion", best_of=1, stream=True),
     asked("createCompletion", best_of=2, stream=True)),
    ("completions/stream-options-need-stream", asked("createCompletion", stream=True, stream_options={}),
     asked("createCompletion", stream_options={})),
    ("completions/id-set", text(), text(id="")),
    ("completions/created-seconds", text(), text(created=NOW * 1000)),
    ("completions/choices-count", text("a", "b", request={"prompt": ["x", "y"]}),
     text("a", request={"prompt": [[1], [2]]})),
    ("completions/choices-count", text("a", request={"prompt": [1, 2]}), text("a", "b", request={"prompt": "x"})),
    ("completions/choices-indexes", text("a", "b", request={"n": 2}), text(choices=[{"index": 1, "text": "a"}])),
    ("completions/usage-sums", text(), text(usage={**USAGE, "total_tokens": 3})),
    ("completions/token-limit", text(request={"max_tokens": 1, "best_of": 2}), text(request={"max_tokens": 1})),
    ("completions/stop-sequences", text("x.", request={"stop": ".", "echo": True}), text("x.", request={"stop": "."})),
    ("completions/logprobs-given", text("", request={"logprobs": 2}), text("a", request={"logprobs": 0})),
    ("embeddings/count", vectors([1], [2], input=["a", "b"]), vectors([1], [2], input="ab")),
    ("embeddings/count", vectors([1], input=[1, 2, 3]), vectors([1], input=[[1], [2]])),
    ("embeddings/indexes", vectors([1], [2], input=["a", "b"]), vectors([1], [2], indexes=[0, 0], input=["a", "b"])),
    ("embeddings/order", vectors([1], [2], input=["a", "b"]), vectors([1], [2], indexes=[1, 0], input=["a", "b"])),
    ("embeddings/encoding", vectors(floats(1), input="a", encoding_format="base64"),
     vectors([1.0], input="a", encoding_format="base64")),
    ("embeddings/encoding", vectors([1.0], input="a"), vectors(floats(1), input="a")),
    ("embeddings/encoding", vectors([1.0], input="a"), vectors("AAAA", input="a")),
    ("embeddings/base64", vectors(floats(1, 2), input="a", encoding_format="base64"),
     vectors("AAAA", input="a", encoding_format="base64")),
    ("embeddings/dimensions", vectors(floats(1, 2), input="a", dimensions=2, encoding_format="base64"),
     vectors([1.0], input="a", dimensions=2)),
    ("embeddings/equal-lengths", vectors([1], [2], input=["a", "b"]), vectors([1], [2, 3], input=["a", "b"])),
    ("embeddings/usage", vectors([1], input="a"),
     vectors([1], input="a", usage={"prompt_tokens": 3, "total_tokens": 0})),
    ("models/ids-unique", model("listModels", {"data": [{"id": "a"}, {"id": "b"}]}),
     model("listModels", {"data": [{"id": "a"}, {"id": "a"}]})),
    ("models/id-asked", model("retrieveModel", {"id": "a/b"}, model="a/b"),
     model("retrieveModel", {"id": "b"}, model="a")),
    ("models/created-seconds", model("listModels", {"data": [{"id": "a", "created": NOW}]}),
     model("listModels", {"data": [{"id": "a", "created": NOW * 1000}]})),
    ("images/count", pictures({"url": "u"}, {"url": "u"}, n="2"), pictures({"url": "u"}, n=2)),
    ("images/form", pictures({"b64_json": "AAAA"}, response_format="b64_json"),
     pictures({"url": "u"}, response_format="b64_json")),
    ("images/given", pictures({"b64_json": "AAAA"}), pictures({"revised_prompt": "x"})),
    ("images/base64", pictures({"b64_json": "AAAA"}), pictures({"b64_json": "A A"})),
    ("images/created-seconds", pictures({"url": "u"}), pictures({"url": "u"}, created=NOW * 1000)),
    ("images/usage-sums", pictures({"url": "u"}, usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}),
     pictures({"url": "u"}, usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 4})),
    ("responses/id-set", answer(), answer(id="")),
    ("responses/id-asked", answer(operation="getResponse"), answer(operation="getResponse", id="resp_2")),
    ("responses/created-seconds", answer(), answer(created_at=NOW * 1000)),
    ("responses/usage-sums", answer(usage=None),
     answer(usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 4})),
    ("responses/usage-details", answer(),
     answer(usage={"output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 3}})),
    ("responses/status-reasons", answer(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
     answer(status="failed")),
    ("responses/call-ids", answer(function_call("a"), function_call("b")), answer(function_call(""))),
    ("responses/arguments-json", answer(function_call()), answer(function_call(arguments="{"))),
    ("responses/token-limit", answer(request={"max_output_tokens": 2}), answer(request={"max_output_tokens": 1})),
    ("responses/parallel-tool-calls", answer(function_call(), request={"parallel_tool_calls": False}),
     answer(function_call("a"), function_call("b"), request={"parallel_tool_calls": False})),
    *tuning_rule_examples.EXAMPLES,
]  # fmt: skip


EXAMPLES += ASSISTANTS


def broken(exchange):
    """The rules that an exchange breaks."""
    check = REGISTRY.check_request if exchange.status == 0 else REGISTRY.check_response
    return check(exchange)


@pytest.mark.parametrize(("rule", "passing", "failing"), EXAMPLES, ids=[row[0] for row in EXAMPLES])
def test_examples(rule, passing, failing):
    """The passing example breaks no rule and the failing one breaks its rule alone."""
    assert broken(passing) == ()
    assert {violation.rule for violation in broken(failing)} == {rule}


@pytest.mark.parametrize(
    "exchange",
    [
        chat(called(finish="stop"), request={"tool_choice": "required"}),
        chat(called(finish="stop"), request={"function_call": {"name": "f"}}),
        chat(called(finish="content_filter")),
        chat(choice(finish="length", content='{"a'), request={"response_format": {"type": "json_object"}}),
        chat(choice(content=None, refusal="no"), request={"response_format": {"type": "json_schema"}}),
        chat(called({"id": "c", "type": "custom", "custom": {"name": "f", "input": "not json"}})),
        chat(called(), request={"logprobs": True}),
        chat(choice(content=""), request={"logprobs": True}),
        talk("user", "assistant", "user"),
        asked(tool_choice="auto"),
        asked(stream_options=None, top_logprobs=0),
        text("a", request={"prompt": []}),
        vectors([1], input=[]),
        pictures({"url": "u"}, n="many"),
        answer({"type": "a_new_tool_call", "id": "x"}),
        Exchange("createChatCompletion", {"n": 3}, {"choices": []}, 500),
        Exchange("someOtherOperation", {"n": 3}, {"choices": []}),
    ],
)
def test_what_the_contract_leaves_free_is_no_alarm(exchange):
    """Forced calls, cut text, refusals, empty values, failures and unknown operations break no rule."""
    assert broken(exchange) == ()


@pytest.mark.parametrize(("rule", "passing", "failing"), tuning_rule_examples.LARGE)
def test_large_examples(rule, passing, failing):
    """A file just within a limit breaks no rule, and one just beyond it breaks its rule alone."""
    assert not broken(passing())
    assert [violation.rule for violation in broken(failing())] == [rule]


def test_every_rule_has_an_example():
    """A rule without an example in the tables is not shown to work."""
    shown = {row[0] for row in (*EXAMPLES, *tuning_rule_examples.LARGE)}
    rules = {rule.id for rule in REGISTRY.rules if rule.side != "stream"}
    assert shown == rules


def test_no_violation_repeats_a_value():
    """What a violation says holds no text of the bodies."""
    for _, _, failing in EXAMPLES:
        for violation in broken(failing):
            assert "END" not in str(violation)
            assert "```" not in str(violation)
            assert violation.pointer.startswith("#/")
