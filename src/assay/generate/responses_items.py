"""The Responses API: a response with its output items, and the events that tell of the same response in order.

The rule of this module: the finished response is made first and the events are told from it, so that deltas, finished
items and the response at the end cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.generate.responses_chat import model_of, usage_value
from assay.generate.responses_parts import ABSENT, ITEM, Parts
from assay.generate.responses_turns import Call, Turn, moment, pieces, turn_of, usage_of
from assay.generate.text import words
from assay.rules.read import at, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.generate.responses_asked import Asked
    from assay.generate.source import Source

__all__ = ["Outcome", "outcome_of", "response_events", "whole_response"]

_DEFAULTS: Mapping[str, Any] = {
    "tools": [], "tool_choice": "auto", "parallel_tool_calls": True, "metadata": {}, "temperature": 1, "top_p": 1,
    "instructions": None, "truncation": "disabled", "text": {"format": {"type": "text"}},
}  # fmt: skip
"""What the service assumes where a request says nothing."""
_CHANGING = (
    "status", "error", "incomplete_details", "output", "usage", "output_text", "completed_at", "moderation",
)  # fmt: skip
_REASONS = {"length": "max_output_tokens", "content_filter": "content_filter"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a response ends, and what was said until then. ``status`` ``error``: the stream ends in an error event."""

    turn: Turn
    status: str = "completed"
    thoughts: str | None = None


def outcome_of(source: Source, asked: Asked) -> Outcome:
    """Make the outcome of a request: mostly a turn, finished or cut off; sometimes a failure, or nothing yet."""
    path = asked.operation.path
    if path.endswith("/cancel"):
        return Outcome(Turn(None), "cancelled")
    kinds = ["turn"] * 7 + ["failed"]
    if asked.streamed:
        kinds.append("error")
    elif at(asked.body, "background") is True or asked.body is None:
        kinds += ["queued", "in_progress"]
    kind = source.pick(kinds)
    if kind != "turn":
        return Outcome(Turn(None), kind)
    turn = turn_of(source, asked.body)
    thoughts = source.pick(("", words(source))) if source.chance(source.dials.optional) else None
    return Outcome(turn, "incomplete" if turn.finish in _REASONS else "completed", thoughts)


def whole_response(source: Source, parts: Parts, reference: str, asked: Asked, outcome: Outcome) -> dict[str, Any]:
    """Make the response at its end."""
    frame = _frame(source, parts, reference, asked)
    status = "failed" if outcome.status == "error" else outcome.status
    item = parts.below(reference, "output", ITEM)
    output = [] if item is None else [*_items(source, parts, item, outcome)]
    usage = parts.below(reference, "usage")
    counted: dict[str, Any] = {}
    if usage is not None and status in ("completed", "incomplete") and source.chance(0.8):
        counted["usage"] = usage_value(source, parts, usage, usage_of(source, asked.body, 1))
    error = {"code": source.pick(("server_error", "rate_limit_exceeded")), "message": words(source)}
    reason = {"reason": _REASONS.get(outcome.turn.finish, "max_output_tokens")}
    if status == "cancelled" and "background" in frame:
        frame["background"] = True  # no other is cancelled
    return {
        **frame,
        "status": status,
        "error": error if status == "failed" else None,
        "incomplete_details": reason if status == "incomplete" else None,
        "output": output,
        **counted,
    }


def _frame(source: Source, parts: Parts, reference: str, asked: Asked) -> dict[str, Any]:
    """A response without what changes while it is made; it tells again what the request set."""
    given = asked.body if isinstance(asked.body, dict) else {}
    ties: dict[str, Any] = dict.fromkeys(_CHANGING, ABSENT)
    content = asked.operation.body.contents if asked.operation.body else ()
    settable = frozenset().union(*(parts.names(c.schema) for c in content if c.schema is not None))
    for name in (settable | _DEFAULTS.keys()) & parts.names(reference):
        ties |= _setting(parts, reference, name, given)
    conversation = at(given, "conversation")
    if conversation is not None and "conversation" in ties:
        ties["conversation"] = {"id": conversation} if isinstance(conversation, str) else conversation
    asked_id = asked.exchange.path_values.get("response_id")
    name = asked_id if isinstance(asked_id, str) else "resp_1"
    return parts.object(source, reference, {"id": name, "created_at": moment(source), **ties, "model": model_of(given)})


