"""Proofs that a constraint cannot be broken alone: without it, a schema that holds it would admit nothing more.

The rule of this module: only algebra speaks. A description is compiled a second time without the one keyword; where
the schema as it stands provably covers the other, no value is refused for that keyword alone, and no probe can be.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from jsonschema_rs import canonical as form

from assay.errors import DescriptionError
from assay.schema.check import Schemas
from assay.schema.places import parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.generate.sites import Site, Spot

__all__ = ["Proofs"]

_FILE, _OTHER = "file:///", "file:///without/"
_HIGHEST = 8  # schemas above a site that are compared; the root of a large body would take seconds


class Proofs:
    """Proofs about the schemas of a description; ``documents`` are those of its ``Api``."""

    def __init__(self, documents: Mapping[str, Any]) -> None:
        self._documents = documents
        self._schemas = Schemas(documents)
        self._known: dict[tuple[str, str, str], str] = {}

    def idle(self, site: Site) -> str:
        """The schema, nearest above a site, that admits nothing more without it; empty where none is known."""
        if site.spot is None or site.branch:
            return ""
        key = (site.spot.place.reference, site.keyword, site.name)
        if key not in self._known:
            self._known[key] = self._idle(site, site.spot)
        return self._known[key]

    def _idle(self, site: Site, spot: Spot) -> str:
        other = Schemas(self._without(spot.place.reference, site.keyword, site.name))
        for number, reference in enumerate(_above(spot)):
            if number >= _HIGHEST:
                break
            try:
                now = self._schemas.canonical(reference, "request")
                then = other.canonical(reference.replace(_FILE, _OTHER, 1), "request")
                if now.covers(then) is form.Containment.YES:
                    return reference
            except (DescriptionError, form.CanonicalizationError):
                continue
        return ""

    def _without(self, reference: str, keyword: str, name: str) -> dict[str, Any]:
        """The documents under other names, without one keyword of one schema (or one name that it requires)."""
        uri, steps = parts(reference)
        documents = {at.replace(_FILE, _OTHER, 1): document for at, document in self._documents.items()}
        changed = copy.deepcopy(self._documents[uri])
        schema = _found(changed, steps)
        if keyword == "false":
            holder = _found(changed, steps[:-1])
            holder[steps[-1]] = True
        elif keyword == "required" and name:
            schema["required"] = [other for other in schema["required"] if other != name]
        else:
            del schema[keyword]
        documents[uri.replace(_FILE, _OTHER, 1)] = changed
        return documents


def _found(document: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        document = document[int(step) if isinstance(document, list) else step]
    return document


def _above(spot: Spot) -> Iterator[str]:
    """The references of a schema and of all through which it was reached, the nearest first."""
    here: Spot | None = spot
    while here is not None:
        yield here.place.reference
        here = here.parent
