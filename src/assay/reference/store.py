"""What the server keeps between requests, in memory: the files that were uploaded, and objects of other kinds.

The rule of this module: a file that has expired is gone, without anyone asking; what is kept in all is bounded,
so that a server that is never restarted does not eat the machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

__all__ = ["OBJECTS", "ROOM", "SHELF", "Kept", "Record", "Shelf", "Store"]

ROOM = 256 * 1024 * 1024
"""Bytes of files that are kept at once."""
OBJECTS, SHELF = 10_000, 64 * 1024 * 1024
"""Objects of one kind that are kept at once, and their bytes in JSON as they were when they were added."""


@dataclass(slots=True)
class Record:
    """One object: ``shown`` as the API shows it, ``serial`` of the request that last set it going, hidden ``notes``."""

    shown: dict[str, Any]
    serial: int
    notes: dict[str, Any] = field(default_factory=dict)


class Shelf:
    """The objects of one kind by id, the oldest first, within so many objects and bytes."""

    def __init__(self, room: int = SHELF, objects: int = OBJECTS) -> None:
        self._room, self._objects = room, objects
        self._items: dict[str, tuple[Any, int]] = {}
        self._taken = 0

    def add(self, record: Record, name: str = "") -> bool:
        """Keep a record under its id, or under another name; False when there is no room for it."""
        size = len(orjson.dumps(record.shown))
        if len(self._items) >= self._objects or self._taken + size > self._room:
            return False
        self._set(name or record.shown["id"], record, size)
        return True

    def put(self, name: str, item: Any, size: int = 0) -> None:
        """Keep an object of ``size`` bytes in the place of one that had its id; without room for it the oldest go."""
        self._set(name, item, size)
        while len(self._items) > self._objects or (len(self._items) > 1 and self._taken > self._room):
            self.remove(next(iter(self._items)))

    def get(self, name: str) -> Any:
        """Return an object, or None."""
        return self._items.get(name, (None, 0))[0]

    def remove(self, name: str) -> None:
        """Forget an object, if it is there."""
        self._taken -= self._items.pop(name, (None, 0))[1]

    def all(self, **fields: Any) -> list[Any]:
        """Return every object, the oldest first; where ``fields`` are given, the records that show these values."""
        wanted = fields.items()
        return [
            item for item, _ in self._items.values() if all(item.shown.get(name) == value for name, value in wanted)
        ]

    def _set(self, name: str, item: Any, size: int) -> None:
        if name in self._items:
            self._taken -= self._items[name][1]
        self._items[name] = item, size
        self._taken += size


@dataclass(frozen=True, slots=True)
class Kept:
    """One file: ``created_at`` and ``expires_at`` in seconds since 1970, ``number`` the order of arrival."""

    id: str
    filename: str
    purpose: str
    data: bytes
    created_at: int
    expires_at: int | None
    number: int


class Store:
    """The files of one server, and shelves for everything else."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._files: dict[str, Kept] = {}
        self._shelves: dict[str, Shelf] = {}

    def shelf(self, kind: str) -> Shelf:
        """Return the shelf of a kind of objects."""
        return self._shelves.setdefault(kind, Shelf())

    def add(self, kept: Kept, now: int) -> bool:
        """Keep a file; False when there is no room for it."""
        taken = sum(len(other.data) for other in self.files(now))
        if taken + len(kept.data) > self._room:
            return False
        self._files[kept.id] = kept
        return True

    def get(self, name: str, now: int) -> Kept | None:
        """Return a file by its id."""
        return next((kept for kept in self.files(now) if kept.id == name), None)

    def remove(self, name: str) -> None:
        """Forget a file."""
        del self._files[name]

    def files(self, now: int) -> list[Kept]:
        """Return all files that are there, the oldest first."""
        for kept in [*self._files.values()]:
            if kept.expires_at is not None and kept.expires_at <= now:
                del self._files[kept.id]
        return sorted(self._files.values(), key=lambda kept: (kept.created_at, kept.number))
