"""Forms on the wire: one field of a ``multipart/form-data`` body, changed in its bytes.

The rule of this module: what is not named stays, byte for byte.
"""

from __future__ import annotations

import re

__all__ = ["changed", "without"]


def changed(body: bytes, field: str, text: str) -> bytes:
    """Return a form with another text in a field."""
    return _part(field).sub(lambda part: part[1] + text.encode() + part[3], body)


def without(body: bytes, field: str) -> bytes:
    """Return a form without a field."""
    whole = re.compile(rb"--[^\r\n]+\r\n(?:[^\r\n]+\r\n)*?" + _part(field).pattern, re.DOTALL)
    return whole.sub(lambda part: part[3].removeprefix(b"\r\n"), body)


def _part(field: str) -> re.Pattern[bytes]:
    head = rb'([^\r\n]*; name="?' + re.escape(field.encode()) + rb'"?(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*\r\n)'
    return re.compile(head + rb"(.*?)(\r\n--)", re.DOTALL)
