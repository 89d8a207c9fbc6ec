"""Percent-encoding (RFC 3986, section 2.1) and the text of one query, as raw names and values.

The rule of this module: a text is split first and decoded afterwards, so that an encoded delimiter is data; what
is not ``%`` and two hex digits, or not UTF-8 once decoded, is a problem and never a guess.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

from assay.wire.problem import Malformed

__all__ = ["decode", "decode_form", "encode", "encode_form", "split_pairs"]

_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")

# Reserved characters that may stand as they are inside a query value or a path segment when ``allowReserved`` is
# set. Those that delimit the place itself (& = + # in a query, / ? # in a path) and commas stay encoded.
RESERVED = ":@!$'()*;"
RESERVED_IN_QUERY = RESERVED + "/?"


def decode(text: str) -> str:
    """Decode percent-encoded UTF-8; raises ``Malformed``."""
    if "%" not in text and text.isascii():
        return text
    if _BROKEN.search(text):
        raise Malformed("percent-encoding (% and two hex digits)", "a % without two hex digits after it")
    try:
        return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8")
    except UnicodeError:
        raise Malformed("UTF-8", "bytes that are not UTF-8") from None


def decode_form(text: str) -> str:
    """Decode a name or value of a query or form, where ``+`` is a space; raises ``Malformed``."""
    return decode(text.replace("+", " ") if "+" in text else text)


def encode(text: str, *, safe: str = "") -> str:
    """Percent-encode everything but unreserved characters and ``safe``."""
    return quote(text, safe=safe, errors="surrogatepass")


def encode_form(text: str) -> str:
    """Percent-encode a form's name or value; a space becomes ``+``."""
    return quote(text, safe=" ", errors="surrogatepass").replace(" ", "+")


def split_pairs(query: str) -> list[tuple[str, str]]:
    """Split a query or form at ``&`` and the first ``=`` into raw pairs; empty pieces are dropped."""
    pairs = []
    for piece in query.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            pairs.append((name, value))
    return pairs
