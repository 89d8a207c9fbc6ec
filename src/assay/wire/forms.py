"""``application/x-www-form-urlencoded`` bodies: text to candidate objects, and objects to text.

The rule of this module: an encoding's style decides where one is given; else a name that repeats is an array, a name
with brackets builds what stands inside, and a property that is an object or has a JSON content type is JSON text.
Source: OpenAPI 3.1, Encoding Object; the WHATWG URL standard for the form text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.wire.delimited import gather
from assay.wire.json_text import parse_json, write_json
from assay.wire.literals import choices, write_literal
from assay.wire.media import is_json
from assay.wire.named import Fields, read_deep, read_exploded_object, read_repeated
from assay.wire.nested import Leaf, Node, branches, texts_of
from assay.wire.percent import decode_form, encode_form, split_pairs
from assay.wire.problem import Malformed, Problem
from assay.wire.written import bracketed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.model import Encoding, Shape

__all__ = ["objects", "read_fields", "read_form", "write_form"]


def read_form(body: bytes, shape: Shape | None, encoding: Mapping[str, Encoding]) -> tuple[Any, ...] | Problem:
    """Return the objects a form body may stand for, most specific first, or the problem that makes it unreadable."""
    try:
        return read_fields(body.decode("ascii"), shape, encoding)
    except UnicodeDecodeError as error:
        return Problem("ASCII text (other characters percent-encoded)", "another byte", f"byte {error.start}")
    except Malformed as error:
        return error.problem


def read_fields(text: str, shape: Shape | None, encoding: Mapping[str, Encoding]) -> tuple[Any, ...]:
    """Return the objects a form text may stand for; raises ``Malformed``."""
    fields = Fields(gather(split_pairs(text), decode_form))
    parts: dict[str, tuple[Any, ...]] = {}
    for name, how in encoding.items():
        if how.style is not None or how.explode is not None:
            found = _styled(name, how, fields, property_shape(shape, name))
            if found:
                parts[name] = found
    left = [(name, value) for name, values in fields.raw.items() if name not in fields.taken for value in values]
    leaves = [(name, texts_of(decode_form(value))) for name, value in left]
    parts.update(objects(leaves, shape, {name for name, how in encoding.items() if _means_json(how)}))
    return tuple(choices(parts))


def _styled(name: str, how: Encoding, fields: Fields, shape: Shape | None) -> tuple[Any, ...]:
    """Read one property by the style of its encoding; empty when it is absent."""
    style = how.style or "form"
    exploded = style == "form" if how.explode is None else how.explode
    if style == "deepObject":
        return read_deep(name, fields, shape)
    if exploded and shape is not None and "object" in shape.types and shape.properties:
        return read_exploded_object(name, fields, shape, frozenset(), decode_form)
    values = fields.take(name)
    return read_repeated(values, style, shape, decode_form, exploded=exploded) if values else ()


def objects(leaves: list[tuple[str, Leaf]], shape: Shape | None, as_json: set[str]) -> dict[str, tuple[Any, ...]]:
    """Return candidates by property for leaves under their names; ``as_json`` are properties that must be JSON."""
    declared = shape.properties if shape is not None else {}
    exact: dict[str, Node] = {}
    others = []
    for name, leaf in leaves:
        if name in declared:
            exact.setdefault(name, Node()).leaves.append(leaf)
        else:
            others.append((name, leaf))
    parts: dict[str, tuple[Any, ...]] = {}
    for name, node in (*branches(others).items(), *exact.items()):
        if name in parts:
            raise Malformed("a name used either with or without brackets", "both")
        inner = property_shape(shape, name)
        parts[name] = _json_values(node) if name in as_json and not node.under else node.candidates(inner)
    return parts


def property_shape(shape: Shape | None, name: str) -> Shape | None:
    """Return the shape of a property of an object's shape."""
    return None if shape is None else shape.properties.get(name, shape.additional)


def write_form(value: dict[str, Any], shape: Shape | None, encoding: Mapping[str, Encoding]) -> bytes:
    """Write an object as a form body: arrays by repeated names, objects and JSON properties as JSON text."""
    pieces = []
    for name, item in value.items():
        how = encoding.get(name)
        if how is not None and how.style == "deepObject":
            pieces += bracketed(item, property_shape(shape, name), name)
        elif isinstance(item, list) and not (how is not None and _means_json(how)):
            inner = property_shape(shape, name)
            pieces += [(name, write_literal(part, inner.items if inner is not None else None)) for part in item]
        else:
            as_json = how is not None and _means_json(how)
            pieces.append((name, write_json(item) if as_json else write_literal(item)))
    return "&".join(f"{encode_form(name)}={encode_form(text)}" for name, text in pieces).encode("ascii")


def _means_json(how: Encoding) -> bool:
    return how.style is None and how.explode is None and any(map(is_json, how.content_types))


def _json_values(node: Node) -> tuple[Any, ...]:
    values = []
    for leaf in node.leaves:
        (text,) = leaf(None)
        value = parse_json(text.encode("utf-8", "surrogateescape")) if isinstance(text, str) else text
        if isinstance(value, Problem):
            raise Malformed(value.expected, value.got, value.at)
        values.append(value)
    return (values[0],) if len(values) == 1 else (values,)
