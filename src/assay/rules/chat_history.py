"""Rules of the messages of a chat request: the calls of earlier ones, and their marks for the cache.

The rule of this module: it looks at requests only, and conversations without calls and marks take the short way past
it, whatever tools are offered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules.read import at, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

rules = RuleSet("chat", "createChatCompletion")

_REQUEST = "#/components/schemas/CreateChatCompletionRequest/properties"
_BREAKPOINTS = {"explicit": 4, "implicit": 3}
_MARK = "prompt_cache_breakpoint"


@rules.short_way("request")
def is_only_said(request: Any, _: Any) -> bool:
    """Tell whether no message calls anything, answers a function, or marks a part for the cache."""
    if type(request) is not dict or type(messages := request.get("messages")) is not list:
        return False
    for message in messages:
        if type(message) is not dict or "tool_calls" in message or message.get("role") == "function":
            return False
        content = message.get("content")
        if type(content) is list:
            for part in content:
                if type(part) is not dict or _MARK in part:
                    return False
    return True


@rules.request(
    "request-call-ids",
    "The tool calls of a message have different ids.",
    "#/components/schemas/ChatCompletionMessageToolCall/properties/id",
)
def request_call_ids(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for number, message in objects(at(exchange.request, "messages")):
        seen: set[str] = set()
        for position, call in objects(message.get("tool_calls")):
            called = text(call.get("id"))
            if called in seen:
                place = ("messages", number, "tool_calls", position, "id")
                yield rule.broken(place, "an id of its own", "the id of an earlier call")
            seen.add(called or "")


@rules.request(
    "function-messages-answer-calls",
    "A function message answers an earlier function call of that name.",
    "#/components/schemas/ChatCompletionRequestFunctionMessage/properties/name",
)
def function_messages_answer_calls(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    called: set[Any] = set()
    for number, message in objects(at(exchange.request, "messages")):
        called.add(text(at(message, "function_call", "name")))
        name = text(message.get("name"))
        if message.get("role") == "function" and name is not None and name not in called:
            yield rule.broken(("messages", number, "name"), "the name of a function called before", describe(name))


@rules.request(
    "cache-breakpoints",
    "A request marks no more places for the cache than are written: 4, or 3 beside the implicit one.",
    f"{_REQUEST}/prompt_cache_options",
    severity="hazard",
)
def cache_breakpoints(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since the marks beyond are ignored without a word."""
    mode = at(exchange.request, "prompt_cache_options", "mode")
    most = _BREAKPOINTS["explicit" if mode == "explicit" else "implicit"]
    messages = [message for _, message in objects(at(exchange.request, "messages"))]
    parts = [part for message in messages for _, part in objects(message.get("content"))]
    marks = sum(part.get(_MARK) is not None for part in parts)
    if marks > most:
        yield rule.broken(("messages",), f"at most {most} cache breakpoints", str(marks))
