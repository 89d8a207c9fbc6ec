"""Lines of a stream, all of them or those that begin in a range of bytes.

The rule of this module: a line belongs to the range in which its first byte lies, so that the ranges of a file tell
each line once; and no more than the limit of a line is ever held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.audit.records import BODY_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

__all__ = ["lines_of"]

_BOM = b"\xef\xbb\xbf"


def lines_of(stream: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[bytes | None]:
    """Yield the lines that begin in a range of bytes; None for one over the limit. Only plain files have ranges."""
    position = start
    if start:
        # The line to which the byte before belongs is another range's.
        stream.seek(start - 1)
        position += _skipped(stream) - 1
    while end is None or position < end:
        line = stream.readline(BODY_LIMIT)
        if not line:
            return
        whole = line.endswith(b"\n") or len(line) < BODY_LIMIT
        told = line if whole else None
        first, position = position == 0, position + len(line)
        if not whole:
            position += _skipped(stream)
        yield told.removeprefix(_BOM) if first and told else told


def _skipped(stream: BinaryIO) -> int:
    """Skip the rest of a line; return its length."""
    length = 0
    while rest := stream.readline(BODY_LIMIT):
        length += len(rest)
        if rest.endswith(b"\n"):
            break
    return length
