"""Rules of a response as the answer to its request: it does what was asked, and shows what was asked for.

The rule of this module: what the request leaves open is the service's choice, and so is what comes of a response that
was not completed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules.chat import have_alternatives
from assay.rules.read import at, integer, is_json, listed, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.rules.responses_tools import all_shown, offered
from assay.rules.strict import follows
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

rules = RuleSet("responses", "createResponse")

_RESPONSE = "#/components/schemas/Response/properties"
_REQUEST = "#/components/schemas/CreateResponse/properties"
_BUILT_IN = frozenset(
    (
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "computer_call",
        "mcp_call",
    )
)
_ECHOED = ("instructions", "temperature", "top_p", "metadata", "max_output_tokens", "truncation",
           "parallel_tool_calls", "background")  # fmt: skip


_OPTIONS = frozenset(
    ("max_tool_calls", "previous_response_id", "conversation", "background", "text", "max_output_tokens", "tool_choice")
)


@rules.short_way("response")
def is_as_asked(request: Any, response: Any) -> bool:
    """Tell whether only reasoning, text and calls of what is offered came, and settings were repeated as given."""
    if type(request) is not dict or type(response) is not dict or response.get("moderation") is not None:
        return False
    if not _OPTIONS.isdisjoint(request) and _asks_for_more(request):
        return False
    for name in _ECHOED:
        if name in request and (asked := request[name]) is not None and name in response and response[name] != asked:
            return False
    called: list[dict[str, Any]] = []
    for item in listed(response.get("output")):
        if type(item) is not dict:
            return False
        if item.get("type") == "function_call":
            called.append(item)
        elif item.get("type") not in ("message", "reasoning") or _has_logprobs(item.get("content")):
            return False
    return not called or _may_be_called(request, called)


def _has_logprobs(content: Any) -> bool:
    return any(type(part) is not dict or part.get("logprobs") for part in (content if type(content) is list else ()))


def _may_be_called(request: dict[str, Any], called: list[dict[str, Any]]) -> bool:
    """Tell whether calls are of functions without a strict schema that the request offers, and are not forbidden."""
    tools = request.get("tools")
    if type(tools) is not list or request.get("parallel_tool_calls") is False or request.get("tool_choice") == "none":
        return False
    names = set()
    for tool in tools:
        if type(tool) is not dict or tool.get("strict") or type(name := tool.get("name")) is not str:
            return False
        names.add(name)
    return all(type(name := call.get("name")) is str and name in names for call in called)


def _asks_for_more(request: dict[str, Any]) -> bool:
    """Tell whether a request asks for what text alone does not answer, or for limits."""
    for name in _OPTIONS & request.keys():
        value = request[name]
        plain = at(value, "format") is None if name == "text" else value is None or value is False
        if not plain and not (name == "tool_choice" and value in ("auto", "none")):
            return True
    return False


def _output(exchange: Exchange) -> list[tuple[int, dict[str, Any]]]:
    return objects(at(exchange.response, "output"))


def _calls(exchange: Exchange) -> list[tuple[int, dict[str, Any]]]:
    """The output items that call a tool of any kind."""
    return [(number, item) for number, item in _output(exchange) if str(item.get("type")).endswith("_call")]


def _texts(exchange: Exchange) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """The text parts of final messages, each with its place."""
    for number, item in _output(exchange):
        if item.get("type") == "message" and item.get("phase") != "commentary":
            for inner, part in objects(item.get("content")):
                if part.get("type") == "output_text":
                    yield ("output", number, "content", inner), part


@rules.response("token-limit", "output_tokens is at most max_output_tokens.", f"{_RESPONSE}/max_output_tokens")
def within_token_limit(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    limit = integer(at(exchange.request, "max_output_tokens"))
    used = integer(at(exchange.response, "usage", "output_tokens"))
    if limit is not None and used is not None and used > limit:
        yield rule.broken(("usage", "output_tokens"), f"at most {limit}, as max_output_tokens asks", str(used))


@rules.response(
    "parallel-tool-calls",
    "There is at most one function call when parallel_tool_calls is false.",
    "#/components/schemas/ParallelToolCalls",
    when="parallel_tool_calls",
)
def parallel_tool_calls_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    calls = [number for number, item in _calls(exchange) if item["type"] == "function_call"]
    if at(exchange.request, "parallel_tool_calls") is False and len(calls) > 1:
        yield rule.broken(("output", calls[1]), "at most one function call", f"{len(calls)}")


@rules.response(
    "called-declared", "A function that is called was offered.", "#/components/schemas/FunctionToolCall/properties/name"
)
def called_declared(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, where the request shows every tool."""
    if not all_shown(exchange.request):
        return
    known = {text(tool.get("name")) for tool in offered(exchange.request)}
    for number, item in _calls(exchange):
        if item["type"] == "function_call" and not item.get("namespace") and text(item.get("name")) not in known:
            yield rule.broken(("output", number, "name"), "the name of an offered function", "another name")


