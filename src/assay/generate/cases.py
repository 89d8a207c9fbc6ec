"""Cases: whole requests for any operation, valid ones and ones that break exactly one thing.

The rule of this module: a case says in its label what it tests, and is proved before it is given out: a valid one
in every part, an invalid one in the part that its label names while all other parts stay valid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from hypothesis import strategies as st

from assay.generate.bodies import BodyMaker, Written
from assay.generate.dials import DIALS, Dials
from assay.generate.domain import domain_of
from assay.generate.known import item_path
from assay.generate.literals import literals
from assay.generate.mutations import mutated
from assay.generate.parameters import Parameters, key
from assay.generate.source import Source
from assay.messages import Request
from assay.violation import place
from assay.wire.json_text import parse_json
from assay.wire.media import is_json, select
from assay.wire.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.model import Api, Operation
    from assay.schema.check import Schemas

__all__ = ["Case", "CaseMaker", "cases"]

_TRIES = 12
_PLACES = 14  # how often a place of the body is broken for each cut-off text, wrong content type or missing body
_STRANGE_TYPE = "application/x-otter"

Broken = tuple[str, "dict[str, str]", "Written | None"]
"""What was broken, the texts of the parameters, the body."""


@dataclass(frozen=True, slots=True)
class Case:
    """One request to send. ``label`` says what it tests; ``features`` are the features that a valid one uses."""

    operation: str
    request: Request
    label: str
    valid: bool
    features: tuple[str, ...] = ()


def cases(
    api: Api, schemas: Schemas, operation: Operation, dials: Dials = DIALS, *, valid: bool = True
) -> st.SearchStrategy[Case]:
    """Cases of one operation; ``st.nothing()`` where none can be made (a media type that cannot be written).

    An invalid case breaks exactly one parameter, or one place of the body, or leaves out what is required, or sends
    a wrong content type or broken JSON.
    """
    _ = api
    maker = CaseMaker(schemas, operation)
    if not maker.possible or (not valid and not maker.ways):
        return st.nothing()
    return _drawn(maker, dials, valid)


@st.composite
def _drawn(draw: st.DrawFn, maker: CaseMaker, dials: Dials, valid: bool) -> Case:  # noqa: FBT001
    source = Source(draw, dials)
    return maker.valid(source) if valid else maker.invalid(source)


class CaseMaker:
    """Everything about one operation that does not depend on the choices."""

    def __init__(self, schemas: Schemas, operation: Operation) -> None:
        self.operation = operation
        domain = domain_of(operation.id)
        self.parameters = Parameters(schemas, operation, _supplies(operation))
        contents = operation.body.contents if operation.body else ()
        self.bodies = [body for content in contents if (body := BodyMaker(schemas, content, domain)).supported]
        self._schemas = schemas
        self.required = operation.body is not None and operation.body.required
        self.ways = self._ways()

    @cached_property
    def literals(self) -> list[Any]:
        """The literals of every body's schema."""
        described = [body.content.schema for body in self.bodies if body.content.schema is not None]
        return [literals(self._schemas.canonical(reference, "request")) for reference in described]

    @property
    def possible(self) -> bool:
        """Whether a valid case can be made."""
        needed = [m for m in self.parameters.makers if m.parameter.required or m.parameter.location == "path"]
        return all(maker.possible for maker in needed) and (bool(self.bodies) or not self.required)

    def valid(self, source: Source) -> Case:
        """Make a valid case."""
        body = self._body(source)
        features = body.features if body is not None else ()
        label = "valid" if not features else f"valid with {', '.join(features)}"
        return self.case(label, self.parameters.chosen(source), body, features)

    def invalid(self, source: Source) -> Case:
        """Make a case with one break: choose a way, and take the next one where it does not succeed."""
        start = source.below(len(self.ways))
        for attempt in range(_TRIES):
            broken = self.ways[(start + attempt) % len(self.ways)](source)
            if broken is not None:
                label, texts, body = broken
                return self.case(label, texts, body, (), valid=False)
        return source.give_up()

    def _ways(self) -> list[Callable[[Source], Broken | None]]:
        """The ways to break this operation; the body's places count for most."""
        ways: list[Callable[[Source], Broken | None]] = []
        if self.bodies:
            ways += [self._broken_value] * _PLACES
            if any(is_json(body.media_type) for body in self.bodies):
                ways.append(self._broken_text)
            contents = self.operation.body.contents if self.operation.body else ()
            if select(contents, _STRANGE_TYPE) is None:
                ways.append(self._wrong_type)
            if self.required:
                ways.append(self._no_body)
        if any(maker.breakable for maker in self.parameters.makers):
            ways += [self._broken_parameter] * 2
        if any(m.parameter.required and m.parameter.location != "path" for m in self.parameters.makers):
            ways.append(self._no_parameter)
        return ways

    def _body(self, source: Source) -> Written | None:
        if not self.bodies or not (self.required or source.chance(0.8)):
            return None
        return source.pick(self.bodies).valid(source)

    def _broken_value(self, source: Source) -> Broken | None:
        number = source.below(len(self.bodies))
        maker = self.bodies[number]
        good = maker.valid(source)
        for _ in range(_TRIES):
            change = mutated(source, good.value, self.literals[number])
            bad = maker.write(change.value)
            if bad is not None and bad.data != good.data and not maker.admits(bad):
                label = f"{place('body', change.path)}: {change.change}"
                return label, self.parameters.chosen(source), bad
        return None

    def _broken_text(self, source: Source) -> Broken | None:
        maker = next(body for body in self.bodies if is_json(body.media_type))
        good = maker.valid(source)
        data = good.data[: -1 - source.below(min(len(good.data), 5))]
        if not data or not isinstance(parse_json(data), Problem):
            return None  # nothing left is no body at all
        return "body: JSON text cut off", self.parameters.chosen(source), Written(None, data, good.content_type)

    def _wrong_type(self, source: Source) -> Broken:
        good = source.pick(self.bodies).valid(source)
        wrong = Written(good.value, good.data, _STRANGE_TYPE)
        return "body: wrong content type", self.parameters.chosen(source), wrong

    def _no_body(self, source: Source) -> Broken:
        return "body: missing", self.parameters.chosen(source), None

    def _broken_parameter(self, source: Source) -> Broken:
        maker = source.pick([maker for maker in self.parameters.makers if maker.breakable])
        text, change = maker.invalid(source)
        texts = {**self.parameters.chosen(source), key(maker.parameter): text}
        return f"{key(maker.parameter)}: {change}", texts, self._body(source)

    def _no_parameter(self, source: Source) -> Broken:
        required = [m.parameter for m in self.parameters.makers if m.parameter.required]
        left_out = key(source.pick([parameter for parameter in required if parameter.location != "path"]))
        texts = {name: text for name, text in self.parameters.chosen(source).items() if name != left_out}
        return f"{left_out}: missing", texts, self._body(source)

    def case(
        self, label: str, texts: dict[str, str], body: Written | None, features: tuple[str, ...], *, valid: bool = True
    ) -> Case:
        """Put a request together from the texts of its parameters and its body."""
        pieces = self.parameters.pieces(texts)
        path = self.operation.path
        for name, text in pieces.path.items():
            path = path.replace("{" + name + "}", text)
        query = "&".join([*([urlencode(self.operation.query)] if self.operation.query else []), *pieces.query])
        target = self.operation.bases[0] + path + (f"?{query}" if query else "")
        headers = pieces.fields()
        if body is not None:
            headers.append(("content-type", body.content_type))
        request = Request(self.operation.method, target, headers, body.data if body is not None else b"")
        return Case(self.operation.id, request, label, valid, features)


def _supplies(operation: Operation) -> dict[str, Callable[[Source], str | None]]:
    """What fills the parameters of the path: models that the target serves, and objects that it has."""
    names = [parameter.name for parameter in operation.parameters if parameter.location == "path"]
    supplies = {name: _supply(item_path(operation.path, name)) for name in names}
    return {**supplies, "model": lambda source: source.pick(source.dials.models)}


def _supply(item: str) -> Callable[[Source], str | None]:
    return lambda source: source.dials.known.get(item)
