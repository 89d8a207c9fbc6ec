"""Responses as they are asked for: made, streamed, kept, shown again, cancelled, counted and compacted.

The rule of this module: an answer is settled when it is asked for. One in the background only shows it later: each
request of the server is a tick, at the first it is at work, at the second it has ended.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from assay.reference import kept
from assay.reference.chat import TIERS
from assay.reference.conversations import CONVERSATIONS, extend
from assay.reference.models import find as find_model
from assay.reference.replies import Call, Refusal, Reply, Stream
from assay.reference.response_events import begun, events
from assay.reference.response_items import incoming, remember, size
from assay.reference.response_words import answer, output
from assay.reference.store import Record
from assay.reference.text import Source, count

if TYPE_CHECKING:
    from assay.reference.response_items import Item

__all__ = [
    "cancel_response",
    "compact",
    "count_input_tokens",
    "create_response",
    "delete_response",
    "get_response",
    "list_input_items",
]

_SHELF = "responses"
_ENDED = ("completed", "incomplete")
_WORKING = ("queued", "in_progress")
_NULLABLE = ("instructions", "previous_response_id", "max_output_tokens", "max_tool_calls", "user",
             "safety_identifier", "prompt_cache_key")  # fmt: skip
_CACHE = {"ttl": "30m", "mode": "implicit"}


@dataclass(frozen=True, slots=True)
class _State:
    """What a request goes on from: the items before its own, and the conversation that they are from."""

    before: list[Item]
    conversation: Record | None = None


def create_response(call: Call) -> Reply | Stream:
    """Answer ``POST /responses``."""
    body = call.value
    _check(body)
    find_model(body["model"], "chat", call.store)
    state = _state(call)
    held = [item["id"] for item in state.before] if state.conversation else ()
    items = incoming(call, body.get("input"), held)
    context = [*state.before, *items]
    said = answer(call, body, context)
    usage = _usage(_prompt(body, context), said.spent)
    _check_threshold(body, usage["input_tokens"])
    final = {
        **_head(call, body, state),
        **_end(call, cut=said.finish == "length"),
        "output": output(call, body, said),
        "usage": usage,
    }
    if state.conversation:
        extend(call, state.conversation, [*items, *final["output"]])
    record = Record(final, call.serial, {"final": final, "input": items, "all": [*context, *final["output"]]})
    if body.get("background") and not body.get("stream"):
        record.shown = begun(final, "queued")
    if body.get("store") is not False:
        _keep(call, record)
    if body.get("stream"):
        padded = bool((body.get("stream_options") or {}).get("include_obfuscation"))
        return Stream(events(final, padded=padded), done=False, named=True)
    return Reply(record.shown)


def get_response(call: Call) -> Reply | Stream:
    """Answer ``GET /responses/{response_id}``, whole or as a stream."""
    record = _named(call)
    if call.query.get("stream") != "true":
        return Reply(record.shown)
    if record.shown["status"] in _WORKING:
        _finish(call, record)
    if record.shown["status"] not in _ENDED:
        text = f"The stream of a response that is {record.shown['status']} is not available."
        raise Refusal(400, text, param="stream", code="invalid_state")
    after = int(float(call.query.get("starting_after") or -1))
    padded = call.query.get("include_obfuscation") == "true"
    return Stream(events(record.shown, padded=padded, after=after), done=False, named=True)


def delete_response(call: Call) -> Reply:
    """Answer ``DELETE /responses/{response_id}``."""
    name = _named(call).shown["id"]
    call.store.shelf(_SHELF).remove(name)
    return Reply({"id": name, "object": "response", "deleted": True})


def cancel_response(call: Call) -> Reply:
    """Answer ``POST /responses/{response_id}/cancel``; one that has ended stays as it is."""
    record = _named(call)
    if not record.shown["background"]:
        text = "Only a response in the background can be cancelled."
        raise Refusal(400, text, param="response_id", code="invalid_state")
    if record.shown["status"] in _WORKING:
        record.shown = begun(record.notes["final"], "cancelled")
    return Reply(record.shown)


def list_input_items(call: Call) -> Reply:
    """Answer ``GET /responses/{response_id}/input_items``: the items that its own request brought."""
    return kept.page(call, _named(call).notes["input"])


def count_input_tokens(call: Call) -> Reply:
    """Answer ``POST /responses/input_tokens``."""
    body = call.value or {}
    if body.get("model") is not None:
        find_model(body["model"], "chat", call.store)
    context = [*_state(call).before, *incoming(call, body.get("input"))]
    return Reply({"object": "response.input_tokens", "input_tokens": _prompt(body, context)})


def compact(call: Call) -> Reply:
    """Answer ``POST /responses/compact``: what the user said stays, one sealed item stands for the rest."""
    body = call.value or {}
    if body.get("model") is None:
        raise Refusal(400, "Compaction without a model is not supported.", param="model", code="unsupported_value")
    find_model(body["model"], "chat", call.store)
    context = [*_state(call).before, *incoming(call, body.get("input"))]
    said = [item for item in context if item["type"] == "message" and item["role"] == "user"]
    seal = base64.b64encode(Source("compaction", context).bytes(96)).decode()
    sealed = {"type": "compaction", "id": kept.name("cmp", call), "encrypted_content": seal}
    remember(call, [*said, sealed])
    return Reply(
        {
            "id": kept.name("resp", call),
            "object": "response.compaction",
            "created_at": call.now,
            "output": [*said, sealed],
            "usage": _usage(_prompt(body, context), size([sealed])),
        }
    )


def _check(body: dict[str, Any]) -> None:
    """Refuse what this server does not do."""
    if body.get("prompt") is not None:
        text = "The prompt template in 'prompt.id' does not exist here: this server keeps none."
        raise Refusal(404, text, param="prompt.id", code="prompt_not_found")
    if body.get("moderation") is not None:
        text = "Moderation along with a response is not supported here; 'POST /v1/moderations' is."
        raise Refusal(400, text, param="moderation", code="unsupported_parameter")
    if body.get("background") and body.get("conversation") is not None:
        text = "A response in the background of a conversation is not supported here."
        raise Refusal(400, text, param="background", code="unsupported_parameter")


def _check_threshold(body: dict[str, Any], tokens: int) -> None:
    thresholds = (item.get("compact_threshold") for item in body.get("context_management") or ())
    if any(threshold is not None and tokens >= threshold for threshold in thresholds):
        text = "The input is over its 'compact_threshold'; to compact it on the way is not supported here."
        raise Refusal(400, text, param="context_management", code="unsupported_parameter")


def _state(call: Call) -> _State:
    """Find what a body goes on from."""
    body = call.value or {}
    before, named = body.get("previous_response_id"), body.get("conversation")
    if before is not None:
        record = kept.find(call, _SHELF, before, "previous_response_id")
        _tick(call, record)
        if record.shown["status"] not in _ENDED:
            text = f"To go on from a response that is {record.shown['status']} is not supported."
            raise Refusal(400, text, param="previous_response_id", code="invalid_state")
        return _State(record.notes["all"])
    if named is not None:
        id_ = named["id"] if isinstance(named, dict) else named
        record = kept.find(call, CONVERSATIONS, id_, "conversation")
        return _State([*record.notes["items"]], record)
    return _State([])


def _head(call: Call, body: dict[str, Any], state: _State) -> dict[str, Any]:
    """Return what a response says of its request."""
    tier, cache = body.get("service_tier"), body.get("prompt_cache_options")
    retention = body.get("prompt_cache_retention")
    return {
        "id": kept.name("resp", call),
        "object": "response",
        "created_at": call.now,
        "model": body["model"],
        **{name: body.get(name) for name in _NULLABLE},
        "conversation": {"id": state.conversation.shown["id"]} if state.conversation else None,
        "tools": [*map(_tool, body.get("tools") or ())],
        "tool_choice": body.get("tool_choice") or "auto",
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "reasoning": {"effort": None, "summary": None, **(body.get("reasoning") or {})},
        "text": {"format": {"type": "text"}, "verbosity": "medium", **_told(body.get("text"))},
        "temperature": _or(body.get("temperature"), 1),
        "top_p": _or(body.get("top_p"), 1),
        "top_logprobs": body.get("top_logprobs") or 0,
        "truncation": body.get("truncation") or "disabled",
        "background": bool(body.get("background")),
        "service_tier": TIERS.get(tier, tier),
        "metadata": body.get("metadata") or {},
        **({} if cache is None else {"prompt_cache_options": {**_CACHE, **cache}}),
        **({} if retention is None else {"prompt_cache_retention": retention}),
    }


def _tool(item: dict[str, Any]) -> dict[str, Any]:
    """Return a tool as it is shown: for a function, also what was left open."""
    return {"parameters": None, "strict": None, **item} if item["type"] == "function" else item


def _told(value: dict[str, Any] | None) -> dict[str, Any]:
    return {name: item for name, item in (value or {}).items() if item is not None}


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value


def _end(call: Call, *, cut: bool) -> dict[str, Any]:
    """Return how a response ends: whole, or cut at its limit of tokens."""
    if cut:
        reason = {"reason": "max_output_tokens"}
        return {"status": "incomplete", "completed_at": None, "error": None, "incomplete_details": reason}
    return {"status": "completed", "completed_at": call.now, "error": None, "incomplete_details": None}


def _prompt(body: dict[str, Any], context: list[Item]) -> int:
    """Return the tokens of everything that the model reads."""
    tools = count(orjson.dumps(body["tools"]).decode()) if body.get("tools") else 0
    return size(context) + count(body.get("instructions") or "") + tools


def _usage(read: int, written: int) -> dict[str, Any]:
    return {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": read + written,
    }


def _keep(call: Call, record: Record) -> None:
    items = [*record.notes["input"], *record.notes["final"]["output"]]
    remember(call, items)
    call.store.shelf(_SHELF).put(record.shown["id"], record, len(orjson.dumps([record.shown, items])))


def _named(call: Call) -> Record:
    record = kept.found(call, _SHELF, "response_id")
    _tick(call, record)
    return record


def _tick(call: Call, record: Record) -> None:
    """Bring a response in the background to where it is by now."""
    if record.shown["status"] not in _WORKING:
        return
    if call.serial - record.serial > 1:
        _finish(call, record)
    else:
        record.shown = begun(record.notes["final"], "in_progress")


def _finish(call: Call, record: Record) -> None:
    final = record.notes["final"]
    record.shown = {**final, "completed_at": call.now if final["status"] == "completed" else None}
