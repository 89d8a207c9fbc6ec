"""Files of recorded traffic, recognised by what is in them: JSON Lines, HTTP archives, cassettes; gzip around any.

The rule of this module: JSON Lines are read line by line, so that a file may be of any length; archives and cassettes
are read whole, within a limit. A file that is none of these is a ``UsageError``; a bad entry is an entry.
"""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from assay.audit.cassettes import interactions, read_cassette
from assay.audit.har import is_archive, read_archive
from assay.audit.lines import is_exchange, read_line
from assay.audit.records import BODY_LIMIT, Broken, Place, Record
from assay.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedIOBase

__all__ = ["WHOLE_LIMIT", "read_file"]

WHOLE_LIMIT = 512 * 1024 * 1024
"""Bytes that an archive or a cassette may have, once decompressed."""

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
_LINES_TRIED = 50  # a file of JSON Lines shows a whole exchange within its first lines
_DEEPEST = 256
_EXPECTED = "expected JSON Lines exchanges, an HTTP archive (HAR) or a cassette (YAML or JSON)"

# The parser in C where it is there; both build plain values and know no Python objects.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_file(file: str) -> Iterator[Record | Broken]:
    """Yield what a file records, in its order.

    ``file`` is the path as the user wrote it; it names the places. Raises UsageError for a file that cannot be read,
    or that holds no recorded traffic.
    """
    try:
        if _is_lines(file):
            yield from _read_lines(file)
        else:
            yield from _read_whole(file)
    except FileNotFoundError:
        raise UsageError(f"{file}: there is no such file") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot read it: {error.strerror or 'it is damaged'}") from None


def _open(file: str) -> BufferedIOBase:
    path = Path(file)
    with path.open("rb") as opened:
        packed = opened.read(2) == _GZIP
    return gzip.open(path) if packed else path.open("rb")


def _is_lines(file: str) -> bool:
    """Say whether one of the first lines is an exchange by itself."""
    try:
        with _open(file) as opened:
            for _ in range(_LINES_TRIED):
                line = opened.readline(BODY_LIMIT)
                if not line:
                    return False
                if _holds_exchange(line):
                    return True
    except (EOFError, zlib.error):
        return False
    return False


def _holds_exchange(line: bytes) -> bool:
    text = line.removeprefix(_BOM).strip()
    if not (text.startswith(b"{") and text.endswith(b"}")):
        return False
    try:
        return is_exchange(json.loads(text))
    except (ValueError, RecursionError):
        return False


def _read_lines(file: str) -> Iterator[Record | Broken]:
    number = 0
    with _open(file) as opened:
        try:
            for number, line in enumerate(_bounded(opened), 1):
                place = Place(file, line=number)
                item = Broken(place, "the line is too long") if line is None else read_line(line, place)
                if item is not None:
                    yield item
        except (EOFError, zlib.error, gzip.BadGzipFile):
            yield Broken(Place(file, line=number + 1), "the compressed file is cut off or damaged here")


def _bounded(opened: BufferedIOBase) -> Iterator[bytes | None]:
    """Yield lines; None for one over the limit, of which only the limit is ever held."""
    first = True
    while line := opened.readline(BODY_LIMIT):
        whole = line.endswith(b"\n") or len(line) < BODY_LIMIT
        yield (line.removeprefix(_BOM) if first else line) if whole else None
        while not whole:
            rest = opened.readline(BODY_LIMIT)
            whole = rest.endswith(b"\n") or not rest
        first = False


def _read_whole(file: str) -> Iterator[Record | Broken]:
    with _open(file) as opened:
        try:
            data = opened.read(WHOLE_LIMIT + 1)
        except (EOFError, zlib.error):
            raise UsageError(f"{file}: the compressed file is cut off or damaged") from None
    if len(data) > WHOLE_LIMIT:
        raise UsageError(f"{file}: too large to be read whole (over {WHOLE_LIMIT >> 20} MB); {_EXPECTED}")
    value = _value(data, file)
    if is_archive(value):
        return read_archive(value, file)
    entries = interactions(value)
    if entries is None:
        raise UsageError(f"{file}: no recorded traffic in it; {_EXPECTED}")
    return read_cassette(entries, file)


def _value(data: bytes, file: str) -> Any:
    """Parse a whole file, as JSON where it looks like it, else as YAML."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{file}: it is not text; {_EXPECTED}") from None
    try:
        if text.lstrip()[:1] in ("{", "["):
            return json.loads(text)
        return _yaml(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise UsageError(f"{file}: neither JSON nor YAML{where}; {_EXPECTED}") from None
    except json.JSONDecodeError as error:
        raise UsageError(f"{file}: broken JSON at line {error.lineno}; {_EXPECTED}") from None
    except (RecursionError, ValueError, KeyError, TypeError, AttributeError):
        # PyYAML raises these for a tag that its value does not fit (``!!bool 3``).
        raise UsageError(f"{file}: a value in it cannot be read; {_EXPECTED}") from None


class _Cassette(_Parser):  # type: ignore[misc]  # PyYAML's classes are untyped
    """The safe parser, which reads a value with a foreign tag (``!!python/unicode``) as the plain value."""


def _untagged(loader: Any, _suffix: str, node: Any) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return node.value
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


_Cassette.add_multi_constructor("", _untagged)
# Recorders that write a time unquoted mean its text.
_Cassette.add_constructor("tag:yaml.org,2002:timestamp", lambda _loader, node: node.value)


def _yaml(text: str) -> Any:
    """Read YAML after a look at its depth: the parser's recursion in C would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=_Parser):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEEPEST:
            raise ValueError
    return yaml.load(text, Loader=_Cassette)  # noqa: S506  a safe parser, as its base says
