"""What a schema names outright: its constants, enum values and property names, as material for negatives.

The rule of this module: literals are only ever put where they may break something; nothing valid depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema_rs import CanonicalSchema

    from assay.generate.source import Source

__all__ = ["NONE", "STRANGERS", "Literals", "literals"]

STRANGERS: tuple[Any, ...] = ("otter", 7, None, True, 2.5, [], {}, -1, [None], {"otter": 1}, "", 10**12, "7")
"""Values of every type, for places where another type stands."""

_MANY = 60
_WRITABLE = 300


@dataclass(frozen=True, slots=True)
class Literals:
    """What a schema names outright: constants and enum values, and names of properties."""

    values: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.values or self.names)

    def value(self, source: Source) -> Any:
        """Make a small value of them: one, a list of one repeated, or an object with one named property."""
        values = (*self.values, *STRANGERS)
        kind = source.below(3 if self.names else 2)
        if kind == 0:
            return source.pick(values)
        if kind == 1:
            return [source.pick(values)] * (1 + source.below(3))
        return {name: source.pick(values) for name in self.names if source.below(min(len(self.names), 4)) == 0}


NONE = Literals()


def literals(canonical: CanonicalSchema) -> Literals:
    """The literals of a schema; none where it refers to so many others that writing it out takes long."""
    return NONE if len(canonical.definitions()) > _WRITABLE else _collected(canonical.to_json_schema())


def _collected(schema: Any) -> Literals:
    """Collect the literals of a JSON Schema document; at most a few dozen of each."""
    values: list[Any] = []
    names: dict[str, None] = {}
    stack = [schema]
    while stack and len(values) < _MANY and len(names) < _MANY:
        node = stack.pop()
        if isinstance(node, list):
            stack += node
        elif isinstance(node, dict):
            stack += node.values()
            values += node["enum"] if isinstance(node.get("enum"), list) else []
            values += [node["const"]] if "const" in node else []
            for keyword in ("properties", "required", "dependentRequired", "dependentSchemas"):
                if isinstance(node.get(keyword), dict | list):
                    names |= dict.fromkeys(name for name in node[keyword] if isinstance(name, str))
    return Literals(tuple(values[:_MANY]), tuple(names)[:_MANY])
