"""A file that must be read whole to be understood: an archive or a cassette, in JSON or YAML.

The rule of this module: within a limit of bytes and of depth, and never with the help of a parser that builds more
than plain values.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

import yaml

from assay.audit.opening import DAMAGED
from assay.audit.records import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from typing import BinaryIO

__all__ = ["WHOLE_LIMIT", "archived", "whole_value"]

WHOLE_LIMIT = 512 * 1024 * 1024
"""Bytes that an archive or a cassette may have, once decompressed."""

_DEEPEST = 256
_HEAD = 1024
_ARCHIVE = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*"log"\s*:')

# The parser in C where it is there; both build plain values and know no Python objects.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def archived(stream: BinaryIO) -> Iterator[Any] | None:
    """The entries of an HTTP archive one by one, of whatever size; None for another file, or without ijson.

    Raises Unreadable where the archive is cut off or damaged.
    """
    head = cast("BufferedReader", stream).peek(_HEAD)  # what opens files gives streams that have it
    if not _ARCHIVE.match(head[:_HEAD]):
        return None
    try:
        import ijson  # noqa: PLC0415  of the extra assay[audit]
    except ImportError:
        return None
    return _entries(ijson, stream)


def _entries(ijson: Any, stream: BinaryIO) -> Iterator[Any]:
    try:
        yield from ijson.items(stream, "log.entries.item", use_float=True)
    except (ijson.JSONError, UnicodeDecodeError):
        raise Unreadable("the archive is cut off or damaged") from None


def whole_value(stream: BinaryIO) -> Any:
    """Read and parse a whole file, as JSON where it looks like it, else as YAML; raises Unreadable."""
    try:
        data = stream.read(WHOLE_LIMIT + 1)
    except DAMAGED:
        raise Unreadable("the compressed file is cut off or damaged") from None
    if len(data) > WHOLE_LIMIT:
        raise Unreadable(f"too large to be read whole (over {WHOLE_LIMIT >> 20} MB)")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("it is not text") from None
    try:
        if text.lstrip()[:1] in ("{", "["):
            return json.loads(text)
        return _yaml(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark is not None else ""
        raise Unreadable(f"neither JSON nor YAML{where}") from None
    except json.JSONDecodeError as error:
        raise Unreadable(f"broken JSON at line {error.lineno}") from None
    except (RecursionError, ValueError, KeyError, TypeError, AttributeError):
        # PyYAML raises these for a tag that its value does not fit (``!!bool 3``).
        raise Unreadable("a value in it cannot be read") from None


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
