"""Files of recorded traffic as ``assay check`` takes them: JSON Lines, HTTP archives, cassettes; compressed or not.

The rule of this module: JSON Lines are read line by line, so that a file may be of any length; archives and cassettes
are read whole, within a limit. A file that is none of these is a ``UsageError``; a bad entry is an entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.audit.cassettes import interactions, read_cassette
from assay.audit.forms import recognised
from assay.audit.har import is_archive, read_archive
from assay.audit.lines import read_line
from assay.audit.opening import DAMAGED, opened
from assay.audit.ranges import lines_of
from assay.audit.records import Broken, Place, Record, Unreadable
from assay.audit.wholes import whole_value
from assay.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_file"]

_EXPECTED = "expected JSON Lines exchanges, an HTTP archive (HAR) or a cassette (YAML or JSON)"


def read_file(file: str) -> Iterator[Record | Broken]:
    """Yield what a file records, in its order.

    ``file`` is the path as the user wrote it; it names the places. Raises UsageError for a file that cannot be read,
    or that holds no recorded traffic.
    """
    try:
        if recognised(file) == "exchanges":
            yield from _read_lines(file)
        else:
            yield from _read_whole(file)
    except FileNotFoundError:
        raise UsageError(f"{file}: there is no such file") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot read it: {error.strerror or 'it is damaged'}") from None
    except Unreadable as error:
        raise UsageError(f"{file}: {error}; {_EXPECTED}") from None


def _read_lines(file: str) -> Iterator[Record | Broken]:
    number = 0
    with opened(file) as stream:
        try:
            for number, line in enumerate(lines_of(stream), 1):
                place = Place(file, line=number)
                item = Broken(place, "the line is too long") if line is None else read_line(line, place)
                if item is not None:
                    yield item
        except DAMAGED:
            yield Broken(Place(file, line=number + 1), "the compressed file is cut off or damaged here")


def _read_whole(file: str) -> Iterator[Record | Broken]:
    with opened(file) as stream:
        value = whole_value(stream)
    if is_archive(value):
        return read_archive(value, file)
    entries = interactions(value)
    if entries is None:
        raise Unreadable("no recorded traffic in it")
    return read_cassette(entries, file)
