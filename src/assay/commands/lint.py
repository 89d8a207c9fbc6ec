"""``assay spec lint``: what in a description can be read but cannot be meant.

The rule of this module: it lists places and changes nothing; exit code 1 when there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from assay.commands import options
from assay.contract import load
from assay.schema.places import below

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.contract import Contract

__all__ = ["lint"]


@click.command()
@options.description
@options.overlay
def lint(description: str, overlays: tuple[str, ...]) -> int:
    """Compile every schema and list those that admit no value at all, and paths that are null."""
    contract = load(description, overlays=overlays)
    operations = contract.compile()
    references = [r for operation in operations for r in (*operation.request_schemas, *operation.response_schemas)]
    empty = contract.schemas.admit_nothing(dict.fromkeys(references))
    null = [*_null(contract)]
    for reference in null:
        click.echo(f"{contract.api.shown(reference)}: expected a path item, got null, which is read as none")
    for reference in empty:
        click.echo(
            f"{contract.api.shown(reference)}: expected a schema that admits some value, got one that admits none"
        )
    click.echo(
        f"{len(operations)} operations compiled, {len(empty)} schemas that admit no value, {len(null)} paths of null"
    )
    return 1 if empty or null else 0


def _null(contract: Contract) -> Iterator[str]:
    """The references of paths and webhooks whose item was left out, or lost."""
    for uri, document in contract.api.documents.items():
        for section in ("paths", "webhooks"):
            items = document.get(section) if isinstance(document, dict) else None
            for name, item in items.items() if isinstance(items, dict) else ():
                if item is None:
                    yield below(uri, section, name)
