"""Rules of text completions, answered at once and streamed.

The rule of this module: it knows only what differs from chat completions; what chunks share stands in ``chunks``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules import accounting
from assay.rules.chat import stop_sequences
from assay.rules.chunks import Chunks, declare
from assay.rules.read import at, integer, listed, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["CompletionChunks", "prompts", "rules"]

rules = RuleSet("completions", "createCompletion")
stream_rules = RuleSet("completions-stream", "createCompletion")

_REQUEST = "#/components/schemas/CreateCompletionRequest/properties"
_RESPONSE = "#/components/schemas/CreateCompletionResponse"
_LOGPROBS = f"{_RESPONSE}/properties/choices/items/properties/logprobs/properties"


def prompts(request: Any) -> int:
    """How many prompts a request has: a text or an array of token ids is one; none given is one."""
    prompt = at(request, "prompt")
    if not isinstance(prompt, list) or not prompt or integer(prompt[0]) is not None:
        return 1
    return len(prompt)


@rules.request("best-of", "best_of is at least n.", f"{_REQUEST}/best_of")
def best_of_at_least_n(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    best, wanted = integer(at(exchange.request, "best_of")), accounting.choices_wanted(exchange.request)
    if best is not None and best < wanted:
        yield rule.broken(("best_of",), f"at least {wanted}, as n is", str(best))


@rules.request("best-of-streamed", "best_of above 1 is not streamed.", f"{_REQUEST}/best_of")
def best_of_streamed(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    best = integer(at(exchange.request, "best_of"))
    if best is not None and best > 1 and at(exchange.request, "stream") is True:
        yield rule.broken(("best_of",), "1 in a streamed completion", str(best))


@rules.request("stream-options-need-stream", "stream_options is set only when stream is true.", f"{_REQUEST}/stream")
def stream_options_need_stream(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    request = exchange.request
    if at(request, "stream_options") is not None and at(request, "stream") is not True:
        yield rule.broken(("stream_options",), "no stream_options without stream: true", "stream_options")


@rules.response("id-set", "The id is not empty.", f"{_RESPONSE}/properties/id")
def id_set(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    if at(exchange.response, "id") == "":
        yield rule.broken(("id",), "an id", "an empty string")


@rules.response("created-seconds", "created is a Unix time in seconds.", f"{_RESPONSE}/properties/created")
def created_seconds(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.seconds(rule, at(exchange.response, "created"), ("created",))


@rules.response("choices-count", "There are n choices for each prompt.", f"{_REQUEST}/n")
def choices_count(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    wanted = accounting.choices_wanted(exchange.request) * prompts(exchange.request)
    choices = at(exchange.response, "choices")
    if isinstance(choices, list) and len(choices) != wanted:
        yield rule.broken(("choices",), f"an array of {wanted}, n for each prompt", describe(choices))


@rules.response("choices-indexes", "The choices are numbered from 0, once each.", f"{_RESPONSE}/properties/choices")
def choices_indexes(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.indexes(rule, listed(at(exchange.response, "choices")), ("choices",))


@rules.response(
    "usage-sums", "total_tokens is prompt_tokens + completion_tokens.", "#/components/schemas/CompletionUsage"
)
def usage_sums(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.sums(rule, at(exchange.response, "usage"), ("usage",), "prompt_tokens", "completion_tokens")


@rules.response(
    "token-limit", "completion_tokens is at most max_tokens for each choice made.", f"{_REQUEST}/max_tokens"
)
def within_token_limit(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; with best_of the choices that were not returned count too."""
    request = exchange.request
    limit, used = integer(at(request, "max_tokens")), integer(at(exchange.response, "usage", "completion_tokens"))
    made = max(accounting.choices_wanted(request), integer(at(request, "best_of")) or 1) * prompts(request)
    if limit is not None and used is not None and used > limit * made:
        yield rule.broken(("usage", "completion_tokens"), f"at most {limit * made}, as max_tokens asks", str(used))


@rules.response("stop-sequences", "The text holds no stop sequence.", "#/components/schemas/StopConfiguration")
def stop_sequences_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; an echoed prompt may hold one."""
    stops = stop_sequences(exchange.request)
    if not stops or at(exchange.request, "echo"):
        return
    for number, choice in objects(at(exchange.response, "choices")):
        if any(stop in (text(choice.get("text")) or "") for stop in stops):
            place = ("choices", number, "text")
            yield rule.broken(place, "text that ends before the stop sequence", "text with a stop sequence in it")


@rules.response("logprobs-given", "Log probabilities come when logprobs asks for them.", f"{_REQUEST}/logprobs")
def logprobs_given(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; 0 asks for those of the chosen tokens."""
    if integer(at(exchange.request, "logprobs")) is None:
        return
    for number, choice in objects(at(exchange.response, "choices")):
        if choice.get("text") and choice.get("logprobs") is None:
            yield rule.broken(("choices", number, "logprobs"), "log probabilities, as asked for", "null")


