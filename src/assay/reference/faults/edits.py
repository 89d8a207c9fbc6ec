"""Edits of JSON values and of streams, made of paths: what a fault changes in what was right.

The rule of this module: an edit changes what is there and fits; anything else it leaves as it is, so that no fault can
turn into another one by an accident of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Edit",
    "Told",
    "add",
    "all_of",
    "at",
    "blank",
    "drop",
    "each",
    "events",
    "every",
    "final",
    "frames",
    "listed",
    "put",
    "typed",
    "where",
]

Edit = Callable[[Any, Any], Any]
"""Takes a value, and the JSON value of the request that it answers (None without one); returns the new value."""

_GONE = object()


@dataclass(frozen=True, slots=True)
class Told:
    """One event of a stream: its name, if it has one, and its data: a JSON value, or text as it is."""

    name: str | None
    data: Any


def at(value: Any, steps: Iterable[str | int], new: Any = _GONE) -> Any:
    """Return a value with something else where these steps lead, or without what was there."""
    return _changed(value, [str(step) for step in steps], lambda _old: new)


def each(path: str, change: Callable[[Any], Any]) -> Edit:
    """Change what is at a path: names and indexes joined by dots, ``*`` for all items of an array."""
    steps = path.split(".") if path else []
    return lambda value, _asked: _changed(value, steps, change)


def put(path: str, new: Any) -> Edit:
    """Put a value at a path where there was one."""
    return each(path, lambda _old: new)


def add(path: str, new: Any) -> Edit:
    """Put a value at a path, whether there was one or not."""
    holder, _, name = path.rpartition(".")
    return each(holder, lambda old: {**old, name: new} if isinstance(old, dict) else old)


def drop(path: str) -> Edit:
    """Take away what is at a path."""
    return each(path, lambda _old: _GONE)


def blank(path: str) -> Edit:
    """Put null at a path where there was something."""
    return put(path, None)


def listed(change: Callable[[list[Any]], list[Any]]) -> Edit:
    """Change the items of a list, and the ids of its ends with them."""

    def edit(value: Any, _asked: Any) -> Any:
        data = change(value["data"])
        ends = {"first_id": data[0]["id"] if data else None, "last_id": data[-1]["id"] if data else None}
        return {**value, "data": data, **{name: end for name, end in ends.items() if name in value}}

    return edit


def all_of(*edits: Edit) -> Edit:
    """Make one edit after the other."""

    def edit(value: Any, asked: Any) -> Any:
        for one in edits:
            value = one(value, asked)
        return value

    return edit


def where(test: Callable[[Any], bool], edit: Edit) -> Edit:
    """Edit the answers to requests whose JSON value is an object that passes a test."""
    return lambda value, asked: edit(value, asked) if isinstance(asked, dict) and test(asked) else value


def _changed(value: Any, steps: list[str], change: Callable[[Any], Any]) -> Any:
    if not steps:
        return change(value)
    step, rest = steps[0], steps[1:]
    if isinstance(value, dict) and step in value:
        new = _changed(value[step], rest, change)
        return {name: new if name == step else item for name, item in value.items() if name != step or new is not _GONE}
    if isinstance(value, list):
        chosen = _indexes(step, len(value))
        items = [_changed(item, rest, change) if number in chosen else item for number, item in enumerate(value)]
        return [item for item in items if item is not _GONE]
    return value


def _indexes(step: str, size: int) -> range:
    if step == "*":
        return range(size)
    if not step.removeprefix("-").isdigit():
        return range(0)
    number = int(step) + (size if int(step) < 0 else 0)
    return range(number, number + 1)


def events(body: bytes) -> list[Told]:
    """Read the events of a stream that the honest server wrote."""
    told = []
    for block in body.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "data" in fields:
            data = fields["data"]
            told.append(Told(fields.get("event"), data if data.startswith("[DONE]") else orjson.loads(data)))
    return told


def frames(told: list[Told]) -> tuple[bytes, ...]:
    """Write events as a server sends them, one part each."""
    return tuple(_frame(event) for event in told)


def _frame(event: Told) -> bytes:
    name = f"event: {event.name}\n".encode() if event.name else b""
    data = event.data.encode() if isinstance(event.data, str) else orjson.dumps(event.data)
    return name + b"data: " + data + b"\n\n"


def every(edit: Edit) -> Edit:
    """Edit the data of every event of a stream."""
    return typed("", edit)


def typed(kind: str, edit: Edit) -> Edit:
    """Edit the data of the events whose name or ``type`` is this one; of every event where it is empty."""

    def one(event: Told, asked: Any) -> Told:
        fits = isinstance(event.data, dict) and kind in ("", event.name, event.data.get("type"))
        return replace(event, data=edit(event.data, asked)) if fits else event

    return lambda told, asked: [one(event, asked) for event in told]


def final(edit: Edit) -> Edit:
    """Edit the data of the chunks that say why a choice has ended."""

    def one(event: Told, asked: Any) -> Told:
        return replace(event, data=edit(event.data, asked)) if _ends(event.data) else event

    return lambda told, asked: [one(event, asked) for event in told]


def _ends(data: Any) -> bool:
    return isinstance(data, dict) and any(choice["finish_reason"] for choice in data.get("choices", ()))
