"""Requests that no case of an operation is: broken texts, methods and paths that are not there, a large body.

The rule of this module: a handful of requests, on what clients use most; a refusal in any words is right, and where
the standards leave it open whether a text is valid, only a server that breaks on it is told.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from assay.conformance.checks import Exchange, judge, no_answer, words
from assay.conformance.flows.asks import route
from assay.conformance.pace import Silent
from assay.conformance.run_rules import run_rule
from assay.messages import Request
from assay.violation import Violation
from assay.wire.media import is_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from assay.conformance.result import Result
    from assay.conformance.trial import Trial
    from assay.contract import Contract
    from assay.model import Operation

    Judge = Callable[[Exchange], Violation | None]

__all__ = ["BESIDES", "MALFORMED", "NOWHERE", "important", "malformed", "questions", "rank"]

NOWHERE = "/assay-no-such-path"
MALFORMED = (9, 1, 1)
"""How many broken texts the most important operations get; a framework treats them alike wherever they come."""
BESIDES = 6
"""How many other requests the first of them gets: doubtful texts, a charset, a large body, a method and a path not
there."""

_FIRST = ("/chat/completions", "/responses", "/completions", "/embeddings")
# Bytes of white space, which is legal everywhere in JSON and costs a model nothing; honest limits lie between the two.
_LARGE, _MODEST = 1_000_000, 32_000
_OK, _REDIRECT, _BAD_REQUEST, _BAD_METHOD, _FAILED, _NOT_IMPLEMENTED = 200, 300, 400, 405, 500, 501
_REFUSED = frozenset({400, 413, 415, 422})  # what is said of a request, and not of who sends it or when


def important(result: Result) -> list[Operation]:
    """The operations that took a JSON body, those first that most clients use."""
    served = [
        operation
        for operation in result.operations
        if (example := result.tallies[operation.id].example) is not None
        and not result.tallies[operation.id].closed
        and operation.method == "POST"
        and is_json(example.headers.content_type or "")
        and example.body.startswith(b"{")
    ]
    return sorted(served, key=rank)


def rank(operation: Operation) -> int:
    """The place of an operation among those that clients use most."""
    return _FIRST.index(operation.path) if operation.path in _FIRST else len(_FIRST)


def malformed(request: Request) -> Iterator[tuple[str, Request]]:
    """Texts that are no valid request, made of one that was accepted, each with its name."""
    body = request.body
    yield "text cut off", _with(request, body[: len(body) // 2])
    yield "an array", _with(request, b"[]")
    yield "wrong content type", _typed(request, "text/plain")
    yield "no body", _with(request, b"")
    yield "null", _with(request, b"null")
    yield "invalid UTF-8", _with(request, body[:-1] + b',"user":"\xff\xfe"}')
    yield "text after the end", _with(request, body + b"}")
    yield "not a number", _with(request, body[:-1] + b',"temperature":NaN}')
    yield "a string", _with(request, b'"hello"')


def doubtful(request: Request) -> Iterator[tuple[str, Request]]:
    """Texts of which the standards do not say whether they are valid."""
    body = request.body
    yield "half a character", _with(request, body[:-1] + b',"user":"\\ud800"}')
    yield "a name twice", _with(request, body[:-1] + b',"user":"one","user":"two"}')


def questions(
    contract: Contract, trial: Trial, operations: Sequence[Operation], nowhere: Callable[[str], None]
) -> Iterator[Callable[[], None]]:
    """Yield one call for each question; ``nowhere`` is told how a path that is not there is refused, or ``""``."""
    one = _Protocol(contract, trial)
    chosen = operations[: len(MALFORMED)]
    for operation, count in zip(chosen, MALFORMED, strict=False):
        for name, request in islice(malformed(_example(trial.result.tallies[operation.id].example)), count):
            yield partial(one.broken, operation, name, request)
    for operation in chosen[:1]:
        for _, request in doubtful(_example(trial.result.tallies[operation.id].example)):
            yield partial(one.odd, operation, request)
        yield partial(one.charset, operation)
        yield partial(one.large, operation)
        yield partial(one.method, operation)
    yield lambda: nowhere(one.nowhere(chosen[0] if chosen else trial.result.operations[0]))


class _Protocol:
    def __init__(self, contract: Contract, trial: Trial) -> None:
        self._contract, self._trial = contract, trial

    def broken(self, operation: Operation, name: str, request: Request) -> None:
        """A broken text is refused."""
        if not self._trial.result.tallies[operation.id].closed:
            self._trial.attempt(operation, request, valid=False, scenario=name)

    def odd(self, operation: Operation, request: Request) -> None:
        """A doubtful text is taken or refused."""
        self._ask(operation, request, self._no_failure)

    def charset(self, operation: Operation) -> None:
        """JSON is taken with a charset too: it means nothing there (RFC 8259, 11), and many clients send it."""
        example = _example(self._trial.result.tallies[operation.id].example)
        kind = f"{(example.headers.content_type or '').partition(';')[0]}; charset=utf-8"
        self._ask(operation, _typed(example, kind), partial(self._not_taken, f"Content-Type: {kind}"))

    def large(self, operation: Operation) -> None:
        """A large legal body is taken or refused; where it is not taken, one that nobody may refuse must be.

        Where the connection breaks, it may be the refusal that was lost.
        """
        example = _example(self._trial.result.tallies[operation.id].example)
        request = _padded(example, _LARGE)
        lost: Silent | None = None
        try:
            exchange = self._trial.ask(operation, request, self._no_failure)
        except Silent as silent:
            lost = silent
        else:
            response = exchange.response
            if response is not None and not response.broken and not _BAD_REQUEST <= response.status < _FAILED:
                return
        smaller = _padded(example, _MODEST)
        taken = partial(self._not_taken, f"a body of {len(smaller.body)} bytes")
        answered = self._ask(operation, smaller, taken)
        if lost is not None and answered is not None and taken(answered) is None:
            late = no_answer(self._contract, operation, str(lost), late=True)
            wanted = f"a response to {len(request.body)} bytes, 413 where they are too many"
            self._trial.record(Exchange(operation, request), replace(late, expected=wanted))

    def method(self, operation: Operation) -> None:
        """A method that no operation has at this path is refused."""
        example = _example(self._trial.result.tallies[operation.id].example)
        if any(one.path == operation.path and one.method == "PUT" for one in self._contract.api.operations):
            return
        self._ask(operation, Request("PUT", example.target, example.headers, example.body), self._no_method)

    def nowhere(self, operation: Operation) -> str:
        """A path that is not there is refused; return how."""
        base = operation.bases[0] if operation.bases else ""
        exchange = self._ask(operation, Request("GET", base + NOWHERE), self._no_path)
        response = exchange.response if exchange is not None else None
        return route(words(response)) if response is not None and response.status >= _REDIRECT else ""

    def _ask(self, operation: Operation, request: Request, judge: Judge) -> Exchange | None:
        try:
            return self._trial.ask(operation, request, judge)
        except Silent as silent:
            found = no_answer(self._contract, operation, str(silent), late=silent.late)
            self._trial.record(Exchange(operation, request), found)
            return None

    def _no_failure(self, exchange: Exchange) -> Violation | None:
        status = _status(exchange)
        if status < _FAILED or status == _NOT_IMPLEMENTED:
            return None
        wanted = "no server error, whether the request is taken or refused"
        return self._violation(exchange.operation, "http/server-error", wanted, f"status {status}")

    def _not_taken(self, what: str, exchange: Exchange) -> Violation | None:
        """Against a refusal of what was taken before, but for what must not matter."""
        response = exchange.response
        if response is not None and response.broken:
            return next(iter(judge(self._contract, exchange).violations), None)
        if _status(exchange) not in _REFUSED:
            return self._no_failure(exchange)
        wanted = f"acceptance of a valid request ({what})"
        return self._violation(exchange.operation, "http/valid-refused", wanted, f"status {_status(exchange)}")

    def _no_method(self, exchange: Exchange) -> Violation | None:
        status = _status(exchange)
        if _OK <= status < _REDIRECT:
            wanted = f"status 405 for {exchange.request.method}, which no operation has at this path"
            return self._violation(exchange.operation, "http/method", wanted, f"status {status}")
        if status == _BAD_METHOD and exchange.response is not None and "allow" not in exchange.response.headers:
            known = run_rule("http/allow")
            wanted, place = "the methods of this path in Allow, with status 405", ("allow",)
            return Violation(known.id, "header", place, wanted, "no such field", known.source, known.severity)
        return self._no_failure(exchange)

    def _no_path(self, exchange: Exchange) -> Violation | None:
        status = _status(exchange)
        if _OK <= status < _REDIRECT:
            wanted = "status 404 for a path that is not there"
            return self._violation(exchange.operation, "http/unknown-path", wanted, f"status {status}")
        return self._no_failure(exchange)

    def _violation(self, operation: Operation, rule: str, wanted: str, got: str) -> Violation:
        known = run_rule(rule)
        stated = known.source if rule in ("http/method", "http/unknown-path") else ""
        pointer = stated or self._contract.api.shown(operation.pointer)
        return Violation(rule, "status", (), wanted, got, pointer, known.severity)


def _status(exchange: Exchange) -> int:
    return exchange.response.status if exchange.response is not None else 0


def _example(request: Request | None) -> Request:
    if request is None:
        raise ValueError("this operation took no request yet")
    return request


def _with(request: Request, body: bytes) -> Request:
    return Request(request.method, request.target, request.headers, body)


def _padded(request: Request, size: int) -> Request:
    """The same request with white space in it."""
    return _with(request, request.body[:-1] + b" " * size + b"}")


def _typed(request: Request, content_type: str) -> Request:
    """The same request with another content type."""
    rest = [(name, value) for name, value in request.headers.fields if name.lower() != "content-type"]
    return Request(request.method, request.target, [*rest, ("content-type", content_type)], request.body)