def _setting(parts: Parts, reference: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """A setting as the request gave it, or as it is by default where it must be told."""
    place, required = parts.below(reference, name), name in parts.required(reference)
    if name in given and parts.admits(place, given[name]):
        return {name: given[name]}
    if not required:
        return {name: ABSENT}
    for value in (_DEFAULTS.get(name), None):
        if parts.admits(place, value):
            return {name: value}
    return {}


def _items(source: Source, parts: Parts, reference: str, outcome: Outcome) -> Iterator[dict[str, Any]]:
    """The output items: thoughts, a message, calls."""
    turn, state = outcome.turn, "incomplete" if outcome.status == "incomplete" else "completed"
    if outcome.thoughts is not None and (place := parts.variant(reference, "type", "reasoning")):
        summary = [{"type": "summary_text", "text": outcome.thoughts}] if outcome.thoughts else []
        bare: dict[str, Any] = {"type": "reasoning", "id": "rs_1", "summary": summary}
        yield parts.object(source, place, {**bare, "content": ABSENT, "status": ABSENT})
    if (turn.content is not None or turn.refusal is not None) and (
        place := parts.variant(reference, "type", "message")
    ):
        content = [_part(source, parts, place, turn)]
        ties = {"type": "message", "id": "msg_1", "status": state, "role": "assistant", "content": content}
        yield parts.object(source, place, {**ties, "phase": ABSENT})
    for number, call in enumerate(turn.calls, start=1):
        yield _call_item(source, parts, reference, (number, call, state))


def _part(source: Source, parts: Parts, message: str, turn: Turn) -> dict[str, Any]:
    place = parts.below(message, "content", ITEM) or message
    kind = "refusal" if turn.refusal is not None else "output_text"
    ties: dict[str, Any] = {"type": kind, "refusal": turn.refusal}
    if turn.refusal is None:
        ties = {"type": kind, "text": turn.content, "annotations": [], "logprobs": []}
    variant = parts.variant(place, "type", kind)
    return ties if variant is None else parts.object(source, variant, ties)


def _call_item(source: Source, parts: Parts, reference: str, told: tuple[int, Call, str]) -> dict[str, Any]:
    number, call, state = told
    kind, text = ("custom_tool_call", "input") if call.custom else ("function_call", "arguments")
    prefix = "ctc" if call.custom else "fc"
    ties: dict[str, Any] = {"type": kind, "id": f"{prefix}_{number}", "call_id": call.id or f"call_{number}"}
    ties |= {"name": call.name, text: call.text, "status": state, "caller": ABSENT, "namespace": ABSENT}
    variant = parts.variant(reference, "type", kind)
    if variant is None:
        return {name: value for name, value in ties.items() if value is not ABSENT}
    return parts.object(source, variant, ties)


def response_events(
    source: Source, parts: Parts, reference: str, asked: Asked, outcome: Outcome
) -> Iterator[tuple[str, Any]]:
    """Make the events of one response: each with its name and, in order, its number."""
    first = parts.variant(reference, "type", "response.created")
    place = None if first is None else parts.below(first, "response")
    if place is None:
        return
    whole = whole_response(source, parts, place, asked, outcome)
    for number, (kind, ties) in enumerate(_events(source, whole, outcome)):
        variant = parts.variant(reference, "type", kind)
        if variant is not None:
            yield kind, parts.object(source, variant, {"type": kind, "sequence_number": number, **_tidy(ties)})


def _tidy(ties: dict[str, Any]) -> dict[str, Any]:
    """What no event of these needs beside what it tells."""
    return {"agent": ABSENT, **ties}


def _events(source: Source, whole: dict[str, Any], outcome: Outcome) -> Iterator[tuple[str, dict[str, Any]]]:
    open_: dict[str, Any] = {"output": [], "error": None, "incomplete_details": None, "status": "in_progress"}
    begun = {name: value for name, value in whole.items() if name != "usage"} | open_
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for number, item in enumerate(whole["output"]):
        yield from _item_events(source, number, item, outcome.turn)
    if outcome.status == "error":
        code, message = whole["error"]["code"], whole["error"]["message"]
        yield "error", {"code": code, "message": message, "param": None, "error": ABSENT}
        return
    yield f"response.{whole['status']}", {"response": whole}


def _item_events(source: Source, number: int, item: dict[str, Any], turn: Turn) -> Iterator[tuple[str, dict[str, Any]]]:
    place = {"output_index": number}
    empty = {"content": [], "summary": [], "arguments": "", "input": "", "status": "in_progress"}
    begun = item | {name: value for name, value in empty.items() if name in item}
    yield "response.output_item.added", {**place, "item": begun}
    within = {**place, "item_id": item.get("id") or ""}
    if item["type"] == "message":
        for inner, part in enumerate(listed(item.get("content"))):
            told = turn.spoken(source) if part["type"] == "output_text" else pieces(source, part["refusal"])
            yield from _part_events(told, {**within, "content_index": inner}, part)
    elif item["type"] == "reasoning":
        for inner, part in enumerate(listed(item.get("summary"))):
            yield from _summary_events(source, {**within, "summary_index": inner}, part)
    else:
        custom = item["type"] == "custom_tool_call"
        stem, name = ("custom_tool_call_input", "input") if custom else ("function_call_arguments", "arguments")
        for piece in pieces(source, item[name]):
            yield f"response.{stem}.delta", {**within, "delta": piece}
        yield f"response.{stem}.done", {**within, "name": item["name"], name: item[name]}
    yield "response.output_item.done", {**place, "item": item}


def _part_events(told: list[str], within: dict[str, Any], part: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    name = "text" if part["type"] == "output_text" else "refusal"
    quiet: dict[str, Any] = {"logprobs": []} if name == "text" else {}
    yield "response.content_part.added", {**within, "part": {**part, name: ""}}
    for piece in told:
        yield f"response.{part['type']}.delta", {**within, "delta": piece, **quiet}
    yield f"response.{part['type']}.done", {**within, name: part[name], **quiet}
    yield "response.content_part.done", {**within, "part": part}


def _summary_events(
    source: Source, within: dict[str, Any], part: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    stem = "response.reasoning_summary"
    yield f"{stem}_part.added", {**within, "part": {**part, "text": ""}, "status": ABSENT}
    for piece in pieces(source, part["text"]):
        yield f"{stem}_text.delta", {**within, "delta": piece}
    yield f"{stem}_text.done", {**within, "text": part["text"]}
    yield f"{stem}_part.done", {**within, "part": part, "status": ABSENT}
