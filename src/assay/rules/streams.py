"""How a data-only event stream ends: ``[DONE]`` once, last, alone, exactly so; or an error event.

The rule of this module: it looks at the frame and not into the chunks, so that it holds for every operation whose
stream ends with the marker. Its reducer is a base, not one more reducer, because a call for each event counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules.registry import Exchange, Reducer, RuleSet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.violation import Violation

__all__ = ["Framing", "is_error", "rules"]

rules = RuleSet("stream", "createChatCompletion", "createCompletion", "listFineTuneEvents")

_STREAM = "#/components/schemas/CreateCompletionRequest/properties/stream"

DONE_MISSING = rules.stream("done-missing", "The stream ends with [DONE], or with an error event.", _STREAM)
DONE_ONCE = rules.stream("done-once", "[DONE] comes once.", _STREAM)
DONE_LAST = rules.stream("done-last", "Nothing follows [DONE].", _STREAM)
DONE_EXACT = rules.stream("done-exact", "The end marker is [DONE] without white space around it.", _STREAM)
EVENT_NAME = rules.stream("event-name", "The events have data only and no name.", _STREAM, severity="hazard")


def is_error(value: Any) -> bool:
    """Whether an event tells of a failure in the middle of a stream; it is a legal end."""
    return isinstance(value, dict) and bool(value.get("error")) and not value.get("choices")


class Framing(Reducer):
    """Where the end marker comes, and what comes after it; the reducers of data-only streams build on it."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self.done = False
        self.failed = False  # an error event has come

    def read_frame(self, found: list[Violation], number: int, name: str) -> None:
        """Judge the frame of an event with JSON data."""
        if self.done:
            self.once(
                found, DONE_LAST.broken((number,), "the end of the stream after [DONE]", "an event", part="event")
            )
        if name not in ("message", "error"):
            self.once(found, EVENT_NAME.broken((number,), "an event without a name", "a named event", part="event"))

    def mark(self, number: int, text: str) -> Sequence[Violation]:
        """Take the end marker."""
        found: list[Violation] = []
        if self.done:
            self.once(found, DONE_ONCE.broken((number,), "the end of the stream after [DONE]", "[DONE]", part="event"))
        if text != text.strip():
            self.once(found, DONE_EXACT.broken((number,), "[DONE]", "[DONE] beside white space", part="event"))
        self.done = True
        return found

    def close(self) -> Sequence[Violation]:
        """Take the end of the stream."""
        if self.done or self.failed:
            return ()
        return (DONE_MISSING.broken((), "[DONE] at the end", "the end without it", part="stream"),)
