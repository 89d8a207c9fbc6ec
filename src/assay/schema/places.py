"""Places in description documents: absolute references, what they name, and which schemas lie behind them.

The rule of this module: schemas are named, never copied; every place is the absolute reference
``<document uri>#<JSON pointer, percent-encoded>``, so that it can be shown to people and looked up again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote, urljoin

from assay.errors import DescriptionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Place", "Places", "Reach", "below", "objects", "parts", "refused"]

# Where JSON Schema 2020-12 keeps subschemas: in a mapping, in a list, or directly.
_MAPPINGS = ("properties", "patternProperties", "dependentSchemas")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLES = (
    "additionalProperties",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
)


# What may stand beside a $ref and says nothing of values.
_ONLY_NAMED = frozenset(("$ref", "$comment", "description", "title", "summary", "example", "examples", "deprecated"))

# The engines bring the schemas of JSON Schema itself.
_DIALECTS = ("https://json-schema.org/", "http://json-schema.org/")


@dataclass(frozen=True, slots=True)
class Place:
    """A schema (or any other part of a document) with the absolute reference that names it."""

    reference: str
    schema: Any

    def keyword(self, name: str, default: Any = None) -> Any:
        """Return the value of a keyword, or ``default``; a boolean schema has none."""
        return self.schema.get(name, default) if isinstance(self.schema, dict) else default

    def child(self, *steps: str | int) -> Place:
        """Return the place some existing steps further down."""
        value = self.schema
        for step in steps:
            value = value[step]
        return Place(below(self.reference, *steps), value)

    def step(self, step: str | int) -> Place | None:
        """Return the place one step further down, or None when there is none; ``3`` and ``"3"`` are one step."""
        value = self.schema
        if isinstance(value, dict) and step in value:
            return Place(below(self.reference, step), value[step])
        if isinstance(value, list) and str(step).isdecimal() and int(step) < len(value):
            return Place(below(self.reference, step), value[int(step)])
        return None

    def branches(self, keyword: str) -> tuple[Place, ...]:
        """Return the subschemas of ``allOf``, ``anyOf``, ``oneOf`` or ``prefixItems``."""
        value = self.keyword(keyword)
        if not isinstance(value, list):
            return ()
        return tuple(self.child(keyword, number) for number in range(len(value)))

    def named(self, keyword: str = "properties") -> dict[str, Place]:
        """Return the subschemas of ``properties`` and its like, by name."""
        value = self.keyword(keyword)
        return {name: self.child(keyword, name) for name in value} if isinstance(value, dict) else {}

    def children(self) -> Iterator[Place]:
        """Yield every subschema that can apply to a value or to a part of it; ``$ref`` is not followed."""
        if not isinstance(self.schema, dict):
            return
        for keyword in _MAPPINGS:
            yield from self.named(keyword).values()
        for keyword in _LISTS:
            yield from self.branches(keyword)
        for keyword in _SINGLES:
            if keyword in self.schema:
                yield self.child(keyword)

    def written(self) -> Iterator[Place]:
        """Yield this schema and all subschemas written in it, but none below an ``$id``, where another base holds."""
        waiting = [self]
        while waiting:
            here = waiting.pop()
            yield here
            if not isinstance(here.keyword("$id"), str):
                waiting.extend(here.children())


@dataclass(frozen=True, slots=True)
class Reach:
    """What can be met from a schema on.

    ``formats`` are those named, ``recursive`` says that it leads back to itself, ``opaque`` that it uses anchors,
    ``$dynamicRef`` or ``$id``, which only the engines follow, so that more may be met than is said here.
    ``starts`` are the references of the schema itself and of all that are referred to.
    """

    formats: frozenset[str]
    recursive: bool
    opaque: bool
    starts: tuple[str, ...]


class _Own(NamedTuple):
    """What is met in one schema, its references not followed; ``targets`` are where they lead."""

    formats: frozenset[str]
    opaque: bool
    targets: tuple[str, ...]


def below(reference: str, *steps: str | int) -> str:
    """Extend an absolute reference by steps."""
    if "#" not in reference:
        reference += "#"
    for step in steps:
        text = str(step)
        if not text.isascii() or not text.isalnum():
            text = quote(text.replace("~", "~0").replace("/", "~1"), safe="!$&'()*+,;=:@-._~")
        reference += "/" + text
    return reference


def parts(reference: str) -> tuple[str, tuple[str, ...]]:
    """Split an absolute reference into the document's URI and the decoded steps inside it."""
    uri, _, pointer = reference.partition("#")
    steps = unquote(pointer).split("/")[1:]
    return uri, tuple(step.replace("~1", "/").replace("~0", "~") for step in steps)


