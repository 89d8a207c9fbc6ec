"""A fault as a value, and the few kinds of change that faults are made of.

The rule of this module: a change sees one exchange, before and after the honest server, and keeps nothing between two
of them; what it does not name it leaves alone, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, urlencode

import orjson

from assay.messages import Request
from assay.reference.faults import forms
from assay.reference.faults.edits import Edit, at, events, frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.violation import Verdict, Violation

__all__ = [
    "BAD_METHOD",
    "BAD_REQUEST",
    "GROUPS",
    "NOT_FOUND",
    "OK",
    "Answer",
    "Answers",
    "Asked",
    "Asks",
    "Change",
    "Fault",
    "Instead",
    "Judging",
    "Sends",
    "Streams",
    "Tells",
    "Unenforced",
    "asking",
    "in_json",
    "read_instead",
    "with_header",
]

GROUPS = (
    "response shape",
    "types",
    "enums",
    "nulls",
    "status",
    "content type",
    "error envelope",
    "constraint not enforced",
    "valid input refused",
    "relations",
    "streams",
    "state",
    "pagination",
    "authentication",
    "HTTP",
)

OK, BAD_REQUEST, NOT_FOUND, BAD_METHOD = 200, 400, 404, 405
_REPAIRS = 6  # broken places of one request that are mended before it is served


class Judging(Protocol):
    """What faults ask of a contract."""

    def check_request(self, request: Request, /) -> Verdict:
        """Judge one request."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: ``operation`` is its id, or ``-`` without one; ``key`` what the server demands, if it does."""

    operation: str
    request: Request
    judge: Judging
    key: str | None = None

    @property
    def value(self) -> Any:
        """The JSON value of the body, or None."""
        try:
            return orjson.loads(self.request.body)
        except orjson.JSONDecodeError:
            return None

    def with_request(self, target: str | None = None, body: bytes | None = None) -> Asked:
        """Return the same with another target or body."""
        old = self.request
        target, body = old.target if target is None else target, old.body if body is None else body
        return replace(self, request=Request(old.method, target, old.headers, body))


@dataclass(frozen=True, slots=True)
class Answer:
    """One response: ``parts`` are the body as it is sent, the events of a stream one by one.

    ``exact`` leaves the declared length alone; ``cut`` closes the connection behind the parts, before the end.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    parts: tuple[bytes, ...]
    exact: bool = False
    cut: bool = False

    @property
    def refuses(self) -> bool:
        """Whether it is an error."""
        return self.status >= BAD_REQUEST

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.parts)

    @property
    def kind(self) -> str:
        """The media type, without parameters."""
        return dict(self.headers).get("content-type", "").partition(";")[0]


class Change(Protocol):
    """What a fault does to one exchange. ``on`` are patterns of operation ids, separated by spaces."""

    @property
    def on(self) -> str:
        """Where it applies."""
        ...

    def ask(self, asked: Asked) -> Asked | Answer:
        """Change the request, or answer it."""
        ...

    def tell(self, asked: Asked, answer: Answer) -> Answer:
        """Change the answer; ``asked`` is what the client asked."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """One named defect.

    ``name`` in kebab case, ``group`` one of :data:`GROUPS`, ``sentence`` what is wrong, ``source`` the number of the
    class in the list of defects that real servers have shown, or None; ``change`` how it is made. ``keyed`` faults
    show only on a server that demands a key; a ``hazard`` is known to break clients, but is
    legal, or breaks a rule that few rely on, or cannot be told from a server that takes its time.
    """

    name: str
    sentence: str
    change: Change
    source: int | None = None
    group: str = ""
    keyed: bool = False
    hazard: bool = False


@cache
def applies(on: str, operation: str) -> bool:
    """Whether one of the patterns names the operation."""
    return any(fnmatchcase(operation, pattern) for pattern in on.split())


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of nothing."""

    on: str

    def ask(self, asked: Asked) -> Asked | Answer:
        """Leave it."""
        return asked

    def tell(self, asked: Asked, answer: Answer) -> Answer:  # noqa: ARG002  the protocol's
        """Leave it."""
        return answer


@dataclass(frozen=True, slots=True)
class Asks(_Change):
    """Edit the JSON value of a valid request before the honest server sees it."""

    edit: Edit

    def ask(self, asked: Asked) -> Asked | Answer:
        """Edit it."""
        value = asked.value
        if value is None or not asked.judge.check_request(asked.request).ok:
            return asked
        return asked.with_request(body=orjson.dumps(self.edit(value, value)))


@dataclass(frozen=True, slots=True)
class Sends(_Change):
    """Change the request in any way before the honest server sees it."""

    edit: Callable[[Asked], Asked]

    def ask(self, asked: Asked) -> Asked | Answer:
        """Change it."""
        return self.edit(asked)


