"""``assay audit``: what is wrong in recorded traffic of any size, with whom, and since when.

The rule of this module: options in, an exit code out; how the work is done and counted lies in the room ``audit``.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from assay.commands import options
from assay.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.audit.engine import Run, Told
    from assay.audit.judge import Judge
    from assay.audit.ledger import Ledger
    from assay.audit.opening import File
    from assay.audit.work import Settings

__all__ = ["audit"]

CLEAN, VIOLATIONS, UNABLE = 0, 1, 2
_FORMS = ("exchanges", "har", "cassette", "parquet", "litellm", "batch-input", "batch-output", "fine-tuning")
_SMALL = 4 * 1024 * 1024
"""Bytes of traffic that are judged before a second process could begin."""


class Share(click.ParamType[float]):
    """A share, as ``0.1%`` or ``0.001``; given back from 0 to 1."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a share."""
        text = str(value).strip()
        try:
            found = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            found = -1.0
        if not 0 <= found <= 1:
            self.fail("expected a share such as 0.1% or 0.001", param, ctx)
        return found


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@options.description
@options.overlay
@options.layers
@options.host
@options.off
@options.strict_paths
@click.option(
    "--format", "form", type=click.Choice(_FORMS), help="The format of every source; else each file shows it."
)
@click.option(
    "--column", "columns", multiple=True, metavar="NAME=COLUMN", help="What a column of Parquet holds; repeatable."
)
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Processes, or actors of Ray  [default: the cores]"
)
@click.option(
    "--ray", "ray", is_flag=False, flag_value="local", metavar="[ADDRESS]", help="Do the work on a Ray cluster."
)
@click.option("--no-coverage", is_flag=True, help="Do not count contract coverage.")
@click.option(
    "--max-examples", default=5, show_default=True, type=click.IntRange(1, 1000), metavar="N", help="Of each cause."
)
@click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON; - is the standard output.")
@click.option("--parquet", "parquet_file", metavar="FILE", help="Write the counts as a Parquet table.")
@click.option("--html", "html_file", metavar="FILE", help="Write the result as one page of HTML.")
@click.option(
    "--fail-over", type=Share(), default=0.0, metavar="SHARE",
    help="Exit with 1 when more than this share of the exchanges is wrong, such as 0.1%  [default: any]",
)  # fmt: skip
def audit(sources: tuple[str, ...], **given: Any) -> int:
    """Audit the traffic recorded in SOURCE: files, folders, globs, or addresses of object stores (s3://...).

    Formats: JSON Lines of exchanges, HTTP archives (HAR), cassettes, Parquet, LiteLLM's logging payloads, batch and
    fine-tuning files of OpenAI; gzip or zstd around any. A file's content tells its format.
    """
    from assay.audit.columns import mapping  # noqa: PLC0415  only this command needs the room
    from assay.audit.opening import listed, shown  # noqa: PLC0415
    from assay.audit.plan import sampling  # noqa: PLC0415
    from assay.audit.work import Settings  # noqa: PLC0415

    for name in ("json_file", "parquet_file", "html_file"):
        _writable(given[name])
    files = listed(sources)
    settings = Settings(
        description=given["description"],
        overlays=given["overlays"],
        layers=options.LAYERS[given["layer"]],
        hosts=given["hosts"],
        off=given["off"],
        strict_paths=given["strict_paths"],
        keep=given["max_examples"],
        columns=mapping(given["columns"]),
        sampled=None if given["no_coverage"] else sampling(files),
    )
    judge = settings.judge()  # what is wrong with the description is told before any worker starts
    ledger = _run(settings, judge, files, given)
    about = {
        "description": judge.title,
        "layers": list(settings.layers),
        "sources": [shown(source) for source in sources],
        "sampled": settings.sampled,
    }
    _written(ledger, judge, about, given)
    if not ledger.exchanges:
        return UNABLE
    return VIOLATIONS if ledger.total.wrong and _share(ledger) > given["fail_over"] else CLEAN


def _share(ledger: Ledger) -> float:
    return ledger.total.wrong / max(ledger.total.exchanges, 1)


def _run(settings: Settings, judge: Judge, files: list[File], given: dict[str, Any]) -> Ledger:
    from assay.audit.engine import audited  # noqa: PLC0415
    from assay.audit.plan import tasks  # noqa: PLC0415

    total = sum(size for _, size in files)
    with ExitStack() as stack:
        told = _progress(stack, total)
        run = _engine(stack, settings, judge, total, given)
        return audited(run, tasks(files, given["form"] or ""), settings.keep, told)


def _engine(stack: ExitStack, settings: Settings, judge: Judge, total: int, given: dict[str, Any]) -> Run:
    """Choose who does the work: Ray where asked, this process where there is little of it, else several."""
    from assay.audit.engine import Alone, Pool  # noqa: PLC0415

    workers = given["workers"] or os.cpu_count() or 1
    if given["ray"] is not None:
        from assay.audit.cluster import Cluster  # noqa: PLC0415

        cluster = Cluster(settings, given["ray"], workers)
        logging.getLogger("ray.data").setLevel(logging.ERROR)  # ours is the progress
        return cluster
    if workers == 1 or (given["workers"] is None and total <= _SMALL):
        return Alone(settings, judge)
    return stack.enter_context(Pool(settings, workers, settings.keep))


def _progress(stack: ExitStack, total: int) -> Told:
    """A bar of bytes with exchanges per second and the time left, on a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        return lambda *_: None
    columns = (
        BarColumn(), TaskProgressColumn(), DownloadColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn(),
    )  # fmt: skip
    progress = stack.enter_context(Progress(*columns, console=console, transient=True))
    bar = progress.add_task("", total=total, rate="")
    done = 0

    def told(size: int, exchanges: int) -> None:
        nonlocal done
        done += exchanges
        elapsed = progress.tasks[0].elapsed or 0.0
        rate = f"{done / elapsed:,.0f} exchanges/s" if elapsed else ""
        progress.update(bar, advance=size, rate=rate)

    return told


def _writable(file: str | None) -> None:
    """Refuse a file that cannot be written before the run, not after it."""
    if file is None or file == "-":
        return
    path = Path(file)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"cannot write {file}: {'it is' if path.is_dir() else 'its parent is not'} a folder")


def _written(ledger: Ledger, judge: Judge, about: dict[str, Any], given: dict[str, Any]) -> None:
    from assay.audit import summary  # noqa: PLC0415

    to_stderr = given["json_file"] == "-"
    for line in summary.text(ledger, about):
        click.echo(line, err=to_stderr)
    coverage = {} if about["sampled"] is None else summary.covered(ledger, next(iter(judge.contracts.values())))
    try:
        for file, made in _documents(ledger, about, coverage, given):
            if file == "-":
                click.echo(made, nl=False)
            else:
                Path(file).write_text(made, encoding="utf-8")
        if given["parquet_file"] is not None:
            from assay.audit.tables import write_parquet  # noqa: PLC0415

            write_parquet(ledger, given["parquet_file"])
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error


def _documents(
    ledger: Ledger, about: dict[str, Any], coverage: dict[str, Any], given: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    from assay.audit.page import page  # noqa: PLC0415
    from assay.audit.summary import document  # noqa: PLC0415

    if given["json_file"] is not None:
        yield given["json_file"], json.dumps(document(ledger, about, coverage), indent=2, ensure_ascii=False) + "\n"
    if given["html_file"] is not None:
        yield given["html_file"], page(ledger, about, coverage)
