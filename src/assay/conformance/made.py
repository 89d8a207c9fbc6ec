"""What a run made on the target, and how it is taken away again.

The rule of this module: only what an answer to one of our own requests says was made is ever deleted, each by the
path below which it was made; and tidying up ends soon, whatever the target does.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from assay.conformance.pace import Dead, Silent
from assay.messages import Request

if TYPE_CHECKING:
    from assay.conformance.pace import Courier
    from assay.messages import Response
    from assay.model import Api, Operation

__all__ = ["Ledger"]

_NAMES = re.compile(r"\{[^}]*\}")
_OK, _REDIRECT, _REFUSED, _GONE = 200, 300, 400, (404, 410)
_IN_VAIN = 3  # refusals in a row after which objects of a kind are left where they are
_LONGEST = 20.0  # seconds
_READ = 20_000  # bytes of a stream in which an id is looked for
# Where an answer names other objects that it made, and the collections they are in.
_BESIDE = {
    "/threads/runs": (("thread_id", "/threads"),),
    "/uploads/{}/complete": (("file.id", "/files"),),
    "/batches/{}": (("output_file_id", "/files"), ("error_file_id", "/files")),
}
# What is asked for, and not kept unless the request says so, or unless it says that it must not be.
_KEPT_IF = {"/chat/completions": ("store", True, False), "/responses": ("store", True, True)}


class Ledger:
    """The objects of one run that are still there, in the order in which they were made."""

    def __init__(self, api: Api) -> None:
        self._deletes = {_bare(o.path): o for o in api.operations if o.method == "DELETE"}
        self._cancels = {_bare(o.path) for o in api.operations if o.method == "POST" and o.path.endswith("/cancel")}
        self._made: dict[str, tuple[str, str]] = {}
        self._refused: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._made)

    def note(self, operation: Operation, request: Request, response: Response) -> None:
        """Take note of what an exchange made or deleted."""
        path = request.target.partition("?")[0]
        if operation.method == "DELETE":
            if _OK <= response.status < _REDIRECT or response.status in _GONE:
                self._made.pop(path, None)
            return
        if not _OK <= response.status < _REDIRECT:
            return
        shape = _bare(operation.path)
        base = path[: len(path) - len(operation.path)] if not shape.count("{}") else operation.bases[0]
        for name, collection in _BESIDE.get(shape, ()):
            self._add(f"{base}{collection}", collection, _text(_value(response), name))
        if operation.method == "POST" and _is_kept(shape, request):
            for id_ in _ids(_value(response)):
                self._add(path, shape, id_)

    def _add(self, collection: str, shape: str, id_: str) -> None:
        item = f"{shape}/{{}}"
        if not id_:
            return
        if item in self._deletes:
            self._made.setdefault(f"{collection}/{quote(id_, safe='')}", ("DELETE", item))
        elif f"{item}/cancel" in self._cancels:
            self._made.setdefault(f"{collection}/{quote(id_, safe='')}/cancel", ("POST", item))

    def tidy(self, courier: Courier) -> None:
        """Delete what is left, the newest first, and cancel what can only be cancelled; best effort."""
        until = courier.clock.now() + _LONGEST
        for path, (method, item) in reversed([*self._made.items()]):
            if courier.clock.now() > until:
                return
            if self._refused[item] >= _IN_VAIN:
                continue
            if any(path.startswith(f"{above}/") for above in self._made):
                self._made.pop(path)  # it goes with the object that it belongs to
                continue
            try:
                response = courier(Request(method, path), beyond=True)
            except Dead:
                return
            except Silent:
                self._refused[item] += 1
                continue
            if response.status < _REFUSED or response.status in _GONE:
                self._made.pop(path)
            self._refused[item] = self._refused[item] + 1 if response.status >= _REFUSED else 0


def _bare(path: str) -> str:
    return _NAMES.sub("{}", path)


def _is_kept(shape: str, request: Request) -> bool:
    if shape not in _KEPT_IF:
        return True
    name, wanted, default = _KEPT_IF[shape]
    try:
        value = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return default
    given = value.get(name, default) if isinstance(value, dict) else default
    return given is wanted or (given is None and default)


def _value(response: Response) -> Any:
    """The JSON value of an answer; of a stream, its first event."""
    body = response.body
    if (response.headers.content_type or "").startswith("text/event-stream"):
        lines = body[:_READ].splitlines()
        body = next((line.removeprefix(b"data:") for line in lines if line.startswith(b"data:")), b"")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _ids(value: Any) -> list[str]:
    """The ids of what an answer shows: an object, the response that an event is of, or a list of objects."""
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("response"), dict):
        value = value["response"]
    shown = value["data"] if isinstance(value.get("data"), list) and "id" not in value else [value]
    return [_text(item, "id") for item in shown]


def _text(value: Any, name: str) -> str:
    """The text at a dotted name, or an empty one."""
    for step in name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
