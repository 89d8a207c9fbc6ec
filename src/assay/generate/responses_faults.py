"""What a client of the open world must cope with: services newer than the contract, and streams that end badly.

The rule of this module: it changes a response that was right, in one place, as a service that grows or fails would;
what it makes need not keep the contract any more, and is only given to who asks for it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from assay.generate.responses_streams import EVENT_STREAM, Told, event_bytes, written
from assay.messages import Response
from assay.wire.json_text import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from assay.generate.source import Source

__all__ = ["ended_by_error", "events_of", "of_the_future"]

_ERROR = {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}
_NEW = "future_value"
_KNOWN = ("id", "object", "type", "role", "index", "total_tokens", "data", "text")
_OPEN = ("finish_reason", "service_tier", "reason", "phase")
"""Properties whose lists of values grow."""


def events_of(response: Response) -> list[Told]:
    """The events of a stream that was made here."""
    found: list[Told] = []
    for block in response.body.decode("utf-8").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "data" in fields:
            data = fields["data"]
            found.append((fields.get("event"), data if data == "[DONE]" else json.loads(data)))
    return found


def ended_by_error(response: Response, error: Mapping[str, Any] | None, after: int | None = None) -> Response:
    """A stream that ends after some events (by default: before it would finish), in an error event if one is given."""
    told = events_of(response)
    kept = told[: _unfinished(told) if after is None else after]
    if error is not None:
        kept.append(_error_event(kept or told, {**_ERROR, **error}))
    return Response(response.status, response.headers, written(kept))


def _unfinished(told: list[Told]) -> int:
    """How many events come before the first that says how it ended."""
    for number, (name, value) in enumerate(told):
        if value == "[DONE]" or (name or "").endswith((".completed", ".incomplete", ".failed")):
            return number
        choices = value.get("choices") if isinstance(value, dict) else None
        if choices and any(choice.get("finish_reason") for choice in choices):
            return number
        if isinstance(value, dict) and str(value.get("type", "")).endswith((".completed", "text.done", "audio.done")):
            return number
    return len(told)


def _error_event(told: list[Told], error: dict[str, Any]) -> Told:
    """An error event in the form of the stream it ends."""
    name = told[0][0] if told else None
    if name is None:
        return None, {"error": error}
    if name.startswith("thread."):
        return "error", error
    about = {key: error[key] for key in ("code", "message", "param")}
    return "error", {"type": "error", "sequence_number": len(told), **about}


def of_the_future(source: Source, response: Response) -> Response:
    """The same response from a service that has grown: a new field, value, kind of item or event."""
    kind = response.headers.content_type or ""
    if kind.startswith(EVENT_STREAM):
        return Response(response.status, response.headers, _grown_stream(source, response))
    if "json" not in kind:
        return response
    value = json.loads(response.body)
    _change(source, value)
    return Response(response.status, response.headers, write_json(value).encode())


def _grown_stream(source: Source, response: Response) -> bytes:
    told = events_of(response)
    ways = ["field", "comment"]
    if any(name is not None for name, _ in told):
        ways.append("event")
    way = source.pick(ways)
    place = source.below(len(told)) if told else 0
    if way == "comment":
        # Services send comments to keep connections alive.
        blocks = [event_bytes(event) for event in told]
        blocks.insert(place, b": keep-alive\n\n")
        return b"".join(blocks)
    if way == "event" and told:
        new = "response.future.delta" if str(told[0][0]).startswith("response.") else "thread.future"
        told.insert(max(place, 1), (new, {"type": new, "delta": "a"}))
        return written(_numbered(told))
    objects = [value for _, value in told if isinstance(value, dict)]
    if objects:
        _change(source, source.pick(objects))
    return written(told)


def _numbered(told: list[Told]) -> Iterator[Told]:
    """Events numbered anew, where they are numbered."""
    numbered = any(isinstance(value, dict) and "sequence_number" in value for _, value in told)
    for number, (name, value) in enumerate(told):
        yield name, ({**value, "sequence_number": number} if numbered and isinstance(value, dict) else value)


def _change(source: Source, value: Any) -> None:
    """Change one place of a JSON value: an object gets a field, an open list of values a value, a list an item."""
    changes: list[Callable[[], None]] = []
    waiting = [value]
    while waiting:
        here = waiting.pop(0)
        if isinstance(here, list):
            waiting += here
        elif isinstance(here, dict):
            changes += _changes(here)
            waiting += [inner for name, inner in here.items() if name != "metadata"]
    if changes:
        source.pick(changes)()


def _changes(here: dict[str, Any]) -> Iterator[Callable[[], None]]:
    for name in _OPEN:
        if isinstance(here.get(name), str):
            yield lambda name=name: here.__setitem__(name, _NEW)  # type: ignore[misc]
    for name in ("output", "annotations", "tool_calls"):
        if isinstance(here.get(name), list):
            yield lambda name=name: here[name].append({"type": "future", "id": "future_1"})  # type: ignore[misc]
    # An object of the API grows; a mapping of somebody's own names does not.
    if any(name in here for name in _KNOWN):
        yield lambda: here.__setitem__("future_field", {"future": True})
