"""Responses of one operation: status, headers, body or stream, and the rules that tie them to their request.

The rule of this module: a response is judged by the most exact entry that the description has for its status (``200``
before ``2XX`` before ``default``), and a stream by the same check whether it comes in pieces or whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from assay.contract.bodies import BodyCheck, kind_of
from assay.contract.events import event_check
from assay.contract.stream import StreamCheck
from assay.messages import UNREAD
from assay.rules.registry import Exchange
from assay.violation import Verdict, Violation, describe
from assay.wire.media import is_json
from assay.wire.sse import LIMIT
from assay.wire.styles import Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.messages import Headers, Request, Response
    from assay.model import Answer, Content, Operation
    from assay.rules.registry import Registry
    from assay.schema.check import Schemas

__all__ = ["EVENT_STREAM", "ResponseCheck"]

EVENT_STREAM = "text/event-stream"

# No response has this status: the short way of a Content-Type that has none.
_NEVER: tuple[int, Callable[[Any], bool]] = (-1, lambda _: False)

# How a request asks for a stream: a property and its value.
_ASKED_BY: tuple[tuple[str, Any], ...] = (("stream", True), ("stream_format", "sse"))

_NO_CONTENT = frozenset({204, 205, 304})


class ResponseCheck:
    """Judges the responses of one operation."""

    def __init__(
        self, operation: Operation, schemas: Schemas, rules: Registry, shown: Callable[[Violation], Violation]
    ) -> None:
        self.operation = operation
        self._schemas = schemas
        self._rules = rules
        self._shown = shown
        self.passed = Verdict(operation.id)
        self._silent = rules.silent_on(operation.id, "response")
        self._short = self._short_checks()
        self._asks = self._asks_by_property()
        self._answers = {answer.status: answer for answer in operation.answers}
        self._bodies = {
            answer.status: BodyCheck(answer.contents, schemas, "response", answer.pointer)
            for answer in operation.answers
        }

    def _short_checks(self) -> dict[str | None, tuple[int, Callable[[Any], bool]]]:
        """The checks of the short way, with their status, by the exact text of a Content-Type."""
        found: dict[str | None, tuple[int, Callable[[Any], bool]]] = {}
        if self.operation.parameters:
            return found  # rules may read them, and reading them is the long way
        for answer in self.operation.answers:
            if not answer.status.isdigit() or answer.headers:
                continue
            for content in answer.contents:
                if is_json(content.media_type) and content.schema is not None:
                    check = int(answer.status), self._schemas.check(content.schema).quick
                    found.setdefault(content.media_type, check)
                    found.setdefault(f"{content.media_type}; charset=utf-8", check)
        return found

    def _asks_by_property(self) -> tuple[str, Any] | None:
        """The property of a JSON request, with its value, that chooses a stream instead of one body, if any does."""
        body = self.operation.body
        kinds = {content.media_type for answer in self.operation.answers for content in answer.contents}
        if body is None or EVENT_STREAM not in kinds or len(kinds) == 1:
            return None
        schemas = [c.schema for c in body.contents if is_json(c.media_type) and c.schema is not None]
        names = {name for schema in schemas for name in self._schemas.shape(schema).properties}
        return next((asked for asked in _ASKED_BY if asked[0] in names), None)

    def accepts(self, request: Request, response: Response) -> bool:
        """The short way: True when the response is surely right, False when the whole check must look."""
        headers = response.headers
        status, ok = self._short.get(headers.content_type, _NEVER)
        if response.status != status or headers.content_encoding or request.headers.content_encoding:
            return False
        asked = request.parsed
        try:
            value = orjson.loads(response.body)
            if asked is UNREAD:
                asked = orjson.loads(request.body) if request.body else None
            right = ok(value)
        except ValueError:  # no JSON, or nothing for the quick check
            return False
        if not right or (self._asks is not None and type(asked) is dict and asked.get(self._asks[0])):
            return False
        if self._silent(asked, value):
            return True
        return not self._rules.check_response(Exchange(self.operation.id, asked, value, status))

    def answer(self, status: int) -> Answer | None:
        """Return the documented answer for a status code: exact, then its class, then ``default``."""
        exact, group = str(status), f"{status // 100}XX"
        return self._answers.get(exact) or self._answers.get(group) or self._answers.get("default")

    def check(self, exchange: Exchange, response: Response, *, head: bool = False) -> tuple[Violation, ...]:
        """Judge a whole response; ``head`` says that it answers HEAD and so has no body."""
        answer = self.answer(response.status)
        if answer is None:
            return (self._undocumented(response.status),)
        found = [*self._check_headers(answer, response.headers)]
        if head or response.status in _NO_CONTENT:
            if response.body:
                got = describe(response.body)
                found.append(Violation("http/body-unexpected", "body", (), "no body", got, answer.pointer))
            return tuple(found)
        return (*found, *self._check_body(answer, exchange, response))

    def open(self, exchange: Exchange, status: int, headers: Headers, *, limit: int = LIMIT) -> StreamCheck:
        """Open the check of a stream; a stream that is not documented for this status is checked by its rules only."""
        answer = self.answer(status)
        body = self._bodies[answer.status] if answer is not None else None
        content = body.select(headers.content_type) if body is not None else None
        reference = None if content is None or isinstance(content, Violation) else content.item_schema or content.schema
        event = event_check(self._schemas, reference) if reference is not None else None
        rules = self._rules.open_stream(replace(exchange, status=status, response_headers=headers))
        return StreamCheck(self.operation.id, event, rules, limit=limit, shown=self._shown)

    def _check_body(self, answer: Answer, exchange: Exchange, response: Response) -> tuple[Violation, ...]:
        body = self._bodies[answer.status]
        if not answer.contents:
            return ()
        content_type = response.headers.content_type
        if not response.body and content_type is None:
            expected = f"a body ({' or '.join(body.media_types[:6])})"
            return (Violation("http/body-missing", "body", (), expected, "no body", answer.pointer),)
        content = body.select(content_type)
        streamed = _is_event_stream(content, content_type)
        known = is_json(kind_of(content_type)) or not isinstance(content, Violation)
        if str(response.status).startswith("2") and known:
            odd = self._check_choice(answer, exchange, streamed=streamed)
            if odd:
                return odd
        if streamed:
            return self._check_stream(exchange, response)
        judged = body.judge(response.headers, response.body)
        # A rule ties a response to what was asked; of a request that could not be read nobody knows what that was.
        unknown = exchange.request is None and self.operation.body is not None
        if judged.violations or judged.content is None or unknown:
            return judged.violations
        seen = replace(exchange, response=judged.value, status=response.status, body=response.body)
        return self._rules.check_response(replace(seen, response_headers=response.headers))

    def _check_choice(self, answer: Answer, exchange: Exchange, *, streamed: bool) -> tuple[Violation, ...]:
        """A stream comes when ``stream`` asks for one, and only then."""
        if self._asks is None or not isinstance(exchange.request, dict):
            return ()
        name, value = self._asks
        wanted = exchange.request.get(name) == value
        if wanted == streamed:
            return ()
        names = (EVENT_STREAM, "one body")
        expected, got = names if wanted else names[::-1]
        expected += f", as {name} asks" if wanted else ", as no stream was asked for"
        rule = "http/stream-missing" if wanted else "http/stream-unasked"
        return (Violation(rule, "header", ("content-type",), expected, got, answer.pointer),)

    def _check_stream(self, exchange: Exchange, response: Response) -> tuple[Violation, ...]:
        stream = self.open(exchange, response.status, response.headers, limit=max(LIMIT, len(response.body)))
        stream.feed(response.body)
        stream.close()
        return stream.violations

    def _check_headers(self, answer: Answer, headers: Headers) -> list[Violation]:
        if not answer.headers:
            return []
        shapes = {p.schema: self._schemas.shape(p.schema) for p in answer.headers if p.schema is not None}
        found: list[Violation] = []
        for reading in Reader(answer.headers, shapes).read({}, "", headers).values:
            parameter = reading.parameter
            path = (parameter.name.lower(),)
            if not reading.present:
                if parameter.required:
                    expected = f"the header {parameter.name}"
                    found.append(Violation("http/header-missing", "header", path, expected, "none", parameter.pointer))
            elif reading.problem is not None:
                expected, got = reading.problem.expected, reading.problem.got
                found.append(Violation("http/header-form", "header", path, expected, got, parameter.pointer))
            elif parameter.schema is not None and reading.candidates:
                check = self._schemas.check(parameter.schema)
                if not any(check.ok(value) for value in reading.candidates):
                    found.extend(check.explain(reading.candidates[0], part="header", path=path))
        return found

    def _undocumented(self, status: int) -> Violation:
        documented = ", ".join(self._answers) or "none"
        expected = f"a documented status ({documented})"
        return Violation("http/status", "status", (), expected, str(status), self.operation.pointer)


def _is_event_stream(content: Content | Violation, content_type: str | None) -> bool:
    return not isinstance(content, Violation) and kind_of(content_type) == EVENT_STREAM
