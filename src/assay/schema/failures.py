"""A failure: one keyword that a value did not satisfy, in the one form to which every engine's errors are brought.

The rule of this module: a failure says where (in the value, in the description) and which; the words for people are
found in ``explain``, the choice among the branches of a union in ``closest``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.schema.places import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["NOTHING", "Failure", "value_at"]

NOTHING = Place("", {})
"""The place of a keyword that could not be looked up."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One keyword that a value did not satisfy.

    ``path`` leads to the value in the instance, ``pointer`` is the absolute reference of the keyword's place,
    ``schema`` the place of the schema that holds the keyword. ``names`` are the properties meant, where the keyword
    is about some. ``branches`` are the failures of each branch of a union, in its order; a branch without any
    accepts the value. ``expected`` is set where the phrase is known already.
    """

    keyword: str
    path: tuple[str | int, ...]
    pointer: str
    schema: Place
    names: tuple[str, ...] = ()
    branches: tuple[Sequence[Failure], ...] = ()
    expected: str = ""

    def walk(self) -> Iterator[Failure]:
        """Yield this failure and all inside its branches."""
        yield self
        for branch in self.branches:
            for failure in branch:
                yield from failure.walk()


def value_at(instance: Any, path: tuple[str | int, ...]) -> Any:
    """Return the part of a JSON value to which a path leads."""
    for step in path:
        instance = instance[step]
    return instance
