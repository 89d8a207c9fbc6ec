"""Findings: violations of one cause, deduplicated, each with the smallest exchange that shows it.

The rule of this module: the key of a finding holds nothing that changes from one request to the next: no index,
no name out of free-form data, no value. One defect is one finding, however often it is seen; an operation that takes
many kinds of invalid request has one defect, a lack of validation, and its finding lists the kinds.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from assay.conformance.checks import words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from assay.conformance.checks import Exchange
    from assay.violation import Violation

__all__ = ["COLUMNS", "LENIENT", "Finding", "Findings", "Key", "column", "general", "key"]

Key = tuple[str, str, str, str, tuple[str, ...]]
"""(operation, rule, pointer, part, path); the operation is empty for what all operations share."""

COLUMNS = ("shape", "constraints", "relations", "streams", "errors", "state")
"""What findings are about, in the order of the table."""

# What a response is made of, in its body and its header.
_FORMS = ("schema/", "http/json", "http/content-", "http/charset", "http/header-", "http/body-missing",
          "http/body-unexpected")  # fmt: skip

LENIENT = "http/invalid-accepted"
"""The rule whose causes in one operation are one finding."""

_TOLD = 10  # kinds of invalid request that one finding lists
# Kinds of invalid request that say most of a server come first.
_TELLING = ("http/json", "http/body-missing", "schema/required", "schema/type", "schema/enum", "schema/minimum",
            "schema/maximum")  # fmt: skip
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]{0,39}(\[\])?")
_WORD = re.compile(r"(?<![\w'\"])[A-Za-z_]+(?![\w'\"])")
_WORDS = 6
_UNDECLARED = ("/additionalProperties", "/unevaluatedProperties")
_WHOLE = {"http/server-error", "http/no-response", "http/broken-response", "http/slow-response", "http/long-response"}
# Error responses are written, and keys are asked for, in one place of a server, whatever the operation.
_SHARED = {"http/error-envelope", "http/server-down", "http/authentication", "http/body-unread"}


@dataclass(slots=True)
class Finding:
    """One cause. ``exchange`` is the smallest seen so far; ``flaky`` means that the repeat did not show it.

    ``unrepeated`` means that the run ended before it could be repeated.
    Where one operation accepts several kinds of invalid request, or writes null in several places, ``parts`` holds the
    most telling of them, each as a finding of its own, and ``kinds`` says how many there are. ``accepted`` means that
    a baseline knows it, for this ``reason``; ``letter`` that only the strict layer has anything against it.
    """

    violation: Violation
    exchange: Exchange
    count: int = 1
    flaky: bool = False
    unrepeated: bool = False
    operations: list[str] = field(default_factory=list)
    kinds: int = 1
    parts: tuple[Finding, ...] = ()
    accepted: bool = False
    reason: str = ""
    letter: bool = False

    @property
    def flaw(self) -> Violation:
        """What the contract has against the request that shows it; the violation itself for a valid request."""
        return self.exchange.flaw or self.violation

    @property
    def fails(self) -> bool:
        """Whether it counts for the exit code; hazards, accepted findings and those of the letter alone do not."""
        return self.violation.severity == "violation" and not self.accepted and not self.letter


class Findings:
    """All causes of a run by their keys; iterating gives the findings, in the order in which they were first seen.

    ``letter`` marks all of them as found by the strict layer alone; violations of the rules ``off`` are none.
    """

    def __init__(self, *, letter: bool = False, off: Collection[str] = ()) -> None:
        self.off = frozenset(off)
        self._letter = letter
        self._found: dict[Key, Finding] = {}

    def add(self, exchange: Exchange, violation: Violation) -> Finding | None:
        """Record a violation; return its finding when it is the first of its cause."""
        if violation.rule in self.off:
            return None
        name = key(exchange, violation)
        known = self._found.get(name)
        if known is None:
            self._found[name] = Finding(violation, exchange, operations=[exchange.operation.id], letter=self._letter)
            return self._found[name]
        known.count += 1
        if exchange.operation.id not in known.operations:
            known.operations.append(exchange.operation.id)
        if _size(exchange) < _size(known.exchange):
            known.violation, known.exchange = violation, exchange
        return None

    def get(self, name: Key) -> Finding | None:
        """The cause of a key, if it was seen."""
        return self._found.get(name)

    def causes(self) -> Iterator[tuple[Key, Finding]]:
        """Yield every cause with its key, those of one finding each for itself."""
        return iter(self._found.items())

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def __iter__(self) -> Iterator[Finding]:
        groups: dict[tuple[bool, Key], list[Finding]] = {}
        for name, found in self._found.items():
            groups.setdefault((found.accepted, _group(name, found)), []).append(found)
        return (_merged(group) for group in groups.values())

    def __len__(self) -> int:
        return len({(found.accepted, _group(name, found)) for name, found in self._found.items()})


def key(exchange: Exchange, violation: Violation) -> Key:
    """The cause of a violation as a value to compare."""
    rule, operation = violation.rule, exchange.operation.id
    if rule in _SHARED:
        pointer = "" if rule == "http/authentication" else violation.pointer
        return ("", rule, pointer, violation.part, general(violation))
    if rule == "http/valid-refused":
        # Which of the request's features is refused, only the refusal itself can tell: by how its sentence begins.
        said = "" if exchange.response is None else words(exchange.response)
        return (operation, rule, _digest(" ".join(_WORD.findall(said)[:_WORDS]).lower()), "", ())
    if rule in _WHOLE:
        return (operation, rule, "", "", ())
    return (operation, rule, violation.pointer, violation.part, general(violation))


def column(violation: Violation) -> str:
    """The column of the table, and the JUnit test, that a violation belongs to."""
    rule = violation.rule
    if rule.startswith("flow/"):
        return "state"
    if rule in ("http/invalid-accepted", "http/valid-refused"):
        return "constraints"
    if violation.part == "status":
        return "errors"
    if violation.part in ("event", "stream") or rule.startswith(("http/stream", "stream/", "relation/stream")):
        return "streams"
    if rule.startswith(_FORMS):
        return "shape"
    return "errors" if rule.startswith("http/") else "relations"


def general(violation: Violation) -> tuple[str, ...]:
    """The path of a violation without indexes and without names that are somebody's data or are not declared."""
    path = tuple("*" if isinstance(s, int) or not _FIELD.fullmatch(s) else s for s in violation.path)
    return (*path[:-1], "*") if path and violation.pointer.endswith(_UNDECLARED) else path


