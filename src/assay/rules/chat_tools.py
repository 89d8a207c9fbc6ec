"""Rules of what a chat request offers and refers to: tools, functions, schemas, what is to be stored.

The rule of this module: it looks at requests only, and each rule waits for an option of the request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules.read import at, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.rules.strict import loose
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["offered", "rules"]

rules = RuleSet("chat", "createChatCompletion")

_REQUEST = "#/components/schemas/CreateChatCompletionRequest/properties"
_CHOICE = "#/components/schemas/ChatCompletionToolChoiceOption"
_STORED_IMAGE = 8 * 1024 * 1024
_OPTIONS = frozenset(("functions", "function_call", "response_format", "store"))
_CHOICES = (None, "none", "auto", "required")


@rules.short_way("request")
def offers_plainly(request: Any, _: Any) -> bool:
    """Tell whether a request offers nothing but functions with names of their own, and picks none.

    That is what most requests with tools do.
    """
    if type(request) is not dict or not _OPTIONS.isdisjoint(request):
        return False
    tools = request.get("tools")
    if not tools:
        return "tool_choice" not in request and "parallel_tool_calls" not in request
    if type(tools) is not list or request.get("tool_choice") not in _CHOICES:
        return False
    names = set()
    try:
        for tool in tools:
            function = tool["function"]
            if tool["type"] != "function" or (function.get("strict") and loose(function["parameters"]) is not None):
                return False
            names.add(function["name"])
    except (TypeError, KeyError, AttributeError):  # what has another shape goes the long way
        return False
    return len(names) == len(tools)


def offered(request: Any) -> list[tuple[int, str, str, dict[str, Any]]]:
    """The tools of a request with a name: place, type, name, and the tool's own object."""
    found = []
    for number, tool in objects(at(request, "tools")):
        kind = text(tool.get("type")) or ""
        inner = tool.get(kind)
        name = text(at(inner, "name"))
        if name is not None and isinstance(inner, dict):
            found.append((number, kind, name, inner))
    return found


@rules.request("tool-choice-declared", "tool_choice names tools that are given.", _CHOICE, when="tool_choice")
def tool_choice_declared(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; what refers to a tool of another type names no tool."""
    choice = at(exchange.request, "tool_choice")
    if not isinstance(choice, dict):
        return
    named: list[tuple[tuple[str | int, ...], dict[str, Any]]] = [((), choice)]
    if choice.get("type") == "allowed_tools":
        listed = objects(at(choice, "allowed_tools", "tools"))
        named = [(("allowed_tools", "tools", number), tool) for number, tool in listed]
    known = {(kind, name) for _, kind, name, _ in offered(exchange.request)}
    for path, tool in named:
        kind = text(tool.get("type")) or ""
        name = text(at(tool, kind, "name"))
        if name is not None and (kind, name) not in known:
            yield rule.broken(("tool_choice", *path, kind, "name"), "the name of a given tool", describe(name))
        elif name is None and path:
            yield rule.broken(("tool_choice", *path), "a given tool, by its type and name", "none")


@rules.request(
    "function-call-declared",
    "function_call names a function that is given.",
    f"{_REQUEST}/function_call",
    when="function_call",
)
def function_call_declared(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    name = text(at(exchange.request, "function_call", "name"))
    known = [function.get("name") for _, function in objects(at(exchange.request, "functions"))]
    if name is not None and name not in known:
        yield rule.broken(("function_call", "name"), "the name of a given function", describe(name))


@rules.request("tool-names", "No two tools have the same name.", f"{_REQUEST}/tools", severity="hazard", when="tools")
def tool_names(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since nobody can tell which of the two a call is for."""
    seen: set[str] = set()
    for number, kind, name, _ in offered(exchange.request):
        if name in seen:
            yield rule.broken(("tools", number, kind, "name"), "a name of its own", "the name of an earlier tool")
        seen.add(name)


@rules.request(
    "parallel-needs-tools",
    "parallel_tool_calls is set only when tools are given.",
    "#/components/schemas/ParallelToolCalls",
    severity="hazard",
    when="parallel_tool_calls",
)
def parallel_needs_tools(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since some services refuse it and others do not."""
    if at(exchange.request, "parallel_tool_calls") is not None and not at(exchange.request, "tools"):
        yield rule.broken(("parallel_tool_calls",), "no parallel_tool_calls without tools", "parallel_tool_calls")


@rules.request(
    "strict-schema",
    "A strict schema closes every object and requires all its properties.",
    "#/components/schemas/FunctionObject/properties/strict",
    when="tools response_format",
)
def strict_schema(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; told once for each schema."""
    given: list[tuple[tuple[str | int, ...], Any]] = [
        (("tools", number, "function", "parameters"), function.get("parameters"))
        for number, kind, _, function in offered(exchange.request)
        if kind == "function" and function.get("strict") is True
    ]
    asked = at(exchange.request, "response_format", "json_schema")
    if at(asked, "strict") is True:
        given.append((("response_format", "json_schema", "schema"), at(asked, "schema")))
    for path, schema in given:
        lack = loose(schema)
        if lack is not None:
            yield rule.broken((*path, *lack[0]), f"{lack[1]}, as strict asks", "an object schema without it")


@rules.request(
    "json-word",
    "With response_format json_object a message says JSON.",
    f"{_REQUEST}/response_format",
    severity="hazard",
    when="response_format",
)
def json_word(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since without the word the service refuses, or the model writes white space."""
    if at(exchange.request, "response_format", "type") != "json_object":
        return
    told = (part for _, message in objects(at(exchange.request, "messages")) for part in _texts(message))
    if not any("json" in part.lower() for part in told):
        yield rule.broken(("messages",), "the word JSON in a message, as json_object asks", "none")


def _texts(message: dict[str, Any]) -> Iterator[str]:
    content = message.get("content")
    if isinstance(content, str):
        yield content
    for _, part in objects(content):
        yield text(part.get("text")) or ""


@rules.request(
    "stored-image-size",
    "An image inside a request that is to be stored has at most 8 MB.",
    f"{_REQUEST}/store",
    severity="hazard",
    when="store",
)
def stored_image_size(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since larger images are left out of what is stored."""
    if at(exchange.request, "store") is not True:
        return
    for number, message in objects(at(exchange.request, "messages")):
        for position, part in objects(message.get("content")):
            url = text(at(part, "image_url", "url")) or ""
            if url.startswith("data:") and len(url) * 3 // 4 > _STORED_IMAGE:
                place = ("messages", number, "content", position, "image_url", "url")
                yield rule.broken(place, "an image of at most 8 MB", "a larger one")
