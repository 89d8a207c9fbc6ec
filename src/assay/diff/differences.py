"""One difference as a value, and the kinds of them, the most breaking first.

The rule of this module: a kind says who is broken by it; a difference of values holds its witness, verified.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["KINDS", "MISSING", "Comparison", "Difference", "Kind"]

Kind = Literal[
    "operation-removed",
    "parameter-removed",
    "request-refused",
    "response-new",
    "undecided",
    "operation-added",
    "parameter-added",
    "request-accepted",
    "response-gone",
]

KINDS: dict[Kind, tuple[str, str]] = {
    "operation-removed": ("breaks callers", "operations that are gone"),
    "request-refused": ("breaks callers", "requests accepted before and refused now"),
    "parameter-removed": ("breaks callers", "parameters that are gone"),
    "response-new": ("breaks readers", "responses that could not come before"),
    "undecided": ("undecided", "neither a witness nor a proof was found"),
    "operation-added": ("harmless", "operations that are new"),
    "parameter-added": ("harmless", "parameters that are new, and optional"),
    "request-accepted": ("harmless", "requests refused before and accepted now"),
    "response-gone": ("harmless", "responses that can not come any more"),
}
"""Each kind with whom it concerns, and what it is, in words; in the order in which they are told."""

MISSING: Any = object()
"""Stands for a witness that is not needed, since the difference is of names alone."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    ``place`` is where in the operation (``body.n``, ``response 200 application/json body.id``); ``part`` the compared
    part of the operation that it belongs to. ``expected`` is what the refusing description wants there, ``got``
    what the witness has. ``pointer`` is the rule that refuses, in the description that ``refused_by`` names
    (``before`` or ``after``); ``admitted`` the schemas of the other that admit it. ``witness`` is one whole value that
    one admits and the other refuses, ``others`` further parts refused by the same rule. ``also`` are further
    operations of which the same is true.
    """

    kind: Kind
    operation: str
    part: str
    place: str
    expected: str
    got: str
    rule: str = ""
    pointer: str = ""
    refused_by: Literal["before", "after"] = "after"
    admitted: tuple[str, ...] = ()
    witness: Any = field(default=MISSING, compare=False)
    others: tuple[Any, ...] = field(default=(), compare=False)
    also: tuple[str, ...] = ()

    @property
    def concerns(self) -> str:
        """``breaks callers``, ``breaks readers``, ``undecided`` or ``harmless``."""
        return KINDS[self.kind][0]

    @property
    def cause(self) -> tuple[str, str, str, str, str]:
        """What it is told once by, in however many operations it shows."""
        where = "" if self.pointer else f"{self.operation} {self.place}"
        return (self.kind, self.refused_by, self.pointer, self.rule, where or self.expected)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of two descriptions. ``parts`` are the compared parts, as (operation, part)."""

    differences: tuple[Difference, ...]
    parts: tuple[tuple[str, str], ...]
    operations: int

    @property
    def counts(self) -> dict[str, int]:
        """How many differences there are of each kind that there is."""
        found = {kind: sum(one.kind == kind for one in self.differences) for kind in KINDS}
        return {kind: count for kind, count in found.items() if count}
