"""The door of this room: ``Schemas`` compiles schemas by reference, a ``Check`` judges values and explains.

The rule of this module: ``Check.ok`` is the hot path and does nothing but ask the engine; everything that costs is
done when a schema is compiled (once, on first use) or when a value failed.
"""

from __future__ import annotations

import hashlib
import marshal
from typing import TYPE_CHECKING, Any, Literal

import orjson

from assay.errors import UsageError
from assay.schema import algebra, formats
from assay.schema.direction import for_direction
from assay.schema.engines import Engine, RustEngine
from assay.schema.explain import explain
from assay.schema.places import Places
from assay.violation import Violation, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jsonschema_rs import CanonicalSchema

    from assay.model import Shape
    from assay.schema.engines import Judge
    from assay.violation import Part

__all__ = ["DEEPEST", "Check", "Direction", "EngineName", "Schemas", "mark"]

Direction = Literal["request", "response"]
EngineName = Literal["rust", "reference"]

DEEPEST = 500
"""Levels of nesting that a value may have where its schema leads back to itself; JSON parsers stop near 1000."""

_MOST = 10  # violations of one value


class Check:
    """One compiled schema. ``ok(value)`` is the verdict on a JSON value as a parser gives it (keys are strings).

    A lone surrogate in a string counts as one character that equals no other. Nesting beyond ``DEEPEST`` levels is
    a violation where the schema is recursive, and not looked at where the schema does not reach.
    """

    __slots__ = ("_failures", "_is_valid", "_last", "ok", "places", "quick", "recursive", "reference")

    ok: Callable[[Any], bool]
    quick: Callable[[Any], bool]
    """The same for hot loops: raises ``ValueError`` where ``ok`` would have to look closely."""

    def __init__(self, reference: str, judge: Judge, places: Places, *, recursive: bool, native: bool) -> None:
        self.reference = reference
        self.places = places
        self.recursive = recursive
        self._is_valid, self._failures = judge
        self._last: tuple[bytes | None, list[Violation]] = None, []
        # The compiled engine itself refuses what it cannot take; the other one must not be given it.
        self.ok = self._careful if not native else self._ok_when_recursive() if recursive else self._ok_when_flat()
        self.quick = self._is_valid if native and not recursive else self.ok

    def explain(
        self, value: Any, *, part: Part, path: tuple[str | int, ...] = (), limit: int = _MOST
    ) -> tuple[Violation, ...]:
        """Say what is wrong with a value: at most ``limit`` violations, the most relevant first.

        ``part`` and ``path`` say where the value stands in the message. Empty only when ``ok(value)`` is True.
        """
        if self.recursive and _deeper_than(value, DEEPEST):
            return (self._too_deep(part, path),)
        value = _tame(value)
        try:
            found = self._explained(value, limit)
        except RecursionError:
            return (self._too_deep(part, path),)
        if not found and not self.ok(value):
            found = [
                Violation("schema/valid", part, (), "a value that the schema admits", describe(value), self.reference)
            ]
        return tuple(Violation(v.rule, part, path + v.path, v.expected, v.got, v.pointer, v.severity) for v in found)

    def _explained(self, value: Any, limit: int) -> list[Violation]:
        """The violations of a value, paths from the value on; those of the last one are remembered.

        A refused request is explained when it is judged, and once more when its answer is.
        """
        now = mark(value) if limit <= _MOST else None
        if now is None:
            return explain(self._failures(value), value, self.places, limit)
        last, known = self._last
        if now != last:
            known = explain(self._failures(value), value, self.places, _MOST)
            self._last = now, known
        return known[:limit]

    def _too_deep(self, part: Part, path: tuple[str | int, ...]) -> Violation:
        expected = f"a value nested at most {DEEPEST} levels deep"
        return Violation("schema/depth", part, path, expected, "one nested deeper", self.reference)

    def _ok_when_flat(self) -> Callable[[Any], bool]:
        is_valid, careful = self._is_valid, self._careful

        def ok(value: Any) -> bool:
            try:
                return is_valid(value)
            except ValueError:
                return careful(value)

        return ok

    def _ok_when_recursive(self) -> Callable[[Any], bool]:
        is_valid, careful, dumps = self._is_valid, self._careful, orjson.dumps

        def ok(value: Any) -> bool:
            # The engine recurses on the machine's stack and would overrun it. orjson stops at 254 levels, in a
            # fifth of the time of parsing; what it refuses (surrogates and large integers too) is looked at closely.
            try:
                dumps(value)
            except TypeError:
                return careful(value)
            try:
                return is_valid(value)
            except ValueError:
                return careful(value)

        return ok

    def _careful(self, value: Any) -> bool:
        if self.recursive and _deeper_than(value, DEEPEST):
            return False
        try:
            return self._is_valid(_tame(value))
        except RecursionError:
            return False


