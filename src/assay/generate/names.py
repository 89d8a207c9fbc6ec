"""Property names: which are allowed, how to make new ones, and which schemas apply to a name.

The rule of this module: a pattern is matched by the same engine that gives the verdict, never by Python's ``re``.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import jsonschema_rs
from jsonschema_rs import canonical as form

from assay.generate.objects import Break
from assay.generate.plans import Checked, Choice, Plan, Union
from assay.generate.text import Lengths, fit, words
from assay.schema.algebra import inline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jsonschema_rs import CanonicalSchema

    from assay.generate.source import Source

    Planner = Callable[[CanonicalSchema], Plan]

__all__ = ["Names"]

_LONGEST = 20
# Forms with and without asserted formats do not mix.
_STRINGS = (inline({"type": "string"}), jsonschema_rs.canonicalize({"type": "string"}))
_ANY = jsonschema_rs.canonicalize({})


class NewName(Plan):
    """A readable name that nobody declared."""

    __slots__ = ("_taken",)

    def __init__(self, taken: frozenset[str]) -> None:
        super().__init__(0.0)
        self._taken = taken

    def make(self, source: Source, depth: int) -> str:  # noqa: ARG002
        """Make words; a number makes them new."""
        name = fit(words(source), Lengths(0, _LONGEST)).replace(" ", "_")
        return f"{name}_{source.below(100)}" if name in self._taken else name


class Names:
    """The names of one object that keeps one view or several at once.

    ``planner`` compiles a schema. ``loose`` is True where the algebra could not join what applies to a name, so that
    a check must follow.
    """

    def __init__(self, planner: Planner, views: Sequence[form.ObjectView]) -> None:
        self._planner = planner
        self._views = [_View(view) for view in views]
        self._plans: dict[tuple[str | None, frozenset[str]], Plan] = {}
        self.declared = tuple(dict.fromkeys(name for view in self._views for name in view.declared))
        self.loose = False

    def allowed(self, name: str) -> bool:
        """Whether ``propertyNames`` admits the name."""
        return all(view.allowed(name) for view in self._views)

    def value(self, name: str) -> Plan:
        """The plan of a property's value: all schemas that apply to its name."""
        hit = frozenset(pattern for view in self._views for pattern in view.hit(name))
        key = (name if name in self.declared else None, hit)
        if key not in self._plans:
            self._plans[key] = self._joined(self._applying(name))
        return self._plans[key]

    def _applying(self, name: str) -> list[CanonicalSchema]:
        return [schema for view in self._views for schema in view.applying(name)]

    def _joined(self, schemas: list[CanonicalSchema], refused: CanonicalSchema | None = None) -> Plan:
        joined = schemas[0] if schemas else _ANY
        try:
            for schema in schemas[1:]:
                joined = joined.intersect(schema)
            if refused is not None:
                joined = joined.subtract(refused)
        except form.CanonicalizationError:
            self.loose = True
            joined = schemas[0] if schemas else joined
        return self._planner(joined)

    def other(self) -> Plan | None:
        """The plan of names that are not declared, or None where there can be none."""
        sources: list[Plan] = []
        for view in self._views:
            if view.rule is not None:
                return self._planner(view.rule)
            sources += [self._pattern_names(pattern) for pattern in view.patterns]
        if not any(view.closed for view in self._views):
            sources.append(NewName(frozenset(self.declared)))
        return _either(sources) if sources else None

    def breaks(self) -> Iterator[Break]:
        """The properties that must exist because something must fail."""
        for violation in [violation for view in self._views for violation in view.violations]:
            match violation:
                case form.NameFailsView(schema):
                    yield Break(self._failing_names(schema), self.value)
                case form.UndeclaredValueFailsView(names, patterns, additional):
                    yield Break(self._outside(names, patterns), self._refusing(additional))
                case form.PatternValueFailsView(pattern, schema):
                    yield Break(self._inside(pattern), self._refusing(schema))

    def _refusing(self, schema: CanonicalSchema) -> Callable[[str], Plan]:
        return lambda name: self._joined(self._applying(name), refused=schema)

    def _failing_names(self, schema: CanonicalSchema) -> Plan:
        for strings in _STRINGS:
            with suppress(form.CanonicalizationError):
                return self._planner(strings.subtract(schema))
        self.loose = True
        return NewName(frozenset())

    def _inside(self, pattern: str) -> Plan:
        matches = _check({"pattern": pattern})
        known = [name for name in self.declared if matches(name) and self.allowed(name)]
        fresh = _filtered([self._pattern_names(pattern)], self.allowed)
        return _either([Choice(known), fresh]) if known else fresh

    def _outside(self, names: list[str], patterns: list[str]) -> Plan:
        checks = [_check({"pattern": pattern}) for pattern in patterns]

        def ok(name: str) -> bool:
            return name not in names and not any(check(name) for check in checks) and self.allowed(name)

        rules = [self._planner(view.rule) for view in self._views if view.rule is not None]
        known = [name for name in self.declared if ok(name)]
        return _filtered([*([Choice(known)] if known else []), NewName(frozenset(names)), *rules], ok)

    def _pattern_names(self, pattern: str) -> Plan:
        return self._planner(jsonschema_rs.canonicalize({"type": "string", "pattern": pattern}))


class _View:
    """What one object view says of names."""

    __slots__ = ("_additional", "_rule_check", "closed", "declared", "patterns", "rule", "violations")

    def __init__(self, view: form.ObjectView) -> None:
        self.declared = view.properties
        self.patterns = {
            pattern: (_check({"pattern": pattern}), schema) for pattern, schema in view.pattern_properties.items()
        }
        self.rule = view.property_names
        self.violations = view.violations
        self._rule_check = None if self.rule is None else _check(self.rule.to_json_schema())
        self._additional = view.additional_properties
        self.closed = self._additional is not None and isinstance(self._additional.view(), form.FalseView)

    def allowed(self, name: str) -> bool:
        """Whether the view's ``propertyNames`` admits the name."""
        return self._rule_check is None or self._rule_check(name)

    def hit(self, name: str) -> list[str]:
        """The patterns that the name matches."""
        return [pattern for pattern, (matches, _) in self.patterns.items() if matches(name)]

    def applying(self, name: str) -> list[CanonicalSchema]:
        """The schemas that apply to the value of a property of this name."""
        found = [self.patterns[pattern][1] for pattern in self.hit(name)]
        if name in self.declared:
            return [self.declared[name], *found]
        return found or ([] if self._additional is None else [self._additional])


def _either(sources: list[Plan]) -> Plan:
    plan = Union(sources)
    plan.height = 0.0
    return plan


def _filtered(sources: list[Plan], ok: Callable[[str], bool]) -> Plan:
    plan = Checked(sources, ok)
    plan.height = 0.0
    return plan


def _check(schema: Any) -> Callable[[Any], bool]:
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True, offline=True).is_valid
