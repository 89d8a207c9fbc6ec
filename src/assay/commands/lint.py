"""``assay spec lint``: what in a description can be read but cannot be meant.

The rule of this module: it lists places and changes nothing; exit code 1 when there is one.
"""

from __future__ import annotations

import click

from assay.commands import options
from assay.contract import load

__all__ = ["lint"]


@click.command()
@options.description
@options.overlay
def lint(description: str, overlays: tuple[str, ...]) -> int:
    """Compile every schema and list those that admit no value at all."""
    contract = load(description, overlays=overlays)
    operations = contract.compile()
    references = [r for operation in operations for r in (*operation.request_schemas, *operation.response_schemas)]
    empty = contract.schemas.admit_nothing(dict.fromkeys(references))
    for reference in empty:
        click.echo(
            f"{contract.api.shown(reference)}: expected a schema that admits some value, got one that admits none"
        )
    click.echo(f"{len(operations)} operations compiled, {len(empty)} schemas that admit no value")
    return 1 if empty else 0
