"""What a person at a terminal sees: progress while a run goes, then a table and the findings.

The rule of this module: it prints only what the result holds, a clean run fits on a screen of 24 lines, and the
bodies of responses appear only when they were asked for.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Self

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from assay.conformance.findings import COLUMNS, column

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from rich.console import Console

    from assay.conformance.documents import Document
    from assay.conformance.findings import Finding
    from assay.conformance.outline import Share
    from assay.conformance.result import Result
    from assay.model import Operation

__all__ = ["Live", "show", "show_plan"]

_ROWS = 8  # operations without findings that get a row each
_NAMES = 4  # operations named in one line


class Live:
    """Looks on at a run: a progress bar on a terminal, one line per phase elsewhere."""

    def __init__(self, console: Console, requests: int) -> None:
        self._console = console
        self._phase = ""
        self._sent = self._findings = 0
        self._progress: Progress | None = None
        if console.is_terminal:
            self._progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TextColumn("requests, {task.fields[findings]} findings"),
                TimeElapsedColumn(),
                console=console,
                transient=True,
                expand=True,
            )
            self._task = self._progress.add_task("starting", total=requests, findings=0)

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begin(self, phase: str, operation: str) -> None:
        """Show a new phase; without a terminal, when it is not the one before."""
        if self._progress is not None:
            self._progress.update(self._task, description=escape(f"{phase} {operation}".strip()))
        elif phase != self._phase:
            told = f" ({self._sent} requests, {self._findings} findings so far)" if self._sent else ""
            self._console.print(f"{phase} ...{told}", highlight=False)
        self._phase = phase

    def update(self, sent: int, findings: int) -> None:
        """Show the counts."""
        self._sent, self._findings = sent, findings
        if self._progress is not None:
            self._progress.update(self._task, completed=sent, findings=findings)


def show(console: Console, document: Document, files: Sequence[str] = ()) -> None:
    """Print a result: the table, what is not served, the findings, and the verdict last.

    ``files`` are the reports that were written. What a baseline knows is one line.
    """
    result = document.result
    if any(tally.sent for tally in result.tallies.values()):
        console.print(_table(result))
    for line in (*_notes(document), _coverage(result)):
        console.print(Text(line, style="dim"), soft_wrap=not console.is_terminal)
    for number, finding in enumerate(result.all, 1):
        if not finding.accepted:
            _finding(console, document, number, finding)
    console.print(_verdict(document), soft_wrap=True)
    for line in (*_baseline(result), *([f"written: {', '.join(files)}"] if files else [])):
        console.print(Text(line), soft_wrap=True)


def show_plan(console: Console, shares: Sequence[Share], requests: int) -> None:
    """Print what a run would send: a table, then the scenarios by their labels."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("operation", overflow="fold")
    for name in ("played", "checks", "flows", "inside", "outside", "search", "all"):
        table.add_column(name, justify="right")
    open_ones = [share for share in shares if share.requests]
    for share in open_ones:
        made = (len(share.scenarios), share.related + share.protocol + share.limits, share.flows)
        counts = (*made, share.inside, share.outside, share.search, share.requests)
        table.add_row(Text(share.operation.id), *(str(count) for count in counts))
    console.print(table)
    for share in shares:
        if share.scenarios:
            console.print(Text(f"{share.operation.id}: {'; '.join(share.scenarios)}"), soft_wrap=True)
    for reason in dict.fromkeys(share.closed for share in shares if share.closed):
        names = [share.operation.id for share in shares if share.closed == reason]
        console.print(Text(f"not tested ({reason}): {', '.join(names)}"), soft_wrap=True)
    keyless = sum(share.keyless for share in shares)
    used = 1 + sum(share.requests for share in shares)
    text = f"\n{used} of {requests} requests: 1 for the list of models"
    text += f", {keyless} without the key" if keyless else ""
    console.print(Text(f"{text}; what an operation leaves over goes to the others. Nothing was sent."), soft_wrap=True)


