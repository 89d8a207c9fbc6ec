"""The leaf judgements that both engines share: string formats, and ECMA-262 patterns in bounded time.

The rule of this module: a format is asserted only where the wire is sure, that is where every correct
implementation agrees on every value (principle 2: no false alarm). OpenAPI 3.1 and JSON Schema 2020-12 both call
``format`` an annotation, so a format that is not in ``ASSERTED`` never fails; ``NOT_ASSERTED`` says why.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import regex  # type: ignore[import-untyped]

__all__ = ["ASSERTED", "NOT_ASSERTED", "PATTERN_SECONDS", "matches", "translate"]

PATTERN_SECONDS = 0.25
"""How long the reference engine tries one pattern on one string before it gives up, in seconds."""

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:[Zz]|[+-](\d{2}):(\d{2}))", re.ASCII)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)


def is_date(text: str) -> bool:
    """RFC 3339, ``full-date``."""
    found = _DATE.fullmatch(text)
    if not found:
        return False
    try:
        date(*(int(part) for part in found.groups()))
    except ValueError:
        # Year 0000 is a full-date but no datetime.date; it is a leap year of the proleptic calendar.
        return text.startswith("0000") and is_date(f"2000{text[4:]}")
    return True


def is_date_time(text: str) -> bool:
    """RFC 3339, ``date-time``; a space may stand for the ``T`` (5.6, note), leap seconds are let through."""
    if len(text) < len("2024-01-01T00:00:00Z") or text[10] not in "Tt ":
        return False
    found = _TIME.fullmatch(text, 11)
    if not found or not is_date(text[:10]):
        return False
    hour, minute, second, offset_hour, offset_minute = (int(part or 0) for part in found.groups())
    return hour <= 23 and minute <= 59 and second <= 60 and offset_hour <= 23 and offset_minute <= 59  # noqa: PLR2004  the clock


def is_uuid(text: str) -> bool:
    """RFC 9562: 8-4-4-4-12 hexadecimal digits, either case, any version."""
    return _UUID.fullmatch(text) is not None


def is_ipv4(text: str) -> bool:
    """RFC 2673, 3.2: four decimal octets without leading zeros."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def is_ipv6(text: str) -> bool:
    """RFC 4291, 2.2; a zone id is not part of an address."""
    if "%" in text:
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


ASSERTED: dict[str, Callable[[str], bool]] = {
    "date": is_date,
    "date-time": is_date_time,
    "ipv4": is_ipv4,
    "ipv6": is_ipv6,
    "uuid": is_uuid,
}
"""Formats that are judged, each by a function over the string; other JSON types are always let through."""

NOT_ASSERTED: dict[str, str] = {
    "binary": "says how the bytes travel, which the media type decides",
    "byte": "says how the bytes travel; senders disagree on line breaks and padding",
    "decimal": "not defined outside the descriptions that use it",
    "double": "every JSON number is one",
    "duration": "ISO 8601 and RFC 3339 disagree, and both are sent",
    "email": "RFC 5321 and what mail systems accept differ",
    "float": "every JSON number is one",
    "hostname": "underscores and IDNA are in use",
    "int32": "a bound belongs into minimum and maximum; engines judge formats of strings only",
    "int64": "a bound belongs into minimum and maximum; engines judge formats of strings only",
    "iri": "as uri",
    "password": "a hint for forms",
    "regex": "dialects differ",
    "time": "sent with and without an offset",
    "unix-time": "not defined as a range",
    "unixtime": "not defined as a range",
    "uri": "real services accept and send strings that RFC 3986 refuses (spaces, brackets, no scheme)",
    "uri-reference": "as uri",
}
"""Formats that occur in descriptions and are never judged, each with the reason."""


# What an ECMA-262 escape means where Python means something else. The first form stands alone, the second in a class.
_SPACE = r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_ESCAPES = {
    "d": ("[0-9]", "0-9"),
    "D": ("[^0-9]", r"[^0-9]"),
    "w": ("[A-Za-z0-9_]", "A-Za-z0-9_"),
    "W": ("[^A-Za-z0-9_]", r"[^A-Za-z0-9_]"),
    "s": (f"[{_SPACE}]", _SPACE),
    "S": (f"[^{_SPACE}]", f"[^{_SPACE}]"),
    "/": ("/", "/"),
    "-": (r"\-", r"\-"),
}
# Signs that mean themselves in a class of ECMA-262 and set operations in one of the regex module.
_SET_SIGNS = frozenset("[&|~")
_ALONE = {"[^]": r"[\s\S]", "[]": "(?!)", "$": r"\Z", "(?<": "(?P<", ".": r"[^\n\r\u2028\u2029]"}
_PIECE = re.compile(r"\\c[A-Za-z]|\\u\{[0-9A-Fa-f]+\}|\\k<\w+>|\\.|\(\?<(?![=!])|\[\^\]|\[\]|.", re.DOTALL)


@lru_cache(maxsize=4096)
def translate(pattern: str) -> str:
    """Write an ECMA-262 pattern (Unicode mode) for the ``regex`` module: same language, other spelling."""
    inside = False
    written = []
    for piece in _PIECE.findall(pattern):
        if inside and piece in ("[^]", "[]"):
            written.append(piece.replace("[", r"\[", 1))
            inside = False
            continue
        written.append(_rewritten(piece, inside=inside))
        inside = (piece != "]") if inside else (piece == "[")
    return "".join(written)


def _rewritten(piece: str, *, inside: bool) -> str:
    if piece.startswith("\\"):
        return _escape(piece, inside=inside)
    if inside:
        return rf"\{piece}" if piece in _SET_SIGNS else piece
    return _ALONE.get(piece, piece)


def _escape(piece: str, *, inside: bool) -> str:
    if piece.startswith("\\c"):
        return re.escape(chr(ord(piece[2:] or "c") % 32))
    if piece.startswith("\\u{"):
        return re.escape(chr(int(piece[3:-1], 16)))
    if piece.startswith("\\k<"):
        return f"(?P={piece[3:-1]})"
    return _ESCAPES.get(piece[1:], (piece, piece))[inside]


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> regex.Pattern[str]:
    import regex  # noqa: PLC0415  slow to import, and only this engine's patterns need it

    try:
        return regex.compile(translate(pattern), regex.VERSION1)
    except (regex.error, OverflowError) as error:
        raise ValueError(str(error)) from None


def matches(pattern: str, text: str) -> bool:
    """Say whether an ECMA-262 pattern is found in a text; False when that cannot be said in ``PATTERN_SECONDS``.

    Raises ``ValueError`` for a pattern that is none.
    """
    try:
        return _compiled(pattern).search(text, timeout=PATTERN_SECONDS) is not None
    except TimeoutError:
        return False
