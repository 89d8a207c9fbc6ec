"""What a person reads in pytest's report.

The rule of this module: the contract's message stands first, before any other failure of the same test; what is no
failure stands at the end of the run, each thing once, with its count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.testing.coverage import report
from assay.testing.offences import ContractViolated
from assay.testing.offences import told as written

if TYPE_CHECKING:
    import pytest

    from assay.testing.observe import Watch
    from assay.testing.session import Suite

__all__ = ["summary", "told"]


def told(outcome: pytest.TestReport, call: pytest.CallInfo[None], watch: Watch) -> None:
    """Write one phase of a test: what its traffic broke, first."""
    error = call.excinfo
    if error is not None and isinstance(error.value, ContractViolated) and outcome.failed:
        outcome.longrepr = error.getrepr(style="value")
    errors, watch.errors = watch.errors, []
    offences, watch.offences = watch.offences, []
    text = "\n\n".join(([written(offences)] if offences else []) + errors)
    if text and outcome.failed:
        outcome.longrepr = f"assay: {text}\n\nThe test itself failed with\n\n{outcome.longreprtext}"
    elif errors and outcome.passed:
        outcome.outcome = "failed"
        outcome.longrepr = f"assay: {text}"


def summary(terminal: Any, suite: Suite, *, full: bool = False, under: float | None = None) -> None:
    """Write the end of the run; ``under`` is the share in percent below which the run fails."""
    for title, counts in (("hazards", suite.hazards), ("not judged: not in the description", suite.unjudged)):
        if counts:
            terminal.section(f"assay: {title}", sep="-")
            for text, count in sorted(counts.items()):
                terminal.line(f"{text} ({count} times)" if count > 1 else text)
    if suite.foreign:
        terminal.section("assay: not checked: other hosts", sep="-")
        terminal.line(f"asked for operations of the contract: {', '.join(sorted(suite.foreign))} (see assay_hosts)")
    if suite.coverage is not None:
        terminal.section("assay: coverage", sep="-")
        for line in report(suite.coverage.totals, full=full):
            terminal.line(line)
        if under is not None and suite.coverage.totals.percent < under:
            terminal.line(f"FAIL: assay coverage is under {under:g}%", red=True)
