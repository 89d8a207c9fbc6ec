"""Uploads: a file announced, sent in parts, and joined in the order that its sender says.

The rule of this module: the file is the parts, byte for byte; what does not add up to what was announced is refused.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

from assay.model import Shape
from assay.reference.files import sent_file, shown
from assay.reference.replies import Call, Refusal, Reply
from assay.reference.store import Kept
from assay.reference.text import Source

__all__ = ["PART_FORM", "add_part", "cancel_upload", "complete_upload", "create_upload"]

PART_FORM = Shape(frozenset({"object"}), properties={"data": Shape(frozenset({"string"}))})
"""The types of what a part sends."""

_SHELF = "uploads"
_LIFE = 3600  # seconds


@dataclass(slots=True)
class _Upload:
    """One upload with its parts by id."""

    id: str
    body: dict[str, Any]
    created_at: int
    status: str = "pending"
    parts: dict[str, bytes] = field(default_factory=dict)
    file: dict[str, Any] | None = None

    @property
    def size(self) -> int:
        """Bytes of the parts so far."""
        return sum(map(len, self.parts.values()))


def create_upload(call: Call) -> Reply:
    """Answer ``POST /uploads``."""
    upload = _Upload(f"upload_{Source('upload', call.serial).name(32)}", call.value, call.now)
    call.store.shelf(_SHELF).put(upload.id, upload)
    return Reply(_shown(upload))


def add_part(call: Call) -> Reply:
    """Answer ``POST /uploads/{upload_id}/parts``."""
    upload = _pending(call)
    data = sent_file(call, "data").data
    if upload.size + len(data) > upload.body["bytes"]:
        text = f"The parts have more than the {int(upload.body['bytes'])} bytes that were announced."
        raise Refusal(400, text, param="data", code="upload_too_large")
    name = f"part_{Source('part', call.serial).name(32)}"
    upload.parts[name] = data
    call.store.shelf(_SHELF).put(upload.id, upload, upload.size)
    return Reply({"id": name, "object": "upload.part", "created_at": call.now, "upload_id": upload.id})


def complete_upload(call: Call) -> Reply:
    """Answer ``POST /uploads/{upload_id}/complete``."""
    upload = _pending(call)
    body, wanted = upload.body, call.value["part_ids"]
    if any(name not in upload.parts for name in wanted):
        raise Refusal(400, "A part in 'part_ids' does not exist here.", param="part_ids", code="part_not_found")
    data = b"".join(upload.parts[name] for name in wanted)
    if len(data) != body["bytes"]:
        text = f"The parts have {len(data)} bytes, and {int(body['bytes'])} were announced."
        raise Refusal(400, text, param="part_ids", code="size_mismatch")
    if not _same_digest(data, call.value.get("md5")):
        raise Refusal(400, "The digest is not that of the parts.", param="md5", code="checksum_mismatch")
    life = (body.get("expires_after") or {}).get("seconds")
    expires = None if life is None else call.now + int(life)
    name = f"file-{Source('file', call.serial).name(24)}"
    kept = Kept(name, body["filename"], body["purpose"], data, call.now, expires, call.serial)
    if not call.store.add(kept, call.now):
        raise Refusal(413, "This server has no room for more files.", param="part_ids", code="storage_full")
    upload.status, upload.file = "completed", shown(kept)
    _drop_parts(call, upload)
    return Reply(_shown(upload))


def cancel_upload(call: Call) -> Reply:
    """Answer ``POST /uploads/{upload_id}/cancel``."""
    upload = _pending(call)
    upload.status = "cancelled"
    _drop_parts(call, upload)
    return Reply(_shown(upload))


def _drop_parts(call: Call, upload: _Upload) -> None:
    upload.parts.clear()
    call.store.shelf(_SHELF).put(upload.id, upload)


def _same_digest(data: bytes, digest: str | None) -> bool:
    """Whether a digest, in hexadecimal or base64, is that of the data; none is right."""
    made = hashlib.md5(data, usedforsecurity=False).digest()
    return digest is None or digest.lower() == made.hex() or digest == base64.b64encode(made).decode()


def _pending(call: Call) -> _Upload:
    """Return the upload of the path, which must still wait for parts."""
    upload = call.store.shelf(_SHELF).get(call.names["upload_id"])
    if upload is None:
        raise Refusal(404, "The upload of this path does not exist here.", param="upload_id", code="upload_not_found")
    found: _Upload = upload
    if found.status == "pending" and call.now >= found.created_at + _LIFE:
        found.status = "expired"
        _drop_parts(call, found)
    if found.status != "pending":
        text = f"The upload is {found.status} and takes no more."
        raise Refusal(409, text, param="upload_id", code=f"upload_{found.status}")
    return found


def _shown(upload: _Upload) -> dict[str, Any]:
    body = upload.body
    return {
        "id": upload.id,
        "object": "upload",
        "bytes": int(body["bytes"]),
        "created_at": upload.created_at,
        "expires_at": upload.created_at + _LIFE,
        "filename": body["filename"],
        "purpose": body["purpose"],
        "status": upload.status,
        **({} if upload.file is None else {"file": upload.file}),
    }
