"""One exchange on its way through a gate: the request judged, then its response watched.

The rule of this module: whatever goes wrong in here is told (a :class:`Judgement` with ``error``) and never thrown at
the traffic; bytes are looked at and never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import orjson

from assay.gateway.bodies import Skeleton, deeper_than
from assay.messages import Headers, Request, Response
from assay.violation import Verdict, Violation
from assay.wire.media import Decompressor, essence, is_json

if TYPE_CHECKING:
    from assay.gateway.gate import Gate
    from assay.gateway.policy import Mode, Modes

__all__ = ["Judgement", "Passage", "Refusal", "Watch"]

Kind = Literal["request", "response", "stream"]
Action = Literal["forwarded", "refused", "withheld", "ended"]
_CODINGS = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
_STATUS = {"http/unknown-operation": 404, "http/unknown-method": 405, "http/body-size": 413}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a gate has to tell of one message; it holds no value of the message.

    ``seconds`` is the time that the check took. ``skipped`` says why a message was not judged whole (``size``,
    ``coding``, ``broken-off``). ``error`` is the class of the exception by which Assay itself failed.
    """

    kind: Kind
    operation: str | None
    mode: Mode
    action: Action = "forwarded"
    violations: tuple[Violation, ...] = ()
    seconds: float = 0.0
    skipped: str = ""
    error: str = ""

    @property
    def broken(self) -> bool:
        """Whether the contract was broken; hazards do not count."""
        return any(violation.severity == "violation" for violation in self.violations)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer that is given in place of the application's: JSON, in OpenAI's error envelope."""

    status: int
    body: bytes
    rule: str

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """Its header fields; ``x-assay-rule`` tells whoever runs the gateway who it was that refused."""
        length = str(len(self.body))
        return ("content-type", "application/json"), ("content-length", length), ("x-assay-rule", self.rule)

    @property
    def event(self) -> bytes:
        """The same as the last event of a stream; the line ends before it end whatever event was begun."""
        return b"\n\nevent: error\ndata: " + self.body + b"\n\n"


class Passage:
    """One exchange. ``modes`` hold for it; ``operation`` is the operation's id, or None."""

    __slots__ = ("_gate", "_request", "_skeleton", "modes", "operation")

    def __init__(self, gate: Gate, request: Request, operation: str | None, modes: Modes) -> None:
        self.operation = operation
        self.modes = modes
        self._gate = gate
        self._request = request
        self._skeleton: Skeleton | None = None

    # --- the request ---

    def skeleton(self) -> Skeleton | None:
        """What keeps an upload that is longer than the limit, where this request is one that can be read so."""
        headers = self._request.headers
        plain = (headers.content_encoding or "identity").lower() == "identity"
        if plain and essence(headers.content_type)[0] == "multipart/form-data":
            self._skeleton = Skeleton(headers.content_type or "", self._gate.settings.limits.body)
        return self._skeleton

    def take(self, body: bytes) -> Request:
        """Take the request's body without judging it, so that the response can be judged by it."""
        known = self._request
        # A new request, as a check keeps what it has read in it.
        self._request = Request(known.method, known.target, known.headers, body)
        return self._request

    def judge(self, body: bytes) -> Refusal | None:
        """Judge the request with its body (or the skeleton of it); return the refusal, or None to let it pass."""
        request = self.take(body)
        if self.modes.requests == "off":
            return None
        began = self._gate.clock()
        try:
            verdict = self._verdict(request)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001  the compiled engine's panics are no Exceptions
            return self._failed("request", error, self._gate.clock() - began)
        return self._decide(verdict, self._gate.clock() - began)

    def too_large(self) -> Refusal | None:
        """The body is over the limit: a refusal in ``enforce``, else its head alone is judged."""
        limit = self._gate.settings.limits.body
        if self.modes.requests == "enforce":
            verdict = Verdict(self.operation, (_size(f"a body of at most {limit} bytes"),))
            return self._decide(verdict, 0.0)
        if self.modes.requests == "observe":
            self._gate.tell(Judgement("request", self.operation, "observe", skipped="size"))
        return None

    def broke_off(self) -> None:
        """The caller went away before the request was there."""
        if self.modes.requests != "off":
            self._gate.tell(Judgement("request", self.operation, self.modes.requests, skipped="broken-off"))

    def _verdict(self, request: Request) -> Verdict:
        settings, depth = self._gate.settings, self._gate.settings.limits.depth
        if request.body and not self._skeleton and deeper_than(request.body, depth):
            expected = f"JSON nested at most {depth} deep"
            if is_json(essence(request.headers.content_type)[0]):
                return Verdict(self.operation, (Violation("http/json", "body", (), expected, "deeper nesting"),))
        verdict = self._gate.judge.check_request(request)
        if self._skeleton and self._skeleton.cut:
            cut = self._skeleton.cut
            verdict = Verdict(verdict.operation, tuple(v for v in verdict.violations if cut.isdisjoint(v.path[:1])))
        if self.operation is None:
            return self._gate.misrouted(verdict)
        return verdict if settings.unknown_fields is None else self._gate.with_fields(verdict, request)

    def _decide(self, verdict: Verdict, seconds: float) -> Refusal | None:
        mode = self.modes.requests
        broken = not verdict.ok
        action: Action = "refused" if broken and mode == "enforce" else "forwarded"
        self._gate.tell(Judgement("request", self.operation, mode, action, verdict.violations, seconds))
        if action == "forwarded":
            return None
        first = next(v for v in verdict.violations if v.severity == "violation")
        return Refusal(_STATUS.get(first.rule, 400), orjson.dumps(first.envelope()), first.rule)

    def _failed(self, kind: Kind, error: BaseException, seconds: float) -> Refusal | None:
        """Assay itself erred: let the traffic pass, or refuse what was to be enforced."""
        mode = self.modes.requests if kind == "request" else self.modes.responses
        closed = self._gate.settings.fail_closed and mode == "enforce" and kind != "stream"
        actions: dict[str, Action] = {"request": "refused", "response": "withheld"}
        action = actions[kind] if closed else "forwarded"
        name = type(error).__name__
        self._gate.tell(Judgement(kind, self.operation, mode, action, seconds=seconds, error=name))
        return _uncheckable(kind) if closed else None

    # --- the response ---

    def answered(self, status: int, headers: Headers) -> Watch | None:
        """Return the watch over a response whose head is ``status`` and ``headers``; None when none is wanted."""
        if self.modes.responses == "off" or self.operation is None:
            return None
        return Watch(self, self._gate, self._request, status, headers)


