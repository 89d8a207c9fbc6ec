"""The baseline: findings that a user has accepted, in a file that people read, edit and keep beside their code.

The rule of this module: what an entry names must be the same and what it leaves out matches anything, so a file says
how much it accepts; what a person wrote into it survives an update.

    format: assay/baseline/1
    findings:
      - operation: createChatCompletion
        rule: schema/required
        pointer: "chat.yaml#/components/schemas/CreateChatCompletionResponse/required"
        part: body
        path: [created]
        reason: we have no clock

A finding is a cause. Where an operation takes up to ten kinds of invalid request, each kind has an entry and another
one is new; where it takes more, it does not validate, and one entry accepts whatever else it takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from assay.conformance.findings import LENIENT
from assay.errors import AssayError, UsageError
from assay.spec.text import parse
from assay.violation import describe_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.conformance.findings import Key
    from assay.conformance.result import Result

__all__ = ["Baseline", "Entry", "read", "written"]

FORMAT = "assay/baseline/1"
_KINDS = 10  # kinds of invalid request that an operation takes until it is said not to validate
_FATAL = "http/server-down"  # what ends a run cannot be accepted: nothing was tested after it
_HEAD = """\
# Findings of assay run that are accepted: they are told, and fail nothing. What an entry leaves out matches anything.
# assay run --update-baseline rewrites this file; it keeps the reasons, and no other comment.
"""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_NOT_PLAIN = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_HEADLIKE = ("header", "query", "path", "cookie")


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted cause. What is None matches anything; ``reason`` is whatever its writer had to say."""

    rule: str
    operation: str | None = None
    pointer: str | None = None
    part: str | None = None
    path: tuple[str, ...] | None = None
    reason: str = ""

    def covers(self, name: Key) -> bool:
        """Whether this entry accepts a cause."""
        operation, rule, pointer, part, path = _shown(name)
        wanted = (self.operation, self.rule, self.pointer, self.part, self.path)
        return all(
            mine in (None, theirs) for mine, theirs in zip(wanted, (operation, rule, pointer, part, path), strict=True)
        )

    def document(self) -> dict[str, Any]:
        """What the entry names, in the order in which people read it."""
        path = None if self.path is None else list(self.path)
        named = {"operation": self.operation, "rule": self.rule, "pointer": self.pointer, "part": self.part}
        value = {**named, "path": path, "reason": self.reason or None}
        return {name: one for name, one in value.items() if one is not None}

    def __str__(self) -> str:
        words = [self.operation or "", self.rule, "/".join(self.path or ()), self.pointer or ""]
        return " ".join(word for word in words if word)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The entries of a file; ``vanished`` are those of which a run that tested their operation saw nothing."""

    file: str
    entries: tuple[Entry, ...] = ()
    vanished: tuple[Entry, ...] = ()

    def applied(self, result: Result) -> Baseline:
        """Mark what is accepted in a result that is finished; return the baseline with what vanished."""
        used: set[Entry] = set()
        for name, finding in result.findings.causes():
            for entry in self.entries:
                if entry.covers(name):
                    used.add(entry)
                    finding.accepted = True
                    finding.reason = finding.reason or entry.reason
        # A run that was cut short has not looked everywhere.
        gone = [] if result.stopped else [entry for entry in self.entries if entry not in used]
        return replace(self, vanished=tuple(entry for entry in gone if _tested(entry, result)))

    def updated(self, result: Result) -> Baseline:
        """The baseline that accepts what a result still fails for, and no longer what vanished."""
        kept = [entry for entry in self.entries if entry not in self.vanished]
        return Baseline(self.file, (*kept, *_entries(result)))

    def document(self) -> dict[str, Any]:
        """What the JSON report says of it."""
        return {"file": self.file, "vanished": [entry.document() for entry in self.vanished]}


def read(file: str, option: str = "--baseline") -> Baseline:
    """Read the baseline that an option names, in YAML or JSON; raises UsageError where this version cannot."""
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        hint = "; assay run --update-baseline makes it" if isinstance(error, FileNotFoundError) else ""
        raise UsageError(f"{option}: cannot read {file}: {error.strerror}{hint}") from error
    if not data.strip():
        raise UsageError(f"{option}: {file} is empty; expected format: {FORMAT}")
    try:
        value, repairs = parse(data, file)
    except AssayError as error:
        raise UsageError(f"{option}: {error}") from error
    if repairs:
        raise UsageError(f"{option}: {file}: {repairs[0].reason} ({repairs[0].target})")
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise UsageError(f"{option}: {file} is no baseline of this version; expected format: {FORMAT}")
    found = value.get("findings") or []
    if not isinstance(found, list) or {*value} - {"format", "findings"}:
        raise UsageError(f"{option}: {file}: expected format and findings, a list, and nothing else")
    return Baseline(
        file, tuple(_entry(one, f"{option}: {file}: findings[{number}]") for number, one in enumerate(found))
    )


def written(baseline: Baseline) -> str:
    """The text of a baseline: JSON for a file that ends so, else YAML."""
    found = [entry.document() for entry in baseline.entries]
    if baseline.file.lower().endswith(".json"):
        return orjson.dumps({"format": FORMAT, "findings": found}, option=orjson.OPT_INDENT_2).decode() + "\n"
    lines = [f"format: {FORMAT}", "findings:" if found else "findings: []"]
    for one in found:
        for number, (name, value) in enumerate(one.items()):
            lines.append(f"{'    ' if number else '  - '}{name}: {_flow(value)}")
    return _HEAD + "\n".join([*lines, ""])


def _flow(value: str | list[str]) -> str:
    """A value in YAML on one line."""
    if isinstance(value, list):
        return f"[{', '.join(_flow(item) for item in value)}]"
    if _PLAIN.fullmatch(value) and value.lower() not in _NOT_PLAIN:
        return value
    quoted = orjson.dumps(value).decode()
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", quoted)


def _entry(value: Any, place: str) -> Entry:
    known = [one.name for one in fields(Entry)]
    if not isinstance(value, dict) or not isinstance(value.get("rule"), str):
        raise UsageError(f"{place}: expected an object with a rule")
    for name, one in value.items():
        if name not in known:
            raise UsageError(f"{place}: unknown key {describe_name(name)}; expected {', '.join(known)}")
        if name == "path":
            if not isinstance(one, list) or not all(isinstance(step, str) for step in one):
                raise UsageError(f"{place}: path: expected a list of texts")
        elif not isinstance(one, str):
            raise UsageError(f"{place}: {name}: expected text")
    path = value.get("path")
    return Entry(**{**value, "path": None if path is None else tuple(path)})


def _tested(entry: Entry, result: Result) -> bool:
    """Whether a run looked at what an entry is about: its operation was served."""
    tallies = result.tallies.values() if entry.operation is None else [result.tallies.get(entry.operation)]
    return any(tally is not None and tally.sent and not (tally.closed and not tally.accepted) for tally in tallies)


def _entries(result: Result) -> Iterator[Entry]:
    """An entry for each cause that still fails a run."""
    failing = [name for name, finding in result.findings.causes() if finding.fails and name[1] != _FATAL]
    lenient = [name[0] for name in failing if name[1] == LENIENT]
    blind = {operation for operation in lenient if lenient.count(operation) > _KINDS}
    yield from (Entry(LENIENT, operation) for operation in dict.fromkeys(lenient) if operation in blind)
    for name in failing:
        operation, rule, pointer, part, path = _shown(name)
        if rule != LENIENT or operation not in blind:
            yield Entry(rule, operation or None, pointer or None, part or None, path if part else None)


def _shown(name: Key) -> Key:
    """A key as it is written down: a step that may be somebody's name, and no field's, shows nothing."""
    operation, rule, pointer, part, path = name
    if part in _HEADLIKE:
        return name
    return operation, rule, pointer, part, tuple(step if describe_name(step) == step else "*" for step in path)
