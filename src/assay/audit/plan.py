"""The work cut into tasks: large files of lines by ranges of bytes, small files together.

The rule of this module: how the work is cut depends on the sources alone, and what comes out depends on it not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.audit import columns as parquet
from assay.audit.batches import BatchFile, pairs
from assay.audit.forms import recognised
from assay.audit.opening import File, is_packed, raw
from assay.audit.reading import LINES, Piece
from assay.audit.work import Task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["CHUNK", "joined", "sampling", "tasks"]

CHUNK = 8 * 1024 * 1024
"""Bytes of a task."""

_FILES = 200  # of one task
_OBSERVED = 2 * 1024 * 1024  # bytes of traffic whose contract coverage is worth its time, which is long
_SPARSEST = 500  # a request looked at takes about as long as 25 that are judged


def sampling(files: Iterable[File]) -> int:
    """One valid request in how many is looked at for contract coverage: each of little traffic, one in 500 of 1 GB."""
    return min(max(1, sum(size for _, size in files) // _OBSERVED), _SPARSEST)


def tasks(files: Iterable[File], form: str = "", chunk: int = CHUNK) -> Iterator[Task]:
    """Cut files into tasks, numbered from 0. ``form`` overrides what the files show."""
    return _grouped((piece for file, size in files for piece in _pieces(file, size, form, chunk)), 0, chunk)


def joined(batches: Iterable[BatchFile], number: int, chunk: int = CHUNK) -> Iterator[Task]:
    """The tasks that judge batch files, each input with its outputs; numbered from ``number``."""
    whole, lonely = pairs(batches)
    made = [
        Piece(one.file, one.size, "batch-input", answers=tuple(answer.file for answer in answers))
        for one, answers in whole
    ]
    made += [Piece(one.file, one.size, "batch-output", answers=()) for one in lonely]
    return _grouped(made, number, chunk)


def _grouped(pieces: Iterable[Piece], number: int, chunk: int) -> Iterator[Task]:
    group: list[Piece] = []
    for piece in pieces:
        weight = sum(one.weight for one in group)
        if group and (weight + piece.weight > chunk or len(group) >= _FILES):
            yield Task(number, tuple(group))
            number, group = number + 1, []
        group.append(piece)
    if group:
        yield Task(number, tuple(group))


def _pieces(file: str, size: int, form: str, chunk: int) -> Iterator[Piece]:
    if size <= chunk:
        yield Piece(file, size, form)
        return
    try:
        form = form or recognised(file)
        if form == "parquet":
            yield from _row_groups(file, size, chunk)
            return
        cut = form in LINES and not is_packed(file)
    except OSError:
        cut = False
    if not cut:
        yield Piece(file, size, form)
        return
    for start in range(0, size, chunk):
        end = min(start + chunk, size)
        yield Piece(file, end - start, form, start, end)


def _row_groups(file: str, size: int, chunk: int) -> Iterator[Piece]:
    """Pieces of whole row groups, each about a chunk of the file."""
    try:
        with raw(file) as lying:
            counts = parquet.groups(lying)
    except ValueError:
        counts = []
    step = max(1, len(counts) * chunk // max(size, 1))
    if not counts:
        yield Piece(file, size, "parquet")
    for start in range(0, len(counts), step):
        end = min(start + step, len(counts))
        yield Piece(file, size * (end - start) // len(counts), "parquet", start, end, sum(counts[:start]))
