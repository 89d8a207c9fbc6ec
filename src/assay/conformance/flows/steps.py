"""Steps and flows as values, and how a step becomes a request with what is known by then.

The rule of this module: a step names what it needs, in braces; what is not known leaves the step out, and a parameter
that the description does not declare is not sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson

from assay.messages import Request
from assay.wire.multipart import FilePart, write_multipart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from assay.conformance.flows.memory import Memory, Seen
    from assay.model import Api, Operation
    from assay.violation import Violation

    Ask = Callable[[Memory, Seen], Iterable[Violation]]

__all__ = ["MADE", "Flow", "Index", "Step", "shape", "wanted"]

MADE: tuple[str | int, ...] = ("id",)
"""Where most answers have the id of what was made."""

_NAME = re.compile(r"\{([^}]*)\}")
_LINES = ("batch", "fine-tune")  # purposes of files of JSON Lines
_BOUNDARY = "assay-flow-7d2e"


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a flow.

    ``path`` and the texts of ``body``, ``form`` and ``query`` hold names in braces; bytes in a form are a file.
    ``query`` is sent as far as it is declared, and a step whose ``cursor`` is not declared is left out, as is one that
    has nothing of what it ``needs`` beside the names in it. ``keep`` is
    the name under which the id at ``keep_at`` in the answer goes on; ``mark`` is a name that says that the step was
    served, for others to need. ``until`` are states: the step is repeated until
    the object is in one of them, or patience ends. ``asks`` judge what came; ``gone`` says that a refusal is right, and
    ``firm`` that one is told, where the first object of its kind was made. ``plain`` is a body that asks for less: it
    is sent where the first one is refused, and where it is accepted, that refusal is told. A ``spare`` step is taken
    only when enough requests are left for all the others.
    """

    method: str
    path: str
    body: Any = None
    form: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    cursor: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    keep: str = ""
    keep_at: tuple[str | int, ...] = MADE
    mark: str = ""
    until: frozenset[str] = frozenset()
    asks: tuple[Ask, ...] = ()
    gone: bool = False
    firm: bool = False
    plain: Any = None
    spare: bool = False

    @property
    def place(self) -> tuple[str, str]:
        """Method and shape of the path, by which the operation is found."""
        return self.method, shape(self.path)

    @property
    def names(self) -> frozenset[str]:
        """What must be known for the step to be taken."""
        found = {*_NAME.findall(self.path), *self.needs}
        for value in (self.body, self.form, self.query, self.cursor):
            found |= {*_names(value)}
        return frozenset(found)

    @property
    def tells(self) -> bool:
        """Whether the step is taken for its own sake, and not only to make something for others."""
        return self.method != "POST" or bool(self.asks) or bool(self.names - {"model"})

    def request(self, operation: Operation, known: Mapping[str, str]) -> Request | None:
        """Make the request with what is known; None where a name is missing."""
        declared = {parameter.name for parameter in operation.parameters if parameter.location == "query"}
        if not self.cursor.keys() <= declared or not known.keys() >= {*self.needs}:
            return None
        asked = {name: value for name, value in {**self.query, **self.cursor}.items() if name in declared}
        try:
            path = _NAME.sub(lambda name: quote(known[name[1]], safe=""), self.path)
            query = urlencode({name: filled(value, known) for name, value in asked.items()})
            headers, body = self._body(operation, known)
        except KeyError:
            return None
        target = operation.bases[0] + path + (f"?{query}" if query else "")
        return Request(self.method, target, headers, body)

    def _body(self, operation: Operation, known: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
        if self.form is not None:
            fields = {name: filled(value, known) for name, value in self.form.items() if not isinstance(value, bytes)}
            ending = "jsonl" if self.form.get("purpose") in _LINES else "txt"
            files = [
                FilePart(name, f"assay.{ending}", "application/octet-stream", value)
                for name, value in self.form.items()
                if isinstance(value, bytes)
            ]
            headers = {"content-type": f"multipart/form-data; boundary={_BOUNDARY}"}
            return headers, write_multipart(fields, files, _BOUNDARY)
        if self.body is not None and operation.body is not None:
            return {"content-type": "application/json"}, orjson.dumps(filled(self.body, known))
        return {}, b""


@dataclass(frozen=True, slots=True)
class Flow:
    """Steps in their order. ``name`` is for people."""

    name: str
    steps: tuple[Step, ...]


class Index:
    """The operations of a description by method and shape of the path."""

    def __init__(self, api: Api) -> None:
        self._found: dict[tuple[str, str], Operation] = {}
        for operation in api.operations:
            self._found.setdefault((operation.method, shape(operation.path)), operation)

    def get(self, method: str, path: str) -> Operation | None:
        """The operation at a path, whatever its parameters are called."""
        return self._found.get((method, shape(path)))

    def declares(self, method: str, path: str, parameter: str) -> bool:
        """Whether there is such an operation with such a parameter."""
        operation = self.get(method, path)
        return operation is not None and any(one.name == parameter for one in operation.parameters)


def shape(path: str) -> str:
    """A path without the names in its braces."""
    return _NAME.sub("{}", path)


def wanted(flows: Iterable[Flow], tells: Callable[[Step], bool]) -> frozenset[str]:
    """The names that the steps which tell something need, and the names that are needed for these."""
    steps = [step for flow in flows for step in flow.steps]
    found = frozenset(name for step in steps if tells(step) for name in step.names)
    while more := {name for step in steps if {step.keep, step.mark} & found for name in step.names} - found:
        found |= more | {name.partition(".")[0] for name in more}
    return found | {name.partition(".")[0] for name in found}


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        name = _NAME.fullmatch(value)
        if name is not None:
            yield name[1]
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _names(item)


def filled(value: Any, known: Mapping[str, str]) -> Any:
    """A value with the names in braces filled in; raises KeyError for one that is not known."""
    if isinstance(value, str):
        name = _NAME.fullmatch(value)
        return known[name[1]] if name is not None else value
    if isinstance(value, list):
        return [filled(item, known) for item in value]
    if isinstance(value, dict):
        return {name: filled(item, known) for name, item in value.items()}
    return value
