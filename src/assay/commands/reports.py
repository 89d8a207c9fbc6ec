"""The reports that a user asks for: ``--report FORMAT[=FILE]``, and ``--json`` and ``--junit`` as short forms of it.

The rule of this module: a report that cannot be written is refused before the run, and what goes to the standard output
stands alone there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from assay.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.conformance.documents import Document

__all__ = ["Place", "options", "places", "to_stdout", "write"]

_STDOUT = "-"
_ENDINGS = {
    ".html": "html",
    ".htm": "html",
    ".xml": "junit",
    ".json": "json",
    ".har": "har",
    ".md": "markdown",
    ".markdown": "markdown",
}
_NAMES = {
    "html": "assay-report.html",
    "junit": "assay-report.xml",
    "json": "assay-report.json",
    "har": "assay-report.har",
    "markdown": "assay-report.md",
}


@dataclass(frozen=True, slots=True)
class Place:
    """One report: its format, and the file that it goes to; ``-`` is the standard output."""

    form: str
    file: str


class _Report(click.ParamType[Place]):
    """``FORMAT``, ``FORMAT=FILE``, or a FILE whose ending tells the format."""

    name = "report"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        """Read where a report goes, and in which format."""
        if isinstance(value, Place):
            return value
        text = str(value)
        form, equals, file = text.partition("=")
        if form in _NAMES and bool(equals) == bool(file):
            return Place(form, file or _NAMES[form])
        ending = _ENDINGS.get(Path(text).suffix.lower())
        if ending is None or equals:
            known, endings = ", ".join(_NAMES), ", ".join(_ENDINGS)
            self.fail(f"expected FORMAT or FORMAT=FILE, one of {known}; or a FILE that ends in {endings}", param, ctx)
        return Place(ending, text)


def options(command: Any) -> Any:
    """Give a command the options for reports; the one that stands first is shown first."""
    for option in (
        click.option("--junit", "junit_file", metavar="FILE", help="Short for --report junit=FILE."),
        click.option("--json", "json_file", metavar="FILE", help="Short for --report json=FILE."),
        click.option(
            "--report", "reports", type=_Report(), multiple=True, metavar="FORMAT[=FILE]",
            help="Write a report: html, junit, json, har or markdown; - is the standard output; repeatable.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def places(given: dict[str, Any]) -> tuple[Place, ...]:
    """Where reports are to go; raises UsageError where one cannot be written or two would go to one place."""
    short = [Place(form, given[f"{form}_file"]) for form in ("json", "junit") if given[f"{form}_file"] is not None]
    found = (*given["reports"], *short)
    files = [place.file for place in found]
    for file in files:
        writable(file)
        if files.count(file) > 1:
            raise UsageError(f"two reports would go to {'the standard output' if file == _STDOUT else file}")
    return found


def to_stdout(found: Iterable[Place]) -> bool:
    """Whether a report takes the standard output."""
    return any(place.file == _STDOUT for place in found)


def write(document: Document, found: Iterable[Place]) -> list[str]:
    """Write the reports; return the files. Raises UsageError where one cannot be written after all."""
    files = []
    for place in found:
        data = _made(document, place.form)
        if place.file == _STDOUT:
            click.echo(data, nl=False)
            continue
        try:
            Path(place.file).write_bytes(data)
        except OSError as error:
            raise UsageError(f"cannot write {error.filename}: {error.strerror}") from error
        files.append(place.file)
    return files


def writable(file: str) -> None:
    """Refuse a file that cannot be written before the run, not after it."""
    if file == _STDOUT:
        return
    path = Path(file)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"cannot write {file}: {'it is' if path.is_dir() else 'its parent is not'} a folder")


def _made(document: Document, form: str) -> bytes:
    """A report in a format; what it takes is imported when it is asked for."""
    if form == "json":
        return document.json()
    if form == "har":
        from assay.conformance.har import har  # noqa: PLC0415

        return har(document)
    if form == "html":
        from assay.conformance.page import page as text  # noqa: PLC0415
    elif form == "junit":
        from assay.conformance.junit import junit as text  # noqa: PLC0415
    else:
        from assay.conformance.markdown import markdown as text  # noqa: PLC0415
    return text(document).encode("utf-8", "backslashreplace")
