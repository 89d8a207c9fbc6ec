"""Stored chat completions: those that were made with ``store``, listed, changed and deleted.

The rule of this module: what is given back is what was answered, but for the metadata, which may be changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from assay.reference.pages import page
from assay.reference.replies import Call, Refusal, Reply

__all__ = [
    "delete_chat_completion",
    "get_chat_completion",
    "get_chat_completion_messages",
    "keep",
    "list_chat_completions",
    "update_chat_completion",
]

_SHELF = "chat completions"


@dataclass(slots=True)
class _Stored:
    """One completion as it is shown, and the messages that it answers."""

    shown: dict[str, Any]
    messages: list[dict[str, Any]]


def keep(call: Call, shown: dict[str, Any], messages: list[dict[str, Any]]) -> None:
    """Store a completion."""
    size = len(orjson.dumps(messages)) + len(orjson.dumps(shown))
    call.store.shelf(_SHELF).put(shown["id"], _Stored(shown, messages), size)


def list_chat_completions(call: Call) -> Reply:
    """Answer ``GET /chat/completions``."""
    model = call.query.get("model")
    pairs = wanted_metadata(call)
    found = [stored.shown for stored in call.store.shelf(_SHELF).all()]
    found = [shown for shown in found if not model or shown["model"] == model]
    found = [shown for shown in found if pairs.items() <= shown["metadata"].items()]
    return Reply(page(call, found, "completion", order="asc"))


def wanted_metadata(call: Call) -> dict[str, str]:
    """Return the pairs that a query asks for, sent as ``metadata[key]=value``."""
    return {
        name.removeprefix("metadata[").removesuffix("]"): value
        for name, value in call.query.items()
        if name.startswith("metadata[") and name.endswith("]")
    }


def get_chat_completion(call: Call) -> Reply:
    """Answer ``GET /chat/completions/{completion_id}``."""
    return Reply(_named(call).shown)


def update_chat_completion(call: Call) -> Reply:
    """Answer ``POST /chat/completions/{completion_id}``."""
    stored = _named(call)
    stored.shown = {**stored.shown, "metadata": call.value["metadata"] or {}}
    return Reply(stored.shown)


def delete_chat_completion(call: Call) -> Reply:
    """Answer ``DELETE /chat/completions/{completion_id}``."""
    name = _named(call).shown["id"]
    call.store.shelf(_SHELF).remove(name)
    return Reply({"object": "chat.completion.deleted", "id": name, "deleted": True})


def get_chat_completion_messages(call: Call) -> Reply:
    """Answer ``GET /chat/completions/{completion_id}/messages``."""
    stored = _named(call)
    shown = [_message(message, f"{stored.shown['id']}-{number}") for number, message in enumerate(stored.messages)]
    return Reply(page(call, shown, "message", order="asc"))


def _message(message: dict[str, Any], name: str) -> dict[str, Any]:
    """A message of the request as it is listed: one text as its content, anything else as parts."""
    content = message.get("content")
    parts = [part for part in content if part["type"] in ("text", "image_url")] if isinstance(content, list) else None
    kept = {key: value for key, value in message.items() if key in ("role", "name", "tool_calls", "tool_call_id")}
    return {"id": name, **kept, "content": content if isinstance(content, str) else None, "content_parts": parts}


def _named(call: Call) -> _Stored:
    stored = call.store.shelf(_SHELF).get(call.names["completion_id"])
    if stored is None:
        text = "The completion of this path is not stored here."
        raise Refusal(404, text, param="completion_id", code="completion_not_found")
    found: _Stored = stored
    return found
