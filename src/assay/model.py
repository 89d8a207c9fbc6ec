"""Floor 1: the description as Assay works with it: Api, Operation, Parameter, Body, Answer.

The rule of this module: no OpenAPI version is left in it. References between OpenAPI objects are followed,
path-level parameters merged, schemas are JSON Schema 2020-12 inside ``Api.documents`` and are named, never
copied: a *schema reference* is the absolute reference ``<document uri>#<JSON pointer, percent-encoded>``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "Api", "Body", "Content", "Encoding", "Operation", "Parameter", "Repair", "Shape"]

Location = Literal["path", "query", "header", "cookie", "querystring"]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text form must know of a schema to read it: its JSON types, and those of its parts.

    ``types`` holds any of ``null boolean integer number string array object``; ``integer`` stands beside
    ``number`` only where both are named. An empty set means that nothing is known: read as a string.
    """

    types: frozenset[str] = frozenset()
    items: Shape | None = None
    properties: Mapping[str, Shape] = field(default_factory=dict)
    additional: Shape | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, or one response header (``location`` is then ``header``, ``style`` ``simple``).

    ``schema`` is a schema reference, or None when the description gives no schema. ``media_type`` is set for
    a parameter that is described by ``content``. ``pointer`` is the reference of the parameter object itself.
    """

    name: str
    location: Location
    schema: str | None
    required: bool = False
    style: str = "simple"
    explode: bool = False
    allow_reserved: bool = False
    media_type: str | None = None
    deprecated: bool = False
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one property of a form is encoded; ``content_types`` is the list the description allows, in order."""

    content_types: tuple[str, ...] = ()
    style: str | None = None
    explode: bool | None = None
    allow_reserved: bool = False
    headers: tuple[Parameter, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """One media type of a body. ``media_type`` may be a range (``image/*``), lower case, no parameters.

    ``schema`` describes the whole body; ``item_schema`` each item of a sequence (an SSE event's parsed data, a
    line of JSON Lines). Both are schema references. ``pointer`` is the reference of the media type object.
    """

    media_type: str
    schema: str | None = None
    item_schema: str | None = None
    encoding: Mapping[str, Encoding] = field(default_factory=dict)
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """A request body; ``contents`` in the order of the description."""

    contents: tuple[Content, ...]
    required: bool = False
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One documented response: ``status`` is ``200``, ``4XX`` (upper case) or ``default``."""

    status: str
    contents: tuple[Content, ...] = ()
    headers: tuple[Parameter, ...] = ()
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``path`` is the template as written; ``method`` upper case; ``id`` unique in the Api.

    ``id`` is the ``operationId``, or ``METHOD path`` where there is none. ``secured`` says that a call without
    credentials must be refused. ``bases`` are the path prefixes of the servers that serve it (``""``, ``/v1``).
    ``query`` are the fixed query parameters that tell it from another operation of the same path and method (a path
    key such as ``/responses?beta=true``).
    """

    id: str
    method: str
    path: str
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    answers: tuple[Answer, ...] = ()
    secured: bool = False
    deprecated: bool = False
    tags: tuple[str, ...] = ()
    bases: tuple[str, ...] = ("",)
    pointer: str = ""
    query: tuple[tuple[str, str], ...] = ()

    @property
    def request_schemas(self) -> tuple[str, ...]:
        """Every schema reference of its requests: parameters, then bodies."""
        contents = self.body.contents if self.body is not None else ()
        return _schemas(self.parameters, contents)

    @property
    def response_schemas(self) -> tuple[str, ...]:
        """Every schema reference of its responses: headers, bodies and items, answer by answer."""
        return tuple(schema for answer in self.answers for schema in _schemas(answer.headers, answer.contents))


def _schemas(parameters: tuple[Parameter, ...], contents: tuple[Content, ...]) -> tuple[str, ...]:
    found = [parameter.schema for parameter in parameters]
    found += [schema for content in contents for schema in (content.schema, content.item_schema)]
    return tuple(schema for schema in found if schema is not None)


@dataclass(frozen=True, slots=True)
class Repair:
    """One change made to a description before it was used: by an overlay action, the dialect or the reader.

    ``applied`` is False when the target of an overlay action was not found. ``count`` is how many places changed.
    """

    by: str
    target: str
    reason: str
    count: int = 1
    applied: bool = True


@dataclass(frozen=True, slots=True)
class Api:
    """A whole description, read.

    ``root`` is the root document's URI; ``documents`` maps every document's URI to its JSON value with all
    schemas already in JSON Schema 2020-12. Document URIs are relative to the description's folder, written
    ``file:///openapi.yaml``, so that they do not depend on where it is installed.
    """

    title: str
    version: str
    openapi: str
    root: str
    documents: Mapping[str, Any]
    operations: tuple[Operation, ...]
    webhooks: tuple[Operation, ...] = ()
    repairs: tuple[Repair, ...] = ()

    def shown(self, reference: str) -> str:
        """Write a schema reference for people: ``#/…`` in the root document, ``chat.yaml#/…`` elsewhere."""
        uri, _, pointer = reference.partition("#")
        name = "" if uri == self.root else uri.removeprefix("file:///")
        return f"{name}#{pointer}"
