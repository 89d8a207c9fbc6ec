"""Which tools the model calls, and with what.

The rule of this module: a tool is called when the request asks for it, or when it leaves the choice and the last
word is the user's; so a client that answers tool calls is answered with text in turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import orjson

from assay.reference.replies import Refusal
from assay.reference.values import CannotWrite, write

if TYPE_CHECKING:
    from assay.reference.text import Source

__all__ = ["Tool", "checked", "chosen", "named", "wanted"]

_AT_ONCE = 2  # tools called in one message, where parallel calls are allowed


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool as offered: ``place`` is where in the request, for refusals."""

    kind: str
    name: str
    place: str
    schema: Any = None
    constrained: bool = False

    def arguments(self, source: Source) -> str:
        """Return the JSON text of valid arguments, or free text for a custom tool."""
        if self.kind == "custom":
            return source.sentence()
        try:
            return orjson.dumps(write(self.schema, source)).decode()
        except CannotWrite as reason:
            place = f"{self.place}.parameters"
            text = f"The schema in '{place}' {reason}."
            raise Refusal(400, text, param=place, code="invalid_function_parameters") from None


def wanted(body: dict[str, Any]) -> tuple[Tool, ...]:
    """Return the tools to call now; refuses a choice that names a tool that is not offered."""
    if body.get("functions") and not body.get("tools"):
        return _older(body)
    tools = [_tool(item, f"tools[{number}]") for number, item in enumerate(body.get("tools") or ())]
    choice = body.get("tool_choice") or ("auto" if tools else "none")
    parallel = body.get("parallel_tool_calls") is not False
    for tool in tools:
        _check(tool)  # also those that the choice leaves out
    if isinstance(choice, dict) and choice["type"] == "allowed_tools":
        allowed = choice["allowed_tools"]
        tools = [_pick(tools, item.get("type"), item) for item in allowed["tools"]]
        choice = allowed["mode"]
    elif isinstance(choice, dict):
        return chosen([_pick(tools, choice["type"], choice)], "required", asked=True, parallel=False)
    return chosen(tools, choice, asked=_asked(body), parallel=parallel)


def chosen(tools: list[Tool], mode: str, *, asked: bool, parallel: bool) -> tuple[Tool, ...]:
    """Return the tools to call now, of those that may be called.

    ``mode`` is ``none``, ``auto`` or ``required``; ``asked`` says that the last word is the user's. Refuses a
    call that must be made and cannot.
    """
    if mode == "none" or not tools or (mode == "auto" and not asked):
        return ()
    able = [tool for tool in tools if not tool.constrained] if mode == "auto" else _able(tools)
    return tuple(able[: _AT_ONCE if parallel else 1])


def named(tools: list[Tool], kind: Any, name: Any) -> Tool:
    """Return the tool of a kind and a name; refuse a choice of one that is not there."""
    for tool in tools:
        if (tool.kind, tool.name) == (kind, name):
            return tool
    raise Refusal(
        400, "'tool_choice' names a tool that does not exist in 'tools'.", param="tool_choice", code="invalid_value"
    )


def checked(offered: list[dict[str, Any]]) -> None:
    """Refuse functions, among the tools of an assistant, whose parameters are no JSON Schema."""
    for number, item in enumerate(offered):
        if item["type"] == "function":
            _check(_tool(item, f"tools[{number}]"))


def _older(body: dict[str, Any]) -> tuple[Tool, ...]:
    """Return the call in the older form: at most one."""
    tools = [
        Tool("legacy", item["name"], f"functions[{number}]", item.get("parameters", {"type": "object"}))
        for number, item in enumerate(body["functions"])
    ]
    for tool in tools:
        _check(tool)
    choice = body.get("function_call") or "auto"
    if isinstance(choice, dict):
        for tool in tools:
            if tool.name == choice["name"]:
                return (tool,)
        text = "'function_call' names a function that is not in 'functions'."
        raise Refusal(400, text, param="function_call", code="invalid_value")
    return (tools[0],) if choice == "auto" and _asked(body) else ()


def _tool(item: dict[str, Any], place: str) -> Tool:
    if item["type"] == "custom":
        constrained = item["custom"].get("format", {}).get("type") == "grammar"
        return Tool("custom", item["custom"]["name"], f"{place}.custom", constrained=constrained)
    function = item["function"]
    return Tool("function", function["name"], f"{place}.function", function.get("parameters", {"type": "object"}))


def _check(tool: Tool) -> None:
    if tool.kind != "custom" and not jsonschema_rs.meta.is_valid(tool.schema):
        place = f"{tool.place}.parameters"
        text = f"The value of '{place}' is not a valid JSON Schema."
        raise Refusal(400, text, param=place, code="invalid_function_parameters")


def _pick(tools: list[Tool], kind: Any, item: dict[str, Any]) -> Tool:
    holder = item.get(kind) if isinstance(kind, str) else None
    return named(tools, kind, holder.get("name") if isinstance(holder, dict) else None)


def _able(tools: list[Tool]) -> list[Tool]:
    able = [tool for tool in tools if not tool.constrained]
    if not able:
        place = f"{tools[0].place}.format"
        text = f"This model cannot write by the grammar in '{place}'."
        raise Refusal(400, text, param=place, code="unsupported_value")
    return able


def _asked(body: dict[str, Any]) -> bool:
    return bool(body["messages"]) and body["messages"][-1]["role"] in ("user", "developer", "system")
