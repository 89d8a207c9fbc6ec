"""What to put in the place of a value so that it stands on the edge of one keyword, or just beyond.

The rule of this module: it proposes and never decides. The likeliest value comes first; the checker, which the caller
asks, says which of them keep or break what.
"""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any, Protocol

from assay.generate.formats import BROKEN
from assay.generate.literals import STRANGERS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LARGEST", "LONGEST", "Samples", "beyond", "edge", "too_large"]

LONGEST, LARGEST = 300_000, 5_000
"""Characters of a string and members of a collection beyond which an edge is not tried: no server must take them."""


def too_large(keyword: str, limit: Any) -> bool:
    """Whether only a value larger than any server must take can break an upper bound."""
    bounds = {"maxLength": LONGEST, "maxItems": LARGEST, "maxProperties": LARGEST}
    return keyword in bounds and isinstance(limit, int) and limit > bounds[keyword]


class Samples(Protocol):
    """Values of schemas: of one of strings that is written on the spot, and of one that stands below this one."""

    def text(self, schema: dict[str, Any]) -> Iterator[Any]:
        """Yield strings of a schema that has keywords of strings only."""
        ...

    def below(self, *steps: str | int) -> list[Any]:
        """Return some values of the schema so many steps below; none where there is none."""
        ...


_TYPED: dict[str, tuple[Any, ...]] = {
    "null": (None,), "boolean": (True, False), "integer": (1, 0), "number": (0.5, 1, 0), "string": ("a", "otter"),
    "array": ([], ["a"], [1]), "object": ({},),
}  # fmt: skip
_ODD = ("~otter~", "otter zz", "\u00e9", "~", "", " ", "a\nb", "A B", "0 0")


def edge(keyword: str, schema: dict[str, Any], value: Any, samples: Samples) -> Iterator[Any]:
    """Propose values that keep ``keyword`` of ``schema`` as narrowly as can be; ``value`` keeps it already."""
    limit: Any = schema.get(keyword)
    match keyword:
        case "type":
            names = [limit] if isinstance(limit, str) else limit or []
            yield from (typed for name in names for typed in _TYPED.get(name, ())[:1])
        case "enum" if isinstance(limit, list):
            yield from limit
        case "minimum" | "maximum":
            yield limit
        case "exclusiveMinimum" | "exclusiveMaximum":
            step = 1 if keyword == "exclusiveMinimum" else -1
            yield from (limit + step, limit + step / 2, limit + step / 1000)
        case "minLength" | "maxLength" if isinstance(limit, int) and limit <= LONGEST:
            yield from samples.text({**schema, "minLength": limit, "maxLength": limit})
            yield _long(value, limit)
        case "minItems" | "maxItems" if isinstance(limit, int) and limit <= LARGEST and isinstance(value, list):
            yield from _lists(value, limit, samples)
        case "minProperties" | "maxProperties" if isinstance(limit, int) and limit <= LARGEST:
            yield from _objects(value, limit, samples)
    yield value


def beyond(keyword: str, schema: Any, value: Any, name: str, samples: Samples) -> Iterator[Any]:  # noqa: C901  one match over every keyword is the point
    """Propose values that break ``keyword`` of ``schema``, and as little else as can be."""
    limit: Any = schema.get(keyword) if isinstance(schema, dict) else None
    match keyword:
        case "type":
            names = [limit] if isinstance(limit, str) else limit or []
            allowed = {*names, *(("integer",) if "number" in names else ())}
            yield from (0.5, 10**20 + 0.5) if "integer" in allowed and "number" not in allowed else ()
            yield from (one for other in _TYPED if other not in allowed for one in _TYPED[other])
        case "enum" | "const":
            yield from _strangers(limit if keyword == "enum" else [limit])
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum" | "multipleOf":
            yield from _numbers(keyword, limit, value)
        case "minLength" | "maxLength" | "pattern" | "format":
            yield from _strings(keyword, schema, value, samples)
        case "minItems" | "maxItems" | "uniqueItems" | "contains" | "minContains" | "maxContains":
            yield from _arrays(keyword, schema, value, samples)
        case "anyOf" | "oneOf":
            asked = {name for one in limit if isinstance(one, dict) for name in one.get("required") or ()}
            if isinstance(value, dict) and asked & value.keys():
                yield {other: part for other, part in value.items() if other not in asked}
            yield from _unions(value, [one for n in range(len(limit)) for one in samples.below(keyword, n)[:1]])
        case "not":
            yield from _denied(limit, value, samples)
        case "false":
            yield from (value, *STRANGERS)
        case "items" | "unevaluatedItems" if isinstance(value, list):
            yield from ([*value, *(value[-1:] or [one])] for one in STRANGERS)
        case _ if isinstance(value, dict):
            yield from _members(keyword, schema, value, name, samples)


