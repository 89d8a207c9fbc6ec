"""Observes the traffic of one test: every exchange with a host of its contracts is judged as it happens.

The rule of this module: the client is never disturbed. What is found is written down and told when the phase of the
test is over; a stream is judged piece by piece as the client reads it, and what the client did not read is not judged.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from assay.messages import Headers, Request, Response
from assay.testing.decoding import Undecodable, decoder
from assay.testing.offences import ContractViolated, Offence, Origin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from assay.adapters.intercept import Exchange, Reply
    from assay.contract import Contract, StreamCheck
    from assay.testing.answers import Answers
    from assay.violation import Verdict, Violation

__all__ = ["BODY_LIMIT", "Scope", "Seen", "Traffic", "Unknown", "Watch"]

Unknown = Literal["warn", "fail", "ignore"]
"""What a call of a path or method that the description does not have is."""

BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of a response that are kept to be judged when its end comes; a longer one is not judged."""

_DONE = b"data: [DONE]"
_MISROUTED = ("http/unknown-operation", "http/unknown-method")


@dataclass(frozen=True, slots=True)
class Scope:
    """A contract and the hosts that it speaks for: globs of ``host`` or ``host:port``."""

    contract: Contract
    hosts: tuple[str, ...]
    unknown: Unknown = "warn"

    def has(self, netloc: str) -> bool:
        """Whether a host belongs to the contract."""
        host = netloc.rpartition(":")[0] if netloc.rpartition(":")[2].isdigit() else netloc
        return any(fnmatchcase(netloc, glob) or fnmatchcase(host, glob) for glob in self.hosts)


@dataclass(slots=True)
class Seen:
    """One exchange as it was seen, for whoever records or counts.

    ``status`` is 0 while there is no response. ``pieces`` are the bytes of the body as they were read, content coding
    undone. ``state`` says how far it came: ``open``, ``end``, ``closed`` by the client, or ``broken``.
    """

    contract: Contract
    url: str
    request: Request
    verdict: Verdict
    status: int = 0
    headers: Headers = field(default_factory=Headers)
    pieces: list[bytes] = field(default_factory=list)
    state: Literal["open", "end", "closed", "broken"] = "open"
    judged: tuple[Violation, ...] = ()


@dataclass(slots=True)
class Watch:
    """What one test is watched with, and what was seen.

    ``answers`` replies instead of the network, when set; with ``anywhere`` also where another host is asked for an
    operation of the contract, since no host is needed then. ``over`` is called with every exchange that has come to its
    end, in whichever way. ``offences`` fail the test, and so do ``errors``, raised by whoever answers; ``hazards``
    and ``unjudged`` (calls that the description does not know) are told beside, and so is ``foreign``: other hosts that
    were asked for operations of the contract.
    """

    scopes: list[Scope]
    over: Callable[[Seen], None] | None = None
    answers: Answers | None = None
    offences: list[Offence] = field(default_factory=list)
    hazards: list[Offence] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    exchanges: int = 0
    anywhere: bool = False
    foreign: set[str] = field(default_factory=set)

    def check(self) -> None:
        """Raise ``ContractViolated`` for what was found since the last call."""
        found, self.offences = self.offences, []
        if found:
            raise ContractViolated(found)


class Traffic:
    """The interceptor of a process: it tells the exchanges to the watch of the test that runs."""

    def __init__(self) -> None:
        self.watch: Watch | None = None

    def begin(self, method: str, url: str) -> Exchange | None:
        """Open an exchange with a host of a contract."""
        watch = self.watch
        if watch is None:
            return None
        netloc = urlsplit(url).netloc.rpartition("@")[2].lower()
        for scope in watch.scopes:
            if scope.has(netloc):
                return Observed(watch, scope, url)
        if watch.scopes[0].contract.find(Request(method, url)) is not None:
            if watch.anywhere:
                return Observed(watch, watch.scopes[0], url)
            watch.foreign.add(netloc)
        return None


