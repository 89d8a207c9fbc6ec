"""Rules of the messages of a chat request: the calls of earlier ones, and their marks for the cache.

The rule of this module: it looks at requests only, and its rules join those of ``chat_requests``, whose short way
passes by all of them in one look at the messages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules.chat_requests import MARK, rules
from assay.rules.read import at, objects, text
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.rules.registry import Exchange, Rule
    from assay.violation import Violation

__all__ = ["rules"]

_REQUEST = "#/components/schemas/CreateChatCompletionRequest/properties"
_BREAKPOINTS = {"explicit": 4, "implicit": 3}


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
    marks = sum(part.get(MARK) is not None for part in parts)
    if marks > most:
        yield rule.broken(("messages",), f"at most {most} cache breakpoints", str(marks))
