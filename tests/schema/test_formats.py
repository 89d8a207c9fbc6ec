"""Formats that are asserted, and ECMA-262 patterns."""

from __future__ import annotations

import pytest

from assay.schema.formats import ASSERTED, NOT_ASSERTED, matches


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date", ["2024-02-29", "0000-02-29"], ["2023-02-29", "2024-1-01", "2024-01-01T", "\u0662024-01-01"]),
        (
            "date-time",
            ["2024-01-01T00:00:00Z", "2024-01-01t00:00:00.123456789+05:30", "1998-12-31 23:59:60Z"],
            ["2024-01-01", "2024-01-01T00:00:00", "2024-01-01T24:00:00Z", "2024-13-01T00:00:00Z", ""],
        ),
        ("uuid", ["2EB8AA08-AA98-11EA-B4AA-73B441D16380"], ["2eb8aa08aa9811eab4aa73b441d16380", "x"]),
        ("ipv4", ["127.0.0.1"], ["127.0.0.01", "127.0.1", "1.2.3.4/8"]),
        ("ipv6", ["::1", "::ffff:1.2.3.4"], ["fe80::1%eth0", "1.2.3.4", ":::"]),
    ],
)
def test_asserted_formats(name: str, good: list[str], bad: list[str]) -> None:
    """An asserted format accepts what its RFC accepts, and no more."""
    assert all(ASSERTED[name](text) for text in good)
    assert not any(ASSERTED[name](text) for text in bad)


def test_every_format_is_on_one_table() -> None:
    """No format is both asserted and not, and each that is not has its reason."""
    assert not ASSERTED.keys() & NOT_ASSERTED.keys()
    assert all(NOT_ASSERTED.values())


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"^\d+$", "12", "\u0661"),
        (r"^\d+$", "12", "12\n"),
        (r"^\w$", "_", "\u00e9"),
        (r"^\s$", "\ufeff", "x"),
        (r"^[\d\-_]+$", "1-_", "a"),
        (r"^\p{L}+$", "\u00e9", "1"),
        (r"^[^]$", "\n", ""),
        (r"^.$", "x", "\n"),
        (r"^[[a&&b]$", "&", "c"),
        (r"^\cA$", "\x01", "A"),
        (r"^\u{1F600}$", "\U0001f600", "x"),
        (r"^(?<y>a|b)\k<y>$", "aa", "ab"),
        (r"(?<=a)b", "ab", "cb"),
        (r"^\/$", "/", "\\"),
    ],
)
def test_patterns_mean_what_ecma_means(pattern: str, good: str, bad: str) -> None:
    """A pattern is searched with the meaning of ECMA-262, not of Python."""
    assert matches(pattern, good)
    assert not matches(pattern, bad)


def test_what_is_no_pattern_is_refused() -> None:
    """A text that is no pattern raises ValueError."""
    with pytest.raises(ValueError, match=r"\S"):
        matches("(", "")
