"""One raw text that holds a whole value: the cells of the style table where items stand side by side.

The rule of this module: pieces are split while the text is still percent-encoded. Where a style's delimiter may
itself be encoded (a space, a pipe) every way to split is tried, and each gives candidates.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assay.wire.literals import choices, combine, literals
from assay.wire.problem import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.model import Shape

__all__ = ["Decode", "items_of", "objects_of", "read_delimited", "read_label", "read_matrix", "read_text", "splits"]

Decode = Callable[[str], str]
_SCALARS = frozenset({"null", "boolean", "integer", "number", "string"})


def splits(style: str, raw: str) -> list[list[str]]:
    """Return the ways to split a raw text into its pieces for a style that is not exploded."""
    if style == "spaceDelimited":
        ways = [raw.split("%20")]
        if "+" in raw or " " in raw:
            ways.append(raw.replace("+", "%20").replace(" ", "%20").split("%20"))
        return ways
    if style == "pipeDelimited":
        encoded = raw.replace("%7c", "%7C")
        ways = [encoded.replace("|", "%7C").split("%7C")]
        if "%7C" in encoded:
            ways.append(encoded.split("|"))
        return ways
    return [raw.split(",")]


def read_delimited(ways: list[list[str]], shape: Shape | None, decode: Decode, *, exploded: bool) -> tuple[Any, ...]:
    """Return the candidates of one text, given the ways to split it; raises ``Malformed``.

    ``exploded`` says that an object's pieces are ``name=value``; otherwise names and values alternate.
    """
    types = shape.types if shape is not None else frozenset[str]()
    found: list[Any] = []
    if "array" in types:
        for pieces in ways:
            found.extend(items_of(pieces, shape, decode))
    if "object" in types:
        for pieces in ways:
            pairs = _named(pieces) if exploded else _alternating(pieces)
            if pairs is not None:
                found.extend(objects_of(gather(pairs, decode), shape, decode))
    return tuple(found)


def items_of(pieces: list[str], shape: Shape | None, decode: Decode) -> list[Any]:
    """Return the arrays that raw items may stand for; one empty item may also be no item."""
    inner = shape.items if shape is not None else None
    arrays: list[Any] = [[]] if pieces == [""] else []
    return arrays + combine([literals(decode(piece), inner) for piece in pieces])


def gather(pairs: Iterable[tuple[str, str]], decode: Decode) -> dict[str, list[str]]:
    """Return raw values by decoded name, in order."""
    gathered: dict[str, list[str]] = {}
    for name, value in pairs:
        gathered.setdefault(decode(name), []).append(value)
    return gathered


def objects_of(gathered: dict[str, list[str]], shape: Shape | None, decode: Decode) -> list[Any]:
    """Return the objects that raw values by name may stand for; a name that repeats makes an array."""
    parts: dict[str, tuple[Any, ...]] = {}
    for name, values in gathered.items():
        inner = None if shape is None else shape.properties.get(name, shape.additional)
        if len(values) > 1 or (inner is not None and inner.types == {"array"}):
            parts[name] = tuple(items_of(values, inner, decode))
        else:
            parts[name] = literals(decode(values[0]), inner)
    return choices(parts)


def read_text(raw: str, shape: Shape | None, decode: Decode) -> tuple[Any, ...]:
    """Return the candidates of a text that is one scalar, if a scalar may stand here at all."""
    types = shape.types if shape is not None else frozenset[str]()
    return literals(decode(raw), shape) if not types or types & _SCALARS else ()


def read_label(raw: str, shape: Shape | None, decode: Decode, *, exploded: bool) -> tuple[Any, ...]:
    """Read the ``label`` style of a path (RFC 6570, 3.2.5); raises ``Malformed``."""
    if not raw.startswith("."):
        raise Malformed("a value that begins with a dot", "one that does not")
    text = raw[1:]
    ways = [text.split("." if exploded else ",")]
    return read_delimited(ways, shape, decode, exploded=exploded) + read_text(text, shape, decode)


def read_matrix(name: str, raw: str, shape: Shape | None, decode: Decode, *, exploded: bool) -> tuple[Any, ...]:
    """Read the ``matrix`` style of a path (RFC 6570, 3.2.7); raises ``Malformed``."""
    if not raw.startswith(";"):
        raise Malformed("a value that begins with a semicolon", "one that does not")
    pairs = [(key, value) for key, _, value in (piece.partition("=") for piece in raw[1:].split(";"))]
    types = shape.types if shape is not None else frozenset[str]()
    found: list[Any] = []
    if exploded and "object" in types:
        found.extend(objects_of(gather([] if raw == ";" else pairs, decode), shape, decode))
    if all(decode(key) == name for key, _ in pairs):
        values = [value for _, value in pairs]
        if exploded and "array" in types:
            found.extend(items_of(values, shape, decode))
        elif len(values) == 1:
            found.extend(read_delimited([values[0].split(",")], shape, decode, exploded=False))
        if len(values) == 1:
            found.extend(read_text(values[0], shape, decode))
    if not found:
        raise Malformed("one value written as ;name=value", "another form")
    return tuple(found)


def _named(pieces: list[str]) -> list[tuple[str, str]] | None:
    if pieces == [""]:
        return []
    pairs = [piece.partition("=") for piece in pieces]
    return [(name, value) for name, _, value in pairs] if all(equals for _, equals, _ in pairs) else None


def _alternating(pieces: list[str]) -> list[tuple[str, str]] | None:
    if pieces == [""]:
        return []
    return None if len(pieces) % 2 else list(zip(pieces[::2], pieces[1::2], strict=True))
