"""Responses: whole ones, streams and refusals, that a contract allows as the answer to one request.

The rule of this module: what ties values (to the request, or event to event) is made so by a recipe; an operation
without one gets what its schemas and the common ties give. Nothing leaves unproved: schemas and rules are asked last.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from assay.errors import UsageError
from assay.generate.dials import Dials
from assay.generate.fixed import Fixed, GaveUp
from assay.generate.media_values import png, sound
from assay.generate.parameters import ParameterMaker
from assay.generate.responses_asked import Asked, Asking
from assay.generate.responses_kept import kept
from assay.generate.responses_other import subtitles
from assay.generate.responses_parts import Parts
from assay.generate.responses_recipes import STREAMS, WHOLE, Wish
from assay.generate.responses_streams import DONE, EVENT_STREAM, StreamForm, Told, written
from assay.generate.responses_ties import echoed, emptied, tied
from assay.generate.source import Source
from assay.messages import Response
from assay.rules.catalogue import standard
from assay.rules.read import at
from assay.rules.registry import Exchange
from assay.wire.json_text import write_json
from assay.wire.media import is_json
from assay.wire.routing import Router

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.messages import Request
    from assay.model import Answer, Api, Content, Operation
    from assay.rules.registry import Registry
    from assay.schema.check import Schemas

__all__ = ["RESPONSES", "Responder", "responses"]

RESPONSES = Dials(optional=0.2, items=2, depth=4, size=600)
"""The dials of responses: more of them hangs together than of requests, and a person has to read it."""

_TRIES = 6
_REFUSALS = {"4XX": (400, 401, 403, 404, 409, 422, 429), "5XX": (500, 502, 503), "default": (500, 400)}
_TOO_MANY = 429
_CONCRETE = {"audio/*": "audio/mpeg", "image/*": "image/png", "text/*": "text/plain", "*/*": "application/octet-stream"}
_SPOKEN = {"mp3": "audio/mpeg", "opus": "audio/opus", "aac": "audio/aac", "flac": "audio/flac", "wav": "audio/wav",
           "pcm": "audio/pcm"}  # fmt: skip
_TEXT_FORMS = ("text", "srt", "vtt")


def responses(
    api: Api, schemas: Schemas, operation: Operation, request: Request, dials: Dials = RESPONSES, *, errors: float = 0.0
) -> st.SearchStrategy[Response]:
    """Any response that answers ``request``; a share of ``errors`` are documented refusals and failures.

    The simplest is the smallest success. ``st.nothing()`` where the operation documents nothing that can be made.
    Whoever asks more than once keeps a :class:`Responder`.
    """
    _ = operation
    return Responder(api, schemas).strategy(request, dials, errors=errors)


class Responder:
    """Makes the responses of one description; what it compiles it keeps.

    ``rules`` are those that a response must keep; by default all that Assay brings.
    """

    def __init__(self, api: Api, schemas: Schemas, rules: Registry | None = None) -> None:
        self._schemas = schemas
        self._rules = standard() if rules is None else rules
        self._router = Router(api.operations)
        self._parts = Parts(schemas)
        self._asking: dict[str, Asking] = {}
        self._forms: dict[str, StreamForm] = {}

    def strategy(
        self, request: Request, dials: Dials = RESPONSES, *, errors: float = 0.0, wish: Wish | None = None
    ) -> st.SearchStrategy[Response]:
        """Any response that answers a request; raises ``UsageError`` for a request to no operation."""
        asked = self.asked(request)
        return _drawn(self, asked, dials, (errors, wish or Wish()))

    def asked(self, request: Request) -> Asked:
        """Read a request; raises ``UsageError`` when it belongs to no operation."""
        route = self._router.find(request.method, request.target)
        if route.operation is None:
            raise UsageError(f"no operation for {request.method} {request.target.partition('?')[0]}")
        asking = self._asking.get(route.operation.id)
        if asking is None:
            asking = self._asking[route.operation.id] = Asking(self._schemas, route.operation)
        return asking.read(request, route.path_values)

    def answer(self, source: Source, asked: Asked, wish: Wish | None = None) -> Response:
        """Make a success, proved by schemas and rules; one with a wish as it was wished for, unproved."""
        answer = _success(asked.operation)
        if answer is None:
            return source.give_up()
        for attempt in range(_TRIES):
            response = self._try(source, asked, answer, (wish or Wish(), attempt))
            if response is not None:
                return response
        return source.give_up()

    def typical(self, asked: Asked, wish: Wish | None = None) -> Response:
        """Make the one response that is likeliest; always the same. Raises ``UsageError`` where there is none."""
        try:
            return self.answer(_Typical(RESPONSES), asked, wish)
        except GaveUp:
            raise UsageError(f"no response of {asked.operation.id} can be made from the description") from None

    def typical_refusal(self, asked: Asked, status: int) -> Response | None:
        """Make the likeliest documented refusal of a status; None where none is documented."""
        try:
            return self.refusal(_Typical(RESPONSES), asked, status)
        except GaveUp:
            return None

    def warm(self, operation: Operation) -> None:
        """Compile now what responses of an operation need, whole ones and streams."""
        for body in ({}, {"stream": True}):
            try:
                self.typical(Asked(operation, Exchange(operation.id, request=body)))
            except UsageError:
                return

    def refusal(self, source: Source, asked: Asked, status: int | None = None) -> Response | None:
        """Make a documented refusal or failure, of this status where one is named; None where there is none."""
        documented = {answer.status: answer for answer in asked.operation.answers}
        able = [(code, answer) for answer in documented.values() for code in _codes(answer, documented)]
        if status is not None:
            able = [pair for pair in able if pair[0] == status] or [
                (status, answer) for answer in documented.values() if answer.status in (f"{status // 100}XX", "default")
            ]
        if not able:
            return None
        code, answer = source.pick(able)
        headers = self._headers(source, answer)
        if code == _TOO_MANY:
            headers.append(("retry-after", str(1 + source.below(2))))
        contents = sorted(answer.contents, key=lambda content: not is_json(content.media_type))
        if not contents:
            return Response(code, headers)
        content = source.pick(contents)
        if content.schema is None or not is_json(content.media_type):
            return Response(code, [*headers, ("content-type", _named(content, asked))], b"Service unavailable\n")
        value = self._parts.value(source, content.schema)
        if not self._parts.admits(content.schema, value):
            return source.give_up()
        return Response(code, [*headers, ("content-type", content.media_type)], write_json(value).encode())

    def _headers(self, source: Source, answer: Answer) -> list[tuple[str, str]]:
        """The headers that the description requires."""
        needed = [header for header in answer.headers if header.required]
        return [(p.name, ParameterMaker(self._schemas, p, None).valid(source)) for p in needed]

    def _try(self, source: Source, asked: Asked, answer: Answer, how: tuple[Wish, int]) -> Response | None:
        wish, attempt = how
        content = _content(answer, asked)
        status = int(answer.status) if answer.status.isdigit() else 200
        headers = self._headers(source, answer)
        if content is None:
            return Response(status, headers)
        headers.append(("content-type", _named(content, asked)))
        if content.media_type == EVENT_STREAM:
            told = self._told(source, asked, content, wish)
            ok = wish.given or self._stream_ok(asked, content, told)
            return Response(status, headers, written(told)) if ok else None
        if content.schema is not None and is_json(content.media_type):
            value = self._value(source, asked, content.schema, (wish, attempt))
            ok = wish.given or self._value_ok(asked, content.schema, value)
            return Response(status, headers, write_json(value).encode("utf-8", "replace")) if ok else None
        return Response(status, headers, self._bytes(source, content, asked))

    def _value(self, source: Source, asked: Asked, reference: str, how: tuple[Wish, int]) -> Any:
        wish, attempt = how
        recipe = WHOLE.get(_recipe_name(asked.operation))
        if recipe is not None and attempt < _TRIES - 1:
            value = recipe(source, self._parts, reference, asked, wish)
        else:
            value = self._common(source, asked, reference)
        return {**value, **wish.fields} if isinstance(value, dict) else value

    def _common(self, source: Source, asked: Asked, reference: str) -> Any:
        """A value by its schema, with as many of the common ties as it admits."""
        plain = self._parts.value(source, reference)

        def admits(name: str, given: Any) -> bool:
            return self._parts.admits(self._parts.below(reference, name), given)

        bound = tied(plain, asked)
        told = echoed(bound, asked, admits)
        for value in (kept(told, asked), told, kept(bound, asked), bound, emptied(bound)):
            if self._value_ok(asked, reference, value):
                return value
        return plain

    def _value_ok(self, asked: Asked, reference: str, value: Any) -> bool:
        if not self._parts.admits(reference, value):
            return False
        if asked.body is None and asked.operation.body is not None:
            return True  # a rule ties a response to what was asked, and nobody knows what that was
        return not self._rules.check_response(replace(asked.exchange, response=value, status=200))

    def _told(self, source: Source, asked: Asked, content: Content, wish: Wish) -> list[Told]:
        form = self._form(content)
        recipe = STREAMS.get(_recipe_name(asked.operation))
        if form.reference is None:
            return []
        if recipe is not None:
            return [*recipe(source, self._parts, form.reference, asked, wish)]
        plain = [form.told(self._parts.value(source, form.reference)) for _ in range(source.below(4))]
        return plain if self._stream_ok(asked, content, plain) else [*plain, DONE]

    def _form(self, content: Content) -> StreamForm:
        found = self._forms.get(content.pointer)
        if found is None:
            found = self._forms[content.pointer] = StreamForm(self._schemas, content)
        return found

    def _stream_ok(self, asked: Asked, content: Content, told: Iterable[Told]) -> bool:
        """Whether every event is valid and the rules of the stream are silent."""
        form = self._form(content)
        rules = self._rules.open_stream(asked.exchange)
        for number, (name, value) in enumerate(told):
            if value == "[DONE]":
                if rules.mark(number, value):
                    return False
                continue
            seen = self._parts.admits(form.reference, form.seen(name, value))
            if not seen or rules.feed(number, value, name or "message"):
                return False
        return not rules.close()

    def _bytes(self, source: Source, content: Content, asked: Asked) -> bytes:
        kind = content.media_type
        if kind.startswith("audio/") or asked.operation.id == "createSpeech":
            return sound(str(at(asked.body, "response_format")))
        if kind.startswith("image/"):
            return png(2)
        if kind.startswith("text/"):
            return subtitles(source, asked.body).encode("utf-8", "replace")
        if content.item_schema is not None:
            lines = [self._parts.value(source, content.item_schema) for _ in range(source.below(3))]
            return b"".join(write_json(line).encode() + b"\n" for line in lines)
        return b"otter"


class _Typical(Fixed):
    """The choices of a response as it mostly is: what comes more often than not comes, the rest is the simplest."""

    __slots__ = ()

    def chance(self, rate: float) -> bool:
        """Decide as it is more often than not."""
        return rate > 0.5  # noqa: PLR2004  a half


@st.composite
def _drawn(draw: st.DrawFn, responder: Responder, asked: Asked, dials: Dials, how: tuple[float, Wish]) -> Response:
    errors, wish = how
    source = Source(draw, dials)
    refused = responder.refusal(source, asked) if source.chance(errors) else None
    return refused if refused is not None else responder.answer(source, asked, wish)


def _recipe_name(operation: Operation) -> str:
    # The published description has some operations twice; the second are told by their query.
    return operation.id.removeprefix("beta_")


def _success(operation: Operation) -> Answer | None:
    answers = {answer.status: answer for answer in operation.answers}
    exact = sorted(status for status in answers if status.startswith("2"))
    return answers[exact[0]] if exact else answers.get("default")


def _codes(answer: Answer, documented: dict[str, Answer]) -> tuple[int, ...]:
    if answer.status.isdigit():
        return (int(answer.status),) if answer.status[0] in "45" else ()
    return tuple(code for code in _REFUSALS.get(answer.status, ()) if str(code) not in documented)


def _content(answer: Answer, asked: Asked) -> Content | None:
    """The content that the request asks for."""
    events = next((content for content in answer.contents if content.media_type == EVENT_STREAM), None)
    if events is not None and (asked.streamed or len(answer.contents) == 1):
        return events
    others = [content for content in answer.contents if content is not events]
    if at(asked.body, "response_format") in _TEXT_FORMS:
        others.sort(key=lambda content: not content.media_type.startswith("text/"))
    else:
        others.sort(key=lambda content: not is_json(content.media_type))
    return others[0] if others else None


def _named(content: Content, asked: Asked) -> str:
    """The Content-Type of a body; for a range a type that is in it."""
    if content.media_type == "audio/*":
        return _SPOKEN.get(str(at(asked.body, "response_format")), "audio/mpeg")
    return _CONCRETE.get(content.media_type, content.media_type)