class Observed:
    """One exchange under observation."""

    def __init__(self, watch: Watch, scope: Scope, url: str) -> None:
        self._watch, self._scope, self._url = watch, scope, url
        self._origin = Origin()
        self._seen: Seen | None = None
        self._stream: StreamCheck | None = None
        self._decode: Callable[[bytes], bytes] | None = None
        self._size = 0
        self._tail = b""
        self._lock = threading.Lock()

    @property
    def answers(self) -> bool:
        """Whether the network is not used."""
        return self._watch.answers is not None

    def sent(self, request: Request) -> Reply | None:
        """Judge the request; answer it where somebody answers."""
        watch, contract = self._watch, self._scope.contract
        watch.exchanges += 1
        verdict = contract.check_request(request)
        seen = self._seen = Seen(contract, self._url, request, verdict)
        if verdict.operation is None:
            self._misrouted(request, verdict)
        else:
            self._note(verdict.violations, "request")
        if watch.answers is None:
            return None
        try:
            return watch.answers(request, self._url)
        except Exception as error:
            # The client may swallow it, so the test is told beside.
            watch.errors.append(f"{type(error).__name__}: {error}")
            seen.state = "broken"
            raise

    def response(self, status: int, headers: Headers) -> None:
        """Judge the head of the response, and get ready for its body."""
        seen = self._seen
        if seen is None:
            return
        seen.status, seen.headers = status, headers
        try:
            self._decode = decoder(headers.content_encoding, BODY_LIMIT)
        except Undecodable:
            seen.state = "closed"
            return
        if headers.content_encoding is not None:
            fields = [(name, value) for name, value in headers.fields if name.lower() != "content-encoding"]
            seen.headers = Headers(fields)
        kind = (headers.content_type or "").partition(";")[0].strip().lower()
        if kind == "text/event-stream" and seen.verdict.operation is not None:
            head = self._scope.contract.check_response(seen.request, Response(status, seen.headers))
            self._note([found for found in head.violations if found.part in ("status", "header")], "response")
            self._stream = self._scope.contract.open_stream(seen.request, status, seen.headers)

    def data(self, chunk: bytes) -> None:
        """Judge the next bytes of a stream; keep those of a whole body until its end."""
        seen = self._seen
        if seen is None or seen.state != "open":
            return
        if self._decode is not None:
            try:
                chunk = self._decode(chunk)
            except Undecodable:
                seen.state = "closed"
                return
        if self._stream is not None:
            self._note(self._stream.feed(chunk), "stream")
            self._tail = (self._tail + chunk)[-len(_DONE) - 8 :]
        self._size += len(chunk)
        if self._size <= BODY_LIMIT and (self._stream is None or self._watch.over is not None):
            seen.pieces.append(chunk)

    def end(self) -> None:
        """Judge what only the end shows."""
        self._finish("end")

    def broken(self, reason: str) -> None:  # noqa: ARG002  what the client makes of it is the client's
        """Judge no further: a connection that fails breaks no contract."""
        self._finish("broken")

    def closed(self) -> None:
        """Judge no further, unless the stream had said that it was over."""
        done = self._stream is not None and self._tail.rstrip().endswith(_DONE)
        self._finish("end" if done else "closed")

    def _finish(self, state: Literal["end", "closed", "broken"]) -> None:
        seen = self._seen
        with self._lock:
            if seen is None or seen.state != "open":
                return
            seen.state = state
        if state == "end" and seen.verdict.operation is not None and seen.status:
            self._judge_end(seen)
        if self._watch.over is not None:
            self._watch.over(seen)

    def _judge_end(self, seen: Seen) -> None:
        if self._stream is not None:
            self._note(self._stream.close(), "stream")
            seen.judged = self._stream.violations
        elif self._size <= BODY_LIMIT:
            response = Response(seen.status, seen.headers, b"".join(seen.pieces))
            verdict = self._scope.contract.check_response(seen.request, response)
            seen.judged = verdict.violations
            self._note(verdict.violations, "response")

    def _misrouted(self, request: Request, verdict: Verdict) -> None:
        """A call that the description does not know is a fault only where that was asked for, or plainly meant."""
        hinted = any("did you mean" in found.got for found in verdict.violations)
        if self._scope.unknown == "fail" or hinted:
            self._note(verdict.violations, "request")
        elif self._scope.unknown == "warn":
            self._watch.unjudged.append(f"{request.method} {request.target.partition('?')[0]}")

    def _note(self, violations: Iterable[Violation], side: str) -> None:
        for violation in violations:
            offence = Offence(violation, self._call(), side, self._origin)
            (self._watch.hazards if violation.severity == "hazard" else self._watch.offences).append(offence)

    def _call(self) -> str:
        if self._seen is None:
            return self._url.partition("?")[0]
        operation = self._seen.verdict.operation
        named = f" ({operation})" if operation else ""
        return f"{self._seen.request.method} {self._url.partition('?')[0]}{named}"
