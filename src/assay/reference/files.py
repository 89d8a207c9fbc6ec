"""Files: kept as they were uploaded, listed page by page, given back byte for byte, and deleted for good.

The rule of this module: what it says of a file (size, name, purpose, time) is true of what was uploaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.model import Shape
from assay.reference.pages import page
from assay.reference.replies import Call, Raw, Refusal, Reply
from assay.reference.store import Kept
from assay.reference.text import Source

if TYPE_CHECKING:
    from assay.wire.multipart import FilePart

__all__ = [
    "FILE_FORM",
    "create_file",
    "delete_file",
    "download_file",
    "list_files",
    "retrieve_file",
    "sent_file",
    "shown",
]

_TEXT = Shape(frozenset({"string"}))
FILE_FORM = Shape(
    frozenset({"object"}),
    properties={
        "file": _TEXT,
        "purpose": _TEXT,
        "expires_after": Shape(
            frozenset({"object"}), properties={"anchor": _TEXT, "seconds": Shape(frozenset({"integer"}))}
        ),
    },
)
"""The types of what an upload sends."""

_PAGE = 10_000
_BATCH_LIFE = 30 * 24 * 3600  # seconds that a batch file lives unless told otherwise


def create_file(call: Call) -> Reply:
    """Answer ``POST /files``."""
    part = sent_file(call, "file")
    purpose = call.value["purpose"]
    life = (call.value.get("expires_after") or {}).get("seconds")
    if life is None and purpose == "batch":
        life = _BATCH_LIFE
    name = f"file-{Source('file', call.serial).name(24)}"
    expires = None if life is None else call.now + int(life)
    kept = Kept(name, part.filename or "upload", purpose, part.data, call.now, expires, call.serial)
    if not call.store.add(kept, call.now):
        raise Refusal(413, "This server has no room for more files.", param="file", code="storage_full")
    return Reply(shown(kept))


def list_files(call: Call) -> Reply:
    """Answer ``GET /files``: one page, the newest file first unless asked otherwise."""
    wanted = call.query.get("purpose")
    files = [kept for kept in call.store.files(call.now) if not wanted or kept.purpose == wanted]
    return Reply(page(call, [shown(kept) for kept in files], "file", size=_PAGE))


def retrieve_file(call: Call) -> Reply:
    """Answer ``GET /files/{file_id}``."""
    return Reply(shown(_named(call)))


def delete_file(call: Call) -> Reply:
    """Answer ``DELETE /files/{file_id}``."""
    kept = _named(call)
    call.store.remove(kept.id)
    return Reply({"id": kept.id, "object": "file", "deleted": True})


def download_file(call: Call) -> Raw:
    """Answer ``GET /files/{file_id}/content``: the bytes, with no guess at what they are."""
    return Raw(_named(call).data, "application/octet-stream")


def sent_file(call: Call, name: str) -> FilePart:
    """Return the one part of a form that is the file of this name; text in its place is refused."""
    part = next((part for part in call.files if part.field == name), None)
    if part is None:
        text = f"The part '{name}' must be a file, with a file name."
        raise Refusal(400, text, param=name, code="invalid_file")
    return part


def _named(call: Call) -> Kept:
    kept = call.store.get(call.names["file_id"], call.now)
    if kept is None:
        raise Refusal(404, "The file of this path does not exist here.", param="file_id", code="file_not_found")
    return kept


def shown(kept: Kept) -> dict[str, Any]:
    """Return a file as the API shows it."""
    expiry = {} if kept.expires_at is None else {"expires_at": kept.expires_at}
    return {
        "id": kept.id,
        "object": "file",
        "bytes": len(kept.data),
        "created_at": kept.created_at,
        "filename": kept.filename,
        "purpose": kept.purpose,
        "status": "processed",
        **expiry,
    }
