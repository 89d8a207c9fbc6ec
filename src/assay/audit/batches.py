"""Batch files of OpenAI: the lines of an input file with the lines of the output files that answer them.

The rule of this module: an input line is one exchange, told once: with its answer where one of the output files has
it. Names are compared by checksum and looked up by offset, so that no file is held in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from heapq import heappush, heappushpop
from typing import TYPE_CHECKING, Any

from assay.audit import records
from assay.audit.records import Broken, Place, Record, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Answer", "BatchFile", "Sketch", "answer_of", "checksum", "is_input", "is_output", "pairs", "read_input"]

_SKETCHED = 1024
_JSON = [("content-type", "application/json")]


@dataclass(frozen=True, slots=True)
class BatchFile:
    """One batch file: its name and size, whether it is an output, and the least checksums of its names."""

    file: str
    size: int
    output: bool
    names: frozenset[int]


@dataclass(frozen=True, slots=True)
class Answer:
    """An output line: where it stands, its status and body; both None when the request never got an answer."""

    place: Place
    status: Any
    body: Any


def is_input(value: Any) -> bool:
    """Say whether a JSON value is a line of an input file."""
    return isinstance(value, dict) and "custom_id" in value and "url" in value and "body" in value


def is_output(value: Any) -> bool:
    """Say whether a JSON value is a line of an output file."""
    return isinstance(value, dict) and "custom_id" in value and "response" in value and "url" not in value


def checksum(custom_id: Any) -> int:
    """Eight bytes that stand for a name."""
    return int.from_bytes(blake2b(str(custom_id).encode("utf-8", "replace"), digest_size=8).digest())


class Sketch:
    """The least checksums of a file's names: two files that share names share these."""

    def __init__(self) -> None:
        self._heap: list[int] = []
        self._kept: set[int] = set()

    def add(self, custom_id: Any) -> None:
        """Count one name."""
        name = checksum(custom_id)
        if name in self._kept:
            return
        if len(self._heap) < _SKETCHED:
            heappush(self._heap, -name)
        elif name < -self._heap[0]:
            self._kept.discard(-heappushpop(self._heap, -name))
        else:
            return
        self._kept.add(name)

    def names(self) -> frozenset[int]:
        """The checksums kept."""
        return frozenset(self._kept)


def pairs(files: Iterable[BatchFile]) -> tuple[list[tuple[BatchFile, tuple[BatchFile, ...]]], list[BatchFile]]:
    """Join files: each input file with the output files that answer it, and the output files that answer none.

    An output file that answers several input files alike goes with none: a wrong pair would raise false alarms.
    """
    known = sorted(files, key=lambda one: one.file)
    inputs = [one for one in known if not one.output]
    answers: dict[str, list[BatchFile]] = {one.file: [] for one in inputs}
    lonely = []
    for output in (one for one in known if one.output):
        ranked = sorted(((_closeness(one, output), one.file) for one in inputs), reverse=True)
        clear = ranked and ranked[0][0][0] > 0 and (len(ranked) == 1 or ranked[0][0] > ranked[1][0])
        if clear:
            answers[ranked[0][1]].append(output)
        else:
            lonely.append(output)
    return [(one, tuple(answers[one.file])) for one in inputs], lonely


def _closeness(one: BatchFile, output: BatchFile) -> tuple[float, int]:
    """The share of an output's names that an input has, then how far their paths agree."""
    if not one.names or not output.names:
        return 0.0, 0
    full = [max(names) for names in (one.names, output.names) if len(names) >= _SKETCHED]
    most = min(full, default=max(*one.names, *output.names))
    comparable = {name for name in output.names if name <= most}
    share = len(comparable & one.names) / len(comparable) if comparable else 0.0
    return round(share, 2), _agreement(one.file, output.file)


def _agreement(one: str, other: str) -> int:
    """How many characters two paths begin with alike."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def answer_of(value: Any, place: Place) -> Answer:
    """Read one output line."""
    came = value.get("response")
    if not isinstance(came, Mapping):
        return Answer(place, None, None)
    return Answer(place, came.get("status_code"), came.get("body"))


def read_input(value: Any, place: Place, find: Callable[[Any], Answer | None]) -> Record | Broken:
    """Read one input line; ``find`` gives the answer to a name."""
    if not is_input(value):
        return Broken(place, "the line is not a request of a batch: it needs custom_id, url and body")
    try:
        return _record(value, place, find(value["custom_id"]))
    except Unreadable as error:
        return Broken(place, str(error))


def _record(value: dict[str, Any], place: Place, answer: Answer | None) -> Record:
    host, target = records.address(value["url"])
    method = records.method_of(value.get("method", "POST"))
    request, gap = records.request(method, target, _JSON, records.raw(value["body"]))
    gaps = {"request": gap}
    if answer is None or answer.status is None:
        return records.record(place, host, request, None, gaps)
    response, gaps["response"] = records.response(records.status(answer.status), _JSON, records.raw(answer.body))
    return records.record(place, host, request, response, gaps)._replace(answered_at=answer.place)
