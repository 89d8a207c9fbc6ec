"""One response stream, checked while it flows: bytes in, violations out, nothing held back.

The rule of this module: it keeps one unfinished event and the counters of the stream rules, whatever the length of
the stream, and it never touches the bytes: forwarding them is the caller's business and needs no answer from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from assay.violation import Violation, describe
from assay.wire.sse import Decoder

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.contract.events import EventCheck
    from assay.messages import Event
    from assay.rules.registry import StreamRules
    from assay.violation import Severity

__all__ = ["MOST_VIOLATIONS", "StreamCheck"]

MOST_VIOLATIONS = 50
"""A stream that breaks more rules than this is told no more of; the verdict stands."""

_PROBLEMS = {
    "utf8": ("http/stream-utf8", "UTF-8 text", "bytes that are not UTF-8"),
    "limit": ("http/stream-event-size", "an event within the size limit", "a longer one"),
    "unfinished": ("http/stream-unfinished", "a blank line after the last event", "the end of the stream"),
}
_SSE = "https://html.spec.whatwg.org/multipage/server-sent-events.html"


class StreamCheck:
    """Check one stream of server-sent events: ``feed`` bytes as they arrive, then ``close``.

    Both return the violations found since the last call. ``operation`` is the operation's id, ``events`` the
    number of events so far (the terminator included), ``violations`` all that was found (at most
    ``MOST_VIOLATIONS``).
    """

    __slots__ = ("_decoder", "_event", "_plain", "_rules", "_shown", "operation", "violations")

    def __init__(
        self,
        operation: str,
        event: EventCheck | None,
        rules: StreamRules,
        *,
        limit: int,
        shown: Callable[[Violation], Violation],
    ) -> None:
        self.operation = operation
        self.violations: tuple[Violation, ...] = ()
        self._event = event
        # The check of an event's data, where the event's name does not matter.
        self._plain: Callable[[Any], bool] | None = event.check.quick if event is not None and not event.named else None
        self._rules = rules
        self._decoder = Decoder(limit)
        self._shown = shown

    @property
    def events(self) -> int:
        """How many events the stream has had so far."""
        return self._decoder.count

    def feed(self, chunk: bytes) -> tuple[Violation, ...]:
        """Take the next bytes, cut anywhere; return the violations they brought to light."""
        number, plain, feed = self._decoder.count, self._plain, self._rules.feed
        found: list[Violation] = []
        for item in self._decoder.read(chunk):
            # The event of nearly every stream: one data line that is valid JSON. All others take the long way.
            if type(item) is bytes and plain is not None:
                try:
                    value = orjson.loads(item)
                    right = plain(value)
                except ValueError:  # no JSON, or nothing for the quick check
                    self._take(number, item, found)
                else:
                    if not right:
                        found.extend(self._explain(number, "message", value))
                    told = feed(number, value, "message")
                    if told:
                        found.extend(told)
            else:
                self._take(number, item, found)
            number += 1
        return self._note(found) if found else ()

    def close(self) -> tuple[Violation, ...]:
        """End the stream; return what only its end shows."""
        found: list[Violation] = []
        leftover = self._decoder.close()
        for problem in self._decoder.problems:
            rule, expected, got = _PROBLEMS[problem.kind]
            # A stream that only lacks its last blank line is read all the same by lenient clients.
            severity: Severity = "hazard" if problem.kind == "utf8" else "violation"
            found.append(Violation(rule, "event", (problem.event,), expected, got, _SSE, severity))
        if leftover is not None:
            self._take(self._decoder.count, leftover, found)
        found.extend(self._rules.close())
        return self._note(found)

    def _take(self, number: int, item: bytes | Event, found: list[Violation]) -> None:
        """Judge one event; its value goes on to the stream rules."""
        if isinstance(item, bytes):
            data, name = item, "message"
        else:
            data, name = item.data.encode(), item.name
        try:
            value: Any = orjson.loads(data)
        except orjson.JSONDecodeError:
            found.extend(self._take_text(number, data.decode("utf-8", "replace")))
            return
        if self._event is not None and not self._event.ok(name, value):
            found.extend(self._explain(number, name, value))
        found.extend(self._rules.feed(number, value, name))

    def _take_text(self, number: int, text: str) -> tuple[Violation, ...]:
        """Judge data that is not JSON: the end marker, or nothing a client can read."""
        marked = self._rules.mark(number, text)
        if marked is not None:
            return marked
        return (Violation("http/stream-json", "event", (number,), "JSON data", describe(text), self._pointer),)

    def _explain(self, number: int, name: str, value: Any) -> tuple[Violation, ...]:
        return self._event.explain(number, name, value) if self._event is not None else ()

    @property
    def _pointer(self) -> str:
        return self._event.reference if self._event is not None else ""

    def _note(self, found: list[Violation]) -> tuple[Violation, ...]:
        room = MOST_VIOLATIONS - len(self.violations)
        told = tuple(self._shown(violation) for violation in found[:room])
        self.violations += told
        return told
