"""JSON values for a schema: ``valid`` and ``invalid`` give the Hypothesis strategy for any canonical schema.

The rule of this module: nothing leaves it unproved. Every value of ``valid`` passed the check, every value of
``invalid`` failed it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jsonschema_rs
from hypothesis import strategies as st
from jsonschema_rs import canonical as form

from assay.generate.compiler import Compiler, resolved, validator
from assay.generate.dials import DIALS, Dials
from assay.generate.literals import Literals, literals
from assay.generate.mutations import mutated
from assay.generate.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from jsonschema_rs import CanonicalSchema

    from assay.generate.plans import Plan

__all__ = ["invalid", "plan_of", "valid"]

_ANY = jsonschema_rs.canonicalize({})
_TRIES = 6
_NEGATABLE = 20  # definitions; the negation of more takes seconds, and mutation does as well there
_WAYS = 4  # of making a negative: two mutate a valid value, one negates, one takes literals


def valid(
    canonical: CanonicalSchema, dials: Dials = DIALS, *, check: Callable[[Any], bool] | None = None
) -> st.SearchStrategy[Any]:
    """Values that the schema admits; ``st.nothing()`` where there is none of finite depth.

    ``check`` is the verdict to prove each value by; by default the canonical schema itself, compiled.
    """
    plan = plan_of(canonical)
    if plan.height == math.inf:
        return st.nothing()
    return _valid(plan, dials, check or validator(canonical))


def invalid(
    canonical: CanonicalSchema, dials: Dials = DIALS, *, check: Callable[[Any], bool] | None = None
) -> st.SearchStrategy[Any]:
    """Values that the schema refuses; ``st.nothing()`` where it is known to admit everything.

    They come from the schema's negation where the algebra has it, and from valid values with one place changed.
    """
    if isinstance(resolved(canonical).view(), form.TrueView):
        return st.nothing()
    negated = _negated(canonical)
    plan = plan_of(canonical)
    refuse = None if negated is None else plan_of(negated)
    if refuse is not None and refuse.height == math.inf:
        refuse = None
    if refuse is None and plan.height == math.inf:
        refuse = plan_of(_ANY)
    base = None if plan.height == math.inf else plan
    origins = Origins(base, refuse, literals(canonical))
    return _invalid(origins, dials, check or validator(canonical))


@lru_cache(maxsize=512)
def plan_of(canonical: CanonicalSchema) -> Plan:
    """The plan of a schema, compiled once."""
    return Compiler().root(canonical)


@lru_cache(maxsize=512)
def _negated(canonical: CanonicalSchema) -> CanonicalSchema | None:
    if len(canonical.definitions()) > _NEGATABLE:
        return None
    try:
        return canonical.negate()
    except form.CanonicalizationError:
        return None


@st.composite
def _valid(draw: st.DrawFn, plan: Plan, dials: Dials, ok: Callable[[Any], bool]) -> Any:
    source = Source(draw, dials)
    for _ in range(_TRIES):
        value = plan.make(source, dials.depth)
        if ok(value):
            return value
    return source.give_up()


@dataclass(frozen=True, slots=True)
class Origins:
    """What a negative may come from: valid values, the schema's negation, and the literals that the schema names."""

    valid: Plan | None
    negation: Plan | None
    literals: Literals

    def candidate(self, source: Source, attempt: int) -> Any:
        """Make one value that may be invalid."""
        way = (attempt + source.below(_WAYS)) % _WAYS
        depth = source.dials.depth
        if way == _WAYS - 1 and self.literals:
            return self.literals.value(source)
        if self.negation is not None and (way == 1 or self.valid is None):
            return self.negation.make(source, depth)
        if self.valid is not None:
            return mutated(source, self.valid.make(source, depth), self.literals).value
        return self.literals.value(source)


@st.composite
def _invalid(draw: st.DrawFn, origins: Origins, dials: Dials, ok: Callable[[Any], bool]) -> Any:
    source = Source(draw, dials)
    for attempt in range(2 * _TRIES):
        value = origins.candidate(source, attempt)
        if not ok(value):
            return value
    return source.give_up()
