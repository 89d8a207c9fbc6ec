"""Rules of the Responses API, answered at once: the response with its request, and what a response says of itself.

The rule of this module: output items of types it does not know are passed over, so that a new tool is no alarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules import accounting
from assay.rules.read import at, integer, is_json, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

rules = RuleSet("responses", "createResponse", "getResponse", "cancelResponse")

_RESPONSE = "#/components/schemas/Response"
_USAGE = "#/components/schemas/ResponseUsage/properties"


def _calls(exchange: Exchange) -> list[tuple[int, dict[str, Any]]]:
    """The function calls of the output."""
    return [(n, item) for n, item in objects(at(exchange.response, "output")) if item.get("type") == "function_call"]


@rules.response("id-set", "The id is not empty.", f"{_RESPONSE}/properties/id")
def id_set(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    if at(exchange.response, "id") == "":
        yield rule.broken(("id",), "an id", "an empty string")


@rules.response(
    "id-asked",
    "The response that was asked for is the one returned.",
    f"{_RESPONSE}/properties/id",
    operations="getResponse cancelResponse",
)
def id_asked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    asked, given = exchange.path_values.get("response_id"), text(at(exchange.response, "id"))
    if isinstance(asked, str) and given is not None and asked != given:
        yield rule.broken(("id",), "the id in the path", "another id")


@rules.response("created-seconds", "created_at is a Unix time in seconds.", f"{_RESPONSE}/properties/created_at")
def created_seconds(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.seconds(rule, at(exchange.response, "created_at"), ("created_at",))


@rules.response("usage-sums", "total_tokens is input_tokens + output_tokens.", f"{_USAGE}/total_tokens")
def usage_sums(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.sums(rule, at(exchange.response, "usage"), ("usage",), "input_tokens", "output_tokens")


@rules.response(
    "usage-details",
    "Cached tokens are part of input_tokens, reasoning tokens of output_tokens.",
    f"{_USAGE}/output_tokens_details",
)
def usage_details(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    usage = at(exchange.response, "usage")
    cached, reasoning = ("input_tokens_details", "cached_tokens"), ("output_tokens_details", "reasoning_tokens")
    yield from accounting.part_of(rule, usage, ("usage",), "input_tokens", cached)
    yield from accounting.part_of(rule, usage, ("usage",), "output_tokens", reasoning)


@rules.response(
    "status-reasons",
    "error is set when status is failed, incomplete_details when it is incomplete, and neither when completed.",
    f"{_RESPONSE}/properties/status",
)
def status_reasons(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    response = exchange.response
    status = text(at(response, "status"))
    for name, owner in (("error", "failed"), ("incomplete_details", "incomplete")):
        given = at(response, name)
        if status == owner and given is None:
            yield rule.broken((name,), f"the reason, as status is {owner}", "null")
        elif status == "completed" and given is not None:
            yield rule.broken((name,), "null, as status is completed", describe(given))


@rules.response("call-ids", "Function calls have call_ids, all different.", "#/components/schemas/FunctionToolCall")
def call_ids(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    seen: set[str] = set()
    for number, call in _calls(exchange):
        called = text(call.get("call_id"))
        if called == "" or called in seen:
            got = "an empty string" if called == "" else "the call_id of an earlier call"
            yield rule.broken(("output", number, "call_id"), "a call_id of its own", got)
        seen.add(called or "")


@rules.response(
    "arguments-json",
    "The arguments of a finished function call are JSON text.",
    "#/components/schemas/FunctionToolCall/properties/arguments",
    severity="hazard",
)
def arguments_json(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since it is the model that writes them."""
    for number, call in _calls(exchange):
        arguments = text(call.get("arguments"))
        if call.get("status") in (None, "completed") and arguments is not None and not is_json(arguments):
            place = ("output", number, "arguments")
            yield rule.broken(place, "JSON text", f"{describe(arguments)} that is not JSON")


@rules.response(
    "token-limit",
    "output_tokens is at most max_output_tokens.",
    f"{_RESPONSE}/properties/max_output_tokens",
    operations="createResponse",
)
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
    operations="createResponse",
)
def parallel_tool_calls_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    calls = _calls(exchange)
    if at(exchange.request, "parallel_tool_calls") is False and len(calls) > 1:
        yield rule.broken(("output", calls[1][0]), "at most one function call", f"{len(calls)}")
