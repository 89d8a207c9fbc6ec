"""Which branch of a failed union was meant: the one whose failures a message should show.

The rule of this module: it never decides a verdict. It looks for evidence in this order: the tag (a property to which
the branches give different constants, a ``discriminator`` naming it), the JSON type, then the failures themselves:
those at the root of the branch first, then how many, then how deep.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from assay.schema.algebra import json_type, types
from assay.schema.failures import Failure, value_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from assay.schema.places import Place, Places

__all__ = ["closest", "listed", "named_types"]

_SHOWN_OPTIONS = 8
_LONGEST_OPTION = 48
_UNIONS = ("anyOf", "oneOf")
# A failure of these says that the value has another form, wherever it stands.
_TELLING = ("const", *_UNIONS)
_DEEPEST_UNION = 3
_ARTICLES = {"array": "an array", "integer": "an integer", "object": "an object", "null": "null"}
_TYPE_ORDER = ("string", "integer", "number", "boolean", "array", "object", "null")

Tags = dict[str, dict[str, Any]]
"""Property name to the constants that it may have, each under its JSON text."""


def closest(failure: Failure, instance: Any, places: Places) -> list[Failure]:
    """Return the failures to show for one failure: those of the closest branch of a union, else the failure itself."""
    if failure.keyword not in _UNIONS or not failure.branches:
        return [failure]
    if accepting := [number for number, branch in enumerate(failure.branches) if not branch]:
        return [_ambiguous(failure, accepting)]
    return _Union(failure, instance, places).explained()


def _ambiguous(failure: Failure, accepting: list[int]) -> Failure:
    branches = failure.schema.branches(failure.keyword)
    names = [_branch_name(branches[number], number) for number in accepting if number < len(branches)]
    expected = (
        f"exactly one of {len(failure.branches)} forms, not {len(accepting)} of them at once ({', '.join(names)})"
    )
    return _told(failure, expected)


def _branch_name(branch: Place, number: int) -> str:
    reference, title = branch.keyword("$ref"), branch.keyword("title")
    if isinstance(reference, str):
        return reference.rpartition("/")[2]
    return title if isinstance(title, str) else f"number {number + 1}"


class _Union:
    """One failed union with the value that it refused."""

    __slots__ = ("branches", "failure", "instance", "places", "value")

    def __init__(self, failure: Failure, instance: Any, places: Places) -> None:
        self.failure = failure
        self.instance = instance
        self.places = places
        self.value = value_at(instance, failure.path)
        self.branches = failure.schema.branches(failure.keyword)

    def explained(self) -> list[Failure]:
        """Return the failures of the closest branch."""
        if len(self.branches) != len(self.failure.branches):
            return [self.failure]
        candidates = [n for n in range(len(self.branches)) if self._admits_type(n)]
        if not candidates:
            return [_told(self.failure, named_types(self._all_types()) or "another type")]
        if isinstance(self.value, dict):
            candidates, unknown = self._by_tag(candidates)
            if unknown is not None:
                return [unknown]
        elif (options := self._options(candidates)) is not None:
            return [options]
        explained = {number: self._inside(number) for number in candidates}
        best = min(candidates, key=lambda number: self._distance(explained[number], number))
        return explained[best]

    def _admits_type(self, number: int) -> bool:
        known = types(self.places, self.branches[number])
        name = json_type(self.value)
        return not known or name in known or (name == "number" and "integer" in known)

    def _all_types(self) -> frozenset[str]:
        return frozenset[str]().union(*(types(self.places, branch) for branch in self.branches))

    def _by_tag(self, candidates: list[int]) -> tuple[list[int], Failure | None]:
        """Narrow the branches by the value's tag; the failure is set when the tag names none of them."""
        if (mapped := self._mapped()) is not None and mapped in candidates:
            return [mapped], None
        tags = {number: tags_of(self.places, self.branches[number]) for number in candidates}
        name = self._tag_name(tags)
        if name is None or name not in self.value:
            return candidates, None
        given = json_text(self.value[name])
        chosen = [number for number in candidates if given in tags[number].get(name, {})]
        if chosen:
            return chosen, None
        untagged = [number for number in candidates if name not in tags[number]]
        if untagged:
            return untagged, None
        options = {text: option for number in candidates for text, option in tags[number][name].items()}
        path = (*self.failure.path, name)
        return candidates, Failure(
            self.failure.keyword, path, self.failure.pointer, self.failure.schema, expected=listed(options.values())
        )

    def _mapped(self) -> int | None:
        """Return the branch to which the discriminator's mapping, or the name of a schema, leads."""
        discriminator = self.failure.schema.keyword("discriminator")
        if not isinstance(discriminator, dict):
            return None
        given = self.value.get(discriminator.get("propertyName"))
        mapping = discriminator.get("mapping")
        if not isinstance(given, str) or not isinstance(mapping, dict) or given not in mapping:
            return None
        wanted = mapping[given]
        for number, branch in enumerate(self.branches):
            reference = branch.keyword("$ref")
            if isinstance(reference, str) and wanted in (reference, reference.rpartition("/")[2]):
                return number
        return None

    def _tag_name(self, tags: Mapping[int, Tags]) -> str | None:
        """Return the property that tells the branches apart: the discriminator's, else the one telling most apart."""
        discriminator = self.failure.schema.keyword("discriminator")
        if isinstance(discriminator, dict) and isinstance(name := discriminator.get("propertyName"), str):
            return name
        best, most = None, 1
        for name in {name: None for branch in tags.values() for name in branch}:
            kinds = len({frozenset(branch[name]) for branch in tags.values() if name in branch})
            known = name in self.value and any(json_text(self.value[name]) in b.get(name, {}) for b in tags.values())
            if kinds + known > most:
                best, most = name, kinds + known
        return best

    def _options(self, candidates: list[int]) -> Failure | None:
        """Return one failure for branches that each want one of some constants, or None when there are others."""
        options: dict[str, Any] = {}
        for number in candidates:
            constants = _constants(self.places, self.branches[number])
            if constants is None:
                return None
            options.update(constants)
        return _told(self.failure, listed(options.values()))

    def _inside(self, number: int) -> list[Failure]:
        found: list[Failure] = []
        for failure in self.failure.branches[number]:
            found.extend(closest(failure, self.instance, self.places))
        return found

    def _distance(self, found: list[Failure], number: int) -> tuple[int, int, int, int]:
        """Order the branches: strangers among the value's properties and failures that tell of another form first."""
        depth = len(self.failure.path)
        foreign = sum(len(failure.path) == depth or failure.keyword in _TELLING for failure in found)
        deepest = max((len(failure.path) for failure in found), default=0)
        return self._strangers(number) + foreign, len(found), -deepest, number

    def _strangers(self, number: int) -> int:
        """Count the properties of the value of which a branch knows nothing."""
        known = property_names(self.places, self.branches[number])
        return sum(name not in known for name in self.value) if known and isinstance(self.value, dict) else 0


