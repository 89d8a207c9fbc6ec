"""Rules of the events of a run: their order, and that what was streamed is what is said at the end.

The rule of this module: text is never kept, only its length and checksum, and only of the messages of one run (at
most ``KEPT`` parts; more are not followed). An event of a kind that it does not know is passed over.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from assay.rules import accounting
from assay.rules.read import at, integer, objects, text
from assay.rules.registry import Exchange, Reducer, Rule, RuleSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.violation import Violation

__all__ = ["KEPT", "RunEvents", "rules"]

KEPT = 4096

rules = RuleSet("run-stream", "createRun", "createThreadAndRun", "submitToolOuputsToRun")

_EVENT = "#/components/schemas/AssistantStreamEvent"
_RUN = "#/components/schemas/RunStreamEvent"
_STEP = "#/components/schemas/RunStepStreamEvent"
_MESSAGE = "#/components/schemas/MessageStreamEvent"

DONE_MISSING = rules.stream("done-missing", "The stream ends with [DONE], or with an error.", _EVENT)
DONE_LAST = rules.stream("done-last", "Nothing follows [DONE].", _EVENT)
RUN_ORDER = rules.stream("run-order", "A run is created, queued, in progress, and then ends or waits.", _RUN)
STEP_ORDER = rules.stream("step-order", "A step is created, in progress, filled, and then ends.", _STEP)
MESSAGE_ORDER = rules.stream("message-order", "A message is created, in progress, filled, and then ends.", _MESSAGE)
ENDED = rules.stream("ended", "What was begun has ended before the run is completed.", _RUN)
END_MISSING = rules.stream("end-missing", "The run ends or waits before [DONE].", _RUN)
STATUS = rules.stream("status", "The status of an object agrees with its event.", _EVENT)
SAME_RUN = rules.stream("same-run", "All events are of one run.", _RUN)
TEXT_JOINED = rules.stream(
    "text-joined", "The deltas join to the text of the message.", "#/components/schemas/MessageDeltaObject"
)
USAGE = rules.stream(
    "usage-sums", "total_tokens is prompt_tokens + completion_tokens.", "#/components/schemas/RunCompletionUsage"
)

# What comes when; what shares a number comes in any order, and nothing follows the highest but the same event again.
_PLACES = {
    "created": 0, "queued": 1, "in_progress": 2, "delta": 3, "cancelling": 4, "requires_action": 5, "completed": 6,
    "incomplete": 6, "failed": 6, "cancelled": 6, "expired": 6,
}  # fmt: skip
_END = 6
_STOPPED = frozenset({"requires_action", "completed", "incomplete", "failed", "cancelled", "expired"})
_SAID = _STOPPED | {"queued", "in_progress", "cancelling"}

Digest = tuple[int, int]


def _grown(digest: Digest, more: str) -> Digest:
    return digest[0] + len(more), zlib.crc32(more.encode("utf-8", "surrogatepass"), digest[1])


@rules.reducer
class RunEvents(Reducer):
    """The events of one run."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        # The outputs of tool calls go to a run, and to a step of it, that were begun before this stream.
        self._continued = exchange.operation == "submitToolOuputsToRun"
        self._number = 0
        self._done = self._failed = self._stopped = False
        self._run: str | None = None
        self._place = -1  # of the run
        self._places: dict[tuple[str, str], int] = {}  # (kind, id) of a step or message -> the place it has reached
        self._texts: dict[tuple[str, int], Digest] = {}  # (message, part) -> what its deltas join to

    def feed(self, number: int, value: Any, name: str) -> Sequence[Violation]:
        """Take one event."""
        found: list[Violation] = []
        self._number = number
        if self._done:
            self._tell(found, DONE_LAST, (), "the end of the stream after [DONE]", "an event")
        self._failed = self._failed or name == "error"
        kind, _, last = name.rpartition(".")
        if not isinstance(value, dict) or last not in _PLACES:
            return found
        if kind == "thread.run":
            self._read_run(found, value, last)
        elif kind in ("thread.run.step", "thread.message"):
            self._read_part(found, value, kind, last)
        return found

    def mark(self, number: int, text: str) -> Sequence[Violation]:  # noqa: ARG002
        """Take the end marker."""
        found: list[Violation] = []
        self._number = number
        if self._done:
            self._tell(found, DONE_LAST, (), "the end of the stream after [DONE]", "[DONE]")
        elif not self._stopped and not self._failed:
            self._tell(found, END_MISSING, (), "an event that says how the run ended, before [DONE]", "[DONE]")
        self._done = True
        return found

    def close(self) -> Sequence[Violation]:
        """Take the end of the stream."""
        if self._done or self._failed:
            return ()
        return (DONE_MISSING.broken((), "[DONE] at the end", "the end without it", part="stream"),)

    def _tell(self, found: list[Violation], rule: Rule, path: tuple[str | int, ...], expected: str, got: str) -> None:
        self.once(found, rule.broken((self._number, *path), expected, got, part="event"))

    def _read_run(self, found: list[Violation], run: dict[str, Any], last: str) -> None:
        self._same_run(found, run.get("id"), "id")
        self._agree(found, run, last)
        place = _PLACES[last]
        if self._place < 0 and place != 0 and not self._continued:
            self._tell(found, RUN_ORDER, ("event",), "thread.run.created first", "another event of the run")
        elif place <= self._place:
            self._tell(found, RUN_ORDER, ("event",), "a later event of the run", "one that comes before the last")
        self._place = place
        self._stopped = self._stopped or last in _STOPPED
        if last == "completed" and any(reached < _END for reached in self._places.values()):
            self._tell(found, ENDED, ("event",), "the end of every step and message first", "the end of the run")
        for violation in accounting.sums(USAGE, run.get("usage"), (), "prompt_tokens", "completion_tokens"):
            path = ("data", "usage", "total_tokens")
            self._tell(found, USAGE, path, violation.expected, violation.got)

    def _read_part(self, found: list[Violation], part: dict[str, Any], kind: str, last: str) -> None:
        """Take an event of a step or of a message."""
        name = text(part.get("id"))
        if name is None or (len(self._places) >= KEPT and (kind, name) not in self._places):
            return
        if part.get("run_id") is not None:
            self._same_run(found, part["run_id"], "run_id")
        self._agree(found, part, last)
        rule = MESSAGE_ORDER if kind == "thread.message" else STEP_ORDER
        before, place = self._places.get((kind, name), -1), _PLACES[last]
        begun = before >= 0 or (self._continued and kind == "thread.run.step")
        if not begun and place != 0:
            self._tell(found, rule, ("event",), f"{kind}.created first", "another event of the same object")
        elif place < before or (place == before and last != "delta"):
            self._tell(found, rule, ("event",), "a later event of the object", "one that comes before the last")
        self._places[kind, name] = place
        if kind == "thread.message" and last == "delta":
            self._grow(part, name)
        elif kind == "thread.message" and last == "completed":
            self._compare(found, part, name)

    def _same_run(self, found: list[Violation], given: Any, field: str) -> None:
        if not isinstance(given, str):
            return
        if self._run is None:
            self._run = given
        elif given != self._run:
            self._tell(found, SAME_RUN, ("data", field), "the id of the run before", "another id")

    def _agree(self, found: list[Violation], item: dict[str, Any], last: str) -> None:
        status = text(item.get("status"))
        if last in _SAID and status is not None and status != last:
            self._tell(found, STATUS, ("data", "status"), "the status that the event's name says", "another status")

    def _grow(self, delta: dict[str, Any], name: str) -> None:
        for _, part in objects(at(delta, "delta", "content")):
            index, more = integer(part.get("index")), text(at(part, "text", "value"))
            if index is not None and more is not None and len(self._texts) < KEPT:
                self._texts[name, index] = _grown(self._texts.get((name, index), (0, 0)), more)

    def _compare(self, found: list[Violation], message: dict[str, Any], name: str) -> None:
        for number, part in objects(message.get("content")):
            whole = text(at(part, "text", "value"))
            if whole is not None and _grown((0, 0), whole) != self._texts.pop((name, number), (0, 0)):
                path = ("data", "content", number, "text", "value")
                self._tell(found, TEXT_JOINED, path, "the text that the deltas joined to", "another text")
