"""``assay top``: the worst rules of a running gateway, live, from its metrics.

The rule of this module: it reads and never writes; what it shows are counts and ids.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from assay.errors import TargetError

if TYPE_CHECKING:
    from assay.adapters.metrics import Snapshot

__all__ = ["top"]


@click.command()
@click.argument("url")
@click.option("--interval", default=2.0, show_default=True, type=click.FloatRange(0.1), metavar="SECONDS")
@click.option("--rows", default=20, show_default=True, type=click.IntRange(1), metavar="N", help="Rules to show.")
@click.option("--once", is_flag=True, help="Print what is there now and stop.")
def top(url: str, interval: float, rows: int, once: bool) -> int:  # noqa: FBT001  click passes options
    """Show the worst rules of the gateway at URL (its root, or its metrics)."""
    from assay.adapters.metrics import fetch  # noqa: PLC0415  needs the extra assay[gateway]

    console = Console(highlight=False)
    now = fetch(url)
    if once:
        console.print(_shown(url, now, None, 0.0, rows))
        return 0
    before, missing = None, ""
    with Live(_shown(url, now, None, 0.0, rows), console=console, screen=console.is_terminal) as live:
        while True:
            time.sleep(interval)
            before = now
            try:
                now, missing = fetch(url), ""
            except TargetError as error:
                missing = str(error)
            shown = _shown(url, now, before, interval, rows)
            live.update(Group(shown, Text(missing, style="red")) if missing else shown)


def _shown(url: str, now: Snapshot, before: Snapshot | None, seconds: float, most: int) -> Group:
    """One screen: a line of totals, then the rules, those that are broken most often now first."""
    mean = now.seconds / now.judged * 1e6 if now.judged else 0.0
    speed = "" if before is None else f" ({max(0, now.judged - before.judged) / seconds:.1f}/s)"
    line = (
        f"{url}  judged {now.judged}{speed}  refused {now.refused}  skipped {now.skipped}  "
        f"failures {now.failures}  mean check {mean:.0f} us"
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("count", "per min", "rule", "operation", "kind", "severity"):
        table.add_column(name, justify="right" if name in ("count", "per min") else "left", overflow="fold")
    earlier = {} if before is None else {_key(row): row.count for row in before.rows}
    listed = [
        (max(0, row.count - earlier.get(_key(row), 0)) if before is not None else 0, row)
        for row in now.rows
    ]  # fmt: skip
    listed.sort(key=lambda pair: (-pair[0], -pair[1].count))
    for more, row in listed[:most]:
        rate = f"{more / seconds * 60:.0f}" if before is not None else ""
        table.add_row(str(row.count), rate, row.rule, row.operation or "-", row.kind, row.severity)
    return Group(Text(line), Text(""), table if now.rows else Text("No violations yet."))


def _key(row: object) -> tuple[str, ...]:
    return tuple(getattr(row, name) for name in ("rule", "operation", "kind", "severity"))
