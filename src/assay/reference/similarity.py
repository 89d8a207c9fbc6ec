"""How near two texts are, by the measures that can be reckoned without a model or a dictionary.

The rule of this module: a measure is 1 for equal texts and 0 for texts that share nothing; words are compared in
lower case. Sources: cosine over word counts; Ratcliff and Obershelp's ratio; Lin, ROUGE (F1); Wu et al., GLEU;
Papineni et al., BLEU with the smoothing of short texts by orders that exist.
"""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MEASURES"]

_ORDERS = 4  # lengths of n-grams that BLEU and GLEU look at


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _grams(words: list[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[at : at + size]) for at in range(len(words) - size + 1))


def _harmonic(shared: int, one: int, other: int) -> float:
    return 2 * shared / (one + other) if one + other else 1.0


def _fuzzy(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def _cosine(one: str, other: str) -> float:
    first, second = Counter(_words(one)), Counter(_words(other))
    if first == second:
        return 1.0
    dot = sum(first[word] * second[word] for word in first)
    return dot / math.sqrt(sum(n * n for n in first.values()) * sum(n * n for n in second.values())) if dot else 0.0


def _rouge(size: int) -> Callable[[str, str], float]:
    def measure(one: str, other: str) -> float:
        first, second = _grams(_words(one), size), _grams(_words(other), size)
        if not first and not second:
            return float(_words(one) == _words(other))
        return _harmonic((first & second).total(), first.total(), second.total())

    return measure


def _rouge_l(one: str, other: str) -> float:
    first, second = _words(one), _words(other)
    lengths = [0] * (len(second) + 1)
    for word in first:
        before = 0
        for at, seen in enumerate(second, 1):
            before, lengths[at] = lengths[at], before + 1 if word == seen else max(lengths[at], lengths[at - 1])
    return _harmonic(lengths[-1], len(first), len(second))


def _shared(one: str, other: str) -> list[tuple[int, int, int]]:
    """For each order of n-grams: how many are shared, and how many either text has."""
    first, second = _words(one), _words(other)
    found = [(_grams(first, size), _grams(second, size)) for size in range(1, _ORDERS + 1)]
    return [((a & b).total(), a.total(), b.total()) for a, b in found if a or b]


def _gleu(one: str, other: str) -> float:
    counts = _shared(one, other)
    most = max(sum(a for _, a, _ in counts), sum(b for _, _, b in counts))
    return sum(shared for shared, _, _ in counts) / most if most else 1.0


def _bleu(one: str, other: str) -> float:
    counts = [(shared, a) for shared, a, _ in _shared(one, other) if a]
    if not counts:
        return float(not _words(other))
    if any(not shared for shared, _ in counts):
        return 0.0
    mean = math.exp(sum(math.log(shared / a) for shared, a in counts) / len(counts))
    brevity = min(0.0, 1 - len(_words(other)) / len(_words(one)))
    return mean * math.exp(brevity)


MEASURES: dict[str, Callable[[str, str], float]] = {
    "fuzzy_match": _fuzzy,
    "cosine": _cosine,
    "bleu": _bleu,
    "gleu": _gleu,
    "rouge_l": _rouge_l,
    **{f"rouge_{size}": _rouge(size) for size in range(1, 6)},
}
"""By name; ``meteor`` is not here, for it needs a dictionary."""
