"""Probes: for every site a request that stands just inside it and one that breaks it and nothing else.

The rule of this module: nothing leaves it unproven. An inside probe is valid in every part; an outside probe has
exactly one violation, which names the site and the place. What could not be proven is listed with the reason.
Nothing is left to chance: the same description gives the same probes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from assay.generate.cases import CaseMaker
from assay.generate.dials import DIALS
from assay.generate.edits import beyond, edge, too_large
from assay.generate.hosts import Host, Hosts, Near
from assay.generate.reached import stands, unions
from assay.generate.sites import roots, sites
from assay.generate.subjects import default_body, defaults, subject_of
from assay.schema.failures import value_at
from assay.schema.places import below
from assay.violation import Violation, place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from assay.generate.cases import Case
    from assay.generate.dials import Dials
    from assay.generate.reached import Path
    from assay.generate.sites import Root, Site, Spot
    from assay.generate.subjects import Subject
    from assay.messages import Request
    from assay.model import Api, Operation
    from assay.schema.check import Check, Schemas
    from assay.violation import Part, Verdict

    Judge = Callable[[Request], Verdict]

__all__ = ["Outcome", "Prober"]

_TRIED = 60  # values put in one place before a site is given up
_LATE = 1  # values tried for the site's own pointer once its union tells of it
_NO_HOST = "no valid request was found in which this schema judges anything"
_NO_EDGE = "no valid request was found in which this keyword judges anything"
_ADMITTED = "every value tried is valid: another reading, or the same keyword elsewhere, lets it through"
_TOO_LARGE = "only a value larger than any server must take breaks it"
_UNWRITTEN = "this part of the request cannot be written"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one site.

    ``inside`` holds the valid requests on its edges; ``outside`` the request that breaks it alone, and ``violation``
    what is then said: at the site's own pointer, or at that of a union which tells of it for all its branches.
    ``no_inside`` and ``no_outside`` say why there is none.
    """

    site: Site
    inside: tuple[Case, ...] = ()
    outside: Case | None = None
    violation: Violation | None = None
    no_inside: str = ""
    no_outside: str = ""

    @property
    def exact(self) -> bool:
        """Whether the violation names the very pointer of the site."""
        return self.violation is not None and self.violation.pointer == self.site.pointer


class Prober:
    """Builds and proves the probes of one operation."""

    def __init__(
        self, api: Api, schemas: Schemas, operation: Operation, dials: Dials = DIALS, *, judge: Judge | None = None
    ) -> None:
        self.sites = sites(api, schemas, operation)
        self._api = api
        self._schemas = schemas
        self._operation = operation
        self._dials = dials
        self._judge = judge
        self._made: list[Bench] = []

    @cached_property
    def maker(self) -> CaseMaker:
        """What makes requests of the operation; made when it is first needed, for it takes long."""
        return CaseMaker(self._schemas, self._operation)

    @cached_property
    def _roots(self) -> Iterator[Root]:
        return roots(self._schemas, self._operation) if self.maker.possible else iter(())

    def outcomes(self) -> tuple[Outcome, ...]:
        """What became of every site, in the order of :func:`sites`."""
        return tuple(self.outcome(site) for site in self.sites)

    def outcome(self, site: Site) -> Outcome:
        """Probe one site from both sides."""
        bench = self._bench(site)
        if bench is None:
            return self._outer(site)
        outside, violation, reason = bench.outside(site)
        inside = bench.inside(site)
        return Outcome(site, inside, outside, violation, bench.lacking(site) if not inside else "", reason)

    def inside(self) -> Iterator[tuple[Site, tuple[Case, ...]]]:
        """Yield the sites with the valid requests on their edges, each built when it is asked for."""
        for site in self.sites:
            bench = self._bench(site)
            yield site, self._outer(site).inside if bench is None else bench.inside(site)

    def outside(self, known: Callable[[Site], bool] = lambda _: False) -> Iterator[tuple[Site, Case]]:
        """Yield the sites with the request that breaks each alone, where there is one, built when it is asked for.

        Of sites that are ``known`` by then nothing is built.
        """
        for site in self.sites:
            if known(site):
                continue
            bench = self._bench(site)
            case = self._outer(site).outside if bench is None else bench.outside(site)[0]
            if case is not None:
                yield site, case

    def _bench(self, site: Site) -> Bench | None:
        """The bench of a site; None for what must be there at all, and for what cannot be written."""
        return next((bench for bench in self._benches() if bench.part == site.part and bench.has(site)), None)

    def _benches(self) -> Iterator[Bench]:
        """The benches of all roots, each made when it is first looked at."""
        yield from self._made
        for root in self._roots:
            subject = subject_of(self.maker, self._schemas, root, self._dials)
            if subject is not None:
                self._made.append(Bench(self._api, self._schemas, subject, self._judge))
                yield self._made[-1]

    def _outer(self, site: Site) -> Outcome:
        """A parameter or body that must be there; or a site of what cannot be written."""
        if site.spot is not None or not self.maker.possible:
            return Outcome(site, no_inside=_UNWRITTEN, no_outside=_UNWRITTEN)
        texts, body = defaults(self.maker, self._dials), default_body(self.maker, self._dials)
        at = place(site.part, site.path)
        inside = self.maker.case(f"{at}: present", texts, body, ())
        left = {
            name: text for name, text in texts.items() if site.keyword != "parameter-missing" or not _names(name, site)
        }
        body = None if site.keyword == "body-missing" else body
        outside = self.maker.case(f"{at}: missing", left, body, (), valid=False)
        if self._judge is not None:
            verdict = self._judge(outside.request)
            if [found.pointer for found in verdict.violations] != [site.pointer]:
                return Outcome(site, (inside,), no_outside=_others(verdict.violations))
        violation = Violation(site.rule, site.part, site.path, "one", "none", site.pointer)
        return Outcome(site, (inside,), outside, violation)


