"""Rules of streamed responses beside their text: how calls of tools go on, how parts are numbered, how it begins.

The rule of this module: it looks at single items and parts, and keeps a number or two for each of at most ``KEPT`` of
them. Its reducer is a base, not one more reducer, because a call for each event counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules.read import at, integer, is_base64, listed, objects, text
from assay.rules.registry import Exchange, Reducer, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.violation import Violation

__all__ = ["KEPT", "Progress", "ResumedEvents", "resumed_rules", "rules"]

KEPT = 4096

rules = RuleSet("responses-stream", "createResponse")
resumed_rules = RuleSet("responses-stream", "getResponse")

_ADDED = "#/components/schemas/ResponseOutputItemAddedEvent/properties/item"
_PART = "#/components/schemas/PartEvent/properties/content_index"
_IMAGE = "#/components/schemas/ResponseImageGenCallPartialImageEvent/properties"

CREATED_EMPTY = rules.stream(
    "created-empty",
    "The response is created without output, queued or in progress.",
    "#/components/schemas/ResponseCreatedEvent",
)
PROGRESS_SECOND = rules.stream(
    "progress-second",
    "After response.created comes response.in_progress, or response.queued and then it.",
    "#/components/schemas/ResponseInProgressEvent",
)
ITEM_ID = rules.stream(
    "item-id", "item_id is the id of the item at output_index.", "#/components/schemas/ItemEvent/properties/item_id"
)
ITEM_BEGUN = rules.stream("item-begun", "An item that is added is not incomplete yet.", _ADDED, severity="hazard")
PART_INDEX = rules.stream("part-index", "The parts of an item are numbered 0, 1, 2 as they are added.", _PART)
ANNOTATION_INDEX = rules.stream(
    "annotation-index",
    "The annotations of a part are numbered 0, 1, 2 as they are added.",
    "#/components/schemas/ResponseOutputTextAnnotationAddedEvent/properties/annotation_index",
)
CALL_PROGRESS = rules.stream(
    "call-progress",
    "A tool call goes from in_progress over its work to one end, and never back.",
    "#/components/schemas/ItemEvent",
)
IMAGE_INDEX = rules.stream(
    "image-index", "Partial images are base64, numbered 0, 1, 2 in each call.", f"{_IMAGE}/partial_image_index"
)
IMAGES_ASKED = rules.stream(
    "images-asked",
    "There are no more partial images than the tool asks for.",
    "#/components/schemas/ImageGenTool/properties/partial_images",
)
OBFUSCATION = rules.stream(
    "obfuscation-unasked",
    "Events are not padded when include_obfuscation is false.",
    "#/components/schemas/CreateResponse/properties/stream_options",
)
USAGE_MISSING = rules.stream(
    "usage-missing", "The completed response tells its usage.", "#/components/schemas/ResponseUsage"
)
DONE_MARKER = rules.stream(
    "done-marker",
    "There is no [DONE]: the last event ends the stream.",
    "#/components/schemas/ResponseStreamEvent",
    severity="hazard",
)
RESUMED_AFTER = resumed_rules.stream(
    "resumed-after",
    "A stream that is taken up again begins after starting_after.",
    "#/components/schemas/StreamEvent/properties/sequence_number",
)

# The stages of a call by the last word of its event; text that comes in pieces counts as work.
_STAGES = {"in_progress": 0, "delta": 1, "done": 1, "searching": 2, "generating": 2, "interpreting": 2,
           "completed": 3, "failed": 3}  # fmt: skip
_CALLS = ("response.web_search_call.", "response.file_search_call.", "response.code_interpreter_call",
          "response.image_generation_call.", "response.mcp_call.", "response.mcp_list_tools.")  # fmt: skip
_END = 3


class Progress(Reducer):
    """What the reducer of a stream's text builds on."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self.number = 0
        self._ids: dict[int, str] = {}  # output_index -> id of the item
        self._counts: dict[tuple[Any, ...], int] = {}  # what is numbered -> the next number
        self._stages: dict[tuple[Any, ...], int] = {}  # call -> its stage
        self._begins: tuple[str, ...] = ("response.created",)
        options = at(exchange.request, "stream_options")
        self._plain = at(options, "include_obfuscation") is False
        tools = [tool for _, tool in objects(at(exchange.request, "tools")) if tool.get("type") == "image_generation"]
        self._images = max((integer(tool.get("partial_images")) or 0 for tool in tools), default=0)

    def tell(self, found: list[Violation], rule: Rule, path: tuple[str | int, ...], expected: str, got: str) -> None:
        """Add a violation of the event at hand, once for each rule."""
        self.once(found, rule.broken((self.number, *path), expected, got, part="event"))

    def mark(self, number: int, text: str) -> Sequence[Violation]:  # noqa: ARG002
        """Take the marker that other streams end with."""
        return (DONE_MARKER.broken((number,), "the end of the stream", "[DONE]", part="event"),)

    def read_progress(self, found: list[Violation], event: dict[str, Any], kind: str) -> None:
        """Judge one event."""
        if self._plain and "obfuscation" in event:
            self.tell(found, OBFUSCATION, ("obfuscation",), "none, as include_obfuscation is false", "padding")
        if "item_id" in event:
            self._read_id(found, event)
        if self._begins:
            self._read_beginning(found, kind)
        if kind.startswith(_CALLS):
            self._read_call(found, event, kind)
        elif kind == "response.output_item.added":
            self._read_item(found, event)
        elif kind == "response.content_part.added":
            self._count(found, PART_INDEX, event, "content_index", (event.get("output_index"),))
        elif kind == "response.output_text.annotation.added":
            part = (event.get("output_index"), event.get("content_index"))
            self._count(found, ANNOTATION_INDEX, event, "annotation_index", part)
        elif kind == "response.created":
            self._read_created(found, event.get("response"))
        elif kind == "response.completed" and at(event, "response") and at(event, "response", "usage") is None:
            self.tell(found, USAGE_MISSING, ("response", "usage"), "the usage of a completed response", "none")

    def _read_beginning(self, found: list[Violation], kind: str) -> None:
        due = self._begins
        self._begins = {
            "response.created": ("response.in_progress", "response.queued"),
            "response.queued": ("response.in_progress",),
        }.get(kind, ())
        if due[0] == "response.in_progress" and kind not in due and kind.startswith("response.output"):
            self.tell(found, PROGRESS_SECOND, ("type",), " or ".join(due), "another event")

    def _read_created(self, found: list[Violation], response: Any) -> None:
        if listed(at(response, "output")):
            self.tell(found, CREATED_EMPTY, ("response", "output"), "no output yet", "items")
        status = text(at(response, "status"))
        if status not in (None, "queued", "in_progress"):
            self.tell(found, CREATED_EMPTY, ("response", "status"), "queued or in_progress", describe(status))

    def _read_item(self, found: list[Violation], event: dict[str, Any]) -> None:
        index, given = integer(event.get("output_index")), text(at(event, "item", "id"))
        if index is not None and given is not None and len(self._ids) < KEPT:
            self._ids[index] = given
        if at(event, "item", "status") == "incomplete":
            self.tell(found, ITEM_BEGUN, ("item", "status"), "the status of an item that has begun", "incomplete")

    def _read_id(self, found: list[Violation], event: dict[str, Any]) -> None:
        index = event.get("output_index")
        due = self._ids.get(index) if isinstance(index, int) else None
        if due is not None and event["item_id"] != due:
            self.tell(found, ITEM_ID, ("item_id",), "the id of the item at output_index", "another id")

    def _count(
        self, found: list[Violation], rule: Rule, event: dict[str, Any], name: str, owner: tuple[Any, ...]
    ) -> None:
        number, key = integer(event.get(name)), (rule.id, *(integer(step) for step in owner))
        due = self._counts.get(key, 0)
        if number is None or len(self._counts) >= KEPT:
            return
        if number != due:
            self.tell(found, rule, (name,), str(due), str(number))
        self._counts[key] = due + 1

    def _read_call(self, found: list[Violation], event: dict[str, Any], kind: str) -> None:
        if kind == "response.image_generation_call.partial_image":
            self._read_image(found, event)
        stage = _STAGES.get(kind.rpartition(".")[2])
        key = (text(event.get("item_id")), integer(event.get("output_index")))
        if stage is None or len(self._stages) >= KEPT:
            return
        before = self._stages.get(key, 0)
        if stage < before or (before == _END and stage == _END):
            self.tell(
                found, CALL_PROGRESS, ("type",), "a later stage of the call, or none", "an earlier one, or a second end"
            )
        self._stages[key] = max(stage, before)

    def _read_image(self, found: list[Violation], event: dict[str, Any]) -> None:
        index = integer(event.get("output_index"))
        self._count(found, IMAGE_INDEX, event, "partial_image_index", (index,))
        encoded = text(event.get("partial_image_b64"))
        if encoded is not None and not is_base64(encoded):
            self.tell(found, IMAGE_INDEX, ("partial_image_b64",), "base64 text", "other text")
        if self._counts.get((IMAGE_INDEX.id, index), 0) > self._images:
            self.tell(found, IMAGES_ASKED, (), f"at most {self._images} partial images", "one more")


@resumed_rules.reducer
class ResumedEvents(Reducer):
    """The events of a response that is read again."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self._after = integer(exchange.query.get("starting_after"))

    def feed(self, number: int, value: Any, name: str) -> Sequence[Violation]:  # noqa: ARG002
        """Take one event."""
        found: list[Violation] = []
        sequence = integer(at(value, "sequence_number"))
        if self._after is not None and sequence is not None and sequence <= self._after:
            expected = f"a number above {self._after}, as starting_after asks"
            broken = RESUMED_AFTER.broken((number, "sequence_number"), expected, str(sequence), part="event")
            self.once(found, broken)
        return found
