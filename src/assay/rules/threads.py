"""Rules of the messages of threads.

The rule of this module: what a message says of itself must agree; what the prose only implies is a hazard.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from assay.rules.read import at, integer, objects, shown, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

_SHOWN = "listMessages createMessage getMessage modifyMessage"
_SENT = "createMessage createThread createRun createThreadAndRun"

rules = RuleSet("threads", *_SHOWN.split())

_MESSAGE = "#/components/schemas/MessageObject/properties"
_OTHER_IMAGES = re.compile(r"\.(avif|bmp|eps|heic|heif|ico|pdf|psd|raw|svg|tiff?)", re.IGNORECASE)


@rules.request(
    "image-kind",
    "An image by address is a JPEG, PNG, GIF or WebP.",
    "#/components/schemas/MessageContentImageUrlObject/properties/image_url",
    severity="hazard",
    operations=_SENT,
)
def image_kind(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; only an address whose ending says that it is something else breaks it."""
    for path, message in _sent(exchange.request):
        for number, part in objects(message.get("content")):
            address = text(at(part, "image_url", "url"))
            if address is not None and _OTHER_IMAGES.fullmatch(_ending(address)):
                place = (*path, "content", number, "image_url", "url")
                yield rule.broken(place, "the address of a JPEG, PNG, GIF or WebP", "that of another kind of file")


@rules.response(
    "status-reasons",
    "incomplete_details and incomplete_at are set exactly when the status is incomplete.",
    f"{_MESSAGE}/incomplete_details",
    operations=_SHOWN,
)
def status_reasons(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, message in shown(exchange.response):
        status, details = text(message.get("status")), message.get("incomplete_details")
        if status == "incomplete":
            for name in ("incomplete_details", "incomplete_at"):
                if message.get(name) is None:
                    yield rule.broken((*path, name), "a value, as status is incomplete", "null")
        elif status is not None and details is not None:
            place = (*path, "incomplete_details")
            yield rule.broken(place, "null, as status is not incomplete", describe(details))


@rules.response("run-of-user", "A message of the user's is of no run.", f"{_MESSAGE}/run_id", severity="hazard",
                operations=_SHOWN)  # fmt: skip
def run_of_user(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since a run may be asked for together with messages."""
    for path, message in shown(exchange.response):
        if message.get("role") == "user" and message.get("run_id") is not None:
            yield rule.broken((*path, "run_id"), "null, as the role is user", describe(message["run_id"]))


@rules.response("run-filter", "With run_id only the messages of that run are listed.", f"{_MESSAGE}/run_id",
                operations="listMessages")  # fmt: skip
def run_filter(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    wanted = text(exchange.query.get("run_id"))
    for path, message in shown(exchange.response):
        if wanted and "run_id" in message and message["run_id"] != wanted:
            yield rule.broken((*path, "run_id"), "the run_id that was asked for", "another one")


@rules.response(
    "annotation-text",
    "The indexes of an annotation give the text that it replaces.",
    "#/components/schemas/MessageContentTextAnnotationsFileCitationObject/properties/start_index",
    severity="hazard",
    operations=_SHOWN,
)
def annotation_text(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since the indexes may count other units than characters."""
    for path, message in shown(exchange.response):
        for number, part in objects(message.get("content")):
            whole = text(at(part, "text", "value"))
            for place, note in objects(at(part, "text", "annotations")):
                start, end = integer(note.get("start_index")), integer(note.get("end_index"))
                named = text(note.get("text"))
                if whole is None or named is None or start is None or end is None or start < 0:
                    continue
                if start > end or whole[start:end] != named:
                    where = (*path, "content", number, "text", "annotations", place, "start_index")
                    yield rule.broken(where, "indexes that give the text of the annotation", "others")


def _sent(request: Any) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    """The messages that a request brings, with their places: itself, or those of a list."""
    if isinstance(request, dict) and "role" in request:
        yield (), request
    for steps in (("messages",), ("additional_messages",), ("thread", "messages")):
        yield from (((*steps, number), message) for number, message in objects(at(request, *steps)))


def _ending(address: str) -> str:
    """The ending of an address's last segment, with its dot; empty where there is none."""
    try:
        name = urlsplit(address).path.rpartition("/")[2]
    except ValueError:
        return ""
    return f".{name.rpartition('.')[2]}" if "." in name else ""
