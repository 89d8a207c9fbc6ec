"""What a gate must know of a request body before and besides the contract: its depth, its files, its unknown fields.

The rule of this module: memory is bounded by the limits, whatever a peer sends, and no more than linear time is taken.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from assay.violation import Violation
from assay.wire.media import essence, is_json

if TYPE_CHECKING:
    from assay.gateway.settings import Unknown
    from assay.model import Operation, Shape

__all__ = ["Skeleton", "deeper_than", "unknown_fields"]

_KEPT = 64 * 1024
"""Bytes of each file of an upload that are kept for the check: what tells its format is in them."""
_HEAD_LIMIT = 16 * 1024
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NAMED = re.compile(rb'[; ]name="?([^";\r\n]*)', re.IGNORECASE)
_BRACKETS = re.compile(rb"[\[\]{}]")


def deeper_than(body: bytes, depth: int) -> bool:
    """Say whether arrays and objects of a JSON text stand deeper inside each other than ``depth``."""
    if body.count(b"{") + body.count(b"[") <= depth:
        return False
    level = 0
    for match in _BRACKETS.finditer(_STRING.sub(b"", body)):
        level += 1 if match[0] in b"[{" else -1
        if level > depth:
            return True
    return False


class Skeleton:
    """A multipart body as it passes, without what lies deep in its files: enough to judge everything else.

    ``feed`` takes pieces cut anywhere. ``over`` turns True when even the skeleton is longer than ``limit``; then
    nothing more is kept. Text fields are kept whole; of each part with a file name the first 64 KiB. ``cut`` names
    the fields whose files are longer: what a check says of their contents is about a piece that nobody sent.
    """

    def __init__(self, content_type: str, limit: int) -> None:
        boundary = essence(content_type)[1].get("boundary", "")
        self._delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
        self._limit = limit
        self._kept = bytearray()
        self._waiting = bytearray(b"\r\n")  # the first boundary has no line before it
        self._head = False  # inside the headers of a part
        self._room = _KEPT  # what may still be kept of a file
        self._file = True  # the preamble is dropped like a file
        self._field = ""
        self.cut: set[str] = set()
        self.over = False

    @property
    def body(self) -> bytes:
        """The body so far, without the first line end that was added to find the first boundary."""
        return bytes(self._kept + self._waiting)[2:]

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        if self.over:
            return
        self._waiting += piece
        while self._step():
            pass
        if len(self._kept) + len(self._waiting) > self._limit + 2 * _KEPT:
            self.over = True
            self._kept.clear()
            self._waiting.clear()

    def _step(self) -> bool:
        """Move past the next delimiter or the next part's headers; False when more bytes are needed."""
        if self._head:
            end = self._waiting.find(b"\r\n\r\n")
            if end < 0 and len(self._waiting) < _HEAD_LIMIT:
                return False
            cut = min(end, _HEAD_LIMIT) if end >= 0 else _HEAD_LIMIT
            head = bytes(self._waiting[:cut])
            self._keep(cut)
            # The blank line is left to the data, as a part without any may share it with the next boundary.
            self._head, self._file, self._room = False, b"filename" in head.lower(), _KEPT + 4
            named = _NAMED.search(head)
            self._field = named[1].decode("latin-1").removesuffix("[]") if named else ""
            return True
        found = self._waiting.find(self._delimiter)
        if found < 0:
            self._drop(len(self._waiting) - len(self._delimiter) - 4)
            return False
        after = found + len(self._delimiter)
        if len(self._waiting) < after + 2:
            self._drop(found)
            return False
        self._drop(found)
        self._head = bytes(self._waiting[len(self._delimiter) : len(self._delimiter) + 2]) != b"--"
        self._keep(len(self._delimiter))
        return True

    def _keep(self, size: int) -> None:
        self._kept += self._waiting[:size]
        del self._waiting[:size]

    def _drop(self, size: int) -> None:
        """Leave behind the data of a part: kept where it is text, else as far as there is room."""
        if size <= 0:
            return
        room = min(size, self._room) if self._file else size
        self._kept += self._waiting[:room]
        self._room -= room if self._file else 0
        if room < size:
            self.cut.add(self._field)
        del self._waiting[:size]


def unknown_fields(operation: Operation, shape: Shape | None, value: Any, how: Unknown) -> tuple[Violation, ...]:
    """Return the top-level fields of a JSON request that the contract does not declare."""
    if not isinstance(value, dict) or shape is None or not shape.properties or shape.additional is not None:
        return ()
    return tuple(
        Violation(
            "http/field-undeclared",
            "body",
            (name,),
            "a field of the description",
            "an undeclared one",
            operation.pointer,
            "violation" if how == "refuse" else "hazard",
        )
        for name in value
        if name not in shape.properties
    )


def json_schema(operation: Operation) -> str | None:
    """The schema of an operation's JSON request body, where it has one."""
    contents = operation.body.contents if operation.body is not None else ()
    return next((c.schema for c in contents if is_json(c.media_type) and c.schema is not None), None)
