"""The answers that a test writes down: the fixture ``assay`` is one :class:`Offline`.

The rule of this module: what a test does not say is generated, deterministically; and what is served is first checked
against the contract with the request it answers, so that no test passes on a response that could never come.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from assay.errors import UsageError
from assay.generate.responses import Responder
from assay.generate.responses_faults import ended_by_error
from assay.generate.responses_recipes import TURNS, Wish
from assay.generate.responses_turns import Call as ToolCall
from assay.generate.responses_turns import Turn
from assay.messages import Headers, Response
from assay.testing.replies import Call, Given, ImpossibleAnswer, UnexpectedCall, call_name, explained

if TYPE_CHECKING:
    from assay.adapters.intercept import Reply
    from assay.adapters.intercept.wire import Break
    from assay.contract import Contract
    from assay.generate.responses_asked import Asked
    from assay.messages import Request

__all__ = ["Offline"]

_UNSET: Any = object()
_TYPES = {401: "invalid_request_error", 403: "permission_error", 404: "invalid_request_error", 429: "rate_limit_error"}
_BUSY = 500
_SPEECH: tuple[str, ...] = ("content", "refusal", "tool_calls", "finish_reason")


@dataclass(slots=True)
class _Answer:
    """One answer that was written down. ``served`` counts how often it was used."""

    wish: Wish = field(default_factory=Wish)
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    whole: Response | None = None
    error: Mapping[str, Any] = field(default_factory=dict)
    stream: bool = False
    fails: Mapping[str, Any] | None = None
    broken: Break = ""
    served: int = 0


class Offline:
    """Answers instead of the network.

    Several answers are served in the order in which they were written, the last one again and again. Answers for an
    operation (by its id) come before those for any. Every method that writes an answer returns the instance.
    ``calls`` are the calls that were answered, in order.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.calls: list[Call] = []
        self._responder = Responder(contract.api, contract.schemas, contract.rules)
        self._answers: dict[str | None, list[_Answer]] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<Offline {len(self.calls)} calls>"

    def respond(
        self,
        operation: str | None = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = _UNSET,
        body: bytes | None = None,
        **said: Any,
    ) -> Offline:
        """Answer with a response, streamed where the request asks for a stream.

        For chat completions, completions and responses ``content``, ``refusal``, ``tool_calls`` and ``finish_reason``
        say what the model says (a list of contents: one for each choice); a tool call is written as the API writes it
        or ``{"name": ..., "arguments": {...}}``. Every other keyword is a property of the response as it is
        (``usage={...}``, ``data=[...]``). ``json`` or ``body`` are a whole body, for ``status`` (200).
        """
        fixed = dict(headers or {})
        if json is not _UNSET or body is not None:
            if said:
                raise UsageError("json= and body= are the whole body: no other property can be given beside them")
            data, kind = (body, "application/octet-stream") if body is not None else (_dumped(json), "application/json")
            whole = Response(status or 200, {"content-type": kind, **fixed}, data or b"")
            return self._add(operation, _Answer(whole=whole))
        return self._add(operation, _Answer(self._wish(operation, said), status=status, headers=fixed))

    def stream(
        self,
        *pieces: str,
        operation: str | None = None,
        error: Mapping[str, Any] | str | None = None,
        broken: bool = False,
        **said: Any,
    ) -> Offline:
        """Answer with a stream whose text comes in these pieces; a request that asks for no stream is a failure.

        ``error`` (a message, or the properties of the error) makes the stream end in an error event after the pieces;
        ``broken`` makes the connection fail there.
        """
        if pieces:
            said = {"content": "".join(pieces), **said}
        wish = self._wish(operation, said)
        if pieces:
            wish = replace(wish, turns=tuple(replace(turn, told=pieces) for turn in wish.turns))
        fails = {"message": error} if isinstance(error, str) else error
        return self._add(operation, _Answer(wish, stream=True, fails=fails, broken="read" if broken else ""))

    def error(
        self, status: int = _BUSY, *, operation: str | None = None, retry_after: float | None = None, **error: Any
    ) -> Offline:
        """Answer with a documented refusal or failure.

        ``message``, ``type``, ``code`` and ``param`` are properties of the error; ``retry_after`` is in seconds.
        """
        headers: dict[str, str] = {}
        if retry_after is not None:
            # Whole seconds are all that the header can say; the service tells the rest by one of its own.
            headers = {"retry-after": str(round(retry_after)), "retry-after-ms": str(round(retry_after * 1000))}
        return self._add(operation, _Answer(status=status, headers=headers, error={"status": status, **error}))

    def refuse_connection(self, *, operation: str | None = None) -> Offline:
        """Answer nothing: the connection is refused."""
        return self._add(operation, _Answer(broken="connect"))

    def time_out(self, *, operation: str | None = None) -> Offline:
        """Answer nothing: the client waits for as long as it is willing to."""
        return self._add(operation, _Answer(broken="timeout"))

    def calls_of(self, operation: str) -> list[Call]:
        """The calls of one operation."""
        _ = self.contract[operation]
        return [call for call in self.calls if call.operation == operation]

    @property
    def unused(self) -> int:
        """How many of the answers were never served."""
        return sum(not answer.served for answers in self._answers.values() for answer in answers)

    def __call__(self, request: Request, url: str) -> Reply:
        """Answer one request; raises ``UnexpectedCall`` or ``ImpossibleAnswer``."""
        with self._lock:
            answer = self._next(request, url)
            asked = self._responder.asked(request)
            given = self._made(answer, asked)
            self._check(request, url, given)
            self.calls.append(Call(asked.operation.id, url, request, given.response))
            return given.reply

    def _add(self, operation: str | None, answer: _Answer) -> Offline:
        if operation is not None:
            _ = self.contract[operation]  # an id that does not exist is told here and now
        self._answers.setdefault(operation, []).append(answer)
        return self

    def _wish(self, operation: str | None, said: dict[str, Any]) -> Wish:
        """What was said, as turns of the model and properties of the response."""
        speech = {name: said.pop(name) for name in _SPEECH if name in said}
        if not speech:
            return Wish(fields=said)
        if operation is not None and operation not in TURNS:
            names = ", ".join(speech)
            raise UsageError(f"{operation} has no {names}: give the properties of its response by their names")
        contents = speech.get("content", _UNSET)
        many = [*contents] if isinstance(contents, list) else [contents]
        return Wish(tuple(_turn(content, speech) for content in many), said)

    def _next(self, request: Request, url: str) -> _Answer:
        found = self.contract.find(request)
        name = call_name(self.contract, request, url)
        if found is None:
            raise UnexpectedCall(f"{name} was called, which is no operation of {self.contract.api.title!r}")
        answers = self._answers.get(found.id) or self._answers.get(None)
        if not answers:
            message = f"{name} was called, and this test has no answer for it: write assay.respond({found.id!r}) before"
            raise UnexpectedCall(message)
        answer = next((answer for answer in answers if not answer.served), answers[-1])
        answer.served += 1
        return answer

    def _made(self, answer: _Answer, asked: Asked) -> Given:
        if answer.broken in ("connect", "timeout"):
            return Given(Response(0), answer.broken)
        if answer.whole is not None:
            return Given(answer.whole)
        if answer.error:
            return Given(self._refusal(answer, asked))
        if answer.stream and not asked.streamed:
            name = asked.operation.id
            raise ImpossibleAnswer(f"assay.stream(...) answers {name}, but the request asks for no stream")
        if answer.wish.turns and asked.operation.id not in TURNS:
            raise ImpossibleAnswer(f"assay.respond(content=...) answers {asked.operation.id}, which has no content")
        response = self._responder.typical(asked, answer.wish)
        if answer.fails is not None or answer.broken:
            response = ended_by_error(response, answer.fails)
        headers = _with(response.headers, answer.headers)
        return Given(Response(answer.status or response.status, headers, response.body), answer.broken)

    def _refusal(self, answer: _Answer, asked: Asked) -> Response:
        """A documented refusal with what the test says of the error; one that is not documented as it would look."""
        status = int(answer.error["status"])
        made = self._responder.typical_refusal(asked, status)
        kind = _TYPES.get(status, "server_error" if status >= _BUSY else "invalid_request_error")
        about = {"message": "made by a test", "type": kind, "param": None, "code": None}
        about |= {name: value for name, value in answer.error.items() if name != "status"}
        headers = _with(made.headers if made is not None else Headers(), answer.headers)
        headers = _with(headers, {"content-type": "application/json"})
        return Response(status, headers, _dumped({"error": about}))

    def _check(self, request: Request, url: str, given: Given) -> None:
        response = given.response
        if not response.status:
            return
        if given.broken:
            stream = self.contract.open_stream(request, response.status, response.headers)
            found = stream.feed(response.body)  # what a broken stream lacks at its end is not missed
        else:
            found = self.contract.check_response(request, response).violations
        broken = [violation for violation in found if violation.severity == "violation"]
        if broken:
            name = call_name(self.contract, request, url)
            lead = f"this test answers {name} with what the contract does not allow:"
            raise ImpossibleAnswer(explained(lead, broken))


