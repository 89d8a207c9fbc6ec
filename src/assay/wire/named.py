"""Values that carry their names: repeated names, an object's properties as names of their own, names with brackets.

The rule of this module: it works on raw values by decoded name, marks each name it reads as taken, and serves the
query, the cookies and form bodies alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.wire.delimited import Decode, items_of, objects_of, read_delimited, read_text, splits
from assay.wire.literals import literals
from assay.wire.nested import Node, steps, texts_of
from assay.wire.percent import decode_form
from assay.wire.problem import Malformed, Problem

if TYPE_CHECKING:
    from assay.model import Shape

__all__ = ["Fields", "read_deep", "read_exploded_object", "read_repeated"]


@dataclass(slots=True)
class Fields:
    """Raw values by decoded name; ``taken`` are the names that something has read."""

    raw: dict[str, list[str]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    problem: Problem | None = None

    def take(self, name: str) -> list[str]:
        """Return the values of a name and mark it as read."""
        values = self.raw.get(name, [])
        if values:
            self.taken.add(name)
        return values


def read_repeated(
    values: list[str], style: str, shape: Shape | None, unescape: Decode, *, exploded: bool
) -> tuple[Any, ...]:
    """Read the values that came under one name. Several values are an array, also where none may stand."""
    types = shape.types if shape is not None else frozenset[str]()
    if len(values) > 1 and not (exploded and "array" in types):
        if types & {"array", "object"}:
            raise Malformed("the items of one value, side by side", f"{len(values)} values of the same name")
        return ([unescape(value) for value in values],)
    found: list[Any] = []
    if exploded and "array" in types:
        found.extend(items_of(values, shape, unescape))
    elif not exploded:
        found.extend(read_delimited(splits(style, values[0]), shape, unescape, exploded=False))
    if len(values) == 1:
        found.extend(read_text(values[0], shape, unescape))
    return tuple(found) or (unescape(values[0]),)


def read_exploded_object(
    name: str, fields: Fields, shape: Shape, declared: frozenset[str], unescape: Decode
) -> tuple[Any, ...]:
    """Gather an object whose properties stand under names of their own; empty when none is there.

    ``declared`` are names that belong to others and are not swept up as additional properties.
    """
    own = fields.take(name)
    if own and name not in shape.properties:
        return literals(unescape(own[-1]), shape)
    names = [key for key in fields.raw if key in shape.properties]
    if shape.additional is not None or not shape.properties:
        names += [key for key in fields.raw if key not in shape.properties and key not in declared]
    if not names:
        return ()
    # Names are decoded already; their values are not.
    gathered = {key: fields.take(key) for key in names}
    return tuple(objects_of(gathered, shape, unescape))


def read_deep(name: str, fields: Fields, shape: Shape | None) -> tuple[Any, ...]:
    """Read the ``deepObject`` style; empty when no name belongs to it."""
    node = Node()
    lead = f"{name}["
    for key in [key for key in fields.raw if key == name or key.startswith(lead)]:
        root, path = steps(key[len(name) :] and f"x{key[len(name) :]}")
        if path or key == name:
            for value in fields.take(key):
                node.put(path, texts_of(decode_form(value)))
        elif root:
            raise Malformed("brackets in pairs after the name", "brackets that do not fit")
    return node.candidates(shape) if node.leaves or node.under else ()