def asking(change: Callable[[dict[str, str]], object]) -> Callable[[Asked], Asked]:
    """Change the pairs of the query of a valid request, in place."""
    return lambda asked: _asking(asked, change) if asked.judge.check_request(asked.request).ok else asked


def _asking(asked: Asked, change: Callable[[dict[str, str]], object]) -> Asked:
    path, _, query = asked.request.target.partition("?")
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    change(pairs)
    return asked.with_request(target=f"{path}?{urlencode(pairs)}" if pairs else path)


def read_instead(asked: Asked) -> Asked:
    """Ask for the object of a path, whatever was to be done with it."""
    path = asked.request.target.partition("?")[0].removesuffix("/cancel")
    fields = [
        pair for pair in asked.request.headers.fields if pair[0].lower() not in ("content-type", "content-length")
    ]
    return replace(asked, request=Request("GET", path, fields))


@dataclass(frozen=True, slots=True)
class Instead(_Change):
    """Answer some requests without asking the honest server: where ``make`` returns an answer."""

    make: Callable[[Asked], Answer | None]

    def ask(self, asked: Asked) -> Asked | Answer:
        """Answer it."""
        return self.make(asked) or asked


@dataclass(frozen=True, slots=True)
class Unenforced(_Change):
    """Accept requests that break certain rules at certain places: these are mended before they are served.

    ``at`` are patterns of the place (``messages.*.role``; empty for the body as a whole), ``rules`` of the rule's id,
    both separated by spaces. What is wrong is replaced by ``to``, or taken away where that is None; ``mend`` edits
    the whole body instead. A form's field and a parameter are replaced too.
    """

    at: str
    rules: str = "*"
    to: Any = None
    mend: Edit | None = None

    def ask(self, asked: Asked) -> Asked | Answer:
        """Mend what is broken, unless something else is broken too."""
        mended = asked
        for _ in range(_REPAIRS):
            found = [v for v in asked.judge.check_request(mended.request).violations if v.severity == "violation"]
            if not found:
                return mended
            if not all(self._names(violation) for violation in found):
                return asked
            mended = self._mended(mended, found[0])
        return asked

    def _names(self, violation: Violation) -> bool:
        place = ".".join(str(step) for step in violation.path)
        return applies(self.rules, violation.rule) and (place == self.at == "" or applies(self.at, place))

    def _mended(self, asked: Asked, violation: Violation) -> Asked:
        if violation.part == "query":
            return _asking(asked, lambda pairs: pairs.pop(str(violation.path[0]), None))
        value = asked.value
        if self.mend is not None:
            return asked.with_request(body=orjson.dumps(self.mend(value, value)))
        if value is None:
            field = str(violation.path[0]) if violation.path else ""
            body = asked.request.body
            return asked.with_request(
                body=forms.without(body, field) if self.to is None else forms.changed(body, field, str(self.to))
            )
        if not violation.path:
            return asked  # what is wrong with the whole, only a mending of its own can say
        new = at(value, violation.path) if self.to is None else at(value, violation.path, self.to)
        return asked.with_request(body=orjson.dumps(new))


@dataclass(frozen=True, slots=True)
class Tells(_Change):
    """Edit the JSON value of whole answers: of successes, or of ``refusals``."""

    edit: Edit
    refusals: bool = False

    def tell(self, asked: Asked, answer: Answer) -> Answer:
        """Edit it."""
        if answer.kind != "application/json" or answer.refuses != self.refusals:
            return answer
        new = self.edit(orjson.loads(answer.body), asked.value)
        return replace(answer, parts=(orjson.dumps(new),))


@dataclass(frozen=True, slots=True)
class Streams(_Change):
    """Edit the list of the events of streams."""

    edit: Edit

    def tell(self, asked: Asked, answer: Answer) -> Answer:
        """Edit it."""
        if answer.kind != "text/event-stream":
            return answer
        return replace(answer, parts=frames(self.edit(events(answer.body), asked.value)))


@dataclass(frozen=True, slots=True)
class Answers(_Change):
    """Change answers in any way: their status, fields and bytes."""

    edit: Callable[[Answer, Asked], Answer]

    def tell(self, asked: Asked, answer: Answer) -> Answer:
        """Change it."""
        return self.edit(answer, asked)


def in_json(status: int, value: Any) -> Answer:
    """Return an answer in JSON."""
    return Answer(status, (("content-type", "application/json"), ("content-length", "")), (orjson.dumps(value),))


def with_header(answer: Answer, name: str, text: str | None) -> Answer:
    """Return an answer with another value of a header field, or without the field."""
    rest = tuple(pair for pair in answer.headers if pair[0] != name)
    return replace(answer, headers=rest if text is None else (*rest, (name, text)))
