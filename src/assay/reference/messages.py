"""Messages of threads: as they were sent, or as a run writes them.

The rule of this module: a message names only files that are there, and what is attached to it is at hand for the
tools of the thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.reference import kept
from assay.reference.replies import Call, Refusal
from assay.reference.vector_stores import STORES, new_file, new_store

if TYPE_CHECKING:
    from assay.reference.store import Record

__all__ = ["MESSAGES", "new_message", "said"]

MESSAGES = "messages"
_WEEK = {"anchor": "last_active_at", "days": 7}
_FILES = 20  # that code can read


def new_message(call: Call, thread: Record, sent: dict[str, Any], place: str = "") -> Record:
    """Add a message of the caller's to a thread; ``place`` is where in the request it stands, with a dot behind."""
    content = sent["content"]
    shown = [_text(content)] if isinstance(content, str) else []
    for number, part in enumerate(content if isinstance(content, list) else ()):
        if part["type"] == "image_file":
            kept.file_of(call, part["image_file"]["file_id"], f"{place}content[{number}].image_file.file_id")
        shown.append(_text(part["text"]) if part["type"] == "text" else part)
    for number, attachment in enumerate(sent.get("attachments") or ()):
        _attach(call, thread, attachment, f"{place}attachments[{number}]")
    message = {
        "id": kept.name("msg", call, place),
        "object": "thread.message",
        "created_at": call.now,
        "thread_id": thread.shown["id"],
        "status": "completed",
        "incomplete_details": None,
        "completed_at": call.now,
        "incomplete_at": None,
        "role": sent["role"],
        "content": shown,
        "assistant_id": None,
        "run_id": None,
        "attachments": sent.get("attachments") or [],
        "metadata": sent.get("metadata") or {},
    }
    return kept.add(call, MESSAGES, message)


def said(messages: list[Record]) -> list[dict[str, str]]:
    """Return messages as a conversation of plain text."""
    return [
        {
            "role": message.shown["role"],
            "content": " ".join(part["text"]["value"] for part in message.shown["content"] if part["type"] == "text"),
        }
        for message in messages
    ]


def _text(value: str) -> dict[str, Any]:
    return {"type": "text", "text": {"value": value, "annotations": []}}


def _attach(call: Call, thread: Record, attachment: dict[str, Any], place: str) -> None:
    """Put a file where the tools named with it find it."""
    id_ = attachment["file_id"]
    kept.file_of(call, id_, f"{place}.file_id")
    held = thread.shown["tool_resources"]
    for tool in sorted({tool["type"] for tool in attachment["tools"]}):
        if tool == "code_interpreter":
            files = held.setdefault(tool, {"file_ids": []})["file_ids"]
            if id_ not in files and len(files) >= _FILES:
                text = f"The code interpreter of a thread takes at most {_FILES} files."
                raise Refusal(400, text, param=place, code="too_many_files")
            files += [id_] * (id_ not in files)
            continue
        stores = held.setdefault(tool, {"vector_store_ids": []})["vector_store_ids"]
        if not stores:
            stores.append(new_store(call, {"expires_after": _WEEK}, place).shown["id"])
        new_file(call, kept.find(call, STORES, stores[0], place), {"file_id": id_})
