"""The server's tokens and its prose: a stated tokenizer, and text that follows from a digest.

The rule of this module: the same request gives the same text, a prefix of the tokens is the tokenization of
the prefix, and the tokens joined are the text. A token is a word, up to three digits, or one other sign, each
with the one space before it, or a single white space.
"""

from __future__ import annotations

import hashlib
import re
from contextvars import ContextVar
from typing import Any

import orjson

__all__ = ["SEED", "Source", "count", "tokens"]

SEED: ContextVar[int] = ContextVar("SEED", default=0)
"""The seed of the server that answers: another one gives other texts and other ids."""

_TOKEN = re.compile(r" ?[^\W\d_]+| ?\d{1,3}| ?[^\w\s]| ?_|\s")
_PROSE = (
    "the a one this every some river stone lantern otter garden window letter engine valley harbour signal paper "
    "quiet bright early narrow patient golden simple distant carries follows meets answers turns holds opens "
    "remembers near under beyond through before after with without and but so while morning winter evening road"
)
_WORDS = _PROSE.split()
_SHORTEST, _LONGEST = 6, 18  # words of one answer


def tokens(text: str) -> list[str]:
    """Split text into tokens; joined they are the text again."""
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """Return how many tokens a text has."""
    return len(_TOKEN.findall(text))


class Source:
    """Endless numbers that follow from any JSON value and a label."""

    def __init__(self, label: str, value: Any = None) -> None:
        canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
        seed = SEED.get()
        salt = b"" if seed == 0 else b"%d\0" % seed
        self._seed = hashlib.sha256(salt + label.encode() + b"\0" + canonical).digest()
        self._drawn = 0

    def bytes(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        self._drawn += 1
        return hashlib.shake_256(self._seed + self._drawn.to_bytes(8, "big")).digest(size)

    def below(self, bound: int) -> int:
        """Return the next number from 0 to ``bound`` - 1."""
        return int.from_bytes(self.bytes(8), "big") % bound

    def name(self, size: int = 24) -> str:
        """Return the next identifier of ``size`` hexadecimal digits."""
        return self.bytes((size + 1) // 2).hex()[:size]

    def word(self) -> str:
        """Return the next word."""
        return _WORDS[self.below(len(_WORDS))]

    def sentence(self) -> str:
        """Return the next sentence."""
        words = [self.word() for _ in range(_SHORTEST + self.below(_LONGEST - _SHORTEST))]
        text = " ".join(words)
        return f"{text[0].upper()}{text[1:]}."
