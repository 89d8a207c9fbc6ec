"""Rules of streamed images: partial images in order, then one completed image for each that was asked for.

The rule of this module: it counts events, reads the head of a completed image, and keeps none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules.images import images_wanted, size_due, size_of
from assay.rules.read import at, integer, text
from assay.rules.registry import Exchange, Reducer, RuleSet
from assay.rules.streams import is_error
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.violation import Violation

__all__ = ["ImageEvents", "rules"]

rules = RuleSet("images-stream", "createImage", "createImageEdit")

_DONE = "#/components/schemas/ImageGenCompletedEvent"
_PARTIAL = "#/components/schemas/ImageGenPartialImageEvent/properties/partial_image_index"
_ASKED = "#/components/schemas/PartialImages"

COMPLETED = rules.stream("completed", "The stream ends with the completed image, one for each of n.", _DONE)
COUNT = rules.stream("partial-count", "There are at most partial_images partial images for each image.", _ASKED)
NAME = rules.stream("event-name", "The name of an event is its type.", f"{_DONE}/properties/type", severity="hazard")
INDEX = rules.stream("partial-index", "The partial images of one image are numbered 0, 1, 2.", _PARTIAL)
SIZE = rules.stream(
    "bytes-size",
    "The bytes of a completed image have the size that its event tells, or else the one that was asked for.",
    f"{_DONE}/properties/size",
)


@rules.reducer
class ImageEvents(Reducer):
    """The events of one stream of images; an error event is a legal end."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self._wanted = images_wanted(exchange.request)
        self._most = (integer(at(exchange.request, "partial_images")) or 0) * (self._wanted or 1)
        self._partial = 0
        self._completed = 0
        self._last = ""
        self._failed = False

    def feed(self, number: int, value: Any, name: str) -> Sequence[Violation]:
        """Take one event."""
        found: list[Violation] = []
        if is_error(value) or at(value, "type") == "error":
            self._failed = True
            return found
        self._last = text(at(value, "type")) or ""
        if self._last not in ("", name):
            self.once(found, NAME.broken((number,), "the type as the name of the event", "another name", part="event"))
        if self._last.endswith(".completed"):
            self._completed += 1
            self._read_size(found, number, value)
        elif self._last.endswith(".partial_image"):
            self._read_partial(found, number, integer(at(value, "partial_image_index")))
        return found

    def _read_size(self, found: list[Violation], number: int, event: Any) -> None:
        due, given = size_due(self.exchange.request, event), size_of(at(event, "b64_json"))
        if due is not None and given not in (None, due):
            expected, got = f"an image of {due} pixels", f"one of {given}"
            self.once(found, SIZE.broken((number, "b64_json"), expected, got, part="event"))

    def _read_partial(self, found: list[Violation], number: int, index: int | None) -> None:
        # With several images nobody can tell which one a partial image belongs to.
        if self._wanted == 1 and index is not None and index != self._partial:
            place = (number, "partial_image_index")
            self.once(found, INDEX.broken(place, f"{self._partial}, the next number", describe(index), part="event"))
        self._partial += 1
        if self._partial > self._most and self._wanted is not None:
            expected = f"at most {self._most} partial images"
            self.once(found, COUNT.broken((number,), expected, str(self._partial), part="event"))

    def close(self) -> Sequence[Violation]:
        """Take the end of the stream; after an error event nothing is missed."""
        if self._failed:
            return ()
        if not self._last.endswith(".completed"):
            return (COMPLETED.broken((), "a completed image at the end", "another event", part="stream"),)
        if self._wanted is not None and self._completed != self._wanted:
            return (COMPLETED.broken((), f"{self._wanted} completed images", str(self._completed), part="stream"),)
        return ()
