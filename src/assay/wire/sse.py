"""The WHATWG event-stream algorithm, incremental: bytes in, in any pieces, server-sent events out.

The rule of this module: the events do not depend on how the bytes were cut, and memory does not depend on how
long the stream is. Nothing is raised for what a peer sent: what the algorithm forgives but a person should
know of is kept as a :class:`Problem`, the first of each kind.

Source of the rules: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assay.messages import Event

__all__ = ["LIMIT", "Decoder", "Problem"]

LIMIT = 1024 * 1024
"""The default for the longest line, and for the longest data of one event, in bytes."""

_BOM = b"\xef\xbb\xbf"
# A reconnection time of more digits than this is no time; int() of a megabyte of digits would be an attack.
_RETRY_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about a stream that the algorithm passes over in silence.

    ``kind``: ``utf8`` bytes that are not UTF-8 (each was replaced by U+FFFD) · ``limit`` a line or an event's data
    longer than the limit (that event was dropped) · ``unfinished`` the stream ended inside an event.
    ``event`` is the number, from 0, of the event during which it happened.
    """

    kind: Literal["utf8", "limit", "unfinished"]
    event: int


class Decoder:
    """Decode one event stream.

    ``limit`` bounds, in bytes, each line and the data of each event; what is longer is dropped up to the next
    blank line. ``count`` is the number of events so far; ``problems`` holds the first problem of each kind.
    """

    __slots__ = (
        "_after_cr",
        "_clean",
        "_data",
        "_dropping",
        "_head",
        "_id",
        "_name",
        "_partial",
        "_partial_size",
        "_retry",
        "_size",
        "_started",
        "count",
        "limit",
        "problems",
    )

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.count = 0
        self.problems: tuple[Problem, ...] = ()
        self._head: bytes | None = b""  # the first bytes, until they can be told from a byte order mark
        self._after_cr = False
        self._partial = bytearray()  # the beginning of a line that has not ended
        self._partial_size = 0
        self._data: list[bytes] = []  # the values of the data lines of the event being read
        self._size = 0
        self._name = ""
        self._id = ""
        self._retry: int | None = None
        self._clean = False  # nothing at all is carried over from the bytes before
        self._started = False  # a field of the event being read has been seen
        self._dropping = False  # the event being read is over the limit

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes; return the events they completed."""
        return [
            Event(item.decode("utf-8")) if isinstance(item, bytes) else item  # raw items are known to be UTF-8
            for item in self.read(chunk)
        ]

    def read(self, chunk: bytes) -> list[bytes | Event]:
        """Like :meth:`feed`, but cheap for long streams.

        A plain event (one ``data`` line, no name, no id in force) comes as its data in bytes, valid UTF-8, ready
        for a JSON parser; every other event as an :class:`Event`.
        """
        out: list[bytes | Event] = []
        if self._clean and b"\r" not in chunk:
            chunk = self._read_blocks(chunk, out)
            if not chunk:
                return out
        else:
            chunk = self._join(self._unify(chunk))
            if not (self._started or self._dropping):
                chunk = self._read_blocks(chunk, out)
        if chunk:
            self._read_lines(chunk, out)
        held = self._head is not None or self._after_cr or self._partial
        self._clean = not (held or self._started or self._dropping)
        return out

    def close(self) -> Event | None:
        """End the stream; return the event that had begun but was not ended by a blank line, or None.

        The algorithm discards such an event, so it is not one of the stream's events; it is returned, and kept
        as the problem ``unfinished``, so that the end of the stream can be explained.
        """
        if self._head:
            self._hold(self._head)
        self._head = None
        if self._partial:
            self._field(bytes(self._partial))
            self._partial.clear()
        if not self._started and not self._dropping:
            return None
        self._note("unfinished")
        return self._event()

    def _unify(self, chunk: bytes) -> bytes:
        """Strip the byte order mark and write every line end as LF, whatever the cut."""
        if self._head is not None:
            chunk = self._head + chunk
            if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
                self._head = chunk
                return b""
            self._head = None
            chunk = chunk.removeprefix(_BOM)
        if self._after_cr and chunk:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _join(self, chunk: bytes) -> bytes:
        """Put the beginning of a line before its end; nothing is joined until the end is there (linear time)."""
        if not self._partial or b"\n" not in chunk:
            return chunk
        chunk = bytes(self._partial) + chunk
        self._partial.clear()
        self._partial_size = 0
        return chunk

    def _hold(self, piece: bytes) -> None:
        """Keep the beginning of a line, or only its size once it is over the limit."""
        self._partial_size += len(piece)
        if self._partial_size > self.limit:
            self._drop()
            # A stand-in of a comment keeps the line from being read as a field when its end arrives.
            self._partial[:] = b":"
            return
        self._partial += piece

    def _read_blocks(self, chunk: bytes, out: list[bytes | Event]) -> bytes:
        """Read whole events at once; return what follows the last blank line."""
        end = chunk.rfind(b"\n\n")
        if end < 0 or end > self.limit:
            return chunk
        region = chunk[:end]
        if not region.isascii() and not _is_utf8(region):
            return chunk
        if region.startswith(b"data: ") and not self._id:
            plain = region[6:].split(b"\n\ndata: ")
            # When every line feed went into a separator, each part is the data of one plain event.
            if region.count(b"\n") == 2 * len(plain) - 2:
                self.count += len(plain)
                out += plain
                return chunk[end + 2 :]
        for block in region.split(b"\n\n"):
            if block.startswith(b"data: ") and not self._id and b"\n" not in block:
                self.count += 1
                out.append(block[6:])
            elif block:
                self._read_lines(block + b"\n\n", out)
        return chunk[end + 2 :]

    def _read_lines(self, chunk: bytes, out: list[bytes | Event]) -> None:
        """Read line by line; keep the last line when it has not ended."""
        lines = chunk.split(b"\n")
        rest = lines.pop()
        for line in lines:
            if line:
                self._field(line)
                continue
            if self._data and not self._dropping:
                out.append(self._event())
                self.count += 1
            self._begin()
        if rest:
            self._hold(rest)

    def _begin(self) -> None:
        self._data = []
        self._size = 0
        self._name = ""
        self._retry = None
        self._started = self._dropping = False

    def _event(self) -> Event:
        data = self._text(b"\n".join(self._data))
        return Event(data, self._name or "message", self._id, self._retry)

    def _field(self, line: bytes) -> None:
        """Take one line that is not blank."""
        if len(line) > self.limit:
            self._drop()
            return
        name, _, value = line.partition(b":")
        if not name:
            return  # a comment
        self._started = True
        value = value.removeprefix(b" ")
        if name == b"data":
            self._size += len(value) + 1
            if self._size > self.limit:
                self._drop()
            elif not self._dropping:
                self._data.append(value)
        elif name == b"event":
            self._name = self._text(value)
        elif name == b"id" and b"\0" not in value:
            self._id = self._text(value)
        elif name == b"retry" and value.isdigit() and len(value) <= _RETRY_DIGITS:
            self._retry = int(value)

    def _text(self, value: bytes) -> str:
        if not _is_utf8(value):
            self._note("utf8")
        return value.decode("utf-8", "replace")

    def _drop(self) -> None:
        self._note("limit")
        self._dropping = True
        self._data = []

    def _note(self, kind: Literal["utf8", "limit", "unfinished"]) -> None:
        if all(problem.kind != kind for problem in self.problems):
            self.problems = (*self.problems, Problem(kind, self.count))


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
