"""``assay run``: test a server, or the embedded reference server, and report.

The rule of this module: whatever ends the run, what was found is reported; a file that cannot be written is refused
before the first request.
"""

from __future__ import annotations

import gc
import hashlib
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.console import Console

from assay.commands import options, reports
from assay.commands.target import target_at
from assay.conformance import baseline
from assay.conformance.documents import Document
from assay.conformance.findings import Findings
from assay.conformance.journal import Journal
from assay.conformance.letter import Letter
from assay.conformance.outline import outline
from assay.conformance.report import Live, show, show_plan
from assay.conformance.result import Options, Result, Target
from assay.conformance.run import run as test
from assay.conformance.run_rules import parted
from assay.contract import load
from assay.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.commands.reports import Place
    from assay.conformance.baseline import Baseline
    from assay.contract import Contract

__all__ = ["run"]

_GARBAGE = 50_000  # objects made before the next search for garbage
CLEAN, FINDINGS, INTERRUPTED = 0, 1, 130
_KEY = "embedded"  # of a server that lives as long as the run


@click.command()
@click.argument("url", required=False)
@click.option("--model", metavar="NAME", help="The model to ask for; else one of the target's list.")
@click.option("--operation", "operations", multiple=True, metavar="ID", help="Test only this one; repeatable.")
@click.option("--header", "headers", multiple=True, metavar="'K: V'", help="Add a header to every request; repeatable.")
@click.option("--key-env", metavar="NAME", help="The variable that holds the API key  [default: OPENAI_API_KEY]")
@options.description
@options.overlay
@options.layers
@options.off
@click.option("--max-requests", default=300, show_default=True, type=click.IntRange(1), metavar="N")
@click.option("--max-time", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="For the whole run.")
@click.option("--timeout", default=30.0, show_default=True, type=click.FloatRange(0, min_open=True), metavar="SECONDS")
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1, 64),
    metavar="N",
    help="Test so many operations at once: for servers that are slow and serve several clients.",
)
@click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="Requests per second at most.")
@click.option("--proxy", metavar="URL", help="A forward proxy  [default: HTTP_PROXY, HTTPS_PROXY of the environment]")
@click.option(
    "--resume",
    "journal_file",
    metavar="FILE",
    help="Keep the target's answers in FILE (for your eyes only: mode 0600), and go on with a run that it holds.",
)
@click.option("--seed", default=0, show_default=True, type=int, help="The same seed draws the same cases.")
@click.option("--fault", "faults", multiple=True, metavar="NAME", help="A fault of the embedded server; repeatable.")
@reports.options
@click.option("--baseline", "baseline_file", metavar="FILE", help="Findings in this file are known and fail nothing.")
@click.option("--update-baseline", is_flag=True, help="Write what this run finds to the baseline.")
@click.option("--plan", "planned", is_flag=True, help="Print what would be sent, and send nothing.")
@click.option("--show-bodies", is_flag=True, help="Show the bodies of responses in reports.")
def run(url: str | None, **given: Any) -> int:
    """Test the server at URL; without URL, the embedded reference server.

    A URL without a path (http://host:8000) stands for the base path of the description, /v1 for the OpenAI API. A URL
    with a path is the root of the API as it is: http://host/v1, http://host/v1beta/openai.
    """
    places = reports.places(given)
    _journal_possible(url, given["journal_file"])
    accepted = _baseline(given["baseline_file"], update=given["update_baseline"])
    layer, *more = options.LAYERS[given["layer"]]
    silent, off = parted(given["off"])
    contract = load(given["description"], overlays=given["overlays"], layer=layer, off=off)
    if given["planned"]:
        asked = _options(given)
        _, addressed = target_at(url or "http://127.0.0.1", contract, given)
        shares = outline(contract, asked, keyed=addressed.anonymous is not None)
        show_plan(Console(highlight=False), shares, asked.requests)
        return CLEAN
    result = Result(_options(given), findings=Findings(off=silent), layer=layer, baseline=accepted)
    if more:
        result.letter = Letter(load(given["description"], overlays=given["overlays"], layer="strict", off=off))
    if url is not None:
        if given["faults"]:
            raise UsageError("--fault is for the embedded server: leave out the URL")
        return _tested(contract, target_at(url, contract, given), result, given, places)
    with _embedded(given["faults"]) as (embedded, headers):
        given["headers"] = (*given["headers"], *headers)
        return _tested(contract, target_at(embedded, contract, given), result, given, places)


