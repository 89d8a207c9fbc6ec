"""Rules of chat completions that are answered at once: the response with its request.

The rule of this module: where the service that the contract describes is known to be free (a forced tool call
finishes with ``stop``, text cut by the token limit is cut JSON), no rule speaks; where only the model can keep a
promise, it is a hazard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules import accounting
from assay.rules.read import at, integer, is_json, listed, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = [
    "alternatives_asked",
    "forced",
    "have_alternatives",
    "may_be_cut",
    "rules",
    "stop_sequences",
    "token_limit",
    "wants_json",
]

rules = RuleSet("chat", "createChatCompletion")

_REQUEST = "#/components/schemas/CreateChatCompletionRequest"
_RESPONSE = "#/components/schemas/CreateChatCompletionResponse"
_USAGE = "#/components/schemas/CompletionUsage"
_CALL = "#/components/schemas/ChatCompletionMessageToolCall"

# A choice that ended so may hold anything unfinished.
_CUT = ("length", "content_filter")


def token_limit(request: Any) -> int | None:
    """The most tokens that one choice may use, or None."""
    limits = [integer(at(request, name)) for name in ("max_completion_tokens", "max_tokens")]
    known = [limit for limit in limits if limit is not None]
    return max(known) if known else None


def forced(request: Any) -> bool:
    """Whether the request forces a tool call; such a choice may finish with ``stop``."""
    choice = at(request, "tool_choice")
    return choice == "required" or isinstance(choice, dict) or isinstance(at(request, "function_call"), dict)


def may_be_cut(finish_reason: Any) -> bool:
    """Whether a choice that finished so may be incomplete (or has not told how it finished)."""
    return finish_reason in _CUT or not isinstance(finish_reason, str) or not finish_reason


def wants_json(request: Any) -> bool:
    """Whether the request asks for an answer that is JSON."""
    return at(request, "response_format", "type") in ("json_object", "json_schema")


def alternatives_asked(request: Any) -> bool:
    """Whether the request asks for log probabilities of other tokens than the chosen ones."""
    return at(request, "logprobs") is True and (integer(at(request, "top_logprobs")) or 0) > 0


def have_alternatives(tokens: Any) -> bool | None:
    """Whether any of some tokens with log probabilities shows alternatives; None where none tells of them."""
    told = [token["top_logprobs"] for _, token in objects(tokens) if isinstance(token.get("top_logprobs"), list)]
    return any(told) if told else None


def stop_sequences(request: Any) -> list[str]:
    """The sequences at which the text is to stop."""
    stop = at(request, "stop")
    return [s for s in ([stop] if isinstance(stop, str) else listed(stop)) if isinstance(s, str) and s]


def _choices(exchange: Exchange) -> list[tuple[int, dict[str, Any]]]:
    return objects(at(exchange.response, "choices"))


def _calls(choice: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    return objects(at(choice, "message", "tool_calls"))


# What a request may ask for that plain text does not answer by itself, and the values that ask for nothing.
_ASKED = frozenset(
    ("n", "stop", "logprobs", "response_format", "max_tokens", "max_completion_tokens", "parallel_tool_calls")
)
_NOTHING: tuple[Any, ...] = (None, False, {"type": "text"})


def _asks_for_more(request: dict[str, Any], usage: dict[str, Any]) -> bool:
    """Tell whether a request asks for more than a plain answer of this usage must give."""
    for name in _ASKED & request.keys():
        value = request[name]
        if name in ("max_tokens", "max_completion_tokens"):
            if value is not None and not (type(value) is int and usage["completion_tokens"] < value):
                return True
        elif name == "n":
            if value is not None and value != 1:
                return True
        elif name != "parallel_tool_calls" and value not in _NOTHING:
            return True
    return False


@rules.short_way("response")
def is_plain_text(request: Any, response: Any) -> bool:
    """Tell whether one choice of text came, as nothing but text was asked for, with plain sums and times."""
    if type(request) is not dict or type(response) is not dict or not response.get("id"):
        return False
    choices, usage = response.get("choices"), response.get("usage")
    if type(choices) is not list or len(choices) != 1 or type(usage) is not dict or type(choices[0]) is not dict:
        return False
    choice = choices[0]
    message = choice.get("message")
    if type(message) is not dict or message.get("tool_calls") or message.get("function_call"):
        return False
    if choice.get("logprobs") is not None:
        return False
    if choice.get("finish_reason") not in ("stop", "length") or choice.get("index") != 0:
        return False
    if request.get("tool_choice") not in (None, "auto") or not accounting.is_plain_usage(usage):
        return False
    if not _ASKED.isdisjoint(request) and _asks_for_more(request, usage):
        return False
    return accounting.is_plain_time(response.get("created"))


# The response with its request: its frame.


@rules.response("id-set", "The id is not empty.", f"{_RESPONSE}/properties/id")
def id_set(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    if at(exchange.response, "id") == "":
        yield rule.broken(("id",), "an id", "an empty string")


@rules.response("created-seconds", "created is a Unix time in seconds.", f"{_RESPONSE}/properties/created")
def created_seconds(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.seconds(rule, at(exchange.response, "created"), ("created",))


@rules.response("created-set", "created is the time of creation.", f"{_RESPONSE}/properties/created", severity="hazard")
def created_set(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.not_before_2015(rule, at(exchange.response, "created"), ("created",))


@rules.response("choices-count", "There are as many choices as n asks for (by default 1).", f"{_REQUEST}/properties/n")
def choices_count(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    choices, wanted = at(exchange.response, "choices"), accounting.choices_wanted(exchange.request)
    if isinstance(choices, list) and len(choices) != wanted:
        yield rule.broken(("choices",), f"an array of {wanted}, as n asks for", describe(choices))


@rules.response(
    "choices-indexes",
    "The choices are numbered 0 to n - 1, once each.",
    f"{_RESPONSE}/properties/choices/items/properties/index",
)
def choices_indexes(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.indexes(rule, listed(at(exchange.response, "choices")), ("choices",))


@rules.response("usage-sums", "total_tokens is prompt_tokens + completion_tokens.", f"{_USAGE}/properties/total_tokens")
def usage_sums(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.sums(rule, at(exchange.response, "usage"), ("usage",), "prompt_tokens", "completion_tokens")


@rules.response(
    "usage-details",
    "Cached tokens are part of prompt_tokens, reasoning tokens of completion_tokens.",
    f"{_USAGE}/properties/completion_tokens_details",
)
def usage_details(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    usage = at(exchange.response, "usage")
    cached, reasoning = ("prompt_tokens_details", "cached_tokens"), ("completion_tokens_details", "reasoning_tokens")
    yield from accounting.part_of(rule, usage, ("usage",), "prompt_tokens", cached)
    yield from accounting.part_of(rule, usage, ("usage",), "completion_tokens", reasoning)


@rules.response(
    "token-limit",
    "completion_tokens is at most max_completion_tokens (or max_tokens) for each choice.",
    f"{_REQUEST}/properties/max_completion_tokens",
    when="max_completion_tokens max_tokens",
)
def within_token_limit(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    limit, used = token_limit(exchange.request), integer(at(exchange.response, "usage", "completion_tokens"))
    most = (limit or 0) * accounting.choices_wanted(exchange.request)
    if limit is not None and used is not None and used > most:
        yield rule.broken(("usage", "completion_tokens"), f"at most {most}, the limit that was asked for", str(used))


# The response with its request: how each choice finished, and its tool calls.


@rules.response(
    "tool-calls-finish",
    "A choice with tool calls finishes with tool_calls (stop when the call was forced).",
    f"{_RESPONSE}/properties/choices/items/properties/finish_reason",
)
def tool_calls_finish(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for number, choice in _choices(exchange):
        reason = choice.get("finish_reason")
        if not _calls(choice) or may_be_cut(reason) or reason == "tool_calls":
            continue
        if reason == "stop" and forced(exchange.request):
            continue
        yield rule.broken(("choices", number, "finish_reason"), "tool_calls beside tool calls", describe(reason))


@rules.response(
    "finish-tool-calls",
    "A choice that finishes with tool_calls holds tool calls.",
    f"{_RESPONSE}/properties/choices/items/properties/finish_reason",
)
def finish_tool_calls(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for number, choice in _choices(exchange):
        calls = at(choice, "message", "tool_calls")
        if choice.get("finish_reason") == "tool_calls" and isinstance(choice.get("message"), dict) and not calls:
            yield rule.broken(("choices", number, "message", "tool_calls"), "tool calls, as it finished so", "none")


@rules.response("tool-call-ids", "Tool calls have ids, all different.", f"{_CALL}/properties/id")
def tool_call_ids(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for number, choice in _choices(exchange):
        seen: set[str] = set()
        for position, call in _calls(choice):
            called = text(call.get("id"))
            if called == "" or called in seen:
                got = "an empty string" if called == "" else "the id of an earlier call"
                yield rule.broken(("choices", number, "message", "tool_calls", position, "id"), "an id of its own", got)
            seen.add(called or "")


@rules.response(
    "arguments-json",
    "The arguments of a function call are JSON text, unless the choice was cut off.",
    f"{_CALL}/properties/function/properties/arguments",
    severity="hazard",
)
def arguments_json(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since it is the model that writes them."""
    for number, choice in _choices(exchange):
        called: list[tuple[tuple[str | int, ...], Any]]
        called = [(("tool_calls", position, "function"), call.get("function")) for position, call in _calls(choice)]
        called.append((("function_call",), at(choice, "message", "function_call")))
        for path, function in called:
            arguments = text(at(function, "arguments"))
            if arguments is None or may_be_cut(choice.get("finish_reason")) or is_json(arguments):
                continue
            place = ("choices", number, "message", *path, "arguments")
            yield rule.broken(place, "JSON text", f"{describe(arguments)} that is not JSON")


