"""Assistants: kept as they were made and changed, and what their tools may use.

The rule of this module: an assistant names only models, files and vector stores that are there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.reference import kept
from assay.reference.models import find as find_model
from assay.reference.replies import Call, Refusal, Reply
from assay.reference.tools import checked
from assay.reference.vector_stores import new_store

if TYPE_CHECKING:
    from assay.reference.store import Record

__all__ = [
    "create_assistant",
    "delete_assistant",
    "get_assistant",
    "list_assistants",
    "modify_assistant",
    "resources",
    "taken_over",
]

_FIELDS = ("name", "description", "instructions", "tools", "temperature", "top_p", "reasoning_effort", "metadata")
_DEFAULTS: dict[str, Any] = {
    "name": None,
    "description": None,
    "instructions": None,
    "tools": [],
    "top_p": 1.0,
    "temperature": 1.0,
    "reasoning_effort": None,
    "response_format": "auto",
    "metadata": {},
}


def create_assistant(call: Call) -> Reply:
    """Answer ``POST /assistants``."""
    body = call.value
    _usable(body)
    shown = {
        "id": kept.name("asst", call),
        "object": "assistant",
        "created_at": call.now,
        **_DEFAULTS,
        "model": body["model"],
        "tool_resources": resources(call, body.get("tool_resources")),
    }
    record = kept.add(call, "assistants", shown)
    taken_over(record, body)
    return Reply(record.shown)


def list_assistants(call: Call) -> Reply:
    """Answer ``GET /assistants``."""
    return kept.page(call, [record.shown for record in call.store.shelf("assistants").all()])


def get_assistant(call: Call) -> Reply:
    """Answer ``GET /assistants/{assistant_id}``."""
    return Reply(kept.found(call, "assistants", "assistant_id").shown)


def modify_assistant(call: Call) -> Reply:
    """Answer ``POST /assistants/{assistant_id}``."""
    record = kept.found(call, "assistants", "assistant_id")
    _usable(call.value)
    if "tool_resources" in call.value:
        record.shown["tool_resources"] = resources(call, call.value["tool_resources"])
    kept.change(record, call.value, "model")
    taken_over(record, call.value)
    return Reply(record.shown)


def delete_assistant(call: Call) -> Reply:
    """Answer ``DELETE /assistants/{assistant_id}``."""
    return kept.deleted(call, "assistants", kept.found(call, "assistants", "assistant_id"))


def taken_over(record: Record, body: dict[str, Any]) -> None:
    """Take over what a body sets; a sampling value that is null is the default."""
    kept.change(record, body, *_FIELDS)
    for name in ("temperature", "top_p"):
        if record.shown.get(name) is None:
            record.shown[name] = 1.0
    if "response_format" in body:
        record.shown["response_format"] = body["response_format"] or "auto"


def _usable(body: dict[str, Any]) -> None:
    if "model" in body:
        find_model(body["model"], "chat")
    checked(body.get("tools") or [])


def resources(call: Call, given: dict[str, Any] | None, place: str = "tool_resources") -> dict[str, Any]:
    """Return what tools may use, as it is shown: all of it is there, and new vector stores have been made."""
    shown: dict[str, Any] = {}
    for tool in ("code_interpreter", "file_search"):
        wanted = (given or {}).get(tool)
        if wanted is None:
            continue
        if tool == "code_interpreter":
            names = wanted.get("file_ids") or []
            for number, id_ in enumerate(names):
                kept.file_of(call, id_, f"{place}.code_interpreter.file_ids[{number}]")
            shown[tool] = {"file_ids": names}
            continue
        ids = wanted.get("vector_store_ids") or []
        for number, id_ in enumerate(ids):
            kept.find(call, "vector stores", id_, f"{place}.file_search.vector_store_ids[{number}]")
        made = [_made(call, store, place) for store in wanted.get("vector_stores") or []]
        shown[tool] = {"vector_store_ids": [*ids, *made]}
    return shown


def _made(call: Call, wanted: dict[str, Any], place: str) -> str:
    if len(wanted.get("file_ids") or []) > _FILES:
        param = f"{place}.file_search.vector_stores[0].file_ids"
        raise Refusal(400, f"This server takes at most {_FILES} files at once.", param=param, code="too_many_files")
    return str(new_store(call, wanted, f"{place}.file_search.vector_stores[0]").shown["id"])


_FILES = 500  # that one vector store is made of
