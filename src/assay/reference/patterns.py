"""A text that a regular expression matches, for the patterns of people's schemas.

The rule of this module: it gives a candidate, not a promise: its caller checks the candidate. What it does not
know (look-around, back-references) it leaves out.
"""

from __future__ import annotations

import re
from re import _constants as op  # type: ignore[attr-defined]  # the parser is private, and stable since 3.11
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

__all__ = ["example"]

_LONGEST_RUN = 256
_PREFERRED = "a0_A-. /:@"
_CATEGORY = {op.CATEGORY_DIGIT: "0", op.CATEGORY_WORD: "a", op.CATEGORY_SPACE: " ", op.CATEGORY_NOT_DIGIT: "a",
             op.CATEGORY_NOT_SPACE: "a", op.CATEGORY_NOT_WORD: "-"}  # fmt: skip


def example(pattern: str) -> str:
    """Return a short text that ``pattern`` probably matches; an empty one for what cannot be parsed."""
    try:
        return _sequence(parser.parse(pattern))
    except (re.error, OverflowError, RecursionError):
        return ""


def _sequence(items: Any) -> str:
    return "".join(_piece(kind, argument) for kind, argument in items)


def _piece(kind: Any, argument: Any) -> str:
    if kind is op.LITERAL:
        return str(chr(argument))
    if kind is op.NOT_LITERAL:
        return next(sign for sign in _PREFERRED if ord(sign) != argument)
    if kind is op.ANY:
        return "a"
    if kind is op.IN:
        return _member(argument)
    if kind is op.BRANCH:
        return _sequence(argument[1][0])
    if kind is op.SUBPATTERN:
        return _sequence(argument[3])
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
        fewest, most, inner = argument
        return str(_sequence(inner) * min(max(fewest, min(most, 1)), _LONGEST_RUN))
    return ""


def _member(members: Any) -> str:
    if members[0][0] is op.NEGATE:
        return next((sign for sign in _PREFERRED if not _holds(members[1:], sign)), "~")
    kind, argument = members[0]
    if kind is op.RANGE:
        return chr(argument[0])
    return str(_CATEGORY.get(argument, "a")) if kind is op.CATEGORY else chr(argument)


def _holds(members: Any, sign: str) -> bool:
    for kind, argument in members:
        if kind is op.RANGE and argument[0] <= ord(sign) <= argument[1]:
            return True
        if kind is op.LITERAL and ord(sign) == argument:
            return True
        if kind is op.CATEGORY and _CATEGORY.get(argument) == sign:
            return True
    return False
