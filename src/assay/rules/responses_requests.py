"""Rules of requests for a response: what its items, tools and options say of each other.

The rule of this module: only what the request itself shows is judged. What it goes on from (an earlier response, a
conversation, a prompt, a referenced item) may hold whatever seems to be missing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from assay.rules.read import at, listed, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["goes_on", "rules"]

rules = RuleSet("responses", "createResponse")

_ITEMS = "#/components/schemas/InputItem"
_REQUEST = "#/components/schemas/CreateResponse/properties"
# The items that answer a call, and the type of the call; a function's answer may be for any call.
_ANSWERED = {
    "function_call_output": "_call",
    "custom_tool_call_output": "custom_tool_call",
    "computer_call_output": "computer_call",
    "shell_call_output": "shell_call",
    "apply_patch_call_output": "apply_patch_call",
}
_OPENAI = re.compile(r"(gpt-|o[0-9]|chatgpt-)[a-z0-9.-]*")


_OPTIONS = frozenset(("top_logprobs", "service_tier", "reasoning", "text"))
_SAID = (None, "message")


@rules.short_way("request")
def is_only_said(request: Any, _: Any) -> bool:
    """Tell whether the input is messages, and no option is set that these rules are about."""
    if type(request) is not dict:
        return False
    if not _OPTIONS.isdisjoint(request):
        if request.get("top_logprobs") or request.get("service_tier") == "ultrafast":
            return False
        if at(request, "reasoning", "generate_summary") is not None or at(request, "text", "format") is not None:
            return False
    items = request.get("input")
    for item in items if type(items) is list else ():
        if type(item) is not dict or item.get("type") not in _SAID:
            return False
    return True


def goes_on(request: Any) -> bool:
    """Whether a request refers to items or settings that it does not show."""
    if any(at(request, name) is not None for name in ("previous_response_id", "conversation", "prompt")):
        return True
    return any("id" in item and item.get("type") in (None, "item_reference") for _, item in _items(request))


def _items(request: Any) -> list[tuple[int, dict[str, Any]]]:
    return objects(at(request, "input"))


@rules.request(
    "trigger-last",
    "A compaction_trigger is the last item of the input.",
    "#/components/schemas/CompactionTriggerItemParam",
    when="input",
)
def trigger_last(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    last = len(listed(at(exchange.request, "input"))) - 1
    for number, item in _items(exchange.request):
        if item.get("type") == "compaction_trigger" and number != last:
            yield rule.broken(("input", number), "compaction_trigger as the last item", "more items after it")


@rules.request(
    "outputs-answer-calls",
    "The output of a tool answers a call of that kind before it, by its call_id.",
    _ITEMS,
    when="input",
)
def outputs_answer_calls(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, where all items are shown."""
    if goes_on(exchange.request):
        return
    calls: list[tuple[str, Any]] = []
    for number, item in _items(exchange.request):
        kind, given = text(item.get("type")) or "", text(item.get("call_id"))
        if kind.endswith("_call"):
            calls.append((kind, given))
        wanted = _ANSWERED.get(kind)
        if wanted is None or given is None:
            continue
        if not any(call.endswith(wanted) and one == given for call, one in calls):
            yield rule.broken(("input", number, "call_id"), "the call_id of a call before it", describe(given))


@rules.request(
    "checks-acknowledged",
    "Only safety checks that the call brought are acknowledged.",
    "#/components/schemas/ComputerToolCallOutput/properties/acknowledged_safety_checks",
    when="input",
)
def checks_acknowledged(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, where the call is shown."""
    pending: dict[Any, list[Any]] = {}
    for number, item in _items(exchange.request):
        call = text(item.get("call_id"))
        if item.get("type") == "computer_call":
            pending[call] = [check.get("id") for _, check in objects(item.get("pending_safety_checks"))]
        elif item.get("type") == "computer_call_output" and call in pending:
            for inner, check in objects(item.get("acknowledged_safety_checks")):
                if check.get("id") not in pending[call]:
                    place = ("input", number, "acknowledged_safety_checks", inner, "id")
                    yield rule.broken(place, "the id of a pending safety check of the call", "another id")


@rules.request(
    "logprobs-included",
    "With top_logprobs, include asks for message.output_text.logprobs.",
    f"{_REQUEST}/top_logprobs",
    severity="hazard",
    when="top_logprobs",
)
def logprobs_included(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since the request is served, without log probabilities."""
    include = listed(at(exchange.request, "include"))
    if at(exchange.request, "top_logprobs") and "message.output_text.logprobs" not in include:
        yield rule.broken(("include",), "message.output_text.logprobs, as top_logprobs is set", "not included")


@rules.request(
    "summary-renamed",
    "reasoning.summary is used, not its old name generate_summary.",
    "#/components/schemas/Reasoning/properties/generate_summary",
    severity="hazard",
    when="reasoning",
)
def summary_renamed(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since the old name still works."""
    if at(exchange.request, "reasoning", "generate_summary") is not None:
        yield rule.broken(("reasoning", "generate_summary"), "summary, the present name", "the old name")


@rules.request(
    "ultrafast-model",
    "Of OpenAI's models only gpt-5.6-sol is served by the tier ultrafast.",
    f"{_REQUEST}/service_tier",
    severity="hazard",
    when="service_tier",
)
def ultrafast_model(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since the list of such models grows."""
    model = text(at(exchange.request, "model")) or ""
    if at(exchange.request, "service_tier") == "ultrafast" and model != "gpt-5.6-sol" and _OPENAI.fullmatch(model):
        yield rule.broken(("service_tier",), "another tier for this model", "ultrafast")


@rules.request(
    "json-word",
    "With the text format json_object, input or instructions say JSON.",
    "#/components/schemas/ResponseTextParam/properties/format",
    severity="hazard",
    when="text",
)
def json_word(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, where all items are shown; a hazard, since not every service asks for it."""
    request = exchange.request
    if at(request, "text", "format", "type") != "json_object" or goes_on(request):
        return
    if b"json" not in orjson.dumps([at(request, "input"), at(request, "instructions")]).lower():
        yield rule.broken(("input",), "the word JSON, as json_object is asked for", "nothing of it")