@rules.response(
    "tool-choice",
    "No tool is called when tool_choice is none; some tool is when it is required.",
    "#/components/schemas/ToolChoiceParam",
    when="tool_choice",
)
def tool_choice_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; what is not completed may lack the call."""
    choice, calls = at(exchange.request, "tool_choice"), _calls(exchange)
    if choice == "none" and calls:
        yield rule.broken(("output", calls[0][0]), "no tool call, as tool_choice is none", "a tool call")
    if choice == "required" and not calls and at(exchange.response, "status") == "completed":
        yield rule.broken(("output",), "a tool call, as tool_choice is required", "none")


@rules.response(
    "max-tool-calls",
    "There are at most max_tool_calls calls of built-in tools.",
    f"{_REQUEST}/max_tool_calls",
    when="max_tool_calls",
)
def max_tool_calls_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    limit = integer(at(exchange.request, "max_tool_calls"))
    calls = [number for number, item in _calls(exchange) if item["type"] in _BUILT_IN]
    if limit is not None and 0 <= limit < len(calls):
        yield rule.broken(("output", calls[limit]), f"at most {limit} calls of built-in tools", f"{len(calls)}")


@rules.response(
    "json-mode",
    "A completed answer is JSON when the text format asks for it.",
    "#/components/schemas/ResponseTextParam/properties/format",
    when="text",
)
def json_mode(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    wanted = at(exchange.request, "text", "format", "type")
    if wanted not in ("json_object", "json_schema") or at(exchange.response, "status") != "completed":
        return
    for path, part in _texts(exchange):
        written = text(part.get("text"))
        if written is not None and not is_json(written):
            yield rule.broken((*path, "text"), "JSON text", f"{describe(written)} that is not JSON")


@rules.response(
    "strict-followed",
    "With strict, answers and arguments follow the schema that was given.",
    "#/components/schemas/TextResponseFormatJsonSchema/properties/strict",
    when="text tools",
)
def strict_followed(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule what is finished, and is JSON."""
    form = at(exchange.request, "text", "format")
    if at(form, "strict") is True and at(exchange.response, "status") == "completed":
        for path, part in _texts(exchange):
            if follows(at(form, "schema"), text(part.get("text")) or "") is False:
                yield rule.broken((*path, "text"), "JSON that follows the schema", "JSON that does not")
    tools = [tool for tool in offered(exchange.request) if tool.get("strict") is True]
    strict = {text(tool.get("name")): tool.get("parameters") for tool in tools}
    for number, item in _calls(exchange):
        done = item["type"] == "function_call" and item.get("status") in (None, "completed")
        if done and follows(strict.get(text(item.get("name"))), text(item.get("arguments")) or "") is False:
            place = ("output", number, "arguments")
            yield rule.broken(place, "JSON that follows the parameters", "JSON that does not")


@rules.response(
    "state-kept",
    "The response names the response or conversation that it was asked to go on from.",
    f"{_RESPONSE}/previous_response_id",
    when="previous_response_id conversation",
)
def state_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    before = text(at(exchange.request, "previous_response_id"))
    if before is not None and at(exchange.response, "previous_response_id") != before:
        yield rule.broken(("previous_response_id",), "the id that was asked for", "another one, or none")
    asked = at(exchange.request, "conversation")
    asked = text(at(asked, "id")) or text(asked)
    if asked is not None and at(exchange.response, "conversation", "id") != asked:
        yield rule.broken(("conversation",), "the conversation that was asked for", "another one, or none")


@rules.response(
    "echo",
    "The response repeats the settings of its request.",
    f"{_RESPONSE}/temperature",
    severity="hazard",
    when=" ".join(_ECHOED),
)
def echo(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule what the response shows; a hazard, since a setting may be honoured and not repeated."""
    shown = exchange.response if isinstance(exchange.response, dict) else {}
    for name in _ECHOED:
        asked = at(exchange.request, name)
        if asked is not None and name in shown and shown[name] != asked:
            yield rule.broken((name,), f"the {name} that was asked for", "another value")


@rules.response(
    "moderation-unasked",
    "moderation comes only when it was asked for.",
    f"{_RESPONSE}/moderation",
)
def moderation_unasked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    if at(exchange.response, "moderation") is not None and at(exchange.request, "moderation") is None:
        yield rule.broken(("moderation",), "none, as none was asked for", "a judgement")


@rules.response(
    "include-unasked",
    "Search results and log probabilities come only when include asks for them.",
    "#/components/schemas/IncludeEnum",
)
def include_unasked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    include = listed(at(exchange.request, "include"))
    if "file_search_call.results" not in include:
        for number, item in _output(exchange):
            if item.get("type") == "file_search_call" and item.get("results") is not None:
                yield rule.broken(("output", number, "results"), "none, as include does not ask for them", "results")
    if "message.output_text.logprobs" not in include:
        for path, part in _texts(exchange):
            if part.get("logprobs"):
                yield rule.broken((*path, "logprobs"), "none, as include does not ask for them", "log probabilities")


@rules.response(
    "top-logprobs-given",
    "Alternatives come beside the log probabilities when top_logprobs asks for them.",
    f"{_REQUEST}/top_logprobs",
    when="top_logprobs",
)
def top_logprobs_given(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule: fewer than asked for may come, and at some place none, but not none anywhere."""
    if (integer(at(exchange.request, "top_logprobs")) or 0) < 1:
        return
    for path, part in _texts(exchange):
        if have_alternatives(part.get("logprobs")) is False:
            place = (*path, "logprobs", 0, "top_logprobs")
            yield rule.broken(place, "alternatives at one place at least, as asked for", "none")


@rules.response(
    "background-begun",
    "A response in the background is queued or in progress at first.",
    f"{_REQUEST}/background",
    severity="hazard",
    when="background",
)
def background_begun(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since clients that poll see no difference."""
    status = text(at(exchange.response, "status"))
    if at(exchange.request, "background") is True and status not in (None, "queued", "in_progress"):
        yield rule.broken(("status",), "queued or in_progress", describe(status))
