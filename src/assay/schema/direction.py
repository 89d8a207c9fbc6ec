"""``readOnly`` and ``writeOnly`` by direction: the documents as they hold for requests, and for responses.

The rule of this module: a document that says nothing of either is handed on as it is, the very same object, so that
both directions share one registry; otherwise only the schemas that must differ are copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.schema.places import Place, Places, objects

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["for_direction"]

_MARKS = {"request": "readOnly", "response": "writeOnly"}


def for_direction(documents: Mapping[str, Any], direction: str) -> Mapping[str, Any]:
    """Return the documents as they hold for ``request`` or ``response``; the same object when nothing differs.

    A ``readOnly`` property is not required of a request, a ``writeOnly`` one not of a response (OpenAPI 3.1; JSON
    Schema 2020-12 Validation, 9.4). One that is there all the same must be what its schema says: the schema stays
    where it is, since other schemas may refer to places inside it.
    """
    mark = _MARKS[direction]
    if not any(node.get(mark) is True for document in documents.values() for node in objects(document)):
        return documents
    writer = _Writer(Places(documents), mark)
    return {uri: writer.rewrite(document, Place(f"{uri}#", document)) for uri, document in documents.items()}


class _Writer:
    """Rewrites the documents for one direction, copying only what changes."""

    __slots__ = ("mark", "places")

    def __init__(self, places: Places, mark: str) -> None:
        self.places = places
        self.mark = mark

    def rewrite(self, node: Any, place: Place, outer: frozenset[str] = frozenset()) -> Any:
        """Return a node for this direction; ``outer`` are the marked names of the ``allOf`` that it is a member of."""
        if isinstance(node, list):
            new: Any = [self.rewrite(inner, place.child(number)) for number, inner in enumerate(node)]
            return new if _changed(new, node) else node
        if not isinstance(node, dict):
            return node
        names = outer | self._marked(place) if "required" in node or "allOf" in node else outer
        new = {}
        for key, inner in node.items():
            here = place.child(key)
            if key == "required" and isinstance(inner, list):
                left = [name for name in inner if name not in names]
                new[key] = left if len(left) < len(inner) else inner
            elif key == "allOf" and isinstance(inner, list):
                members = [self.rewrite(member, here.child(n), names) for n, member in enumerate(inner)]
                new[key] = members if _changed(members, inner) else inner
            else:
                new[key] = self.rewrite(inner, here)
        return new if _changed(new.values(), node.values()) else node

    def _is_marked(self, place: Place) -> bool:
        return any(here.keyword(self.mark) is True for here in self.places.same_value(place))

    def _marked(self, place: Place) -> frozenset[str]:
        """Return the names of the marked properties of an object, those that ``allOf`` and ``$ref`` bring too."""
        return frozenset(
            name
            for here in self.places.same_value(place)
            for name, inner in here.named().items()
            if self._is_marked(inner)
        )


def _changed(new: Iterable[Any], old: Iterable[Any]) -> bool:
    return any(one is not other for one, other in zip(new, old, strict=True))