def _turn(content: Any, speech: Mapping[str, Any]) -> Turn:
    calls = tuple(_tool_call(call, number) for number, call in enumerate(speech.get("tool_calls") or (), start=1))
    refusal = speech.get("refusal")
    if content is _UNSET:
        content = None if calls or refusal is not None else ""
    finish = speech.get("finish_reason") or ("tool_calls" if calls else "stop")
    return Turn(content, refusal, calls, finish)


def _tool_call(call: Any, number: int) -> ToolCall:
    """A tool call as the API writes it, or in short."""
    if not isinstance(call, Mapping):
        raise UsageError('a tool call is {"name": ..., "arguments": {...}}, or an object as the API writes it')
    kind = "custom" if call.get("type") == "custom" or "custom" in call or "input" in call else "function"
    inner = call[kind] if isinstance(call.get(kind), Mapping) else call
    text = inner.get("input" if kind == "custom" else "arguments", "" if kind == "custom" else {})
    said = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
    name = inner.get("name")
    if not isinstance(name, str):
        raise UsageError("a tool call needs the name of the function")
    return ToolCall(name, said, kind == "custom", str(call.get("id") or call.get("call_id") or f"call_{number}"))


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8")


def _with(headers: Headers, more: Mapping[str, str]) -> Headers:
    """Header fields with some set anew."""
    names = {name.lower() for name in more}
    kept: Sequence[tuple[str, str]] = [pair for pair in headers.fields if pair[0].lower() not in names]
    return Headers([*kept, *more.items()])
