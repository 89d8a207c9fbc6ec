"""Rules of what a chat completion holds beside its frame: schemas kept, calls of what was offered, what was not asked.

The rule of this module: a promise of the server is a violation when it is broken; where only the model can keep a
promise (which function it calls), it is a hazard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules.chat import may_be_cut, stop_sequences, token_limit
from assay.rules.chat_tools import offered
from assay.rules.read import at, integer, listed, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.rules.strict import follows
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

rules = RuleSet("chat", "createChatCompletion")

_REQUEST = "#/components/schemas/CreateChatCompletionRequest/properties"
_RESPONSE = "#/components/schemas/CreateChatCompletionResponse/properties"
_MESSAGE = "#/components/schemas/ChatCompletionResponseMessage/properties"
_FINISH = f"{_RESPONSE}/choices/items/properties/finish_reason"
_LIMIT = "max_completion_tokens"
_TOLD_OF = frozenset(("service_tier", "response_format", "max_tokens", _LIMIT))
_SPOKEN = ("audio", "annotations", "tool_calls", "function_call")


@rules.short_way("response")
def is_only_text(request: Any, response: Any) -> bool:
    """Tell whether one choice of text came and neither side speaks of schemas, moderation or tools."""
    if type(request) is not dict or type(response) is not dict:
        return False
    if not _TOLD_OF.isdisjoint(request) and _must_be_told(request, response):
        return False
    if response.get("moderation") is not None or response.get("service_tier") == "auto":
        return False
    choices = response.get("choices")
    if type(choices) is not list or len(choices) != 1 or type(choices[0]) is not dict:
        return False
    choice = choices[0]
    message = choice.get("message")
    if type(message) is not dict or type(message.get("content")) is not str or choice.get("logprobs") is not None:
        return False
    for name in _SPOKEN:
        if message.get(name):
            return False
    return choice.get("finish_reason") != "function_call"


def _must_be_told(request: dict[str, Any], response: dict[str, Any]) -> bool:
    """Tell whether the request asks for what only some answers of text show: a format, a tier, one single token."""
    if request.get("response_format") is not None or 1 in (request.get("max_tokens"), request.get(_LIMIT)):
        return True
    return "service_tier" in request and response.get("service_tier") is None


def _messages(exchange: Exchange) -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
    for number, choice in objects(at(exchange.response, "choices")):
        message = choice.get("message")
        if isinstance(message, dict):
            yield number, choice, message


@rules.response(
    "message-given",
    "A message that finished has text, a refusal, audio or a call.",
    f"{_MESSAGE}/content",
    severity="hazard",
)
def message_given(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; empty text is text."""
    for number, choice, message in _messages(exchange):
        spoken = [message.get(name) for name in ("tool_calls", "function_call", "refusal", "audio")]
        if message.get("content") is None and not any(spoken) and not may_be_cut(choice.get("finish_reason")):
            yield rule.broken(("choices", number, "message", "content"), "text, a refusal, audio or a call", "none")


