"""Rules of the tools that a request for a response offers, and of the one that it chooses.

The rule of this module: a tool counts as offered wherever the request shows it, in ``tools``, inside a namespace or in
an item; where a prompt template or a search may bring more, no name is called unknown.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from assay.rules.read import at, listed, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.rules.strict import loose
from assay.schema.given import conforms
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["all_shown", "offered", "rules"]

rules = RuleSet("responses", "createResponse")

_TOOL = "#/components/schemas/Tool"
_CHOICE = "#/components/schemas/ToolChoiceParam"
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_STEP, _LONGEST, _WIDEST, _RATIO = 16, 3840, 2160, 3
# Names of one tool, past and present.
_FAMILIES = {"web_search": "web_search", "computer": "computer"}


def offered(request: Any) -> list[dict[str, Any]]:
    """Every tool that a request shows."""
    found = [tool for _, tool in objects(at(request, "tools"))]
    for _, item in objects(at(request, "input")):
        if item.get("type") in ("additional_tools", "tool_search_output"):
            found += [tool for _, tool in objects(item.get("tools"))]
    for tool in tuple(found):
        if tool.get("type") == "namespace":
            found += [inner for _, inner in objects(tool.get("tools"))]
    return found


def all_shown(request: Any) -> bool:
    """Whether the model can have no other tools than those that the request shows."""
    kinds = {text(tool.get("type")) for tool in offered(request)}
    return at(request, "prompt") is None and "tool_search" not in kinds


@rules.short_way("request")
def offers_plainly(request: Any, _: Any) -> bool:
    """Tell whether a request offers nothing but functions with names and schemas of their own, and picks none."""
    if type(request) is not dict or type(request.get("tool_choice")) is dict or _is_strict(request.get("text")):
        return False
    tools = request.get("tools") or []
    names = set()
    for tool in tools if type(tools) is list else (None,):
        if type(tool) is not dict or tool.get("type") != "function" or type(name := tool.get("name")) is not str:
            return False
        parameters = tool.get("parameters")
        if "allowed_callers" in tool or not _is_schema(parameters):
            return False
        if tool.get("strict") and loose(parameters) is not None:
            return False
        names.add(name)
    return len(names) == len(tools)


def _is_strict(asked: Any) -> bool:
    """Whether the text of an answer is to follow a schema to the letter."""
    return asked is not None and at(asked, "format", "strict") is not None


def _family(kind: Any) -> Any:
    return next((name for start, name in _FAMILIES.items() if str(kind).startswith(start)), kind)


def _is_offered(choice: dict[str, Any], tools: list[dict[str, Any]]) -> bool:
    kind = _family(choice.get("type"))
    told = [name for name in ("name", "server_label") if isinstance(choice.get(name), str)]
    if kind == "mcp":
        told = ["server_label"]
    alike = [tool for tool in tools if _family(tool.get("type")) == kind]
    return any(all(tool.get(name) == choice.get(name) for name in told) for tool in alike)


@rules.request("tool-choice-declared", "tool_choice names tools that are offered.", _CHOICE, when="tool_choice")
def tool_choice_declared(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    choice = at(exchange.request, "tool_choice")
    if not isinstance(choice, dict) or not all_shown(exchange.request):
        return
    tools = offered(exchange.request)
    if choice.get("type") != "allowed_tools":
        if not _is_offered(choice, tools):
            yield rule.broken(("tool_choice",), "a tool that is offered", "another one")
        return
    for number, tool in objects(choice.get("tools")):
        if isinstance(tool.get("type"), str) and not _is_offered(tool, tools):
            yield rule.broken(("tool_choice", "tools", number), "a tool that is offered", "another one")


@rules.request("tool-names", "No two tools of a kind have the same name.", _TOOL, when="tools")
def tool_names(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    seen: set[tuple[str, str]] = set()
    for number, tool in objects(at(exchange.request, "tools")):
        kind, name = text(tool.get("type")), text(tool.get("name"))
        if kind not in ("function", "custom", "namespace") or name is None:
            continue
        if (kind, name) in seen:
            yield rule.broken(("tools", number, "name"), "a name of its own", "the name of an earlier tool")
        seen.add((kind, name))


@rules.request(
    "parameters-schema",
    "The parameters of a function are a JSON Schema.",
    "#/components/schemas/FunctionTool/properties/parameters",
    when="tools",
)
def parameters_schema(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; schemas of another dialect, or with references, are left alone."""
    for number, tool in objects(at(exchange.request, "tools")):
        if tool.get("type") == "function" and not _is_schema(tool.get("parameters")):
            yield rule.broken(("tools", number, "parameters"), "a JSON Schema", "an object that is none")


def _is_schema(parameters: Any) -> bool:
    """Whether an object is a JSON Schema, as far as can be told; what is no object is left to the schemas."""
    if not isinstance(parameters, dict):
        return True
    try:
        return _compiles(orjson.dumps(parameters))
    except TypeError:  # nested too deeply, or a number too large: then the engine shall tell, if it can
        return _conforms(parameters)


@lru_cache(512)  # the tools of an application are the same in all its requests
def _compiles(written: bytes) -> bool:
    return _conforms(orjson.loads(written))


def _conforms(parameters: dict[str, Any]) -> bool:
    if "$schema" in parameters or "$ref" in str(parameters):
        return True
    return conforms(parameters, {}) is not None or not conforms({}, {})


@rules.request(
    "strict-schema",
    "A strict schema closes every object and requires all its properties.",
    "#/components/schemas/FunctionTool/properties/strict",
    when="tools text",
)
def strict_schema(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; told once for each schema."""
    given: list[tuple[tuple[str | int, ...], Any]] = [
        (("tools", number, "parameters"), tool.get("parameters"))
        for number, tool in objects(at(exchange.request, "tools"))
        if tool.get("type") == "function" and tool.get("strict") is True
    ]
    form = at(exchange.request, "text", "format")
    if at(form, "strict") is True:
        given.append((("text", "format", "schema"), at(form, "schema")))
    for path, schema in given:
        lack = loose(schema)
        if lack is not None:
            yield rule.broken((*path, *lack[0]), f"{lack[1]}, as strict asks", "an object schema without it")


@rules.request(
    "programmatic-callers",
    "Tools for programmatic callers stand beside the tool programmatic_tool_calling.",
    "#/components/schemas/ProgrammaticToolCallingParam",
    severity="hazard",
    when="tools",
)
def programmatic_callers(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since such a tool is only never called."""
    tools = objects(at(exchange.request, "tools"))
    if any(tool.get("type") == "programmatic_tool_calling" for _, tool in tools):
        return
    for number, tool in tools:
        if "programmatic" in listed(tool.get("allowed_callers")):
            place = ("tools", number, "allowed_callers")
            yield rule.broken(place, "the tool programmatic_tool_calling beside it", "none")


@rules.request(
    "image-size",
    "A size for gpt-image-2 is in multiples of 16, at most 3840 x 2160, and no side is three times longer.",
    "#/components/schemas/ImageGenTool/properties/size",
    when="tools",
)
def image_size(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, whichever side is the longer one."""
    for number, tool in objects(at(exchange.request, "tools")):
        size = _SIZE.fullmatch(text(tool.get("size")) or "")
        named = tool.get("type") == "image_generation" and str(tool.get("model")).startswith("gpt-image-2")
        if size is None or not named:
            continue
        short, long = sorted((int(size[1]), int(size[2])))
        if short % _STEP or long % _STEP or long > _RATIO * short or long > _LONGEST or short > _WIDEST:
            place = ("tools", number, "size")
            yield rule.broken(place, "multiples of 16 within bounds", describe(tool["size"]))
