"""One body of a message against the contents that a description gives for it: JSON, form, multipart, lines, text.

The rule of this module: a body that cannot be matched to a documented media type is a violation, never a silent
skip; what it says about a body it says once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from assay.violation import Violation, describe
from assay.wire.forms import read_form
from assay.wire.json_text import parse_json
from assay.wire.lines import read_lines
from assay.wire.media import decode_text, decompress, is_json, select
from assay.wire.multipart import read_multipart
from assay.wire.problem import Problem

if TYPE_CHECKING:
    from assay.messages import Headers
    from assay.model import Content
    from assay.schema.check import Direction, Schemas
    from assay.wire.multipart import FilePart

__all__ = ["BODY_LIMIT", "BodyCheck", "Judged", "kind_of"]

BODY_LIMIT = 64 * 1024 * 1024
"""Bytes that a body may have once its content coding is undone."""

_LINES = frozenset({"application/jsonl", "application/x-ndjson", "application/json-lines", "application/jsonlines"})
_LONGEST_MEDIA_TYPE = 60
_RFC_CONTENT_CODING = "RFC 9110, 8.4"


@dataclass(frozen=True, slots=True)
class Judged:
    """A body after judging: the content it was matched to, its value and files where it has any, and what is wrong."""

    content: Content | None = None
    value: Any = None
    violations: tuple[Violation, ...] = ()
    files: tuple[FilePart, ...] = ()


class BodyCheck:
    """Judges bodies by the contents of one request body or one response."""

    def __init__(self, contents: tuple[Content, ...], schemas: Schemas, direction: Direction, pointer: str) -> None:
        self.contents = contents
        self._schemas = schemas
        self._direction = direction
        self._pointer = pointer
        self.media_types = tuple(content.media_type for content in contents)

    def select(self, content_type: str | None) -> Content | Violation:
        """Return the content for a Content-Type, or the violation that says why there is none."""
        content = select(self.contents, content_type)
        if content is not None:
            return content
        expected = " or ".join(self.media_types[:6]) or "no body"
        if content_type is None:
            return Violation(
                "http/content-type", "header", ("content-type",), expected, "no Content-Type", self._pointer
            )
        return Violation("http/content-type", "header", ("content-type",), expected, "another one", self._pointer)

    def judge(self, headers: Headers, body: bytes) -> Judged:
        """Match a whole body to its content, read it and judge its value."""
        content_type = headers.content_type
        content = self.select(content_type)
        if isinstance(content, Violation):
            return Judged(violations=(_with_got(content, content_type),))
        plain = decompress(body, headers.content_encoding, BODY_LIMIT)
        if isinstance(plain, Problem):
            return Judged(content, violations=(problem("http/content-encoding", plain, _RFC_CONTENT_CODING),))
        return self._read(content, content_type or "", plain)

    def _read(self, content: Content, content_type: str, body: bytes) -> Judged:
        kind = kind_of(content_type)
        if is_json(kind):
            return self._json(content, body)
        if kind == "application/x-www-form-urlencoded":
            return self._form(content, body)
        if kind == "multipart/form-data":
            return self._multipart(content, content_type, body)
        if kind in _LINES and (content.item_schema or content.schema):
            return self._lines(content, body)
        if kind.startswith("text/"):
            return self._text(content, content_type, body)
        return Judged(content)

    def _json(self, content: Content, body: bytes) -> Judged:
        # Integers over 64 bits matter where a caller sends a seed; in responses they are not worth a second look.
        value = parse_json(body, exact=self._direction == "request")
        if isinstance(value, Problem):
            return Judged(content, violations=(problem("http/json", value, content.pointer),))
        return Judged(content, value, self._explain(content.schema, (value,)))

    def _form(self, content: Content, body: bytes) -> Judged:
        shape = self._schemas.shape(content.schema) if content.schema else None
        read = read_form(body, shape, content.encoding)
        if isinstance(read, Problem):
            return Judged(content, violations=(problem("http/form", read, content.pointer),))
        return self._candidates(content, read)

    def _multipart(self, content: Content, content_type: str, body: bytes) -> Judged:
        shape = self._schemas.shape(content.schema) if content.schema else None
        read = read_multipart(body, content_type, shape, content.encoding)
        if isinstance(read, Problem):
            return Judged(content, violations=(problem("http/multipart", read, content.pointer),))
        return replace(self._candidates(content, read.candidates), files=read.files)

    def _lines(self, content: Content, body: bytes) -> Judged:
        schema = content.item_schema or content.schema
        found: list[Violation] = []
        for line in read_lines((body,)):
            if isinstance(line.value, Problem):
                found.append(problem("http/json", line.value, content.pointer, (line.number - 1,)))
            else:
                found.extend(self._explain(schema, (line.value,), (line.number - 1,)))
        return Judged(content, violations=tuple(found))

    def _text(self, content: Content, content_type: str, body: bytes) -> Judged:
        text = decode_text(body, content_type)
        if isinstance(text, Problem):
            return Judged(content, violations=(problem("http/charset", text, content.pointer),))
        return Judged(content, text, self._explain(content.schema, (text,)))

    def _candidates(self, content: Content, candidates: tuple[Any, ...]) -> Judged:
        """A form may be read in several ways; it is right when one of them is."""
        if content.schema is not None:
            check = self._schemas.check(content.schema, self._direction)
            for value in candidates:
                if check.ok(value):
                    return Judged(content, value)
        return Judged(content, candidates[0], self._explain(content.schema, candidates))

    def _explain(
        self, schema: str | None, candidates: tuple[Any, ...], path: tuple[str | int, ...] = ()
    ) -> tuple[Violation, ...]:
        if schema is None:
            return ()
        check = self._schemas.check(schema, self._direction)
        if any(check.ok(value) for value in candidates):
            return ()
        return check.explain(candidates[0], part="body", path=path)


def kind_of(content_type: str | None) -> str:
    """The media type that a Content-Type names, in lower case and without parameters; empty when there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def problem(rule: str, found: Problem, pointer: str, path: tuple[str | int, ...] = ()) -> Violation:
    """Turn a problem of reading into a violation at the body."""
    got = f"{found.got} ({found.at})" if found.at else found.got
    return Violation(rule, "body", path, found.expected, got, pointer)


def _with_got(violation: Violation, content_type: str | None) -> Violation:
    """Say which media type came: it is a name of the protocol, not data, when it is a plain one."""
    kind = kind_of(content_type)
    if not kind:
        return violation
    plain = (
        len(kind) <= _LONGEST_MEDIA_TYPE and kind.count("/") == 1 and kind.replace("/", "").replace("-", "").isascii()
    )
    got = kind if plain else describe(content_type)
    return Violation(violation.rule, violation.part, violation.path, violation.expected, got, violation.pointer)
