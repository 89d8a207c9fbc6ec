"""How events are described and written: the schema of an event's data, and server-sent events as bytes.

The rule of this module: what an event is, is read from its schema alone, in the three ways that descriptions use:
the data itself, an object of event name and data, or OpenAPI 3.2's string with a ``contentSchema``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.wire.json_text import write_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.model import Content
    from assay.schema.check import Schemas

__all__ = ["DONE", "EVENT_STREAM", "StreamForm", "Told", "event_bytes", "written"]

EVENT_STREAM = "text/event-stream"

Told = tuple[str | None, Any]
"""One event: its name (None without one), and its data as a JSON value; ``[DONE]`` is written as it is."""

DONE: Told = (None, "[DONE]")
"""The end marker."""

_FIELDS = frozenset({"event", "data", "id", "retry"})


class StreamForm:
    """How the events of one content are described. ``reference`` is the schema to make them by, or None."""

    __slots__ = ("named", "reference")

    def __init__(self, schemas: Schemas, content: Content) -> None:
        self.reference = content.item_schema or content.schema
        self.named = False
        if self.reference is None:
            return
        names = set(schemas.shape(self.reference).properties)
        self.named = {"event", "data"} <= names <= _FIELDS
        for place in schemas.places.same_value(schemas.places.at(self.reference)):
            data = place.named().get("data")
            if data is not None and data.keyword("contentSchema") is not None:
                self.reference, self.named = data.child("contentSchema").reference, False
                return

    def seen(self, name: str | None, value: Any) -> Any:
        """An event as its schema describes it."""
        return {"event": name or "message", "data": value} if self.named else value

    def told(self, value: Any) -> Told:
        """An event that its schema gave."""
        if self.named and isinstance(value, dict):
            name = value.get("event")
            return (name if isinstance(name, str) else None), value.get("data")
        return None, value


def event_bytes(told: Told) -> bytes:
    """Write one event."""
    name, value = told
    data = value if value == "[DONE]" else write_json(value)
    lead = f"event: {name}\n" if name is not None else ""
    return f"{lead}data: {data}\n\n".encode("utf-8", "replace")


def written(told: Iterable[Told]) -> bytes:
    """Write a stream."""
    return b"".join(map(event_bytes, told))
