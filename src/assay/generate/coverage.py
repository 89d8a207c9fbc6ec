"""Contract coverage: which sites a stream of judged requests has tried from inside, from outside, and from both.

The rule of this module: pure counting. Whatever the stream is (a run against a server, a client's tests, a day of
traffic), the same code counts it, and counts of parts add up to the counts of the whole.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.generate.reached import Path, Tracer, stands
from assay.generate.sites import Root, Site, roots, sites
from assay.schema.failures import value_at
from assay.wire.forms import read_form
from assay.wire.json_text import parse_json
from assay.wire.media import is_json, select
from assay.wire.multipart import Multipart, read_multipart
from assay.wire.problem import Problem
from assay.wire.routing import Router
from assay.wire.styles import Reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from assay.generate.probes import Outcome
    from assay.messages import Request
    from assay.model import Api, Operation
    from assay.schema.check import Schemas
    from assay.violation import Verdict, Violation

__all__ = ["Counts", "Key", "Observer", "Share", "Universe", "key", "share"]

Key = tuple[str, str, str, str, str]
"""Operation, part, pointer, keyword, name: what tells sites apart, and can be written down and read again."""


def key(site: Site) -> Key:
    """What tells a site from all others."""
    return site.operation, site.part, site.pointer, site.keyword, site.name


@dataclass(slots=True)
class Counts:
    """How often each site was tried from inside (in a valid request) and from outside.

    ``+`` merges two counts into a third, ``add`` another into this one.
    """

    inside: Counter[Key] = field(default_factory=Counter)
    outside: Counter[Key] = field(default_factory=Counter)
    requests: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.inside + other.inside, self.outside + other.outside, self.requests + other.requests)

    def add(self, other: Counts) -> None:
        """Count another's requests too."""
        self.inside.update(other.inside)
        self.outside.update(other.outside)
        self.requests += other.requests


@dataclass(frozen=True, slots=True)
class Universe:
    """The sides of sites that can be reached at all, each a set of keys."""

    inside: frozenset[Key]
    outside: frozenset[Key]

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> Universe:
        """What the probes of an operation, or of several, could reach."""
        known = list(outcomes)
        return cls(
            frozenset(key(one.site) for one in known if one.inside),
            frozenset(key(one.site) for one in known if one.outside is not None),
        )

    @classmethod
    def named(cls, found: Iterable[Site]) -> Universe:
        """Every side that some sites have, whether a probe reaches it or not."""
        known = list(found)
        return cls(
            frozenset(key(site) for site in known if "inside" in site.sides),
            frozenset(key(site) for site in known if "outside" in site.sides),
        )

    def __or__(self, other: Universe) -> Universe:
        return Universe(self.inside | other.inside, self.outside | other.outside)


@dataclass(frozen=True, slots=True)
class Share:
    """Contract coverage: sites tried from ``inside``, ``outside`` and ``both``, each with how many can be."""

    inside: tuple[int, int]
    outside: tuple[int, int]
    both: tuple[int, int]

    @property
    def complete(self) -> bool:
        """Whether everything that can be reached was."""
        return all(done == every for done, every in (self.inside, self.outside, self.both))


def share(universe: Universe, counts: Counts) -> Share:
    """How much of a universe some counts cover."""
    inside = universe.inside & counts.inside.keys()
    outside = universe.outside & counts.outside.keys()
    able = universe.inside & universe.outside
    return Share(
        (len(inside), len(universe.inside)),
        (len(outside), len(universe.outside)),
        (len(inside & outside & able), len(able)),
    )


class Observer:
    """Counts requests with the contract's verdicts on them. Sites of an operation are enumerated when it is first met.

    ``told`` maps pointers under which a union tells of its branches to the sites meant, as the probes found out.
    """

    def __init__(self, api: Api, schemas: Schemas, outcomes: Iterable[Outcome] = ()) -> None:
        self._api = api
        self._schemas = schemas
        self._router = Router(api.operations)
        self._lenses: dict[str, _Lens] = {}
        self._told: dict[tuple[str, str, Path, str], list[Key]] = {}
        for one in outcomes:
            if one.violation is not None and not one.exact:
                self._told.setdefault(_mark(one.site.operation, one.violation), []).append(key(one.site))

    def observe(self, request: Request, verdict: Verdict) -> Counts:
        """Count one request; an empty count for what belongs to no operation."""
        route = self._router.find(request.method, request.target)
        operation = route.operation
        if operation is None:
            return Counts()
        lens = self._lenses.get(operation.id)
        if lens is None:
            lens = self._lenses[operation.id] = _Lens(self._api, self._schemas, operation)
        if verdict.ok:
            return Counts(inside=Counter(lens.inside(request, route.path_values)), requests=1)
        return Counts(outside=Counter(self._outside(lens, verdict)), requests=1)

    def observe_all(self, pairs: Iterable[tuple[Request, Verdict]]) -> Counts:
        """Count a stream of requests with their verdicts."""
        total = Counts()
        for request, verdict in pairs:
            total.add(self.observe(request, verdict))
        return total

    def _outside(self, lens: _Lens, verdict: Verdict) -> set[Key]:
        found: set[Key] = set()
        for violation in verdict.violations:
            found |= {key(site) for site in lens.broken(violation)}
            found.update(self._told.get(_mark(lens.operation.id, violation), ()))
        return found


