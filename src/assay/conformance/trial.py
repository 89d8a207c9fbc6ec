"""One case on trial: its label proven, sent, judged, repeated when it shows something new, and recorded.

The rule of this module: what is sent carries a label that the contract has proven, no request is sent twice but to
repeat a new violation, and a violation that the repeat does not show is marked as flaky.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from assay.conformance.checks import Exchange, absent, judge, no_answer, server_down
from assay.conformance.connection import Connection
from assay.conformance.connection import violation as spoiled
from assay.conformance.findings import Key, general, key
from assay.conformance.pace import Dead, Silent
from assay.generate.coverage import Observer

if TYPE_CHECKING:
    from assay.conformance.pace import Courier
    from assay.conformance.result import Result, Tally, Watch
    from assay.contract import Contract
    from assay.messages import Request, Send
    from assay.model import Operation
    from assay.violation import Verdict, Violation

__all__ = ["Trial"]

_TIME_OUTS = 3  # in a row; then an operation is left alone
_BAD_REQUEST = 400
_REFUSALS = 2  # right answers after which an invalid place is asked about no more


class Trial:
    """Tries cases on one target and keeps the result up to date.

    ``latest`` holds the last exchange of every operation; ``last`` that of all, or the one after which the target died.
    """

    def __init__(self, contract: Contract, courier: Courier, result: Result, watch: Watch, fresh: Send | None) -> None:
        self.contract, self.courier, self.result, self.watch = contract, courier, result, watch
        self._connection = Connection(courier, fresh)
        self.last: Exchange | None = None
        self.latest: dict[str, Exchange] = {}
        self._seen: dict[Request, frozenset[Key]] = {}
        self._refused: Counter[object] = Counter()
        self._observer = Observer(contract.api, contract.schemas)

    def attempt(self, operation: Operation, request: Request, *, valid: bool, scenario: str = "") -> frozenset[Key]:
        """Try one case and return the causes that it shows; costs nothing when it was tried before."""
        known = self._seen.get(request)
        if known is not None:
            return known
        self._seen[request] = frozenset()
        verdict = self.contract.check_request(request)
        exchange = _proven(Exchange(operation, request, scenario=scenario), verdict, valid=valid)
        if exchange is None:
            self.result.unproven += 1
            return frozenset()
        site = None if exchange.flaw is None else (operation.id, exchange.flaw.rule, general(exchange.flaw))
        if self._refused[site] >= _REFUSALS:
            return frozenset()
        self.result.counts.add(self._observer.observe(request, verdict))
        violations, exchange = self._exchanged(exchange)
        fresh = [v for v in violations if key(exchange, v) not in self.result.findings]
        for violation in violations:
            self.result.findings.add(exchange, violation)
        if fresh:
            self._repeat(exchange, fresh)
        self.watch.update(self.courier.sent, len(self.result.findings))
        shown = frozenset(key(exchange, violation) for violation in violations)
        self._seen[request] = shown
        if site is not None and not shown:
            self._refused[site] += 1
        return shown

    def record(self, exchange: Exchange, violation: Violation) -> None:
        """Record a violation that was found in another way than by judging a case."""
        self.result.findings.add(exchange, violation)
        self.watch.update(self.courier.sent, len(self.result.findings))

    def _exchanged(self, exchange: Exchange) -> tuple[tuple[Violation, ...], Exchange]:
        """Send, judge and count."""
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
            tally.closed = absent(exchange)
            if tally.closed:
                return (), exchange
        self.result.note(exchange, violations)
        if refusal:
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


def _proven(exchange: Exchange, verdict: Verdict, *, valid: bool) -> Exchange | None:
    """The exchange with its flaw, or None when the contract does not confirm the label."""
    if verdict.operation != exchange.operation.id or verdict.ok != valid:
        return None
    if valid:
        return exchange
    return replace(exchange, flaw=next(v for v in verdict.violations if v.severity == "violation"))