class Watch:
    """One response on its way: ``feed`` its bytes, then ``close``.

    ``holds`` says that the body must be held back until ``close`` has judged it. Both calls return None, or the
    refusal that takes the response's place: instead of a response that was held back, or as the last event of a
    stream (only when streams are to be ended).
    """

    def __init__(self, passage: Passage, gate: Gate, request: Request, status: int, headers: Headers) -> None:
        self._passage = passage
        self._gate = gate
        self._request = request
        self._status = status
        self._headers = headers
        self._body = bytearray()
        self._found: list[Violation] = []
        self._seconds = 0.0
        self._skipped = ""
        self._stream: Any = None
        self._coding: Decompressor | None = None
        streamed, self._checked, readable = _nature(headers.content_type, headers.content_encoding)
        enforced = passage.modes.responses == "enforce"
        self.ends = streamed and enforced and gate.settings.end_streams
        self.holds = enforced and self._checked and not streamed
        if not readable:
            self._skip("coding")
        elif streamed:
            self._guard(self._open)

    def feed(self, piece: bytes) -> Refusal | None:
        """Take the next bytes of the body."""
        if self._skipped or not piece:
            return None
        if self._stream is not None:
            self._guard(lambda: self._found.extend(self._stream.feed(self._plain(piece))))
            return self._ended() if self.ends and self._broken() else None
        if self._checked:
            self._body += piece
            if len(self._body) > self._gate.settings.limits.response:
                self._skip("size")
        return None

    def close(self, *, broken: bool = False) -> Refusal | None:
        """The response is over, or was broken off; tell what was found."""
        kind: Kind = "response" if self._stream is None else "stream"
        if broken:
            self._skipped = self._skipped or "broken-off"
        elif not self._skipped:
            failed = self._guard(self._last)
            if failed is not None:
                return failed
        enforced = self._passage.modes.responses == "enforce"
        action: Action = "withheld" if self.holds and self._broken() and not self._skipped else "forwarded"
        self._tell(kind, action)
        return _withheld(self._first()) if enforced and action == "withheld" else None

    def _open(self) -> None:
        self._stream = self._gate.judge.open_stream(
            self._request, self._status, self._headers, limit=self._gate.settings.limits.event
        )
        if self._headers.content_encoding:
            self._coding = Decompressor(self._headers.content_encoding, _ENDLESS)

    def _plain(self, piece: bytes) -> bytes:
        return piece if self._coding is None else self._coding.feed(piece)

    def _last(self) -> None:
        if self._stream is not None:
            self._found.extend(self._stream.close())
            return
        response = Response(self._status, self._headers, bytes(self._body))
        self._found.extend(self._gate.judge.check_response(self._request, response).violations)

    def _guard(self, call: Any) -> Refusal | None:
        """Run a part of the check; what it throws ends the check and not the traffic."""
        began = self._gate.clock()
        try:
            call()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001  the compiled engine's panics are no Exceptions
            kind: Kind = "response" if self.holds or self._stream is None else "stream"
            self._skipped = "error"
            refusal = self._passage._failed(kind, error, self._seconds)  # noqa: SLF001  one unit
            return refusal if self.holds else None
        finally:
            self._seconds += self._gate.clock() - began
        return None

    def _ended(self) -> Refusal:
        self._tell("stream", "ended")
        self._skipped = "ended"
        return _withheld(self._first())

    def _skip(self, why: str) -> None:
        self._skipped = why
        self.holds = False
        self._body.clear()

    def _tell(self, kind: Kind, action: Action) -> None:
        if self._skipped in ("error", "ended"):
            return  # told already
        mode, found = self._passage.modes.responses, tuple(self._found)
        self._gate.tell(Judgement(kind, self._passage.operation, mode, action, found, self._seconds, self._skipped))

    def _broken(self) -> bool:
        return any(violation.severity == "violation" for violation in self._found)

    def _first(self) -> Violation:
        return next(violation for violation in self._found if violation.severity == "violation")