@rules.response(
    "tool-choice",
    "tool_choice is kept: none gives no call, required gives one, a named function is the one called.",
    "#/components/schemas/ChatCompletionToolChoiceOption",
    when="tool_choice",
)
def tool_choice_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    choice_asked = at(exchange.request, "tool_choice")
    named = text(at(choice_asked, "function", "name"))
    for number, choice in _choices(exchange):
        calls, place = _calls(choice), ("choices", number, "message", "tool_calls")
        if choice_asked == "none" and calls:
            yield rule.broken(place, "no tool calls, as tool_choice is none", describe([*calls]))
        if may_be_cut(choice.get("finish_reason")) or at(choice, "message", "refusal"):
            continue
        if choice_asked == "required" and not calls:
            yield rule.broken(place, "at least one tool call, as tool_choice is required", "none")
        if named is not None and any(at(call, "function", "name") not in (named, None) for _, call in calls):
            yield rule.broken(place, "calls of the function that tool_choice names", "a call of another function")


@rules.response(
    "parallel-tool-calls",
    "There is at most one tool call when parallel_tool_calls is false.",
    "#/components/schemas/ParallelToolCalls",
    when="parallel_tool_calls",
)
def parallel_tool_calls_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    if at(exchange.request, "parallel_tool_calls") is not False:
        return
    for number, choice in _choices(exchange):
        calls = listed(at(choice, "message", "tool_calls"))
        if len(calls) > 1:
            yield rule.broken(("choices", number, "message", "tool_calls"), "at most one call", describe(calls))


