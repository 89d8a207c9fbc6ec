"""JSON Lines: chunks of bytes to values with their line numbers.

The rule of this module: one line is held at a time, and at most ``limit`` bytes of it; a line that cannot be read is
a problem of that line alone. Lines end in LF or CRLF, the last may have no end, blank lines are counted and skipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.wire.json_text import parse_json, write_json
from assay.wire.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["LINE_LIMIT", "Line", "read_lines", "write_lines"]

LINE_LIMIT = 32 * 1024 * 1024
"""Bytes that one line may have."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank: its number, counted from 1, and its value or the ``Problem`` with it."""

    number: int
    value: Any


def read_lines(chunks: Iterable[bytes], *, limit: int = LINE_LIMIT) -> Iterator[Line]:
    """Yield every line of a text that arrives in chunks, split anywhere."""
    number = 1
    for text, too_long in _split(chunks, limit):
        if too_long:
            yield Line(number, Problem(f"a line of at most {limit} bytes", "a longer one"))
        elif text.strip():
            yield Line(number, parse_json(text.removesuffix(b"\r")))
        number += 1


def write_lines(values: Iterable[Any]) -> bytes:
    """Write values as JSON Lines, each with a line end."""
    return b"".join(write_json(value).encode() + b"\n" for value in values)


def _split(chunks: Iterable[bytes], limit: int) -> Iterator[tuple[bytes, bool]]:
    """Yield each line without its LF, and whether it was too long to be kept."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            held.append(chunk[start:end] if size <= limit else b"")
            size += end - start
            yield (b"", True) if size > limit else (b"".join(held), False)
            held, size, start = [], 0, end + 1
        size += len(chunk) - start
        if size <= limit:
            held.append(chunk[start:])
        else:
            held.clear()
    if size:
        yield (b"", True) if size > limit else (b"".join(held), False)