@rules.response(
    "top-logprobs-count", "Each token has at most logprobs + 1 alternatives.", f"{_REQUEST}/logprobs", when="logprobs"
)
def top_logprobs_count(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule: the chosen token comes beside the most likely ones. Told once for each choice."""
    asked = integer(at(exchange.request, "logprobs"))
    if asked is None:
        return
    most = asked + 1
    for number, choice in objects(at(exchange.response, "choices")):
        for position, alternatives in objects(at(choice, "logprobs", "top_logprobs")):
            if len(alternatives) > most:
                place = ("choices", number, "logprobs", "top_logprobs", position)
                yield rule.broken(place, f"at most {most}, logprobs and the chosen one", describe(alternatives))
                break


@rules.response(
    "top-logprobs-given",
    "The most likely tokens come beside the log probabilities when logprobs is 1 or more.",
    f"{_REQUEST}/logprobs",
    when="logprobs",
)
def top_logprobs_given(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule where a token has a log probability: the first one of an echoed prompt has none.

    Fewer than asked for may come, and at some place none, but not none anywhere.
    """
    if (integer(at(exchange.request, "logprobs")) or 0) < 1:
        return
    for number, choice in objects(at(exchange.response, "choices")):
        rated = any(value is not None for value in listed(at(choice, "logprobs", "token_logprobs")))
        if rated and not any(listed(at(choice, "logprobs", "top_logprobs"))):
            place = ("choices", number, "logprobs", "top_logprobs")
            yield rule.broken(place, "the most likely tokens at one place at least, as asked for", "none")


@rules.response("logprobs-lengths", "The lists of the log probabilities have the same length.", f"{_LOGPROBS}/tokens")
def logprobs_lengths(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a list that did not come, or came empty, has no length to compare."""
    for number, choice in objects(at(exchange.response, "choices")):
        lists = [listed(at(choice, "logprobs", name)) for name in ("tokens", "token_logprobs", "text_offset")]
        lengths = {len(items) for items in lists if items}
        if len(lengths) > 1:
            place = ("choices", number, "logprobs")
            yield rule.broken(place, "lists of one length", f"lengths from {min(lengths)} to {max(lengths)}")


@rules.response("text-offsets", "text_offset never goes back.", f"{_LOGPROBS}/text_offset")
def text_offsets(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for number, choice in objects(at(exchange.response, "choices")):
        offsets = [integer(offset) for offset in listed(at(choice, "logprobs", "text_offset"))]
        known = [offset for offset in offsets if offset is not None]
        if known != sorted(known):
            place = ("choices", number, "logprobs", "text_offset")
            yield rule.broken(place, "offsets that never go back", "an offset before the one before it")


@rules.response("echo", "With echo the text begins with the prompt.", f"{_REQUEST}/echo", when="echo")
def echo(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule where the prompts are text: the choices of one prompt stand side by side, n of them."""
    request, wanted = exchange.request, accounting.choices_wanted(exchange.request)
    prompt = at(request, "prompt")
    given = [prompt] if isinstance(prompt, str) else listed(prompt)
    if at(request, "echo") is not True or not all(isinstance(item, str) for item in given):
        return
    for number, choice in objects(at(exchange.response, "choices")):
        index, made = integer(choice.get("index")), text(choice.get("text"))
        if made is None or index is None or not 0 <= index < len(given) * wanted:
            continue
        if not made.startswith(given[index // wanted]):
            yield rule.broken(("choices", number, "text"), "text that begins with the prompt, as echo asks", "another")


@stream_rules.reducer
class CompletionChunks(Chunks):
    """The chunks of one text completion."""

    chunk_rules = declare(stream_rules, _RESPONSE)

    def count_wanted(self) -> int:
        """How many choices the request asks for: n for each prompt."""
        return super().count_wanted() * prompts(self.exchange.request)

    def stops_wanted(self) -> list[str]:
        """The stop sequences; an echoed prompt may hold them."""
        return [] if at(self.exchange.request, "echo") else super().stops_wanted()

    def read_choice(self, found: list[Violation], path: tuple[str | int, ...], state: Any, choice: Any) -> None:
        """Judge one piece of text."""
        self.read_text(found, (*path, "text"), state, choice.get("text"))

    def is_text(self, choice: Any) -> bool:
        """Tell whether a choice brings text to the current choice; no rule is about its log probabilities."""
        if not isinstance(choice, dict) or choice.get("finish_reason") is not None:
            return False
        return choice.get("index") == self.current
