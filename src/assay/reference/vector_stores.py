"""Vector stores: what they hold, when they expire, and searches in their files.

The rule of this module: what is told of a store follows from its files and the clock; a part of a file scores the
share of the query's words that it has, so that a search is honest without a model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.reference import kept
from assay.reference.replies import Call, Reply
from assay.reference.text import tokens
from assay.reference.vector_texts import fits, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.reference.store import Record

__all__ = [
    "FILES",
    "STORES",
    "counts",
    "create_store",
    "delete_store",
    "files_of",
    "found_parts",
    "get_store",
    "list_stores",
    "modify_store",
    "new_file",
    "new_store",
    "search_store",
    "store_of",
]

STORES, FILES = "vector stores", "files of vector stores"
_DAY = 24 * 3600
_AUTO = {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}
_RESULTS = 10
_READ_AFTER = 2  # requests of the server until a file has been read


def create_store(call: Call) -> Reply:
    """Answer ``POST /vector_stores``."""
    return Reply(_shown(call, new_store(call, call.value)))


def list_stores(call: Call) -> Reply:
    """Answer ``GET /vector_stores``."""
    return kept.page(call, [_shown(call, record) for record in call.store.shelf(STORES).all()])


def get_store(call: Call) -> Reply:
    """Answer ``GET /vector_stores/{vector_store_id}``."""
    return Reply(_shown(call, store_of(call)))


def modify_store(call: Call) -> Reply:
    """Answer ``POST /vector_stores/{vector_store_id}``."""
    record = store_of(call)
    kept.change(record, call.value, "name", "expires_after", "metadata")
    record.shown["last_active_at"] = call.now
    return Reply(_shown(call, record))


def delete_store(call: Call) -> Reply:
    """Answer ``DELETE /vector_stores/{vector_store_id}``."""
    record = store_of(call)
    for file in files_of(call, record):
        call.store.shelf(FILES).remove(f"{record.shown['id']}/{file.shown['id']}")
    return kept.deleted(call, STORES, record)


def search_store(call: Call) -> Reply:
    """Answer ``POST /vector_stores/{vector_store_id}/search``."""
    record, body = store_of(call), call.value
    record.shown["last_active_at"] = call.now
    queries = body["query"] if isinstance(body["query"], list) else [body["query"]]
    least = (body.get("ranking_options") or {}).get("score_threshold") or 0
    results = [
        {"file_id": file["id"], "filename": name, "score": score, "attributes": file["attributes"],
         "content": [{"type": "text", "text": text}]}
        for score, file, name, text in found_parts(call, record, " ".join(queries))
        if score >= least and fits(body.get("filters"), file["attributes"] or {})
    ]  # fmt: skip
    shown = results[: int(body.get("max_num_results") or _RESULTS)]
    page = {"object": "vector_store.search_results.page", "search_query": queries, "data": shown}
    return Reply({**page, "has_more": False, "next_page": None})


def found_parts(call: Call, store: Record, query: str) -> list[tuple[float, dict[str, Any], str, str]]:
    """Return the parts that have words of a query, the best first: score, file as shown, name of the file, text."""
    words = _words(query)
    found = [
        (score, file.shown, source.filename, text)
        for file in files_of(call, store)
        if file.shown["status"] == "completed" and (source := call.store.get(file.shown["id"], call.now)) is not None
        for text in parts(source.data.decode(), **file.shown["chunking_strategy"]["static"])
        if (score := round(len(words & _words(text)) / max(len(words), 1), 4)) > 0
    ]
    return sorted(found, key=lambda part: -part[0])


def _words(text: str) -> set[str]:
    return {token.strip().lower() for token in tokens(text)} - {""}


def store_of(call: Call) -> Record:
    """Return the store that the path names."""
    return kept.found(call, STORES, "vector_store_id")


def new_store(call: Call, wanted: dict[str, Any], place: str = "") -> Record:
    """Make a store with its first files."""
    for number, id_ in enumerate(wanted.get("file_ids") or []):
        kept.file_of(call, id_, f"{place}.file_ids[{number}]".lstrip("."))
    shown = {
        "id": kept.name("vs", call, place),
        "object": "vector_store",
        "created_at": call.now,
        "name": wanted.get("name"),
        "description": wanted.get("description"),
        "expires_after": wanted.get("expires_after"),
        "last_active_at": call.now,
        "metadata": wanted.get("metadata") or {},
    }
    record = kept.add(call, STORES, shown)
    for id_ in wanted.get("file_ids") or []:
        new_file(call, record, {"file_id": id_, "chunking_strategy": wanted.get("chunking_strategy")})
    return record


def new_file(call: Call, store: Record, wanted: dict[str, Any], batch: str | None = None) -> Record:
    """Add an uploaded file to a store; it is read two requests later."""
    strategy = wanted.get("chunking_strategy")
    shown = {
        "id": wanted["file_id"],
        "object": "vector_store.file",
        "usage_bytes": 0,
        "created_at": call.now,
        "vector_store_id": store.shown["id"],
        "status": "in_progress",
        "last_error": None,
        "chunking_strategy": _cut(strategy),
        "attributes": wanted.get("attributes") or {},
    }
    store.shown["last_active_at"] = call.now
    record = kept.add(call, FILES, shown, f"{store.shown['id']}/{wanted['file_id']}")
    record.notes["batch"] = batch
    return record


def _cut(strategy: dict[str, Any] | None) -> dict[str, Any]:
    """Return how a file is cut, as it is shown."""
    static = (strategy or {}).get("static")
    return {"type": "static", "static": _AUTO if static is None else {k: int(v) for k, v in static.items()}}


def files_of(call: Call, store: Record) -> list[Record]:
    """Return the files of a store, the oldest first, as they are by now; those whose upload is gone are gone."""
    return [*_there(call, store)]


def _there(call: Call, store: Record) -> Iterator[Record]:
    for record in call.store.shelf(FILES).all(vector_store_id=store.shown["id"]):
        source = call.store.get(record.shown["id"], call.now)
        if source is None:
            call.store.shelf(FILES).remove(f"{store.shown['id']}/{record.shown['id']}")
            continue
        if record.shown["status"] == "in_progress" and call.serial - record.serial >= _READ_AFTER:
            _read(record, source.data)
        yield record


def _read(record: Record, data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError:
        error = {"code": "unsupported_file", "message": "The file is not text in UTF-8."}
    else:
        error = {} if data else {"code": "invalid_file", "message": "The file is empty."}
    status = "failed" if error else "completed"
    record.shown.update(status=status, last_error=error or None, usage_bytes=0 if error else len(data))


def counts(files: list[Record]) -> dict[str, int]:
    """Count files by status."""
    found = dict.fromkeys(("in_progress", "completed", "failed", "cancelled"), 0)
    for file in files:
        found[file.shown["status"]] += 1
    return {**found, "total": len(files)}


def _shown(call: Call, record: Record) -> dict[str, Any]:
    files = files_of(call, record)
    counted = counts(files)
    shown = record.shown
    expires = None
    if shown["expires_after"] is not None:
        expires = shown["last_active_at"] + int(shown["expires_after"]["days"]) * _DAY
    status = "in_progress" if counted["in_progress"] else "completed"
    if expires is not None and expires <= call.now:
        status = "expired"
    size = sum(file.shown["usage_bytes"] for file in files)
    return {**shown, "usage_bytes": size, "file_counts": counted, "status": status, "expires_at": expires}
