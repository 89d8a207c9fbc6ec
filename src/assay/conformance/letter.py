"""The letter: what the strict contract alone has against responses, beside a run that another contract decides.

The rule of this module: it sends nothing, fails nothing, and tells nothing that the deciding contract tells too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.conformance.checks import judge
from assay.conformance.findings import Findings, general

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.conformance.checks import Exchange
    from assay.contract import Contract
    from assay.violation import Violation

__all__ = ["Letter"]


class Letter:
    """Judges exchanges by the strict contract; ``findings`` are those that only it has."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self.findings = Findings(letter=True)

    def judge(self, exchange: Exchange, told: Iterable[Violation]) -> None:
        """Judge an exchange with a response, of which the deciding contract told some violations."""
        known = {_place(violation) for violation in told}
        for violation in judge(self._contract, exchange).violations:
            if _place(violation) not in known:
                self.findings.add(exchange, violation)


def _place(violation: Violation) -> tuple[object, ...]:
    """What two layers have in common where they tell the same; the pointer may lead to different schemas."""
    return violation.rule, violation.part, general(violation)
