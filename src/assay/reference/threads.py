"""Threads and their messages: kept, changed, listed and deleted, while runs work on them.

The rule of this module: whoever asks about a thread sees its run as far as it has come by now, and nobody adds to a
thread while a run is at work on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.reference import kept
from assay.reference.assistants import resources
from assay.reference.messages import MESSAGES, new_message
from assay.reference.replies import Call, Refusal, Reply
from assay.reference.run_life import RUNS, STEPS, THREADS, active, settle

if TYPE_CHECKING:
    from assay.reference.store import Record

__all__ = [
    "create_message",
    "create_thread",
    "delete_message",
    "delete_thread",
    "get_message",
    "get_thread",
    "list_messages",
    "modify_message",
    "modify_thread",
    "new_thread",
    "open_thread",
    "thread_of",
]


def create_thread(call: Call) -> Reply:
    """Answer ``POST /threads``."""
    return Reply(new_thread(call, call.value or {}).shown)


def get_thread(call: Call) -> Reply:
    """Answer ``GET /threads/{thread_id}``."""
    return Reply(thread_of(call).shown)


def modify_thread(call: Call) -> Reply:
    """Answer ``POST /threads/{thread_id}``."""
    thread = thread_of(call)
    if "tool_resources" in call.value:
        thread.shown["tool_resources"] = resources(call, call.value["tool_resources"])
    kept.change(thread, call.value, "metadata")
    return Reply(thread.shown)


def delete_thread(call: Call) -> Reply:
    """Answer ``DELETE /threads/{thread_id}``: with its messages, runs and steps."""
    thread = thread_of(call)
    for kind in (MESSAGES, RUNS, STEPS):
        for record in call.store.shelf(kind).all(thread_id=thread.shown["id"]):
            call.store.shelf(kind).remove(record.shown["id"])
    return kept.deleted(call, THREADS, thread)


def create_message(call: Call) -> Reply:
    """Answer ``POST /threads/{thread_id}/messages``."""
    return Reply(new_message(call, open_thread(call), call.value).shown)


def list_messages(call: Call) -> Reply:
    """Answer ``GET /threads/{thread_id}/messages``."""
    wanted = {"run_id": call.query["run_id"]} if call.query.get("run_id") else {}
    found = call.store.shelf(MESSAGES).all(thread_id=thread_of(call).shown["id"], **wanted)
    return kept.page(call, [message.shown for message in found])


def get_message(call: Call) -> Reply:
    """Answer ``GET /threads/{thread_id}/messages/{message_id}``."""
    return Reply(_message_of(call).shown)


def modify_message(call: Call) -> Reply:
    """Answer ``POST /threads/{thread_id}/messages/{message_id}``."""
    message = _message_of(call)
    kept.change(message, call.value, "metadata")
    return Reply(message.shown)


def delete_message(call: Call) -> Reply:
    """Answer ``DELETE /threads/{thread_id}/messages/{message_id}``."""
    return kept.deleted(call, MESSAGES, _message_of(call))


def new_thread(call: Call, sent: dict[str, Any], place: str = "") -> Record:
    """Open a thread with its first messages."""
    shown = {
        "id": kept.name("thread", call),
        "object": "thread",
        "created_at": call.now,
        "tool_resources": resources(call, sent.get("tool_resources"), f"{place}tool_resources"),
        "metadata": sent.get("metadata") or {},
    }
    thread = kept.add(call, THREADS, shown)
    for number, message in enumerate(sent.get("messages") or ()):
        new_message(call, thread, message, f"{place}messages[{number}].")
    return thread


def thread_of(call: Call) -> Record:
    """Return the thread that the path names, its run as far as it is by now."""
    thread = kept.found(call, THREADS, "thread_id")
    settle(call, thread)
    return thread


def open_thread(call: Call) -> Record:
    """Return the thread that the path names; refuse while a run is at work on it."""
    thread = thread_of(call)
    if active(call, thread) is not None:
        text = "The thread cannot be changed now: a run is at work on it."
        raise Refusal(400, text, param="thread_id", code="thread_locked")
    return thread


def _message_of(call: Call) -> Record:
    thread = thread_of(call)
    message = kept.found(call, MESSAGES, "message_id")
    if message.shown["thread_id"] != thread.shown["id"]:
        raise Refusal(404, "The message of this path is not of this thread.", param="message_id", code="not_found")
    return message
