"""Rules of responses: what a response says of itself, whichever operation returns it.

The rule of this module: output items of types it does not know are passed over, so that a new tool is no alarm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules import accounting
from assay.rules.read import at, integer, is_base64, is_json, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

rules = RuleSet("responses", "createResponse", "getResponse", "cancelResponse")

_RESPONSE = "#/components/schemas/Response"
_USAGE = "#/components/schemas/ResponseUsage/properties"


def _items(exchange: Exchange, *kinds: str) -> list[tuple[int, dict[str, Any]]]:
    """The output items of some types."""
    return [(n, item) for n, item in objects(at(exchange.response, "output")) if item.get("type") in kinds]


@rules.short_way("response", operations="createResponse")
def is_plain(_: Any, response: Any) -> bool:
    """Tell whether a response is completed, with plain sums and times, and its output reasoning, text and calls."""
    if type(response) is not dict or response.get("status") != "completed" or not response.get("id"):
        return False
    if response.get("error") is not None or response.get("incomplete_details") is not None:
        return False
    begun, ended = response.get("created_at"), response.get("completed_at")
    if not accounting.is_plain_time(begun) or not (
        ended is None or (accounting.is_plain_time(ended) and begun <= ended)
    ):
        return False
    usage, output = response.get("usage"), response.get("output")
    if type(output) is not list or "output_text" in response:
        return False
    if usage is not None and not (type(usage) is dict and accounting.is_plain_usage(usage, "input", "output")):
        return False
    ids, calls = set(), []
    for item in output:
        if type(item) is not dict or type(given := item.get("id")) is not str or not _is_plain_item(item):
            return False
        ids.add(given)
        if item["type"] == "function_call":
            calls.append(item["call_id"])
    return len(ids) == len(output) and len(set(calls)) == len(calls)


def _is_plain_item(item: dict[str, Any]) -> bool:
    kind = item.get("type")
    if item.get("status") not in (None, "completed"):
        return False
    if kind == "function_call":
        called, written = item.get("call_id"), item.get("arguments")
        return type(called) is str and bool(called) and type(written) is str and written[:1] == "{" and is_json(written)
    if kind == "message" and type(content := item.get("content")) is list:
        return not any(type(part) is not dict or part.get("annotations") for part in content)
    return kind == "reasoning"


@rules.response("id-set", "The id is not empty.", f"{_RESPONSE}/properties/id")
def id_set(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    if at(exchange.response, "id") == "":
        yield rule.broken(("id",), "an id", "an empty string")


@rules.response(
    "id-asked",
    "The response that was asked for is the one returned.",
    f"{_RESPONSE}/properties/id",
    operations="getResponse cancelResponse deleteResponse",
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


@rules.response(
    "call-ids",
    "Calls of functions and custom tools have call_ids, all different.",
    "#/components/schemas/FunctionToolCall/properties/call_id",
)
def call_ids(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    seen: set[str] = set()
    for number, call in _items(exchange, "function_call", "custom_tool_call"):
        called = text(call.get("call_id"))
        if called == "" or called in seen:
            got = "an empty string" if called == "" else "the call_id of an earlier call"
            yield rule.broken(("output", number, "call_id"), "a call_id of its own", got)
        seen.add(called or "")


@rules.response(
    "arguments-json",
    "The arguments of a finished call are the JSON text of an object.",
    "#/components/schemas/FunctionToolCall/properties/arguments",
    severity="hazard",
)
def arguments_json(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since it is the model that writes them."""
    for number, call in _items(exchange, "function_call", "mcp_call"):
        arguments = text(call.get("arguments"))
        if call.get("status") not in (None, "completed") or arguments is None:
            continue
        if not is_json(arguments) or not arguments.lstrip().startswith("{"):
            place = ("output", number, "arguments")
            yield rule.broken(place, "JSON text of an object", f"{describe(arguments)} that is something else")


@rules.response(
    "completed-at",
    "completed_at comes with the status completed, and not before created_at.",
    f"{_RESPONSE}/properties/completed_at",
)
def completed_at(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    time, begun = integer(at(exchange.response, "completed_at")), integer(at(exchange.response, "created_at"))
    if time is None:
        return
    if at(exchange.response, "status") != "completed":
        yield rule.broken(("completed_at",), "null, as the response is not completed", "a time")
    elif begun is not None and time < begun:
        yield rule.broken(("completed_at",), "a time after created_at", "an earlier one")


@rules.response("item-ids", "The items of the output have different ids.", f"{_RESPONSE}/properties/output")
def item_ids(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    seen: set[str] = set()
    for number, item in objects(at(exchange.response, "output")):
        given = text(item.get("id"))
        if given and given in seen:
            yield rule.broken(("output", number, "id"), "an id of its own", "the id of an earlier item")
        seen.add(given or "")


@rules.response("items-finished", "A completed response has only finished items.", f"{_RESPONSE}/properties/output")
def items_finished(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    if at(exchange.response, "status") != "completed":
        return
    for number, item in objects(at(exchange.response, "output")):
        status = text(item.get("status"))
        if status not in (None, "completed", "failed", "incomplete"):
            yield rule.broken(("output", number, "status"), "the status of a finished item", describe(status))


@rules.response(
    "citations-inside",
    "The indexes of a citation lie inside its text.",
    "#/components/schemas/UrlCitationBody/properties/start_index",
)
def citations_inside(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; indexes may count UTF-16 units, as JavaScript does."""
    for number, item in _items(exchange, "message"):
        for inner, part in objects(item.get("content")):
            size = len((text(part.get("text")) or "").encode("utf-16-le", "surrogatepass")) // 2
            for last, citation in objects(part.get("annotations")):
                begin, end = integer(citation.get("start_index")), integer(citation.get("end_index"))
                if begin is not None and end is not None and not 0 <= begin <= end <= size:
                    place = ("output", number, "content", inner, "annotations", last)
                    yield rule.broken(place, f"indexes inside the {size} characters of the text", f"{begin} to {end}")


@rules.response(
    "image-base64",
    "The result of an image call is base64.",
    "#/components/schemas/ImageGenToolCallParam/properties/result",
)
def image_base64(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for number, item in _items(exchange, "image_generation_call"):
        encoded = text(item.get("result"))
        if encoded is not None and not is_base64(encoded):
            place = ("output", number, "result")
            yield rule.broken(place, "base64 text", f"{describe(encoded)} that is not base64")


@rules.response(
    "output-text-absent",
    "output_text is made by clients and never sent.",
    f"{_RESPONSE}/properties/output_text",
    severity="hazard",
)
def output_text_absent(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since clients write their own over it."""
    if at(exchange.response, "output_text") is not None:
        yield rule.broken(("output_text",), "no output_text", "a string")


@rules.response(
    "cancelled-background",
    "Only a response in the background is cancelled.",
    f"{_RESPONSE}/properties/background",
    operations="cancelResponse",
)
def cancelled_background(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, where the response shows it."""
    if at(exchange.response, "background") is False:
        yield rule.broken(("background",), "true, as the response was cancelled", "false")
