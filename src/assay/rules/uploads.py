"""Rules of uploads: files that are announced, sent in parts and joined.

The rule of this module: what one message says; that the parts add up to what was announced needs a memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.rules import accounting, echoes
from assay.rules.read import at, integer, text
from assay.rules.registry import Exchange, Rule, RuleSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

_UPLOADS = "createUpload completeUpload cancelUpload"

rules = RuleSet("uploads", *f"{_UPLOADS} addUploadPart".split())

_UPLOAD = "#/components/schemas/Upload/properties"
_REQUEST = "#/components/schemas/CreateUploadRequest/properties"
_PART_LIMIT = 64 * 1024 * 1024  # bytes
_LIFE, _SLACK = 3600, 1  # seconds
_STATUS = {"createUpload": "pending", "completeUpload": "completed", "cancelUpload": "cancelled"}


@rules.request("lines-media-type", "A file for fine-tuning or a batch is announced as JSON Lines.",
               f"{_REQUEST}/mime_type", severity="hazard", operations="createUpload")  # fmt: skip
def lines_media_type(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    kind = text(at(exchange.request, "mime_type"))
    if at(exchange.request, "purpose") in ("fine-tune", "batch") and kind is not None and "json" not in kind.lower():
        yield rule.broken(("mime_type",), "a media type of JSON Lines", "another one")


@rules.request("part-size", "A part has 64 MiB at most.", "#/components/schemas/AddUploadPartRequest/properties/data",
               operations="addUploadPart")  # fmt: skip
def part_size(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for part in exchange.files:
        if part.field == "data" and len(part.data) > _PART_LIMIT:
            yield rule.broken(("data",), f"at most {_PART_LIMIT} bytes", f"{len(part.data)} bytes")


@rules.response("id-asked", "The upload that was asked for is the one returned.", f"{_UPLOAD}/id",
                operations="completeUpload cancelUpload")  # fmt: skip
def id_asked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return echoes.id_asked(rule, exchange, "upload_id")


@rules.response("part-of-upload", "A part belongs to the upload that it was sent to.",
                "#/components/schemas/UploadPart/properties/upload_id", operations="addUploadPart")  # fmt: skip
def part_of_upload(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return echoes.id_asked(rule, exchange, "upload_id", "upload_id")


@rules.response("request-kept", "The upload has the name, the purpose and the size of its request.",
                f"{_UPLOAD}/bytes", operations="createUpload")  # fmt: skip
def request_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return echoes.kept(rule, exchange, "filename", "purpose", "bytes")


@rules.response("status", "A new upload is pending, a completed one completed, a cancelled one cancelled.",
                f"{_UPLOAD}/status", operations=_UPLOADS)  # fmt: skip
def status(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    wanted = _STATUS.get(exchange.operation, "")
    if text(at(exchange.response, "status")) not in (None, wanted):
        yield rule.broken(("status",), wanted, "another status")


@rules.response("expires-in-an-hour", "An upload expires an hour after it was made.", f"{_UPLOAD}/expires_at",
                operations="createUpload")  # fmt: skip
def expires_in_an_hour(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    made, expires = integer(at(exchange.response, "created_at")), integer(at(exchange.response, "expires_at"))
    if made is not None and expires is not None and abs(expires - made - _LIFE) > _SLACK:
        yield rule.broken(("expires_at",), f"created_at + {_LIFE}", f"created_at + {expires - made}")


@rules.response("file-matches", "The file of a completed upload is the one that was announced.", f"{_UPLOAD}/file",
                operations="completeUpload")  # fmt: skip
def file_matches(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for name in ("bytes", "filename", "purpose"):
        wanted, given = at(exchange.response, name), at(exchange.response, "file", name)
        if wanted is not None and given is not None and wanted != given:
            yield rule.broken(("file", name), f"the {name} of the upload", "another value")


@rules.response("created-seconds", "created_at is a Unix time in seconds.", f"{_UPLOAD}/created_at")
def created_seconds(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.seconds(rule, at(exchange.response, "created_at"), ("created_at",))
