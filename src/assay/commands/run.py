"""``assay run``: test a server, or the embedded reference server, and report.

The rule of this module: whatever ends the run, what was found is reported; a file that cannot be written is refused
before the first request.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from assay.adapters.serve import serve
from assay.commands import options
from assay.commands.target import target_at
from assay.conformance.documents import Document
from assay.conformance.outline import outline
from assay.conformance.report import Live, show, show_plan
from assay.conformance.result import Options, Result, Target
from assay.conformance.run import run as test
from assay.contract import load
from assay.errors import UsageError
from assay.reference.server import application

if TYPE_CHECKING:
    from assay.contract import Contract

__all__ = ["run"]

CLEAN, FINDINGS, INTERRUPTED = 0, 1, 130


@click.command()
@click.argument("url", required=False)
@click.option("--model", metavar="NAME", help="The model to ask for; else one of the target's list.")
@click.option("--operation", "operations", multiple=True, metavar="ID", help="Test only this one; repeatable.")
@click.option("--header", "headers", multiple=True, metavar="'K: V'", help="Add a header to every request; repeatable.")
@click.option("--key-env", metavar="NAME", help="The variable that holds the API key  [default: OPENAI_API_KEY]")
@options.description
@options.overlay
@options.layer
@options.off
@click.option("--max-requests", default=300, show_default=True, type=click.IntRange(1), metavar="N")
@click.option("--max-time", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="For the whole run.")
@click.option("--timeout", default=30.0, show_default=True, type=click.FloatRange(0, min_open=True), metavar="SECONDS")
@click.option("--seed", default=0, show_default=True, type=int, help="The same seed draws the same cases.")
@click.option("--json", "json_file", metavar="FILE", help="Write the result as JSON; - is the standard output.")
@click.option("--junit", "junit_file", metavar="FILE", help="Write the result as JUnit XML.")
@click.option("--plan", "planned", is_flag=True, help="Print what would be sent, and send nothing.")
@click.option("--show-bodies", is_flag=True, help="Show the bodies of responses in reports.")
def run(url: str | None, **given: Any) -> int:
    """Test the server at URL; without URL, the embedded reference server.

    A URL without a path (http://host:8000) stands for the base path of the description, /v1 for the OpenAI API. A URL
    with a path is the root of the API as it is: http://host/v1, http://host/v1beta/openai.
    """
    for file in (given["json_file"], given["junit_file"]):
        _writable(file)
    contract = load(given["description"], overlays=given["overlays"], layer=given["layer"], off=given["off"])
    if given["planned"]:
        asked = _options(given)
        _, addressed = target_at(url or "http://127.0.0.1", contract, given)
        shares = outline(contract, asked, keyed=addressed.anonymous is not None)
        show_plan(Console(highlight=False), shares, asked.requests)
        return CLEAN
    with ExitStack() as stack:
        target = target_at(url or stack.enter_context(serve(application())), contract, given)
        return _tested(contract, target, given)


def _tested(contract: Contract, addressed: tuple[str, Target], given: dict[str, Any]) -> int:
    """Run, report, and say how it went."""
    base_url, target = addressed
    console = Console(stderr=given["json_file"] == "-", highlight=False)
    asked = _options(given)
    result = Result(asked)
    interrupted = False
    try:
        with Live(console, asked.requests) as live:
            test(contract, target, result, live)
    except KeyboardInterrupt:
        interrupted = True
        result.stopped = "interrupted"
    document = Document(result, target, base_url, bodies=given["show_bodies"])
    _written(document, given)
    show(console, document)
    if interrupted:
        return INTERRUPTED
    return FINDINGS if result.failed else CLEAN


def _options(given: dict[str, Any]) -> Options:
    return Options(
        model=given["model"],
        operations=given["operations"],
        requests=given["max_requests"],
        seconds=given["max_time"],
        seed=given["seed"],
    )


def _writable(file: str | None) -> None:
    """Refuse a file that cannot be written before the run, not after it."""
    if file is None or file == "-":
        return
    path = Path(file)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"cannot write {file}: {'it is' if path.is_dir() else 'its parent is not'} a folder")


def _written(document: Document, given: dict[str, Any]) -> None:
    if given["json_file"] == "-":
        click.echo(document.json(), nl=False)
    try:
        if given["json_file"] not in (None, "-"):
            Path(given["json_file"]).write_bytes(document.json())
        if given["junit_file"] == "-":
            click.echo(document.junit(), nl=False)
        elif given["junit_file"] is not None:
            Path(given["junit_file"]).write_text(document.junit(), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error
