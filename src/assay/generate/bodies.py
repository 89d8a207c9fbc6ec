"""Request bodies: a strategy's value, written as JSON, form, multipart or text, and proved as the wire shows it.

The rule of this module: what is proved is what a reader of the written bytes gets, not the value before writing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from assay.generate.compiler import Compiler, declared
from assay.generate.domain import Draft
from assay.generate.known import put_known
from assay.generate.media_values import png, wav
from assay.generate.tuning import lines_for
from assay.wire.forms import read_form, write_form
from assay.wire.json_text import parse_json, write_json
from assay.wire.media import is_json
from assay.wire.multipart import FilePart, Multipart, read_multipart, write_multipart
from assay.wire.problem import Problem

if TYPE_CHECKING:
    from assay.generate.domain import Domain
    from assay.generate.plans import Plan
    from assay.generate.source import Source
    from assay.model import Content, Shape
    from assay.schema.check import Schemas

__all__ = ["BodyMaker", "Written"]

_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_BOUNDARY = "assay-boundary-5f1c"
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Written:
    """A body on its way: ``value`` before writing, the bytes, their content type, and the features in use."""

    value: Any
    data: bytes
    content_type: str
    features: tuple[str, ...] = ()


class BodyMaker:
    """Makes bodies of one content of an operation; ``declared`` are the properties that they can have."""

    def __init__(self, schemas: Schemas, content: Content, domain: Domain) -> None:
        self.content = content
        self.media_type = content.media_type
        self.domain = domain
        self._encoding = content.encoding
        reference = content.schema
        self._check = None if reference is None else schemas.check(reference, "request")
        self._schemas = schemas
        self._files = frozenset[str]() if reference is None else _files(schemas, reference)
        self.declared = frozenset[str]()
        self._plan: Plan | None = None
        self._text = self._shape is not None and self._shape.types == {"string"} and "*" not in self.media_type
        if reference is not None:
            canonical = schemas.canonical(reference, "request")
            self.declared = declared(canonical)
            self._plan = Compiler(domain.withheld(self.declared), domain.rates).root(canonical)
            self._canonical = canonical

    @cached_property
    def _bare(self) -> Plan | None:
        """The plan without the domain's help; seldom needed."""
        return None if self._plan is None else Compiler().root(self._canonical)

    @cached_property
    def _shape(self) -> Shape | None:
        """What a text form must know; JSON need not."""
        return None if self.content.schema is None else self._schemas.shape(self.content.schema)

    @property
    def supported(self) -> bool:
        """Whether bodies of this media type can be made."""
        known = is_json(self.media_type) or self.media_type in (_FORM, _MULTIPART) or self._text
        return known and self._plan is not None and self._plan.height < math.inf

    def valid(self, source: Source) -> Written:
        """Make a valid body; with the domain's help, and where that does not fit the schema, without it."""
        for attempt in range(_TRIES):
            value, features = self._value(source, bare=attempt >= _TRIES // 2)
            written = self.write(value, features)
            if written is not None and self.admits(written):
                return written
        return source.give_up()

    def _value(self, source: Source, *, bare: bool) -> tuple[Any, tuple[str, ...]]:
        plan = self._bare if bare else self._plan
        if plan is None:
            return {}, ()
        features = () if bare else self.domain.chosen(source, self.declared)
        value = plan.make(source, source.dials.depth)
        if not bare and isinstance(value, dict):
            draft = Draft(source, value, self.declared, features)
            self.domain.complete(draft)
            features = tuple(draft.features)
        put_known(value, source.dials.known)
        return value, features if isinstance(value, dict) else ()

    def write(self, value: Any, features: tuple[str, ...] = ()) -> Written | None:
        """Write a value; None where this media type cannot carry it."""
        if is_json(self.media_type):
            return Written(value, write_json(value).encode("utf-8"), self.media_type, features)
        if isinstance(value, str) and self._text:
            return Written(value, value.encode("utf-8"), self.media_type, features)
        if not isinstance(value, dict):
            return None
        if self.media_type == _FORM:
            return Written(value, write_form(value, self._shape, self._encoding), _FORM, features)
        fields, files = {}, []
        for name, item in value.items():
            bare = name.removesuffix("[]")
            if bare not in self._files and name not in self._files:
                fields[name] = item
                continue
            many = item if isinstance(item, list) else [item]
            part = name if item is not many else f"{bare}[]"
            lines = lines_for(value.get("purpose"))
            files += [_file(part, number, lines, audio=self.domain.audio) for number, _ in enumerate(many)]
        content_type = f"{_MULTIPART}; boundary={_BOUNDARY}"
        return Written(value, write_multipart(fields, files, _BOUNDARY), content_type, features)

    def admits(self, written: Written) -> bool:
        """Whether what a reader gets from the bytes is valid."""
        if self._check is None:
            return True
        found = self.read(written)
        return any(self._check.ok(candidate) for candidate in found)

    def read(self, written: Written) -> tuple[Any, ...]:
        """The values that a reader can take for a written body; none where it is malformed."""
        if is_json(self.media_type):
            value = parse_json(written.data)
            return () if isinstance(value, Problem) else (value,)
        if self.media_type == _FORM:
            forms = read_form(written.data, self._shape, self._encoding)
            return () if isinstance(forms, Problem) else forms
        if self._text:
            return (written.data.decode("utf-8"),)
        read = read_multipart(written.data, written.content_type, self._shape, self._encoding)
        return read.candidates if isinstance(read, Multipart) else ()


def _files(schemas: Schemas, reference: str) -> frozenset[str]:
    """The properties of a multipart schema that are files: binary strings, or arrays of them, or a choice of both."""
    places = schemas.places
    found = set()
    for place in places.same_value(places.at(reference)):
        for name, part in place.named().items():
            waiting, seen = [part], set()
            while waiting:
                inner = waiting.pop()
                if inner.reference in seen:
                    continue
                seen.add(inner.reference)
                waiting.extend(places.same_value(inner))
                waiting.extend((*inner.branches("oneOf"), *inner.branches("anyOf")))
                if _binary(inner.schema) or _binary(inner.keyword("items")):
                    found.add(name)
    return frozenset(found)


def _binary(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return False
    return schema.get("format") == "binary" or "contentMediaType" in schema


def _file(name: str, number: int, lines: bytes, *, audio: bool) -> FilePart:
    if audio:
        return FilePart(name, f"{number}.wav", "audio/wav", wav())
    if "image" in name or "mask" in name:
        return FilePart(name, f"{number}.png", "image/png", png(transparent=True))
    return FilePart(name, f"{number}.jsonl", "application/octet-stream", lines)