class Places:
    """Looks up references in a set of documents (URI to JSON value)."""

    __slots__ = ("_found", "_ids", "documents", "kept")

    def __init__(self, documents: Mapping[str, Any]) -> None:
        self.documents = documents
        self._ids: bool | None = None
        self._found: dict[str, Place | None] = {}
        # What other modules found out about a place, by question and reference; explaining asks again and again.
        self.kept: dict[tuple[str, str], Any] = {}

    def find(self, reference: str) -> Place | None:
        """Return the place that an absolute reference names, or None; anchors are not looked for."""
        if reference not in self._found:
            self._found[reference] = self._looked_up(reference)
        return self._found[reference]

    def _looked_up(self, reference: str) -> Place | None:
        uri, steps = parts(reference)
        if uri not in self.documents:
            return None
        place: Place | None = Place(f"{uri}#", self.documents[uri])
        for step in steps:
            place = place.step(step) if place is not None else None
        return place

    def at(self, reference: str) -> Place:
        """Return the place that an absolute reference names, or raise ``DescriptionError``."""
        found = self.find(reference)
        if found is None:
            raise refused("nothing stands at this reference", reference)
        return found

    def target(self, place: Place) -> Place | None:
        """Return the place that the ``$ref`` of a schema names, or None when there is none that can be looked up."""
        value = place.keyword("$ref")
        return self.find(_absolute(place.reference, value)) if isinstance(value, str) else None

    def absolute(self, place: Place) -> Place:
        """Return a copy of a schema that can stand alone: every ``$ref`` in it is absolute."""
        return Place(place.reference, _with_absolute(place.schema, place.reference))

    def same_value(self, place: Place) -> Iterator[Place]:
        """Yield a schema and all that apply to the same value without choice: through ``$ref`` and ``allOf``."""
        waiting, seen = [place], set()
        while waiting:
            here = waiting.pop()
            if here.reference in seen:
                continue
            seen.add(here.reference)
            yield here
            target = self.target(here)
            waiting.extend(reversed(here.branches("allOf")))
            if target is not None:
                waiting.append(target)

    def dangling(self) -> str | None:
        """Return the reference of the first ``$ref``, wherever it stands, whose document is not there."""
        waiting = [Place(f"{uri}#", document) for uri, document in self.documents.items()]
        while waiting:
            here = waiting.pop()
            reference = here.keyword("$ref")
            known = not isinstance(reference, str) or reference.startswith(_DIALECTS)
            if not known and _absolute(here.reference, reference).partition("#")[0] not in self.documents:
                return below(here.reference, "$ref")
            if isinstance(here.schema, dict | list):
                steps = here.schema if isinstance(here.schema, dict) else range(len(here.schema))
                waiting.extend(here.child(step) for step in steps)
        return None

    def reach(self, reference: str) -> Reach:
        """Follow every reference from a schema on. Raises ``DescriptionError`` at a ``$ref`` that leads nowhere."""
        formats: set[str] = set()
        edges: dict[str, set[str]] = {}
        opaque = False
        waiting = [self.at(reference).reference]
        while waiting:
            start = waiting.pop()
            if start in edges:
                continue
            here = self._own_reach(start)
            formats |= here.formats
            opaque = opaque or here.opaque
            edges[start] = set(here.targets)
            waiting.extend(here.targets)
        return Reach(frozenset(formats), _has_cycle(edges), opaque, tuple(edges))

    def _own_reach(self, reference: str) -> _Own:
        """Look through one schema, its references not followed; asked for again by all that lead to it."""
        key = ("reach", reference)
        if key in self.kept:
            known: _Own = self.kept[key]
            return known
        formats: set[str] = set()
        targets: dict[str, None] = {}
        opaque = False
        for here in self.at(reference).written():
            if isinstance(name := here.keyword("format"), str):
                formats.add(name)
            if _is_opaque(here):
                opaque = True
                continue
            if here.keyword("$ref") is None:
                continue
            target = self._followed(here)
            opaque = opaque or target is None
            if target is not None:
                targets[target.reference] = None
        own = self.kept[key] = _Own(frozenset(formats), opaque, tuple(targets))
        return own

    def meant(self, reference: str) -> str:
        """Return the reference of the schema that is meant: that of its target where a schema is only a ``$ref``."""
        place, seen = self.at(reference), set()
        while place.reference not in seen and isinstance(place.schema, dict) and place.schema.keys() <= _ONLY_NAMED:
            seen.add(place.reference)
            target = self.target(place)
            if target is None:
                break
            place = target
        return place.reference

    def _followed(self, place: Place) -> Place | None:
        target = self.target(place)
        if target is None and not self._any_ids():
            message = f'the reference "{place.keyword("$ref")}" leads nowhere'
            raise refused(message, below(place.reference, "$ref"))
        return target

    def _any_ids(self) -> bool:
        """Say whether any schema calls itself by an ``$id``, so that a reference may name it by that."""
        if self._ids is None:
            self._ids = any("$id" in node for document in self.documents.values() for node in objects(document))
        return self._ids


