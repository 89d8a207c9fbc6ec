"""A description's value into its normal form: overlays applied, every document it reaches in JSON Schema 2020-12.

The rule of this module: it is imported only when the cache has no entry, because most starts find one.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from assay.errors import OverlayError
from assay.model import Repair
from assay.spec.overlay import Overlay, apply
from assay.spec.read import version_of
from assay.spec.refs import Tree
from assay.spec.text import own
from assay.spec.walk import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["applied", "normalised"]


def applied(value: Any, overlays: Iterable[tuple[Overlay, bool]], source: str) -> tuple[Any, tuple[Repair, ...]]:
    """Apply overlays in order, each with whether it is ours and so may have actions that find no place."""
    repairs: tuple[Repair, ...] = ()
    changed = False
    for overlay, ours in overlays:
        value, made = (_mended if ours else apply)(value, overlay)
        repairs, changed = (*repairs, *made), True
    # An overlay's values are shared by all the places it put them in: each place needs its own.
    return (own(value, source) if changed else value), repairs


def normalised(tree: Tree) -> tuple[Repair, ...]:
    """Normalise a tree's root document and every document that it reaches, in place."""
    version_of(tree)
    return normalise(tree)


def _mended(value: Any, overlay: Overlay) -> tuple[Any, tuple[Repair, ...]]:
    """Apply one of our own overlays, which meets every version of OpenAI's description.

    An action that the one at hand has no place for, or that would point to something it does not have, is listed
    as not applied.
    """
    repairs: tuple[Repair, ...] = ()
    for action in overlay.actions:
        why = ""
        try:
            changed, made = apply(value, dataclasses.replace(overlay, actions=(action,)))
        except OverlayError as error:
            changed, made, why = value, (), error.message
        dangling = _dangling(action.value, changed) if action.kind == "update" and any(r.applied for r in made) else ""
        why = f"{dangling} is not in this description" if dangling else why
        if why:
            by, reason = f"{overlay.source}{action.pointer}", f"{action.reason} (not applied: {why})"
            made = (Repair(by, action.target.text, reason, count=0, applied=False),)
        else:
            value = changed
        repairs = (*repairs, *made)
    return value, repairs


def _dangling(value: Any, document: Any) -> str:
    """Return the first local reference inside a value that leads nowhere in a document, or nothing."""
    stack = [value]
    tree = Tree("", {"": document})
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, dict):
            reference = node.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/") and not tree.has(reference):
                return reference
            stack.extend(node.values())
    return ""
