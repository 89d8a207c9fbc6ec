"""The journal of a run: every answer of the target on file, so that a run which was cut off goes on where it was.

A run is decided by its options, its contract and the answers; so a run that gets the recorded answers asks the same
questions, and comes to the same findings, without sending anything, until the journal ends. The rule of this module:
an answer is in the file before anything is made of it; a line that was cut off is dropped; and a journal of another run
is refused. JSON Lines: first the heading that tells runs apart, then one object for each exchange: ``of`` (a digest of
the request), and ``status``, ``headers``, ``body`` (base64), ``elapsed``, ``broken``, or else ``lost`` (why no answer
came), ``late`` and ``dead``. Requests are not kept, nor is what the sender adds to them: there is no key in the file,
unless the target repeats it. It is for its owner's eyes only (mode 0600).
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import orjson

from assay.conformance.pace import Silent
from assay.errors import UsageError
from assay.messages import Response

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from assay.messages import Request

__all__ = ["Journal"]

_FORMAT = "assay/journal/1"
_DIGEST = 16  # bytes


class Journal:
    """The answers of one run, those of its earlier sessions first; a context manager, which closes the file.

    ``known`` counts the exchanges found in the file.
    """

    def __init__(self, path: Path, heading: Mapping[str, Any]) -> None:
        """Open a journal, or begin it; ``heading`` is JSON that tells this run from others.

        Raises ``UsageError`` when the file cannot be used, is no journal, or is that of another run.
        """
        self.known = 0
        self._places: defaultdict[str, deque[int]] = defaultdict(deque)
        self._path = path
        try:
            self._file = _opened(path)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from error
        try:
            self._read({"format": _FORMAT, **heading})
        except BaseException:
            self._file.close()
            raise

    def recall(self, request: Request) -> Response | Silent | None:
        """The next recorded answer to a request, or None where there is none any more."""
        places = self._places.get(_digest(request))
        if not places:
            return None
        self._file.seek(places.popleft())
        return _outcome(orjson.loads(self._file.readline()))

    def note(self, request: Request, outcome: Response | Silent) -> None:
        """Write an answer down, at once."""
        self._append({"of": _digest(request), **_fields(outcome)})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _append(self, value: Mapping[str, Any]) -> None:
        try:
            self._file.seek(0, os.SEEK_END)
            self._file.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
            self._file.flush()
        except OSError as error:
            raise UsageError(f"cannot write {self._path}: {error.strerror}") from error

    def _read(self, heading: dict[str, Any]) -> None:
        """Find every exchange of a journal; begin one where the file is empty or holds but a part of a heading."""
        first = self._file.readline()
        if not first.endswith(b"\n") and (not first or _begins(first)):
            self._file.truncate(0)
            self._append(heading)
            return
        self._same(first, heading)
        place = self._file.tell()
        while (line := self._file.readline()).endswith(b"\n"):
            self._places[self._of(line)].append(place)
            self.known += 1
            place = self._file.tell()
        self._file.truncate(place)

    def _same(self, line: bytes, heading: dict[str, Any]) -> None:
        found = _value(line)
        if found.get("format") != _FORMAT:
            raise UsageError(f"{self._path} is not the journal of a run: name another file")
        for name, wanted in heading.items():
            if found.get(name) != wanted:
                other = f" ({found.get(name)}, now {wanted})" if isinstance(wanted, int | str) else ""
                raise UsageError(f"{self._path} is the journal of a run with another {name}{other}: name another file")

    def _of(self, line: bytes) -> str:
        of = _value(line).get("of")
        if not isinstance(of, str):
            raise UsageError(f"{self._path} is damaged after {self.known} exchanges: name another file")
        return of


def _opened(path: Path) -> BinaryIO:
    """A file to read and to write, made for its owner alone where it is not there."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")


def _begins(text: bytes) -> bool:
    """Whether a text without a line break can be what was written of a heading."""
    start = orjson.dumps({"format": _FORMAT})[:-1]
    return text.startswith(start) or start.startswith(text)


def _value(line: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _digest(request: Request) -> str:
    fields = [text for pair in request.headers.fields for text in pair]
    head = repr((request.method, request.target, fields)).encode("utf-8", "backslashreplace")
    found = hashlib.blake2b(head, digest_size=_DIGEST)
    found.update(request.body)
    return found.hexdigest()


def _fields(outcome: Response | Silent) -> dict[str, Any]:
    if isinstance(outcome, Silent):
        return {"lost": str(outcome), "late": outcome.late, "dead": outcome.dead}
    return {
        "status": outcome.status,
        "headers": outcome.headers.fields,
        "body": base64.b64encode(outcome.body).decode(),
        "elapsed": outcome.elapsed,
        "broken": outcome.broken,
    }


def _outcome(value: dict[str, Any]) -> Response | Silent:
    if "lost" in value:
        return Silent(value["lost"], late=value["late"], dead=value["dead"])
    fields = [(name, text) for name, text in value["headers"]]
    body = base64.b64decode(value["body"])
    return Response(value["status"], fields, body, elapsed=value["elapsed"], broken=value["broken"])
