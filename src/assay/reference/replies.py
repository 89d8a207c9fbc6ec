"""What a resource answers: a whole reply, bare bytes, a stream of events, or a refusal.

The rule of this module: these are values without HTTP in them beyond the status; the server alone turns them
into bytes, so that every refusal has the same envelope and every stream the same frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.reference.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from assay.wire.multipart import FilePart

__all__ = ["Call", "Named", "Raw", "Refusal", "Reply", "Stream"]


def _alone(_path: str, _value: Any) -> tuple[int, Any]:
    raise NotImplementedError("this call was not made by a server")


@dataclass(frozen=True, slots=True)
class Call:
    """One accepted request as a resource sees it.

    ``value`` is the parsed body (None without one) and ``files`` the files of a form, ``names`` the values of the
    path's fields, ``query`` those of the query, ``serial`` a number that no other request of this server has,
    ``now`` the time in seconds, ``store`` what the server keeps. ``perform`` posts a JSON value to another operation
    of the server, by its path (``/v1/embeddings``), and returns status and value.
    """

    value: Any
    names: dict[str, str]
    serial: int
    now: int
    files: tuple[FilePart, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    store: Store = field(default_factory=Store)
    perform: Callable[[str, Any], tuple[int, Any]] = _alone


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole JSON answer."""

    value: Any
    status: int = 200


@dataclass(frozen=True, slots=True)
class Raw:
    """A whole answer that is not JSON."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Named:
    """An event with a name of its own beside its JSON value."""

    name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of JSON events; ``done`` says that ``[DONE]`` ends it, ``named`` that each event bears its type.

    Where the events are :class:`Named`, the end marker bears a name as well: ``done``.
    """

    events: Iterator[Any]
    done: bool = True
    named: bool = False


class Refusal(Exception):  # noqa: N818  not a fault of the program: an answer
    """A request that cannot be served, told in OpenAI's error envelope."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.envelope = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        self.headers: tuple[tuple[str, str], ...] = ()

    @property
    def pair(self) -> tuple[int, Any]:
        """Status and value, as a client gets them."""
        return self.status, self.envelope
