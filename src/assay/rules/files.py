"""Rules of files: the upload, what the answer tells of it, and lists of a purpose.

The rule of this module: sizes and names are those of the multipart part as it came; what is inside a file is judged
where its lines are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.rules.read import at, integer, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe
from assay.wire.signatures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

rules = RuleSet("files", "createFile", "retrieveFile")

_REQUEST = "#/components/schemas/CreateFileRequest/properties"
_FILE = "#/components/schemas/OpenAIFile/properties"

_MEGABYTE = 1024 * 1024
_LARGEST = {"batch": 200 * _MEGABYTE}
_LARGEST_OF_ALL = 512 * _MEGABYTE
_LINES = ("fine-tune", "batch")
_THIRTY_DAYS = 30 * 24 * 3600


@rules.request(
    "size",
    "A file has at most 512 MB, and at most 200 MB for a batch.",
    f"{_REQUEST}/file",
    operations="createFile",
)
def size(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    most = _LARGEST.get(text(at(exchange.request, "purpose")) or "", _LARGEST_OF_ALL)
    for file in exchange.files:
        if len(file.data) > most:
            yield rule.broken(("file",), f"at most {most} bytes", f"{len(file.data)} bytes")


@rules.request(
    "lines-named",
    "A file for fine-tuning or a batch is named .jsonl.",
    f"{_REQUEST}/purpose",
    operations="createFile",
)
def lines_named(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, where the name has an ending at all: clients name what comes from memory ``upload``."""
    for file in exchange.files if at(exchange.request, "purpose") in _LINES else ():
        _, dot, ending = (file.filename or "").rpartition(".")
        if dot and ending.lower() != "jsonl":
            yield rule.broken(("file",), "a name that ends in .jsonl", "another ending")


@rules.request(
    "vision-image",
    "A file for vision is an image.",
    f"{_REQUEST}/purpose",
    severity="hazard",
    operations="createFile",
)
def vision_image(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule from type and first bytes; a hazard, since it is refused only when it is used."""
    for file in exchange.files if at(exchange.request, "purpose") == "vision" else ():
        if not file.content_type.startswith("image/") and picture(file.data) is None:
            yield rule.broken(("file",), "an image", "another kind of file")


@rules.response(
    "upload-echo",
    "The answer tells the bytes, the name and the purpose of the file that was sent.",
    f"{_FILE}/bytes",
    operations="createFile",
)
def upload_echo(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a file without a name gets one from the server."""
    for file in exchange.files[:1]:
        told = integer(at(exchange.response, "bytes"))
        if told is not None and told != len(file.data):
            yield rule.broken(("bytes",), f"{len(file.data)}, the size of the file", str(told))
        name = text(at(exchange.response, "filename"))
        if file.filename and name is not None and name != file.filename:
            yield rule.broken(("filename",), "the name of the file", "another name")
    purpose, told_purpose = at(exchange.request, "purpose"), text(at(exchange.response, "purpose"))
    if isinstance(purpose, str) and told_purpose is not None and told_purpose != purpose:
        yield rule.broken(("purpose",), "the purpose that was given", "another one")


@rules.response(
    "expiry",
    "A file expires as long after its creation as expires_after says.",
    f"{_FILE}/expires_at",
    operations="createFile",
    when="expires_after",
)
def expiry(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, with a second to spare."""
    seconds = integer(at(exchange.request, "expires_after", "seconds"))
    if seconds is not None:
        yield from _expires(rule, exchange, seconds)


@rules.response(
    "batch-expiry",
    "A file for a batch expires after 30 days unless the request says otherwise.",
    f"{_FILE}/expires_at",
    severity="hazard",
    operations="createFile",
)
def batch_expiry(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since a server that keeps a file longer does no harm."""
    if at(exchange.request, "purpose") == "batch" and at(exchange.request, "expires_after") is None:
        yield from _expires(rule, exchange, _THIRTY_DAYS)


def _expires(rule: Rule, exchange: Exchange, seconds: int) -> Iterator[Violation]:
    created, expires = integer(at(exchange.response, "created_at")), integer(at(exchange.response, "expires_at"))
    if created is None:
        return
    if expires is None or abs(expires - created - seconds) > 1:
        yield rule.broken(("expires_at",), f"{seconds} seconds after created_at", describe(expires))


@rules.response("status-details", "A file with an error says what is wrong.", f"{_FILE}/status_details")
def status_details(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    if at(exchange.response, "status") == "error" and not at(exchange.response, "status_details"):
        yield rule.broken(("status_details",), "what is wrong with the file", "nothing")


@rules.response(
    "purpose-asked",
    "A list of files of a purpose holds no others.",
    "#/components/schemas/ListFilesResponse/properties/data",
    operations="listFiles",
)
def purpose_asked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; told once."""
    asked = text(exchange.query.get("purpose"))
    for number, file in objects(at(exchange.response, "data")):
        purpose = text(file.get("purpose"))
        if asked and purpose is not None and purpose != asked:
            yield rule.broken(("data", number, "purpose"), "the purpose that was asked for", "another one")
            return
