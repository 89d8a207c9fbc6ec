"""One description in one direction, as the comparison walks through it: nodes, what judges them, what lies below.

The rule of this module: a node is named by the references of the schemas that judge one value together; nothing of a
schema is copied but its address, so that every pointer leads back into the file the user wrote.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from jsonschema_rs import canonical as form

from assay.contract.events import event_check
from assay.errors import DescriptionError
from assay.generate.reached import inner_schemas
from assay.generate.sites import APPLIES
from assay.schema.algebra import inline
from assay.schema.check import Schemas
from assay.schema.formats import ASSERTED
from assay.schema.places import below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema_rs import CanonicalSchema

    from assay.model import Api
    from assay.schema.check import Check, Direction
    from assay.schema.places import Place
    from assay.violation import Violation

__all__ = ["TYPES", "Node", "Side", "Union"]

_FILE = "file:///"
_TYPES = ".types.json"  # a document of our own beside those of the description
TYPES = {name: inline({"type": name}) for name in ("object", "array", "string", "number", "boolean", "null")}
"""The JSON types, each as the set of its values."""

_LITERAL = frozenset({"enum", "const", "default", "example", "examples"})
_SAYING = frozenset(APPLIES) | {
    "type", "enum", "const", "not", "if", "allOf", "anyOf", "oneOf", "$ref", "$dynamicRef", "properties",
    "patternProperties", "items", "prefixItems", "dependentSchemas",
}  # fmt: skip
_LIMIT = 12  # violations asked for of one value


@dataclass(frozen=True, slots=True)
class Node:
    """The schemas that judge a value together.

    ``judges`` must all admit it, ``without`` must all refuse it; ``chosen`` names the unions and conditions that are
    settled, because their branch is among the judges. Without judges a node admits everything.
    """

    judges: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    chosen: frozenset[str] = frozenset()

    def narrowed(self, judges: tuple[str, ...] = (), without: tuple[str, ...] = ()) -> Node:
        """The node with more to be kept."""
        return replace(
            self,
            judges=tuple(dict.fromkeys((*self.judges, *judges))),
            without=tuple(dict.fromkeys((*self.without, *without))),
        )

    def settled(self, names: frozenset[str]) -> Node:
        """The node with more unions and conditions settled."""
        return replace(self, chosen=self.chosen | names)


@dataclass(frozen=True, slots=True)
class Union:
    """An ``anyOf`` or ``oneOf`` where it stands; ``name`` is its reference."""

    name: str
    branches: tuple[Place, ...]


class Side:
    """One of the two descriptions, in one direction.

    ``label`` sets the documents of the two apart: the algebra refuses two documents of one name.
    """

    def __init__(self, api: Api, label: str, direction: Direction, schemas: Schemas | None = None) -> None:
        self.api = api
        self.direction: Direction = direction
        self._base = f"{_FILE}{label}/"
        documents = {self.address(uri): self._judged(document) for uri, document in api.documents.items()}
        self.schemas = schemas or Schemas(documents | {f"{self._base}{_TYPES}": {t: {"type": t} for t in TYPES}})
        self._canonical: dict[Node, CanonicalSchema | None] = {}
        self._meant: dict[str, str] = {}
        self._places: dict[Node, tuple[Place, ...]] = {}

    def address(self, reference: str) -> str:
        """The reference of a schema among these documents, from its reference in the description."""
        return reference.replace(_FILE, self._base, 1) if reference.startswith(_FILE) else reference

    def shown(self, reference: str) -> str:
        """A reference for people."""
        return self.api.shown(reference.replace(self._base, _FILE, 1))

    def root(self, reference: str) -> Node:
        """The node of a schema of the description."""
        return Node((self.meant(self.address(reference)),))

    def event(self, reference: str) -> Node:
        """The node of what one event of a stream must satisfy: its parsed data where the schema says so."""
        return Node((self.meant(event_check(self.schemas, self.address(reference)).reference),))

    def meant(self, judge: str) -> str:
        """The reference of the schema that is meant where a judge is only a reference: its pairs are compared once."""
        if judge not in self._meant:
            self._meant[judge] = self.check(judge).places.meant(judge)
        return self._meant[judge]

    def branched(self, node: Node, union: Union, branch: Place, names: frozenset[str], *, alone: bool) -> Node:
        """The node with one branch of a union chosen; ``names`` are all unions that are settled then.

        ``alone`` says that the other branches of a ``oneOf`` need not be looked at: the branch may stand in the place
        of a schema that says nothing but its union.
        """
        holder, _, keyword = union.name.rpartition("/")
        inner = self.meant(branch.reference)
        if (alone or keyword == "anyOf") and holder in node.judges and self._only_union(holder, keyword):
            judges = tuple(dict.fromkeys(inner if judge == holder else judge for judge in node.judges))
            return replace(node, judges=judges).settled(names - {union.name})
        return node.narrowed((inner,)).settled(names)

    def _only_union(self, holder: str, keyword: str) -> bool:
        schema = self.check(holder).places.at(holder).schema
        return isinstance(schema, dict) and not (schema.keys() - {keyword}) & _SAYING

    def tags(self, node: Node) -> dict[str, Any]:
        """The properties that a node requires to be one value each, with that value."""
        required = {name for place in self.places(node) for name in place.keyword("required") or ()}
        found = {}
        for name in required:
            literals = [*self.literals(self.child(node, name))]
            if len(literals) == 1:
                found[name] = literals[0]
        return found

    def check(self, reference: str) -> Check:
        """The compiled check of one judge."""
        return self.schemas.check(reference, self.direction)

    def ok(self, node: Node, value: Any) -> bool:
        """Whether a node admits a value."""
        if not all(self.check(judge).ok(value) for judge in node.judges):
            return False
        return not any(self.check(judge).ok(value) for judge in node.without)

    def explain(self, node: Node, value: Any) -> list[Violation]:
        """What the judges of a node say against a value, the nearest to its root first."""
        found = [v for judge in node.judges for v in self.check(judge).explain(value, part="body", limit=_LIMIT)]
        return sorted({(v.pointer, v.path, v.expected): v for v in found}.values(), key=lambda v: len(v.path))

    def places(self, node: Node) -> tuple[Place, ...]:
        """Every schema that judges the value of a node without choice."""
        if node not in self._places:
            found: dict[str, Place] = {}
            for judge in node.judges:
                places = self.check(judge).places
                found |= {place.reference: place for place in places.same_value(places.at(judge))}
            self._places[node] = tuple(found.values())
        return self._places[node]

    def unions(self, node: Node) -> list[Union]:
        """The unions of a node that are not settled yet."""
        found = [
            Union(below(place.reference, keyword), place.branches(keyword))
            for place in self.places(node)
            for keyword in ("anyOf", "oneOf")
        ]
        return [union for union in found if union.branches and union.name not in node.chosen]

    def by_type(self, node: Node) -> list[Node]:
        """The node once for each JSON type that it may admit; empty where that is one only, or was settled."""
        schema = self.canonical(node)
        if schema is None or _TYPES in node.chosen:
            return []
        found = []
        for name, typed in self._named_types(node).items():
            with suppress(form.CanonicalizationError):
                if not isinstance(schema.intersect(typed).view(), form.FalseView):
                    found.append(node.narrowed((f"{self._base}{_TYPES}#/{name}",)).settled(frozenset({_TYPES})))
        return found if len(found) > 1 else []

    def _named_types(self, node: Node) -> dict[str, CanonicalSchema]:
        """The JSON types that no ``type`` of a node excludes; the algebra does not see it of what contains itself."""
        found = dict(TYPES)
        for place in self.places(node):
            named = place.keyword("type") or [*TYPES]
            named = {"number" if name == "integer" else name for name in ([named] if isinstance(named, str) else named)}
            found = {name: typed for name, typed in found.items() if name in named}
        return found

    def by_condition(self, node: Node) -> list[Node]:
        """The node once where its first condition with two sides holds, and once where not; empty where it has none."""
        conditions = self.conditions(node)
        settled = node.settled(frozenset(below(place.reference, "if") for place in conditions))
        for place in conditions:
            if {"then", "else"} <= place.schema.keys():
                test, then, other = (below(place.reference, keyword) for keyword in ("if", "then", "else"))
                return [settled.narrowed((test, then)), settled.narrowed((other,), without=(test,))]
        return []

    def conditions(self, node: Node) -> list[Place]:
        """The schemas of a node with an ``if`` that is not settled yet."""
        return [
            place
            for place in self.places(node)
            if isinstance(place.schema, dict)
            and "if" in place.schema
            and place.schema.keys() & {"then", "else"}
            and below(place.reference, "if") not in node.chosen
        ]

    def names(self, node: Node) -> dict[str, None]:
        """The properties that a node declares."""
        return dict.fromkeys(name for place in self.places(node) for name in place.named())

    def open_ended(self, node: Node) -> bool:
        """Whether a node says anything of properties that it does not declare."""
        keywords = ("additionalProperties", "patternProperties")
        return any(
            place.keyword(keyword) not in (None, True, {}) for place in self.places(node) for keyword in keywords
        )

    def prefix(self, node: Node) -> int:
        """How many items a node describes one by one; -1 where it says nothing of items at all."""
        lengths = [len(place.branches("prefixItems")) for place in self.places(node)]
        said = any(place.keyword("items") is not None for place in self.places(node))
        return max([*lengths, 0]) if said or any(lengths) else -1

    def child(self, node: Node, step: str | int) -> Node:
        """What judges the member of a value at one step."""
        inner = [one.reference for place in self.places(node) for one in inner_schemas(place, step)]
        return Node(tuple(dict.fromkeys(self.meant(one) for one in inner)))

    def canonical(self, node: Node) -> CanonicalSchema | None:
        """The set of values that a node admits; None where the algebra cannot express it."""
        if node not in self._canonical:
            try:
                self._canonical[node] = self._reduced(node)
            except (form.CanonicalizationError, DescriptionError):
                self._canonical[node] = None
        return self._canonical[node]

    def _reduced(self, node: Node) -> CanonicalSchema:
        every = inline({})
        found = reduce(lambda one, judge: one.intersect(self._of(judge)), node.judges, every)
        return reduce(lambda one, judge: one.subtract(self._of(judge)), node.without, found)

    def _of(self, judge: str) -> CanonicalSchema:
        return self.schemas.canonical(judge, self.direction)

    def literals(self, node: Node) -> Iterator[Any]:
        """The values that a node names outright."""
        for place in self.places(node):
            if isinstance(place.schema, dict) and "const" in place.schema:
                yield place.schema["const"]
            yield from place.keyword("enum") or ()

    def _judged(self, value: Any) -> Any:
        """A document at its new address, without the formats that no check asserts.

        Those would set schemas apart that judge alike.
        """
        if isinstance(value, list):
            return [self._judged(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        made = {}
        for key, inner in value.items():
            if key == "$ref" and isinstance(inner, str):
                made[key] = self.address(inner)
            elif key in _LITERAL and not _is_schema(inner):
                made[key] = inner
            elif key != "format" or not isinstance(inner, str) or inner in ASSERTED:
                made[key] = self._judged(inner)
        return made


def _is_schema(value: Any) -> bool:
    """Whether what stands under ``default`` or its like is the schema of a property of that name."""
    return isinstance(value, dict) and bool(value.keys() & {"type", "$ref", "anyOf", "oneOf", "allOf", "enum"})
