"""``assay rules``: the rules that no schema can state, for people, or as the page of the documentation.

The rule of this module: it says of a rule what the rule says of itself, so that the page cannot tell anything else.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import groupby
from typing import TYPE_CHECKING

import click

from assay.conformance.run_rules import RULES
from assay.errors import UsageError
from assay.rules.catalogue import standard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from assay.rules.registry import Rule

__all__ = ["rules"]

_HEAD = """\
# Rules

What one message must satisfy stands in the schemas of the description; what ties messages together, or lies inside a
file, is a rule. This page is made by `assay rules --markdown > docs/rules.md`, and a test holds it to the code.

A **violation** breaks the contract. A **hazard** is legal but known to break clients: it is told and fails nothing that
only violations fail. Switch a rule off by its id: `assay check --off chat/citations FILE`, `assay run --off ...` (or
`--ignore`), `assay.load("openai", off=["chat/citations"])`. Ids that begin with `schema/` name the keyword of a schema
that a value breaks, and those with `http/` the framing of a message. Rules that are judged in a **run** alone (of
several exchanges, of requests made on purpose) belong to `assay run` and `pytest --assay-target`, and are switched off
there; [conformance.md](conformance.md) says how.
"""


@click.command()
@click.argument("patterns", nargs=-1, metavar="[ID]...")
@click.option("--operation", metavar="ID", help="Only the rules of this operation.")
@click.option("--severity", type=click.Choice(["violation", "hazard"]), help="Only these.")
@click.option("--markdown", is_flag=True, help="Print the page of the documentation.")
def rules(patterns: tuple[str, ...], operation: str | None, severity: str | None, *, markdown: bool) -> int:
    """List the rules beyond the schemas: all, or those whose ID fits (chat/usage-sums, 'chat*', '*/created-*')."""
    known = sorted((*standard().rules, *RULES.values()), key=lambda rule: rule.id)
    found = [rule for rule in known if _fits(rule, patterns, operation, severity)]
    if not found:
        raise UsageError(f"none of the {len(known)} rules fits; assay rules lists them all")
    for line in _page(found) if markdown else _list(found):
        click.echo(line)
    return 0


def _fits(rule: Rule, patterns: tuple[str, ...], operation: str | None, severity: str | None) -> bool:
    if patterns and not any(fnmatchcase(rule.id, pattern) for pattern in patterns):
        return False
    return operation in (None, *rule.operations) and severity in (None, rule.severity)


def _list(found: Iterable[Rule]) -> Iterator[str]:
    for rule in found:
        mark = " (hazard)" if rule.severity == "hazard" else ""
        yield f"{rule.id}{mark}"
        yield f"    {rule.sentence}"
        yield f"    {rule.side} of {', '.join(rule.operations)}" if rule.operations else "    assay run"


def _page(found: Iterable[Rule]) -> Iterator[str]:
    yield _HEAD
    for resource, group in groupby(found, lambda rule: rule.id.partition("/")[0]):
        yield f"## {resource}\n"
        yield "| id | the rule | severity | judged | operations | source |"
        yield "|---|---|---|---|---|---|"
        yield from map(_row, group)
        yield ""


def _row(rule: Rule) -> str:
    operations = " ".join(rule.operations) or "`assay run`"
    source = rule.source.removeprefix("#/components/schemas/").replace("/properties/", ".").replace("/items", "[]")
    cells = (f"`{rule.id}`", rule.sentence, rule.severity, rule.side, operations, f"`{source}`")
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
