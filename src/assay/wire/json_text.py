"""JSON bodies: bytes to values, fast for sound text and exact for every text.

The rule of this module: one parser (orjson) judges the grammar, so that there is one answer; what it would round
(integers over 64 bits) is read again exactly, what it refuses becomes a ``Problem`` with a position and no text.
RFC 8259 and, for lone surrogates, RFC 7493 (I-JSON) give the answers. A name that stands twice: the last wins, as in
every common server; ``repeated_names`` tells of it.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from assay.wire.problem import Problem

__all__ = ["DEEPEST", "parse_json", "repeated_names", "write_json"]

DEEPEST = 1024
"""Arrays and objects may stand inside each other this deep; it is the parser's own bound."""
# Every integer over 64 bits has 19 digits in a row or more. Of 19 bytes in a row, every sixth byte gives three, so a
# sixth of the text tells that most bodies hold none, at a sixth of the price.
_STRIDE = 6
_DIGITS = bytes(ord("0") if chr(byte) in "0123456789" else ord(" ") for byte in range(256))
_SAMPLED = b"000"
# The closer look tells a number's first digits (after ``:``, ``,``, ``[``, ``-`` or a blank) from those of a fraction.
_FIRSTS = bytes(ord("<") if chr(byte) in ":,[- \t\r\n" else digit for byte, digit in enumerate(_DIGITS))
_LONG = 19
_RUN = b"<" + b"0" * _LONG

_WIDE = re.compile(rb'"(?:[^"\\]++|\\.)*+"|(?<![0-9.eE+-])-?[0-9]{19,}+(?![.eE])', re.DOTALL)
_BOM = b"\xef\xbb\xbf"
_TEXT = "JSON text (RFC 8259)"


def parse_json(body: bytes, *, exact: bool = True) -> Any:
    """Return the value of a JSON text in UTF-8, or a ``Problem``; raises nothing.

    ``exact`` keeps integers over 64 bits exact at the price of a quick look over the bytes; without it they become
    floats. A number outside the range of a double is refused either way.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return _problem(body, error)
    if exact and _SAMPLED in body[::_STRIDE].translate(_DIGITS) and _may_be_wide(body):
        return _read_exactly(body, value)
    return value


def _may_be_wide(body: bytes) -> bool:
    return _RUN in body.translate(_FIRSTS) or body[:_LONG].isdigit()


def write_json(value: Any) -> str:
    """Write a JSON value as text: compact, ASCII not forced, integers of any size; raises ``ValueError`` for NaN."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def repeated_names(body: bytes) -> tuple[str, ...]:
    """Return the names that stand twice in one object of a sound JSON text, sorted; a slow look for a hazard."""
    found: set[str] = set()

    def look(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            found.update(name for name in names if names.count(name) > 1)

    try:
        json.loads(body, object_pairs_hook=look, parse_int=len, parse_float=len)
    except (ValueError, RecursionError):
        return ()
    return tuple(sorted(found))


def _read_exactly(body: bytes, rounded: Any) -> Any:
    """Read a sound text again with each wide integer in a string's clothes, then undress them."""
    mark = b"integer"
    while mark in body:
        mark += b"-"
    wide = 0

    def dress(match: re.Match[bytes]) -> bytes:
        nonlocal wide
        token = match[0]
        if token.startswith(b'"'):
            return token
        wide += 1
        return b'"' + mark + token + b'"'

    dressed = _WIDE.sub(dress, body)
    if not wide:
        return rounded
    return _undress(orjson.loads(dressed), mark.decode())


def _undress(value: Any, mark: str) -> Any:
    """Turn marked strings into integers, in place and without recursion."""
    root = [value]
    waiting: list[Any] = [root]
    while waiting:
        container = waiting.pop()
        steps = container.items() if isinstance(container, dict) else enumerate(container)
        for step, item in list(steps):
            if isinstance(item, str):
                if item.startswith(mark):
                    container[step] = int(item[len(mark) :])
            elif isinstance(item, dict | list):
                waiting.append(item)
    return root[0]


def _problem(body: bytes, error: orjson.JSONDecodeError) -> Problem:
    """Say in our words why a text is no JSON; only the kind of the fault and its position are taken."""
    at = f"line {error.lineno}, column {error.colno}"
    if not body.strip():
        return Problem(_TEXT, "nothing")
    if body.startswith(_BOM):
        return Problem(f"{_TEXT} without a byte order mark", "a byte order mark", "line 1, column 1")
    try:
        text = body.decode()
    except UnicodeDecodeError as fault:
        return Problem("UTF-8", "bytes that are not UTF-8", f"byte {fault.start}")
    return Problem(*_kind(text, error), at)


def _kind(text: str, error: orjson.JSONDecodeError) -> tuple[str, str]:
    message, here = error.msg, text[error.pos : error.pos + 9]
    if "depth" in message or "ecursion" in message:
        return f"JSON nested at most {DEEPEST} deep", "deeper nesting"
    if "surrogate" in message:
        return "Unicode text (surrogate escapes in pairs)", "a lone surrogate escape"
    if "infinity" in message:
        return "a number that fits a double", "a larger one"
    if here.startswith(("NaN", "Infinity", "-Infinity")):
        return _TEXT, "a number that JSON does not have (NaN or Infinity)"
    if "after document" in message:
        return "the end of the JSON text", "more text after it"
    if error.pos >= len(text) or "end of data" in message or "EOF" in message:
        return _TEXT, "a text that ends too early"
    return _TEXT, "a character that cannot stand there"
