"""Objects on their shelves: kept, found, changed and listed page by page, the same way for every resource.

The rule of this module: it knows no resource; an id that is not there is refused with its parameter's name, and a
page is cut from a list that is the oldest first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.reference.replies import Call, Refusal, Reply
from assay.reference.store import Record
from assay.reference.text import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.reference.store import Kept

__all__ = ["add", "change", "deleted", "file_of", "find", "found", "name", "page"]

_LIMIT = 20


def name(prefix: str, call: Call, *more: Any) -> str:
    """Return a new id; ``more`` tells apart the objects that one request makes."""
    return f"{prefix}_{Source(prefix, [call.serial, *more]).name(24)}"


def add(call: Call, kind: str, shown: dict[str, Any], key: str = "") -> Record:
    """Keep an object on the shelf of its kind, under its id or another key; refuse when it is full."""
    record = Record(shown, call.serial)
    if not call.store.shelf(kind).add(record, key):
        raise Refusal(413, f"This server has no room for more {kind}.", code="storage_full")
    return record


def find(call: Call, kind: str, id_: str, param: str) -> Record:
    """Return an object by its id; ``param`` is where the id was given."""
    record: Record | None = call.store.shelf(kind).get(id_)
    if record is None:
        raise Refusal(404, f"The object in '{param}' does not exist here.", param=param, code="not_found")
    return record


def found(call: Call, kind: str, param: str) -> Record:
    """Return the object that a parameter of the path names."""
    return find(call, kind, call.names[param], param)


def change(record: Record, body: dict[str, Any], *names: str) -> None:
    """Take over the properties of a body; metadata that are null are empty."""
    for field in names:
        if field in body:
            record.shown[field] = body[field]
    if "metadata" in names and record.shown.get("metadata") is None:
        record.shown["metadata"] = {}


def deleted(call: Call, kind: str, record: Record) -> Reply:
    """Forget an object, and say so."""
    call.store.shelf(kind).remove(record.shown["id"])
    return Reply({"id": record.shown["id"], "object": f"{record.shown['object']}.deleted", "deleted": True})


def file_of(call: Call, id_: str, param: str) -> Kept:
    """Return an uploaded file by its id."""
    kept = call.store.get(id_, call.now)
    if kept is None:
        raise Refusal(404, f"The file in '{param}' does not exist here.", param=param, code="file_not_found")
    return kept


def page(call: Call, items: Sequence[dict[str, Any]]) -> Reply:
    """Return one page of a list that is the oldest first: ``order``, ``after``, ``before`` and ``limit``."""
    listed = [*items] if call.query.get("order", "desc") == "asc" else [*reversed(items)]
    start, end = 0, len(listed)
    after, before = call.query.get("after"), call.query.get("before")
    if after:
        start = _position(listed, after, "after") + 1
    if before:
        end = _position(listed, before, "before")
    limit = int(float(call.query.get("limit") or _LIMIT))
    window = listed[start:end]
    # Before an object come those that are nearest to it.
    shown = window[-limit:] if before and not after else window[:limit]
    ends = {"first_id": shown[0]["id"], "last_id": shown[-1]["id"]} if shown else {"first_id": None, "last_id": None}
    return Reply({"object": "list", "data": shown, **ends, "has_more": len(shown) < len(window)})


def _position(listed: list[dict[str, Any]], id_: str, param: str) -> int:
    for number, item in enumerate(listed):
        if item["id"] == id_:
            return number
    raise Refusal(404, f"The object in '{param}' does not exist here.", param=param, code="not_found")
