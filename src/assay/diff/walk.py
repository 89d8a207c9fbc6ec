"""The walk through two schemas at once: at each node the algebra's verdict, else the constraints one by one.

The rule of this module: what the accepting side admits and the refusing side does not is told once per constraint,
with a value that both judged; a node is passed by only where the algebra, or its parts, prove that nothing differs.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from jsonschema_rs import canonical as form

from assay.diff.branches import branches, fitting
from assay.diff.samples import Near, Samples, distinct, size
from assay.diff.sides import Node
from assay.generate.edits import beyond
from assay.generate.reached import stands
from assay.generate.sites import constraints
from assay.schema.failures import value_at
from assay.schema.places import below

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jsonschema_rs import CanonicalSchema

    from assay.diff.sides import Side
    from assay.schema.places import Place
    from assay.violation import Violation

__all__ = ["Found", "Result", "Undecided", "Walk"]

Path = tuple[str | int, ...]
_PAIRS = 6000  # pairs of nodes that one walk looks at
_TRIED = 60  # values tried against one constraint
_SWEPT = 12  # values made where nothing else decides
_BASES = 4
_OTHERS = 40  # further parts that are kept for one constraint
_FRESH = "otter"
_NAMED = ("required", "dependentRequired", "additionalProperties", "unevaluatedProperties", "false")
_HOW_MANY = {"minimum": 1, "exclusiveMinimum": 1, "minLength": 1, "minItems": 1, "minProperties": 1}
_AT_MOST = {"maximum": 1, "exclusiveMaximum": 1, "maxLength": 1, "maxItems": 1, "maxProperties": 1}


@dataclass(frozen=True, slots=True)
class Found:
    """One constraint that the refusing side has and the accepting side has not.

    ``value`` is a whole value of the node; ``violation`` what the refusing side says of it, with the path of the part
    from there; ``accepting`` the schemas that admit the part; ``others`` more parts that are refused for it.
    """

    value: Any
    violation: Violation
    accepting: tuple[str, ...]
    others: tuple[Any, ...] = ()

    @property
    def part(self) -> Any:
        """The part of the value that is refused; the place that lacks or holds a property, where that is the rule."""
        path = self.violation.path
        return value_at(self.value, path) if stands(self.value, path) else None

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is told once by."""
        rule = self.violation.rule.removeprefix("schema/")
        return (self.violation.pointer, rule, self.violation.expected if rule in _NAMED else "")


