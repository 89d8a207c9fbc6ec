"""Floor 1: one broken rule as a frozen value, and the verdict that collects them.

The rule of this module: a violation never holds the value that broke the rule. ``got`` is a masked
description of it (``a string of 12 characters``), made by :func:`describe`, so that no report, log or refused
reply can repeat a prompt, a key or a body.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Part", "Severity", "Verdict", "Violation", "describe", "describe_name", "place"]

Part = Literal["request", "path", "query", "header", "cookie", "body", "response", "status", "event", "stream"]
"""Where in an exchange a rule was broken; ``request`` and ``response`` mean the message as a whole."""

Severity = Literal["violation", "hazard"]
"""``violation`` breaks the contract; ``hazard`` is legal but known to break clients."""

# A name that reads like an identifier is a field's name and may be shown; anything else is somebody's data.
_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,39}(\[\])?")
# Parameter and header names may hold hyphens and dots as well.
_FIELD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.\-]{0,39}(\[\])?")
_LONGEST_NUMBER = 24


@dataclass(frozen=True, slots=True, repr=False)
class Violation:
    """One broken rule.

    ``rule``      stable id: ``schema/<keyword>``, ``http/<name>``, or ``<resource>/<name>`` of a registered rule.
    ``part``      which part of the exchange; ``path`` the steps inside it (names and indexes). For headers,
                  query, path and cookie parameters the first step is the parameter's name; for events it is
                  the event's number, counted from 0.
    ``expected``  what the contract wants, and ``got``, masked, what came: both noun phrases.
    ``pointer``   where the contract states it, e.g. ``#/components/schemas/Pet/properties/n/maximum``
                  (prefixed with the file's name when it is not the root document), or the rule's source.
    """

    rule: str
    part: Part
    path: tuple[str | int, ...]
    expected: str
    got: str
    pointer: str = ""
    severity: Severity = "violation"

    def __repr__(self) -> str:
        # A step of the path may be a name out of somebody's data: only the masked place is shown.
        return f"<Violation {self.rule} at {self.place}>"

    @property
    def place(self) -> str:
        """The place as text, e.g. ``body.messages[2].content[0].image_url``."""
        return place(self.part, self.path)

    @property
    def message(self) -> str:
        """One line for people: *expected X, got Y, at PLACE*."""
        return f"expected {self.expected}, got {self.got}, at {self.place}"

    @property
    def param(self) -> str | None:
        """The place in the form of OpenAI's ``error.param`` (``messages[2].content``), or None for a whole message."""
        if not self.path or self.part not in ("path", "query", "header", "cookie", "body"):
            return None
        return place("", self.path)

    def envelope(self) -> dict[str, Any]:
        """OpenAI's error envelope for a request that broke this rule."""
        return {
            "error": {
                "message": f"Invalid request: {self.message}.",
                "type": "invalid_request_error",
                "param": self.param,
                "code": self.rule.replace("/", "_").replace("-", "_"),
            }
        }

    def __str__(self) -> str:
        return f"{self.message} [{self.rule}] {self.pointer}".rstrip()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the contract says of one message.

    ``operation`` is the operation's id, or None when the message belongs to no operation of the contract.
    ``violations`` hold hazards too; they come most relevant first.
    """

    operation: str | None
    violations: tuple[Violation, ...] = ()

    @property
    def ok(self) -> bool:
        """True when nothing was broken; hazards do not count."""
        return not self.violations or all(v.severity == "hazard" for v in self.violations)


def place(part: str, path: tuple[str | int, ...]) -> str:
    """Join a part and the steps inside it: names by dots, indexes and odd names in brackets (odd names masked)."""
    text = part
    names = _FIELD if part in ("header", "query", "path", "cookie") else _IDENTIFIER
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif names.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{describe_name(step)}]"
    return text


def describe_name(name: str) -> str:
    """A property name for people: itself when it reads like an identifier, else only its length."""
    return name if _IDENTIFIER.fullmatch(name) else f"<name of {len(name)} characters>"


def describe(value: object) -> str:
    """Describe a JSON value without repeating it: numbers, booleans and null show, the rest only by size."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            text = repr(value)
            return text if len(text) <= _LONGEST_NUMBER else f"a number of {len(text)} characters"
        case str():
            return _counted("a string of", len(value), "character") if value else "an empty string"
        case bytes():
            return _counted("", len(value), "byte").strip()
        case list() | tuple():
            return _counted("an array of", len(value), "item") if value else "an empty array"
        case dict():
            return _counted("an object with", len(value), "property") if value else "an empty object"
        case _:
            return f"a value of type {type(value).__name__}"


def _counted(lead: str, count: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{lead} {count} {noun if count == 1 else plural}"
