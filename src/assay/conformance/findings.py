"""Findings: violations of one cause, deduplicated, each with the smallest exchange that shows it.

The rule of this module: the key of a finding holds nothing that changes from one request to the next: no index,
no name out of free-form data, no value. One defect is one finding, however often it is seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assay.conformance.checks import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.conformance.checks import Exchange
    from assay.violation import Violation

__all__ = ["COLUMNS", "Finding", "Findings", "Key", "column", "general", "key"]

Key = tuple[str, str, str, str, tuple[str, ...]]
"""(operation, rule, pointer, part, path); the operation is empty for what all operations share."""

COLUMNS = ("shape", "constraints", "relations", "streams", "errors", "http")
"""What findings are about, in the order of the table."""

_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,39}(\[\])?")
_WORD = re.compile(r"(?<![\w'\"])[A-Za-z_]+(?![\w'\"])")
_WORDS = 6
_WHOLE = {"http/server-error", "http/no-response", "http/broken-response", "http/slow-response"}
# Error responses are written, and keys are asked for, in one place of a server, whatever the operation.
_SHARED = {"http/error-envelope", "http/server-down", "http/authentication"}


@dataclass(slots=True)
class Finding:
    """One cause. ``exchange`` is the smallest seen so far; ``flaky`` means that the repeat did not show it."""

    violation: Violation
    exchange: Exchange
    count: int = 1
    flaky: bool = False
    operations: list[str] = field(default_factory=list)

    @property
    def fails(self) -> bool:
        """Whether it counts for the exit code; hazards do not."""
        return self.violation.severity == "violation"


class Findings:
    """All findings of a run, in the order in which they were first seen."""

    def __init__(self) -> None:
        self._found: dict[Key, Finding] = {}

    def add(self, exchange: Exchange, violation: Violation) -> Finding | None:
        """Record a violation; return its finding when it is the first of its cause."""
        name = key(exchange, violation)
        known = self._found.get(name)
        if known is None:
            self._found[name] = Finding(violation, exchange, operations=[exchange.operation.id])
            return self._found[name]
        known.count += 1
        if exchange.operation.id not in known.operations:
            known.operations.append(exchange.operation.id)
        if _size(exchange) < _size(known.exchange):
            known.violation, known.exchange = violation, exchange
        return None

    def get(self, name: Key) -> Finding | None:
        """The finding of a key, if there is one."""
        return self._found.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)


def key(exchange: Exchange, violation: Violation) -> Key:
    """The cause of a violation as a value to compare."""
    rule, operation = violation.rule, exchange.operation.id
    if rule in _SHARED:
        pointer = "" if rule == "http/authentication" else violation.pointer
        return ("", rule, pointer, violation.part, general(violation))
    if rule == "http/valid-refused":
        # Which of the request's features is refused, only the refusal itself can tell: by how its sentence begins.
        said = "" if exchange.response is None else words(exchange.response)
        return (operation, rule, " ".join(_WORD.findall(said)[:_WORDS]).lower(), "", ())
    if rule in _WHOLE:
        return (operation, rule, "", "", ())
    return (operation, rule, violation.pointer, violation.part, general(violation))


def column(violation: Violation) -> str:
    """The column of the table, and the JUnit test, that a violation belongs to."""
    rule = violation.rule
    if rule in ("http/invalid-accepted", "http/valid-refused"):
        return "constraints"
    if rule in ("http/error-envelope", "http/server-error") or violation.part == "status":
        return "errors"
    if violation.part in ("event", "stream") or rule.startswith(("http/stream", "stream/")):
        return "streams"
    if rule.startswith("schema/"):
        return "shape"
    return "http" if rule.startswith("http/") else "relations"


def general(violation: Violation) -> tuple[str, ...]:
    """The path of a violation without indexes and without names that are somebody's data."""
    return tuple("*" if isinstance(s, int) or not _FIELD.fullmatch(s) else s for s in violation.path)


def _size(exchange: Exchange) -> int:
    return len(exchange.request.body) + len(exchange.request.target)
