"""The contract: one description, one router, one set of validators, asked by every door.

The rule of this module: nothing is imported or compiled before it is needed and nothing compiled twice, so that a
start which only loads stays short; a contract is immutable for its users and may be shared between threads.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from assay.errors import UsageError
from assay.messages import Headers
from assay.spec.load import load_api
from assay.violation import Verdict, Violation
from assay.wire.routing import Router
from assay.wire.sse import LIMIT

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from assay.contract.requests import RequestCheck
    from assay.contract.responses import ResponseCheck
    from assay.contract.stream import StreamCheck
    from assay.messages import HeadersLike, Request, Response
    from assay.model import Api, Operation
    from assay.rules.registry import Registry, RuleSet
    from assay.schema.check import EngineName, Schemas
    from assay.spec.load import Layer, Source
    from assay.wire.routing import Route

__all__ = ["Contract", "load"]

_LONGEST_METHOD = 10


class Contract:
    """A compiled description.

    ``engine`` is ``rust`` (jsonschema-rs) or ``reference`` (jsonschema). ``strict_query`` makes undeclared query
    parameters violations. ``off`` are ids of rules that are switched off; an unknown id is a ``UsageError``.
    ``rules`` are rule sets of one's own, beside those that Assay brings.
    """

    def __init__(
        self,
        api: Api,
        *,
        engine: EngineName = "rust",
        strict_query: bool = False,
        off: Iterable[str] = (),
        rules: Iterable[RuleSet] = (),
    ) -> None:
        self.api = api
        self._engine: EngineName = engine
        self._off = tuple(off)
        self._more = tuple(rules)
        self._strict_query = strict_query
        self._router = Router(api.operations)
        self._by_id = {operation.id: operation for operation in api.operations}
        self._requests: dict[str, RequestCheck] = {}
        self._responses: dict[str, ResponseCheck] = {}
        if self._off or self._more or engine != "rust":
            _ = self.rules, self.schemas  # a misspelt name is told now

    @cached_property
    def schemas(self) -> Schemas:
        """The compiled schemas of the description, by reference."""
        from assay.schema.check import Schemas  # noqa: PLC0415

        return Schemas(self.api.documents, engine=self._engine)

    @cached_property
    def rules(self) -> Registry:
        """The rules that no schema states, without those switched off."""
        from assay.rules.catalogue import standard  # noqa: PLC0415

        return standard(off=self._off, more=self._more)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Every operation, in the order of the description."""
        return self.api.operations

    def __getitem__(self, operation_id: str) -> Operation:
        try:
            return self._by_id[operation_id]
        except KeyError:
            raise UsageError(f"no operation {operation_id!r} in {self.api.title!r}") from None

    def __repr__(self) -> str:
        return f"<Contract {self.api.title!r} {self.api.version} with {len(self.api.operations)} operations>"

    def find(self, request: Request) -> Operation | None:
        """Return the operation that a request is for, or None."""
        return self._router.find(request.method, request.target).operation

    def check_request(self, request: Request) -> Verdict:
        """Judge one request: route, parameters, content type, body, rules."""
        route = self._router.find(request.method, request.target)
        operation = route.operation
        if operation is None:
            return Verdict(None, (_misrouted(request, route),))
        check = self._requests.get(operation.id) or self._request_check(operation)
        if check.accepts(request):
            return check.passed
        return self._told(check.check(request, route.path_values))

    def check_response(self, request: Request, response: Response) -> Verdict:
        """Judge one whole response to a request; the request's own violations are not repeated."""
        route = self._router.find(request.method, request.target)
        operation = route.operation
        if operation is None:
            return Verdict(None, (_misrouted(request, route),))
        check = self._responses.get(operation.id) or self._response_check(operation)
        if check.accepts(request, response):
            return check.passed
        exchange = self._request_check(operation).exchange(request, route.path_values)
        head = request.method.upper() == "HEAD" and operation.method != "HEAD"
        found = check.check(exchange, response, head=head)
        return self._told(Verdict(operation.id, found))

    def open_stream(self, request: Request, status: int, headers: HeadersLike, *, limit: int = LIMIT) -> StreamCheck:
        """Open the check of a stream of server-sent events that answers ``request``.

        ``limit`` bounds one event, in bytes. Raises ``UsageError`` when the request belongs to no operation: there is
        nothing to check it by.
        """
        route = self._router.find(request.method, request.target)
        if route.operation is None:
            raise UsageError(f"no operation for {request.method} {request.target.partition('?')[0]}")
        exchange = self._request_check(route.operation).exchange(request, route.path_values)
        return self._response_check(route.operation).open(exchange, status, Headers(headers), limit=limit)

    def check_webhook(self, request: Request, name: str | None = None) -> Verdict:
        """Judge a request that the service sends to its user.

        ``name`` is the webhook's name in the description; without it, the webhook that the body fits best is meant.
        Raises ``UsageError`` when the description has no webhook, or none of that name.
        """
        chosen = [webhook for webhook in self.api.webhooks if name is None or name in (webhook.path, webhook.id)]
        if not chosen:
            names = ", ".join(webhook.path for webhook in self.api.webhooks[:20]) or "none"
            wanted = "" if name is None else f" {name!r}"
            raise UsageError(f"no webhook{wanted} in {self.api.title!r}; there are: {names}")
        verdicts = [self._request_check(webhook).check(request, {}) for webhook in chosen]
        # A wrong tag (type, event) says that another webhook is meant; after that the fewest violations win.
        closest = min(verdicts, key=lambda v: (any(_is_tag(found) for found in v.violations), len(v.violations)))
        return self._told(closest)

    def compile(self) -> tuple[Operation, ...]:
        """Compile every operation and webhook now, and return them; raises ``DescriptionError`` with the pointer."""
        for operation in (*self.api.operations, *self.api.webhooks):
            for reference in operation.request_schemas:
                self.schemas.check(reference, "request")
            for reference in operation.response_schemas:
                self.schemas.check(reference, "response")
        return (*self.api.operations, *self.api.webhooks)

    def _request_check(self, operation: Operation) -> RequestCheck:
        check = self._requests.get(operation.id)
        if check is None:
            from assay.contract.requests import RequestCheck  # noqa: PLC0415

            made = RequestCheck(operation, self.schemas, self.rules, strict_query=self._strict_query)
            check = self._requests.setdefault(operation.id, made)
        return check

    def _response_check(self, operation: Operation) -> ResponseCheck:
        check = self._responses.get(operation.id)
        if check is None:
            from assay.contract.responses import ResponseCheck  # noqa: PLC0415

            made = ResponseCheck(operation, self.schemas, self.rules, self._shown)
            check = self._responses.setdefault(operation.id, made)
        return check

    def _told(self, verdict: Verdict) -> Verdict:
        """Write the pointers of a verdict for people."""
        if not verdict.violations:
            return verdict
        return Verdict(verdict.operation, tuple(self._shown(violation) for violation in verdict.violations))

    def _shown(self, violation: Violation) -> Violation:
        if not violation.pointer.startswith("file:"):
            return violation
        return replace(violation, pointer=self.api.shown(violation.pointer))


