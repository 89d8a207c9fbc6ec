"""What the model answers to a response's input: calls of functions and custom tools, or a message.

The rule of this module: the words follow from what the items say, as a chat's do from its messages; a tool that the
service itself would have to run is refused, never left out in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from assay.reference import kept
from assay.reference.chat import logprobs
from assay.reference.choices import Choice, ToolCall, called, calls_of, cut, text_of
from assay.reference.replies import Call, Refusal
from assay.reference.response_items import without_ids
from assay.reference.text import Source
from assay.reference.tools import Tool, chosen, named

if TYPE_CHECKING:
    from assay.reference.response_items import Item

__all__ = ["answer", "offered", "output"]

_LOGPROBS = "message.output_text.logprobs"
_CALLS = {
    "function": ("function_call", "fc", "arguments"),
    "custom": ("custom_tool_call", "ctc", "input"),
}
_ROLES = ("user", "developer", "system")


def answer(call: Call, body: dict[str, Any], context: list[Item]) -> Choice:
    """Return what the model says to all items that it sees; refuse what it cannot write."""
    tools = _wanted(body, context)
    limit = body.get("max_output_tokens")
    source = Source("response", [body["model"], body.get("instructions"), without_ids(context)])
    if tools:
        return called(0, calls_of(tools, source, Source("call", [call.serial, "response"])), limit)
    form = (body.get("text") or {}).get("format") or {}
    pieces, finish = cut(text_of(form, source, "text.format.schema"), (), limit)
    return Choice(0, pieces, (), finish)


def output(call: Call, body: dict[str, Any], said: Choice) -> list[Item]:
    """Return the items of an answer."""
    if said.pieces is None:
        return [_call(call, number, item) for number, item in enumerate(said.calls)]
    part: Item = {"type": "output_text", "text": "".join(said.pieces), "annotations": [], "logprobs": []}
    if _LOGPROBS in (body.get("include") or ()):
        part["logprobs"] = logprobs(said.pieces, 0, 0, int(body.get("top_logprobs") or 0))
    status = "incomplete" if said.finish == "length" else "completed"
    id_ = kept.name("msg", call, "out")
    return [{"type": "message", "id": id_, "status": status, "role": "assistant", "content": [part]}]


def offered(given: list[dict[str, Any]] | None, place: str = "tools") -> list[Tool]:
    """Return the tools of a list that the model can call; refuse those that the service would have to run."""
    tools = [_tool(item, f"{place}[{number}]") for number, item in enumerate(given or ())]
    return [tool for tool, item in zip(tools, given or (), strict=True) if _direct(item)]


def _call(call: Call, number: int, item: ToolCall) -> Item:
    kind, prefix, field = _CALLS[item.kind]
    text = "".join(item.pieces)
    status = "completed" if _is_whole(item.kind, text) else "incomplete"
    shown = {"type": kind, "id": kept.name(prefix, call, number), "call_id": item.id, "name": item.name}
    return {**shown, field: text, "status": status}


def _is_whole(kind: str, text: str) -> bool:
    """Tell whether a call was not cut: a sentence ends with its stop, and the beginning of an object is no JSON."""
    if kind == "custom":
        return text.endswith(".")
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _wanted(body: dict[str, Any], context: list[Item]) -> tuple[Tool, ...]:
    """Return the tools to call now."""
    tools = offered(body.get("tools"))
    for number, item in enumerate(context):
        if item["type"] == "additional_tools":
            tools += offered(item["tools"], f"input[{number}].tools")
    choice = body.get("tool_choice") or "auto"
    if isinstance(choice, dict) and choice["type"] == "allowed_tools":
        tools = [named(tools, item.get("type"), item.get("name")) for item in choice["tools"]]
        choice = choice["mode"]
    elif isinstance(choice, dict):
        return chosen([named(tools, choice["type"], choice.get("name"))], "required", asked=True, parallel=False)
    if choice == "required" and not tools:
        text = "A tool call is required, and there is no tool that this model can call; this is not supported."
        raise Refusal(400, text, param="tool_choice", code="unsupported_value")
    asked = not context or (context[-1]["type"] == "message" and context[-1]["role"] in _ROLES)
    return chosen(tools, choice, asked=asked, parallel=body.get("parallel_tool_calls") is not False)


def _tool(item: dict[str, Any], place: str) -> Tool:
    if item["type"] == "custom":
        constrained = (item.get("format") or {}).get("type") == "grammar"
        return Tool("custom", item["name"], place, constrained=constrained)
    if item["type"] != "function":
        text = f"A tool of the type '{item['type']}' is not supported here; 'function' and 'custom' are."
        raise Refusal(400, text, param=place, code="unsupported_tool")
    schema = item.get("parameters") or {"properties": {}}
    if schema.get("type", "object") != "object":
        place = f"{place}.parameters"
        text = f"Arguments that are no object are not supported, as '{place}' asks for."
        raise Refusal(400, text, param=place, code="unsupported_schema")
    return Tool("function", item["name"], place, {**schema, "type": "object"})


def _direct(item: dict[str, Any]) -> bool:
    """Tell whether the model itself may call a tool, and has it loaded."""
    callers = item.get("allowed_callers")
    return not item.get("defer_loading") and (not callers or "direct" in callers)