def _with_absolute(value: Any, base: str) -> Any:
    if isinstance(value, list):
        return [_with_absolute(inner, base) for inner in value]
    if not isinstance(value, dict):
        return value
    copy = {name: _with_absolute(inner, base) for name, inner in value.items()}
    if isinstance(reference := value.get("$ref"), str):
        copy["$ref"] = _absolute(base, reference)
    return copy


def _is_opaque(place: Place) -> bool:
    reference = place.keyword("$ref")
    if isinstance(reference, str):
        fragment = reference.partition("#")[2]
        if reference.startswith(_DIALECTS) or (fragment and not fragment.startswith("/")):
            return True
    return any(isinstance(place.keyword(name), str) for name in ("$id", "$dynamicRef"))


def objects(document: Any) -> Iterator[dict[str, Any]]:
    """Yield every object inside a JSON value, itself included."""
    waiting = [document]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict):
            yield here
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)


def _absolute(base: str, reference: str) -> str:
    uri = base.partition("#")[0]
    # Not every scheme takes part in urljoin, and a bare fragment needs none of it.
    return uri + reference if reference.startswith("#") else urljoin(uri, reference)


def refused(message: str, reference: str) -> DescriptionError:
    """Return the error that names a place for people: the file as it is called in the description's folder."""
    uri, _, pointer = reference.partition("#")
    return DescriptionError(
        message, source=unquote(uri.removeprefix("file:///")), pointer=f"#{pointer}" if pointer else ""
    )


def _has_cycle(edges: Mapping[str, set[str]]) -> bool:
    """Say whether a directed graph has a cycle: peel off what leads nowhere any more until nothing is left."""
    left = {node: set(targets) for node, targets in edges.items()}
    sources: dict[str, list[str]] = {}
    for node, targets in left.items():
        for target in targets:
            sources.setdefault(target, []).append(node)
    ends = [node for node, targets in left.items() if not targets]
    while ends:
        end = ends.pop()
        del left[end]
        for node in sources.get(end, ()):
            left[node].discard(end)
            if not left[node]:
                ends.append(node)
    return bool(left)
