"""Scenes: the scenarios of an operation as requests, with names filled in and forms written.

The rule of this module: every request is one that the contract admits. Of several ways to ask for a feature, and of
several models, the first that it admits is taken; what asks for several features and is not admitted is taken apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from assay.conformance.scenarios import EARLIER, MODEL, SCENARIOS
from assay.generate.media_values import wav
from assay.messages import Request
from assay.wire.multipart import FilePart, write_multipart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from assay.conformance.scenarios import Scenario
    from assay.model import Operation
    from assay.violation import Verdict

    Judge = Callable[[Request], Verdict]

__all__ = ["Scene", "scenes"]

_BOUNDARY = "assay-b47a81c0e95d4f3e"
_FORM = {"content-type": f"multipart/form-data; boundary={_BOUNDARY}"}
_SECONDS = 0.5  # of sound; what is shorter than a tenth some services refuse


@dataclass(frozen=True, slots=True)
class Scene:
    """A request that plays a scenario. Where it asks for several features, ``parts`` ask for each of them alone."""

    name: str
    request: Request
    parts: tuple[Scene, ...] = ()


def scenes(judge: Judge, operation: Operation, models: Sequence[str], earlier: str = EARLIER) -> Iterator[Scene]:
    """Yield the scenes of an operation in their order, with the first of the models that the contract admits for each.

    ``earlier`` is the id of an object that the operation made before; without one, what needs it is left out.
    """
    one = _Scenes(judge, operation, models, earlier)
    for scenario in SCENARIOS.get((operation.method, operation.path), ()):
        yield from one.of(scenario)


class _Scenes:
    def __init__(self, judge: Judge, operation: Operation, models: Sequence[str], earlier: str) -> None:
        self._judge, self._operation, self._models, self._earlier = judge, operation, models, earlier

    def of(self, scenario: Scenario) -> Iterator[Scene]:
        """Yield the scene of a scenario; its parts, where the contract does not admit them in one request."""
        parts = tuple(scene for part in scenario.parts for scene in self.of(part))
        for request in self._requests(scenario):
            verdict = self._judge(request)
            if verdict.ok and verdict.operation == self._operation.id:
                yield Scene(scenario.name, request, parts)
                return
        yield from parts

    def _requests(self, scenario: Scenario) -> Iterator[Request]:
        method, target = self._operation.method, self._operation.bases[0] + self._operation.path
        if not scenario.bodies:
            yield Request(method, target)
        for model in self._models:
            for body in scenario.bodies if model not in scenario.unlike else ():
                if self._earlier or EARLIER not in body.values():
                    yield Request(method, target, *self._written(scenario, self._filled(body, model)))

    def _filled(self, body: dict[str, Any], model: str) -> dict[str, Any]:
        names = {MODEL: model, EARLIER: self._earlier}
        return {name: names.get(value, value) if isinstance(value, str) else value for name, value in body.items()}

    def _written(self, scenario: Scenario, body: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        if not scenario.spoken:
            return {"content-type": "application/json"}, orjson.dumps(body)
        recording = FilePart("file", "assay.wav", "audio/wav", wav(_SECONDS))
        return _FORM, write_multipart(body, [recording], _BOUNDARY)