def _names(text: str, site: Site) -> bool:
    return text == f"{site.part}.{site.path[0]}"


class Bench:
    """The sites of one part of the request."""

    def __init__(self, api: Api, schemas: Schemas, subject: Subject, judge: Judge | None) -> None:
        self._api = api
        self._subject = subject
        self._judge = judge
        self._unions: dict[int, frozenset[str]] = {}
        self._kept: list[Host] = []
        self._schemas = schemas
        self._local: dict[str, Check] = {}
        self._hosts = Hosts(schemas, subject, self._clean)
        self.spots = self._hosts.spots
        self._hosts.begin(subject.seeds())

    def has(self, site: Site) -> bool:
        """Whether a site is one of this part."""
        return site.spot is not None and site.spot.place.reference in self.spots

    @property
    def part(self) -> Part:
        """The part of the request."""
        return self._subject.root.part

    def inside(self, site: Site) -> tuple[Case, ...]:
        """The valid requests on the edges of a site, none where it has no inside or none was found."""
        return tuple(self._inside(site, self._spot(site))) if "inside" in site.sides else ()

    def outside(self, site: Site) -> tuple[Case | None, Violation | None, str]:
        """The request that breaks a site alone with what is said of it; or the reason why there is none."""
        return self._outside(site, self._spot(site)) if "outside" in site.sides else (None, None, "")

    def lacking(self, site: Site) -> str:
        """Why a site has nothing inside; empty where it should have nothing."""
        if "inside" not in site.sides:
            return ""
        return _NO_HOST if self._hosts.host(self._spot(site)) is None else _NO_EDGE

    def _spot(self, site: Site) -> Spot:
        if site.spot is None:
            raise ValueError("this site is of no schema")
        return self.spots[site.spot.place.reference]

    def _inside(self, site: Site, spot: Spot) -> Iterator[Case]:
        if site.branch:
            spot = self.spots.get(below(spot.place.reference, site.keyword, site.name), spot)
        seen: set[bytes] = set()
        for host in self._bases(site, spot):
            parts: Sequence[Any] = [host.part]
            if not site.branch:
                parts = [*edge(site.keyword, spot.place.schema, host.part, Near(self._hosts, spot.place))]
            for part in parts:
                whole = self._subject.finish(host.put(part))
                if not self._reached(site, spot, whole, host.path):
                    continue
                case = self._subject.case(whole, self._label(site, host, "inside"), valid=True)
                if case.request.body in seen and case.request.body:
                    continue
                if self._judge is None or self._judge(case.request).ok:
                    seen.add(case.request.body)
                    yield case
            if seen:
                return

    def _reached(self, site: Site, spot: Spot, whole: Any, path: Path) -> bool:
        """Whether a whole value is valid, and the site judges a part of what its reader gets."""
        read = self._subject.admitted(whole)
        if read is None or not stands(read[0], path) or not site.applies(value_at(read[0], path)):
            return False
        return self._hosts.tracer.reaches(self._subject.root.place, read[0], path, spot.place.reference)

    def _outside(self, site: Site, spot: Spot) -> tuple[Case | None, Violation | None, str]:
        if too_large(site.keyword, spot.place.keyword(site.keyword)):
            return None, None, _TOO_LARGE
        near: tuple[Case, Violation] | None = None
        reason, late = _NO_HOST, 0
        for host, part in self._broken(site, spot):
            late += near is not None
            if late > _LATE:
                break
            violations = self._alone(site, spot, part) or self._subject.violations(host.put(part))
            if not violations:
                reason = _ADMITTED if reason == _NO_HOST else reason
                continue
            only, pointer = violations[0], self._api.shown(violations[0].pointer)
            told = pointer == site.pointer and only.rule == site.rule and _about(site, only)
            if len(violations) > 1 or not self._at(site, host, only) or not (told or self._shared(site, host, only)):
                reason = _others(violations) if reason in (_NO_HOST, _ADMITTED) else reason
                continue
            case = self._subject.case(host.put(part), self._label(site, host, "outside"), valid=False)
            said = replace(only, pointer=pointer)
            if told and self._confirmed(case, said):
                return case, said, ""
            near = near or (case, said)
        if near is not None and self._confirmed(*near):
            return *near, ""
        return None, None, reason

    def _alone(self, site: Site, spot: Spot, part: Any) -> tuple[Violation, ...] | None:
        """What the site's own schema says of a part, where that is not this site alone: no need to ask the whole.

        None where the part may do. A body in text form is asked whole, for what is read is not what was written.
        """
        if site.branch or site.keyword in ("anyOf", "oneOf", "false") or not self._subject.literal:
            return None
        found = self._local.get(spot.place.reference)
        if found is None:
            found = self._local[spot.place.reference] = self._schemas.check(spot.place.reference, "request")
        violations = found.explain(part, part=site.part, limit=2)
        if len(violations) == 1 and violations[0].rule == site.rule and _about(site, violations[0]):
            return None
        return violations or None

    def _broken(self, site: Site, spot: Spot) -> Iterator[tuple[Host, Any]]:
        """Hosts with a part that may break the site."""
        count = 0
        samples = Near(self._hosts, spot.place)
        if spot.parent is not None and (site.keyword == "false" or self._missing(spot)):
            yield from self._added(site, spot, spot.parent)
            return
        for host in self._bases(site, spot):
            for part in beyond(site.keyword, spot.place.schema, host.part, site.name, samples):
                yield host, part
                count += 1
                if count >= _TRIED:
                    return
            yield from ((host, part) for part in self._neighbours(site, spot))
        for host in self._hosts.conditioned(spot):
            yield from ((host, part) for part in self._neighbours(site, spot))
        for host in self._hosts.whole(spot) if site.keyword == "required" else ():
            if site.applies(host.part):
                parts = islice(beyond(site.keyword, spot.place.schema, host.part, site.name, samples), 1)
                yield from ((host, part) for part in parts)
        for host in self._accompanied(site, spot) if site.keyword == "required" else ():
            yield host, {name: part for name, part in host.part.items() if name != site.name}

    def _accompanied(self, site: Site, spot: Spot) -> Iterator[Host]:
        """The first host of a schema, with what others ask for once a property that this one requires is gone."""
        own = _union_of(spot)
        for host in islice(self._hosts.all(spot), 1):
            if not isinstance(host.part, dict) or not own:
                continue
            slim = host.put({name: part for name, part in host.part.items() if name != site.name})
            for violation in self._subject.violations(slim) or ():
                value = None if violation.pointer.startswith(own) else self._hosts.mended(host.value, violation, ())
                if value is not None:
                    yield Host(value, host.path)

    def _missing(self, spot: Spot) -> bool:
        """Whether this is the schema of a property that nothing which can be written keeps."""
        return spot.hop == "property" and self._hosts.host(spot) is None

    def _added(self, site: Site, spot: Spot, parent: Spot) -> Iterator[tuple[Host, Any]]:
        """Hosts of the schema around, with the property that this one refuses: as the other schemas want it."""
        values = self._hosts.wanted(spot)
        values += beyond(site.keyword, spot.place.schema, "a", site.name, Near(self._hosts, spot.place))
        for host in islice(self._hosts.all(parent), 1):
            if isinstance(host.part, dict):
                yield from ((host, {**host.part, spot.step: one}) for one in values)

    def _neighbours(self, site: Site, spot: Spot) -> Iterator[Any]:
        """What other schemas of the same place want: it breaks this one where they agree on the rest."""
        if site.keyword in ("enum", "const", "type", "not"):
            yield from self._hosts.wanted(spot)

    def _bases(self, site: Site, spot: Spot) -> Iterator[Host]:
        """The host of a schema, and the same with other values in the place."""
        yield from (host for host in self._hosts.all(spot) if site.applies(host.part))
        for host in islice(self._hosts.all(spot), 1):
            for sample in self._hosts.samples(spot.place):
                if not site.applies(sample) or sample == host.part:
                    continue
                whole = self._hosts.settled(host.put(sample), host.path)
                if whole is not None and stands(whole, host.path):
                    yield Host(whole, host.path)

    def _clean(self, value: Any) -> bool:
        if self._judge is None:
            return True
        return self._judge(self._subject.case(value, "", valid=True).request).ok

    def _confirmed(self, case: Case, violation: Violation) -> bool:
        """Whether the contract says the same of the whole request as the schema said of the part."""
        if self._judge is None:
            return True
        found = [v for v in self._judge(case.request).violations if v.severity == "violation"]
        return [(v.pointer, v.path) for v in found] == [(violation.pointer, violation.path)]

    def _at(self, site: Site, host: Host, violation: Violation) -> bool:
        """Whether a violation points at the place: the value itself, or the property of it that is too many."""
        path = (*self._subject.root.prefix, *host.path)
        spot = site.spot
        if spot is not None and (site.keyword == "false" or self._missing(spot)):
            path = (*path, spot.step)
        if site.keyword in ("additionalProperties", "unevaluatedProperties"):
            return violation.path[:-1] == path
        return violation.path == path

    def _shared(self, site: Site, host: Host, violation: Violation) -> bool:
        """Whether a violation tells of all branches of a union at once: at the union, or in words that fit each."""
        known = self._unions.get(id(host))
        if known is None:
            known = unions(self._hosts.tracer, self._subject.root.place, host.value, host.path)
            self._unions[id(host)] = known
            self._kept.append(host)  # an id means something only while its object lives
        if violation.pointer in known or self._in_branch(known, violation):
            return True
        return bool(known) and violation.rule == site.rule and _about(site, violation)

    def _in_branch(self, known: frozenset[str], violation: Violation) -> bool:
        """Whether a violation stands in a branch of a known union: the closest one tells why none admits the value."""
        here = self.spots.get(violation.pointer.rpartition("/")[0])
        while here is not None and here.parent is not None:
            if here.hop == "branch" and below(here.parent.place.reference, str(here.step)) in known:
                return True
            here = here.parent
        return False

    def _label(self, site: Site, host: Host, side: str) -> str:
        at = place(site.part, (*self._subject.root.prefix, *host.path))
        about = f' "{site.name}"' if site.keyword in ("required", "dependentRequired") else ""
        return f"{at}: just {side} {site.keyword}{about}"


def _union_of(spot: Spot) -> str:
    """The pointer of the union nearest around a schema; empty where there is none."""
    here: Spot | None = spot
    while here is not None and here.parent is not None:
        if here.hop == "branch":
            return below(here.parent.place.reference, str(here.step)) + "/"
        here = here.parent
    return ""


def _about(site: Site, violation: Violation) -> bool:
    return site.keyword not in ("required", "dependentRequired") or f'"{site.name}"' in violation.expected


def _others(violations: Sequence[Violation]) -> str:
    """Why a request that breaks a site is no probe of it: what the contract says instead."""
    told = sorted({violation.rule.removeprefix("schema/") for violation in violations})
    return (
        f"what breaks it is told as {', '.join(told)} elsewhere" if len(told) == 1 else f"it breaks {', '.join(told)}"
    )
