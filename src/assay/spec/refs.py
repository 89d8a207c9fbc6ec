"""Where things are in a description: documents, places, ``$ref``, and the walk over every object and schema.

The rule of this module: what an object is follows from where it stands, never from what it looks like, so a
property named ``nullable`` or an ``example`` that holds a schema is never mistaken for one. Documents come from an
injected ``retrieve``; nothing is read here. (``referencing`` resolves values but does not say where they stand, and
repairs, errors and schema references are all about where; that is why places are resolved here.)
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from assay.errors import DescriptionError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["METHODS", "Place", "Tree", "escape"]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
"""The fixed method fields of a path item; ``query`` since OpenAPI 3.2."""

_SAFE = "/~!$&'()*+,;=:@"
# What quote() writes for each ASCII character; a description has thousands of pointers, and most hold {parameters}.
_QUOTED = {code: quote(chr(code), safe=_SAFE) for code in range(128)}
_MISSING: Any = object()


def escape(step: str) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return step.replace("~", "~0").replace("/", "~1")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a document: its URI and the JSON pointer (``""`` or ``/…``, not percent-encoded)."""

    uri: str
    pointer: str = ""

    def __truediv__(self, step: str | int) -> Place:
        return Place(self.uri, f"{self.pointer}/{escape(step) if isinstance(step, str) else step}")

    @property
    def reference(self) -> str:
        """The absolute reference, percent-encoded."""
        pointer = self.pointer
        return f"{self.uri}#{pointer.translate(_QUOTED) if pointer.isascii() else quote(pointer, safe=_SAFE)}"


class Tree:
    """All documents of one description.

    ``documents`` maps URI to value and grows as references are resolved; ``retrieve`` returns the value of a
    document that is not there yet or raises DescriptionError; ``names`` says how people know a document.
    """

    def __init__(self, root: str, documents: dict[str, Any], retrieve: Callable[[str], Any] | None = None) -> None:
        self.root = root
        self.documents = documents
        self.names: dict[str, str] = {}
        self._retrieve = retrieve
        # $self of a document, or $id of a schema -> its place; (resource, name) of an anchor -> its place.
        self.identified: dict[str, Place] = {}
        self.anchors: dict[tuple[str, str], Place] = {}

    def error(self, message: str, place: Place) -> DescriptionError:
        """An error that names a place in the description."""
        name = self.names.get(place.uri, place.uri.removeprefix("file:///"))
        return DescriptionError(message, source=name, pointer=f"#{place.pointer}")

    def document(self, uri: str, asked_from: Place) -> Any:
        """Return a document's value, retrieving it when it is new."""
        if uri in self.documents:
            return self.documents[uri]
        if self._retrieve is None:
            raise self.error(f"the document {uri[:200]} is not part of this description", asked_from)
        try:
            value = self._retrieve(uri)
        except DescriptionError as error:
            if error.source:
                raise
            located = self.error(error.message, asked_from)
            raise type(error)(located.message, source=located.source, pointer=located.pointer) from None
        self.documents[uri] = value
        if isinstance(value, dict) and isinstance(value.get("$self"), str):
            self.identified.setdefault(value["$self"], Place(uri))
        return value

    def target(self, reference: Any, at: Place, base: str = "") -> tuple[Place, Any] | None:
        """Return where a ``$ref`` leads and what is there; None when it names an anchor not seen so far.

        ``at`` is the place of the ``$ref`` itself; ``base`` the URI it is relative to (default: the document's).
        """
        if not isinstance(reference, str):
            raise self.error("a $ref must be a string", at)
        base = base or at.uri
        address, _, fragment = reference.partition("#")
        uri = self._join(base, address, at) if address else base
        fragment = unquote(fragment)
        start = self.identified.get(uri) or self.identified.get(address) or Place(uri)
        if fragment and not fragment.startswith("/"):
            anchored = self.anchors.get((uri, fragment))
            return (anchored, self.value(anchored)) if anchored else None
        document = self.document(start.uri, at)
        place, value = _descend(Place(start.uri, start.pointer + fragment), document)
        if value is _MISSING and start.pointer:
            # Authors write "#/components/…" inside a schema with $id as well and mean the document.
            place, value = _descend(Place(start.uri, fragment), document)
        if value is _MISSING:
            raise self.error(f"$ref leads to {reference[:200]}, and nothing is there", at)
        return place, value

    def value(self, place: Place) -> Any:
        """Return the value at a place that exists."""
        return _descend(place, self.documents[place.uri])[1]

    def has(self, reference: str) -> bool:
        """Whether a local reference (``#/…``) leads to something in the root document."""
        place = Place(self.root, unquote(reference[1:]))
        return _descend(place, self.documents[self.root])[1] is not _MISSING

    def follow(self, place: Place, value: Any) -> tuple[Place, Any]:
        """Follow ``$ref`` from an OpenAPI object to the object that is meant; refuse a circle."""
        seen = {place}
        while isinstance(value, dict) and "$ref" in value:
            at = place / "$ref"
            found = self.target(value["$ref"], at)
            if found is None:
                raise self.error(f"$ref leads to {str(value['$ref'])[:200]}, and nothing is there", at)
            place, value = found
            if place in seen:
                raise self.error("this $ref leads in a circle and never to an object", at)
            seen.add(place)
        return place, value

    def _join(self, base: str, address: str, at: Place) -> str:
        """Resolve an address against a base, keeping it visible when it leaves the description's folder."""
        parts = urlsplit(address)
        if parts.scheme and parts.scheme != "file":
            return address
        if not base.startswith("file:"):
            return urljoin(base, address)
        if parts.query:
            raise self.error("a $ref to a file has no query", at)
        path = unquote(parts.path)
        if path.startswith("/"):
            # "file:///x" is how the documents of this description are named once they have been rewritten.
            if parts.scheme and (address in self.documents or not parts.netloc):
                return address if address in self.documents else f"file://absolute{quote(path)}"
            return f"file://{parts.netloc or 'absolute'}{quote(path)}"
        return _relative(base, path)


def _relative(base: str, path: str) -> str:
    """Join a relative path to a file URI: ``file://outside/2/x`` is two folders above the root's, then ``x``."""
    here = urlsplit(base)
    steps = posixpath.dirname(unquote(here.path)).strip("/").split("/")
    if here.netloc == "absolute":
        joined = posixpath.normpath(posixpath.join("/", *steps, path))
        return f"file://absolute{quote(joined)}"
    climbed = int(steps.pop(0)) if here.netloc == "outside" else 0
    kept = [step for step in steps if step]
    for step in path.split("/"):
        if step == "..":
            if kept:
                kept.pop()
            else:
                climbed += 1
        elif step not in ("", "."):
            kept.append(step)
    joined = quote("/".join(kept))
    return f"file://outside/{climbed}/{joined}" if climbed else f"file:///{joined}"


def _descend(place: Place, document: Any) -> tuple[Place, Any]:
    """Walk a pointer; return the place with its pointer written in one way, and the value or ``_MISSING``."""
    value = document
    for step in place.pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name, _MISSING)
        elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return place, _MISSING
        if value is _MISSING:
            return place, _MISSING
    return place, value
