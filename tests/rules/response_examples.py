"""Examples of the rules of responses: for each rule an exchange that passes, and one that breaks it alone."""

from __future__ import annotations

from assay.rules.registry import Exchange

NOW = 1_760_000_000
FUNCTION = {"type": "function", "name": "f"}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
CLOSED = {**OPEN, "required": ["a"], "additionalProperties": False}
CHECK = {"type": "computer_call_output", "call_id": "c", "acknowledged_safety_checks": [{"id": "s"}]}
JSON_FORM = {"text": {"format": {"type": "json_object"}}}
STRICT_FORM = {"text": {"format": {"type": "json_schema", "name": "n", "strict": True, "schema": CLOSED}}}
SEARCHED = {"type": "web_search_call", "id": "ws_1", "status": "completed"}


def asked(*items, **request):
    """A request alone, of some input items."""
    return Exchange("createResponse", {"model": "gpt-5", "input": list(items) or "hi", **request}, None, 0)


def offering(*tools, **request):
    """A request alone, with tools."""
    return asked(tools=list(tools), **request)


def answer(*output, request=None, operation="createResponse", **over):
    """A response with its request."""
    body = {"id": "resp_1", "created_at": NOW, "status": "completed", "error": None, "incomplete_details": None}
    response = {**body, "output": list(output), "usage": None, **over}
    return Exchange(operation, request or {}, response, path_values={"response_id": "resp_1"})


def call(name="f", number=1, arguments="{}", **over):
    """An output item that calls a function."""
    base = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}", "name": name}
    return {**base, "arguments": arguments, **over}


def said(text="hi", *annotations, phase=None, **over):
    """An output item with one text."""
    part = {"type": "output_text", "text": text, "annotations": list(annotations), **over}
    return {"type": "message", "id": "msg_1", "role": "assistant", "phase": phase, "content": [part]}


def done(kind, **over):
    """An input item that calls a tool, or answers it."""
    return {"type": kind, "call_id": "c", **over}


RATED = {"token": "hi", "logprob": -1, "bytes": [], "top_logprobs": []}
TOP_TWO = {"top_logprobs": 2, "include": ["message.output_text.logprobs"]}
USED = {"request": {"tools": [FUNCTION]}}

