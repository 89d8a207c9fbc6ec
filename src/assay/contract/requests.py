"""Requests of one operation: parameters, body, request rules, and the short way for the common case.

The rule of this module: the short way may only say yes. What it cannot accept at once is judged by the whole check,
which alone finds violations; so the short way can never disagree, only give up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from assay.contract.bodies import BodyCheck, Judged
from assay.rules.registry import Exchange
from assay.violation import Verdict, Violation, describe
from assay.wire.media import is_json
from assay.wire.styles import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.messages import Headers, Request
    from assay.model import Operation, Parameter
    from assay.rules.registry import Registry
    from assay.schema.check import Schemas
    from assay.wire.styles import Reading

__all__ = ["RequestCheck"]


@dataclass(frozen=True, slots=True)
class _Parameters:
    """The parameters of one request: decoded values by location and name, and what is wrong with them."""

    query: Mapping[str, Any]
    path: Mapping[str, Any]
    violations: tuple[Violation, ...]


class RequestCheck:
    """Judges the requests of one operation. ``strict_query`` makes an undeclared query parameter a violation."""

    def __init__(self, operation: Operation, schemas: Schemas, rules: Registry, *, strict_query: bool = False) -> None:
        self.operation = operation
        self.passed = Verdict(operation.id)
        self._schemas = schemas
        self._rules = rules
        self._strict_query = strict_query
        shapes = {p.schema: schemas.shape(p.schema) for p in operation.parameters if p.schema is not None}
        self._reader = Reader(operation.parameters, shapes)
        body = operation.body
        self._body = BodyCheck(body.contents, schemas, "request", body.pointer) if body is not None else None
        self._silent = rules.silent_on(operation.id, "request")
        self._short = self._short_checks()

    def _short_checks(self) -> dict[str | None, Callable[[Any], bool]]:
        """The checks of the short way, by the exact text of a Content-Type; empty when parameters must be read."""
        body = self.operation.body
        if body is None or self._reader.parameters or self._strict_query:
            return {}
        found: dict[str | None, Callable[[Any], bool]] = {}
        for content in body.contents:
            if is_json(content.media_type) and content.schema is not None:
                ok = self._schemas.check(content.schema, "request").quick
                found[content.media_type] = found[f"{content.media_type}; charset=utf-8"] = ok
        return found

    def accepts(self, request: Request) -> bool:
        """The short way: True when the request is surely valid, False when the whole check must look."""
        ok = self._short.get(request.headers.content_type)
        if ok is None or request.headers.content_encoding or "?" in request.target:
            return False
        try:
            value = orjson.loads(request.body)
            object.__setattr__(request, "parsed", value)
            if not ok(value):
                return False
        except ValueError:  # no JSON, or nothing for the quick check
            return False
        return self._silent(value, None) or not self._rules.check_request(Exchange(self.operation.id, value))

    def check(self, request: Request, path_values: Mapping[str, str]) -> Verdict:
        """Judge a request whole; the short way is the caller's to try first."""
        parameters, judged = self._parts(request, path_values)
        found = parameters.violations + judged.violations
        if not judged.violations:
            found += self._rules.check_request(self._exchange(request, parameters, judged))
        return Verdict(self.operation.id, found) if found else self.passed

    def exchange(self, request: Request, path_values: Mapping[str, str]) -> Exchange:
        """Return what the rules about responses must know of the request, however wrong it is."""
        return self._exchange(request, *self._parts(request, path_values))

    def _parts(self, request: Request, path_values: Mapping[str, str]) -> tuple[_Parameters, Judged]:
        query = request.target.partition("#")[0].partition("?")[2]
        return self._parameters(path_values, query, request.headers), self._judge_body(request)

    def _exchange(self, request: Request, parameters: _Parameters, judged: Judged) -> Exchange:
        return Exchange(
            self.operation.id,
            judged.value,
            query=parameters.query,
            path_values=parameters.path,
            request_headers=request.headers,
            files=judged.files,
        )

    def _judge_body(self, request: Request) -> Judged:
        body = self.operation.body
        if self._body is None or body is None:
            return Judged(violations=self._unwanted(request))
        if not request.body:
            # An empty body that says what it is counts as a body: empty text, or JSON that is not there.
            if not body.required:
                return Judged()
            expected = f"a body ({' or '.join(self._body.media_types[:6])})"
            return Judged(violations=(Violation("http/body-missing", "body", (), expected, "no body", body.pointer),))
        return self._body.judge(request.headers, request.body)

    def _unwanted(self, request: Request) -> tuple[Violation, ...]:
        """A body where none is described: legal HTTP, ignored by most servers and refused by some."""
        if not request.body:
            return ()
        got = describe(request.body)
        return (Violation("http/body-unexpected", "body", (), "no body", got, self.operation.pointer, "hazard"),)

    def _parameters(self, path_values: Mapping[str, str], query: str, headers: Headers) -> _Parameters:
        readings = self._reader.read(path_values, query, headers)
        values: dict[str, dict[str, Any]] = {"query": {}, "path": {}}
        found: list[Violation] = []
        for reading in readings.values:
            judged = self._judge_parameter(reading)
            found.extend(judged.violations)
            if reading.present and reading.parameter.location in values:
                values[reading.parameter.location][reading.parameter.name] = judged.value
        if readings.problem is not None:
            got = f"{readings.problem.got}"
            found.append(Violation("http/query", "query", (), readings.problem.expected, got, self.operation.pointer))
        if self._strict_query:
            fixed = dict(self.operation.query)
            found.extend(self._undeclared(name) for name in readings.undeclared if name not in fixed)
        return _Parameters(values["query"], values["path"], tuple(found))

    def _undeclared(self, name: str) -> Violation:
        names = sorted(p.name for p in self._reader.parameters if p.location == "query")
        expected = f"one of the query parameters {', '.join(names[:8])}" if names else "no query parameter"
        return Violation(
            "http/parameter-undeclared", "query", (name,), expected, "an undeclared one", self.operation.pointer
        )

    def _judge_parameter(self, reading: Reading) -> Judged:
        parameter = reading.parameter
        if not reading.present:
            return Judged(violations=self._missing(parameter))
        if reading.problem is not None:
            rule, part, path = "http/parameter-form", _part(parameter), (parameter.name,)
            got = reading.problem.got
            return Judged(violations=(Violation(rule, part, path, reading.problem.expected, got, parameter.pointer),))
        if parameter.schema is None or not reading.candidates:
            return Judged(value=reading.candidates[0] if reading.candidates else None)
        check = self._schemas.check(parameter.schema, "request")
        for value in reading.candidates:
            if check.ok(value):
                return Judged(value=value)
        found = check.explain(reading.candidates[0], part=_part(parameter), path=(parameter.name,))
        return Judged(value=reading.candidates[0], violations=found)

    def _missing(self, parameter: Parameter) -> tuple[Violation, ...]:
        if not parameter.required:
            return ()
        expected = f"the {parameter.location} parameter {parameter.name}"
        return (
            Violation(
                "http/parameter-missing", _part(parameter), (parameter.name,), expected, "none", parameter.pointer
            ),
        )


def _part(parameter: Parameter) -> Any:
    return "query" if parameter.location == "querystring" else parameter.location
