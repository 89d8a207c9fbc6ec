"""What one event of a stream must satisfy: the item schema, applied to the event's data or to the event as an object.

The rule of this module: a description says in one of three ways what an event is, and each is recognised by the
schema alone: the JSON of the data (``{id, choices, ...}``), an object with the event's name and its data
(``{event, data}``, as the assistants' streams are described), or OpenAPI 3.2's own form, where ``data`` is a string
whose ``contentSchema`` describes the JSON in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.model import Shape
    from assay.schema.check import Check, Schemas
    from assay.violation import Violation

__all__ = ["EventCheck", "event_check"]

_FIELDS = frozenset({"event", "data", "id", "retry"})


@dataclass(frozen=True, slots=True)
class EventCheck:
    """The check of one event. ``named`` says that the schema describes ``{event, data}`` and not the data alone."""

    reference: str
    check: Check
    named: bool = False

    def ok(self, name: str, value: Any) -> bool:
        """Say whether an event with this name and this parsed data is valid."""
        return self.check.ok({"event": name, "data": value} if self.named else value)

    def explain(self, number: int, name: str, value: Any) -> tuple[Violation, ...]:
        """Say what is wrong with event ``number`` (counted from 0)."""
        whole = {"event": name, "data": value} if self.named else value
        return self.check.explain(whole, part="event", path=(number,))


def event_check(schemas: Schemas, reference: str) -> EventCheck:
    """Make the check for an item schema."""
    shape = schemas.shape(reference)
    inside = _content_schema(schemas, reference) if "data" in shape.properties else None
    if inside is not None:
        return EventCheck(inside, schemas.check(inside))
    return EventCheck(reference, schemas.check(reference), named=_is_event_object(shape))


def _is_event_object(shape: Shape) -> bool:
    names = set(shape.properties)
    return {"event", "data"} <= names <= _FIELDS


def _content_schema(schemas: Schemas, reference: str) -> str | None:
    """The schema of the JSON inside ``data``, where the description is written in OpenAPI 3.2's own form."""
    for place in schemas.places.same_value(schemas.places.at(reference)):
        data = place.named().get("data")
        if data is not None and data.keyword("contentSchema") is not None:
            return data.child("contentSchema").reference
    return None
