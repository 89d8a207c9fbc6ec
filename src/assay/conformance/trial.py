"""One case on trial: its label proven, sent, judged, repeated when it shows something new, and recorded.

The rule of this module: what is sent carries a label that the contract has proven, no request is sent twice but to
repeat a new violation, and a violation that the repeat does not show is marked as flaky.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from assay.conformance.checks import Exchange, absent, judge, no_answer, server_down
from assay.conformance.connection import Connection
from assay.conformance.connection import violation as spoiled
from assay.conformance.findings import Key, general, key
from assay.conformance.made import Ledger
from assay.conformance.pace import Dead, Silent
from assay.generate.coverage import Observer
from assay.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.conformance.pace import Courier
    from assay.conformance.result import Result, Tally, Watch
    from assay.contract import Contract
    from assay.generate.sites import Site
    from assay.messages import Request, Send
    from assay.model import Operation
    from assay.violation import Verdict

__all__ = ["Trial"]

_TIME_OUTS = 3  # in a row; then an operation is left alone
_BAD_REQUEST = 400
_REMEMBERED = 1 << 20  # bytes of the answer to a scenario that is kept to be compared
_VERDICTS = 200  # requests that were built and not tried yet, and whose verdicts are kept
_REFUSALS = 2  # right answers after which an invalid place is asked about no more


class Trial:
    """Tries cases on one target and keeps the result up to date.

    ``latest`` holds the last exchange of every operation; ``last`` that of all, or the one after which the target died.
    ``ledger`` holds what they made there; ``scenes`` are the exchanges of scenarios, by operation and name.
    """

    def __init__(self, contract: Contract, courier: Courier, result: Result, watch: Watch, fresh: Send | None) -> None:
        self.contract, self.courier, self.result, self.watch = contract, courier, result, watch
        self._connection = Connection(courier, fresh)
        self.last: Exchange | None = None
        self.latest: dict[str, Exchange] = {}
        self.ledger = Ledger(contract.api)
        self.scenes: dict[tuple[str, str], Exchange] = {}
        self._seen: dict[Request, frozenset[Key]] = {}
        self._refused: Counter[object] = Counter()
        self._verdicts: dict[int, tuple[Request | None, Verdict | None]] = {}
        self._observer = Observer(contract.api, contract.schemas)

    def attempt(self, operation: Operation, request: Request, *, valid: bool, scenario: str = "") -> frozenset[Key]:
        """Try one case and return the causes that it shows; costs nothing when it was tried before."""
        known = self._seen.get(request)
        if known is not None:
            return known
        self._seen[request] = frozenset()
        verdict = self._verdicts.pop(id(request), (None, None))[1] or self.contract.check_request(request)
        exchange = _proven(Exchange(operation, request, scenario=scenario), verdict, valid=valid)
        if exchange is None:
            self.result.unproven += 1
            return frozenset()
        site = None if exchange.flaw is None else (operation.id, exchange.flaw.rule, general(exchange.flaw))
        if self._refused[site] >= _REFUSALS and not scenario:
            return frozenset()
        self.result.counts.add(self._observer.observe(request, verdict))
        violations, exchange = self._exchanged(exchange)
        self._remember(exchange)
        shown = self._told(exchange, violations, again=True)
        self._seen[request] = shown
        if site is not None and not shown:
            self._refused[site] += 1
        return shown

    def together(self, operation: Operation, request: Request, scenario: str) -> Callable[[], object] | None:
        """Ask for several features in one valid request; what it shows is told at once where it is accepted.

        Else nobody knows which of them it was: nothing is told, and what comes back tells it after all.
        """
        exchange = Exchange(operation, request, scenario=scenario)
        verdict = self.verdict(request)
        self.result.counts.add(self._observer.observe(request, verdict))
        violations, exchange = self._exchanged(exchange, named=False)
        self._remember(exchange)
        if _accepted(exchange):
            self._told(exchange, violations, again=True)
            return None
        return partial(self._told, exchange, violations, again=True)

    def accepted(self, operation: Operation, scenario: str) -> bool:
        """Whether a scenario was played and accepted."""
        exchange = self.scenes.get((operation.id, scenario))
        return exchange is not None and _accepted(exchange)

    def _remember(self, exchange: Exchange) -> None:
        if exchange.scenario and exchange.response is not None and len(exchange.response.body) <= _REMEMBERED:
            self.scenes[exchange.operation.id, exchange.scenario] = exchange

    def play(
        self, operation: Operation, request: Request, *, again: bool = True, gone: bool = False, firm: bool = False
    ) -> Exchange | None:
        """Send a valid request of a flow, however often, and judge it; None where the contract does not admit it.

        ``again`` lets it be repeated where it shows something new; ``gone`` says that a refusal is what is wanted. A
        refusal of what a flow begins with closes the flow and is no finding, unless it is ``firm``.
        """
        verdict = self.contract.check_request(request)
        exchange = _proven(Exchange(operation, request), verdict, valid=True)
        if exchange is None:
            return None
        self.result.counts.add(self._observer.observe(request, verdict))
        tally = self.result.tallies[operation.id]
        refusals = tally.refusals.copy()
        violations, exchange = self._exchanged(exchange)
        if gone:
            tally.refusals = refusals
        told = tuple(v for v in violations if firm or v.rule != "http/valid-refused")
        self._told(exchange, told, again=again)
        return exchange

    def ask(self, operation: Operation, request: Request, judge: Callable[[Exchange], Violation | None]) -> Exchange:
        """Send what is no case of an operation, and record what ``judge`` has against the answer, seen twice.

        Raises Silent where no answer comes.
        """
        exchange = self._asked(operation, request)
        found = judge(exchange)
        if found is not None and found.rule not in self.result.findings.off:
            known = key(exchange, found) in self.result.findings
            self.record(exchange, found)
            finding = self.result.findings.get(key(exchange, found))
            if not known and finding is not None:
                finding.unrepeated = True
                finding.flaky = judge(self._asked(operation, request)) is None
                finding.unrepeated = False
        return exchange

    def _asked(self, operation: Operation, request: Request) -> Exchange:
        self.result.tallies[operation.id].sent += 1
        self.last = Exchange(operation, request)
        response = self._connection(self.last)
        self.ledger.note(operation, request, response)
        exchange = self.last = replace(self.last, response=response)
        return exchange

    def prepare(self, operation: Operation, request: Request) -> Exchange | None:
        """Send what operations under test need of one that is not; None where no answer came."""
        try:
            response = self.courier(request)
        except Silent:
            return None
        self.ledger.note(operation, request, response)
        return Exchange(operation, request, response)

    def _told(self, exchange: Exchange, violations: tuple[Violation, ...], *, again: bool) -> frozenset[Key]:
        """Record violations, repeat what shows new ones, and return their causes."""
        violations = tuple(v for v in violations if v.rule not in self.result.findings.off)
        fresh = [v for v in violations if key(exchange, v) not in self.result.findings]
        for violation in violations:
            self.result.findings.add(exchange, violation)
        if fresh and again:
            self._repeat(exchange, fresh)
        self.watch.update(self.courier.sent, len(self.result.findings))
        return frozenset(key(exchange, violation) for violation in violations)

    def verdict(self, request: Request) -> Verdict:
        """What the contract says of a request, once for who builds it and who tries it."""
        if len(self._verdicts) > _VERDICTS:
            self._verdicts.clear()
        found = self.contract.check_request(request)
        self._verdicts[id(request)] = (request, found)  # with the request, or its id might be another's
        return found

    def settled(self, site: Site) -> bool:
        """Whether a place was broken in this way before, and refused, so that it is asked about no more."""
        flaw = Violation(site.rule, site.part, site.path, "", "", site.pointer)
        return self._refused[site.operation, site.rule, general(flaw)] >= _REFUSALS

    def record(self, exchange: Exchange, violation: Violation) -> None:
        """Record a violation that was found in another way than by judging a case."""
        self.result.findings.add(exchange, violation)
        self.watch.update(self.courier.sent, len(self.result.findings))

    def _exchanged(self, exchange: Exchange, *, named: bool = True) -> tuple[tuple[Violation, ...], Exchange]:
        """Send, judge and count; an honest refusal only where the feature that is refused is ``named``."""
        tally = self.result.tallies[exchange.operation.id]
        tally.sent += 1
        if exchange.flaw is None:
            tally.valid += 1
        else:
            tally.invalid += 1
        violations, exchange, refusal = self._sent(exchange)
        self.last = self.latest[exchange.operation.id] = exchange
        self._late(tally, violations)
        response = exchange.response
        if response is None or response.broken:
            return violations, exchange
        if response.status < _BAD_REQUEST and exchange.flaw is None:
            tally.accepted += 1
            tally.example = tally.example or exchange.request
        if not tally.accepted:
            reason = absent(exchange)
            tally.closed = reason or tally.closed
            if reason:
                return (), exchange
        self.result.note(exchange, violations)
        if refusal and named:
            tally.refusals[refusal] += 1
        return violations, exchange

    def _sent(self, exchange: Exchange) -> tuple[tuple[Violation, ...], Exchange, str]:
        """Send and judge; the last item is the reason of an honest refusal."""
        unspoiled = self._connection.spoiled is None
        try:
            response = self._connection(exchange)
        except Silent as silent:
            if silent.dead:
                return (server_down(),), exchange, ""
            return (no_answer(self.contract, exchange.operation, str(silent), late=silent.late),), exchange, ""
        except Dead:
            self.last = exchange
            raise
        if unspoiled and self._connection.spoiled is not None:
            self.record(self._connection.spoiled, spoiled(self._connection.status))
        exchange = replace(exchange, response=response)
        self.ledger.note(exchange.operation, exchange.request, response)
        outcome = judge(self.contract, exchange)
        return outcome.violations, exchange, outcome.unsupported

    def _repeat(self, exchange: Exchange, fresh: list[Violation]) -> None:
        """Send the same request once more, if the budget allows it; what does not show again is flaky."""
        found = [(self.result.findings.get(name), name) for name in (key(exchange, violation) for violation in fresh)]
        for finding, _ in found:
            if finding is not None:
                finding.unrepeated = True
        if not self.courier.left:
            return
        self.result.tallies[exchange.operation.id].sent += 1
        again, replied, _ = self._sent(exchange)
        shown = {key(replied, violation) for violation in again}
        for finding, name in found:
            if finding is not None:
                finding.unrepeated, finding.flaky = False, name not in shown

    def _late(self, tally: Tally, violations: tuple[Violation, ...]) -> None:
        if not any(v.rule in ("http/no-response", "http/slow-response") and v.severity == "hazard" for v in violations):
            tally.late = 0
            return
        tally.late += 1
        if tally.late >= _TIME_OUTS:
            tally.closed = f"{_TIME_OUTS} time-outs in a row"


def _accepted(exchange: Exchange) -> bool:
    response = exchange.response
    return response is not None and not response.broken and response.status < _BAD_REQUEST


def _proven(exchange: Exchange, verdict: Verdict, *, valid: bool) -> Exchange | None:
    """The exchange with its flaw, or None when the contract does not confirm the label."""
    if verdict.operation != exchange.operation.id or verdict.ok != valid:
        return None
    if valid:
        return exchange
    return replace(exchange, flaw=next(v for v in verdict.violations if v.severity == "violation"))
