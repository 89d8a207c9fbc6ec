"""The command line: arguments in, exit codes out.

The rule of this module: 0 means no findings, 1 findings, 2 that it could not run, 130 that it was interrupted; what
went wrong is one line on stderr, never a traceback.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.console import Console
from rich.table import Table

from assay.commands import options
from assay.commands.lint import lint
from assay.errors import AssayError
from assay.spec.load import cache_folder, load_api

if TYPE_CHECKING:
    from collections.abc import Sequence

    Layer = Literal["compat", "strict"]

__all__ = ["main"]

CLEAN, FINDINGS, UNABLE, INTERRUPTED = 0, 1, 2, 130
_COMMANDS = ("audit", "check", "diff", "envoy", "faults", "proxy", "rules", "run", "serve", "sites", "top")
"""Each is imported when it is called for: all of them together take longer than most of them run."""


class _Front(click.Group):
    """The group of all commands, which turns whatever is raised into an exit code and one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name all commands."""
        return sorted((*super().list_commands(ctx), *_COMMANDS))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by its name, which is that of its module and of its function."""
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(f"assay.commands.{cmd_name}"), cmd_name)
        return command

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
def main(debug: bool) -> None:  # noqa: ARG001, FBT001  read from the arguments, where every error can see it
    """One contract for OpenAI-style HTTP APIs: prove that a server keeps it."""
    folder = cache_folder()
    if folder is not None:
        # Else Hypothesis keeps what it has read of its own in the folder that the user stands in.
        os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(folder / "hypothesis"))


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
