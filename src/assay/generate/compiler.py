"""From canonical schemas to plans: one ``match`` over the views of ``jsonschema_rs``.

The rule of this module: what the canonical form states is built; what it leaves over (``oneOf``, ``allOf``, ``not``,
schemas it does not model) is built as nearly as its algebra can say and checked by a compiled validator.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jsonschema_rs
from jsonschema_rs import CanonicalSchema
from jsonschema_rs import canonical as form

from assay.generate.arrays import Array
from assay.generate.names import Names
from assay.generate.numbers import number
from assay.generate.objects import Combined, Members, Object
from assay.generate.plans import NOTHING, Anything, Checked, Choice, Merged, Plan, Supplied, Union
from assay.generate.strings import Facets, Text
from assay.generate.text import Lengths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from assay.generate.source import Source

    Maker = Callable[[Source], Any]

__all__ = ["Compiler", "declared", "resolved", "validator"]

_ANY = jsonschema_rs.canonicalize({})
# Keywords that say how other keywords were evaluated, and references whose target depends on the way taken.
_UNMODELED = ("unevaluatedProperties", "unevaluatedItems", "$dynamicRef", "$schema", "if", "then", "else")


def resolved(schema: CanonicalSchema) -> CanonicalSchema:
    """The schema that a chain of references leads to."""
    seen: set[CanonicalSchema] = set()
    while isinstance(view := schema.view(), form.ReferenceView) and schema not in seen:
        seen.add(schema)
        target = schema.definition(view.uri)
        if target is None:
            return schema
        schema = target
    return schema


def _objects(branches: Sequence[CanonicalSchema]) -> list[form.ObjectView] | None:
    """The views of branches that are all objects, nested ``allOf`` flattened; None where one is not."""
    found: list[form.ObjectView] = []
    for branch in branches:
        match resolved(branch).view():
            case form.ObjectView() as view:
                found.append(view)
            case form.AllOfView(inner) if (views := _objects(inner)) is not None:
                found += views
            case _:
                return None
    return found


def declared(schema: CanonicalSchema) -> frozenset[str]:
    """The names of the properties that an object schema declares, in any branch; empty for other schemas."""
    match resolved(schema).view():
        case form.ObjectView() as view:
            return frozenset(view.properties)
        case form.AllOfView(branches) | form.AnyOfView(branches) | form.OneOfView(branches):
            return frozenset(name for branch in branches for name in declared(branch))
    return frozenset()


def validator(schema: CanonicalSchema) -> Callable[[Any], bool]:
    """The compiled check of one canonical schema."""
    return checker(schema.to_json_schema())


def checker(schema: Any) -> Callable[[Any], bool]:
    """The compiled check of a JSON Schema 2020-12 document, formats asserted."""
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True, offline=True).is_valid


class Lazy:
    """A check that is compiled when it is first asked; a schema that does not compile alone admits everything.

    (A schema kept verbatim may refer to documents that only the whole description's check knows.)
    """

    __slots__ = ("_check", "_schema")

    def __init__(self, schema: CanonicalSchema) -> None:
        self._schema = schema
        self._check: Callable[[Any], bool] | None = None

    def __call__(self, value: Any) -> bool:
        """Ask."""
        if self._check is None:
            try:
                self._check = validator(self._schema)
            except (ValueError, jsonschema_rs.ReferencingError):
                self._check = lambda _value: True
        return self._check(value)


class Reference(Plan):
    """A plan that is known by name until it is compiled: the knot that ties recursion."""

    __slots__ = ("target",)

    def __init__(self) -> None:
        super().__init__()
        self.target: Plan = NOTHING

    def measure(self) -> float:
        """As high as its target."""
        return self.target.height

    def make(self, source: Source, depth: int) -> Any:
        """Make the target's value."""
        return self.target.make(source, depth)


class Compiler:
    """Compiles canonical schemas; plans are shared by equal schemas.

    ``supplies`` maps the names of properties of the root object to makers that take the schema's place, or to None
    where the property must stay away (a domain strategy adds it later). ``rates`` gives single properties of the
    root object a rate of their own.
    """

    def __init__(
        self, supplies: Mapping[str, Maker | None] | None = None, rates: Mapping[str, float] | None = None
    ) -> None:
        self._supplies = supplies or {}
        self._rates = rates or {}
        self._plans: dict[CanonicalSchema, Plan] = {}
        self._fresh: list[Plan] = []
        self._busy = False

    def root(self, schema: CanonicalSchema) -> Plan:
        """Compile the schema of a whole value, with what the domain supplies in its root object."""
        if not self._supplies and not self._rates:
            return self.plan(schema)
        outermost, self._busy = not self._busy, True
        plan = self._root(resolved(schema))
        self._fresh.append(plan)
        if outermost:
            self._busy = False
            self._settle()
        return plan

    def _root(self, schema: CanonicalSchema) -> Plan:
        match schema.view():
            case form.AnyOfView(branches) | form.OneOfView(branches):
                return Union([self.root(branch) for branch in branches])  # what is withheld could fail a check now
            case form.AllOfView(branches) if (found := self._combined(branches, root=True)) is not None:
                return found
        views = _objects([schema])
        return self.plan(schema) if views is None else self._object(schema, views, root=True)

    def plan(self, schema: CanonicalSchema) -> Plan:
        """Compile one schema, or return the plan that an equal schema already has."""
        known = self._plans.get(schema)
        if known is not None:
            return known
        outermost, self._busy = not self._busy, True
        knot = Reference()
        self._plans[schema] = knot
        plan = self._compile(schema)
        knot.target = plan
        self._fresh += [plan, knot]
        if not isinstance(plan, Reference):
            self._plans[schema] = plan
        if outermost:
            self._busy = False
            self._settle()
        return plan

    def _settle(self) -> None:
        """Raise no height, lower what can be lowered, until nothing changes: the least fixed point."""
        fresh, self._fresh = self._fresh, []
        changed = True
        while changed:
            changed = False
            for plan in fresh:
                height = plan.measure()
                if height < plan.height:
                    plan.height = height
                    changed = True
        more, self._fresh = self._fresh, []
        for plan in [*fresh, *more]:
            plan.settled()

    def _compile(self, schema: CanonicalSchema) -> Plan:  # noqa: C901, PLR0912  one match over every view is the point
        match schema.view():
            case form.TrueView():
                return Anything()
            case form.FalseView():
                return NOTHING
            case form.ConstView(value):
                return Choice((value,))
            case form.EnumView(values):
                return Choice(values)
            case form.MultiTypeView(types):
                return Anything(types)
            case form.TypedGroupView(_, body):
                return self._checked(schema, [self.plan(body)])
            case form.StringView() as view:
                return self._string(schema, view)
            case form.IntegerView() as view:
                return number(view, integral=True, ok=Lazy(schema))
            case form.NumberView() as view:
                return number(view, integral=False, ok=Lazy(schema))
            case form.ArrayView() as view:
                return self._array(schema, view)
            case form.ObjectView() as view:
                return self._object(schema, [view])
            case form.ReferenceView(uri):
                target = schema.definition(uri)
                return NOTHING if target is None else self.plan(target)
            case form.AnyOfView(branches):
                return Union([self.plan(branch) for branch in branches])
            case form.OneOfView(branches):
                return self._one_of(schema, branches)
            case form.AllOfView(branches):
                return self._all_of(schema, branches)
            case form.NotView(inner):
                return self._not(schema, inner)
            case form.RawView(raw):
                return self._raw(schema, raw)

    def _checked(self, schema: CanonicalSchema, parts: list[Plan]) -> Plan:
        return Checked(parts, Lazy(schema))

    def _string(self, schema: CanonicalSchema, view: form.StringView) -> Plan:
        facets = (view.patterns, view.excluded_patterns, view.formats, view.excluded_formats, view.excluded)
        if any(facets) or view.content_encodings or view.content_media_types:
            return Facets(view, Lazy(schema))
        return Text(Lengths(view.min_length or 0, view.max_length))

    def _array(self, schema: CanonicalSchema, view: form.ArrayView) -> Plan:
        bases: list[CanonicalSchema | None] = [*view.prefix_items, view.items]
        slots: dict[tuple[int, frozenset[int]], Plan] = {}

        def slot(position: int, kept: frozenset[int]) -> Plan:
            found = slots.get((position, kept))
            if found is None:
                found = slots[position, kept] = self._slot(bases[position], view.contains, kept)
            return found

        for position in range(len(bases)):
            slot(position, frozenset())
            for index in range(len(view.contains)):
                slot(position, frozenset({index}))
        loose = bool(view.contains) or view.distinctness is form.Distinctness.SOME_REPEATED
        return Array(view, slot, Lazy(schema) if loose else None)

    def _slot(self, base: CanonicalSchema | None, contains: list[form.ContainsView], kept: frozenset[int]) -> Plan:
        schema = base
        for index, need in enumerate(contains):
            try:
                if index in kept:
                    schema = need.schema if schema is None else schema.intersect(need.schema)
                elif need.max_contains is not None:
                    schema = need.schema.negate() if schema is None else schema.subtract(need.schema)
            except form.CanonicalizationError:
                continue
        return self.plan(_ANY if schema is None else schema)

    def _object(self, schema: CanonicalSchema, views: Sequence[form.ObjectView], *, root: bool = False) -> Plan:
        """An object that keeps every one of ``views``."""
        names = Names(self.plan, views)
        known = {name: names.value(name) for name in names.declared if names.allowed(name)}
        if root:
            known |= {name: Supplied(maker) for name, maker in self._supplies.items() if maker is not None}
            known = {name: plan for name, plan in known.items() if self._supplies.get(name, True) is not None}
        withheld = {name for name, maker in self._supplies.items() if maker is None} if root else set()
        wanted = dict.fromkeys(name for view in views for name in view.required if name not in withheld)
        required = {name: known.pop(name) if name in known else names.value(name) for name in wanted}
        breaks = tuple(names.breaks())
        members = Members(
            required=required,
            optional=known,
            other=names.other(),
            value=names.value,
            least=max(view.min_properties or 0 for view in views),
            most=min(math.inf if view.max_properties is None else view.max_properties for view in views),
            breaks=breaks,
            rates=self._rates if root else {},
            allowed=names.allowed,
        )
        return Object(members, Lazy(schema) if (breaks or names.loose) and not root else None)

    def _one_of(self, schema: CanonicalSchema, branches: list[CanonicalSchema]) -> Plan:
        plans = [self.plan(branch) for branch in branches]
        return Checked(plans, Lazy(schema), later=lambda: self._alone(branches))

    def _alone(self, branches: list[CanonicalSchema]) -> Iterable[Plan]:
        """Each branch without what the others admit, where algebra can say it."""
        for branch in branches:
            alone = branch
            try:
                for other in branches:
                    if other is not branch:
                        alone = alone.subtract(other)
            except form.CanonicalizationError:
                continue
            yield self.plan(alone)

    def _all_of(self, schema: CanonicalSchema, branches: list[CanonicalSchema]) -> Plan:
        views = _objects(branches)
        if views is not None:
            return self._checked(schema, [self._part(self._object(schema, views))])
        combined = self._combined(branches, root=False)
        if combined is not None:
            return self._checked(schema, [self._part(combined)])
        plans = [self.plan(branch) for branch in branches]
        return self._checked(schema, [self._part(Merged(plans)), *plans])

    def _combined(self, branches: Sequence[CanonicalSchema], *, root: bool) -> Plan | None:
        """Objects under conditions (``if`` and ``then``, or unions beside properties); None where it is not that."""
        fixed: list[form.ObjectView] = []
        alternatives: list[list[list[form.ObjectView]]] = []
        for branch in branches:
            views = _objects([branch])
            if views is not None:
                fixed += views
                continue
            view = resolved(branch).view()
            if not isinstance(view, form.AnyOfView | form.OneOfView):
                return None
            able = [found for part in view.branches if (found := _objects([part])) is not None]
            if not able:
                return None
            alternatives.append(able)
        if not fixed:
            return None
        base = self._part(self._object(_ANY, fixed, root=root))

        def build(picks: tuple[int, ...]) -> Plan:
            parts = [view for able, pick in zip(alternatives, picks, strict=True) for view in able[pick]]
            outermost, self._busy = not self._busy, True
            plan = self._part(self._object(_ANY, [*fixed, *parts], root=root))
            if outermost:
                self._busy = False
                self._settle()
            return plan

        return Combined(base, [len(able) for able in alternatives], build)

    def _part(self, plan: Plan) -> Plan:
        """Enlist a plan that belongs to no schema of its own."""
        self._fresh.append(plan)
        return plan

    def _not(self, schema: CanonicalSchema, inner: CanonicalSchema) -> Plan:
        parts: list[Plan] = [Anything()]
        try:
            negated = inner.negate()
        except form.CanonicalizationError:
            return self._checked(schema, parts)
        if not isinstance(negated.view(), form.NotView):
            parts.insert(0, self.plan(negated))
        return self._checked(schema, parts)

    def _raw(self, schema: CanonicalSchema, raw: Any) -> Plan:
        """A schema outside the model: what remains without the keywords it cannot model, and anything else."""
        parts: list[Plan] = [Anything()]
        if isinstance(raw, dict):
            rest = {keyword: part for keyword, part in raw.items() if keyword not in _UNMODELED}
            try:
                near = jsonschema_rs.canonicalize(rest, draft=jsonschema_rs.Draft202012, offline=True)
            except (ValueError, jsonschema_rs.ReferencingError):
                return self._checked(schema, parts)
            if not isinstance(near.view(), form.RawView):
                parts.insert(0, self.plan(near))
        return self._checked(schema, parts)