@contextmanager
def _embedded(names: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The reference server's URL, and the header fields that it demands: a key where a fault shows only with one.

    It is imported here, for who names a server needs none.
    """
    from assay.adapters.serve import serve  # noqa: PLC0415
    from assay.reference.clock import ticking  # noqa: PLC0415
    from assay.reference.faults.application import faulty  # noqa: PLC0415
    from assay.reference.faults.registry import find  # noqa: PLC0415

    key = _KEY if any(find(name).keyed for name in names) else None
    with serve(faulty(names, load("openai"), key=key, clock=ticking())) as url:
        yield url, () if key is None else (f"Authorization: Bearer {key}",)


@contextmanager
def _little_garbage() -> Iterator[None]:
    """Look for garbage seldom: what a run makes, it keeps, and to go through all of that takes a tenth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(_GARBAGE)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _tested(
    contract: Contract,
    addressed: tuple[str, Target],
    result: Result,
    given: dict[str, Any],
    places: tuple[Place, ...],
) -> int:
    """Run, report, and say how it went."""
    base_url, target = addressed
    console = Console(stderr=reports.to_stdout(places), highlight=False)
    interrupted = False
    began = datetime.now(UTC)
    with _little_garbage(), _journal(contract, base_url, result.options, given) as journal:
        try:
            with Live(console, result.options.requests) as live:
                test(contract, target, result, live, journal=journal)
        except KeyboardInterrupt:
            interrupted = True
            result.stopped = "interrupted"
    if result.baseline is not None:
        result.baseline = _compared(result, result.baseline, update=given["update_baseline"] and not interrupted)
    document = Document(result, target, base_url, bodies=given["show_bodies"], began=began)
    files = reports.write(document, places)
    show(console, document, files)
    _tell_how_to_go_on(console, result, given["journal_file"])
    if interrupted:
        return INTERRUPTED
    return FINDINGS if result.failed else CLEAN


def _baseline(file: str | None, *, update: bool) -> Baseline | None:
    """The baseline that a user named; an empty one where it is yet to be written."""
    if file is None:
        if update:
            raise UsageError("--update-baseline: expected --baseline FILE too")
        return None
    if update:
        reports.writable(file)
        if not Path(file).exists():
            return baseline.Baseline(file)
    return baseline.read(file)


def _compared(result: Result, known: Baseline, *, update: bool) -> Baseline:
    """Mark what is known, or make all of it known and write that down."""
    applied = known.applied(result)
    if not update:
        return applied
    updated = applied.updated(result)
    try:
        Path(updated.file).write_text(baseline.written(updated), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error
    return updated.applied(result)


def _options(given: dict[str, Any]) -> Options:
    return Options(
        model=given["model"],
        operations=given["operations"],
        requests=given["max_requests"],
        seconds=given["max_time"],
        seed=given["seed"],
        workers=given["workers"],
        rate=given["rate"],
    )


@contextmanager
def _journal(contract: Contract, base_url: str, asked: Options, given: dict[str, Any]) -> Iterator[Journal | None]:
    """The journal of a run, where one was asked for; its heading holds all that decides what is sent and found."""
    if given["journal_file"] is None:
        yield None
        return
    described = orjson.dumps(contract.api.documents, option=orjson.OPT_SORT_KEYS)
    heading = {
        "version": version("assay"),
        "target": base_url,
        "description": hashlib.sha256(described).hexdigest(),
        "model": asked.model,
        "operations": list(asked.operations),
        "budget": asked.requests,
        "seed": asked.seed,
        "rules": sorted(given["off"]),
    }
    with Journal(Path(given["journal_file"]), heading) as journal:
        yield journal


def _tell_how_to_go_on(console: Console, result: Result, journal_file: str | None) -> None:
    if result.replayed:
        console.print(f"{result.replayed} of {result.sent} requests were answered by {journal_file}", soft_wrap=True)
    if result.stopped and journal_file is not None:
        console.print(f"the same command goes on from here: {journal_file} holds what was answered", soft_wrap=True)
    elif result.stopped == "interrupted":
        console.print("with --resume FILE, the next run could go on where this one ended", soft_wrap=True)


def _journal_possible(url: str | None, file: str | None) -> None:
    """Refuse a journal that cannot be kept before the run, not after it."""
    if file is None:
        return
    if url is None:
        raise UsageError("--resume needs the URL of a server: the embedded one forgets what it was asked")
    reports.writable(file)