class _Lens:
    """The sites of one operation, and how its requests are read."""

    def __init__(self, api: Api, schemas: Schemas, operation: Operation) -> None:
        self.operation = operation
        self._by_place: dict[str, list[Site]] = {}
        self._by_pointer: dict[str, list[Site]] = {}
        self._outer: list[Site] = []
        for site in sites(api, schemas, operation):
            self._by_pointer.setdefault(site.pointer, []).append(site)
            if site.spot is None:
                self._outer.append(site)
            else:
                self._by_place.setdefault(site.spot.place.reference, []).append(site)
        self._roots = [(root, Tracer(schemas, root.places)) for root in roots(schemas, operation)]
        self._schemas = schemas
        shapes = {p.schema: schemas.shape(p.schema) for p in operation.parameters if p.schema is not None}
        self._reader = Reader(operation.parameters, shapes)

    def inside(self, request: Request, path_values: Mapping[str, str]) -> set[Key]:
        """The sites that a valid request keeps."""
        present = {(root.part, root.prefix) for root, _ in self._values(request, path_values)}
        found = {key(site) for site in self._outer if (site.part, site.path) in present or site.part == "body"}
        for root, value in self._values(request, path_values):
            tracer = next(tracer for known, tracer in self._roots if known is root)
            for place, path in tracer.reached(root.place, value):
                part = value_at(value, path)
                for site in self._by_place.get(place.reference, ()):
                    if site.part == root.part and site.applies(part) and self._chosen(tracer, site, part):
                        found.add(key(site))
        return found

    def broken(self, violation: Violation) -> Iterator[Site]:
        """The sites that a violation names."""
        for site in self._by_pointer.get(violation.pointer, ()):
            same = (site.rule, site.part) == (violation.rule, violation.part) and not site.branch
            if same and (site.keyword not in ("required", "dependentRequired") or site.name == _asked(violation)):
                yield site

    @staticmethod
    def _chosen(tracer: Tracer, site: Site, part: Any) -> bool:
        """Whether a value is in this branch, where the site is one."""
        if not site.branch or site.spot is None:
            return True
        return tracer.admits(site.spot.place.child(site.keyword, int(site.name)), part)

    def _values(self, request: Request, path_values: Mapping[str, str]) -> Iterator[tuple[Root, Any]]:
        """The parts of a request as values, each in the first reading that its schema admits."""
        query = request.target.partition("#")[0].partition("?")[2]
        for reading in self._reader.read(path_values, query, request.headers).values:
            for root, tracer in self._roots:
                if reading.present and root.parameter is reading.parameter:
                    yield from ((root, value) for value in _admitted(root, tracer, reading.candidates))
        contents = self.operation.body.contents if self.operation.body else ()
        content = select(contents, request.headers.content_type) if request.body else None
        for root, tracer in self._roots if content is not None else ():
            if root.part == "body" and content is not None and root.media_type == content.media_type:
                yield from ((root, value) for value in _admitted(root, tracer, self._read(root, content, request)))

    def _read(self, root: Root, content: Any, request: Request) -> tuple[Any, ...]:
        kind = (request.headers.content_type or "").partition(";")[0].strip().lower()
        if is_json(kind):
            value = parse_json(request.body)
            return () if isinstance(value, Problem) else (value,)
        shape = self._schemas.shape(root.place.reference)
        if kind == "multipart/form-data":
            read = read_multipart(request.body, request.headers.content_type or "", shape, content.encoding)
            return read.candidates if isinstance(read, Multipart) else ()
        form = read_form(request.body, shape, content.encoding) if kind.endswith("urlencoded") else ()
        return () if isinstance(form, Problem) else form


def _admitted(root: Root, tracer: Tracer, candidates: Iterable[Any]) -> list[Any]:
    return [value for value in candidates if stands(value, ()) and tracer.admits(root.place, value)][:1]


def _mark(operation: str, violation: Violation) -> tuple[str, str, Path, str]:
    """What tells one message from another: its place, with 0 for any item, and what it asks for."""
    path = tuple(0 if isinstance(step, int) else step for step in violation.path)
    return operation, violation.pointer, path, _asked(violation)


def _asked(violation: Violation) -> str:
    """The property that a violation misses, as its message names it; empty where it misses none."""
    if violation.rule not in ("schema/required", "schema/dependentRequired"):
        return ""
    return violation.expected.removeprefix('the property "').removesuffix('"')
