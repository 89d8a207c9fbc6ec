"""``assay sites``: every constraint of the contract's requests, and from which sides it can be probed.

The rule of this module: nothing is sent. What cannot be reached is listed with the reason, on both sides.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from assay.commands import options
from assay.contract import load
from assay.errors import UsageError
from assay.generate.probes import Prober
from assay.violation import place

if TYPE_CHECKING:
    from assay.contract import Contract
    from assay.generate.probes import Outcome
    from assay.model import Operation

__all__ = ["sites"]

_SIDES = ("inside", "outside")


@click.command()
@click.argument("operation", required=False)
@options.description
@options.overlay
@options.layer
@click.option("--json", "json_file", metavar="FILE", help="Write the sites as JSON; - is the standard output.")
def sites(operation: str | None, **given: Any) -> int:
    """List the sites of OPERATION (its id or path), or of all: each constraint, and how it can be probed."""
    contract = load(given["description"], overlays=given["overlays"], layer=given["layer"])
    chosen = contract.operations if operation is None else _named(contract, operation)
    listed = [(one, _probed(contract, one)) for one in chosen]
    to_stderr = given["json_file"] == "-"
    for one, outcomes in listed:
        for line in _text(one, outcomes):
            click.echo(line, err=to_stderr)
    if given["json_file"] is not None:
        document = {one.id: [_record(outcome) for outcome in outcomes] for one, outcomes in listed}
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        _write(given["json_file"], text)
    return 0


def _named(contract: Contract, name: str) -> list[Operation]:
    found = [one for one in contract.operations if name in (one.id, one.path, f"{one.method} {one.path}")]
    if not found:
        raise UsageError(f"no operation is called {name!r}; `assay operations` lists them")
    return found


def _probed(contract: Contract, operation: Operation) -> tuple[Outcome, ...]:
    return Prober(contract.api, contract.schemas, operation, judge=contract.check_request).outcomes()


def _text(operation: Operation, outcomes: tuple[Outcome, ...]) -> list[str]:
    lines = [f"{operation.id}: {len(outcomes)} sites, {_reached(outcomes)}"]
    for outcome in outcomes:
        record = _record(outcome)
        about = f" {record['name']}" if record["name"] else ""
        sides = ", ".join(f"{side}: {record[side]}" for side in _SIDES if record[side])
        lines.append(f"  {record['place']}  {record['keyword']}{about}  {record['pointer']}  [{sides}]")
    return lines


def _reached(outcomes: tuple[Outcome, ...]) -> str:
    counts = []
    for side in _SIDES:
        able = [one for one in outcomes if side in one.site.sides]
        done = sum(_side(one, side) == "yes" for one in able)
        counts.append(f"{done} of {len(able)} reached from {side}")
    return ", ".join(counts)


def _record(outcome: Outcome) -> dict[str, str]:
    site = outcome.site
    return {
        "place": place(site.part, site.path),
        "keyword": site.keyword,
        "name": site.name,
        "pointer": site.pointer,
        "inside": _side(outcome, "inside"),
        "outside": _side(outcome, "outside"),
        "told": outcome.violation.pointer if outcome.violation is not None else "",
    }


def _side(outcome: Outcome, side: str) -> str:
    """``yes``, the reason why not, or nothing where a site has no such side."""
    if side not in outcome.site.sides:
        return ""
    reason = outcome.no_inside if side == "inside" else outcome.no_outside
    return f"no: {reason}" if reason else "yes"


def _write(file: str, text: str) -> None:
    try:
        with click.open_file(file, "w", encoding="utf-8") as target:
            target.write(text)
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error
