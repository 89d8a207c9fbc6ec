"""Hosts: for every schema of an operation, a valid value in which that schema judges something.

The rule of this module: a host is grown from the host of the schema before it on the way from the root, by as small a
graft as will do, and is proven twice: the whole is valid, and the schema is reached at the named place.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from jsonschema_rs import canonical as form

from assay.errors import DescriptionError
from assay.generate.compiler import Compiler, resolved
from assay.generate.fixed import GaveUp, made
from assay.generate.pared import Parer, replaced
from assay.generate.reached import Path, Tracer, stands
from assay.generate.sites import APPLIES, spots
from assay.schema.algebra import inline
from assay.schema.failures import value_at
from assay.schema.places import below, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from assay.generate.plans import Plan
    from assay.generate.sites import Spot
    from assay.generate.subjects import Subject
    from assay.schema.check import Schemas
    from assay.schema.places import Place
    from assay.violation import Violation

__all__ = ["Host", "Hosts", "Near"]

_NUMBERS = (1, 2, 3)  # values of one schema that are tried after the simplest, with more in them
_TRIES, _HOSTS, _MENDS = 24, 4, 6
_SWEEPS = 2
_LARGE = 400  # characters; a larger host is worth the time that it takes to pare it member by member
_NOTHING = object()
_ANYTHING: tuple[Any, ...] = ("a", 1, True, {}, [])
# A schema that names no type, and means objects or arrays by what it says of them.
_OF_OBJECTS = frozenset({"properties", "required", "dependentRequired"})
_MEANT = {
    _OF_OBJECTS: inline({"type": "object"}),
    frozenset({"items", "contains", "minItems", "maxItems"}): inline({"type": "array"}),
    frozenset({"minimum", "maximum"}): inline({"type": "integer"}),
    frozenset({"minLength", "maxLength", "pattern"}): inline({"type": "string"}),
}
_STRINGS = ("minLength", "maxLength", "pattern", "format")


@dataclass(frozen=True, slots=True)
class Host:
    """A valid value of a root, and the path to the part that a schema judges."""

    value: Any
    path: Path

    @property
    def part(self) -> Any:
        """The part that is judged."""
        return value_at(self.value, self.path)

    def put(self, part: Any) -> Any:
        """The whole with another part in its place."""
        return replaced(self.value, self.path, part)


class Hosts:
    """The hosts of one subject. ``clean`` is the verdict of all rules on a whole value that its schema admits.

    A host that no rule objects to is preferred; one to which only rules object is good enough to break the schema.
    """

    def __init__(self, schemas: Schemas, subject: Subject, clean: Callable[[Any], bool]) -> None:
        self.root = subject.root
        self.spots = {spot.place.reference: spot for spot in spots(subject.root)}
        self.tracer = Tracer(schemas, subject.root.places)
        self.clean = clean
        self._violations = subject.violations
        self._ok = subject.ok
        self._finish = subject.finish
        self._admitted = subject.admitted
        self._schemas = schemas
        self._dials = replace(subject.dials, hostile=0.0)
        self._compiler = Compiler()
        self._parer = Parer(subject, clean)
        self._known: dict[str, list[Host]] = {}
        self._ready: dict[str, list[Host]] = {}
        self._grew: set[str] = set()
        self._samples: dict[str, list[Any]] = {}

    def begin(self, seeds: Iterable[Any]) -> None:
        """Take seeds for hosts of all that they reach; the first few that reach a schema are its hosts."""
        # The smallest first, since a probe that finds something is read by people.
        ordered = sorted(seeds, key=lambda seed: len(repr(seed)))
        self._parer.plain = next(iter(ordered), None)
        for seed in ordered:
            read = self._admitted(seed)  # an empty array, say, leaves no trace in a form
            for place, path in () if read is None else self.tracer.reached(self.root.place, read[0]):
                known = self._known.setdefault(place.reference, [])
                new = stands(seed, path) and not any(other.value is seed for other in known)
                if new and len(known) < _HOSTS:
                    known.append(Host(seed, path))

    def host(self, spot: Spot) -> Host | None:
        """The first host of a schema, or None where none was found."""
        return next(iter(self.all(spot)), None)

    def all(self, spot: Spot) -> Iterator[Host]:
        """Yield the hosts of a schema, each pared down: the one that is grown, or a few that the seeds gave."""
        reference = spot.place.reference
        if reference not in self._grew and not any(
            _meant(spot.place, one.part) for one in self._known.get(reference, ())
        ):
            self._grew.add(reference)  # also while it is being looked for
            grown = self._grown(spot)
            self._known.setdefault(reference, []).extend([] if grown is None else [grown])
        known, ready = self._known.get(reference, []), self._ready.setdefault(reference, [])
        for number, host in enumerate(known):
            if number == len(ready):
                ready.append(self._pared(host, reference))
            if not any(ready[number].value == other.value for other in ready[:number]):
                yield ready[number]

    def whole(self, spot: Spot) -> list[Host]:
        """The hosts of a schema as they came, for what breaks too much in a host that holds nothing else."""
        return self._known.get(spot.place.reference, [])

    def _pared(self, host: Host, reference: str) -> Host:
        """The smallest version of a host in which the schema still judges the place."""

        def judged(value: Any, path: Path) -> bool:
            read = self._admitted(value)
            if read is None or not stands(value, path) or not stands(read[0], path):
                return False
            return self.tracer.reaches(self.root.place, read[0], path, reference)

        value, path = host.value, host.path
        for value, path in self._parer.versions(host.value, host.path):
            if value is host.value or judged(value, path):
                break
        for _ in range(_SWEEPS):  # one member may be needed only by another that goes later
            if len(repr(value)) > _LARGE:
                value, path = self._parer.smaller(value, path, judged)
        return Host(value, path)

    def _grown(self, spot: Spot) -> Host | None:
        found = None
        for whole, path in self._candidates(spot):
            there = self._found(whole, path, spot.place.reference)
            if there is None:
                continue
            host = Host(whole, there)
            if _meant(spot.place, host.part) and self.clean(whole):
                return host
            found = found or host
        return found

    def _candidates(self, spot: Spot) -> Iterator[tuple[Any, Path]]:
        """Yield wholes that the root admits, each with the path of what ``spot`` may judge in it."""
        if spot.parent is None:
            return
        # What was pared away may be just what lets something grow.
        for parent in [*self.all(spot.parent), *self._known.get(spot.parent.place.reference, ())]:
            for path, part in islice(self._grafts(spot, parent), _TRIES):
                whole = self.settled(replaced(parent.value, path[: len(parent.path)], part), path)
                if whole is not None:
                    yield whole, path
        # A member that must agree with its siblings changes with them.
        member = spot
        while member.hop not in ("property", "item", "root") and member.parent is not None:
            member = member.parent
        for holder in islice(self.all(member.parent), 1) if member.parent is not None else ():
            for sample in self.samples(member.parent.place) if member.parent is not None else ():
                whole = self.settled(holder.put(sample), holder.path)
                if whole is not None:
                    yield whole, (*holder.path, member.step)

    def _found(self, whole: Any, path: Path, reference: str) -> Path | None:
        """Where a schema judges a finished value: at a path, or one item further, where something was put before it."""
        at = next((number for number, step in enumerate(path) if isinstance(step, int)), len(path))
        moved = (*path[:at], *(step + 1 for step in path[at : at + 1] if isinstance(step, int)), *path[at + 1 :])
        read = self._admitted(whole)
        if read is None:
            return None
        for there in dict.fromkeys((path, moved)):
            if stands(read[0], there) and self.tracer.reaches(self.root.place, read[0], there, reference):
                return there if stands(whole, there) else None
        return None

    def settled(self, value: Any, kept: Path) -> Any:
        """The value, mended where other schemas ask for more because of what stands at ``kept``; None if it cannot."""
        for _ in range(_MENDS):
            violations = self._violations(value)
            if not violations:
                return None if violations is None else self._finish(value)
            changed = value
            for violation in violations:
                changed = self.mended(changed, violation, kept)
            if changed is None or changed == value:
                return None
            value = changed
        return self._finish(value) if self._ok(value) else None

    def mended(self, value: Any, violation: Violation, kept: Path) -> Any:
        """The value without one violation, which is mended anywhere but on the way to ``kept``."""
        path = violation.path[len(self.root.prefix) :]
        uri, steps = parts(violation.pointer)
        place = self.root.places.find(below(uri, *steps[:-1]))
        if value is None or place is None:
            return value
        if not stands(value, path):
            return value
        part = value_at(value, path)
        if violation.rule in ("schema/required", "schema/dependentRequired") and isinstance(part, dict):
            missing = [name for name in self._asked(place, steps[-1], part) if f'"{name}"' in violation.expected]
            added = {name: one for name in missing if (one := self._property(place, path, name)) is not _NOTHING}
            return replaced(value, path, {**part, **added})
        if path == kept[: len(path)]:
            return value
        options = [one for one in self.samples(place) if one != part]
        return replaced(value, path, options[0]) if options else value

    @staticmethod
    def _asked(place: Place, keyword: str, part: dict[str, Any]) -> list[str]:
        asked = place.keyword(keyword)
        if isinstance(asked, dict):
            asked = [name for trigger, names in asked.items() if trigger in part for name in names]
        return [name for name in asked or () if name not in part]

    def _property(self, place: Place, path: Path, name: str) -> Any:
        """A value for a property that is asked for: of the schema that asks, or else of another for the same place."""
        declared = place.step("properties")
        named = declared.step(name) if declared is not None else None
        wanted = (*(0 if isinstance(step, int) else step for step in path), name)
        others = (spot.place for spot in self.spots.values() if spot.path == wanted)
        for one in (*others, *([named] if named is not None else ())):
            made_of = self.samples(one)
            if made_of:
                return made_of[0]
        return _NOTHING

    def _grafts(self, spot: Spot, parent: Host) -> Iterator[tuple[Path, Any]]:
        """Changes of the part that the parent judges, each with the path of what ``spot`` would judge."""
        old, path = parent.part, parent.path
        match spot.hop:
            case "property":
                if isinstance(old, dict) and spot.step in old:
                    yield (*path, spot.step), old
                for name in self._property_names(spot):
                    before = [] if spot.parent is None else self.samples(spot.parent.place)
                    yield from (((*path, name), one) for one in before if isinstance(one, dict) and name in one)
                    yield from (((*path, name), {**base, name: one}) for base, one in self._pairs(spot, old, dict))
            case "item" if isinstance(spot.step, int):
                inner, step = (*path, spot.step), spot.step
                for base, one in self._pairs(spot, old, list):
                    yield inner, [*base[:step], one, *base[step + 1 :]]
                    yield inner, [one] * (step + 1)
                    yield inner, [one] * max(step + 1, len(base))
            case "then" | "else":
                yield path, old
                yield from ((path, part) for part in self._conditional(spot, old))
            case "dependent":
                for base in self._merged(spot.place, old):
                    if isinstance(base, dict):
                        yield from ((path, {**base, spot.step: one}) for one in _ANYTHING)
            case _:
                yield path, old
                yield from ((path, part) for part in self._exchanged(spot, old))
                yield from ((path, part) for part in self._merged(spot.place, old))

    def _exchanged(self, spot: Spot, old: Any) -> Iterator[Any]:
        """Values of one branch in the place of another's: what any branch requires goes, the rest stays."""
        if spot.hop != "branch" or spot.parent is None:
            return
        branches = spot.parent.place.branches(str(spot.step))
        asked = {name for branch in branches for name in branch.keyword("required") or ()}
        rest = {name: part for name, part in old.items() if name not in asked} if isinstance(old, dict) else {}
        mine = set(spot.place.keyword("required") or ())
        for one in (*self.samples(spot.place), *self.samples(spot.parent.place)):
            if isinstance(one, dict) and mine <= one.keys():
                yield {**rest, **one}
                yield one

    def _property_names(self, spot: Spot) -> list[Any]:
        """The name of a property; where none is declared, names that ``propertyNames`` admits."""
        holder = spot.parent.place if spot.parent is not None else spot.place
        names = holder.step("propertyNames")
        if spot.step in (holder.keyword("properties") or ()) or names is None:
            return [spot.step]
        return [one for one in self.samples(names) if isinstance(one, str)][:3]

    def _pairs(self, spot: Spot, old: Any, kind: type) -> Iterator[tuple[Any, Any]]:
        """Values of the schema before, and values of this one, the first of both first."""
        before = (
            [] if spot.parent is None else [one for one in self.samples(spot.parent.place) if isinstance(one, kind)]
        )
        bases = [old] if isinstance(old, kind) else []
        for base in [*bases, *before, kind()]:
            for one in self._fitting(spot):
                yield base, one

    def wanted(self, spot: Spot) -> list[Any]:
        """Values of the other schemas that judge the place of one, their choices and bounds included."""
        others = [other.place for other in self.spots.values() if other.path == spot.path and other is not spot]
        bounds = [bound for other in others if (bound := other.keyword("maximum")) is not None]
        return [*(one for other in others for one in other.keyword("enum") or self.samples(other)), *bounds]

    def _fitting(self, spot: Spot) -> list[Any]:
        """Values of a schema, and of the others that judge the same place: a schema may say half of what is wanted."""
        own = self.samples(spot.place)
        others = (other.place for other in self.spots.values() if other.path == spot.path and other is not spot)
        return [*own[:1], *(one for other in islice(others, 3) for one in self.samples(other)), *own[1:]]

    def _merged(self, place: Place, old: Any) -> Iterator[Any]:
        for one in self.samples(place):
            yield one
            if isinstance(one, dict) and isinstance(old, dict):
                yield {**old, **one}
                yield {**one, **old}

    def _conditional(self, spot: Spot, old: Any) -> Iterator[Any]:
        parent = spot.parent.place if spot.parent is not None else spot.place
        if spot.hop == "then":
            if isinstance(old, dict):
                for agreed in self._agreed(parent.child("if"), spot.path):
                    yield {**old, **agreed}
                    yield from ({**one, **agreed} for one in self.samples(parent) if isinstance(one, dict))
            for part in self._merged(parent.child("if"), old):
                yield part
                yield from self._merged(spot.place, part)
        yield from self._merged(spot.place, old)

    def _agreed(self, condition: Place, path: Path) -> Iterator[dict[Any, Any]]:
        """Yield the properties that a condition names, with values that the schemas of the same place take too.

        The likeliest come first; in the version after that are others, for an empty list leaves no trace in a form.
        """
        asked: dict[Any, Place | None] = dict.fromkeys(condition.keyword("required") or ())
        asked.update(condition.named())
        options = {name: self._options(wanted, (*path, name)) for name, wanted in asked.items()}
        yield {name: known[0] for name, known in options.items() if known}
        if any(len(known) > 1 for known in options.values()):
            yield {name: known[-1] for name, known in options.items() if known}

    def _options(self, wanted: Place | None, path: Path) -> list[Any]:
        """Values of one property that a condition, where it says something of it, and other schemas take."""
        others = [spot.place for spot in self.spots.values() if spot.path == path and spot.hop == "property"]
        known = [one for other in others for one in (*(other.keyword("enum") or ()), *self.samples(other))]
        if wanted is None:
            return known
        fitting = [one for one in known if self.tracer.admits(wanted, one)]
        asked = (*self.samples(wanted), *(wanted.keyword("enum") or ()))
        return [*(one for one in asked if all(self.tracer.admits(other, one) for other in others)), *fitting]

    def conditioned(self, spot: Spot) -> Iterator[Host]:
        """Yield the first host of a schema that judges on a condition, under each value that the condition names."""
        host, around = self.host(spot), spot
        while around.parent is not None and around.hop != "then":
            around = around.parent
        if host is None or around.parent is None:
            return
        for name, wanted in around.parent.place.child("if").named().items():
            path = (*host.path[: len(around.path)], name)
            for one in wanted.keyword("enum") or ():
                whole = self.settled(replaced(host.value, path, one), host.path) if stands(host.value, path) else None
                if whole is not None:
                    yield Host(whole, host.path)

    def samples(self, place: Place) -> list[Any]:
        """Some values of a schema, the simplest first."""
        if place.reference not in self._samples:
            self._samples[place.reference] = []
            try:
                canonical = resolved(self._schemas.canonical(place.reference, "request"))
            except (DescriptionError, form.CanonicalizationError):
                return []
            plans = [self._compiler.plan(canonical)]
            match canonical.view():
                case form.AnyOfView(branches) | form.OneOfView(branches):
                    plans += [self._compiler.plan(branch) for branch in branches]
            for keywords, typed in _MEANT.items():
                if isinstance(place.schema, dict) and keywords & place.schema.keys():
                    with suppress(form.CanonicalizationError):
                        plans.insert(0, self._compiler.plan(canonical.intersect(typed)))
            made_of = self._values(plans)
            if isinstance(place.schema, dict) and place.schema.keys() & _OF_OBJECTS:
                made_of.sort(key=lambda value: not isinstance(value, dict))
            self._samples[place.reference] = made_of
        return self._samples[place.reference]

    def text(self, schema: dict[str, Any]) -> Iterator[Any]:
        """Yield strings of a schema that is written on the spot and has keywords of strings only."""
        leaf = {"type": "string"} | {name: schema[name] for name in _STRINGS if name in schema}
        try:
            plan = self._compiler.plan(inline(leaf))
        except (ValueError, form.CanonicalizationError):
            return
        yield from self._values([plan])

    def _values(self, plans: list[Plan]) -> list[Any]:
        """The simplest value of each plan, then others of the first."""
        first, *others = plans
        found: dict[str, Any] = {}
        for plan, number in ((first, 0), *((other, 0) for other in others), *((first, number) for number in _NUMBERS)):
            if plan.height == math.inf:
                continue
            with suppress(GaveUp):
                value = made(plan, self._dials, number)
                found.setdefault(repr(value), value)
        return list(found.values())


def _meant(place: Place, part: Any) -> bool:
    """Whether a part is of a type that some keyword of a schema is about; a schema that says nothing of types is."""
    said = (
        [APPLIES[keyword] for keyword in place.schema if keyword in APPLIES] if isinstance(place.schema, dict) else []
    )
    return not said or any(isinstance(part, one) for one in said)


@dataclass(frozen=True, slots=True)
class Near:
    """Values of schemas near one schema."""

    hosts: Hosts
    place: Place

    def text(self, schema: dict[str, Any]) -> Iterator[Any]:
        """Yield strings of a schema that is written on the spot."""
        return self.hosts.text(schema)

    def below(self, *steps: str | int) -> list[Any]:
        """Some values of the schema so many steps below; none where there is none."""
        place: Place | None = self.place
        for step in steps:
            place = place.step(step) if place is not None else None
        return [] if place is None else self.hosts.samples(place)
