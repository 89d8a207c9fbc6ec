"""The audit as one page of HTML that needs nothing else: the worst causes, with whom, and their course over time.

The rule of this module: everything that came out of traffic passes the template's escaping; only the plots, which are
made of numbers and dates, are markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.audit.plots import axis, bars
from assay.audit.summary import moment_text, wrong_share
from assay.page.render import Markup, render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.audit.ledger import Ledger, Names, Times, Trouble
    from assay.audit.plots import Axis
    from assay.audit.summary import About

__all__ = ["page"]

_CAUSES = 50
_NAMES = 12


def page(ledger: Ledger, about: About, coverage: Mapping[str, Mapping[str, tuple[int, int]]]) -> str:
    """Return the page."""
    shown = axis([*ledger.by["day"]])
    ranked = ledger.ranked()
    return render(
        "assay.audit",
        "page.html",
        about=about,
        total=ledger.total,
        exchanges=ledger.exchanges,
        share=wrong_share(ledger),
        first=moment_text(ledger.total.first),
        last=moment_text(ledger.total.last),
        unread=ledger.unread.total(),
        reasons=sorted(ledger.unread.items(), key=lambda item: (-item[1], item[0])),
        broken=ledger.broken[:_NAMES],
        skipped=ledger.skipped.most_common(_NAMES),
        strange=[("not in the description", _top(ledger.unknown)), ("of other hosts", _top(ledger.foreign))],
        unit=shown.unit if shown else "",
        course=_markup(_course(ledger, shown)),
        axis=(shown.first, shown.last) if shown else None,
        causes=[_cause(number, trouble, shown) for number, trouble in enumerate(ranked[:_CAUSES], 1)],
        more=max(0, len(ranked) - _CAUSES),
        tables=[(name, _top(ledger.by[name])) for name in ("operation", "host", "model", "status")],
        coverage=coverage,
        covered=ledger.coverage.requests,
    )


def _markup(text: str) -> Markup:
    """Tell the template that a plot is markup; it is made of numbers and dates only."""
    return Markup(text)


def _course(ledger: Ledger, shown: Axis | None) -> str:
    if shown is None:
        return ""
    days = {name: count for name, count in ledger.by["day"].items() if name[:1].isdigit()}
    series = [
        ("exchanges", {day: count.exchanges for day, count in days.items()}),
        ("wrong", {day: count.wrong for day, count in days.items()}),
    ]
    return bars(shown, series, height=120, title=f"exchanges and wrong exchanges by {shown.unit}")


def _cause(number: int, trouble: Trouble, shown: Axis | None) -> dict[str, Any]:
    by_day = {day: times.exchanges for day, times in trouble.by["day"].items() if day[:1].isdigit()}
    kind = "wrong" if trouble.violation.severity == "violation" else "hazard"
    course = bars(shown, [(kind, by_day)], height=44, title=f"exchanges by {shown.unit}") if shown and by_day else ""
    return {
        "number": number,
        "violation": trouble.violation,
        "side": trouble.side,
        "total": trouble.total,
        "first": moment_text(trouble.total.first),
        "last": moment_text(trouble.total.last),
        "course": _markup(course),
        "with_whom": [
            (name, [item for item in _top(trouble.by[name]) if item[0]])
            for name in ("operation", "host", "model", "status")
        ],
        "examples": trouble.examples,
    }


def _top(names: Names[Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Times]] = sorted(names.items(), key=lambda item: (-item[1].exchanges, item[0]))
    return found[:_NAMES]
