"""Plays flows on a target: fills each step with what is known by then, sends it, and asks what it is to be asked.

The rule of this module: a step that cannot be asked is left out, and so is what hangs on it; what an ask tells is
looked at again before it is told, for a service may need a moment; and patience with work that is not done is bounded.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from assay.conformance import plan
from assay.conformance.findings import key
from assay.conformance.flows.memory import AGAIN, Seen, at, value_of
from assay.conformance.flows.steps import Index, wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from assay.conformance.checks import Exchange
    from assay.conformance.flows.memory import Memory
    from assay.conformance.flows.steps import Flow, Step
    from assay.conformance.result import Tally
    from assay.conformance.trial import Trial
    from assay.contract import Contract
    from assay.messages import Request
    from assay.model import Operation
    from assay.violation import Violation

__all__ = ["SPARED", "Player"]

_MOMENTS = (0.2, 1.0)  # seconds before a second and a third look at what is wrong
_PATIENCE = (0.1, 0.5, 1.0, 2.0, 4.0)  # seconds before each further look at work that is not done
_SLOWER, _LONGEST = 4.0, 60.0  # times its slowest answer, and seconds, that a slow target is waited for
_LED = 3  # requests shown that led to what was found
_FAILED = 400


SPARED = 40
"""Requests that polling and other checks take beside the steps to come."""


class Player:
    """Plays flows, all with one memory; ``tally_of`` gives the tally of an operation as it is by now."""

    def __init__(
        self, contract: Contract, trial: Trial, tally_of: Callable[[Operation], Tally], memory: Memory
    ) -> None:
        self.memory = memory
        self._contract, self._trial, self._tally_of = contract, trial, tally_of
        self._index = Index(contract.api)
        self._wanted: frozenset[str] = frozenset()
        self._coming: list[Step] = []
        self._slowest = 0.0  # seconds that an answer took

    def prepare(self, flows: Sequence[Flow]) -> None:
        """Look at all flows that will be played, to know what others need of them."""
        self._wanted = wanted(flows, self._tells)
        self._coming = [step for flow in flows for step in flow.steps]

    def play(self, flows: Sequence[Flow], until: int) -> None:
        """Play flows while fewer than ``until`` requests were sent in the whole run."""
        for flow in flows:
            self._trial.watch.begin("flows", flow.name)
            for step in flow.steps:
                if self._trial.courier.sent >= until:
                    return
                self._coming.remove(step)
                operation = self._operation(step)
                if operation is not None and not (step.spare and self._scarce(until)):
                    self._step(step, operation, until)

    def _scarce(self, until: int) -> bool:
        """Whether the steps to come need all requests that are left."""
        needed = sum(not step.spare and self._operation(step) is not None for step in self._coming)
        return until - self._trial.courier.sent <= needed + SPARED

    def _operation(self, step: Step) -> Operation | None:
        """The operation of a step; None where it is not to be taken."""
        operation = self._index.get(*step.place)
        return operation if operation is not None and self._open(operation, step) else None

    def _tells(self, step: Step) -> bool:
        """Whether a step asks something of an operation under test."""
        operation = self._index.get(*step.place)
        return operation is not None and operation.id in self._trial.result.tallies and step.tells

    def _open(self, operation: Operation, step: Step) -> bool:
        """Whether to take a step: it tells something, or makes what others need."""
        if step.keep not in self._wanted and not self._tells(step):
            return False
        if operation.id not in self._trial.result.tallies:
            return step.keep in self._wanted
        closed = self._tally_of(operation).closed
        return not closed or (operation.method == "DELETE" and closed == plan.DELETES)

    def _step(self, step: Step, operation: Operation, until: int) -> None:
        request = step.request(operation, self.memory.ids)
        if request is None:
            return
        exchange = self._sent(step, operation, request)
        for pause in self._pauses() if step.until else ():
            if exchange is None or not self._waits(step, exchange) or self._trial.courier.sent >= until:
                break
            self._trial.courier.sleep(pause)
            exchange = self._sent(step, operation, request)
        if exchange is not None and step.plain is not None:
            exchange, request = self._plainer(step, operation, exchange)
        if exchange is None or exchange.response is None or exchange.response.broken:
            return
        self._ask(step, exchange)
        if exchange.response.status < _FAILED:
            if step.keep:
                self.memory.keep(step, request, value_of(exchange.response))
            if step.mark:
                self.memory.ids[step.mark] = step.mark

    def _sent(self, step: Step, operation: Operation, request: Request) -> Exchange | None:
        """Send a step; what is not under test is only made, and not judged."""
        if operation.id not in self._trial.result.tallies:
            return self._trial.prepare(operation, request)
        again = _repeatable(step)
        firm = step.firm and step.keep.removesuffix(AGAIN) in self.memory.ids
        exchange = self._trial.play(operation, request, again=again, gone=step.gone, firm=firm)
        if exchange is not None and exchange.response is not None:
            self._slowest = max(self._slowest, exchange.response.elapsed or 0.0)
        return exchange

    def _plainer(self, step: Step, operation: Operation, exchange: Exchange) -> tuple[Exchange, Request]:
        """Ask for less where more was refused; where less is accepted, the refusal is told."""
        request = replace(step, body=step.plain).request(operation, self.memory.ids)
        if not _refused(exchange) or request is None:
            return exchange, exchange.request
        less = self._sent(step, operation, request)
        if less is None or _refused(less):
            return exchange, exchange.request
        if operation.id in self._trial.result.tallies:
            self._trial.play(operation, exchange.request, firm=True)
        return less, request

    def _pauses(self) -> Iterator[float]:
        """Seconds between looks at work: longer in all where the target takes its time for everything."""
        yield from _PATIENCE
        waited = sum(_PATIENCE)
        while waited < min(_SLOWER * self._slowest, _LONGEST):
            waited += _PATIENCE[-1]
            yield _PATIENCE[-1]

    def _waits(self, step: Step, exchange: Exchange) -> bool:
        """Whether the object is in another state than those that are waited for."""
        response = exchange.response
        if response is None or response.status >= _FAILED:
            return False
        return at(value_of(response), "status") not in step.until

    def _ask(self, step: Step, exchange: Exchange) -> None:
        """Ask what a step asks; before anything new is told, look again."""
        if exchange.operation.id not in self._trial.result.tallies:
            return
        found = [*self._asked(step, exchange)]
        if step.asks:
            self._trial.result.tallies[exchange.operation.id].asked["state"] += 1
        for pause in _MOMENTS if step.method == "GET" else ():
            if not any(key(exchange, violation) not in self._trial.result.findings for violation in found):
                break
            self._trial.courier.sleep(pause)
            again = self._sent(step, exchange.operation, exchange.request)
            if again is None or again.response is None or again.response.broken:
                return
            exchange, found = again, [*self._asked(step, again)]
        if found:
            exchange = replace(exchange, before=self._led(step))
        for violation in found:
            self._trial.record(exchange, violation)

    def _asked(self, step: Step, exchange: Exchange) -> Iterator[Violation]:
        response = exchange.response
        if response is None:
            return
        seen = Seen(self._contract, step, exchange, response, value_of(response))
        for ask in step.asks:
            yield from ask(self.memory, seen)

    def _led(self, step: Step) -> tuple[Request, ...]:
        """The requests that made what a step names."""
        names = [name for name in self.memory.made if "{" + name + "}" in step.path]
        names += [name for name in (step.keep, step.keep + AGAIN) if name in self.memory.made and name not in names]
        return tuple(self.memory.made[name] for name in names[-_LED:])


def _refused(exchange: Exchange) -> bool:
    return exchange.response is not None and exchange.response.status >= _FAILED


def _repeatable(step: Step) -> bool:
    """Whether a step may be sent twice without changing what the next one meets: not what deletes, cancels, completes.

    A second creation makes a second object, which is deleted at the end as the first one is.
    """
    return step.method == "GET" or bool(step.keep)