def _digest(said: str) -> str:
    """What tells refusals apart without their words: a key is written down, and a refusal may repeat the request."""
    return f"refusal {hashlib.sha256(said.encode()).hexdigest()[:8]}" if said else ""


def _group(name: Key, finding: Finding) -> Key:
    """What the keys of one finding have in common."""
    operation, rule, _, part, _ = name
    if rule == LENIENT:
        return (operation, rule, "", "", ())
    # Whoever writes null for what is absent does so everywhere: one setting of one serialiser.
    if rule.startswith("schema/") and part == "body" and finding.violation.got == "null":
        return (operation, "null", "", part, ())
    return name


def _merged(group: list[Finding]) -> Finding:
    """One finding of the causes of a group; what was seen twice counts, the rest only where there is nothing else."""
    found = [finding for finding in group if not (finding.flaky or finding.unrepeated)] or group
    if len(found) == 1:
        return found[0]
    smallest = min(found, key=lambda finding: _size(finding.exchange))
    lenient = smallest.violation.rule == LENIENT
    expected = f"a refusal (400) of {len(found)} kinds of invalid request" if lenient else "no null in these places"
    violation = replace(smallest.violation, pointer="", expected=expected)
    if len({(f.violation.part, general(f.violation)) for f in found}) > 1:
        violation = replace(violation, part="request" if lenient else violation.part, path=())
    return Finding(
        violation,
        smallest.exchange,
        count=sum(finding.count for finding in found),
        flaky=smallest.flaky,
        unrepeated=smallest.unrepeated,
        operations=smallest.operations,
        kinds=len(found),
        parts=_told(found, smallest),
        accepted=smallest.accepted,
        reason=next((finding.reason for finding in found if finding.reason), ""),
        letter=smallest.letter,
    )


def _told(found: list[Finding], smallest: Finding) -> tuple[Finding, ...]:
    """The kinds to list: the one that is shown, then others by what they say of the server, each place once first."""
    seen: Counter[object] = Counter()
    ranked: list[tuple[int, int, int, Finding]] = []
    for finding in sorted(found, key=_telling):
        where = (finding.violation.part, general(finding.violation))
        ranked.append((seen[where], *_telling(finding), finding))
        seen[where] += 1
    ranked.sort(key=lambda entry: entry[:3])
    others = [finding for *_, finding in ranked if finding is not smallest]
    return (smallest, *others[: _TOLD - 1])


def _telling(finding: Finding) -> tuple[int, int]:
    """How near to the whole message it is, and how plain the constraint; small is telling."""
    rule = finding.flaw.rule
    return len(finding.violation.path), _TELLING.index(rule) if rule in _TELLING else len(_TELLING)


def _size(exchange: Exchange) -> int:
    return len(exchange.request.body) + len(exchange.request.target)
