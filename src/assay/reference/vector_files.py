"""Files of vector stores, added one by one or in batches.

The rule of this module: a file is in a store under the id of its upload; a batch is told of by its files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.reference import kept
from assay.reference.replies import Call, Refusal, Reply
from assay.reference.vector_stores import FILES, counts, files_of, new_file, store_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.reference.store import Record

__all__ = [
    "add_batch",
    "add_file",
    "batch_files",
    "cancel_batch",
    "file_content",
    "get_batch",
    "get_file",
    "list_store_files",
    "remove_file",
    "update_attributes",
]

_BATCHES = "batches of files"


def add_file(call: Call) -> Reply:
    """Answer ``POST /vector_stores/{vector_store_id}/files``."""
    store = store_of(call)
    kept.file_of(call, call.value["file_id"], "file_id")
    return Reply(new_file(call, store, call.value).shown)


def list_store_files(call: Call) -> Reply:
    """Answer ``GET /vector_stores/{vector_store_id}/files``."""
    return _listed(call, files_of(call, store_of(call)))


def get_file(call: Call) -> Reply:
    """Answer ``GET /vector_stores/{vector_store_id}/files/{file_id}``."""
    return Reply(_file_of(call).shown)


def update_attributes(call: Call) -> Reply:
    """Answer ``POST /vector_stores/{vector_store_id}/files/{file_id}``."""
    record = _file_of(call)
    record.shown["attributes"] = call.value["attributes"] or {}
    return Reply(record.shown)


def remove_file(call: Call) -> Reply:
    """Answer ``DELETE /vector_stores/{vector_store_id}/files/{file_id}``."""
    record = _file_of(call)
    call.store.shelf(FILES).remove(f"{record.shown['vector_store_id']}/{record.shown['id']}")
    return Reply({"id": record.shown["id"], "object": "vector_store.file.deleted", "deleted": True})


def file_content(call: Call) -> Reply:
    """Answer ``GET /vector_stores/{vector_store_id}/files/{file_id}/content``: all text as one part, once read."""
    record = _file_of(call)
    data = kept.file_of(call, record.shown["id"], "file_id").data
    text = [{"type": "text", "text": data.decode()}] if record.shown["status"] == "completed" else []
    return Reply({"object": "vector_store.file_content.page", "data": text, "has_more": False, "next_page": None})


def add_batch(call: Call) -> Reply:
    """Answer ``POST /vector_stores/{vector_store_id}/file_batches``."""
    store, body = store_of(call), call.value
    shared = {name: body.get(name) for name in ("chunking_strategy", "attributes")}
    place = "files[{}].file_id" if "files" in body else "file_ids[{}]"
    wanted = body.get("files") or [{"file_id": id_, **shared} for id_ in body["file_ids"]]
    for number, file in enumerate(wanted):
        kept.file_of(call, file["file_id"], place.format(number))
    shown = {
        "id": kept.name("vsfb", call),
        "object": "vector_store.file_batch",
        "created_at": call.now,
        "vector_store_id": store.shown["id"],
    }
    batch = kept.add(call, _BATCHES, shown)
    for file in wanted:
        new_file(call, store, file, shown["id"])
    return Reply(_shown(call, batch, store))


def get_batch(call: Call) -> Reply:
    """Answer ``GET /vector_stores/{vector_store_id}/file_batches/{batch_id}``."""
    store = store_of(call)
    return Reply(_shown(call, _batch_of(call, store), store))


def cancel_batch(call: Call) -> Reply:
    """Answer ``POST /vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel``."""
    store = store_of(call)
    batch = _batch_of(call, store)
    waiting = [file for file in _files_of(call, batch, store) if file.shown["status"] == "in_progress"]
    if not waiting:
        text = "The batch cannot be cancelled: all of its files have been read."
        raise Refusal(400, text, param="batch_id", code="invalid_state")
    for file in waiting:
        file.shown["status"] = "cancelled"
    return Reply(_shown(call, batch, store))


def batch_files(call: Call) -> Reply:
    """Answer ``GET /vector_stores/{vector_store_id}/file_batches/{batch_id}/files``."""
    store = store_of(call)
    return _listed(call, _files_of(call, _batch_of(call, store), store))


def _file_of(call: Call) -> Record:
    store = store_of(call)
    for file in files_of(call, store):
        if file.shown["id"] == call.names["file_id"]:
            return file
    raise Refusal(404, "The file of this path is not in this store.", param="file_id", code="file_not_found")


def _batch_of(call: Call, store: Record) -> Record:
    batch = kept.found(call, _BATCHES, "batch_id")
    if batch.shown["vector_store_id"] != store.shown["id"]:
        raise Refusal(404, "The batch of this path is not of this store.", param="batch_id", code="not_found")
    return batch


def _files_of(call: Call, batch: Record, store: Record) -> list[Record]:
    return [file for file in files_of(call, store) if file.notes.get("batch") == batch.shown["id"]]


def _shown(call: Call, batch: Record, store: Record) -> dict[str, Any]:
    counted = counts(_files_of(call, batch, store))
    status = "in_progress" if counted["in_progress"] else "cancelled" if counted["cancelled"] else "completed"
    return {**batch.shown, "status": status, "file_counts": counted}


def _listed(call: Call, files: Sequence[Record]) -> Reply:
    wanted = call.query.get("filter")
    return kept.page(call, [file.shown for file in files if not wanted or file.shown["status"] == wanted])
