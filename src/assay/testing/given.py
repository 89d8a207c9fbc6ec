"""``given_response``: a test of client code, run by Hypothesis with every response that the contract allows.

The rule of this module: a response is drawn when the code under test asks for it, from what its request allows. What
comes out of a client wrapped in errors of its own is told as it was: a call that was not expected, a draw that ended.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, wraps
from threading import Lock
from typing import TYPE_CHECKING, Any

from hypothesis import given, is_hypothesis_test, settings
from hypothesis import strategies as st
from hypothesis.control import current_build_context

from assay.contract import Contract, load
from assay.errors import UsageError
from assay.generate.responses import RESPONSES, Responder
from assay.generate.responses_faults import ended_by_error, events_of, of_the_future
from assay.generate.source import Source
from assay.messages import Headers, Response
from assay.testing.offences import ContractViolated, Offence, Origin
from assay.testing.replies import Call, Given, UnexpectedCall, answering, call_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.adapters.intercept import Reply
    from assay.generate.responses_asked import Asked
    from assay.messages import Request

__all__ = ["Generated", "given_response", "using"]

Contracts = Callable[[], Contract]
_default: list[Contracts] = []

_HIDDEN = "assay_responses"
_PARAMETER = "assay"
_PATIENCE = 5  # examples without any call before a test whose other arguments vary is told that it proves nothing
_TOO_MANY, _ERROR = 429, 500
# A client that is told when to try again need not wait for its own idea of it.
_AT_ONCE = (("retry-after", "0"), ("retry-after-ms", "1"))


def given_response(
    *operations: str,
    future: bool = False,
    faults: bool = False,
    contract: Contract | str | None = None,
    **strategies: st.SearchStrategy[Any],
) -> Callable[[Callable[..., Any]], Any]:
    """Run a test with generated responses instead of the network; sync and async tests alike.

    ``operations`` are the ids of the operations whose responses vary (none: all); the others get the likeliest.
    ``future`` adds what a client of an open world must cope with: unknown fields, values, items and events. ``faults``
    adds 429, 500, errors in mid-stream and broken connections. ``contract`` is a contract or the description to load.
    ``strategies`` are further arguments, as for Hypothesis's ``given``. A test with a parameter ``assay`` gets the
    :class:`Generated`, with the ``calls`` that were answered.

    Put ``settings`` above; without them there is no deadline. Above a ``@given`` of its own it works as well.
    """
    setup = _Setup(operations, future, faults, contract, _PATIENCE if strategies else 1)

    def ready() -> st.SearchStrategy[Any]:
        return setup.ready()  # Hypothesis asks for a plain function, and calls it before it takes any time

    def decorate(test: Callable[..., Any]) -> Any:
        if is_hypothesis_test(test):
            return _beside_given(test, setup, strategies)
        wanted = _PARAMETER in inspect.signature(test).parameters
        name = _PARAMETER if wanted else _HIDDEN
        run = _running(test, setup, name, wanted=wanted)
        made: Any = given(**{name: st.deferred(ready)}, **strategies)(run)
        if not hasattr(made, "_hypothesis_internal_settings_applied"):
            # Clients are slow to begin, and a test that fails for its speed alone proves nothing of responses.
            made._hypothesis_internal_use_settings = settings(deadline=None)  # noqa: SLF001  no other way leaves ``settings`` to the user
        return made

    return decorate


def _beside_given(test: Any, setup: _Setup, strategies: dict[str, Any]) -> Any:
    """Draw responses inside a test that is run by Hypothesis already."""
    inner, setup.patience = test.hypothesis.inner_test, _PATIENCE
    if strategies or _PARAMETER in inspect.signature(inner).parameters:
        raise UsageError("give the strategies to given_response itself, in place of a @given below it")

    def data() -> Any:
        setup.ready()
        return current_build_context().data.draw(st.data())

    test.hypothesis.inner_test = _running(inner, setup, None, wanted=False, data=data)
    return test


def _running(
    test: Callable[..., Any], setup: _Setup, name: str | None, *, wanted: bool, data: Callable[[], Any] | None = None
) -> Callable[..., Any]:
    """The test with its answers around it; ``name`` is the argument that brings what responses are drawn through."""
    signature = _signature(test, name)

    def taken(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Generated, dict[str, Any]]:
        given_ = dict(signature.bind(*args, **kwargs).arguments)
        drawn = given_.pop(name) if name is not None else data() if data is not None else None
        generated = Generated(setup, drawn)
        return generated, ({**given_, _PARAMETER: generated} if wanted else given_)

    if inspect.iscoroutinefunction(test):

        @wraps(test)
        async def run_async(*args: Any, **kwargs: Any) -> None:
            __tracebackhide__ = True
            generated, arguments = taken(args, kwargs)
            with generated.answering():
                await test(**arguments)

        run_async.__signature__ = signature  # type: ignore[attr-defined]
        return run_async

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        __tracebackhide__ = True
        generated, arguments = taken(args, kwargs)
        with generated.answering():
            test(**arguments)

    run.__signature__ = signature  # type: ignore[attr-defined]
    return run


def _signature(test: Callable[..., Any], name: str | None) -> inspect.Signature:
    """The signature of a test, with the argument through which responses are drawn."""
    found = inspect.signature(test)
    if name is None or name in found.parameters:
        return found
    drawn = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
    return found.replace(parameters=[*found.parameters.values(), drawn])


@contextmanager
def using(contract: Contracts) -> Iterator[None]:
    """Give tests that name no contract this one, while the block runs; without it they have the bundled one."""
    _default.append(contract)
    try:
        yield
    finally:
        _default.pop()


@lru_cache(maxsize=8)
def _loaded(source: str) -> Contract:
    return load(source)


@lru_cache(maxsize=8)
def _responder(contract: Contract) -> Responder:
    return Responder(contract.api, contract.schemas, contract.rules)


@dataclass(slots=True, repr=False)
class _Setup:
    """What a decorator was told, and how its test has been running."""

    operations: tuple[str, ...]
    future: bool
    faults: bool
    source: Contract | str | None
    patience: int
    examples: int = 0
    calls: int = 0
    warmed: set[str] = field(default_factory=set)

    @property
    def contract(self) -> Contract:
        """The contract in force."""
        if self.source is None:
            self.source = _default[-1]() if _default else "openai"
        return self.source if isinstance(self.source, Contract) else _loaded(self.source)

    def ready(self) -> st.SearchStrategy[Any]:
        """Compile what is needed before time is taken, and give what responses are drawn through."""
        contract = self.contract
        for name in self.operations:
            operation = contract[name]
            if name not in self.warmed:
                self.warmed.add(name)
                _responder(contract).warm(operation)
        return st.data()


class Generated:
    """Answers the requests of one example. ``calls`` are those that were answered, in order."""

    def __init__(self, setup: _Setup, data: Any) -> None:
        self.contract = setup.contract
        self.calls: list[Call] = []
        self._setup = setup
        self._data = data
        self._responder = _responder(self.contract)
        self._offences: list[Offence] = []
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<Generated {len(self.calls)} calls>"

    def __call__(self, request: Request, url: str) -> Reply:
        """Draw the response to one request; raises ``UnexpectedCall`` for a request to no operation."""
        with self._lock:
            name = call_name(self.contract, request, url)
            if self.contract.find(request) is None:
                raise UnexpectedCall(f"{name} was called, which is no operation of {self.contract.api.title!r}")
            self._judge(request, name)
            asked = self._responder.asked(request)
            if not self._setup.operations or asked.operation.id in self._setup.operations:
                given = self._data.draw(_responses(self._responder, asked, self._setup), label=name)
            else:
                given = Given(self._responder.typical(asked))
            self.calls.append(Call(asked.operation.id, url, request, given.response))
            reply: Reply = given.reply
            return reply

    @contextmanager
    def answering(self) -> Iterator[Generated]:
        """Answer all requests of this process while the block runs; then tell what was wrong with them."""
        __tracebackhide__ = True
        raised: list[BaseException] = []
        try:
            with answering(self) as raised:
                yield self
        except BaseException:
            if raised:
                raise raised[0] from None
            raise
        if raised:
            raise raised[0]
        if self._offences:
            raise ContractViolated(self._offences)
        self._count()

    def _judge(self, request: Request, name: str) -> None:
        verdict = self.contract.check_request(request)
        wrong = [violation for violation in verdict.violations if violation.severity == "violation"]
        self._offences += [Offence(violation, name, "request", Origin()) for violation in wrong]

    def _count(self) -> None:
        setup = self._setup
        setup.examples += 1
        setup.calls += len(self.calls)
        if not setup.calls and setup.examples >= setup.patience:
            raise UnexpectedCall("the code under test made no call: given_response proves nothing here")


@st.composite
def _responses(draw: st.DrawFn, responder: Responder, asked: Asked, setup: _Setup) -> Given:
    """Any response to a request, and with faults what may come in its place."""
    source = Source(draw, RESPONSES)
    kinds = ["success"]
    if setup.faults:
        kinds = ["success", "success", "429", "500", "refused", "connect", "timeout", "cut"]
        kinds += ["error event"] if asked.streamed else []
    kind = source.pick(kinds)
    if kind in ("connect", "timeout"):
        return Given(Response(0), "connect" if kind == "connect" else "timeout")
    if kind in ("429", "500", "refused"):
        status = {"429": _TOO_MANY, "500": _ERROR}.get(kind)
        refusal = responder.refusal(source, asked, status)
        if refusal is not None:
            return Given(_retried(refusal))
    response = responder.answer(source, asked)
    if setup.future and source.chance(0.5):
        response = of_the_future(source, response)
    if kind == "cut":
        return _cut(source, response)
    return Given(_failed(source, response) if kind == "error event" else response)


def _retried(response: Response) -> Response:
    if response.status != _TOO_MANY and response.status < _ERROR:
        return response
    fields = [(name, value) for name, value in response.headers.fields if not name.lower().startswith("retry-after")]
    return Response(response.status, Headers([*fields, *_AT_ONCE]), response.body)


def _cut(source: Source, response: Response) -> Given:
    """A response whose connection breaks before its end."""
    told = events_of(response) if _streams(response) else []
    if told:
        return Given(ended_by_error(response, None, source.below(len(told))), "read")
    body = response.body[: source.below(len(response.body))] if response.body else b""
    return Given(Response(response.status, response.headers, body), "read")


def _failed(source: Source, response: Response) -> Response:
    told = events_of(response) if _streams(response) else []
    return ended_by_error(response, {}, source.below(len(told))) if told else response


def _streams(response: Response) -> bool:
    return (response.headers.content_type or "").startswith("text/event-stream")
