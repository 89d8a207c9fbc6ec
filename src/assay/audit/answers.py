"""The lines of a batch's output files, found by name.

The rule of this module: an answer is read when it is asked for; until then only its offset is kept.
"""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from assay.audit.batches import Answer, answer_of, checksum, is_output
from assay.audit.lines import parsed
from assay.audit.opening import DAMAGED, is_packed, opened, raw, shown
from assay.audit.ranges import lines_of
from assay.audit.records import BODY_LIMIT, Broken, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

__all__ = ["Answers"]


class Answers:
    """The answers that some files give; a context manager that closes them."""

    def __init__(self, files: Iterable[str]) -> None:
        self._files = [*files]
        self._streams: list[BinaryIO] = []
        self._found: dict[int, tuple[int, int, int]] = {}
        self._asked: set[int] = set()
        self._broken: list[Broken] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        for number, file in enumerate(self._files):
            try:
                stream = self._open.enter_context(self._plain(file))
            except OSError:
                self._broken.append(Broken(Place(shown(file)), "the file cannot be read"))
                stream = self._open.enter_context(TemporaryFile())
            self._streams.append(stream)
            self._index(number, stream)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def find(self, custom_id: Any) -> Answer | None:
        """The answer to a name, or None."""
        name = checksum(custom_id)
        where = self._found.get(name)
        if where is None:
            return None
        self._asked.add(name)
        number, offset, line = where
        stream = self._streams[number]
        stream.seek(offset)
        place = Place(shown(self._files[number]), line=line)
        return answer_of(parsed(stream.readline(BODY_LIMIT), place), place)

    def left(self) -> Iterator[Broken]:
        """What could not be read, and the answers that nobody asked for."""
        yield from self._broken
        for name, (number, _, line) in self._found.items():
            if name not in self._asked:
                yield Broken(
                    Place(shown(self._files[number]), line=line), "no line of the input file has its custom_id"
                )

    def _plain(self, file: str) -> BinaryIO:
        """A stream in which one can go back: what is compressed or far away is copied to a file of its own."""
        if Path(file).is_file() and not is_packed(file):
            return raw(file)
        copy = TemporaryFile()  # noqa: SIM115  the caller's stack closes it
        with opened(file) as stream:
            try:
                shutil.copyfileobj(stream, copy)
            except DAMAGED:
                self._broken.append(Broken(Place(shown(file)), "the compressed file is cut off or damaged"))
        copy.seek(0)
        return cast("BinaryIO", copy)

    def _index(self, number: int, stream: BinaryIO) -> None:
        offset = 0
        for count, line in enumerate(lines_of(stream), 1):
            place = Place(shown(self._files[number]), line=count)
            value = Broken(place, "the line is too long") if line is None else parsed(line, place)
            if isinstance(value, Broken):
                self._broken.append(value)
            elif is_output(value):
                found = number, offset, count
                answered = isinstance(value["response"], dict)
                if answered or checksum(value["custom_id"]) not in self._found:
                    self._found[checksum(value["custom_id"])] = found
            offset = stream.tell()
