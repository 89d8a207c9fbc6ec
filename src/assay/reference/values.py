"""A JSON value that a JSON Schema admits: tool arguments and structured answers are made here.

The rule of this module: every value given out has been checked against its schema; a schema that is wrong,
leads elsewhere, or is beyond this small writer is refused, never answered wrongly. No schema is ever fetched.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import jsonschema_rs
from jsonschema_rs import CanonicalSchema, canonical

from assay.reference.patterns import example

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.reference.text import Source

__all__ = ["CannotWrite", "write"]

_DEEPEST = 12
_MANY = 256  # the most items, properties or characters written to satisfy a lower bound
_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "otter@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "6f1f3c52-0d6a-4d8e-9d4c-2a4f3a1b5c7d",
}
_SAMPLES: dict[str, Any] = {"string": "otter", "integer": 1, "number": 1, "boolean": True, "object": {}, "array": []}
_BEYOND = "asks for more than this server can write"


class CannotWrite(Exception):  # noqa: N818  a limit of the writer, which its caller turns into a refusal
    """No value for this schema; the text is a clause without a subject."""


def write(schema: Any, source: Source) -> Any:
    """Return a value that ``schema`` admits, the same for the same schema and source."""
    try:
        validator = jsonschema_rs.Draft202012Validator(schema, offline=True)
        whole = jsonschema_rs.canonicalize(schema, offline=True, validate_formats=True)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise CannotWrite("is not a usable JSON Schema") from error
    for every in (True, False):  # with the optional properties, then with the required ones alone
        try:
            value = _Writer(whole, source, every=every).value(whole, 0)
        except CannotWrite:
            continue
        if validator.is_valid(value):
            return value
    raise CannotWrite(_BEYOND)


class _Writer:
    """Walks the canonical form of one schema; ``every`` asks for optional properties too."""

    def __init__(self, whole: CanonicalSchema, source: Source, *, every: bool) -> None:
        self._whole = whole
        self._source = source
        self._every = every

    def value(self, schema: CanonicalSchema, depth: int) -> Any:  # noqa: C901, PLR0912  one match, one line a case
        """Return a candidate for ``schema``; raises CannotWrite."""
        if depth > _DEEPEST:
            raise CannotWrite(_BEYOND)
        match schema.view():
            case canonical.TrueView():
                return self._source.word()
            case canonical.ConstView() as view:
                return view.value
            case canonical.EnumView() as view:
                return next((item for item in view.values if item is not None), None)
            case canonical.MultiTypeView() as view:
                return next((_SAMPLES[name] for name in _SAMPLES if name in view.types), None)
            case canonical.TypedGroupView() as view:
                return self.value(view.body, depth + 1)
            case canonical.ReferenceView() as view:
                return self.value(self._target(view.uri), depth + 1)
            case canonical.AnyOfView() | canonical.OneOfView() as view:
                return self._one_of(sorted(view.branches, key=_is_null), depth)
            case canonical.AllOfView() as view:
                return self.value(self._meet(view.branches), depth + 1)
            case canonical.StringView() as view:
                return self._string(view)
            case canonical.IntegerView() | canonical.NumberView() as view:
                return _number(view)
            case canonical.ArrayView() as view:
                return self._array(view, depth)
            case canonical.ObjectView() as view:
                return self._object(view, depth)
            case _:
                raise CannotWrite(_BEYOND)

    def _target(self, uri: str) -> CanonicalSchema:
        target = self._whole.definition(uri)
        if target is None:
            raise CannotWrite(_BEYOND)
        return target

    def _meet(self, branches: Iterable[CanonicalSchema]) -> CanonicalSchema:
        """Intersect branches whose references have been followed."""
        followed = []
        for branch in branches:
            view = branch.view()
            followed.append(self._target(view.uri) if isinstance(view, canonical.ReferenceView) else branch)
        try:
            met = reduce(CanonicalSchema.intersect, followed)
        except canonical.CanonicalizationError as error:
            raise CannotWrite(_BEYOND) from error
        if isinstance(met.view(), canonical.AllOfView):
            raise CannotWrite(_BEYOND)
        return met

    def _one_of(self, branches: Iterable[CanonicalSchema], depth: int) -> Any:
        for branch in branches:
            try:
                return self.value(branch, depth + 1)
            except CannotWrite:
                continue
        raise CannotWrite(_BEYOND)

    def _string(self, view: canonical.StringView) -> str:
        if view.patterns:
            return example(view.patterns[0])
        known = next((_FORMATS[name] for name in view.formats if name in _FORMATS), None)
        if known is not None:
            return known
        shortest, longest = view.min_length or 0, view.max_length
        if shortest > _MANY:
            raise CannotWrite(_BEYOND)
        text = self._source.word()
        while len(text) < shortest:
            text += f" {self._source.word()}"
        return text if longest is None else text[: max(longest, 0)]

    def _array(self, view: canonical.ArrayView, depth: int) -> list[Any]:
        prefix = [self.value(item, depth + 1) for item in view.prefix_items]
        fewest = max(view.min_items or 0, len(view.contains))
        wanted = max(fewest, 0 if depth > _DEEPEST // 2 else 1)
        if view.max_items is not None:
            wanted = min(wanted, view.max_items)
        if fewest > _MANY:
            raise CannotWrite(_BEYOND)
        wished = [self.value(rule.schema, depth + 1) for rule in view.contains]
        items = (prefix + wished)[: max(wanted, len(wished))]
        while len(items) < wanted:
            if view.items is None:
                items.append(self._source.word())
                continue
            try:
                items.append(self.value(view.items, depth + 1))
            except CannotWrite:
                if len(items) < fewest:
                    raise
                break
        return items

    def _object(self, view: canonical.ObjectView, depth: int) -> dict[str, Any]:
        required = list(view.required)
        optional = [name for name in view.properties if name not in required] if self._every else []
        if view.max_properties is not None:
            optional = optional[: max(view.max_properties - len(required), 0)]
        value: dict[str, Any] = {}
        for name in [*required, *optional]:
            schema = view.properties.get(name) or view.additional_properties
            try:
                value[name] = self._source.word() if schema is None else self.value(schema, depth + 1)
            except CannotWrite:
                if name in required:
                    raise
        fewest = view.min_properties or 0
        if fewest > _MANY:
            raise CannotWrite(_BEYOND)
        while len(value) < fewest:
            more = view.additional_properties
            value[f"field_{len(value)}"] = self._source.word() if more is None else self.value(more, depth + 1)
        return value


def _is_null(schema: CanonicalSchema) -> bool:
    view = schema.view()
    if isinstance(view, canonical.MultiTypeView):
        return view.types == ["null"]
    return isinstance(view, canonical.ConstView) and view.value is None


def _number(view: canonical.IntegerView | canonical.NumberView) -> int | float:
    low: Any = view.minimum
    high: Any = view.maximum
    step: Any = view.multiple_of[0] if view.multiple_of else 1
    number = 1 if low is None else low
    if low is not None and getattr(view, "exclusive_minimum", False):
        number = low + step if high is None else (low + high) / 2
    if high is not None and number > high:
        number = high
    if high is not None and number == high and getattr(view, "exclusive_maximum", False):
        number = high - step if low is None else (low + high) / 2
    if view.multiple_of:
        number = -(-number // step) * step
    return int(number) if number == int(number) else float(number)
