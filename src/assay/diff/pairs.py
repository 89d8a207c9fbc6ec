"""Which operation of one description is which of the other.

The rule of this module: method and path first, whatever the parameters in the path are called and whatever base path
the servers add; then the operation's id. An operation has one partner at most.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    from assay.model import Operation

    Key = Callable[[Operation], Iterable[Hashable]]

__all__ = ["paired", "template"]

_PARAMETER = re.compile(r"\{[^{}]*\}")


def template(path: str) -> str:
    """A path with its parameters unnamed."""
    return _PARAMETER.sub("{}", path).rstrip("/") or "/"


def paired(
    before: Iterable[Operation], after: Iterable[Operation]
) -> tuple[list[tuple[Operation, Operation]], list[Operation], list[Operation]]:
    """The pairs in the order of the first, then what only the first has, and what only the second has."""
    old, new = {one.pointer: one for one in before}, {one.pointer: one for one in after}
    partners: dict[str, Operation] = {}
    for key in (_by_path, _by_whole_path, _by_id):
        for one, other in _matching(old.values(), new.values(), key):
            if one.pointer not in partners and other.pointer in new:
                partners[one.pointer] = new.pop(other.pointer)
    pairs = [(one, partners[pointer]) for pointer, one in old.items() if pointer in partners]
    return pairs, [one for pointer, one in old.items() if pointer not in partners], list(new.values())


def _matching(old: Iterable[Operation], new: Iterable[Operation], key: Key) -> Iterator[tuple[Operation, Operation]]:
    known: dict[Hashable, Operation] = {}
    for other in new:
        for name in key(other):
            known.setdefault(name, other)
    for one in old:
        yield from ((one, known[name]) for name in key(one) if name in known)


def _by_path(operation: Operation) -> Iterator[Hashable]:
    yield (operation.method, template(operation.path), operation.query)


def _by_whole_path(operation: Operation) -> Iterator[Hashable]:
    yield from ((operation.method, template(base + operation.path), operation.query) for base in operation.bases)
    yield (operation.method, template(operation.path), operation.query)


def _by_id(operation: Operation) -> Iterator[Hashable]:
    if " " not in operation.id:
        yield operation.id