EXAMPLES = [
    ("responses/trigger-last", asked({"role": "user"}, {"type": "compaction_trigger"}),
     asked({"type": "compaction_trigger"}, {"role": "user"})),
    ("responses/outputs-answer-calls", asked(done("function_call"), done("function_call_output")),
     asked(done("function_call_output"), done("function_call"))),
    ("responses/outputs-answer-calls", asked(done("tool_search_call"), done("function_call_output")),
     asked(done("function_call"), done("custom_tool_call_output"))),
    ("responses/outputs-answer-calls", asked(done("shell_call_output"), previous_response_id="resp_0"),
     asked(done("shell_call_output"))),
    ("responses/outputs-answer-calls", asked({"id": "fc_1"}, done("function_call_output")),
     asked({"role": "user", "id": None, "type": "message"}, done("function_call_output"))),
    ("responses/checks-acknowledged", asked(done("computer_call", pending_safety_checks=[{"id": "s"}]), CHECK),
     asked(done("computer_call", pending_safety_checks=[]), CHECK)),
    ("responses/logprobs-included", asked(top_logprobs=2, include=["message.output_text.logprobs"]),
     asked(top_logprobs=2)),
    ("responses/summary-renamed", asked(reasoning={"summary": "auto"}), asked(reasoning={"generate_summary": "auto"})),
    ("responses/ultrafast-model", asked(service_tier="ultrafast", model="mine"), asked(service_tier="ultrafast")),
    ("responses/json-word", asked(**JSON_FORM, instructions="Say JSON."), asked(**JSON_FORM)),
    ("responses/tool-choice-declared", offering(FUNCTION, tool_choice={"type": "function", "name": "f"}),
     offering(FUNCTION, tool_choice={"type": "function", "name": "g"})),
    ("responses/tool-choice-declared", offering({"type": "mcp", "server_label": "a"},
                                                tool_choice={"type": "mcp", "server_label": "a"}),
     offering({"type": "mcp", "server_label": "a"}, tool_choice={"type": "mcp", "server_label": "b"})),
    ("responses/tool-choice-declared", offering({"type": "web_search_preview"}, tool_choice={"type": "web_search"}),
     offering(FUNCTION, tool_choice={"type": "code_interpreter"})),
    ("responses/tool-choice-declared",
     offering(FUNCTION, tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [FUNCTION]}),
     offering(tool_choice={"type": "allowed_tools", "mode": "auto", "tools": [FUNCTION]})),
    ("responses/tool-choice-declared", offering({"type": "namespace", "name": "n", "tools": [FUNCTION]},
                                                tool_choice={"type": "function", "name": "f"}),
     asked({"type": "additional_tools", "tools": [FUNCTION]}, tool_choice={"type": "custom", "name": "f"})),
    ("responses/tool-names", offering(FUNCTION, {"type": "custom", "name": "f"}), offering(FUNCTION, FUNCTION)),
    ("responses/parameters-schema", offering({**FUNCTION, "parameters": OPEN}),
     offering({**FUNCTION, "parameters": {"type": "otter"}})),
    ("responses/strict-schema", offering({**FUNCTION, "strict": True, "parameters": CLOSED}),
     offering({**FUNCTION, "strict": True, "parameters": OPEN})),
    ("responses/strict-schema", asked(**STRICT_FORM),
     asked(text={"format": {**STRICT_FORM["text"]["format"], "schema": OPEN}})),
    ("responses/programmatic-callers",
     offering({**FUNCTION, "allowed_callers": ["programmatic"]}, {"type": "programmatic_tool_calling"}),
     offering({**FUNCTION, "allowed_callers": ["programmatic"]})),
    ("responses/image-size", offering({"type": "image_generation", "model": "gpt-image-2", "size": "1536x864"}),
     offering({"type": "image_generation", "model": "gpt-image-2", "size": "99x99"})),
    ("responses/completed-at", answer(completed_at=NOW), answer(completed_at=NOW - 1)),
    ("responses/completed-at", answer(completed_at=None), answer(completed_at=NOW, status="cancelled")),
    ("responses/item-ids", answer(call(), call(number=2), **USED), answer(SEARCHED, SEARCHED)),
    ("responses/items-finished", answer(SEARCHED), answer({**SEARCHED, "status": "searching"})),
    ("responses/citations-inside", answer(said("ab", {"start_index": 0, "end_index": 2})),
     answer(said("ab", {"start_index": 1, "end_index": 3}))),
    ("responses/image-base64", answer({"type": "image_generation_call", "id": "i", "result": "aGk="}),
     answer({"type": "image_generation_call", "id": "i", "result": "not base64"})),
    ("responses/output-text-absent", answer(said()), answer(said(), output_text="hi")),
    ("responses/cancelled-background", answer(operation="cancelResponse", background=True),
     answer(operation="cancelResponse", background=False)),
    ("responses/called-declared", answer(call(), **USED), answer(call("g"), **USED)),
    ("responses/called-declared", answer(call("g"), request={"prompt": {"id": "p"}}), answer(call("g"))),
    ("responses/tool-choice", answer(said(), request={"tool_choice": "none"}),
     answer(SEARCHED, request={"tool_choice": "none"})),
    ("responses/tool-choice", answer(SEARCHED, request={"tool_choice": "required"}),
     answer(said(), request={"tool_choice": "required"})),
    ("responses/max-tool-calls", answer(SEARCHED, request={"max_tool_calls": 1}),
     answer(SEARCHED, {**SEARCHED, "id": "ws_2"}, request={"max_tool_calls": 1})),
    ("responses/json-mode", answer(said("{}"), said("well", phase="commentary") | {"id": "m"}, request=JSON_FORM),
     answer(said("{"), request=JSON_FORM)),
    ("responses/strict-followed", answer(said('{"a": ""}'), request=STRICT_FORM),
     answer(said('{"a": 1}'), request=STRICT_FORM)),
    ("responses/strict-followed", answer(call(), **USED),
     answer(call(), request={"tools": [{**FUNCTION, "strict": True, "parameters": CLOSED}]})),
    ("responses/state-kept", answer(previous_response_id="r", request={"previous_response_id": "r"}),
     answer(previous_response_id="q", request={"previous_response_id": "r"})),
    ("responses/state-kept", answer(conversation={"id": "c"}, request={"conversation": {"id": "c"}}),
     answer(request={"conversation": "c"})),
    ("responses/echo", answer(temperature=1, request={"temperature": 1}), answer(top_p=0.5, request={"top_p": 1})),
    ("responses/moderation-unasked", answer(moderation={}, request={"moderation": {"model": "m"}}),
     answer(moderation={})),
    ("responses/include-unasked", answer({"type": "file_search_call", "id": "f", "results": None}),
     answer({"type": "file_search_call", "id": "f", "results": []})),
    ("responses/include-unasked",
     answer(said(logprobs=[{}]), request={"include": ["message.output_text.logprobs"]}), answer(said(logprobs=[{}]))),
    ("responses/top-logprobs-given", answer(said(logprobs=[RATED, {**RATED, "top_logprobs": [{}]}]), request=TOP_TWO),
     answer(said(logprobs=[RATED, RATED]), request=TOP_TWO)),
    ("responses/top-logprobs-given", answer(said(logprobs=[]), request=TOP_TWO),
     answer(said(logprobs=[RATED]), request={**TOP_TWO, "top_logprobs": 1})),
    ("responses/background-begun", answer(status="queued", request={"background": True}),
     answer(request={"background": True})),
]  # fmt: skip
