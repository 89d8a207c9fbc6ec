"""What makes bytes unreadable, as a frozen value: what a reader wanted, what came, and where.

The rule of this module: a problem repeats nothing of the text it is about; ``got`` names a kind of text and ``at``
a position. Inside the wire room a problem travels as the exception ``Malformed``; it leaves the room as a value.
"""

from __future__ import annotations

from dataclasses import dataclass

from assay.errors import AssayError

__all__ = ["Malformed", "Problem"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a text could not be read; ``expected`` and ``got`` are noun phrases as in ``Violation``.

    ``at`` is a position for people (``line 3, column 14``, ``part 2``) or empty.
    """

    expected: str
    got: str
    at: str = ""

    def __str__(self) -> str:
        where = f", at {self.at}" if self.at else ""
        return f"expected {self.expected}, got {self.got}{where}"


class Malformed(AssayError):  # noqa: N818  the text is malformed; the reader is not in error
    """Carries a problem from the depth of a reader to its face, which returns it as a value."""

    def __init__(self, expected: str, got: str, at: str = "") -> None:
        self.problem = Problem(expected, got, at)
        super().__init__(str(self.problem))
