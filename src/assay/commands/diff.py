"""``assay diff``: what one description accepts and another refuses.

The rule of this module: exit codes as ``diff`` has them: 0 the same, 1 different or not decided, 2 trouble.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.padding import Padding
from rich.progress import Progress
from rich.text import Text

from assay.commands import options
from assay.diff.compare import compare
from assay.diff.report import document, lines
from assay.errors import UsageError
from assay.spec.load import load_api

if TYPE_CHECKING:
    from assay.diff.differences import Comparison
    from assay.model import Api

__all__ = ["diff"]

SAME, DIFFERENT = 0, 1


@click.command()
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@click.option("--before-overlay", "before_overlays", multiple=True, metavar="FILE", help="For BEFORE; repeatable.")
@click.option("--after-overlay", "after_overlays", multiple=True, metavar="FILE", help="For AFTER; repeatable.")
@options.layer
@click.option("--operation", "operations", multiple=True, metavar="ID", help="Compare only this one; repeatable.")
@click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON; - is the standard output.")
def diff(before: str, after: str, **given: Any) -> int:
    """Compare two descriptions: what AFTER refuses that BEFORE accepts, and the reverse, each with a value as witness.

    Each is a file, or "openai" for the bundled description. To see what a server's own description lacks:
    assay diff openai openapi.json
    """
    old = load_api(before, overlays=given["before_overlays"], layer=given["layer"])
    new = load_api(after, overlays=given["after_overlays"], layer=given["layer"])
    found = _compared(old, new, given["operations"])
    to_stderr = given["json_file"] == "-"
    console = Console(highlight=False, stderr=to_stderr)
    for line in lines(found):
        console.print(Padding(Text(line.text, line.style, overflow="fold"), (0, 0, 0, line.indent)))
    if given["json_file"] is not None:
        _write(given["json_file"], json.dumps(document(found, before, after), indent=2, ensure_ascii=False) + "\n")
    return DIFFERENT if found.differences else SAME


def _compared(old: Api, new: Api, operations: tuple[str, ...]) -> Comparison:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("comparing", total=None)
        return compare(
            old,
            new,
            operations=operations,
            progress=lambda done, of, name: progress.update(task, completed=done, total=of, description=name),
        )


def _write(file: str, text: str) -> None:
    if file == "-":
        click.echo(text, nl=False)
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error