def _strangers(known: list[Any]) -> Iterator[Any]:
    """Values that are not among the known ones, those of their types first."""
    numbers = [one for one in known if isinstance(one, int | float) and not isinstance(one, bool)]
    if any(isinstance(one, str) for one in known):
        yield from ("otter", "", *(one + "_" for one in known[:1] if isinstance(one, str)))
    if numbers:
        yield max(numbers) + 1
    if any(isinstance(one, bool) for one in known):
        yield from (one for one in (False, True) if not any(one is other for other in known))
    yield from (copy.deepcopy(one) for one in STRANGERS if one not in known)


def _numbers(keyword: str, limit: Any, value: Any) -> Iterator[Any]:
    match keyword:
        case "minimum":
            yield from (limit - 1, limit - 0.5, -(10**9))
        case "maximum":
            yield from (limit + 1, limit + 0.5, 10**9)
        case "exclusiveMinimum" | "exclusiveMaximum":
            yield limit
        case _:
            yield from (value + limit / 2, value + 1, value + limit / 3)


def _strings(keyword: str, schema: dict[str, Any], value: Any, samples: Samples) -> Iterator[Any]:
    limit = schema[keyword]
    text = value if isinstance(value, str) else ""
    rest = {name: part for name, part in schema.items() if name != keyword}
    match keyword:
        case "minLength" if limit <= LONGEST:
            yield from (text[: limit - 1], "a" * (limit - 1))
            yield from samples.text({**rest, "maxLength": limit - 1})
        case "maxLength":
            yield from (_long(text, limit + 1), "a" * (limit + 1))
            yield from samples.text({**rest, "minLength": limit + 1, "maxLength": limit + 1})
        case _:
            yield from (*_ODD, *BROKEN, text + "~", "~" + text, text.swapcase(), text[:-1])
            yield from (_long(odd, len(text)) for odd in _ODD if text)
            yield from ("~" * (schema.get("minLength") or 1), "\u00e9" * (schema.get("minLength") or 1))


def _long(value: Any, length: int) -> str:
    text = value if isinstance(value, str) and value else "a"
    return text[:length] if len(text) >= length else text + text[-1] * (length - len(text))


def _arrays(keyword: str, schema: dict[str, Any], value: Any, samples: Samples) -> Iterator[Any]:
    if not isinstance(value, list):
        return
    match keyword:
        case "minItems":
            yield value[: schema["minItems"] - 1]
            yield from _lists(value, schema["minItems"] - 1, samples)
        case "maxItems" if schema["maxItems"] <= LARGEST:
            yield from _lists(value, schema["maxItems"] + 1, samples)
        case "uniqueItems":
            one = next(iter([*value, *samples.below("items")]), None)
            yield from ([*value[:-1], one, one], [one, one], [*value, one])
        case "maxContains":
            yield from (value * (schema["maxContains"] + 1), [*value, *value[-1:] * schema["maxContains"]])
        case _:
            yield from ([], value[:-1], [None] * max(1, len(value)), ["otter"] * max(1, len(value)))