_ENDLESS = 1 << 62  # a stream may be of any length; each of its events is bounded


@lru_cache(maxsize=256)
def _nature(content_type: str | None, coding: str | None) -> tuple[bool, bool, bool]:
    """Whether a response is a stream, whether a check reads its body (not of audio and images), and whether it can."""
    kind = essence(content_type)[0]
    text = is_json(kind) or kind.startswith("text/") or kind in ("", "application/jsonl", "application/x-ndjson")
    readable = all(one.strip().lower() in _CODINGS for one in (coding or "").split(","))
    return kind == "text/event-stream", text, readable


def _size(expected: str) -> Violation:
    return Violation("http/body-size", "request", (), expected, "a larger one", "RFC 9110, 15.5.14")


def _withheld(first: Violation) -> Refusal:
    message = f"The response of the upstream server breaks its contract: {first.message}."
    code = first.envelope()["error"]["code"]
    error = {"message": message, "type": "server_error", "param": None, "code": code}
    return Refusal(502, orjson.dumps({"error": error}), first.rule)


def _uncheckable(kind: str) -> Refusal:
    message = f"The {kind} could not be checked, so it was not let through; the gateway's log says why."
    error = {"message": message, "type": "server_error", "param": None, "code": "check_failed"}
    return Refusal(503, orjson.dumps({"error": error}), "gateway/check-failed")
