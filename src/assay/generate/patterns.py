"""Regular expressions: ECMA-262 patterns, as JSON Schema writes them, into strategies of strings that match.

The rule of this module: the translation need only reach *some* of the strings that match, readable ones first;
whether a string does match is decided by the checker that the caller applies.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from assay.generate.text import Lengths


__all__ = ["matching", "translate"]

_READABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
_SPACE = r"\t\n\v\f\r \u00a0\ufeff\u2028\u2029"
_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_", "s": _SPACE}
# Some members of each Unicode property are enough to make strings; the first letter of a category stands for it.
_PROPERTIES = {
    "L": "A-Za-z\u00df-\u00f6\u03b1-\u03c9",
    "Letter": "A-Za-z\u00df-\u00f6\u03b1-\u03c9",
    "Alphabetic": "A-Za-z\u00df-\u00f6",
    "Lu": "A-Z",
    "Ll": "a-z\u00df-\u00f6",
    "N": "0-9",
    "Nd": "0-9\u0966-\u096f",
    "digit": "0-9\u0966-\u096f",
    "P": "!.,?;:",
    "S": "$+<=>",
    "Z": " \u2003",
    "Zs": " \u2003",
    "M": "\u0301\u0308",
    "Emoji": "\U0001f600-\U0001f64f",
    "ASCII": " -~",
    "Script=Greek": "\u03b1-\u03c9",
    "Script=Cyrillic": "\u0430-\u044f",
    "Script=Latin": "A-Za-z",
    "Script=Han": "\u4e00-\u4e2d",
}
_ESCAPE = re.compile(
    r"\\(?:u\{(?P<braced>[0-9A-Fa-f]+)\}|(?P<pair>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|c(?P<control>[A-Za-z])|(?P<negated>[pP])\{(?P<property>[^}]*)\}|k<(?P<name>\w+)>|(?P<zero>0(?![0-9]))"
    r"|(?P<plain>u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[1-9][0-9]?)|(?P<other>.))",
    re.DOTALL,
)
# One anchored class with a quantifier: its quantifier can take the length window itself.
_RUN = re.compile(r"\^(?P<unit>\[(?:[^\]\\]|\\.)+\]|\.|\\[dws])(?P<times>\*|\+|\{\d+(?:,\d*)?\})\$", re.DOTALL)
_HELD = frozenset("^$\\.*+?()[]{}|")


def translate(pattern: str) -> str:
    """Rewrite an ECMA-262 pattern for Python's ``re``: classes stay ASCII, ``$`` is the very end, escapes resolve."""
    out: list[str] = []
    index, inside = 0, False
    while index < len(pattern):
        char = pattern[index]
        if char == "\\" and (match := _ESCAPE.match(pattern, index)):
            out.append(_escape(match, inside=inside))
            index = match.end()
            continue
        if inside:
            inside = char != "]"
            out.append("\\[" if char == "[" else char)
        elif pattern.startswith("[^]", index):
            out.append(r"[\s\S]")
            index += 2
        elif pattern.startswith("[]", index):
            out.append("(?!)")
            index += 1
        elif char == "[":
            inside = True
            out.append(char)
            if pattern.startswith("^", index + 1):
                out.append("^")
                index += 1
        elif pattern.startswith("(?<", index) and pattern[index + 3 : index + 4] not in ("=", "!"):
            out.append("(?P<")
            index += 2
        else:
            out.append(r"\Z" if char == "$" else char)
        index += 1
    return "".join(out)


def _escape(match: re.Match[str], *, inside: bool) -> str:
    if match["braced"]:
        return _literal(chr(min(int(match["braced"], 16), 0x10FFFF)))
    if match["pair"]:
        high, low = int(match["pair"][1:5], 16), int(match["pair"][7:11], 16)
        return _literal(chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)))
    if match["control"]:
        return f"\\x{ord(match['control']) % 32:02x}"
    if match["negated"]:
        return _property(match["property"], negated=match["negated"] == "P", inside=inside)
    if match["name"]:
        return f"(?P={match['name']})"
    if match["zero"]:
        return "\\x00"
    if match["plain"]:
        return f"\\{match['plain']}"
    return _other(match["other"], inside=inside)


def _other(char: str, *, inside: bool) -> str:
    if char in _CLASSES:
        return _CLASSES[char] if inside else f"[{_CLASSES[char]}]"
    if char.lower() in _CLASSES:
        return f"\\{char}" if inside else f"[^{_CLASSES[char.lower()]}]"
    if char in "bBtnrvf":
        return f"\\{char}"
    return _literal(char)


def _literal(char: str) -> str:
    return re.escape(char) if char in _HELD or char in "-&~# \t\n" else char


def _property(name: str, *, negated: bool, inside: bool) -> str:
    name = name.replace("General_Category=", "").replace("gc=", "").replace("sc=", "Script=")
    members = _PROPERTIES.get(name) or _PROPERTIES.get(name[:1]) or "A-Za-z"
    if negated:
        return "0-9 _" if inside else f"[^{members}]"
    return members if inside else f"[{members}]"


@lru_cache(maxsize=1024)
def matching(pattern: str, lengths: Lengths) -> tuple[st.SearchStrategy[str], ...]:
    """Strategies for strings that match ``pattern``, the most readable first; empty where Python cannot read it."""
    run = _RUN.fullmatch(pattern)
    source = translate(_bounded(run, lengths) if run else pattern)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a nested-set warning concerns a later Python, not this one
            compiled = re.compile(source)
    except (re.error, OverflowError):
        return ()
    found = []
    for options in ({"fullmatch": True, "alphabet": _READABLE}, {"fullmatch": True}, {"fullmatch": False}):
        strategy = st.from_regex(compiled, **options)
        try:
            strategy.validate()
        except Exception:  # noqa: BLE001, S112  Hypothesis raises several kinds where an alphabet or group has no way
            continue
        found.append(strategy)
    return tuple(found)


def _bounded(run: re.Match[str], lengths: Lengths) -> str:
    """Narrow the quantifier of a run to a length window; at most 12 characters more than it must have."""
    low, high = {"*": ("0", ""), "+": ("1", "")}.get(run["times"]) or _bounds(run["times"])
    shortest = max(int(low), lengths.shortest)
    longest = min(int(high) if high else shortest + 12, shortest + 12)
    if lengths.longest is not None:
        longest = min(longest, lengths.longest)
    return f"^{run['unit']}{{{shortest},{max(shortest, longest)}}}$"


def _bounds(braces: str) -> tuple[str, str]:
    low, comma, high = braces[1:-1].partition(",")
    return (low, high) if comma else (low, low)