def _table(result: Result) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("operation", overflow="ellipsis", no_wrap=True)
    for name in ("sent", "2xx", *COLUMNS):
        table.add_column(name, justify="right")
    shown, rest = _rows(result)
    for operation in shown:
        tally = result.tallies[operation.id]
        counts = Counter(column(f.violation) for f in _open(result) if operation.id in f.operations)
        cells = [Text(str(counts[name]), style="bold red") if counts[name] else Text("-") for name in COLUMNS]
        table.add_row(Text(operation.id), str(tally.sent), str(tally.accepted), *cells)
    if rest:
        sent = sum(result.tallies[o.id].sent for o in rest)
        accepted = sum(result.tallies[o.id].accepted for o in rest)
        table.add_row(f"{len(rest)} more, clean", str(sent), str(accepted), *["-"] * len(COLUMNS))
    return table


def _rows(result: Result) -> tuple[list[Operation], list[Operation]]:
    """The operations that get a row of their own, and the clean ones that share the last."""
    bad = {name for finding in _open(result) for name in finding.operations}
    tested = [o for o in result.operations if result.tallies[o.id].sent]
    live = [o for o in tested if o.id in bad or not result.tallies[o.id].closed]
    # Those that served nothing come last: a note says why.
    clean = sorted((o for o in live if o.id not in bad), key=lambda o: not result.tallies[o.id].accepted)
    rest = clean[_ROWS:]
    return [o for o in live if o not in rest], rest


def _open(result: Result) -> list[Finding]:
    """The findings that the table counts: what is known, and what the letter alone has, is told below."""
    return [finding for finding in result.findings if not finding.accepted]


def _notes(document: Document) -> list[str]:
    """One line for each reason why operations, or features of them, were not tested."""
    return [f"{reason}: {_named(names)}" for reason, names in document.untested().items()]


def _baseline(result: Result) -> list[str]:
    """What the baseline has to do with it: how much is known, and what is no longer seen."""
    baseline = result.baseline
    if baseline is None:
        return []
    known = sum(finding.accepted for finding in result.findings)
    lines = [f"{known} known finding{'' if known == 1 else 's'} accepted by {baseline.file}"] if known else []
    gone = [f"no longer seen: {entry}" for entry in baseline.vanished[:_NAMES]]
    if len(baseline.vanished) > _NAMES:
        gone.append(f"and {len(baseline.vanished) - _NAMES} more")
    if gone:
        gone.append(f"remove what is no longer seen from {baseline.file}, or let --update-baseline do it")
    return [*lines, *gone]


def _coverage(result: Result) -> str:
    """How many constraints of the requests were tried; each must be met from inside and from outside."""
    covered = result.covered()
    sides = ", ".join(
        f"{done} of {every} sites from {side}"
        for side, (done, every) in (("inside", covered.inside), ("outside", covered.outside))
    )
    return f"contract coverage: {sides}"


def _named(names: Sequence[str]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more} more" if more > 0 else "")


def _finding(console: Console, document: Document, number: int, finding: Finding) -> None:
    violation = finding.violation
    head = Text()
    head.append(f"\n{number}. {violation.rule}", style="bold yellow" if violation.severity == "hazard" else "bold red")
    head.append(f"  {_named(finding.operations)}  seen {finding.count}x")
    for mark in document.marks(finding):
        head.append(f"  {mark}")
    console.print(head, soft_wrap=True)
    # Nothing here is wrapped by us, so that pointers and the curl line can be copied from any terminal.
    for line in document.lines(finding):
        console.print(Text(f"   {line}"), soft_wrap=True)
    console.print(Text(document.curl(finding)), soft_wrap=True)
    body = document.body(finding)
    if body:
        console.print(Text(f"   response: {body}", style="dim"), soft_wrap=True)


def _verdict(document: Document) -> Text:
    result = document.result
    fails, more = document.verdict()
    text = Text("\n")
    text.append(fails, style="bold red" if result.failed else "bold green")
    if more:
        text.append(f" and {more}")
    text.append(
        f" in {result.sent} requests, {result.seconds:.1f} s, seed {result.options.seed}, at {document.base_url}"
    )
    if result.stopped:
        text.append(f" (stopped: {result.stopped})", style="bold")
    return text
