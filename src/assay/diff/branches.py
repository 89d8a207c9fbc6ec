"""Which branches of a union can admit what comes: told apart by what both admit, never by the name of a schema.

The rule of this module: a branch is left out only where its tags, the algebra, or the lack of any common value say
that it cannot be meant; of several branches for one JSON type the nearest is compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jsonschema_rs import canonical as form

from assay.diff.sides import Node
from assay.schema.algebra import json_type

if TYPE_CHECKING:
    from assay.diff.sides import Union
    from assay.diff.walk import Walk

__all__ = ["branches", "fitting"]


def branches(walk: Walk, s: Node, t: Node, union: Union, names: frozenset[str]) -> list[Node]:
    """The target's nodes with one branch of a union chosen, for each branch that can admit what comes.

    ``names`` are all unions that are settled then.
    """
    tags = walk.source.tags(s)
    alive = [branch for branch in union.branches if not _disjoint(walk, s, Node((branch.reference,)), tags)]
    return [walk.target.branched(t, union, branch, names, alone=len(alive) == 1) for branch in alive]


def fitting(walk: Walk, s: Node, choices: list[Node]) -> list[Node] | None:
    """The nodes to compare with, for each JSON type the nearest; None where one admits everything.

    ``choices`` are the target's nodes, each with one branch chosen. Without any common value it is the only choice, or
    the one that knows a tag; an empty list where there is none.
    """
    if any(walk.covers(s, node) for node in choices):
        return None
    nearest: dict[str, tuple[tuple[int, int], Node]] = {}
    for node in choices:
        for value in _shared(walk, s, node):
            score = (_common(walk, s, node, value), -len(walk.target.names(node)))
            kind = json_type(value)
            if kind not in nearest or score > nearest[kind][0]:
                nearest[kind] = (score, node)
    if nearest or len(choices) == 1:
        return list(dict.fromkeys(node for _, node in nearest.values())) or choices
    tags = walk.source.tags(s)
    return [node for node in choices if tags.keys() & walk.target.tags(node).keys()][:1]


def _disjoint(walk: Walk, s: Node, branch: Node, tags: dict[str, Any]) -> bool:
    """Whether nothing of the source can be of a branch, by its tags or by the algebra.

    What has the same tags is never left out: there is something to compare.
    """
    theirs = walk.target.tags(branch)
    if common := tags.keys() & theirs.keys():
        return any(tags[name] != theirs[name] for name in common)
    one, other = walk.source.canonical(s), walk.target.canonical(branch)
    try:
        return one is not None and other is not None and isinstance(one.intersect(other).view(), form.FalseView)
    except form.CanonicalizationError:
        return False


def _shared(walk: Walk, s: Node, node: Node) -> list[Any]:
    values = walk.samples.shared(walk.source.canonical(s), walk.target.canonical(node))
    return [value for value in values if walk.source.ok(s, value) and walk.target.ok(node, value)]


def _common(walk: Walk, s: Node, node: Node, value: Any) -> int:
    """How many names both declare; 0 for what is no object."""
    return len(walk.source.names(s).keys() & walk.target.names(node).keys()) if isinstance(value, dict) else 0
