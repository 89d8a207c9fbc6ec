"""Records a test's exchanges to its cassette, and answers from it.

The rule of this module: a cassette is found by the test's own name, beside its file. Answers are given in the order of
the recording; a request finds the one that was recorded for the same method, path and query, and the same body where
there is one.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from assay.errors import UsageError
from assay.testing.cassettes import REMOVED, archive, tracks

if TYPE_CHECKING:
    from pathlib import Path

    from assay.adapters.intercept import Reply
    from assay.messages import Request
    from assay.testing.cassettes import Track
    from assay.testing.observe import Seen

__all__ = ["Recorder", "Refusal", "Replay", "cassette_of"]

_NAME = re.compile(r"[^A-Za-z0-9_.\[\]-]+")
_LONGEST = 120
_BOUNDARY = re.compile(rb'boundary="?([^";,]+)')
_QUERY_VALUE = re.compile(r"=[^&]*")


def cassette_of(file: Path, name: str) -> Path:
    """Where the cassette of a test lies: ``cassettes/<module>/<test>.har`` beside the test's file."""
    plain = _NAME.sub("-", name).strip("-")[:_LONGEST]
    return file.parent / "cassettes" / file.stem / f"{plain}.har"


@dataclass(slots=True)
class Recorder:
    """Keeps what one test exchanged, and writes it when the test is over; a test without exchanges has no cassette."""

    path: Path
    moment: str
    exchanges: list[Seen] = field(default_factory=list)

    def write(self) -> None:
        """Write the cassette, over one that was there."""
        if not self.exchanges:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        value = archive(self.exchanges, moment=self.moment)
        self.path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


class Replay:
    """Answers from a cassette; each recorded exchange once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            value: Any = orjson.loads(path.read_bytes())
        except (OSError, orjson.JSONDecodeError) as error:
            raise UsageError(f"{path} cannot be read as a cassette; record it again with --assay-record") from error
        self._left = list(tracks(value, str(path)))
        self._lock = threading.Lock()

    def __call__(self, request: Request, url: str) -> Reply:
        """Answer a request; raises ``UsageError`` for one that was not recorded."""
        with self._lock:
            fitting = [track for track in self._left if _same_call(track, request)]
            if not fitting:
                raise UsageError(
                    f"{request.method} {url.partition('?')[0]} is not in the cassette {self._path} "
                    "(or was answered already); record it again with --assay-record"
                )
            body = _value(request)
            found = next((track for track in fitting if _value(track.request) == body), fitting[0])
            self._left.remove(found)
        return found.reply


class Refusal:
    """Answers nothing, for a reason: there is no cassette, or none that can be read."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def __call__(self, request: Request, url: str) -> Reply:
        """Refuse; raises ``UsageError``."""
        raise UsageError(f"{request.method} {url.partition('?')[0]} has no answer: {self._reason}")


def _same_call(track: Track, request: Request) -> bool:
    path, _, query = request.target.partition("?")
    known, _, recorded = track.request.target.partition("?")
    if (track.request.method, known) != (request.method.upper(), path):
        return False
    # The values of secrets are not recorded, so there the names must do.
    return recorded == query or (REMOVED in recorded and _names(recorded) == _names(query))


def _names(query: str) -> list[str]:
    return sorted(_QUERY_VALUE.sub("", query).split("&"))


def _value(request: Request) -> Any:
    """What is compared of a body: its JSON value, or its bytes without the boundary that is new each time."""
    kind = request.headers.content_type or ""
    if "json" in kind:
        try:
            return orjson.loads(request.body)
        except orjson.JSONDecodeError:
            return request.body
    boundary = _BOUNDARY.search(kind.encode("latin-1", "replace"))
    return request.body.replace(boundary[1], b"") if boundary else request.body
