"""Keys: a server that was given one asks for it, and takes no other, be it ever so near to the right one.

The rule of this module: the user's key leaves it in a request to the target alone. What was made of the key stands in
exchanges, findings and the journal as the text with which a shell makes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from assay.conformance.checks import Exchange, authentication, judge
from assay.conformance.pace import Silent
from assay.conformance.plan import place
from assay.messages import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from assay.conformance.result import Target
    from assay.conformance.trial import Trial
    from assay.contract import Contract
    from assay.messages import Response, Send
    from assay.model import Operation
    from assay.violation import Severity, Violation

__all__ = ["Keys", "Near", "bearer", "near", "secrets", "wrong_key"]

_WRONG_KEYS = 3  # operations that are asked with a wrong key
_FALSE_KEY = "Bearer sk-assay-0000000000000000000000000000000000000000"
_DROPPED = 4  # characters; fewer may carry no bit of a token that is written in base64
_BEHIND = "assay"  # of letters alone: behind a hyphen, some gateways read a channel
_SCHEME = "Assay"  # that no server can know
_VARIABLE = "$OPENAI_API_KEY"
_BEARER = re.compile(r"bearer +(\S+)", re.IGNORECASE)
# Hexadecimal digits (UUIDs too) and base32 mean the same in either case.
_CASELESS = re.compile(r"[0-9a-fA-F-]+|[0-9A-Z-]+")


@dataclass(frozen=True, slots=True)
class Near:
    """A field that a server must not take: ``words`` say what is in it, ``shell`` is how a shell writes it.

    ``name`` tells its findings from others.
    """

    name: str
    words: str
    shell: str
    value: str = field(repr=False)
    severity: Severity = "violation"


def near(key: str) -> Iterator[Near]:
    """Yield the values of ``Authorization`` that come next to a key.

    A key is compared whole and by its case: one whose beginning, or whose letters in any case, are enough is guessed
    sooner, and one that may go on is compared in part. Left out is the case of a key whose encoding has none.

    That another scheme is taken is a hazard only. Who sends the key has it, so nobody is let in who should not be; but
    a client that was tried there fails where the scheme is read, as RFC 9110 (11.4) and every description of this API
    want it. ``bearer`` is the same scheme (RFC 9110, 11.1), and never asked about.
    """
    dropped = min(_DROPPED, len(key) // 2)
    if dropped:
        shell = f"Bearer ${{{_VARIABLE[1:]}%{'?' * dropped}}}"
        yield Near("beginning", "with the beginning of the key", shell, f"Bearer {key[:-dropped]}")
    behind = f"Bearer ${{{_VARIABLE[1:]}}}{_BEHIND}"
    yield Near("ending", "with the key and more behind it", behind, f"Bearer {key}{_BEHIND}")
    swapped = "".join(c.swapcase() if c.isascii() else c for c in key)
    if swapped != key and not _CASELESS.fullmatch(key):
        shell = f'Bearer $(printf %s "{_VARIABLE}" | tr a-zA-Z A-Za-z)'
        yield Near("case", "with the key in the other case", shell, f"Bearer {swapped}")
    shell = f"{_SCHEME} {_VARIABLE}"
    yield Near("scheme", f"with the key under the scheme {_SCHEME}", shell, f"{_SCHEME} {key}", "hazard")


def bearer(headers: Iterable[tuple[str, str]]) -> str:
    """The key that stands behind ``Bearer`` in the user's fields, or ``""``."""
    given = [value for name, value in headers if name.lower() == "authorization"]
    found = _BEARER.fullmatch(given[0].strip()) if len(given) == 1 else None
    return found.group(1) if found else ""


def secrets(headers: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The values of the user's fields, and what stands behind a scheme such as Bearer, the longest first."""
    values = [value for _, value in headers]
    return tuple(sorted({*values, *(value.rpartition(" ")[2] for value in values)}, key=len, reverse=True))


def wrong_key(request: Request) -> Request:
    """A request with a key that nobody gave out."""
    return _authorized(request, _FALSE_KEY)


class Keys:
    """Asks one target without the key, with a wrong one, and with what comes near to it."""

    def __init__(self, contract: Contract, trial: Trial, target: Target) -> None:
        self._contract, self._trial, self._target = contract, trial, target
        self._asked: set[str] = set()

    def ask(self) -> None:
        """A key that was given must be asked for: what was accepted with it is sent without it, and with others."""
        anonymous = self._target.anonymous
        if anonymous is None:
            return
        left, enforced = _WRONG_KEYS, []
        for operation, request in self._accepted():
            self._begin(operation)
            if self._refused(operation, request, "without a key", anonymous) and left:
                left -= 1
                if self._refused(operation, wrong_key(request), "with a wrong key", anonymous):
                    enforced.append((operation, request))
        # What reads costs a target least.
        for operation, request in sorted(enforced, key=lambda one: one[0].method != "GET")[:1]:
            self._near(operation, request, anonymous)

    def ask_of_flows(self) -> None:
        """The same for what flows have opened: once for each part of the API, by retrieving where that can be done."""
        anonymous = self._target.anonymous
        for operation, request in sorted(self._accepted(), key=lambda one: one[0].method != "GET"):
            if anonymous is not None and place(operation.path) not in self._asked:
                self._begin(operation)
                self._refused(operation, request, "without a key", anonymous)

    def _accepted(self) -> list[tuple[Operation, Request]]:
        tallies = self._trial.result.tallies
        served = [operation for operation in self._trial.result.operations if not tallies[operation.id].closed]
        return [(one, request) for one in served if (request := tallies[one.id].example) is not None]

    def _begin(self, operation: Operation) -> None:
        self._asked.add(place(operation.path))
        self._trial.watch.begin("authentication", operation.id)

    def _near(self, operation: Operation, request: Request, anonymous: Send) -> None:
        for one in near(self._target.key) if self._target.key else ():
            self._refused(operation, _authorized(request, one.shell), one.words, partial(_sent_as, one, anonymous), one)

    def _refused(self, operation: Operation, request: Request, key: str, send: Send, one: Near | None = None) -> bool:
        """Whether a request without the user's key is refused; else it is told. The refusal is judged as any other."""
        try:
            response = self._trial.courier(request, send=send)
        except Silent:
            return False
        self._trial.ledger.note(operation, request, response)
        exchange = Exchange(operation, request, response, anonymous=True)
        found = authentication(self._contract, exchange, key=key)
        if found is not None:
            self._trial.record(exchange, found if one is None else _of(one, found))
            return False
        for violation in judge(self._contract, exchange).violations:
            if violation.rule != "http/valid-refused":
                self._trial.record(exchange, violation)
        return True


def _of(one: Near, found: Violation) -> Violation:
    """A violation that is told apart from those of other keys."""
    return replace(found, part="header", path=("authorization", one.name), severity=one.severity)


def _sent_as(one: Near, send: Send, request: Request) -> Response:
    """Send a request with the value of which it bears the text."""
    return send(_authorized(request, one.value))


def _authorized(request: Request, value: str) -> Request:
    rest = [pair for pair in request.headers.fields if pair[0].lower() != "authorization"]
    return Request(request.method, request.target, (*rest, ("authorization", value)), request.body)
