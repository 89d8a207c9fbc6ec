"""Rules of streamed responses: the order of the events, and that what was streamed is what is said at the end.

The rule of this module: text is never kept, only its length and checksum, so that a stream of any length costs a
few numbers for each part of each item (of at most ``ITEMS_KEPT`` items and parts; more are not followed).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from assay.rules import accounting
from assay.rules.read import at, integer, listed, objects, text
from assay.rules.registry import Exchange, RuleSet
from assay.rules.responses_progress import Progress
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.violation import Violation

__all__ = ["ITEMS_KEPT", "ResponseEvents", "rules"]

ITEMS_KEPT = 4096

rules = RuleSet("responses-stream", "createResponse")

_EVENT = "#/components/schemas/ResponseStreamEvent"
_ADDED = "#/components/schemas/ResponseOutputItemAddedEvent"
_DONE = "#/components/schemas/ResponseOutputItemDoneEvent"

SEQUENCE = rules.stream("sequence", "sequence_number counts the events from 0.", _EVENT)
EVENT_NAME = rules.stream("event-name", "The event's name is the type in its data.", _EVENT)
EVENT_NAMED = rules.stream("event-named", "Every event has a name.", _EVENT, severity="hazard")
CREATED_FIRST = rules.stream(
    "created-first", "response.created comes first and once.", "#/components/schemas/ResponseCreatedEvent"
)
END_MISSING = rules.stream(
    "end-missing", "The stream ends with response.completed, .incomplete or .failed, or with an error.", _EVENT
)
END_LAST = rules.stream("end-last", "Nothing follows the event that ends the response.", _EVENT)
SAME_ID = rules.stream("same-id", "All events carry the same response.", "#/components/schemas/Response/properties/id")
STATUS = rules.stream(
    "status", "The status of the response agrees with the event.", "#/components/schemas/Response/properties/status"
)
ITEM_ADDED = rules.stream("item-added", "An item is added before anything else is told of it.", _ADDED)
ITEM_INDEX = rules.stream("item-index", "Items are numbered 0, 1, 2 as they are added.", f"{_ADDED}/properties")
ITEM_DONE = rules.stream("item-done", "Every item that was added is done before the response is completed.", _DONE)
PART_ADDED = rules.stream(
    "part-added", "A part is added before its text.", "#/components/schemas/ResponseContentPartAddedEvent"
)
TEXT_JOINED = rules.stream(
    "text-joined", "The deltas join to the text that is told at the end.", "#/components/schemas/ResponseTextDoneEvent"
)
DELTAS_MISSING = rules.stream(
    "deltas-missing", "Text that is told whole came in deltas before.", "#/components/schemas/ResponseTextDeltaEvent"
)
# A hazard, for the service itself is known to send arguments so (of gpt-5.3-codex-spark), and clients to lose them.
WHOLE_ONLY = rules.stream(
    "whole-only",
    "The arguments of a function call, and summaries, come in deltas before they are told whole.",
    "#/components/schemas/ResponseFunctionCallArgumentsDeltaEvent",
    severity="hazard",
)
PART_DONE = rules.stream(
    "part-done",
    "A part is done after its text, with the same text.",
    "#/components/schemas/ResponseContentPartDoneEvent/properties/part",
)
TEXT_DONE = rules.stream(
    "text-done", "Text that was streamed is told whole before its item is done.", f"{_DONE}/properties/item"
)
ITEM_FINAL = rules.stream("item-final", "The finished item holds what was streamed.", f"{_DONE}/properties/item")
RESPONSE_FINAL = rules.stream(
    "response-final",
    "The finished response holds the finished items, in order.",
    "#/components/schemas/ResponseCompletedEvent/properties/response",
)
USAGE = rules.stream(
    "usage-sums", "total_tokens is input_tokens + output_tokens.", "#/components/schemas/ResponseUsage"
)

_STATUSES = {
    "response.in_progress": "in_progress",
    "response.queued": "queued",
    "response.completed": "completed",
    "response.failed": "failed",
    "response.incomplete": "incomplete",
}
_ENDS = ("response.completed", "response.failed", "response.incomplete")
# Events that bring a text in pieces: the kind of event, and the property of its ``.done`` that holds the whole.
_WHOLE = {
    "response.output_text": "text",
    "response.refusal": "refusal",
    "response.reasoning_text": "text",
    "response.reasoning_summary_text": "text",
    "response.function_call_arguments": "arguments",
    "response.mcp_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
    "response.code_interpreter_call_code": "code",
}
# Of these the part must have been added first, by the event named.
_PARTS = {
    "response.output_text": "content",
    "response.refusal": "content",
    "response.reasoning_summary_text": "summary",
}
# Of these at least one piece must have come before the whole.
_IN_DELTAS = {
    "response.output_text": DELTAS_MISSING,
    "response.refusal": DELTAS_MISSING,
    "response.reasoning_summary_text": WHOLE_ONLY,
    "response.function_call_arguments": WHOLE_ONLY,
}

# The types of parts whose text is streamed.
_PART_TEXTS = {
    "output_text": "response.output_text",
    "refusal": "response.refusal",
    "reasoning_text": "response.reasoning_text",
}

Digest = tuple[int, int]


def _grown(digest: Digest, more: str) -> Digest:
    return digest[0] + len(more), zlib.crc32(more.encode("utf-8", "surrogatepass"), digest[1])


def _digest(whole: Any) -> Digest | None:
    return _grown((0, 0), whole) if isinstance(whole, str) else None


def _substance(item: dict[str, Any]) -> tuple[Any, ...]:
    """What of a finished item must come again in the finished response."""
    texts = tuple(_digest(part.get("text")) for _, part in objects(item.get("content")))
    return item.get("type"), item.get("id"), _digest(item.get("arguments")), texts


@rules.reducer
class ResponseEvents(Progress):
    """The events of one response."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self._next = 0
        self._first = True
        self._ended = ""
        self._id: str | None = None
        self._items: dict[int, Any] = {}  # output_index -> type of the item
        self._finished: dict[int, tuple[Any, ...]] = {}  # output_index -> its substance
        self._parts: set[tuple[str, int, int]] = set()
        self._texts: dict[tuple[str, int, int], Digest] = {}  # what the deltas joined to so far
        self._wholes: dict[tuple[str, int, int], Digest | None] = {}  # what was told at the end
        self._names: dict[int, str] = {}  # output_index -> name of the function, as told with its arguments

    def feed(self, number: int, value: Any, name: str) -> Sequence[Violation]:
        """Take one event."""
        found: list[Violation] = []
        kind = text(at(value, "type"))
        if kind is None:
            return found
        self.number = number
        self._read_frame(found, value, kind, name)
        self.read_progress(found, value, kind)
        stem, _, last = kind.rpartition(".")
        if last == "delta" and stem in _WHOLE:
            self._read_delta(found, value, stem)
        elif last == "done" and stem in _WHOLE:
            self._read_whole(found, value, stem)
        elif kind == "response.output_item.added":
            self._add_item(found, value)
        elif kind == "response.output_item.done":
            self._finish_item(found, value)
        elif kind in ("response.content_part.added", "response.reasoning_summary_part.added"):
            self._add_part(found, value, "content" if "content" in kind else "summary")
        elif kind == "response.content_part.done":
            self._finish_part(found, value)
        elif "response" in value:
            self._read_response(found, value["response"], kind)
        return found

    def close(self) -> Sequence[Violation]:
        """Take the end of the stream."""
        if self._ended:
            return ()
        expected = "response.completed, .incomplete, .failed or an error"
        return (END_MISSING.broken((), expected, "the end of the stream", part="stream"),)

    def _read_frame(self, found: list[Violation], event: dict[str, Any], kind: str, name: str) -> None:
        """Judge name, number and order."""
        if name == "message":
            self.tell(found, EVENT_NAMED, (), "an event with a name", "one without")
        elif name != kind:
            self.tell(found, EVENT_NAME, ("type",), "the event's name", "another type")
        sequence = integer(event.get("sequence_number"))
        if sequence is not None:
            if sequence != self._next:
                self.tell(found, SEQUENCE, ("sequence_number",), str(self._next), str(sequence))
            self._next = sequence + 1
        if self._ended and not (self._ended == "error" and kind == "response.failed"):
            self.tell(found, END_LAST, (), f"the end of the stream after {self._ended}", "an event")
        if self._first is not (kind == "response.created") and kind != "error":
            expected = "response.created first" if self._first else "response.created once"
            self.tell(found, CREATED_FIRST, ("type",), expected, "another event" if self._first else "it again")
        self._first = False
        if kind in _ENDS or kind == "error":
            self._ended = kind

    def _key(self, event: dict[str, Any], stem: str) -> tuple[str, int, int] | None:
        index = integer(event.get("output_index"))
        inner = event.get("summary_index" if "summary" in stem else "content_index")
        return None if index is None else (stem, index, integer(inner) or 0)

    def _known(self, found: list[Violation], event: dict[str, Any]) -> int | None:
        """The index of the event's item, when it was added."""
        index = integer(event.get("output_index"))
        if index is None or index in self._items or len(self._items) >= ITEMS_KEPT:
            return index
        self.tell(found, ITEM_ADDED, ("output_index",), "the index of an item that was added", str(index))
        return None

    def _read_delta(self, found: list[Violation], event: dict[str, Any], stem: str) -> None:
        key, delta = self._key(event, stem), text(event.get("delta"))
        if key is None or delta is None:
            return
        before = self._texts.get(key)
        if before is None:
            # Once for each text: later deltas are in the same place.
            if self._known(found, event) is None or len(self._texts) >= ITEMS_KEPT:
                return
            before = (0, 0)
            part = _PARTS.get(stem)
            if part is not None and (part, *key[1:]) not in self._parts:
                self.tell(found, PART_ADDED, (), f"an event that adds the {part} part before its text", "none")
        self._texts[key] = _grown(before, delta)

    def _read_whole(self, found: list[Violation], event: dict[str, Any], stem: str) -> None:
        key, whole = self._key(event, stem), _digest(event.get(_WHOLE[stem]))
        if key is None or self._known(found, event) is None or len(self._wholes) >= ITEMS_KEPT:
            return
        self._wholes[key] = whole
        if stem == "response.function_call_arguments" and (name := text(event.get("name"))) is not None:
            self._names[key[1]] = name
        joined = self._texts.get(key)
        if joined is None and whole is not None and whole[0] and stem in _IN_DELTAS and len(self._texts) < ITEMS_KEPT:
            expected = f"{stem}.delta of this part before its whole, of {whole[0]} characters"
            self.tell(found, _IN_DELTAS[stem], (_WHOLE[stem],), expected, "none")
        elif joined is not None and whole is not None and joined != whole:
            expected = f"the {joined[0]} characters of the deltas"
            self.tell(found, TEXT_JOINED, (_WHOLE[stem],), expected, f"other text, of {whole[0]} characters")

    def _add_item(self, found: list[Violation], event: dict[str, Any]) -> None:
        index = integer(event.get("output_index"))
        if index is None or len(self._items) >= ITEMS_KEPT:
            return
        if index != len(self._items):
            self.tell(found, ITEM_INDEX, ("output_index",), f"{len(self._items)}, the next number", str(index))
        self._items[index] = at(event, "item", "type")

    def _add_part(self, found: list[Violation], event: dict[str, Any], kind: str) -> None:
        index, inner = self._known(found, event), integer(event.get(f"{kind}_index"))
        if index is not None and inner is not None and len(self._parts) < ITEMS_KEPT:
            self._parts.add((kind, index, inner))

    def _finish_part(self, found: list[Violation], event: dict[str, Any]) -> None:
        """Compare a finished part with the text that was told before."""
        index, inner = self._known(found, event), integer(event.get("content_index"))
        stem = _PART_TEXTS.get(text(at(event, "part", "type")) or "")
        if index is None or inner is None or stem is None:
            return
        name, key = _WHOLE[stem], (stem, index, inner)
        digest = _digest(at(event, "part", name))
        if key in self._texts and key not in self._wholes:
            self.tell(found, PART_DONE, (), f"{stem}.done before the part is done", "none")
        elif self._wholes.get(key, digest) not in (None, digest):
            self.tell(found, PART_DONE, ("part", name), "the text that was streamed", "another text")

    def _finish_item(self, found: list[Violation], event: dict[str, Any]) -> None:
        index, item = self._known(found, event), event.get("item")
        if index is None or not isinstance(item, dict):
            return
        self._finished[index] = _substance(item)
        for key in self._texts:
            if key[1] == index and key not in self._wholes:
                self.tell(found, TEXT_DONE, ("item",), f"{key[0]}.done before the item is done", "none")
        if item.get("type") == "function_call":
            told = self._names.get(index)
            if told is not None and item.get("name") != told:
                self.tell(found, ITEM_FINAL, ("item", "name"), "the name that was told", "another name")
            self._compare(found, ("response.function_call_arguments", index, 0), item.get("arguments"), ("arguments",))
        for inner, part in objects(item.get("content")):
            if part.get("type") == "output_text":
                key = ("response.output_text", index, inner)
                self._compare(found, key, part.get("text"), ("content", inner, "text"))

    def _compare(
        self, found: list[Violation], key: tuple[str, int, int], whole: Any, path: tuple[str | int, ...]
    ) -> None:
        """Compare a text of a finished item with the one that was told before."""
        digest = _digest(whole)
        if digest is None or (key not in self._wholes and len(self._wholes) >= ITEMS_KEPT):
            return
        if key not in self._wholes:
            if digest[0] and key not in self._texts:
                self.tell(found, TEXT_DONE, ("item", *path), f"{key[0]}.done before the item is done", "none")
        elif self._wholes[key] not in (None, digest):
            self.tell(found, ITEM_FINAL, ("item", *path), "the text that was streamed", "another text")

    def _read_response(self, found: list[Violation], response: Any, kind: str) -> None:
        """Judge an event that carries the whole response."""
        given = text(at(response, "id"))
        self._id = given if self._id is None else self._id
        if given is not None and given != self._id:
            self.tell(found, SAME_ID, ("response", "id"), "the id of the first event", "another id")
        status, due = text(at(response, "status")), _STATUSES.get(kind)
        if status is not None and due is not None and status != due:
            self.tell(found, STATUS, ("response", "status"), due, describe(status))
        usage = accounting.sums(USAGE, at(response, "usage"), ("response", "usage"), "input_tokens", "output_tokens")
        for violation in usage:
            self.tell(found, USAGE, violation.path, violation.expected, violation.got)
        if kind != "response.completed":
            return
        unfinished = [i for i, of in self._items.items() if i not in self._finished and of != "mcp_list_tools"]
        if unfinished:
            got = f"item {unfinished[0]} unfinished"
            self.tell(found, ITEM_DONE, (), "response.output_item.done of every item before", got)
            return
        self._compare_output(found, response)

    def _compare_output(self, found: list[Violation], response: Any) -> None:
        if not isinstance(at(response, "output"), list) or len(self._items) >= ITEMS_KEPT:
            return
        final = [_substance(item) for _, item in objects(listed(response["output"]))]
        streamed = [self._finished[index] for index in sorted(self._finished)]
        if [s for s in final if s[0] != "mcp_list_tools"] != [s for s in streamed if s[0] != "mcp_list_tools"]:
            got = f"other items ({len(final)})"
            self.tell(found, RESPONSE_FINAL, ("response", "output"), f"the {len(streamed)} items that were done", got)
