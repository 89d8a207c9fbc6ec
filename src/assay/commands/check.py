"""``assay check``: recorded traffic against a description.

The rule of this module: a file that cannot be read is one line on stderr and exit code 2, and does not keep the others
from being judged.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.audit.documents import document, text
from assay.audit.files import read_file
from assay.audit.judge import load_judge
from assay.audit.records import Broken
from assay.audit.report import Report
from assay.commands import options
from assay.errors import UsageError

if TYPE_CHECKING:
    from assay.audit.judge import Judge

__all__ = ["check"]

CLEAN, VIOLATIONS, UNABLE = 0, 1, 2


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@options.description
@options.overlay
@options.layers
@options.host
@options.off
@options.strict_paths
@click.option(
    "--max-violations", default=5, show_default=True, type=click.IntRange(1), metavar="N", help="To show of each cause."
)
@click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON; - is the standard output.")
def check(files: tuple[str, ...], **given: Any) -> int:
    """Judge the traffic recorded in FILE: JSON Lines, HTTP archives (HAR) or cassettes, gzip or not."""
    judge = load_judge(
        given["description"],
        overlays=given["overlays"],
        layers=options.LAYERS[given["layer"]],
        hosts=given["hosts"],
        off=given["off"],
        strict_paths=given["strict_paths"],
    )
    report = Report(given["max_violations"])
    unread = [file for file in files if not _judged(file, judge, report)]
    if len(unread) == len(files):
        return UNABLE
    _written(report, judge, files, given["json_file"])
    if unread:
        return UNABLE
    return VIOLATIONS if report.failed else CLEAN


def _judged(file: str, judge: Judge, report: Report) -> bool:
    """Count what a file records; False when it cannot be read."""
    try:
        for item in read_file(file):
            report.add(item if isinstance(item, Broken) else judge(item))
    except UsageError as error:
        click.echo(f"assay: {' '.join(str(error).split())}", err=True)
        return False
    return True


def _written(report: Report, judge: Judge, files: tuple[str, ...], json_file: str | None) -> None:
    layers = [*judge.contracts]
    to_stderr = json_file == "-"
    for line in text(report, layers=layers, title=judge.title):
        click.echo(line, err=to_stderr)
    if json_file is None:
        return
    value = document(report, layers=layers, title=judge.title, files=files)
    written = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if to_stderr:
        click.echo(written, nl=False)
        return
    try:
        Path(json_file).write_text(written, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {json_file}: {error.strerror}") from error
