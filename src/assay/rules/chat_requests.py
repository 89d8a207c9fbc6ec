"""Rules of chat completion requests: what ties its messages and options together.

The rule of this module: only what no schema states is here, and most conversations take the short way past it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from assay.rules.read import at, listed, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["MARK", "rules"]

rules = RuleSet("chat", "createChatCompletion")

_REQUEST = "#/components/schemas/CreateChatCompletionRequest"

# Models of text and images by their names, which no other service gives to models of its own.
_TEXT_MODEL = re.compile(r"gpt-(3\.5-turbo|4|4-turbo|4o|4o-mini|4\.1|4\.1-mini|4\.1-nano)(-\d{4}|-\d{4}-\d\d-\d\d)?")

MARK = "prompt_cache_breakpoint"
"""The property of a content part that marks it for the cache."""

_OPTIONS = frozenset(("tool_choice", "modalities", "prompt_cache_options", "top_logprobs"))


@rules.short_way("request")
def is_plain_conversation(request: Any, _: Any) -> bool:
    """Tell whether messages have neither calls nor marks for the cache, and every option the one that it needs."""
    try:
        for message in request["messages"]:
            role, content = message["role"], message["content"]
            if len(message) > 2 and (  # noqa: PLR2004  the two above are nearly all there ever is
                role == "function" or "tool_calls" in message or "tool_call_id" in message
            ):
                return False
            if type(content) is list:
                for part in content:
                    if MARK in part:
                        return False
    except (TypeError, KeyError):  # what has another shape goes the long way
        return False
    if request.get("stream_options") is not None and request.get("stream") is not True:
        return False
    return _OPTIONS.isdisjoint(request) or _stand_together(request)


def _stand_together(request: dict[str, Any]) -> bool:
    """Tell whether the options that need another one have it."""
    if "tool_choice" in request and not (request.get("tools") or request["tool_choice"] in (None, "none")):
        return False
    if "modalities" in request or "prompt_cache_options" in request:
        return False
    return "top_logprobs" not in request or request.get("logprobs") is True


@rules.request(
    "stream-options-need-stream",
    "stream_options is set only when stream is true.",
    f"{_REQUEST}/properties/stream",
    when="stream_options",
)
def stream_options_need_stream(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    request = exchange.request
    if at(request, "stream_options") is not None and at(request, "stream") is not True:
        yield rule.broken(("stream_options",), "no stream_options without stream: true", "stream_options")


@rules.request(
    "top-logprobs-need-logprobs",
    "top_logprobs is set only when logprobs is true.",
    f"{_REQUEST}/properties/top_logprobs",
    when="top_logprobs",
)
def top_logprobs_need_logprobs(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; 0 asks for nothing."""
    request = exchange.request
    if at(request, "top_logprobs") and at(request, "logprobs") is not True:
        yield rule.broken(("top_logprobs",), "no top_logprobs without logprobs: true", "top_logprobs")


@rules.request(
    "tool-choice-needs-tools",
    "tool_choice asks for a tool only when tools are given.",
    "#/components/schemas/ChatCompletionToolChoiceOption",
    when="tool_choice",
)
def tool_choice_needs_tools(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; ``none`` and ``auto`` are the defaults and ask for nothing."""
    request = exchange.request
    choice = at(request, "tool_choice")
    if choice in (None, "none", "auto") or at(request, "tools"):
        return
    yield rule.broken(("tool_choice",), "no forced tool_choice without tools", "tool_choice")


@rules.request(
    "audio-model",
    "Audio output is asked of models that speak.",
    f"{_REQUEST}/properties/modalities",
    severity="hazard",
    when="modalities",
)
def audio_model(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, for known models of text; a hazard, since a model may learn to speak."""
    if "audio" in listed(at(exchange.request, "modalities")) and _is_text_model(exchange.request):
        yield rule.broken(("modalities",), "text alone for this model", "audio")


@rules.request(
    "cache-options-model",
    "prompt_cache_options are for models from gpt-5.6 on.",
    f"{_REQUEST}/properties/prompt_cache_options",
    severity="hazard",
    when="prompt_cache_options",
)
def cache_options_model(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, for known older models; a hazard, since a model may learn to take them."""
    if at(exchange.request, "prompt_cache_options") is not None and _is_text_model(exchange.request):
        yield rule.broken(("prompt_cache_options",), "none for this model", "prompt_cache_options")


def _is_text_model(request: Any) -> bool:
    return _TEXT_MODEL.fullmatch(text(at(request, "model")) or "") is not None


@rules.request(
    "tool-messages-answer-calls",
    "A tool message answers a tool call of the assistant message before it.",
    "#/components/schemas/ChatCompletionRequestToolMessage/properties/tool_call_id",
)
def tool_messages_answer_calls(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    asked: list[Any] = []
    for number, message in objects(at(exchange.request, "messages")):
        if message.get("role") == "assistant":
            asked = [call.get("id") for _, call in objects(message.get("tool_calls"))]
        answered = text(message.get("tool_call_id"))
        if message.get("role") == "tool" and answered is not None and answered not in asked:
            place = ("messages", number, "tool_call_id")
            yield rule.broken(place, "the id of a tool call of the preceding assistant message", describe(answered))


@rules.request(
    "tool-calls-answered",
    "Each tool call of an assistant message is answered by a tool message before any other message.",
    "#/components/schemas/ChatCompletionRequestAssistantMessage/properties/tool_calls",
)
def tool_calls_answered(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; calls of the last assistant message without any message after it may be open."""
    messages = objects(at(exchange.request, "messages"))
    if not any("tool_calls" in message for _, message in messages):
        return
    open_calls: dict[str, tuple[int, int]] = {}
    for number, message in messages:
        if message.get("role") == "tool":
            open_calls.pop(text(message.get("tool_call_id")) or "", None)
            continue
        yield from (_unanswered(rule, place) for place in open_calls.values())
        calls = objects(message.get("tool_calls"))
        open_calls = {call["id"]: (number, n) for n, call in calls if isinstance(call.get("id"), str)}
    if messages and messages[-1][1].get("role") == "tool":
        yield from (_unanswered(rule, place) for place in open_calls.values())


def _unanswered(rule: Rule, place: tuple[int, int]) -> Violation:
    number, call = place
    return rule.broken(("messages", number, "tool_calls", call), "a tool message with this call's id", "none")
