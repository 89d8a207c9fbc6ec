"""What a run knows of the objects that it made: their ids, how they were shown, and what was sent for them.

The rule of this module: the first object of a kind is the one that lives on, for probes and other flows to use; what
is made beside it may be deleted by the flow that made it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from assay.conformance.flows.steps import shape
from assay.violation import Violation

if TYPE_CHECKING:
    from assay.conformance.checks import Exchange
    from assay.conformance.flows.steps import Step
    from assay.contract import Contract
    from assay.messages import Request, Response
    from assay.rules.registry import Rule
    from assay.violation import Part

__all__ = ["AGAIN", "Memory", "Seen", "at", "id_of", "value_of"]

AGAIN = " again"
"""Ends the name of a second object of a kind."""

_OK = 200, 300
# What an object is called where another request's body names it; elsewhere it is the name in its own path.
_FIELDS = {"response_id": "previous_response_id", "conversation_id": "conversation"}
_NAMED = frozenset({"file_id", "training_file", "input_file_id", "assistant_id", "vector_store_id", *_FIELDS})


@dataclass(slots=True)
class Memory:
    """What is known by now.

    ``ids`` by name, and by name and property (``batch_id.output_file_id``); ``shown`` and ``made`` are the objects as
    they came last, and the requests that made them.
    ``lists`` are whole lists by their paths. ``nowhere`` is how the target refuses a path that does not exist.
    """

    ids: dict[str, str] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict)
    made: dict[str, Request] = field(default_factory=dict)
    lists: dict[str, list[Any]] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    nowhere: str = ""

    def keep(self, step: Step, request: Request, value: Any) -> None:
        """Keep what an answer shows under the step's name."""
        name = id_of(at(value, *step.keep_at))
        if not name or self.ids.get(step.keep.removesuffix(AGAIN)) == name != self.ids.get(step.keep):
            return  # a target that has one id for everything has one object
        self.ids[step.keep] = name
        self.shown[step.keep] = at(value, *step.keep_at[:-1])
        self.made.setdefault(step.keep, request)
        shown = self.shown[step.keep]
        if isinstance(shown, dict):
            self.ids |= {f"{step.keep}.{field}": id_of(item) for field, item in shown.items() if id_of(item)}
        if step.method == "POST" or len(step.keep_at) > 1:
            item = shape(step.path) + "/{}"
            self.known.setdefault(item, name)
        if step.keep in _NAMED:
            self.known.setdefault(_FIELDS.get(step.keep, step.keep), name)


@dataclass(frozen=True, slots=True)
class Seen:
    """What an ask judges: the step's exchange with the value of its response, None where that is no JSON."""

    contract: Contract
    step: Step
    exchange: Exchange
    response: Response
    value: Any

    @property
    def ok(self) -> bool:
        """Whether the request was served."""
        return _OK[0] <= self.response.status < _OK[1]

    def broken(
        self, rule: Rule, path: tuple[str | int, ...], expected: str, got: str, *, part: Part = "body"
    ) -> Violation:
        """The violation of a rule, stated where the description has the operation."""
        pointer = self.contract.api.shown(self.exchange.operation.pointer)
        return Violation(rule.id, part, path, expected, got, pointer, rule.severity)


def value_of(response: Response) -> Any:
    """The JSON value of a response, or None."""
    try:
        return orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return None


def at(value: Any, *steps: str | int) -> Any:
    """The part of a JSON value at some steps, or None."""
    for step in steps:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return None
    return value


def id_of(value: Any) -> str:
    """An id as text; empty where a value is none."""
    return str(value) if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)) else ""
