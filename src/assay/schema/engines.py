"""The engine of the verdict, ``jsonschema-rs``, brought to the face that both engines have.

The rule of this module: both engines judge by the same formats and patterns (``formats``), reach nothing outside the
documents they were given, and hand on their errors as ``Failure`` values. Which one judged cannot be seen from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, cast, overload

from assay.schema import formats
from assay.schema.algebra import BACKTRACKS, registry, rust
from assay.schema.disjoint import without_one_of
from assay.schema.failures import NOTHING, Failure, value_at
from assay.schema.places import Places, below, parts, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jsonschema_rs import Registry, Validator

    from assay.errors import DescriptionError

__all__ = ["MOST_FAILURES", "Engine", "Judge", "RustEngine"]

Judge = tuple["Callable[[Any], bool]", "Callable[[Any], list[Failure]]"]
"""A compiled schema: the verdict, and the failures of a value."""


MOST_FAILURES = 100
"""Failures that are looked at, of a value and of each branch of a union: a hostile value can have a million."""


_MANY_VALUES = 400
_BEGINNING = 20


class Engine(Protocol):
    """Compiles schemas."""

    def compile(self, reference: str, asserted: frozenset[str]) -> Judge:
        """Compile the schema at an absolute reference; ``asserted`` are the formats met there that are judged.

        Raises ``DescriptionError`` for what is no schema.
        """
        ...


class RustEngine:
    """``jsonschema-rs``."""

    __slots__ = ("_known", "_quick", "places", "resources")

    def __init__(self, places: Places) -> None:
        self.places = places
        self.resources: Registry = registry(places)
        self._quick: Registry | None = None
        self._known: dict[str, tuple[str, tuple[str, ...]]] = {}  # pointer -> its document and steps

    def compile(self, reference: str, asserted: frozenset[str]) -> Judge:
        """See ``Engine``.

        The verdict comes from schemas that were made quick; only what they refuse is shown to those that tell why.
        """
        verdict = self._compiled(reference, asserted, self._quicker(reference))
        made = [verdict] if self._quicker(reference) is self.resources else []

        def failures(value: Any) -> list[Failure]:
            if not made:
                made.append(self._compiled(reference, asserted, self.resources))
            return [self._failure(error, value) for error in islice(_errors(made[0], value), MOST_FAILURES)]

        return verdict.is_valid, failures

    def _compiled(self, reference: str, asserted: frozenset[str], resources: Registry) -> Validator:
        module = rust()
        try:
            made: Validator = module.Draft202012Validator(
                {"$ref": reference},
                registry=resources,
                validate_formats=bool(asserted),
                formats=_all_formats() if asserted else None,
                # The linear automaton runs whatever it can; only look-around and back-references step back.
                pattern_options=module.FancyRegexOptions(backtrack_limit=BACKTRACKS),
                offline=True,
            )
        except ValueError as error:
            if resources is not self.resources:
                return self._compiled(reference, asserted, self.resources)  # its refusal names the place as written
            raise self._refusal(error, reference) from None
        return made

    def _quicker(self, reference: str) -> Registry:
        """The resources for the verdict on a schema."""
        if "/oneOf/" in reference:
            return self.resources
        if self._quick is None:
            documents = without_one_of(self.places.documents)
            same = documents is self.places.documents
            self._quick = self.resources if same else registry(Places(documents))
        return self._quick

    def _failure(self, error: Any, value: Any) -> Failure:
        kind = error.kind
        pointer = error.absolute_keyword_location or ""
        if (known := self._known.get(pointer)) is None:
            known = self._known[pointer] = parts(pointer)
        uri, steps = known
        keyword = "false" if kind.name == "falseSchema" else (steps[-1] if steps else kind.name)
        if kind.name == "required" and keyword != "required" and len(steps) > 1:
            # Under dependentRequired the engine names the member that asks, by number or name.
            steps = steps[:-1]
            keyword, pointer = steps[-1], below(uri, *steps)
        path, names = _real_path(value, error.instance_path), _names(kind)
        if keyword == "false" and steps[-1:] == ("additionalProperties",) and steps[-2:-1] != ("properties",):
            # Where no property is declared at all, the engine refuses the object and names none of them.
            keyword, names = "additionalProperties", tuple(value_at(value, path))
        holder = pointer if keyword == "false" else pointer.rpartition("/")[0]
        return Failure(
            keyword=keyword,
            path=path,
            pointer=pointer,
            schema=self.places.find(holder) or NOTHING,
            names=names,
            branches=tuple(_Branch(self, branch[:MOST_FAILURES], value) for branch in getattr(kind, "context", ())),
        )

    def _refusal(self, error: Any, reference: str) -> DescriptionError:
        message, _, _ = str(error).partition("\n")
        steps = getattr(error, "instance_path", None) or []
        if not steps:
            return refused(message, reference)
        # The engine gives the steps, not the document: it is one that has such a place.
        uris = [reference.partition("#")[0], *self.places.documents]
        uri = next((uri for uri in uris if self.places.find(below(uri, *steps))), uris[0])
        return refused(f"not a schema: {message}", below(uri, *steps))


class _Branch(Sequence[Failure]):
    """The failures of one branch of a union, brought to their form when asked for: of most branches nobody asks."""

    __slots__ = ("_engine", "_errors", "_made", "_value")

    def __init__(self, engine: RustEngine, errors: list[Any], value: Any) -> None:
        self._engine = engine
        self._errors = errors
        self._value = value
        self._made: tuple[Failure, ...] | None = None

    def __len__(self) -> int:
        return len(self._errors)

    @overload
    def __getitem__(self, index: int) -> Failure: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Failure, ...]: ...
    def __getitem__(self, index: int | slice) -> Failure | tuple[Failure, ...]:
        if self._made is None:
            self._made = tuple(self._engine._failure(error, self._value) for error in self._errors)  # noqa: SLF001  it makes them
        return self._made[index]


def _errors(validator: Any, value: Any) -> Iterable[Any]:
    """Return the errors of a value; of a large one those in the beginnings of its arrays, or else the first.

    The engine finds all errors before it gives one, in time that grows with the square of their number.
    """
    if not _is_large(value):
        return cast("Iterable[Any]", validator.iter_errors(value))
    short = _shortened(value)
    if not _is_large(short) and not validator.is_valid(short):
        return cast("Iterable[Any]", validator.iter_errors(short))
    try:
        validator.validate(value)
    except ValueError as error:
        return (error,)
    return ()


def _is_large(value: Any) -> bool:
    waiting, seen = [value], 0
    while waiting and seen <= _MANY_VALUES:
        here = waiting.pop()
        seen += 1
        if isinstance(here, dict):
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)
    return seen > _MANY_VALUES


def _shortened(value: Any) -> Any:
    # Level by level: a value may be nested deeper than Python's stack is.
    whole = [value]
    row: list[Any] = [whole]
    while row:
        below_it: list[Any] = []
        for holder in row:
            for step, inner in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
                if isinstance(inner, dict | list):
                    holder[step] = new = dict(inner) if isinstance(inner, dict) else inner[:_BEGINNING]
                    below_it.append(new)
        row = below_it
    return whole[0]


def _real_path(value: Any, steps: list[str | int]) -> tuple[str | int, ...]:
    """Give back to property names that read like numbers (``"50256"``, ``"007"``) the text that the engine took."""
    path: list[str | int] = []
    for given in steps:
        step = given
        if isinstance(given, int) and isinstance(value, dict):
            names = (name for name in value if name.lstrip("+").isdecimal() and int(name) == given)
            step = str(given) if str(given) in value else next(names, str(given))
        path.append(step)
        value = value[step]
    return tuple(path)


def _names(kind: Any) -> tuple[str, ...]:
    match kind.name:
        case "required":
            return (kind.property,)
        case "additionalProperties" | "unevaluatedProperties" | "unevaluatedItems":
            return tuple(kind.unexpected)
        case "propertyNames":
            return (str(kind.error.instance),)
        case _:
            return ()


def _all_formats() -> dict[str, Callable[[str], bool]]:
    """Return every format the engine knows by itself, each with our judgement."""
    return {**dict.fromkeys((*formats.NOT_ASSERTED, *_BUILT_IN), _accept), **formats.ASSERTED}


# Formats of JSON Schema 2020-12 that jsonschema-rs judges unless told otherwise, beyond those in the tables.
_BUILT_IN = (
    "idn-email",
    "idn-hostname",
    "iri-reference",
    "json-pointer",
    "relative-json-pointer",
    "uri-template",
)


def _accept(_: str) -> bool:
    return True