class Schemas:
    """The schemas of a set of documents, compiled on first use and kept.

    ``documents`` maps absolute URIs to JSON values in which every schema is JSON Schema 2020-12. Nothing outside
    them is ever fetched. ``engine`` is ``rust`` (jsonschema-rs) or ``reference`` (jsonschema).
    """

    def __init__(self, documents: Mapping[str, Any], *, engine: EngineName = "rust") -> None:
        if engine not in ("rust", "reference"):
            raise UsageError(f'no engine "{engine}"; there are "rust" and "reference"')
        self.places = Places(documents)
        self.engine: EngineName = engine
        self._engines: dict[Direction, tuple[Places, Engine]] = {}
        self._checks: dict[tuple[str, Places], Check] = {}
        self._shapes: dict[str, Shape] = {}

    def check(self, reference: str, direction: Direction = "response") -> Check:
        """Return the check of the schema at an absolute reference; raises ``DescriptionError`` with the pointer."""
        places, engine = self._engines.get(direction) or self._for(direction)
        found = self._checks.get((reference, places))
        if found is None:
            # Hundreds of responses name one schema (``$ref: Error``): it is compiled once.
            meant = places.meant(reference)
            found = self._checks.get((meant, places)) or _compile(meant, places, engine)
            # Two threads may compile the same schema at once; both get the one that was kept first.
            found = self._checks.setdefault((meant, places), found)
            self._checks[reference, places] = found
        return found

    def shape(self, reference: str) -> Shape:
        """Return what a text form must know of the schema at an absolute reference."""
        meant = self.places.meant(reference)
        found = self._shapes.get(meant)
        if found is None:
            found = self._shapes[meant] = algebra.shape(self.places, self.places.at(meant))
        return found

    def canonical(self, reference: str, direction: Direction = "response") -> CanonicalSchema:
        """Return the canonical form of a schema; needs jsonschema-rs, whichever the engine."""
        places, engine = self._for(direction)
        resources = engine.resources if isinstance(engine, RustEngine) else algebra.registry(places)
        return algebra.canonical(resources, reference)

    def unsatisfiable(self, reference: str) -> tuple[str, ...]:
        """Return the references of the subschemas below a schema that admit no value at all; needs jsonschema-rs."""
        places, engine = self._for("response")
        resources = engine.resources if isinstance(engine, RustEngine) else algebra.registry(places)
        return algebra.unsatisfiable(resources, places, reference)

    def admit_nothing(self, references: Iterable[str]) -> tuple[str, ...]:
        """Return the references of all subschemas that admit no value, in these schemas and all they lead to.

        ``references`` may be every schema reference of a description: what they share is looked at once.
        """
        starts = dict.fromkeys(start for reference in references for start in self.places.reach(reference).starts)
        return tuple(dict.fromkeys(found for start in starts for found in self.unsatisfiable(start)))

    def _for(self, direction: Direction) -> tuple[Places, Engine]:
        found = self._engines.get(direction)
        if found is None:
            other = self._engines.get("request" if direction == "response" else "response")
            documents = for_direction(self.places.documents, direction)
            if other is not None and other[0].documents is documents:
                return self._engines.setdefault(direction, other)
            places = Places(documents)
            engine: Engine = RustEngine(places) if self.engine == "rust" else _oracle(places)
            found = self._engines.setdefault(direction, (places, engine))
        return found


def _oracle(places: Places) -> Engine:
    from assay.schema.oracle import ReferenceEngine  # noqa: PLC0415  slow to import, and seldom asked for

    return ReferenceEngine(places)


def _compile(reference: str, places: Places, engine: Engine) -> Check:
    reach = places.reach(reference)
    asserted = frozenset(formats.ASSERTED)
    judge = engine.compile(reference, asserted if reach.opaque else asserted & reach.formats)
    native = isinstance(engine, RustEngine)
    return Check(reference, judge, places, recursive=reach.recursive or reach.opaque, native=native)


def mark(value: Any) -> bytes | None:
    """What tells a JSON value from all others, and shows nothing of it; None where that cannot be said."""
    try:
        return hashlib.blake2b(marshal.dumps(value, 2), digest_size=16).digest()
    except ValueError:
        return None


def _deeper_than(value: Any, levels: int) -> bool:
    # Counts the arrays and objects that stand in one another.
    row = [value]
    for _ in range(levels):
        row = [inner for outer in row for inner in _members(outer)]
        if not row:
            return False
    return any(isinstance(value, dict | list) for value in row)


def _members(value: Any) -> Any:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _tame(value: Any) -> Any:
    """Return the value, or a copy that an engine can take: no lone surrogates, at most ``DEEPEST`` levels.

    A pair of surrogates that a parser left apart becomes the one character it is, a lone one U+FFFD.
    """
    try:
        orjson.dumps(value)
    except TypeError:
        return _copied(value)
    return value


def _copied(value: Any) -> Any:
    # Level by level and not by recursion: Python's own stack is no deeper than the engine's.
    whole = [value]
    row: list[Any] = [whole]
    for _ in range(DEEPEST + 1):
        below: list[Any] = []
        for holder in row:
            for step, inner in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
                holder[step] = new = _shallow_copy(inner)
                if isinstance(new, dict | list):
                    below.append(new)
        row = below
    for holder in row:
        holder.clear()
    return whole[0]


def _shallow_copy(value: Any) -> Any:
    if isinstance(value, str):
        return _encodable(value)
    if isinstance(value, dict):
        return {_encodable(name): inner for name, inner in value.items()}
    return list(value) if isinstance(value, list) else value


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