@rules.response(
    "limit-finish",
    "A choice that was cut after one token, as asked, finishes with length.",
    _FINISH,
    severity="hazard",
    when="max_completion_tokens max_tokens",
)
def limit_finish(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule for the limit 1 alone: under a higher one an answer may end by itself just where it is.

    A hazard, since there are answers of one token.
    """
    if token_limit(exchange.request) != 1 or at(exchange.response, "usage", "completion_tokens") != 1:
        return
    for number, choice in objects(at(exchange.response, "choices")):
        reason = choice.get("finish_reason")
        if not may_be_cut(reason):
            yield rule.broken(("choices", number, "finish_reason"), "length, as the limit is used up", describe(reason))


@rules.response(
    "finish-function-call",
    "A choice that finishes with function_call holds a function call.",
    _FINISH,
)
def finish_function_call(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for number, choice, message in _messages(exchange):
        if choice.get("finish_reason") == "function_call" and not message.get("function_call"):
            yield rule.broken(("choices", number, "message", "function_call"), "a call, as it finished so", "none")


@rules.response(
    "called-declared",
    "A function that is called is one of those offered.",
    "#/components/schemas/ChatCompletionMessageToolCall/properties/function/properties/name",
    severity="hazard",
    when="tools",
)
def called_declared(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since it is the model that names the function."""
    known = {name for _, kind, name, _ in offered(exchange.request) if kind == "function"}
    for number, _, message in _messages(exchange) if known else ():
        for position, call in objects(message.get("tool_calls")):
            name = text(at(call, "function", "name"))
            if name is not None and name not in known:
                place = ("choices", number, "message", "tool_calls", position, "function", "name")
                yield rule.broken(place, "the name of a function that was offered", describe(name))


@rules.response(
    "strict-arguments",
    "The arguments of a strict function follow its parameters.",
    "#/components/schemas/FunctionObject/properties/strict",
    when="tools",
)
def strict_arguments(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, unless the choice was cut off; arguments that are no JSON break another rule."""
    tools = offered(exchange.request)
    functions = [(name, tool) for _, kind, name, tool in tools if kind == "function"]
    strict = {name: tool.get("parameters") for name, tool in functions if tool.get("strict")}
    for number, choice, message in _messages(exchange) if strict else ():
        for position, call in objects(message.get("tool_calls")):
            name, arguments = text(at(call, "function", "name")), text(at(call, "function", "arguments"))
            if name not in strict or arguments is None or may_be_cut(choice.get("finish_reason")):
                continue
            if follows(strict[name], arguments) is False:
                place = ("choices", number, "message", "tool_calls", position, "function", "arguments")
                yield rule.broken(place, "a value that the strict parameters admit", "JSON that they do not admit")


@rules.response(
    "json-schema",
    "With a strict json_schema the content of a finished choice follows the schema.",
    f"{_REQUEST}/response_format",
    when="response_format",
)
def json_schema(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, unless a stop sequence may have cut the text; text that is no JSON breaks another rule."""
    asked = at(exchange.request, "response_format", "json_schema")
    if at(asked, "strict") is not True or stop_sequences(exchange.request):
        return
    for number, choice, message in _messages(exchange):
        content = text(message.get("content"))
        if content is None or choice.get("finish_reason") != "stop":
            continue
        if (
            not message.get("refusal")
            and not message.get("tool_calls")
            and follows(at(asked, "schema"), content) is False
        ):
            place = ("choices", number, "message", "content")
            yield rule.broken(place, "a value that the strict schema admits", "JSON that it does not admit")


@rules.response("audio-unasked", "Audio comes only when modalities asks for it.", f"{_REQUEST}/modalities")
def audio_unasked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    if "audio" in listed(at(exchange.request, "modalities")):
        return
    for number, _, message in _messages(exchange):
        if message.get("audio"):
            yield rule.broken(("choices", number, "message", "audio"), "no audio, as none was asked for", "audio")


@rules.response("moderation-unasked", "moderation comes only when it was asked for.", f"{_RESPONSE}/moderation")
def moderation_unasked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    given = at(exchange.response, "moderation")
    if given is not None and at(exchange.request, "moderation") is None:
        yield rule.broken(("moderation",), "no moderation, as none was asked for", describe(given))


@rules.response(
    "service-tier-told",
    "The response tells the service_tier when the request sets one.",
    f"{_REQUEST}/service_tier",
    severity="hazard",
    when="service_tier",
)
def service_tier_told(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since a server with one tier may well be silent on it."""
    if at(exchange.request, "service_tier") is not None and at(exchange.response, "service_tier") is None:
        yield rule.broken(("service_tier",), "the tier that was used", "none")


@rules.response(
    "service-tier-resolved",
    "The response tells the tier that was used, not auto.",
    f"{_RESPONSE}/service_tier",
    severity="hazard",
)
def service_tier_resolved(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since nobody learns from auto what is billed."""
    if at(exchange.response, "service_tier") == "auto":
        yield rule.broken(("service_tier",), "the tier that was used", "auto")


@rules.response(
    "citations",
    "The indexes of a citation lie in the content, in order.",
    "#/components/schemas/UrlCitation/properties/url_citation",
)
def citations(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; indexes may count characters or units of UTF-16, so the longer count is the bound."""
    for number, _, message in _messages(exchange):
        content = text(message.get("content")) or ""
        length = len(content.encode("utf-16-le", "surrogatepass")) // 2
        for position, annotation in objects(message.get("annotations")):
            cited = at(annotation, "url_citation")
            start, end = integer(at(cited, "start_index")), integer(at(cited, "end_index"))
            if start is None or end is None or 0 <= start <= end <= length:
                continue
            place = ("choices", number, "message", "annotations", position, "url_citation")
            yield rule.broken(place, f"indexes in order from 0 to {length}", f"{start} and {end}")


@rules.response(
    "logprobs-text",
    "The tokens of the log probabilities join to the content.",
    "#/components/schemas/ChatCompletionTokenLogprob/properties/bytes",
    severity="hazard",
    when="logprobs",
)
def logprobs_text(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule where the model ended by itself: what a stop sequence took away has log probabilities too."""
    if at(exchange.request, "logprobs") is not True or stop_sequences(exchange.request):
        return
    for number, choice, message in _messages(exchange):
        content, tokens = text(message.get("content")), objects(at(choice, "logprobs", "content"))
        if content is None or not tokens or choice.get("finish_reason") != "stop":
            continue
        joined = b"".join(map(_token, (token for _, token in tokens)))
        if joined.decode("utf-8", "replace") != content:
            place = ("choices", number, "logprobs", "content")
            yield rule.broken(place, "tokens that join to the content", "tokens that join to another text")


def _token(token: dict[str, Any]) -> bytes:
    given = token.get("bytes")
    if isinstance(given, list) and all(type(byte) is int and 0 <= byte <= 255 for byte in given):  # noqa: PLR2004
        return bytes(given)
    return (text(token.get("token")) or "").encode("utf-8", "surrogatepass")
