"""A normalised description, OpenAPI 3.0 to 3.2, into the model: ``Api`` and its operations.

The rule of this module: every operation of the description becomes an ``Operation``, or an error names the place;
where two readings of an operation are possible, the one taken is listed as a ``Repair``. Schemas are named by their
place and never looked into.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from assay.model import Answer, Api, Operation, Repair
from assay.spec import objects
from assay.spec.refs import METHODS, Place, Tree
from assay.spec.servers import bases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.model import Parameter

__all__ = ["read", "version_of"]

_VERSION = re.compile(r"3\.[012](\.[0-9]+([-+.].*)?)?")
_STATUS = re.compile(r"[1-5]([0-9][0-9]|XX)|default", re.IGNORECASE)
_TEMPLATE = re.compile(r"\{([^{}]*)\}")
# What an author writes for "this is no description of OpenAPI 3" -> what to tell them.
_OTHERS = {
    "swagger": "this is a Swagger 2.0 description; convert it to OpenAPI 3 first (for example with swagger2openapi)",
    "asyncapi": "this is an AsyncAPI description; Assay reads OpenAPI 3.0, 3.1 and 3.2",
    "overlay": "this is an overlay; give it with overlays=[...] and a description as the source",
    "discoveryVersion": "this is a Google discovery document; Assay reads OpenAPI 3.0, 3.1 and 3.2",
}


def version_of(tree: Tree) -> str:
    """Return the OpenAPI version of the root document, e.g. ``3.1.0``; raise DescriptionError for any other."""
    place = Place(tree.root)
    document = tree.documents[tree.root]
    if not isinstance(document, dict):
        raise tree.error("expected an OpenAPI description as an object", place)
    if "openapi" not in document:
        for field, advice in _OTHERS.items():
            if field in document:
                raise tree.error(advice, place)
        raise tree.error("there is no openapi field; expected openapi: 3.0.x, 3.1.x or 3.2.x", place)
    version = document["openapi"]
    if isinstance(version, float):
        # "openapi: 3.1" without quotes is a number in YAML.
        document["openapi"] = version = str(version)
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise tree.error(
            f"OpenAPI version {str(version)[:40]!r} is not supported; expected 3.0.x, 3.1.x or 3.2.x", place / "openapi"
        )
    return version


def read(tree: Tree, repairs: tuple[Repair, ...] = ()) -> Api:
    """Read the description whose documents are in ``tree`` and already normalised."""
    version = version_of(tree)
    reader = _Reader(tree)
    root = tree.documents[tree.root]
    operations = reader.operations("paths")
    webhooks = reader.operations("webhooks")
    info = root.get("info") if isinstance(root.get("info"), dict) else {}
    return Api(
        title=str(info.get("title") or "untitled"),
        version=str(info.get("version") or ""),
        openapi=version,
        root=tree.root,
        documents=tree.documents,
        operations=operations,
        webhooks=webhooks,
        repairs=(*repairs, *reader.notes.repairs()),
    )


class _Reader:
    """Reads the operations of one description."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._root = tree.documents[tree.root]
        self.notes = objects.Notes(tree.root)
        self._objects = objects.Objects(tree, self.notes)
        self._ids: set[str] = set()

    def operations(self, field: str) -> tuple[Operation, ...]:
        """Read all operations under ``paths`` or ``webhooks``, in the order of the description.

        Paths that had a query string in their key come last: a router that takes the first match then prefers
        the operation that owns the path.
        """
        place = Place(self._tree.root) / field
        items = self._objects.map(self._root.get(field), place)
        found = [
            operation
            for path, item in items.items()
            if not path.startswith("x-")
            for operation in self._path_item(field, path, item, place / path)
        ]
        if field == "webhooks":
            return tuple(found)
        plain = [operation for operation in found if "?" not in operation.path]
        queried = [operation for operation in found if "?" in operation.path]
        owners = {
            (operation.method, _TEMPLATE.sub("{}", operation.path)): operation.id for operation in reversed(plain)
        }
        for operation in plain:
            owner = owners[operation.method, _TEMPLATE.sub("{}", operation.path)]
            if owner != operation.id:
                self.notes.add(
                    f"its path and method are those of {owner}, which stands first and is matched first",
                    operation.pointer,
                )
        return (*plain, *(self._without_query(operation, owners) for operation in queried))

    def _without_query(self, operation: Operation, owners: dict[tuple[str, str], str]) -> Operation:
        """Turn the query string of an operation's path into fixed query parameters; say who else has that path."""
        path, _, query = operation.path.partition("?")
        owner = owners.setdefault((operation.method, _TEMPLATE.sub("{}", path)), operation.id)
        reason = "a path has no query string: read as fixed query parameters"
        if owner != operation.id:
            reason += f"; without them {operation.method} {path} is {owner}"
        self.notes.add(reason, operation.pointer)
        return replace(operation, path=path, query=tuple(parse_qsl(query, keep_blank_values=True)))

    def _path_item(self, field: str, path: str, item: Any, place: Place) -> Iterator[Operation]:
        if field == "paths" and not path.startswith("/"):
            raise self._tree.error("a path must start with /", place)
        item, fields = self._merged(item, place)
        shared = self._objects.parameters(item.get("parameters"), fields.get("parameters", place) / "parameters")
        for name in METHODS:
            if item.get(name) is not None:
                at = fields.get(name, place) / name
                yield self._operation(name.upper(), path, item, shared, at)
        more = fields.get("additionalOperations", place) / "additionalOperations"
        for name in self._objects.map(item.get("additionalOperations"), more):
            holder = {**item, name: item["additionalOperations"][name]}
            yield self._operation(name, path, holder, shared, more / name)

    def _merged(self, item: Any, place: Place) -> tuple[dict[str, Any], dict[str, Place]]:
        """Lay the fields that stand beside a path item's ``$ref`` over those of its target; say where each stands."""
        whole: dict[str, Any] = {}
        fields: dict[str, Place] = {}
        chain = [(place, item)]
        while isinstance(chain[-1][1], dict) and "$ref" in chain[-1][1]:
            at, value = chain[-1]
            found = self._tree.target(value["$ref"], at / "$ref")
            if found is None:
                raise self._tree.error("this $ref leads to no path item", at / "$ref")
            if any(found[0] == known for known, _ in chain):
                raise self._tree.error("this $ref leads in a circle and never to an object", at / "$ref")
            chain.append(found)
        for at, value in reversed(chain):
            for name, child in self._objects.map(value, at).items():
                whole[name] = child
                fields[name] = at
        return whole, fields

    def _operation(
        self, method: str, path: str, item: dict[str, Any], shared: tuple[Parameter, ...], place: Place
    ) -> Operation:
        key = method if method in item else method.lower()
        value = self._objects.map(item[key], place)
        own = self._objects.parameters(value.get("parameters"), place / "parameters")
        overridden = {objects.identity(parameter) for parameter in own}
        merged = (*(p for p in shared if objects.identity(p) not in overridden), *own)
        body = value.get("requestBody")
        servers = value.get("servers") or item.get("servers") or self._root.get("servers")
        security = value["security"] if value.get("security") is not None else self._root.get("security")
        tags = value.get("tags")
        return Operation(
            id=self._id(value.get("operationId"), method, path, place),
            method=method,
            path=path,
            parameters=self._matched(merged, path, place),
            body=None if body is None else self._objects.body(body, place / "requestBody"),
            answers=self._answers(value.get("responses"), place / "responses"),
            secured=isinstance(security, list) and bool(security) and all(security),
            deprecated=value.get("deprecated") is True,
            tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else (),
            bases=bases(servers, self.notes),
            pointer=place.reference,
        )

    def _id(self, written: Any, method: str, path: str, place: Place) -> str:
        name = written if isinstance(written, str) and written.strip() else f"{method} {path}"
        if name not in self._ids:
            self._ids.add(name)
            return name
        unique, number = f"{name} ({method} {path})", 2
        while unique in self._ids:
            unique, number = f"{name} ({method} {path}) {number}", number + 1
        self._ids.add(unique)
        self.notes.add(f"operationId {name[:80]!r} is taken: this one is called {unique[:160]!r}", place.reference)
        return unique

    def _matched(self, parameters: tuple[Parameter, ...], path: str, place: Place) -> tuple[Parameter, ...]:
        """Bring the path parameters in line with the path's template."""
        if not path.startswith("/"):
            return parameters
        names = list(dict.fromkeys(_TEMPLATE.findall(path)))
        kept = []
        for parameter in parameters:
            if parameter.location == "path" and parameter.name not in names:
                self.notes.add("a path parameter that the path does not name: removed", parameter.pointer)
                continue
            kept.append(parameter)
        declared = {parameter.name for parameter in kept if parameter.location == "path"}
        for name in names:
            if name not in declared:
                self.notes.add("the path names a parameter that is not described: any text is taken", place.reference)
                kept.append(objects.undescribed(name, place))
        return tuple(kept)

    def _answers(self, value: Any, place: Place) -> tuple[Answer, ...]:
        answers = []
        for status, response in self._objects.map(value, place).items():
            if status.startswith("x-"):
                continue
            if not _STATUS.fullmatch(status):
                raise self._tree.error("expected a status code (200), a range (2XX) or default", place / status)
            name = "default" if status.lower() == "default" else status.upper()
            answers.append(self._objects.answer(name, response, place / status))
        return tuple(answers)
