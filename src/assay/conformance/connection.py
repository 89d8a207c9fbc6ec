"""The connection that requests share: whether what was refused before spoils what comes next.

A server that refuses without reading the body, and keeps the connection, takes that body for the next request. The
rule of this module: what is wrong with the connection is blamed on the request that left it so, never on the next
one, and from then on every request gets a connection of its own.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from assay.conformance.pace import Enough, Silent
from assay.violation import Violation

if TYPE_CHECKING:
    from assay.conformance.checks import Exchange
    from assay.conformance.pace import Courier
    from assay.messages import Response, Send

__all__ = ["Connection", "violation"]

_BAD_REQUEST = 400
# What servers answer to bytes that are no request; other refusals come and go for reasons of their own.
_MISREAD = frozenset({400, 404, 405, 414, 431, 501, 505})
_CLEARED = 2  # refusals of one kind after which the connection was found clean; no other is looked into
_SOURCE = "https://www.rfc-editor.org/rfc/rfc9112.html#section-9.3"


class Connection:
    """Sends exchanges, those of one thread one after the other on one connection.

    ``fresh`` sends on a new connection, None where that cannot be had.

    ``spoiled`` is the exchange whose body was left unread, once it is proven, with the next request as its ``then``,
    which got ``status``.
    """

    def __init__(self, courier: Courier, fresh: Send | None) -> None:
        self.spoiled: Exchange | None = None
        self.status = 0
        self._courier, self._fresh = courier, fresh
        self._thread = _Thread()
        self._cleared: Counter[tuple[str, int]] = Counter()

    def __call__(self, exchange: Exchange) -> Response:
        """Send a request; raises what the courier raises."""
        if self._fresh is None or self.spoiled is not None:
            return self._courier(exchange.request, send=self._fresh)
        before, self._thread.before = self._thread.before, None
        response = self._courier(exchange.request)
        if before is not None and self._cleared[_kind(before)] < _CLEARED and _doubtful(exchange, response):
            response = self._asked_again(before, exchange, response, self._fresh)
        if response.status >= _BAD_REQUEST and exchange.request.body:
            self._thread.before = replace(exchange, response=response)
        return response

    def _asked_again(self, before: Exchange, exchange: Exchange, response: Response, fresh: Send) -> Response:
        """Ask on a new connection; where the answer differs, show that it was the connection.

        What cannot be asked any more is not blamed on anybody: the budget is spent.
        """
        again = self._courier(exchange.request, send=fresh)
        if again.status == response.status:
            self._cleared[_kind(before)] += 1
            return again
        try:
            self._courier(before.request, send=fresh)
            after = self._courier(exchange.request)
        except (Silent, Enough):
            return again
        if after.status == response.status:
            self.spoiled = replace(before, then=exchange.request)
            self.status = after.status
        return again


class _Thread(threading.local):
    """What a thread sent before and was refused, if its body may still lie unread."""

    before: Exchange | None = None


def violation(status: int) -> Violation:
    """What is wrong with a connection that answers the next request with ``status``."""
    wanted = "a connection that serves the next request too: a body that is read, or Connection: close"
    return Violation("http/body-unread", "response", (), wanted, f"status {status} for a valid next request", _SOURCE)


def _kind(refused: Exchange) -> tuple[str, int]:
    """What decides whether a server reads a body that it refuses."""
    return refused.operation.id, 0 if refused.response is None else refused.response.status


def _doubtful(exchange: Exchange, response: Response) -> bool:
    """Whether an answer may be to something else than the request: a refusal of a valid one, or not in JSON."""
    if response.status not in _MISREAD:
        return False
    if exchange.flaw is None:
        return True
    try:
        orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return True
    return False
