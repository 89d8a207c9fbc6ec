"""The plan: what to ask of which operations, with which models, and how the budget is shared out.

The rule of this module: the best information comes first. What every client uses is asked before what the contract
merely allows, and an operation gets requests only for what can still tell something new.
"""

from __future__ import annotations

from difflib import get_close_matches
from math import ceil
from typing import TYPE_CHECKING

import orjson

from assay.conformance.result import Tally
from assay.conformance.scenarios import kind
from assay.errors import UsageError
from assay.messages import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from assay.conformance.result import Options
    from assay.model import Api, Operation

__all__ = [
    "DELETES", "FLOWS", "PHASES", "candidates", "fitting", "identity", "is_below", "levels", "models_request", "opened",
    "place", "select", "served", "spread",
]  # fmt: skip

_OK = 200
_DEFAULTS = {
    "embedding": "text-embedding-3-small",
    "moderation": "omni-moderation-latest",
    "image": "dall-e-2",
    "speech": "tts-1",
    "transcription": "whisper-1",
}
_DEFAULT = "gpt-4o-mini"
# Words in the names of models that say what they are for.
_MARKS = {
    "embedding": ("embed", "bge", "e5", "gte", "minilm", "sentence"),
    "moderation": ("moderation", "guard"),
    "image": ("dall", "image", "diffusion", "flux"),
    "speech": ("tts", "speech"),
    "transcription": ("whisper", "transcribe"),
    "audio": ("audio",),
    "other": ("rerank", "realtime", "sora"),
}
# What may fit where nothing is known to.
_BROADER = {"speech": "audio", "transcription": "audio"}
_TRIED = 4  # models tried for one operation before it is given up
FLOWS = 0.95
"""The share of the requests left that flows may spend, all together."""
DELETES = "deletes: tried only on what this run made, unless named with --operation"
"""Why operations that delete are closed to all but flows."""
PHASES = {"inside": 0.35, "outside": 0.45, "search": 1.0}
"""The generated phases in their order, each with the share of the requests left that it may spend."""


def opened(operation: Operation, options: Options) -> Tally:
    """The tally that an operation begins with: closed at once when it deletes and was not asked for by name."""
    if operation.method == "DELETE" and not options.operations:
        return Tally(closed=DELETES)
    return Tally()


def select(api: Api, names: Sequence[str]) -> tuple[Operation, ...]:
    """The operations of these ids, paths or ``METHOD path`` names; all when none is named; unknown ones refused."""
    if not names:
        return api.operations
    chosen: list[Operation] = []
    for name in names:
        found = [o for o in api.operations if name in (o.id, o.path, f"{o.method} {o.path}")]
        if not found:
            known = {x.lower(): x for o in api.operations for x in (o.id, o.path)}
            close = [known[x] for x in get_close_matches(name.lower(), known, n=3, cutoff=0.5)]
            close.sort(key=lambda known: not known.lower().startswith(name.lower()))
            hint = f"; did you mean {' or '.join(close)}?" if close else "; `assay operations` lists them"
            raise UsageError(f"no operation is called {name!r}{hint}")
        chosen += [o for o in found if o not in chosen]
    return tuple(chosen)


def is_below(path: str, above: str) -> bool:
    """Whether a path lies below another: ``/threads/{thread_id}/runs`` below ``/threads``."""
    return path.startswith(f"{above}/")


def levels(operations: Sequence[Operation]) -> list[list[Operation]]:
    """The operations by how many others' paths theirs lies below, so that what is not served is known in time."""
    paths = {operation.path for operation in operations}
    depths = {path: sum(is_below(path, above) for above in paths) for path in paths}
    return [[o for o in operations if depths[o.path] == depth] for depth in sorted(set(depths.values()))]


def spread(requests: int, weights: Sequence[float]) -> list[int]:
    """Share requests out by weight, whole ones, so that early ones get the larger part of what cannot be divided."""
    given: list[int] = []
    for number, weight in enumerate(weights):
        given.append(ceil((requests - sum(given)) * weight / sum(weights[number:])))
    return given


def place(path: str) -> str:
    """The part of an API that a path belongs to: its first step (``files`` of ``/files/{file_id}/content``)."""
    return path.split("/")[1]


def models_request(api: Api) -> Request:
    """The request for the target's list of models; it also tells whether the target lives."""
    for operation in api.operations:
        if operation.method == "GET" and operation.path == "/models":
            return Request("GET", operation.bases[0] + operation.path)
    bases = [o.bases[0] for o in api.operations if o.bases]
    return Request("GET", (bases[0] if bases else "") + "/models")


def served(response: Response) -> tuple[str, ...]:
    """The names of the models in an answer to :func:`models_request`; none when it is no such list."""
    if response.status != _OK:
        return ()
    try:
        value = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return ()
    data = value.get("data") if isinstance(value, dict) else None
    items = data if isinstance(data, list) else []
    names = [item.get("id") for item in items if isinstance(item, dict)]
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))


def fitting(models: Iterable[str], path: str) -> tuple[str, ...]:
    """The models whose names say that they are for an operation, those that say it plainly first."""
    wanted = kind(path)
    marked = [(name, _marks(name)) for name in models]
    plainly = [name for name, marks in marked if wanted in marks]
    return (*plainly, *(name for name, marks in marked if wanted not in marks and _BROADER.get(wanted) in marks))


def candidates(models: Iterable[str], path: str) -> tuple[str, ...]:
    """The models to try for an operation, those whose names fit first."""
    models = [*models]
    names = [*fitting(models, path), *(name for name in models if not _marks(name))] or models
    return tuple(names[:_TRIED]) or (_DEFAULTS.get(kind(path), _DEFAULT),)


def _marks(name: str) -> list[str]:
    return [what for what, words in _MARKS.items() if any(word in name.lower() for word in words)]


def identity(response: Response | None) -> str:
    """The id of the object that a successful response shows, or ``""``."""
    if response is None or response.status != _OK:
        return ""
    try:
        value = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return ""
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
