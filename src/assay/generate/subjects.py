"""Subjects: the part of a request that is probed, with all that is needed to write it, judge it and send it.

The rule of this module: a value is judged as its reader gets it from what was written, so that a probe holds on the
wire and not only in the schema.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assay.generate.conversation import answered, offered
from assay.generate.fixed import Fixed, GaveUp
from assay.generate.media_values import SPEAKERS, introduced
from assay.generate.parameters import key
from assay.generate.response_parts import completed
from assay.generate.tuning import labelled
from assay.schema.check import mark
from assay.violation import Violation, describe
from assay.wire.media import is_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.generate.bodies import BodyMaker
    from assay.generate.cases import Case, CaseMaker
    from assay.generate.dials import Dials
    from assay.generate.parameters import ParameterMaker
    from assay.generate.sites import Root
    from assay.schema.check import Check, Schemas

__all__ = ["BodySubject", "ParameterSubject", "Subject", "subject_of"]

_LIMIT = 3  # violations; one is wanted
_GRADED = ("grader", "method")
_RICH, _PLAIN = (1, 2, 3, 4), (0, 5, 6, 7)


class Subject:
    """One part of the requests of an operation."""

    def __init__(self, maker: CaseMaker, root: Root, check: Check, dials: Dials) -> None:
        self.root = root
        self.dials = dials
        self._maker = maker
        self._check = check
        self._texts = defaults(maker, dials)
        self._body = default_body(maker, dials)
        self._known: dict[bytes, tuple[Violation, ...] | None] = {}

    def seeds(self) -> Iterator[Any]:
        """Yield valid values to begin with, the simplest first."""
        raise NotImplementedError

    def read(self, value: Any) -> tuple[Any, ...] | None:
        """The values that a reader can take for what is written of ``value``; None where it cannot be written."""
        raise NotImplementedError

    def case(self, value: Any, label: str, *, valid: bool) -> Case:
        """The whole request with this value."""
        raise NotImplementedError

    def violations(self, value: Any) -> tuple[Violation, ...] | None:
        """What the schema says of the value as it is written; None where it cannot be written."""
        # The sites of one place are tried with the same values, and their hosts are pared down by the same steps.
        now = mark(value)
        if now is None:
            return self._said(value)
        if now not in self._known:
            self._known[now] = self._said(value)
        return self._known[now]

    def _said(self, value: Any) -> tuple[Violation, ...] | None:
        candidates = self.read(value)
        if candidates is None:
            return None
        if any(self._check.ok(candidate) for candidate in candidates):
            return ()
        if not candidates:
            return (Violation("http/form", self.root.part, self.root.prefix, "a well-formed value", describe(value)),)
        return self._check.explain(candidates[0], part=self.root.part, path=self.root.prefix, limit=_LIMIT)

    def finish(self, value: Any) -> Any:
        """The value with what no schema says set right, such as the results that tool calls ask for."""
        return value

    @property
    def literal(self) -> bool:
        """Whether a reader gets just the value that was written."""
        return False

    def admitted(self, value: Any) -> tuple[Any] | None:
        """The first reading of what is written of a value that the schema admits, alone in a tuple; None without."""
        return next(((one,) for one in self.read(value) or () if self._check.ok(one)), None)

    def ok(self, value: Any) -> bool:
        """Whether the schema admits the value as it is written."""
        return any(self._check.ok(candidate) for candidate in self.read(value) or ())


class BodySubject(Subject):
    """The body, in one media type."""

    def __init__(self, maker: CaseMaker, root: Root, check: Check, dials: Dials, body: BodyMaker) -> None:
        super().__init__(maker, root, check, dials)
        self._writer = body

    def seeds(self) -> Iterator[Any]:
        """Plain requests and requests with many features, as the domain strategy of the operation makes them."""
        rich = replace(self.dials, feature=0.7, hostile=0.0)
        plain = replace(self.dials, hostile=0.0)
        for dials, numbers in ((plain, _PLAIN), (rich, _RICH)):
            for number in numbers:
                try:
                    yield self._writer.valid(Fixed(dials, number)).value
                except GaveUp:
                    continue

    @property
    def literal(self) -> bool:
        """JSON says what it means."""
        return is_json(self._writer.media_type)

    def finish(self, value: Any) -> Any:
        """Answer tool calls that a probe put into a conversation, offer tools that it chose, and the like."""
        if not isinstance(value, dict):
            return value
        if isinstance(value.get("messages"), list):
            return offered({**value, "messages": answered(value["messages"])})
        if isinstance(value.get("input"), str | list):
            return completed(value)
        if any(name in value for name in SPEAKERS):
            return introduced(value)
        return labelled(value) if any(name in value for name in _GRADED) else value

    def read(self, value: Any) -> tuple[Any, ...] | None:
        """Read the body back."""
        if is_json(self._writer.media_type):
            return (value,)
        written = self._writer.write(value)
        return None if written is None else self._writer.read(written)

    def case(self, value: Any, label: str, *, valid: bool) -> Case:
        """The request with this body."""
        return self._maker.case(label, self._texts, self._writer.write(value), (), valid=valid)


class ParameterSubject(Subject):
    """One parameter."""

    def __init__(self, maker: CaseMaker, root: Root, check: Check, dials: Dials, parameter: ParameterMaker) -> None:
        super().__init__(maker, root, check, dials)
        self._writer = parameter

    def seeds(self) -> Iterator[Any]:
        """Values as any request has them."""
        for number in (*_PLAIN, *_RICH):
            try:
                value = self._writer.value(Fixed(replace(self.dials, hostile=0.0), number))
            except GaveUp:
                continue
            if self.ok(value):
                yield value

    def read(self, value: Any) -> tuple[Any, ...] | None:
        """Read the parameter back."""
        text = self._writer.text(value)
        return None if text is None else self._writer.candidates(text)

    def case(self, value: Any, label: str, *, valid: bool) -> Case:
        """The request with this parameter."""
        texts = {**self._texts, key(self._writer.parameter): self._writer.text(value) or ""}
        return self._maker.case(label, texts, self._body, (), valid=valid)


def subject_of(maker: CaseMaker, schemas: Schemas, root: Root, dials: Dials) -> Subject | None:
    """The subject of a root, or None where it cannot be written (a media type that nothing here makes)."""
    check = schemas.check(root.place.reference, "request")
    if root.parameter is not None:
        mine = [one for one in maker.parameters.makers if one.parameter is root.parameter]
        return ParameterSubject(maker, root, check, dials, mine[0]) if mine else None
    bodies = [body for body in maker.bodies if body.media_type == root.media_type]
    return BodySubject(maker, root, check, dials, bodies[0]) if bodies else None


def defaults(maker: CaseMaker, dials: Dials) -> dict[str, str]:
    """The texts of the parameters that every request must have."""
    texts = {}
    for one in maker.parameters.makers:
        if one.parameter.required or one.parameter.location == "path":
            texts[key(one.parameter)] = one.valid(Fixed(replace(dials, hostile=0.0)))
    return texts


def default_body(maker: CaseMaker, dials: Dials) -> Any:
    """The simplest body, where the operation needs one."""
    return maker.bodies[0].valid(Fixed(replace(dials, hostile=0.0))) if maker.bodies and maker.required else None
