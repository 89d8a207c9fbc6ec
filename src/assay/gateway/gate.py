"""The gate: a contract with a policy, asked once for each exchange; every door of a gateway stands before one.

The rule of this module: a gate is immutable for the traffic that goes through it; a new contract or policy is a new
gate. Wrong configuration is refused here, at the start, and not at the first request.
"""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from assay.errors import UsageError
from assay.gateway.bodies import json_schema, unknown_fields
from assay.gateway.passage import Judgement, Passage
from assay.gateway.policy import Policy
from assay.gateway.settings import Settings
from assay.messages import UNREAD, Headers, Request
from assay.violation import Verdict
from assay.wire.json_text import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from assay.gateway.policy import Choose, Mode
    from assay.messages import HeadersLike, Response
    from assay.model import Operation, Shape
    from assay.violation import Violation

__all__ = ["Gate", "Judge"]

_GOLDEN = 0.6180339887498949
_CLOSED = ("schema/additionalProperties", "schema/unevaluatedProperties")


class Shapes(Protocol):
    """What a gate asks of a contract's schemas."""

    def shape(self, reference: str, /) -> Shape:
        """Return the names that a schema declares."""
        ...


class Judge(Protocol):
    """What a gate asks of a contract; :class:`assay.Contract` is one."""

    @property
    def schemas(self) -> Shapes:
        """Its schemas."""
        ...

    def __getitem__(self, operation_id: str) -> Operation:
        """Return an operation; an unknown id is a ``UsageError``."""
        ...

    def find(self, request: Request) -> Operation | None:
        """Return the operation that a request is for."""
        ...

    def check_request(self, request: Request) -> Verdict:
        """Judge one request."""
        ...

    def check_response(self, request: Request, response: Response) -> Verdict:
        """Judge one whole response."""
        ...

    def open_stream(self, request: Request, status: int, headers: HeadersLike, *, limit: int) -> Any:
        """Open the check of a stream, with ``feed`` and ``close``."""
        ...


class Gate:
    """A contract with a policy.

    ``mode`` is one mode for all traffic (``enforce`` refuses requests and observes responses), a :class:`Policy`, or a
    function that chooses. ``observers`` are told every :class:`Judgement`; ``clock`` gives seconds.
    """

    def __init__(
        self,
        judge: Judge,
        mode: Mode | Policy | Choose = "observe",
        settings: Settings | None = None,
        *,
        observers: Iterable[Callable[[Judgement], None]] = (),
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.judge = judge
        self.policy = Policy.of(mode)
        self.settings = Settings() if settings is None else settings
        self.clock = clock
        self._observers = tuple(observers)
        self._exchanges = itertools.count(1)
        for override in self.policy.overrides:
            for operation in override.operations:
                judge[operation]  # an unknown one is refused now
        if not isinstance(self.settings, Settings):
            raise UsageError("settings must be a Settings")

    def open(self, method: str, target: str, headers: Headers) -> Passage | None:
        """Begin an exchange; None means that nobody looks at it."""
        request = Request(method, target, headers)
        try:
            operation = self.judge.find(request)
            name = None if operation is None else operation.id
            modes = self.policy.modes(name, headers)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001  a user's function, or the contract
            self.tell(Judgement("request", None, "observe", error=type(error).__name__))
            return None
        if modes.requests == modes.responses == "off" or not self._drawn(modes.sample):
            return None
        if operation is None and (self.settings.unknown_paths == "allow" or method == "OPTIONS"):
            return None
        return Passage(self, request, name, modes)

    def tell(self, judgement: Judgement) -> None:
        """Tell all observers; one that fails is no reason to stop traffic."""
        for observer in self._observers:
            with contextlib.suppress(Exception):
                observer(judgement)

    def misrouted(self, verdict: Verdict) -> Verdict:
        """Weigh a request that belongs to no operation by the setting for it."""
        if self.settings.unknown_paths == "refuse":
            return verdict
        return Verdict(None, tuple(_as_hazard(violation) for violation in verdict.violations))

    def with_fields(self, verdict: Verdict, request: Request) -> Verdict:
        """Apply the setting for unknown fields to a verdict."""
        how = self.settings.unknown_fields
        found = verdict.violations
        if how != "refuse":
            found = tuple(_as_hazard(v) if v.rule in _CLOSED else v for v in found)
        if how == "allow" or how is None:
            return Verdict(verdict.operation, tuple(v for v in found if v.rule not in _CLOSED))
        operation = self.judge[verdict.operation] if verdict.operation else None
        schema = json_schema(operation) if operation is not None else None
        if operation is None or schema is None:
            return Verdict(verdict.operation, found)
        known = {violation.path for violation in found}
        value = parse_json(request.body) if request.parsed is UNREAD else request.parsed
        more = unknown_fields(operation, self.judge.schemas.shape(schema), value, how)
        return Verdict(verdict.operation, (*found, *(one for one in more if one.path not in known)))

    def _drawn(self, sample: float) -> bool:
        """Draw a share of all exchanges, spread evenly: no chance, and no beat with traffic that repeats itself."""
        return sample >= 1 or (next(self._exchanges) * _GOLDEN) % 1.0 < sample


def _as_hazard(violation: Violation) -> Violation:
    return replace(violation, severity="hazard")