def _lists(value: list[Any], size: int, samples: Samples) -> Iterator[Any]:
    """Arrays of just so many items."""
    if len(value) >= size:
        yield value[: max(size, 0)]
        return
    yield [*value, *(copy.deepcopy(value[-1:] or [None]) * (size - len(value)))] if value else [None] * size
    made = samples.below("items")
    yield _distinct([*value, *made])[:size]
    yield made[:size]
    yield _distinct(_varied(value[-1:] or made[:1], size))


def _varied(one: list[Any], size: int) -> list[Any]:
    """Like one value, and all different: a number at the end of its first string, or counted numbers."""
    pattern = one[0] if one else "a"
    if isinstance(pattern, str):
        return [f"{pattern}{number}" for number in range(size)]
    if isinstance(pattern, int | float):
        return list(range(size))
    if isinstance(pattern, dict):
        name = next((name for name, part in pattern.items() if isinstance(part, str)), "")
        return [{**pattern, name: f"{pattern.get(name, '')}{number}"} for number in range(size)]
    return [pattern] * size


def _distinct(values: list[Any]) -> list[Any]:
    return list({json.dumps(value, sort_keys=True, default=str): value for value in values}.values())


def _objects(value: Any, size: int, samples: Samples) -> Iterator[Any]:
    """Objects of just so many properties."""
    if not isinstance(value, dict):
        return
    if len(value) >= size:
        yield dict(list(value.items())[-size:] if size else [])
        yield dict(list(value.items())[:size])
        return
    for filler in (*list(value.values())[:1], *samples.below("additionalProperties"), "a"):
        yield {**value, **{f"otter_{number}": filler for number in range(size - len(value))}}


def _unions(value: Any, forms: list[Any]) -> Iterator[Any]:
    """Values of types that no branch may admit, then of several branches at once, or with a tag that none knows."""
    yield from (10**12, True, 0.5, "otter", [], ["otter", None], {}, {"otter": 1}, None, [[[]]], "")
    if isinstance(value, dict):
        yield value | {name: part for one in forms if isinstance(one, dict) for name, part in one.items()}
        for name, part in value.items():
            if isinstance(part, str):
                yield {**value, name: "otter"}
        yield {"type": "otter"}
    if isinstance(value, str):
        yield value + "~"


def _denied(denied: Any, value: Any, samples: Samples) -> Iterator[Any]:
    if not isinstance(denied, dict):
        return
    for made in samples.below("not"):
        if isinstance(made, dict) and isinstance(value, dict):
            yield {**value, **made}
            yield {**made, **value}
        yield made
    names = denied.get("required") or denied.get("properties") or ()
    if isinstance(value, dict):
        yield from ({**value, name: one} for name in names for one in STRANGERS if name not in value)


def _members(keyword: str, schema: dict[str, Any], value: dict[str, Any], name: str, samples: Samples) -> Iterator[Any]:
    match keyword:
        case "required" | "dependentRequired":
            without = {other: part for other, part in value.items() if other != name}
            yield without
            yield {**without, "otter": "a"}  # an object without anything may be something else, or leave no trace
            for other in schema.get("properties") or () if not without else ():
                yield from ({other: one} for one in samples.below("properties", other)[:1] if other != name)
            for trigger, names in (schema["dependentRequired"] if keyword == "dependentRequired" else {}).items():
                if name in names and trigger not in value:
                    fitting = [*samples.below("properties", trigger), "a", 1, True]
                    yield from ({**without, trigger: one} for one in fitting)
        case "minProperties":
            yield from _objects(value, schema[keyword] - 1, samples)
        case "maxProperties" if schema[keyword] <= LARGEST:
            yield from _objects(value, schema[keyword] + 1, samples)
        case "propertyNames":
            some = next(iter(value.values()), "a")
            names = ("~ \u00e9", "A B", "", "otter", "0", "a" * 600)
            fillers: list[Any] = [some, "a", {}]
            yield from ({**value, odd: one} for odd in names for one in fillers)
        case _:
            strange: list[Any] = [1, "a", {}]
            yield from ({**value, "otter": one} for one in strange)