@dataclass(frozen=True, slots=True)
class Undecided:
    """A node of which neither a difference nor a proof was found: the schemas of both sides, and where it stands."""

    accepting: tuple[str, ...]
    refusing: tuple[str, ...]
    path: Path = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one pair of nodes. ``proved`` says that the refusing side admits all of the accepting one."""

    found: tuple[Found, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    proved: bool = False


_PROVED = Result(proved=True)


class Walk:
    """Compares in one direction: ``source`` accepts, ``target`` refuses."""

    def __init__(self, source: Side, target: Side, samples: Samples) -> None:
        self.source, self.target, self.samples = source, target, samples
        self._known: dict[tuple[Node, Node], Result] = {}
        self._open: set[tuple[Node, Node]] = set()
        self._covered: dict[tuple[Node, Node], bool] = {}

    def compare(self, s: Node, t: Node) -> Result:
        """Compare two nodes; a pair that is being compared already is taken for proved, as recursion ends there."""
        pair = (s, t)
        if pair in self._open:
            return _PROVED
        if pair not in self._known:
            if len(self._known) >= _PAIRS:
                return Result(undecided=(Undecided(s.judges, t.judges),))
            self._open.add(pair)
            try:
                self._known[pair] = self._compared(s, t)
            finally:
                self._open.discard(pair)
        return self._known[pair]

    def covers(self, s: Node, t: Node) -> bool:
        """Whether the algebra proves that the target admits everything that the source admits."""
        if (s, t) not in self._covered:
            self._covered[s, t] = self._covers(self.source.canonical(s), self.target.canonical(t), t)
        return self._covered[s, t]

    @staticmethod
    def _covers(one: CanonicalSchema | None, other: CanonicalSchema | None, t: Node) -> bool:
        if one is None or other is None:
            return not t.judges and not t.without
        try:
            return other.covers(one) is form.Containment.YES
        except form.CanonicalizationError:
            return False

    def _compared(self, s: Node, t: Node) -> Result:
        if self._one_branch_meant(s, t):
            return self._against_branches(s, t)
        if self.covers(s, t):
            return _PROVED
        if unions := self.source.unions(s):
            return self._by_branches(s, t, frozenset(union.name for union in unions))
        if self.target.unions(t):
            if split := self.source.by_type(s) or self.source.by_condition(s):
                return _merged([self.compare(one, t) for one in split])
            return self._against_branches(s, t)
        if split := self.source.by_condition(s):
            return _merged([self.compare(one, t) for one in split])
        return self._one_by_one(s, t)

    def _one_branch_meant(self, s: Node, t: Node) -> bool:
        """Whether tags choose among the target's branches, so that the whole union need not be asked at once."""
        return bool(not self.source.unions(s) and self.target.unions(t) and self.source.tags(s))

    # --- unions -----------------------------------------------------------------------------------------------------

    def _by_branches(self, s: Node, t: Node, names: frozenset[str]) -> Result:
        """The source's unions: each branch must be admitted."""
        results = [
            self.compare(self.source.branched(s, union, branch, names, alone=True), t)
            for union in self.source.unions(s)
            for branch in union.branches
        ]
        # One union is enough to prove it, since a value takes a branch of each.
        result = _merged(results)
        return replace(result, found=tuple(one for one in result.found if self.source.ok(s, one.value)))

    def _against_branches(self, s: Node, t: Node) -> Result:
        """The target's unions: one branch must admit what comes; what another branch admits is no difference."""
        unions = self.target.unions(t)
        names = frozenset(union.name for union in unions)
        results = []
        for union in unions:
            chosen = fitting(self, s, branches(self, s, t, union, names))
            if chosen is None:
                results.append(_PROVED)
                continue
            results += [self.compare(s, node) for node in chosen] or [self._no_branch(s, t)]
        found = [one for result in results for one in result.found if not self.target.ok(t, one.value)]
        result = replace(_merged(results), found=tuple(found))
        if result.found or result.proved:
            return result
        if self.covers(s, t):
            return _PROVED
        return result if result.undecided else self._swept(s, t)

    def _no_branch(self, s: Node, t: Node) -> Result:
        values = [value for value in self.samples.of(self.source.canonical(s)) if self._differs(s, t, value)]
        return Result(tuple(self._told(s, t, values[0])[:1])) if values else Result()

    # --- one node ---------------------------------------------------------------------------------------------------

    def _one_by_one(self, s: Node, t: Node) -> Result:
        bases = self._bases(s, t)
        found: dict[tuple[str, str, str], Found] = {}
        if not bases:
            values = [value for value in self.samples.of(self.source.canonical(s)) if self._differs(s, t, value)]
            _add(found, (one for value in values for one in self._told(s, t, value)))
            bases = values
            if found and self._foreign(s, t):
                return Result((next(iter(found.values())),))
        own = self._own(s, t, bases)
        _add(found, own.found)
        parts = [self._member(s, t, step, bases) for step in self._steps(s, t)]
        tests = self.target.conditions(t)
        settled = t.settled(frozenset(below(place.reference, "if") for place in tests))
        conditions = [self._conditional(s, settled, place) for place in tests]
        for result in (*parts, *conditions):
            _add(found, result.found)
        undecided = tuple(dict.fromkeys(one for result in (*parts, *conditions) for one in result.undecided))
        proved = own.proved and all(part.proved for part in (*parts, *conditions))
        if proved and not found:
            return _PROVED
        if found or undecided:
            return Result(tuple(found.values()), undecided)
        return self._swept(s, t)

    def _foreign(self, s: Node, t: Node) -> bool:
        """Whether both declare properties and share none: two things, of which one difference says enough."""
        mine, theirs = self.source.names(s).keys(), self.target.names(t).keys()
        return bool(mine) and bool(theirs) and not mine & theirs

    def _bases(self, s: Node, t: Node) -> list[Any]:
        """Values that both sides admit, of each type the simplest first."""
        shared = self.samples.shared(self.source.canonical(s), self.target.canonical(t))
        good = [value for value in shared if self.source.ok(s, value) and self.target.ok(t, value)]
        if good:
            return good
        more = [*self.samples.of(self.source.canonical(s)), *self.samples.of(self.target.canonical(t))]
        return [value for value in more if self.source.ok(s, value) and self.target.ok(t, value)]

    def _own(self, s: Node, t: Node, bases: list[Any]) -> Result:
        """The constraints that the target puts on the value itself, and on which names it may have."""
        found: dict[tuple[str, str, str], Found] = {}
        for value in self._proposed(s, t, bases):
            if self._differs(s, t, value):
                _add(found, self._told(s, t, value)[:1])
        proved = True
        for place in self.target.places(t):
            for keyword, pointer, name in constraints(place):
                if keyword in ("anyOf", "oneOf") or self._implied(s, place, keyword, name):
                    continue
                proved = False
                broken = self._broken(s, t, (place, keyword, pointer, name), bases)
                if broken is not None:
                    _add(found, [broken])
            # What no site stands for: neither keyword can be proved by its parts.
            proved = proved and not _unproven(place)
        return Result(tuple(found.values()), proved=proved)

    def _proposed(self, s: Node, t: Node, bases: list[Any]) -> Iterator[Any]:
        """Values that the source names or allows and the target may not: literals, types, declared properties."""
        yield from self.source.literals(s)
        yield from self.samples.of(self.source.canonical(s))
        if any(place.keyword("pattern") is not None for place in self.target.places(t)):
            yield from self.samples.longer(self.source.canonical(s))
        for base in [one for one in bases if isinstance(one, dict)][:1]:
            for name in self.source.names(s):
                if self._closed(t, name):
                    inner = self.samples.of(self.source.canonical(self.source.child(s, name)))
                    yield from ({**base, name: one} for one in inner[:2])

    def _closed(self, t: Node, name: str) -> bool:
        inner = self.target.child(t, name)
        return any(self.target.check(judge).places.at(judge).schema is False for judge in inner.judges)

    def _broken(self, s: Node, t: Node, site: tuple[Place, str, str, str], bases: list[Any]) -> Found | None:
        """A value that breaks one constraint of the target and that the source admits."""
        place, keyword, pointer, name = site
        near = Near(self.samples, self.target, place)
        fallback: Found | None = None
        for base in bases[:_BASES]:
            for value in islice(beyond(keyword, place.schema, base, name, near), _TRIED):
                if not self._differs(s, t, value):
                    continue
                told = self._told(s, t, value)
                mine = [one for one in told if one.violation.pointer == pointer]
                if name:
                    mine = [one for one in mine if f'"{name}"' in one.violation.expected] or mine
                if mine:
                    return mine[0]
                fallback = fallback or (told[0] if told else None)
        return fallback

    def _implied(self, s: Node, place: Place, keyword: str, name: str) -> bool:
        """Whether the source says the same, or more, in so many words."""
        mine = place.keyword(keyword)
        for other in self.source.places(s):
            theirs = other.keyword(keyword)
            if theirs is None or isinstance(theirs, bool) != isinstance(mine, bool):
                continue
            if keyword == "required" and name in theirs:
                return True
            if (keyword in _HOW_MANY and theirs >= mine) or (keyword in _AT_MOST and theirs <= mine):
                return True
            if keyword in ("additionalProperties", "unevaluatedProperties", "items"):
                if theirs is False and self.source.names(s).keys() <= place.named().keys():
                    return True
            elif theirs == mine and "'$ref'" not in repr(mine):
                return True
        return False

    def _differs(self, s: Node, t: Node, value: Any) -> bool:
        return self.source.ok(s, value) and not self.target.ok(t, value)

    def _told(self, s: Node, t: Node, value: Any) -> list[Found]:
        told = [Found(value, violation, s.judges) for violation in self.target.explain(t, value)]
        # A wrong type is told by the list of values beside it.
        listed = {one.violation.pointer.rpartition("/")[0] for one in told if one.key[1] in ("enum", "const")}
        return [one for one in told if one.key[1] != "type" or one.violation.pointer.rpartition("/")[0] not in listed]

    # --- members ----------------------------------------------------------------------------------------------------

    def _steps(self, s: Node, t: Node) -> Iterator[str | int]:
        """The members of which the target says anything; a name that nobody declares stands for all others."""
        names = self.source.names(s) | self.target.names(t)
        yield from names
        if self.target.open_ended(t):
            yield _FRESH
        prefix = max(self.source.prefix(s), self.target.prefix(t))
        if self.target.prefix(t) >= 0:
            yield from range(prefix + 1)

    def _member(self, s: Node, t: Node, step: str | int, bases: list[Any]) -> Result:
        inner_s, inner_t = self.source.child(s, step), self.target.child(t, step)
        if not inner_t.judges:
            return _PROVED
        if isinstance(step, str) and self._closed(t, step) and step not in self.target.names(t):
            return Result(proved=self.covers(inner_s, inner_t))
        inner = self.compare(inner_s, inner_t)
        found = [one for each in inner.found if (one := self._embedded(s, t, step, each, bases)) is not None]
        undecided = [replace(one, path=(step, *one.path)) for one in inner.undecided]
        return Result(tuple(found), tuple(undecided), inner.proved)

    def _embedded(self, s: Node, t: Node, step: str | int, inner: Found, bases: list[Any]) -> Found | None:
        """The difference of a member as one of the whole; None where no whole shows it."""
        path = (step, *inner.violation.path)
        for whole in self._wholes(s, step, inner.value, bases):
            if self._differs(s, t, whole):
                return replace(inner, value=whole, violation=replace(inner.violation, path=path))
        return None

    def _wholes(self, s: Node, step: str | int, value: Any, bases: list[Any]) -> Iterator[Any]:
        for base in bases:
            if isinstance(step, str) and isinstance(base, dict):
                yield {**base, step: value}
            if isinstance(step, int) and isinstance(base, list):
                rest = base if len(base) > step else [*base, *[value] * (step + 1 - len(base))]
                yield [*rest[:step], value, *rest[step + 1 :]]
        holding = self.samples.holding(self.source.canonical(s), step, value)
        yield from holding
        for base in [one for one in bases if isinstance(one, dict)][:1]:
            yield from ({**base, **one} for one in holding if isinstance(one, dict))

    # --- conditions -------------------------------------------------------------------------------------------------

    def _conditional(self, s: Node, settled: Node, place: Place) -> Result:
        """The sides of an ``if``: what counts there is what breaks the side that holds."""
        test = Node((below(place.reference, "if"),))
        found: list[Found] = []
        for keyword in ("then", "else"):
            if keyword not in place.schema:
                continue
            side = Node((below(place.reference, keyword),))
            holds = keyword == "then"
            here = (
                settled.narrowed((*test.judges, *side.judges)) if holds else settled.narrowed(side.judges, test.judges)
            )
            for one in self.compare(s, here).found:
                if self.target.ok(test, one.value) is holds and not self.target.ok(side, one.value):
                    found += self._at_side(s, side, one)
        return Result(tuple(found), proved=not found and self._condition_kept(s, place, test))

    def _at_side(self, s: Node, side: Node, one: Found) -> list[Found]:
        """A difference below a condition, told by what the side of the condition says of the value."""
        told = self._told(s, side, one.value)
        return [one] if one.key in {other.key for other in told} else told[:1]

    def _condition_kept(self, s: Node, place: Place, test: Node) -> bool:
        """Whether it is proved that what the source admits keeps a condition: its own does, or the algebra says so."""
        return all(
            self._side_kept(s, test, Node((below(place.reference, keyword),)), holds=keyword == "then")
            for keyword in ("then", "else")
            if keyword in place.schema
        )

    def _side_kept(self, s: Node, test: Node, side: Node, *, holds: bool) -> bool:
        admitted, tested, wanted = self.source.canonical(s), self.target.canonical(test), self.target.canonical(side)
        if admitted is None or tested is None or wanted is None:
            return False
        with suppress(form.CanonicalizationError):
            rest = admitted.intersect(tested) if holds else admitted.subtract(tested)
            if wanted.covers(rest) is form.Containment.YES:
                return True
        keyword = "then" if holds else "else"
        return any(
            self._same_test(tested, Node((below(other.reference, "if"),)))
            and self.compare(Node((below(other.reference, keyword),)), side).proved
            for other in self.source.places(s)
            if isinstance(other.schema, dict) and {"if", keyword} <= other.schema.keys()
        )

    def _same_test(self, tested: CanonicalSchema, other: Node) -> bool:
        theirs = self.source.canonical(other)
        if theirs is None:
            return False
        with suppress(form.CanonicalizationError):
            return tested.covers(theirs) is theirs.covers(tested) is form.Containment.YES
        return False

    # --- the last resort ----------------------------------------------------------------------------------------------

    def _swept(self, s: Node, t: Node) -> Result:
        """What the set has left over, then values as they come; undecided where none differs."""
        one, other = self.source.canonical(s), self.target.canonical(t)
        found: dict[tuple[str, str, str], Found] = {}
        for value in (*self.samples.left(one, other), *self.samples.many(one, _SWEPT)):
            if self._differs(s, t, value):
                _add(found, self._told(s, t, value)[:1])
        return Result(tuple(found.values())) if found else Result(undecided=(Undecided(s.judges, t.judges),))


def _unproven(place: Place) -> bool:
    return isinstance(place.schema, dict) and bool(
        place.schema.keys() & {"dependentSchemas", "unevaluatedProperties", "unevaluatedItems", "$dynamicRef"}
    )


def _add(found: dict[tuple[str, str, str], Found], more: Iterable[Found]) -> None:
    """Take each constraint once, with the shortest value that shows it; further parts that it refuses stand with it."""
    for one in more:
        known = found.get(one.key)
        if known is None:
            found[one.key] = one
            continue
        best = min(known, one, key=lambda each: size(each.value))
        others = distinct((*known.others, *one.others, known.part, one.part))
        found[one.key] = replace(best, others=tuple(other for other in others if other != best.part)[:_OTHERS])


def _merged(results: list[Result]) -> Result:
    found: dict[tuple[str, str, str], Found] = {}
    for result in results:
        _add(found, result.found)
    undecided = tuple(dict.fromkeys(one for result in results for one in result.undecided))
    return Result(tuple(found.values()), undecided, bool(results) and all(result.proved for result in results))
