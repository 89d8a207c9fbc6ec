"""Items of responses and conversations: made whole when they come in, found again by id, and counted in tokens.

The rule of this module: an item is kept in the one form in which every operation shows it, with an id and a status;
what cannot take that form is refused, never changed in meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from assay.reference import kept
from assay.reference.chat import PER_FILE, PER_MESSAGE
from assay.reference.replies import Call, Refusal
from assay.reference.text import count

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Item", "incoming", "remember", "size", "without_ids"]

Item = dict[str, Any]

_SHELF = "items"
_PREFIXES = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "compaction": "cmp",
}
_DONE = {"status": "completed"}
_SEARCH = {**_DONE, "call_id": None, "execution": "server"}
# What the service fills in where a client may leave it out.
_FILLED: dict[str, Item] = {
    "function_call": _DONE,
    "function_call_output": _DONE,
    "custom_tool_call": _DONE,
    "custom_tool_call_output": _DONE,
    "image_generation_call": {**_DONE, "result": None},
    "computer_call_output": _DONE,
    "shell_call": _DONE,
    "shell_call_output": {**_DONE, "max_output_length": None},
    "tool_search_call": _SEARCH,
    "tool_search_output": _SEARCH,
}
_OURS, _THEIRS = "output_text", "input_text"  # parts with text, by who speaks


def incoming(call: Call, given: Any, taken: Iterable[str] = (), *, place: str = "input") -> list[Item]:
    """Return the items of an input: a text, a list of items, or nothing.

    ``taken`` are ids that are in use, ``place`` is where the input stands in the body.
    """
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    items = [_whole(call, item, number, f"{place}[{number}]") for number, item in enumerate(given or ())]
    seen = {*taken}
    for number, item in enumerate(items):
        if item["id"] in seen:
            text = f"The id of '{place}[{number}]' is that of another item; this is not supported."
            raise Refusal(400, text, param=f"{place}[{number}]", code="duplicate_item")
        seen.add(item["id"])
    return items


def remember(call: Call, items: Iterable[Item]) -> None:
    """Keep items, so that later requests can refer to them."""
    for item in items:
        call.store.shelf(_SHELF).put(item["id"], item, len(orjson.dumps(item)))


def without_ids(items: Iterable[Item]) -> list[Item]:
    """Return what items say, whichever ids they were given."""
    return [{name: value for name, value in item.items() if name != "id"} for item in items]


def size(items: Iterable[Item]) -> int:
    """Return how many tokens items cost."""
    return sum(PER_MESSAGE + _size(item) for item in items)


def _size(item: Item) -> int:
    if item["type"] != "message":
        return sum(count(orjson.dumps(value).decode()) for name, value in item.items() if name not in ("id", "type"))
    return sum(count(part["text"]) if "text" in part else _other(part) for part in item["content"])


def _other(part: Item) -> int:
    return count(part["refusal"]) if part["type"] == "refusal" else PER_FILE


def _whole(call: Call, item: Item, number: int, place: str) -> Item:
    kind = item.get("type") or ("message" if "role" in item else "item_reference")
    if kind == "item_reference":
        return _referred(call, item["id"], f"{place}.id")
    if kind == "compaction_trigger":
        text = "A compaction_trigger is not supported here; 'POST /v1/responses/compact' is."
        raise Refusal(400, text, param=place, code="unsupported_item")
    told = {name: value for name, value in item.items() if value is not None}
    id_ = item.get("id") or kept.name(_PREFIXES.get(kind, "item"), call, "in", number)
    if kind == "message":
        return {**_DONE, **told, "type": kind, "id": id_, "content": _content(item, place)}
    if kind == "computer_call_output" and told.get("status") == "in_progress":
        told |= _DONE  # its screenshot is there
    if kind == "shell_call":
        told["action"] = {"timeout_ms": None, "max_output_length": None, **told["action"]}
    return {"type": kind, **_FILLED.get(kind, {}), **told, "id": id_}


def _referred(call: Call, id_: str, place: str) -> Item:
    item: Item | None = call.store.shelf(_SHELF).get(id_)
    if item is None:
        raise Refusal(404, f"The item in '{place}' does not exist here.", param=place, code="item_not_found")
    return item


def _content(message: Item, place: str) -> list[Item]:
    """Return the parts of a message, in the types of whoever speaks."""
    content, spoken = message["content"], message["role"] == "assistant"
    parts = [{"type": _THEIRS, "text": content}] if isinstance(content, str) else content
    admitted = (_OURS, _THEIRS, "refusal") if spoken else (_OURS, _THEIRS, "input_image", "input_file")
    for part in parts:
        if part["type"] not in admitted:
            text = f"A part of the type '{part['type']}' is not supported in a message of this role."
            raise Refusal(400, text, param=f"{place}.content", code="unsupported_content")
    return [_part(part, spoken=spoken) for part in parts]


def _part(part: Item, *, spoken: bool) -> Item:
    if part["type"] not in (_OURS, _THEIRS):
        return part
    if not spoken:
        return {**part, "type": _THEIRS}
    notes = part.get("annotations")
    return {"type": _OURS, "text": part["text"], "annotations": notes if isinstance(notes, list) else []}
