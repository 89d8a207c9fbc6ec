"""Answers without network: what was called, how an answer is handed to a client and shown to a person, what goes wrong.

The rule of this module: it serves what it is given. What is shown of a response was made by a test or generated, so
it may be printed; of a request only the names of method, path and operation are told.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from assay.adapters.intercept import Reply, intercept
from assay.errors import AssayError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assay.adapters.intercept.wire import Break
    from assay.contract import Contract
    from assay.messages import Headers, Request, Response
    from assay.testing.answers import Answers
    from assay.violation import Violation

__all__ = ["Call", "Given", "ImpossibleAnswer", "UnexpectedCall", "answering", "pieces_of", "told"]

_SHOWN = 5
_NARROW = 100
_BLANK = re.compile(rb"(?<=\n\n)(?=.)", re.DOTALL)


class UnexpectedCall(AssayError, AssertionError):  # noqa: N818  it names what happened
    """The code under test called what the test has no answer for."""


class ImpossibleAnswer(AssayError, AssertionError):  # noqa: N818  it names what happened
    """A test answers what the contract does not allow as the answer to this request."""


@dataclass(frozen=True, slots=True, repr=False)
class Call:
    """One call that was answered.

    ``operation`` is the operation's id, ``url`` absolute, ``request`` and ``response`` as they crossed the wire.
    """

    operation: str
    url: str
    request: Request
    response: Response

    def __repr__(self) -> str:
        return f"<Call {self.operation} {self.response.status}>"

    @property
    def method(self) -> str:
        """The method, upper case."""
        return self.request.method.upper()

    @property
    def path(self) -> str:
        """The path, without the query."""
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, list[str]]:
        """The values of the query, by name."""
        return parse_qs(urlsplit(self.url).query, keep_blank_values=True)

    @property
    def headers(self) -> Headers:
        """The header fields that were sent."""
        return self.request.headers

    @property
    def json(self) -> Any:
        """The JSON body that was sent; None when there was none. Raises ``ValueError`` for any other body."""
        return json.loads(self.request.body) if self.request.body else None


@dataclass(frozen=True, slots=True, repr=False)
class Given:
    """A response on its way to a client, and how its connection breaks, if it does."""

    response: Response
    broken: Break = ""

    @property
    def reply(self) -> Reply:
        """What the client gets."""
        if self.broken in ("connect", "timeout") and not self.response.status:
            return Reply(0, self.response.headers, (), self.broken)
        return Reply(self.response.status, self.response.headers, pieces_of(self.response), self.broken)

    def __repr__(self) -> str:
        lines = [*told(self.response)] if self.response.status else []
        endings = {
            "connect": "no response: the connection is refused",
            "timeout": "nothing more comes: time-out",
            "read": "the connection breaks here",
        }
        return "\n".join([*lines, *([endings[self.broken]] if self.broken else [])])

    def _repr_pretty_(self, printer: Any, _cycle: object) -> None:
        # Hypothesis prints what was drawn through this; a response begins on a line of its own.
        printer.text("\n" + "\n".join(f"    {line}" for line in repr(self).split("\n")))


def pieces_of(response: Response) -> list[bytes]:
    """A body in the pieces in which a service sends it: event by event, or whole."""
    if not response.body:
        return []
    if (response.headers.content_type or "").startswith("text/event-stream"):
        return _BLANK.split(response.body)
    return [response.body]


def told(response: Response) -> Iterator[str]:
    """A response for a person to read, line by line."""
    kind = response.headers.content_type or ""
    yield f"{response.status} {kind}".rstrip()
    for name, value in response.headers.fields:
        if name.lower() != "content-type":
            yield f"{name}: {value}"
    text = response.body.decode("utf-8", "replace")
    if "json" in kind:
        yield from _written(text)
    elif kind.startswith("text/"):
        yield from text.strip().split("\n") if text.strip() else ()
    elif response.body:
        yield f"({len(response.body)} bytes)"


def _written(text: str) -> Iterator[str]:
    try:
        value = json.loads(text)
    except ValueError:
        yield text
        return
    short = json.dumps(value, ensure_ascii=False)
    yield from (short if len(short) <= _NARROW else json.dumps(value, ensure_ascii=False, indent=2)).split("\n")


def explained(lead: str, violations: Sequence[Violation]) -> str:
    """The violations of one message, each on a line."""
    lines = [f"  {violation}" for violation in violations[:_SHOWN]]
    if len(violations) > _SHOWN:
        lines.append(f"  and {len(violations) - _SHOWN} more")
    return "\n".join([lead, *lines])


def call_name(contract: Contract, request: Request, url: str) -> str:
    """How a call is called in messages."""
    operation = contract.find(request)
    path = urlsplit(url).path
    return f"{request.method.upper()} {path}" + (f" ({operation.id})" if operation is not None else "")


@contextmanager
def answering(answers: Answers) -> Iterator[list[BaseException]]:
    """Let ``answers`` answer every request of every known client while the block runs, whatever its host.

    Yields the list of what answering raised; the clients may have swallowed it.
    """
    raised: list[BaseException] = []
    with intercept(_Everything(answers, raised)):
        yield raised


class _Over(Exception):  # noqa: N818  what the client sees of an example that ends
    """There is no answer any more."""


class _Everything:
    """The interceptor that answers all requests."""

    def __init__(self, answers: Answers, raised: list[BaseException]) -> None:
        self._answers = answers
        self._raised = raised

    def begin(self, method: str, url: str) -> _Answered:  # noqa: ARG002  all methods are answered
        """Open an exchange."""
        return _Answered(self._answers, url, self._raised)


class _Answered:
    """One exchange that is answered; how the client reads the answer is its own affair."""

    answers = True

    def __init__(self, answers: Answers, url: str, raised: list[BaseException]) -> None:
        self._answers = answers
        self._url = url
        self._raised = raised

    def sent(self, request: Request) -> Reply:
        """Answer."""
        try:
            return self._answers(request, self._url)
        except Exception as error:
            self._raised.append(error)
            raise
        except BaseException as error:  # noqa: BLE001  it is raised again outside the client
            # The end of an example is nothing that event loops and clients are ready for: it is told once they let go.
            self._raised.append(error)
            raise _Over from None

    def response(self, status: int, headers: Headers) -> None:
        """Know it already."""

    def data(self, chunk: bytes) -> None:
        """Know it already."""

    def end(self) -> None:
        """Take the end."""

    def broken(self, reason: str) -> None:
        """Take a failure: it was wished for."""

    def closed(self) -> None:
        """Take that the client has read enough."""
