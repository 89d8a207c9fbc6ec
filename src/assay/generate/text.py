"""Strings: readable words, hostile Unicode at a set rate, and strings with facets (lengths, patterns, formats).

The rule of this module: free text is one choice from a table of phrases, simplest first; a string with facets is
tried against a compiled check of exactly these facets before it is handed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from assay.generate.source import Source

__all__ = ["HOSTILE", "PHRASES", "Lengths", "fit", "words"]

PHRASES = (
    "a", "b", "otter", "red", "blue", "seven", "north", "hello", "tea", "river", "maple", "amber", "quiet otter",
    "red kite", "plain text", "two words", "small boat", "good morning", "open door", "late train", "green apple",
    "tell me a story", "what time is it", "count to three", "name a colour", "rain in the north", "x1", "y2",
    "alpha", "beta", "gamma", "delta", "one", "two", "three", "cloud", "stone", "paper", "window", "lamp",
)  # fmt: skip
"""Readable strings, simplest first."""

HOSTILE = (
    "\u0000", "\u0007bell", "\u202egnirts", "e\u0301", "\ufeffmark", "\U0001f9a6",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u0130\u0131", "\ufdfa", "\u2028line", "\uffff",
    "\U0010ffff", "a\u0000b", "\\u0000", "quoted", "<b>&amp;", "%00%0a", "../..", "'; --", "\r\n\r\n",
    "data: [DONE]\n\n", " ", "\t", "\u00a0", "null", "NaN", "-0", "1e999", "{}", "[]", "{{x}}",
)  # fmt: skip
"""Strings that software has stumbled over: controls, bidi marks, joined emoji, delimiters of formats around it."""

_WILD = st.text(st.characters(codec="utf-8"), max_size=12)
_SLOTS = 1000


@dataclass(frozen=True, slots=True)
class Lengths:
    """The length window of a string, in characters (code points); ``longest`` None is without end."""

    shortest: int = 0
    longest: int | None = None


def words(source: Source, longest: int | None = None) -> str:
    """Make free text: mostly one of ``PHRASES``, hostile at the set rate."""
    return fit(_phrase(source), Lengths(0, longest)) if longest is not None else _phrase(source)


def _phrase(source: Source) -> str:
    hostile = round(source.dials.hostile * _SLOTS)
    slot = source.below(_SLOTS)
    if slot < _SLOTS - hostile:
        return PHRASES[slot % len(PHRASES)]
    if slot % 2:
        return HOSTILE[slot % len(HOSTILE)]
    text: str = source.from_strategy(_WILD)
    return text


def fit(text: str, lengths: Lengths) -> str:
    """Cut or repeat a text into its length window."""
    if lengths.longest is not None and len(text) > lengths.longest:
        text = text[: lengths.longest].rstrip() or text[: lengths.longest]
    if len(text) < lengths.shortest:
        unit = text or "a"
        text = (unit * (lengths.shortest // len(unit) + 1))[: lengths.shortest]
    return text
