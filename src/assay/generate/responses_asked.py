"""What a request asks for, read for whoever makes its response: body, parameters, and whether it wants a stream.

The rule of this module: it reads and never judges; of a part that cannot be read it says nothing, so that even a
wrong request gets some response.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.rules.read import at
from assay.rules.registry import Exchange
from assay.wire.forms import read_form
from assay.wire.json_text import parse_json
from assay.wire.media import essence, is_json, select
from assay.wire.multipart import Multipart, read_multipart
from assay.wire.problem import Problem
from assay.wire.styles import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.messages import Request
    from assay.model import Content, Operation
    from assay.schema.check import Schemas
    from assay.wire.multipart import FilePart

__all__ = ["Asked", "Asking"]

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, repr=False)
class Asked:
    """One request, read. ``exchange`` is what the rules see of it."""

    operation: Operation
    exchange: Exchange

    def __repr__(self) -> str:
        return f"<Asked {self.operation.id}>"

    @property
    def body(self) -> Any:
        """The parsed body; None when there is none."""
        return self.exchange.request

    @property
    def streamed(self) -> bool:
        """Whether it asks for a stream of events."""
        if at(self.body, "stream_format") == "sse":
            return True
        return at(self.body, "stream") is True or self.exchange.query.get("stream") is True


class Asking:
    """Reads the requests of one operation."""

    def __init__(self, schemas: Schemas, operation: Operation) -> None:
        self.operation = operation
        self._schemas = schemas
        shapes = {p.schema: schemas.shape(p.schema) for p in operation.parameters if p.schema is not None}
        self._reader = Reader(operation.parameters, shapes)

    def read(self, request: Request, path_values: Mapping[str, str]) -> Asked:
        """Read one request; ``path_values`` are those of its route, as they came."""
        query = request.target.partition("#")[0].partition("?")[2]
        found: dict[str, dict[str, Any]] = {"query": {}, "path": {}}
        for reading in self._reader.read(path_values, query, request.headers).values:
            parameter = reading.parameter
            if not reading.present or not reading.candidates or parameter.location not in found:
                continue
            valid = (value for value in reading.candidates if self._valid(parameter.schema, value))
            found[parameter.location][parameter.name] = next(valid, reading.candidates[0])
        body, files = self._body(request)
        exchange = Exchange(
            self.operation.id,
            body,
            files=files,
            query=found["query"],
            path_values=found["path"],
            request_headers=request.headers,
        )
        return Asked(self.operation, exchange)

    def _valid(self, reference: str | None, value: Any) -> bool:
        return reference is None or self._schemas.check(reference, "request").ok(value)

    def _body(self, request: Request) -> tuple[Any, tuple[FilePart, ...]]:
        """The value of the body and the files that came with it."""
        body = self.operation.body
        if body is None or not request.body:
            return None, ()
        content = select(body.contents, request.headers.content_type)
        if content is None:
            return None, ()
        candidates, files = self._candidates(content, request)
        valid = (value for value in candidates if self._valid(content.schema, value))
        return next(valid, next(iter(candidates), None)), files

    def _candidates(self, content: Content, request: Request) -> tuple[tuple[Any, ...], tuple[FilePart, ...]]:
        kind = essence(request.headers.content_type)[0]
        if is_json(kind):
            value = parse_json(request.body)
            return (() if isinstance(value, Problem) else (value,)), ()
        shape = self._schemas.shape(content.schema) if content.schema is not None else None
        if kind == _FORM:
            forms = read_form(request.body, shape, content.encoding)
            return (() if isinstance(forms, Problem) else forms), ()
        read = read_multipart(request.body, request.headers.content_type or "", shape, content.encoding)
        return (read.candidates, read.files) if isinstance(read, Multipart) else ((), ())
