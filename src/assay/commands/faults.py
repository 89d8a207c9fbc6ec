"""``assay faults``: the defects that the reference server can show, for people and for programs.

The rule of this module: it says of a fault what the fault says of itself.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING

import click

from assay.errors import UsageError
from assay.reference.faults.fault import GROUPS
from assay.reference.faults.registry import FAULTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from assay.reference.faults.fault import Fault

__all__ = ["faults"]

_HEAD = """\
# Faults

The reference server is honest. It can break one promise at a time (or several), so that a test, a gateway or a test
tool can be tried on a server whose defect is known: `assay serve --fault NAME`, `assay run --fault NAME`. This page
is made by `assay faults --markdown > docs/faults.md`, and a test holds it to the code. Which of them `assay run`
finds stands in [detection-rate.md](detection-rate.md). The last column counts real servers: the number of the class
in our list of defects seen in public issue trackers. One that is marked (hazard) is legal, or breaks a rule
that few rely on, or cannot be told from a server that takes its time.
"""


@click.command()
@click.option("--group", metavar="NAME", help="Only the faults of this group.")
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@click.option("--markdown", is_flag=True, help="Print the page of the documentation.")
def faults(group: str | None, *, as_json: bool, markdown: bool) -> int:
    """List the faults of the reference server, group by group."""
    if group is not None and group not in GROUPS:
        raise UsageError(f"no group of faults is called {group!r}; there are {', '.join(GROUPS)}")
    found = [fault for fault in FAULTS.values() if group in (None, fault.group)]
    lines = _json(found) if as_json else _page(found) if markdown else _list(found)
    for line in lines:
        click.echo(line)
    return 0


def _groups(found: Iterable[Fault]) -> Iterator[tuple[str, list[Fault]]]:
    return ((group, [*members]) for group, members in groupby(found, lambda fault: fault.group))


def _list(found: Iterable[Fault]) -> Iterator[str]:
    for group, members in _groups(found):
        yield f"{group} ({len(members)})"
        width = max(len(fault.name) for fault in members)
        yield from (f"  {fault.name:<{width}}  {fault.sentence}" for fault in members)


def _page(found: Iterable[Fault]) -> Iterator[str]:
    yield _HEAD
    for group, members in _groups(found):
        yield f"## {group}\n"
        yield "| fault | what is wrong | operations | class |"
        yield "|---|---|---|---|"
        for fault in members:
            where = {"*": "all", "-": "none"}.get(fault.change.on, fault.change.on)
            hazard = " (hazard)" if fault.hazard else ""
            yield f"| `{fault.name}` | {fault.sentence}{hazard} | {where} | {fault.source or ''} |"
        yield ""


def _json(found: Iterable[Fault]) -> Iterator[str]:
    shown = [
        {
            "name": fault.name,
            "group": fault.group,
            "sentence": fault.sentence,
            "operations": fault.change.on.split(),
            "source": fault.source,
            "needs_key": fault.keyed,
            "hazard": fault.hazard,
        }
        for fault in found
    ]
    yield json.dumps(shown, indent=2)
