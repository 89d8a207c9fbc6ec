"""Names with brackets (``filter[a]``, ``image[]``, ``tools[0][type]``) and the values they build.

The rule of this module: brackets are data only where a shape says that something stands inside; a tree is bounded in
depth, and a name used both as a leaf and as a branch is a problem.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.wire.literals import choices, combine, literals
from assay.wire.problem import Malformed

if TYPE_CHECKING:
    from assay.model import Shape

__all__ = ["Leaf", "Node", "branches", "steps", "texts_of"]

_DEEPEST = 32
_STEP = re.compile(r"\[([^\[\]]*)\]")

Leaf = Callable[["Shape | None"], tuple[Any, ...]]
"""One value as it was sent; called with a shape it gives its candidates."""


def texts_of(text: str) -> Leaf:
    """A leaf that is a decoded text."""
    return lambda shape: literals(text, shape)


@dataclass(slots=True)
class Node:
    """A name's leaves, in order, and the nodes under it by the step in brackets."""

    leaves: list[Leaf] = field(default_factory=list)
    under: dict[str, Node] = field(default_factory=dict)

    def put(self, path: tuple[str, ...], leaf: Leaf) -> None:
        """Hang a leaf at the end of a path of steps."""
        node = self
        for step in path:
            node = node.under.setdefault(step, Node())
        node.leaves.append(leaf)

    def candidates(self, shape: Shape | None) -> tuple[Any, ...]:
        """Return the values this node may stand for; raises ``Malformed``."""
        types = shape.types if shape is not None else frozenset[str]()
        if not self.under:
            return self._of_leaves(shape, types)
        if self.leaves:
            raise Malformed("a name used either with or without brackets", "both")
        items = self._items(types)
        if items is not None:
            inner = shape.items if shape is not None else None
            return tuple(combine([item(inner) for item in items]))
        return tuple(choices({name: node.candidates(_property(shape, name)) for name, node in self.under.items()}))

    def _of_leaves(self, shape: Shape | None, types: frozenset[str]) -> tuple[Any, ...]:
        found: list[Any] = []
        if "array" in types:
            inner = shape.items if shape is not None else None
            found.extend(combine([leaf(inner) for leaf in self.leaves]))
        if len(self.leaves) == 1 and types != {"array"}:
            found.extend(value for value in self.leaves[0](shape) if value not in found)
        elif len(self.leaves) == 1:
            # A JSON array in one leaf is an array too.
            found.extend(value for value in self.leaves[0](shape) if isinstance(value, list))
        return tuple(found) or tuple(combine([leaf(None) for leaf in self.leaves]))

    def _items(self, types: frozenset[str]) -> list[Leaf] | None:
        """Return the items in order when the steps under this node are those of an array."""
        if types and "array" not in types:
            return None
        if set(self.under) == {""}:
            node = self.under[""]
            return list(node.leaves) if not node.under else [node.candidates]
        if "array" not in types or not all(step.isascii() and step.isdigit() for step in self.under):
            return None
        return [self.under[step].candidates for step in sorted(self.under, key=lambda step: (len(step), step))]


def _property(shape: Shape | None, name: str) -> Shape | None:
    if shape is None:
        return None
    return shape.properties.get(name, shape.additional)


def steps(name: str) -> tuple[str, tuple[str, ...]]:
    """Split a decoded name into its root and the steps in brackets; ``a[b]c`` and the like have no steps."""
    root, bracket, _ = name.partition("[")
    if not bracket or not root:
        return name, ()
    rest = name[len(root) :]
    path = tuple(_STEP.findall(rest))
    if sum(map(len, path)) + 2 * len(path) != len(rest):
        return name, ()
    if len(path) > _DEEPEST:
        raise Malformed(f"at most {_DEEPEST} brackets in a name", "more")
    return root, path


def branches(pairs: list[tuple[str, Leaf]]) -> dict[str, Node]:
    """Gather leaves under the roots of their names; raises ``Malformed``."""
    roots: dict[str, Node] = {}
    for name, leaf in pairs:
        root, path = steps(name)
        roots.setdefault(root, Node()).put(path, leaf)
    return roots
