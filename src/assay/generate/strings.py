"""Strings with facets: a plan for each string view of the canonical form.

The rule of this module: one facet leads (a format, else a pattern, else length) and makes the candidates; a
compiled check of all facets together decides.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from assay.generate.formats import BROKEN, of_format
from assay.generate.patterns import matching
from assay.generate.plans import ATTEMPTS, Plan
from assay.generate.text import Lengths, fit, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis import strategies as st
    from jsonschema_rs.canonical import StringView

    from assay.generate.source import Source

__all__ = ["Facets", "Text"]


class Text(Plan):
    """Readable text inside a length window; the commonest string of all."""

    __slots__ = ("_lengths",)

    def __init__(self, lengths: Lengths) -> None:
        super().__init__(0.0)
        self._lengths = lengths

    def make(self, source: Source, depth: int) -> str:  # noqa: ARG002
        """Make words that fit."""
        return fit(words(source), self._lengths)


class Facets(Plan):
    """A string that keeps every facet of a view; ``ok`` is the compiled check of them."""

    __slots__ = ("_lengths", "_ok", "_open", "_patterns", "_view")

    def __init__(self, view: StringView, ok: Callable[[Any], bool]) -> None:
        super().__init__(0.0)
        self._view = view
        self._ok = ok
        self._lengths = Lengths(view.min_length or 0, view.max_length)
        self._open = all(not pattern.endswith("$") for pattern in view.patterns)
        self._patterns: list[tuple[st.SearchStrategy[str], ...]] = [
            found for pattern in view.patterns if (found := matching(pattern, self._lengths))
        ]

    def make(self, source: Source, depth: int) -> str:  # noqa: ARG002
        """Try leading facets in turn until a candidate keeps them all."""
        for attempt in range(2 * ATTEMPTS):
            text = self._candidate(source, attempt)
            if self._ok(text):
                return text
        return source.give_up()

    def _candidate(self, source: Source, attempt: int) -> str:
        view = self._view
        if view.formats and (attempt < ATTEMPTS or not self._patterns):
            text = of_format(source, view.formats[attempt % len(view.formats)])
            if text is not None:
                return text
        if view.excluded_formats and attempt % 2 == 0:
            return fit(source.pick(BROKEN), self._lengths)
        if self._patterns:
            return self._matched(source, attempt)
        if view.content_encodings or view.content_media_types:
            return _content(view)
        if attempt % 4 == 3:  # noqa: PLR2004  now and then something with digits or signs, for excluded facets
            return fit(source.pick(("", "0", "1 2", "-", "Z9", "~", " ", "\n", "A B")), self._lengths)
        return fit(words(source), self._lengths)

    def _matched(self, source: Source, attempt: int) -> str:
        if attempt % 4 == 3 and len(self._patterns) > 1:  # noqa: PLR2004  patterns without anchors may stand in a row
            return "".join(source.from_strategy(found[0]) for found in self._patterns)
        found = self._patterns[attempt % len(self._patterns)]
        text: str = source.from_strategy(found[min(attempt // 4, len(found) - 1)])
        if self._open and source.below(2):  # a pattern without an end allows more after it, and names must differ
            longer = f"{text}{words(source)}"
            if self._ok(longer):
                return longer
        if self._lengths.shortest > len(text) or (self._lengths.longest or len(text)) < len(text):
            fitted = fit(text, self._lengths)
            return fitted if self._ok(fitted) else text
        return text


def _content(view: StringView) -> str:
    text = "{}" if any("json" in media for media in view.content_media_types) else "hello"
    for encoding in view.content_encodings:
        if encoding in ("base64", "base64url"):
            text = base64.b64encode(text.encode()).decode()
    return text
