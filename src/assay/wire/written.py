"""Values to the text of a parameter: the inverse of reading, cell by cell of the style table.

The rule of this module: what is written is read back as the same value. A character that delimits in the cell is
percent-encoded in the data, also where the plain style would let it stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from assay.wire.json_text import write_json
from assay.wire.literals import write_literal
from assay.wire.percent import RESERVED, RESERVED_IN_QUERY, encode, encode_form

if TYPE_CHECKING:
    from assay.model import Parameter, Shape

__all__ = ["bracketed", "write"]

# Characters that cannot stand in a header field or cookie as they are, or that delimit there.
_UNSAFE_IN_HEADER = re.compile(r"[^\x21\x23-\x24\x26-\x2b\x2d-\x3a\x3c\x3e-\x5b\x5d-\x7e]")
_UNSAFE_IN_HEADER_TEXT = re.compile(r"[^\x20-\x24\x26-\x7e]|^[ ]|[ ]$")
_DELIMITERS = {"form": ",", "simple": ",", "spaceDelimited": "%20", "pipeDelimited": "|", "cookie": ","}

_Escape = Callable[[str], str]


def write(parameter: Parameter, shape: Shape | None, value: Any) -> str:
    """Write a value as the text of a parameter.

    Returns a path segment, a piece of a query (``name=value&…``; the whole query for ``querystring``), a header
    field's value, or a piece of a Cookie field (``name=value; …``); empty where an object or array has nothing to
    show. ``shape`` tells integers from numbers (``3.0`` is written ``3``). Raises ``ValueError`` for NaN.
    """
    if parameter.media_type is not None:
        return _write_content(parameter, shape, value)
    match parameter.location:
        case "path":
            return _write_path(parameter, shape, value)
        case "header":
            scalar = not isinstance(value, list | dict)
            return _joined(value, shape, ",", parameter.explode, _header_text if scalar else _header_item)
        case "cookie" if parameter.style == "cookie":
            return _write_named(parameter, shape, value, _header_item, "; ")
        case "cookie":
            return _write_named(parameter, shape, value, encode, "&")
        case _:
            return _write_named(parameter, shape, value, _query_escape(parameter), "&")


def _write_content(parameter: Parameter, shape: Shape | None, value: Any) -> str:
    form = parameter.media_type == "application/x-www-form-urlencoded"
    if parameter.location == "querystring" and form and isinstance(value, dict):
        return "&".join(f"{encode_form(name)}={encode_form(text)}" for name, text in bracketed(value, shape))
    is_text = parameter.media_type == "text/plain" and isinstance(value, str)
    text = value if is_text else write_json(value)
    if parameter.location == "header":
        return _header_text(text)
    if parameter.location in ("query", "cookie"):
        return f"{encode(parameter.name)}={encode(text)}"
    return encode(text)


def bracketed(value: Any, shape: Shape | None, name: str = "") -> list[tuple[str, str]]:
    """Flatten a value into names with brackets and texts: ``a[b]``, and ``a[]`` for the items of an array."""
    if isinstance(value, dict):
        inner = [(key, item, _property(shape, key)) for key, item in value.items()]
        return [pair for key, item, part in inner for pair in bracketed(item, part, f"{name}[{key}]" if name else key)]
    if isinstance(value, list):
        part = shape.items if shape is not None else None
        if any(isinstance(item, list | dict) for item in value):
            return [pair for index, item in enumerate(value) for pair in bracketed(item, part, f"{name}[{index}]")]
        return [(f"{name}[]", write_literal(item, part)) for item in value]
    return [(name, write_literal(value, shape))]


def _write_path(parameter: Parameter, shape: Shape | None, value: Any) -> str:
    name, exploded = encode(parameter.name), parameter.explode
    safe = RESERVED if parameter.allow_reserved else ""
    many = isinstance(value, list | dict)

    def escape(text: str) -> str:
        return encode(text, safe=safe.replace(";", "") if parameter.style == "matrix" else safe)

    def dotless(text: str) -> str:
        return escape(text).replace(".", "%2E")

    if parameter.style == "label":
        return "." + _joined(value, shape, "." if exploded else ",", exploded, dotless if exploded and many else escape)
    if parameter.style != "matrix":
        return _joined(value, shape, ",", exploded, escape)
    if exploded and isinstance(value, dict):
        return ";" + _joined(value, shape, ";", exploded, escape)
    if exploded and isinstance(value, list) and value:
        return "".join(f";{name}={item}" for item in _items(value, shape, escape))
    text = _joined(value, shape, ",", exploded, escape)
    return f";{name}={text}" if text else f";{name}"


def _write_named(parameter: Parameter, shape: Shape | None, value: Any, escape: _Escape, between: str) -> str:
    """Write a value that carries its name: in a query or a Cookie field."""
    name = encode(parameter.name, safe="[]") if parameter.style != "cookie" else parameter.name
    if parameter.style == "deepObject":
        return between.join(f"{encode(key, safe='[]')}={escape(text)}" for key, text in bracketed(value, shape, name))
    if parameter.explode and isinstance(value, dict):
        return _joined(value, shape, between, parameter.explode, escape)
    if parameter.explode and isinstance(value, list) and value:
        return between.join(f"{name}={item}" for item in _items(value, shape, escape))
    text = _joined(value, shape, _DELIMITERS[parameter.style], parameter.explode, escape)
    if parameter.style == "pipeDelimited" and "%7C" not in text:
        # The delimiter is encoded, as a URI wants it, unless a pipe of the data needs that spelling.
        text = text.replace("|", "%7C")
    return f"{name}={text}"


def _joined(value: Any, shape: Shape | None, delimiter: str, exploded: bool, escape: _Escape) -> str:  # noqa: FBT001
    """Write a scalar, the items of an array, or the properties of an object, side by side."""
    if isinstance(value, list):
        return delimiter.join(_items(value, shape, escape))
    if isinstance(value, dict):
        pairs = [(escape(key), escape(write_literal(item, _property(shape, key)))) for key, item in value.items()]
        return delimiter.join(("=" if exploded else delimiter).join(pair) for pair in pairs)
    return escape(write_literal(value, shape))


def _items(value: list[Any], shape: Shape | None, escape: _Escape) -> list[str]:
    return [escape(write_literal(item, shape.items if shape is not None else None)) for item in value]


def _property(shape: Shape | None, name: str) -> Shape | None:
    return None if shape is None else shape.properties.get(name, shape.additional)


def _query_escape(parameter: Parameter) -> _Escape:
    safe = RESERVED_IN_QUERY if parameter.allow_reserved else ""
    if parameter.style == "spaceDelimited":
        # An encoded space delimits here, so a space of the data is written in the other spelling.
        return lambda text: encode(text, safe=safe + " ").replace(" ", "+")
    return lambda text: encode(text, safe=safe)


def _header_item(text: str) -> str:
    return _UNSAFE_IN_HEADER.sub(lambda match: encode(match[0]), text)


def _header_text(text: str) -> str:
    return _UNSAFE_IN_HEADER_TEXT.sub(lambda match: encode(match[0]), text)
