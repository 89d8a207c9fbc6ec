"""Conversations, tools and answer formats of chat completions and responses.

The rule of this module: a tool message answers a tool call that stands before it, by its id; a tool's ``parameters``
are a valid JSON Schema; a strict schema is closed and requires all it declares.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from assay.generate.media_values import data_url, png
from assay.generate.text import PHRASES, words

if TYPE_CHECKING:
    from assay.generate.source import Source

__all__ = ["answer_format", "answered", "conversation", "flat", "offered", "tool_set", "turns"]

_TEXT = {"type": "string"}
_FIELDS: tuple[tuple[str, dict[str, Any], Any], ...] = (
    ("city", {"type": "string", "description": "Name of a city"}, "Oslo"),
    ("days", {"type": "integer", "minimum": 1, "maximum": 14}, 3),
    ("unit", {"type": "string", "enum": ["celsius", "fahrenheit"]}, "celsius"),
    ("words", {"type": "array", "items": _TEXT}, ["red", "otter"]),
    ("exact", {"type": "boolean"}, True),
)
_TOOLS = ("get_weather", "find_words", "look_up")
_ASIDES = ("developer", "system")


def _schema(source: Source, *, strict: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """An object schema of a few fields, and a value of it."""
    fields = _FIELDS[: 1 + source.below(len(_FIELDS))]
    schema: dict[str, Any] = {"type": "object", "properties": {name: part for name, part, _ in fields}}
    schema["required"] = [name for name, _, _ in fields] if strict else [fields[0][0]]
    if strict:
        schema["additionalProperties"] = False
    return schema, {name: value for name, _, value in fields}


def tool_set(source: Source) -> list[dict[str, Any]]:
    """One to three function tools with different names."""
    tools = []
    for name in _TOOLS[: 1 + source.below(len(_TOOLS))]:
        strict = source.chance(0.3)
        function: dict[str, Any] = {"name": name, "parameters": _schema(source, strict=strict)[0]}
        if source.chance(0.5):
            function["description"] = source.pick(PHRASES)
        if strict:
            function["strict"] = True
        tools.append({"type": "function", "function": function})
    return tools


def answer_format(source: Source) -> dict[str, Any]:
    """A ``response_format``: JSON mode, or a schema inside the strict subset, or plain text."""
    kind = source.pick(("json_object", "json_schema", "text"))
    if kind != "json_schema":
        return {"type": kind}
    return {
        "type": kind,
        "json_schema": {"name": "answer", "strict": True, "schema": _schema(source, strict=True)[0]},
    }


def conversation(source: Source, tools: list[dict[str, Any]], *, vision: bool, says_json: bool) -> list[dict[str, Any]]:
    """Messages that end with the user's turn or with the results of the tool calls before it."""
    messages: list[dict[str, Any]] = []
    if source.chance(source.dials.feature):
        messages.append({"role": source.pick(_ASIDES), "content": words(source)})
    if source.chance(0.2):
        messages.append({"role": "user", "content": words(source)})
        messages.append({"role": "assistant", "content": words(source)})
    question = "Answer in JSON." if says_json else words(source) or "hello"
    messages.append({"role": "user", "content": _parts(source, question) if vision else question})
    if tools and source.chance(0.5):
        messages += _called(source, tools)
    return messages


def flat(tool: dict[str, Any]) -> dict[str, Any]:
    """A function tool of a chat as the Responses API writes it, where ``strict`` must be said."""
    function = tool["function"]
    return {"type": "function", **function, "strict": function.get("strict", False)}


def turns(source: Source, tools: list[dict[str, Any]], *, vision: bool) -> str | list[dict[str, Any]]:
    """The input of a response: a text, or items that end with the user's turn or with the results of tool calls."""
    question = words(source) or "hello"
    if not vision and not tools and source.chance(0.7):
        return question
    items: list[dict[str, Any]] = []
    if source.chance(source.dials.feature):
        items.append({"role": source.pick(_ASIDES), "content": words(source)})
    picture = {"type": "input_image", "image_url": data_url(png(shade=source.below(256)))} if vision else None
    content = [{"type": "input_text", "text": question}, picture] if picture is not None else question
    items.append({"role": "user", "content": content})
    if tools and source.chance(0.5):
        for message in _called(source, tools):
            items += _items(message)
    return items