# The response with its request: what the text holds.


@rules.response(
    "json-mode",
    "With response_format json_object or json_schema the content of a finished choice is JSON.",
    f"{_REQUEST}/properties/response_format",
    when="response_format",
)
def json_mode(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, unless a stop sequence may have cut the text."""
    if not wants_json(exchange.request) or stop_sequences(exchange.request):
        return
    for number, choice in _choices(exchange):
        content = text(at(choice, "message", "content"))
        if content is None or choice.get("finish_reason") != "stop":
            continue
        if at(choice, "message", "refusal") or _calls(choice):
            continue
        if not is_json(content):
            yield rule.broken(("choices", number, "message", "content"), "JSON text", "text that is not JSON")


@rules.response(
    "stop-sequences", "The content holds no stop sequence.", "#/components/schemas/StopConfiguration", when="stop"
)
def stop_sequences_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    stops = stop_sequences(exchange.request)
    for number, choice in _choices(exchange) if stops else ():
        content = text(at(choice, "message", "content")) or ""
        if any(stop in content for stop in stops):
            place = ("choices", number, "message", "content")
            yield rule.broken(place, "text that ends before the stop sequence", "text with a stop sequence in it")


@rules.response(
    "logprobs-given",
    "Log probabilities come when logprobs is true.",
    f"{_REQUEST}/properties/logprobs",
    when="logprobs",
)
def logprobs_given(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, where there is text to have them; refused text has them elsewhere."""
    if at(exchange.request, "logprobs") is not True:
        return
    for number, choice in _choices(exchange):
        if not text(at(choice, "message", "content")) or _calls(choice) or at(choice, "message", "refusal"):
            continue
        if choice.get("logprobs") is None or at(choice, "logprobs", "content") in (None, []):
            got = describe(choice.get("logprobs"))
            yield rule.broken(("choices", number, "logprobs"), "log probabilities, as asked for", got)


@rules.response(
    "logprobs-unasked",
    "No log probabilities come when logprobs is not true.",
    f"{_REQUEST}/properties/logprobs",
    severity="hazard",
)
def logprobs_unasked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; an object without any probability is as good as null."""
    if at(exchange.request, "logprobs") is True:
        return
    for number, choice in _choices(exchange):
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict) and any(logprobs.values()):
            yield rule.broken(("choices", number, "logprobs"), "null, as none were asked for", describe(logprobs))


@rules.response(
    "top-logprobs-count",
    "Each token has at most top_logprobs alternatives.",
    "#/components/schemas/ChatCompletionTokenLogprob/properties/top_logprobs",
    when="logprobs",
)
def top_logprobs_count(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; told once for each choice."""
    most = integer(at(exchange.request, "top_logprobs")) or 0
    for number, choice in _choices(exchange):
        for position, token in objects(at(choice, "logprobs", "content")):
            found = listed(token.get("top_logprobs"))
            if len(found) > most and at(exchange.request, "logprobs") is True:
                place = ("choices", number, "logprobs", "content", position, "top_logprobs")
                yield rule.broken(place, f"at most {most}, as top_logprobs asks for", describe(found))
                break


@rules.response(
    "top-logprobs-given",
    "Alternatives come beside the log probabilities when top_logprobs asks for them.",
    f"{_REQUEST}/properties/top_logprobs",
    when="top_logprobs",
)
def top_logprobs_given(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule: fewer than asked for may come, and at some place none, but not none anywhere.

    A list that is missing, and log probabilities that are, break other rules. Told once for each choice.
    """
    if not alternatives_asked(exchange.request):
        return
    for number, choice in _choices(exchange):
        place = ("choices", number, "logprobs", "content")
        if have_alternatives(at(choice, "logprobs", "content")) is False:
            yield rule.broken((*place, 0, "top_logprobs"), "alternatives at one place at least, as asked for", "none")
