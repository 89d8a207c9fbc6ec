"""What the server keeps between requests: the files that were uploaded, in memory.

The rule of this module: a file that has expired is gone, without anyone asking; what is kept in all is bounded,
so that a server that is never restarted does not eat the machine.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ROOM", "Kept", "Store"]

ROOM = 256 * 1024 * 1024
"""Bytes of content that are kept at once."""


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
    """The files of one server."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._files: dict[str, Kept] = {}

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