def _items(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of a response's input that say the same as a chat message about tool calls."""
    if message["role"] == "tool":
        return [{"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]}]
    calls = message["tool_calls"]
    return [{"type": "function_call", "call_id": call["id"], **call["function"]} for call in calls]


def _parts(source: Source, question: str) -> list[dict[str, Any]]:
    """A text and a picture; the picture as a data URL, so that no server must fetch anything."""
    image: dict[str, Any] = {"url": data_url(png(shade=source.below(256)))}
    if source.chance(0.3):
        image["detail"] = source.pick(("auto", "low", "high"))
    return [{"type": "text", "text": question}, {"type": "image_url", "image_url": image}]


def _called(source: Source, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An assistant's message that calls tools, and one result for each call, in order."""
    calls = []
    for number, tool in enumerate(tools[: 1 + source.below(len(tools))], start=1):
        declared = tool["function"]["parameters"]["properties"]
        values = {name: value for name, _, value in _FIELDS if name in declared}
        function = {"name": tool["function"]["name"], "arguments": json.dumps(values)}
        calls.append({"id": f"call_{number}", "type": "function", "function": function})
    answers = [{"role": "tool", "tool_call_id": call["id"], "content": words(source)} for call in calls]
    return [{"role": "assistant", "content": None, "tool_calls": calls}, *answers]


def answered(messages: list[Any]) -> list[Any]:
    """The messages, with a result for each tool call: one that answers no call takes the id of one without answer."""
    done: list[Any] = []
    missing: list[str] = []
    called: set[str] = set()
    for message in messages:
        if _has(message, "role", "tool"):
            known = message.get("tool_call_id") in called
            name = message.get("tool_call_id") if known or not missing else missing[0]
            missing = [other for other in missing if other != name]
            done.append({**message, "tool_call_id": name} if name is not None else message)
            continue
        done += [*_results(missing), *_function_call(message, done)]
        calls = message.get("tool_calls") if isinstance(message, dict) else None
        names = [call.get("id") for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
        missing = [name for name in names if isinstance(name, str)]
        called = set(missing)
        done.append(message)
    return done + _results(missing)


def _function_call(message: Any, before: list[Any]) -> list[Any]:
    """The call that the message of a function answers, where none stands before it."""
    name = message.get("name") if _has(message, "role", "function") else None
    if not isinstance(name, str):
        return []
    calls = [one.get("function_call") for one in before[-1:] if isinstance(one, dict)]
    if any(_has(call, "name", name) for call in calls):
        return []
    return [{"role": "assistant", "content": None, "function_call": {"name": name, "arguments": "{}"}}]


def offered(body: dict[str, Any]) -> dict[str, Any]:
    """A chat request that offers the tools, or the function, that it chooses by name."""
    body = dict(body)
    choice, function = body.get("tool_choice"), body.get("function_call")
    if isinstance(choice, dict) and isinstance(body.get("tools") or [], list):
        allowed = choice.get("allowed_tools") if choice.get("type") == "allowed_tools" else None
        chosen = allowed.get("tools") if isinstance(allowed, dict) else [choice]
        tools = body["tools"] = _with(body.get("tools") or [], chosen if isinstance(chosen, list) else [])
        if isinstance(allowed, dict) and isinstance(chosen, list):
            # A tool that may be chosen and is not named at all is the first that is offered.
            named = [_named(tools[0]) if one == {} and tools else one for one in chosen]
            body["tool_choice"] = {**choice, "allowed_tools": {**allowed, "tools": named}}
    name = function.get("name") if isinstance(function, dict) else None
    if isinstance(name, str) and isinstance(body.get("functions") or [], list):
        functions = body.get("functions") or []
        known = any(_has(one, "name", name) for one in functions)
        body["functions"] = functions if known else [*functions, {"name": name}]
    return body


def _with(tools: list[Any], chosen: list[Any]) -> list[Any]:
    """The tools, and those that are chosen and not among them."""
    known = {(tool.get("type"), _name_of(tool)) for tool in tools if isinstance(tool, dict)}
    wanted = [one for one in chosen if isinstance(one, dict) and isinstance(_name_of(one), str)]
    return [*tools, *(_tool_of(one) for one in wanted if (one.get("type"), _name_of(one)) not in known)]


def _tool_of(choice: dict[str, Any]) -> dict[str, Any]:
    kind = choice["type"]
    return {"type": kind, kind: {"name": _name_of(choice)}}


def _named(tool: Any) -> dict[str, Any]:
    """The choice of a tool, by its type and name."""
    name = _name_of(tool) if isinstance(tool, dict) else None
    return {} if name is None else {"type": tool["type"], tool["type"]: {"name": name}}


def _name_of(tool: dict[str, Any]) -> Any:
    """The name of a tool, or of the choice of one; None where it has none."""
    kind = tool.get("type")
    inner = tool.get(kind) if isinstance(kind, str) else None
    return inner.get("name") if isinstance(inner, dict) else None


def _results(names: list[str]) -> list[Any]:
    return [{"role": "tool", "tool_call_id": name, "content": "hello"} for name in names]


def _has(message: Any, name: str, value: str) -> bool:
    return isinstance(message, dict) and message.get(name) == value
