"""Pieces of files as items to be judged, whatever their form; what cannot be read is an item too.

The rule of this module: nothing that stands in a file stops the run: a broken line, a damaged member, an unknown form
are counted with their place, and what follows them is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.audit import columns as parquet
from assay.audit.answers import Answers
from assay.audit.batches import BatchFile, Sketch, read_input
from assay.audit.cassettes import interactions, read_cassette
from assay.audit.forms import form_of_value, recognised
from assay.audit.har import is_archive, read_archive, read_entries
from assay.audit.lines import EMPTY, parsed, read_exchange
from assay.audit.opening import DAMAGED, opened, raw, shown
from assay.audit.payloads import read_payload
from assay.audit.ranges import lines_of
from assay.audit.records import Broken, Place, Record, Unreadable
from assay.audit.training import Example, read_example
from assay.audit.wholes import archived, whole_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["LINES", "Item", "Piece", "read_piece"]

Item = Record | Broken | Example | BatchFile

_CUT_OFF = "the compressed file is cut off or damaged here"
_READERS: dict[str, Callable[[Any, Place], Record | Broken | Example]] = {
    "exchanges": read_exchange,
    "litellm": read_payload,
    "fine-tuning": read_example,
}
LINES = frozenset(_READERS)
"""The forms in which each line stands alone, so that a plain file may be cut at any line."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the work: a file, or what of it begins in a range of bytes (of row groups, for Parquet).

    ``form`` is empty where the file's content is still to be looked at. ``answers`` are the output files of a batch
    whose input file this is; None before the files of batches are joined. ``weight`` is in bytes, for progress.
    """

    file: str
    weight: int
    form: str = ""
    start: int = 0
    end: int | None = None
    entry: int = 0
    answers: tuple[str, ...] | None = None


@dataclass(slots=True)
class Tape:
    """The lines of one piece, counted as they are read."""

    piece: Piece
    count: int = 0
    place: Place = field(init=False)

    def __iter__(self) -> Iterator[tuple[Place, Any]]:
        """Yield the place and the parsed value of each line, or the place and Broken."""
        name, start = shown(self.piece.file), self.piece.start
        try:
            with opened(self.piece.file) as stream:
                for line in lines_of(stream, start, self.piece.end):
                    self.count += 1
                    place = Place(name, self.count, None, start)
                    value = Broken(place, "the line is too long") if line is None else parsed(line, place)
                    if value is not EMPTY:
                        yield place, value
        except DAMAGED:
            place = Place(name, self.count + 1, None, start)
            yield place, Broken(place, _CUT_OFF)


def read_piece(
    piece: Piece, columns: Mapping[str, str], counted: Callable[[str, int, int], None] = lambda *_: None
) -> Iterator[Item]:
    """Yield the items of a piece. ``counted`` is told the file, first byte and number of lines of a piece of lines."""
    try:
        form = piece.form or recognised(piece.file)
        if form in LINES:
            yield from _lines(piece, _READERS[form], counted)
        elif form == "parquet":
            yield from _rows(piece, columns)
        elif form.startswith("batch-"):
            yield from _batch(piece, output=form == "batch-output")
        else:
            yield from _whole(piece, form)
    except Unreadable as error:
        yield Broken(Place(shown(piece.file)), str(error))
    except OSError as error:
        yield Broken(Place(shown(piece.file)), f"the file cannot be read: {error.strerror or 'it is damaged'}")


def _lines(
    piece: Piece, read: Callable[[Any, Place], Record | Broken | Example], counted: Callable[[str, int, int], None]
) -> Iterator[Item]:
    tape = Tape(piece)
    for place, value in tape:
        yield value if type(value) is Broken else read(value, place)
    if piece.end is not None:
        counted(shown(piece.file), piece.start, tape.count)


def _rows(piece: Piece, columns: Mapping[str, str]) -> Iterator[Item]:
    with raw(piece.file) as lying:
        try:
            wanted = range(piece.start, len(parquet.groups(lying)) if piece.end is None else piece.end)
            for number, row in enumerate(parquet.rows(lying, wanted, columns), piece.entry):
                yield read_exchange(row, Place(shown(piece.file), entry=number))
        except ValueError as error:
            yield Broken(Place(shown(piece.file)), str(error))


def _batch(piece: Piece, *, output: bool) -> Iterator[Item]:
    """Before files are joined, yield which names a file has; after that, its exchanges."""
    if piece.answers is None:
        sketch = Sketch()
        for _, value in Tape(piece):
            if isinstance(value, dict) and "custom_id" in value:
                sketch.add(value["custom_id"])
        yield BatchFile(piece.file, piece.weight, output, sketch.names())
        return
    if output:
        for place, value in Tape(piece):
            yield (
                value if isinstance(value, Broken) else Broken(place, "no input file of its batch is among the sources")
            )
        return
    with Answers(piece.answers) as answers:
        for place, value in Tape(piece):
            yield value if isinstance(value, Broken) else read_input(value, place, answers.find)
        yield from answers.left()


def _whole(piece: Piece, form: str) -> Iterator[Item]:
    name = shown(piece.file)
    try:
        with opened(piece.file) as stream:
            entries = archived(stream) if form in ("whole", "har") else None
            if entries is not None:
                yield from read_entries(entries, name)
                return
            value = whole_value(stream)
    except DAMAGED:
        raise Unreadable(_CUT_OFF) from None
    if is_archive(value) and form in ("whole", "har"):
        yield from read_archive(value, name)
        return
    recorded = interactions(value)
    if recorded is not None and form in ("whole", "cassette"):
        yield from read_cassette(recorded, name)
        return
    # A store of objects may keep one payload in each, or a list of them.
    objects = value if isinstance(value, list) else [value]
    read = _READERS.get(form_of_value(objects[0]) or "") if objects and form == "whole" else None
    if read is None:
        raise Unreadable("the file is of no known format")
    yield from (read(item, Place(name, entry=number)) for number, item in enumerate(objects))
