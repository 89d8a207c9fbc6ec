"""The command line: arguments in, exit codes out.

The rule of this module: 0 means no findings, 1 findings, 2 that it could not run, 130 that it was interrupted; what
went wrong is one line on stderr, never a traceback.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.console import Console
from rich.table import Table

from assay.adapters.send import Sender
from assay.adapters.serve import serve
from assay.commands import options
from assay.commands.audit import audit
from assay.commands.check import check
from assay.commands.diff import diff
from assay.commands.envoy import envoy
from assay.commands.lint import lint
from assay.commands.proxy import proxy
from assay.commands.rules import rules
from assay.commands.sites import sites
from assay.commands.top import top
from assay.conformance.documents import Document
from assay.conformance.outline import outline
from assay.conformance.report import Live, show, show_plan
from assay.conformance.result import Options, Result, Target
from assay.conformance.run import run as test
from assay.contract import load
from assay.errors import AssayError, UsageError
from assay.reference.server import application
from assay.spec.load import load_api

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.contract import Contract

    Layer = Literal["compat", "strict"]

__all__ = ["main"]

CLEAN, FINDINGS, UNABLE, INTERRUPTED = 0, 1, 2, 130


class _Front(click.Group):
    """The group of all commands, which turns whatever is raised into an exit code and one line."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002  click's signature
        **extra: Any,
    ) -> Any:
        """Run a command and exit with its code."""
        arguments = [*(sys.argv[1:] if args is None else args)]
        try:
            code = super().main(arguments, prog_name or "assay", complete_var, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            code = UNABLE
        except click.ClickException as error:
            code = _unable(error.format_message())
        except AssayError as error:
            code = _unable(str(error))
        except (KeyboardInterrupt, click.Abort):
            code = INTERRUPTED
        except Exception as error:  # noqa: BLE001  the roof: nothing is above it
            code = _unexpected(error, shown="--debug" in arguments)
        if not standalone_mode:
            return code
        sys.exit(code or CLEAN)


@click.group(cls=_Front, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("assay"), message="assay %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
def main(debug: bool) -> None:  # noqa: FBT001  read from the arguments, where every error can see it
    """One contract for OpenAI-style HTTP APIs: prove that a server keeps it."""


main.add_command(audit)
main.add_command(check)
main.add_command(proxy)
main.add_command(diff)
main.add_command(envoy)
main.add_command(rules)
main.add_command(sites)
main.add_command(top)


@main.command()
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
        _, addressed = _target(url or "http://127.0.0.1", contract, given)
        shares = outline(contract, asked, keyed=addressed.anonymous is not None)
        show_plan(Console(highlight=False), shares, asked.requests)
        return CLEAN
    with ExitStack() as stack:
        target = _target(url or stack.enter_context(serve(application())), contract, given)
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


def _target(url: str, contract: Contract, given: dict[str, Any]) -> tuple[str, Target]:
    """The target at a URL, with and without the user's key, and its address for people."""
    headers = [_field(text) for text in given["headers"]]
    key, asked = _key(given["key_env"])
    if key and not any(name.lower() == "authorization" for name, _ in headers):
        headers.append(("Authorization", f"Bearer {key}"))
    # A key that merely stands in the environment proves nothing of the target; one that was named does.
    enforced = asked or any(_field(text)[0].lower() == "authorization" for text in given["headers"])
    bases = {base for operation in contract.operations for base in operation.bases}
    send = Sender(url, headers=headers, timeout=given["timeout"], bases=bases)
    anonymous = None
    if enforced:
        rest = [(name, value) for name, value in headers if name.lower() != "authorization"]
        anonymous = Sender(url, headers=rest, timeout=given["timeout"], bases=bases)
    return url, Target(send, send.url, anonymous, send.field_names, send.afresh)


def _key(variable: str | None) -> tuple[str, bool]:
    """The API key and whether the user named its variable."""
    if variable is None:
        return os.environ.get("OPENAI_API_KEY", ""), False
    value = os.environ.get(variable)
    if not value:
        raise UsageError(f"--key-env: the variable {variable} is not set")
    return value, True


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        # The text may be a key, so it is not repeated.
        raise UsageError("--header: expected 'Name: value', and there is no name before a colon")
    return name.strip(), value.strip()


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


@main.command()
@options.description
@options.overlay
@options.layer
def operations(description: str, overlays: tuple[str, ...], layer: Layer) -> int:
    """List the operations of a description."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("operation", "method", "path"):
        table.add_column(name, overflow="fold")
    for operation in load_api(description, overlays=overlays, layer=layer).operations:
        table.add_row(operation.id, operation.method, operation.path)
    Console(highlight=False, markup=False).print(table)
    return CLEAN


@main.group()
def spec() -> None:
    """Ask about descriptions."""


spec.add_command(lint)


@spec.command()
@options.description
@options.overlay
@options.layer
def repairs(description: str, overlays: tuple[str, ...], layer: Layer) -> int:
    """List every change made to a description before it is used, and those that no longer apply."""
    found = load_api(description, overlays=overlays, layer=layer).repairs
    console = Console(highlight=False, markup=False)
    if not found:
        console.print("No repairs: the description is used as it stands.")
        return CLEAN
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("places", "by", "target", "reason"):
        table.add_column(name, overflow="fold", justify="right" if name == "places" else "left")
    for repair in found:
        table.add_row(str(repair.count) if repair.applied else "none", repair.by, repair.target, repair.reason)
    console.print(table)
    missing = sum(not repair.applied for repair in found)
    console.print(f"\n{len(found) - missing} repairs applied, {missing} not: their targets were not found.")
    return CLEAN


def _unable(message: str) -> int:
    click.echo(f"assay: {' '.join(message.split())}", err=True)
    return UNABLE


def _unexpected(error: Exception, *, shown: bool) -> int:
    """A fault of ours: one line for the user, the traceback in a file or, with ``--debug``, on stderr."""
    if shown:
        traceback.print_exception(error)
        return UNABLE
    number, name = tempfile.mkstemp(prefix="assay-", suffix=".traceback")
    os.close(number)
    Path(name).write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return _unable(f"unexpected {type(error).__name__}; its traceback is in {name} (assay --debug shows it)")
