"""Floor 1: what crosses the wire, as frozen values: Request, Response, Headers, Event, and Send.

The rule of this module: messages hold raw bytes and the header fields as they came, in order, duplicates kept;
nothing is parsed, decoded or normalised here, so that a check can see what the peer really sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

__all__ = ["UNREAD", "Event", "Headers", "HeadersLike", "Request", "Response", "Send"]


class Headers:
    """Header fields in the order of the wire; names compare without case, duplicates are kept.

    Built from a mapping or from pairs. ``get`` joins repeated fields with ``", "`` (RFC 9110, 5.3).
    """

    __slots__ = ("_index", "content_encoding", "content_type", "fields")

    fields: tuple[tuple[str, str], ...]
    content_type: str | None
    """The value of Content-Type: what every check asks for first."""
    content_encoding: str | None
    """The value of Content-Encoding."""
    _index: dict[str, str]

    def __init__(self, fields: HeadersLike = ()) -> None:
        if isinstance(fields, Headers):
            fields = fields.fields
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        self.fields = tuple((str(name), str(value)) for name, value in pairs)
        index: dict[str, str] = {}
        for name, value in self.fields:
            key = name.lower()
            index[key] = f"{index[key]}, {value}" if key in index else value
        self._index = index
        self.content_type = index.get("content-type")
        self.content_encoding = index.get("content-encoding")

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the value of a field, repeated fields joined, or ``default``."""
        return self._index.get(name.lower(), default)

    def get_all(self, name: str) -> tuple[str, ...]:
        """Return every value of a field, in order."""
        key = name.lower()
        return tuple(value for field, value in self.fields if field.lower() == key)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._index

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._index == other._index

    def __hash__(self) -> int:
        return hash(tuple(sorted(self._index.items())))

    def __repr__(self) -> str:
        # Values may be keys and cookies: names only.
        return f"Headers({', '.join(self._index)})"


UNREAD: Final = object()
"""What ``Request.parsed`` holds until a check has read the body."""

HeadersLike = Headers | Mapping[str, str] | Iterable[tuple[str, str]]
"""What a caller may give for header fields."""


@dataclass(frozen=True, slots=True, repr=False, init=False)
class Request:
    """One HTTP request.

    ``target`` is a path with an optional query (``/v1/models?limit=2``) or an absolute URL; percent-encoding
    stays as sent. ``headers`` may be given as a mapping or pairs. ``body`` is raw bytes, empty when there is none.
    ``parsed`` is where a check keeps the JSON value of the body for the check of the response; it lives and dies with
    the request and is no part of it.
    """

    method: str
    target: str
    headers: Headers
    body: bytes
    parsed: Any = field(compare=False)

    def __init__(self, method: str, target: str, headers: HeadersLike = (), body: bytes = b"") -> None:
        _set = object.__setattr__
        _set(self, "method", method)
        _set(self, "target", target)
        _set(self, "headers", headers if isinstance(headers, Headers) else Headers(headers))
        _set(self, "body", body)
        _set(self, "parsed", UNREAD)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target.partition('?')[0]} {len(self.body)} bytes>"


@dataclass(frozen=True, slots=True, repr=False, init=False)
class Response:
    """One HTTP response, whole. ``status`` 100 to 599, ``body`` raw bytes.

    ``elapsed`` is the time to the last byte, in seconds. ``broken`` says, in a short phrase, why the body
    ended before its end (``time-out``, ``connection reset``), or is empty.
    """

    status: int
    headers: Headers
    body: bytes
    elapsed: float
    broken: str

    def __init__(
        self, status: int, headers: HeadersLike = (), body: bytes = b"", *, elapsed: float = 0.0, broken: str = ""
    ) -> None:
        _set = object.__setattr__
        _set(self, "status", status)
        _set(self, "headers", headers if isinstance(headers, Headers) else Headers(headers))
        _set(self, "body", body)
        _set(self, "elapsed", elapsed)
        _set(self, "broken", broken)

    def __repr__(self) -> str:
        return f"<Response {self.status} {len(self.body)} bytes>"


@dataclass(frozen=True, slots=True, repr=False)
class Event:
    """One server-sent event as the WHATWG algorithm dispatches it; ``name`` defaults to ``message``."""

    data: str
    name: str = "message"
    last_id: str = ""
    retry: int | None = None

    def __repr__(self) -> str:
        return f"<Event {self.name} {len(self.data)} characters>"


class Send(Protocol):
    """The one protocol of the wire: a request in, the whole response out.

    Raises ``TargetError`` when no response could be had at all. A response that broke off is returned with
    ``broken`` set.
    """

    def __call__(self, request: Request, /) -> Response:
        """Send one request and return its whole response."""
        ...