def load(  # noqa: PLR0913  one face for all that a contract can be told
    source: Source = "openai",
    *,
    overlays: Iterable[Source] = (),
    layer: Layer = "compat",
    allow: Iterable[str | os.PathLike[str]] = (),
    engine: EngineName = "rust",
    strict_query: bool = False,
    off: Iterable[str] = (),
    rules: Iterable[RuleSet] = (),
) -> Contract:
    """Read a description and compile it.

    ``source`` is ``"openai"`` (the bundled description), a path, or a parsed document. ``layer`` is ``compat`` (what
    the service sends and accepts) or ``strict`` (the letter). ``allow`` names references that may lead out of the
    description's folder. The other options are those of :class:`Contract`. Raises ``DescriptionError`` with the file
    and the pointer.
    """
    api = load_api(source, overlays=overlays, layer=layer, allow=allow)
    return Contract(api, engine=engine, strict_query=strict_query, off=off, rules=rules)


def _is_tag(violation: Violation) -> bool:
    return violation.rule in ("schema/enum", "schema/const") and len(violation.path) == 1


def _misrouted(request: Request, route: Route) -> Violation:
    if route.allowed:
        expected = f"one of the methods {', '.join(route.allowed)}"
        return Violation("http/unknown-method", "request", (), expected, _method(request.method))
    got = "an unknown one"
    if route.hint:
        got += f" (did you mean {route.hint}?)"
    return Violation("http/unknown-operation", "path", (), "a path of the description", got)


def _method(method: str) -> str:
    return method.upper() if method.isalpha() and len(method) <= _LONGEST_METHOD else "another one"
