"""The walk over a description: every OpenAPI object and every schema, once, across all documents.

The rule of this module: what an object is follows from where it stands (the table ``_OBJECTS``) or from the ``$ref``
that leads to it, never from what it looks like. On the way each schema becomes JSON Schema 2020-12, and each ``$ref``
in a schema is written as a pointer to a place that exists, so that an engine resolves it offline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

from assay.errors import DescriptionError
from assay.model import Repair
from assay.spec import dialect
from assay.spec.refs import METHODS, Place, Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["normalise"]

# Kind of object -> field -> (how the field holds its objects, their kind). A map marked "paths" has x- fields.
_CONTENT = {"content": ("map", "media type"), "examples": ("map", "example")}
_OBJECTS: dict[str, dict[str, tuple[str, str]]] = {
    "openapi": {"paths": ("paths", "path item"), "webhooks": ("map", "path item"), "components": ("one", "components")},
    "components": {
        "schemas": ("map", "schema"),
        "responses": ("map", "response"),
        "parameters": ("map", "parameter"),
        "examples": ("map", "example"),
        "requestBodies": ("map", "request body"),
        "headers": ("map", "parameter"),
        "securitySchemes": ("map", "security scheme"),
        "links": ("map", "link"),
        "callbacks": ("map", "callback"),
        "pathItems": ("map", "path item"),
        "mediaTypes": ("map", "media type"),
    },
    "path item": {
        "parameters": ("list", "parameter"),
        "additionalOperations": ("map", "operation"),
        **dict.fromkeys(METHODS, ("one", "operation")),
    },
    "operation": {
        "parameters": ("list", "parameter"),
        "requestBody": ("one", "request body"),
        "responses": ("paths", "response"),
        "callbacks": ("map", "callback"),
    },
    "parameter": {"schema": ("one", "schema"), **_CONTENT},
    "request body": _CONTENT,
    "response": {"headers": ("map", "parameter"), "links": ("map", "link"), **_CONTENT},
    "media type": {
        "schema": ("one", "schema"),
        "itemSchema": ("one", "schema"),
        "encoding": ("map", "encoding"),
        "itemEncoding": ("one", "encoding"),
        "prefixEncoding": ("list", "encoding"),
        "examples": ("map", "example"),
    },
    "encoding": {
        "headers": ("map", "parameter"),
        "encoding": ("map", "encoding"),
        "itemEncoding": ("one", "encoding"),
        "prefixEncoding": ("list", "encoding"),
    },
    "example": {},
    "link": {},
    "security scheme": {},
}

ANCHOR = "an $id or $anchor inside the description: references to it are written as pointers"
RECURSIVE = "$recursiveRef is the word of JSON Schema 2019-09: written as $ref to the schema it can only mean"
FOREIGN = "$id is no word of OpenAPI 3.0, and an engine would take it for one: removed"
DYNAMIC = "$dynamicRef: written as $ref to the one schema that carries its anchor"
DRAFT = "$schema names an older draft of JSON Schema: read as 2020-12"
NOTHING = "a schema without a value: read as any value"


class _Step(NamedTuple):
    """One object still to visit.

    ``base`` is what its references are relative to, ``top`` the place that ``$recursiveRef: "#"`` means.
    """

    kind: str
    place: Place
    value: Any
    base: str
    top: Place


class _Waiting(NamedTuple):
    """A schema whose reference is still to be resolved, after everything beside it has been visited.

    What a reference means can depend on an ``$id`` or ``$anchor`` that stands further on.
    """

    step: _Step
    keyword: str


def normalise(tree: Tree) -> tuple[Repair, ...]:
    """Walk the whole description from its root, change its schemas in place, and return what was changed.

    On return ``tree.documents`` holds every document that can be reached. Raises DescriptionError with the pointer.
    """
    walk = _Walk(tree)
    root = Place(tree.root)
    document = tree.documents[tree.root]
    if isinstance(document, dict) and isinstance(document.get("$self"), str):
        tree.identified[document["$self"]] = root
    walk.dialect_of(document, root)
    walk.run(_Step("openapi", root, document, tree.root, root))
    return walk.repairs()


class _Walk:
    """The state of one walk."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._stack: list[_Step] = []
        self._waiting: list[_Waiting] = []
        self._seen: set[tuple[str, int]] = set()
        # Keeps visited objects alive, so that no other object gets their id.
        self._kept: list[Any] = []
        self._reasons: dict[str, list[Place]] = {}
        self._versions: dict[str, str] = {}
        # Each schema that holds a $ref -> where that leads: a circle of nothing else admits no reading.
        self._leads: dict[Place, Place] = {}

    def run(self, first: _Step) -> None:
        """Visit everything that can be reached from one object."""
        self._stack.append(first)
        while self._stack or self._waiting:
            while self._stack:
                self._visit(self._stack.pop())
            self._resolve()
        self._refuse_circles()

    def repairs(self) -> tuple[Repair, ...]:
        """One repair for each kind of change; the target names the first place."""
        found = []
        for reason, places in self._reasons.items():
            first = self._shown(places[0])
            target = first if len(places) == 1 else f"{first} and {len(places) - 1} more"
            found.append(Repair("dialect", target, reason, count=len(places)))
        return tuple(found)

    def dialect_of(self, document: Any, place: Place) -> None:
        """Settle the OpenAPI version of a document and the dialect that it declares."""
        inherited = self._versions.get(self._tree.root, "3.1")
        own = document.get("openapi") if isinstance(document, dict) else None
        self._versions[place.uri] = str(own)[:3] if isinstance(own, str) else inherited
        if isinstance(document, dict) and "jsonSchemaDialect" in document:
            self._known_dialect(document["jsonSchemaDialect"], place / "jsonSchemaDialect")

    def _visit(self, step: _Step) -> None:
        value = step.value
        if step.kind == "schema" and isinstance(value, bool):
            return
        key = (step.kind, id(value))
        if key in self._seen:
            return
        if not isinstance(value, dict):
            raise self._tree.error(f"expected {_article(step.kind)} as an object, got {_kind(value)}", step.place)
        self._seen.add(key)
        self._kept.append(value)
        if step.kind == "schema":
            self._schema(step)
            return
        if "$ref" in value:
            place, target = self._tree.follow(step.place, value)
            self._push(step.kind, place, target)
        if step.kind == "callback":
            self._fields(step, {name: ("one", "path item") for name in value if name != "$ref" and name[:2] != "x-"})
        else:
            self._fields(step, _OBJECTS[step.kind])

    def _push(self, kind: str, place: Place, value: Any) -> None:
        """Visit the target of a reference."""
        if place.uri not in self._versions:
            self.dialect_of(self._tree.documents[place.uri], Place(place.uri))
        self._stack.append(_Step(kind, place, value, place.uri, place))

    def _fields(self, step: _Step, table: dict[str, tuple[str, str]]) -> None:
        for field, (form, kind) in table.items():
            value = step.value.get(field)
            if value is None:
                continue
            at = step.place / field
            for place, child in self._held(form, at, value):
                if child is not None:
                    self._stack.append(_Step(kind, place, child, step.base, place))

    def _held(self, form: str, at: Place, value: Any) -> Iterator[tuple[Place, Any]]:
        """Yield what a field holds, with its places."""
        if form == "one":
            yield at, value
            return
        wanted = list if form == "list" else dict
        if not isinstance(value, wanted):
            raise self._tree.error(f"expected {'an array' if form == 'list' else 'an object'}, got {_kind(value)}", at)
        if isinstance(value, list):
            yield from ((at / number, child) for number, child in enumerate(value))
            return
        for name, child in value.items():
            if form != "paths" or not name.startswith("x-"):
                yield at / name, child

    # --- schemas --------------------------------------------------------------------------------------------------

    def _schema(self, step: _Step) -> None:
        schema, place = step.value, step.place
        version = self._versions.get(place.uri, "3.1")
        base, top = step.base, step.top
        if version != "3.0" or "$ref" not in schema:
            self._refuse_misuse(schema, place)
        if not _PLAIN.isdisjoint(schema):
            base, top = self._identity(step, version)
        for reason in dialect.convert(schema, version, lambda branch: self._is_nullable(branch, place, base)):
            self._note(reason, place)
        inner = _Step("schema", place, schema, base, top)
        for keyword in ("$ref", "$dynamicRef"):
            if keyword in schema:
                self._waiting.append(_Waiting(inner, keyword))
        if "$recursiveRef" in schema:
            self._reference_to(inner, "$recursiveRef", top)
            self._note(RECURSIVE, place)
        self._subschemas(inner)

    def _refuse_misuse(self, schema: dict[str, Any], place: Place) -> None:
        found = dialect.misuse(schema)
        if found is None:
            return
        steps, wanted = found
        value = schema[steps[0]]
        at = place / steps[0]
        if len(steps) > 1:
            raise self._tree.error(f"expected {wanted} as the name", at / steps[1])
        raise self._tree.error(f"expected {wanted}, got {_shown_value(value)}", at)

    def _subschemas(self, step: _Step) -> None:
        for keyword, value in step.value.items():
            form = dialect.SUBSCHEMAS.get(keyword)
            if form is None:
                continue
            at = step.place / keyword
            if form == "one":
                self._stack.append(_Step("schema", at, value, step.base, step.top))
                continue
            if not isinstance(value, list if form == "list" else dict):
                wanted = "an array of schemas" if form == "list" else "an object of schemas"
                raise self._tree.error(f"expected {wanted}, got {_kind(value)}", at)
            self._empty(value, at)
            pairs = enumerate(value) if isinstance(value, list) else value.items()
            for name, child in pairs:
                self._stack.append(_Step("schema", at / name, child, step.base, step.top))

    def _empty(self, held: Any, at: Place) -> None:
        """Read a schema that was left empty as any value."""
        names = [name for name, child in (held.items() if isinstance(held, dict) else enumerate(held)) if child is None]
        for name in names:
            held[name] = {}
            self._note(NOTHING, at / name)

    def _identity(self, step: _Step, version: str) -> tuple[str, Place]:
        """Take the identifiers off a schema and remember its place; return its ``base`` and ``top``."""
        schema, base, top = step.value, step.base, step.top
        declared = schema.pop("$schema", None)
        if declared is not None:
            self._known_dialect(declared, step.place / "$schema")
        if version == "3.0":
            if schema.pop("$id", None) is not None:
                self._note(FOREIGN, step.place)
        elif isinstance(schema.get("$id"), str):
            base = urljoin(base, schema.pop("$id"))
            self._tree.identified[base.rstrip("#")] = step.place
            self._note(ANCHOR, step.place)
            top = step.place
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(schema.get(keyword), str):
                name = (base, schema.pop(keyword))
                if keyword == "$dynamicAnchor" and any(known[1] == name[1] for known in self._tree.anchors):
                    raise self._tree.error(
                        "a second $dynamicAnchor of this name: which one is meant depends on the way "
                        "to it, and that is not supported",
                        step.place,
                    )
                self._tree.anchors[name] = step.place
                self._note(ANCHOR, step.place)
        if schema.pop("$recursiveAnchor", None) is True:
            top = step.place
        return base, top

    def _known_dialect(self, declared: Any, place: Place) -> None:
        known = dialect.DIALECTS.get(declared.rstrip("#")) if isinstance(declared, str) else None
        if known is None:
            raise self._tree.error(
                f"the JSON Schema dialect {str(declared)[:120]!r} is not supported; use JSON Schema 2020-12", place
            )
        if not known:
            self._note(DRAFT, place)

    def _reference(self, step: _Step, keyword: str) -> bool:
        """Write a reference as a pointer; False when it names an anchor not seen so far."""
        at = step.place / keyword
        found = self._tree.target(step.value[keyword], at, step.base)
        if found is None:
            return False
        place, value = found
        if not isinstance(value, dict | bool):
            raise self._tree.error(f"$ref leads to {_kind(value)}, not to a schema", at)
        if keyword == "$dynamicRef":
            self._note(DYNAMIC, step.place)
        self._reference_to(step, keyword, place)
        self._push("schema", place, value)
        return True

    def _reference_to(self, step: _Step, keyword: str, target: Place) -> None:
        schema = step.value
        written = target.reference
        if target.uri == step.place.uri:
            written = written[len(target.uri) :]
        if keyword != "$ref":
            del schema[keyword]
            if "$ref" in schema:
                schema["allOf"] = [*schema.get("allOf", []), {"$ref": written}]
                return
        schema["$ref"] = written
        self._leads[step.place] = target

    def _resolve(self) -> None:
        """Resolve the references met so far; those to an anchor wait while there is still something to visit."""
        met, self._waiting = self._waiting, []
        missed = [waiting for waiting in met if not self._reference(*waiting)]
        if missed and not self._stack:
            step, keyword = missed[0]
            anchor = str(step.value[keyword])[:200]
            raise self._tree.error(f"{keyword} leads to {anchor}, and no schema has that anchor", step.place / keyword)
        self._waiting += missed

    def _is_nullable(self, branch: Any, place: Place, base: str) -> bool:
        def follow(reference: str) -> Any:
            try:
                found = self._tree.target(reference, place, base)
            except DescriptionError:
                # Raised again, with the right pointer, when this reference has its turn.
                return False
            return found[1] if found else False

        return dialect.admits_null(branch, follow)

    def _refuse_circles(self) -> None:
        """Refuse a schema whose references lead back to itself and to nothing else."""
        done: set[Place] = set()
        for start in self._leads:
            trail: list[Place] = []
            place: Place | None = start
            while place is not None and place not in done:
                done.add(place)
                trail.append(place)
                place = self._leads.get(place)
            if place is not None and place in trail:
                raise self._tree.error("this $ref leads in a circle and never to a schema", place / "$ref")

    def _note(self, reason: str, place: Place) -> None:
        self._reasons.setdefault(reason, []).append(place)

    def _shown(self, place: Place) -> str:
        name = "" if place.uri == self._tree.root else place.uri.removeprefix("file:///")
        return f"{name}#{place.pointer}"


_PLAIN = frozenset(("$id", "$schema", "$anchor", "$dynamicAnchor", "$recursiveAnchor"))


def _kind(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
    return "an object"


def _shown_value(value: Any) -> str:
    return f"{value[:40]!r}" if isinstance(value, str) else _kind(value)


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