def _told(failure: Failure, expected: str) -> Failure:
    return Failure(failure.keyword, failure.path, failure.pointer, failure.schema, expected=expected)


def tags_of(places: Places, branch: Place) -> Tags:
    """Return the properties of an object schema that have constants; a union has those of all its branches."""
    key = ("tags", branch.reference)
    if key not in places.kept:
        places.kept[key] = _tags_of(places, branch, frozenset())
    kept: Tags = places.kept[key]
    return kept


def _tags_of(places: Places, branch: Place, seen: frozenset[str]) -> Tags:
    if branch.reference in seen:
        return {}
    seen |= {branch.reference}
    tags: Tags = {}
    for here in places.same_value(branch):
        for name, inner in here.named().items():
            constants = _constants(places, inner)
            if constants is not None:
                tags.setdefault(name, constants)
        for keyword in _UNIONS:
            inner_tags = [_tags_of(places, inner, seen) for inner in here.branches(keyword)]
            for name in inner_tags[0] if inner_tags else ():
                if all(name in other for other in inner_tags):
                    merged = {text: option for other in inner_tags for text, option in other[name].items()}
                    tags.setdefault(name, merged)
    return tags


def _constants(places: Places, place: Place, depth: int = 0) -> dict[str, Any] | None:
    """Return the constants that a schema admits, by their JSON text, or None when it admits others."""
    for here in places.same_value(place):
        if (value := here.keyword("const", ...)) is not ...:
            return {json_text(value): value}
        if isinstance(values := here.keyword("enum"), list):
            return {json_text(value): value for value in values}
        if here.keyword("type") == "null":
            return {"null": None}
        for keyword in _UNIONS:
            branches = here.branches(keyword) if depth < _DEEPEST_UNION else ()
            inner = [_constants(places, branch, depth + 1) for branch in branches]
            found = [constants for constants in inner if constants is not None]
            if found and len(found) == len(inner):
                return {text: option for constants in found for text, option in constants.items()}
    return None


def property_names(places: Places, place: Place) -> frozenset[str]:
    """Return the names of all properties that a schema, or any branch of it, declares."""
    key = ("names", place.reference)
    if key not in places.kept:
        places.kept[key] = _property_names(places, place, frozenset())
    kept: frozenset[str] = places.kept[key]
    return kept


def _property_names(places: Places, place: Place, seen: frozenset[str]) -> frozenset[str]:
    if place.reference in seen:
        return frozenset()
    seen |= {place.reference}
    names: frozenset[str] = frozenset()
    for here in places.same_value(place):
        names |= here.named().keys()
        for keyword in _UNIONS:
            for branch in here.branches(keyword):
                names |= _property_names(places, branch, seen)
    return names


def json_text(value: Any) -> str:
    """Write a JSON value in the one form by which constants are compared."""
    return json.dumps(value, sort_keys=True, default=str)


def listed(options: Iterable[Any]) -> str:
    """Write the options of a description for people, at most eight of them."""
    texts = [json.dumps(option, ensure_ascii=False) for option in options]
    texts = [text if len(text) <= _LONGEST_OPTION else f"{text[:_LONGEST_OPTION]}..." for text in texts]
    if len(texts) == 1:
        return texts[0]
    more = len(texts) - _SHOWN_OPTIONS
    shown = ", ".join(texts[:_SHOWN_OPTIONS])
    return f"one of {shown}" if more <= 0 else f"one of {shown} or {more} more"


def named_types(names: Iterable[str]) -> str:
    """Write JSON types for people: ``a string or null``."""
    texts = [_ARTICLES.get(name, f"a {name}") for name in sorted(set(names), key=_TYPE_ORDER.index)]
    return " or ".join(texts) if len(texts) < 3 else f"{', '.join(texts[:-1])} or {texts[-1]}"  # noqa: PLR2004  a list
