"""Parameters of a request: values drawn from their schemas, written in their style, proved by reading them back.

The rule of this module: a parameter's verdict is that of its text. A value that its text form turns into a valid
one (``"1"`` where an integer is wanted) is never called invalid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.generate.compiler import Compiler
from assay.generate.literals import NONE, literals
from assay.generate.mutations import mutated
from assay.messages import Headers
from assay.wire.styles import IGNORED_HEADERS, Reader
from assay.wire.written import write

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.generate.source import Source
    from assay.model import Operation, Parameter, Shape
    from assay.schema.check import Schemas

__all__ = ["ParameterMaker", "Parameters", "Pieces"]

# Optional parameters that name an object of the target: an invented one may honestly be refused.
_CURSORS = frozenset({"after", "before", "starting_after", "ending_before", "cursor", "page_token", "page"})
_TRIES = 8
_LONGEST = 5000  # characters; a longer target is refused for its length alone
_PROBES = ("~", "", "a" * (_LONGEST - 1))


@dataclass(slots=True)
class Pieces:
    """The written parameters of one request: path segments by name, pieces of the query, headers, cookies."""

    path: dict[str, str] = field(default_factory=dict)
    query: list[str] = field(default_factory=list)
    headers: list[tuple[str, str]] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)

    def put(self, parameter: Parameter, text: str) -> None:
        """Add one written parameter where it belongs."""
        match parameter.location:
            case "path":
                self.path[parameter.name] = text
            case "header":
                self.headers.append((parameter.name, text))
            case "cookie":
                self.cookies.append(text)
            case _ if text:
                self.query.append(text)

    def fields(self) -> list[tuple[str, str]]:
        """The header fields, cookies among them."""
        cookies = "; ".join(piece for piece in self.cookies if piece)
        return [*self.headers, *([("cookie", cookies)] if cookies else [])]


class ParameterMaker:
    """Makes one parameter. ``supply`` goes before the schema, where it has a value (the target's model names)."""

    def __init__(self, schemas: Schemas, parameter: Parameter, supply: Callable[[Source], Any] | None) -> None:
        self.parameter = parameter
        self._supply = supply
        self._shape: Shape | None = None
        self._check = self._plan = None
        self._literals = NONE
        if parameter.schema is not None:
            canonical = schemas.canonical(parameter.schema, "request")
            self._shape = schemas.shape(parameter.schema)
            self._check = schemas.check(parameter.schema, "request")
            self._plan = Compiler().root(canonical)
            self._literals = literals(canonical)
        shapes = {parameter.schema or "": self._shape} if self._shape is not None else {}
        self._reader = Reader([parameter], shapes)
        texts = [text for probe in _PROBES if (text := self.text(probe)) is not None]
        self._broken = [text for text in texts if self._verdict(text) is False]

    @property
    def possible(self) -> bool:
        """Whether a value can be made at all."""
        return self._plan is None or self._plan.height < math.inf

    @property
    def breakable(self) -> bool:
        """Whether some text breaks it: a schema that admits odd strings is left alone."""
        return bool(self._broken)

    @property
    def may_be_sent(self) -> bool:
        """Whether a value can be made that no honest target refuses."""
        return self.possible and self.parameter.name not in _CURSORS

    def valid(self, source: Source) -> str:
        """Make the text of a valid value."""
        for _ in range(_TRIES):
            value = self.value(source)
            text = self.text(value)
            if text is not None and self._verdict(text) is True:
                return text
        return source.give_up()

    def invalid(self, source: Source) -> tuple[str, str]:
        """Make a text that reads as an invalid value, with what was done to it; only where it is breakable."""
        for _ in range(_TRIES):
            change = mutated(source, self.value(source), self._literals)
            text = self.text(change.value)
            if text is not None and len(text) < _LONGEST and self._verdict(text) is False:
                return text, change.change
        return source.pick(self._broken), "another string"

    def value(self, source: Source) -> Any:
        """Choose a value, not proven."""
        supplied = None if self._supply is None else self._supply(source)
        if supplied is not None:
            return supplied
        return "a" if self._plan is None else self._plan.make(source, source.dials.depth)

    def text(self, value: Any) -> str | None:
        """Write a value; None where this style, or a path, cannot show it."""
        try:
            text = write(self.parameter, self._shape, value)
        except (ValueError, TypeError, KeyError, AttributeError):
            return None  # this style cannot show such a value
        if self.parameter.location == "path" and (not text or text in (".", "..")):
            return None  # it would be another path
        return text

    def _verdict(self, text: str) -> bool | None:
        """Whether the text reads as a valid value; None where it does not show the parameter at all."""
        candidates = self.candidates(text)
        if not candidates:
            return None if candidates is None else False
        return self._check is None or any(self._check.ok(value) for value in candidates)

    def candidates(self, text: str) -> tuple[Any, ...] | None:
        """The values that a text can be read as, none where it is malformed; None where it shows no parameter."""
        pieces = Pieces()
        pieces.put(self.parameter, text)
        readings = self._reader.read(pieces.path, "&".join(pieces.query), Headers(pieces.fields()))
        for reading in readings.values:
            if not reading.present:
                return None
            return () if reading.problem is not None else reading.candidates
        return None


class Parameters:
    """All parameters of an operation."""

    def __init__(self, schemas: Schemas, operation: Operation, supplies: Mapping[str, Callable[[Source], Any]]) -> None:
        self.makers = [
            ParameterMaker(schemas, parameter, supplies.get(parameter.name) if parameter.location == "path" else None)
            for parameter in operation.parameters
            if not (parameter.location == "header" and parameter.name.lower() in IGNORED_HEADERS)
        ]

    def chosen(self, source: Source) -> dict[str, str]:
        """The texts of required parameters, and of optional ones at the set rate, by location and name."""
        return {
            key(maker.parameter): maker.valid(source)
            for maker in self.makers
            if _needed(maker.parameter) or (maker.may_be_sent and source.chance(source.dials.optional))
        }

    def pieces(self, texts: Mapping[str, str]) -> Pieces:
        """Put written parameters where they belong, in the order of the description."""
        pieces = Pieces()
        for maker in self.makers:
            text = texts.get(key(maker.parameter))
            if text is not None:
                pieces.put(maker.parameter, text)
        return pieces


def key(parameter: Parameter) -> str:
    """The place of a parameter, as labels name it."""
    return f"{parameter.location}.{parameter.name}"


def _needed(parameter: Parameter) -> bool:
    return parameter.required or parameter.location == "path"
