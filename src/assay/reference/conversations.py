"""Conversations: items that are kept, and that grow by what responses are asked and answer.

The rule of this module: items stand in the order in which they came, each once; those of a conversation that is
deleted can still be referred to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from assay.reference import kept
from assay.reference.replies import Call, Refusal, Reply
from assay.reference.response_items import incoming, remember
from assay.reference.store import Record

if TYPE_CHECKING:
    from assay.reference.response_items import Item

__all__ = [
    "CONVERSATIONS",
    "create_conversation",
    "create_items",
    "delete_conversation",
    "delete_item",
    "extend",
    "get_conversation",
    "get_item",
    "list_items",
    "update_conversation",
]

CONVERSATIONS = "conversations"
_MOST = 10_000  # items of one conversation


def create_conversation(call: Call) -> Reply:
    """Answer ``POST /conversations``."""
    body = call.value or {}
    items = incoming(call, body.get("items"), place="items")
    shown = {
        "id": kept.name("conv", call),
        "object": "conversation",
        "created_at": call.now,
        "metadata": body.get("metadata") or {},
    }
    extend(call, Record(shown, call.serial, {"items": [], "size": len(orjson.dumps(shown))}), items)
    return Reply(shown)


def get_conversation(call: Call) -> Reply:
    """Answer ``GET /conversations/{conversation_id}``."""
    return Reply(_named(call).shown)


def update_conversation(call: Call) -> Reply:
    """Answer ``POST /conversations/{conversation_id}``."""
    record = _named(call)
    kept.change(record, call.value or {}, "metadata")
    return Reply(record.shown)


def delete_conversation(call: Call) -> Reply:
    """Answer ``DELETE /conversations/{conversation_id}``."""
    return kept.deleted(call, CONVERSATIONS, _named(call))


def list_items(call: Call) -> Reply:
    """Answer ``GET /conversations/{conversation_id}/items``."""
    return kept.page(call, _named(call).notes["items"])


def create_items(call: Call) -> Reply:
    """Answer ``POST /conversations/{conversation_id}/items``."""
    record = _named(call)
    held = [item["id"] for item in record.notes["items"]]
    items = incoming(call, call.value["items"], held, place="items")
    extend(call, record, items)
    ends = {"first_id": items[0]["id"], "last_id": items[-1]["id"]} if items else {"first_id": None, "last_id": None}
    return Reply({"object": "list", "data": items, **ends, "has_more": False})


def get_item(call: Call) -> Reply:
    """Answer ``GET /conversations/{conversation_id}/items/{item_id}``."""
    return Reply(_item(call, _named(call)))


def delete_item(call: Call) -> Reply:
    """Answer ``DELETE /conversations/{conversation_id}/items/{item_id}``."""
    record = _named(call)
    record.notes["items"].remove(_item(call, record))
    return Reply(record.shown)


def extend(call: Call, record: Record, items: list[Item]) -> None:
    """Add items to a conversation, and keep both."""
    if len(record.notes["items"]) + len(items) > _MOST:
        raise Refusal(413, "This conversation has too many items.", code="conversation_full")
    remember(call, items)
    record.notes["items"] += items
    record.notes["size"] += sum(len(orjson.dumps(item)) for item in items)
    call.store.shelf(CONVERSATIONS).put(record.shown["id"], record, record.notes["size"])


def _named(call: Call) -> Record:
    return kept.found(call, CONVERSATIONS, "conversation_id")


def _item(call: Call, record: Record) -> dict[str, Any]:
    for item in record.notes["items"]:
        if item["id"] == call.names["item_id"]:
            found: dict[str, Any] = item
            return found
    raise Refusal(404, "The item of this path does not exist here.", param="item_id", code="not_found")
