"""Strings of the formats that JSON Schema and OpenAPI name.

The rule of this module: each format has a few fixed, telling examples (simplest first) and a recipe for fresh
ones; both pass the format's check, which the caller applies anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.generate.text import PHRASES

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.generate.source import Source

__all__ = ["BROKEN", "FORMATS", "of_format"]

_HOSTS = ("example.com", "a.example", "www.example.org", "xn--bcher-kva.example", "localhost")
_NAMES = tuple(phrase for phrase in PHRASES if phrase.isalnum())

_SAMPLES: dict[str, tuple[str, ...]] = {
    "uri-reference": ("/a", "a/b?c=d", "#part", "//example.com/a", "https://example.com/"),
    "iri": ("https://example.com/", "https://b\u00fccher.example/\u00e9"),
    "iri-reference": ("/\u00e9", "a/b", "https://example.com/"),
    "uri-template": ("/users/{id}", "/a{?page,limit}", "https://example.com/{+path}"),
    "idn-hostname": ("example.com", "b\u00fccher.example", "\u4f8b\u3048.example"),
    "idn-email": ("otter@example.com", "\u00f6tter@b\u00fccher.example"),
    "ipv6": ("::1", "2001:db8::1", "fe80::1:2:3", "::ffff:192.0.2.1"),
    "json-pointer": ("", "/a", "/a/0", "/a~1b/m~0n"),
    "relative-json-pointer": ("0", "1/a", "2#", "0/0"),
    "regex": ("a", "^[a-z]+$", "(red|blue)", "\\d{3}"),
    "duration": ("P1D", "PT1H30M", "P2W", "P1Y2M3DT4H5M6S"),
    "byte": ("YQ==", "aGVsbG8=", ""),
    "decimal": ("0", "1.5", "12.25"),
}


BROKEN = (
    "(", "[a", "\\a", "(?P<name>x)", "(?i)a", "*", "a b", "~", "%", "{", "http://[", "-a", "1.2.3", "::::",
    "2024-13-01", "25:00:00Z", "P", "a@", "/~2", "\u00e9 \u00e9", "\\", "^(abc]",
)  # fmt: skip
"""Strings that break one format or another."""


def _two(source: Source, low: int, high: int) -> str:
    return f"{low + source.below(high - low + 1):02d}"


def _date(source: Source) -> str:
    return f"{2024 + source.below(10)}-{_two(source, 1, 12)}-{_two(source, 1, 28)}"


def _clock(source: Source) -> str:
    zone = source.pick(("Z", "+00:00", "-05:30", ".5Z"))
    return f"{_two(source, 0, 23)}:{_two(source, 0, 59)}:{_two(source, 0, 59)}{zone}"


def _moment(source: Source) -> str:
    return f"{_date(source)}T{_clock(source)}"


def _uuid(source: Source) -> str:
    number = source.below(2**32)
    return f"{number:08x}-{number % 65521:04x}-4{number % 4093:03x}-8{number % 4091:03x}-{number * 65521 % 2**48:012x}"


def _email(source: Source) -> str:
    return f"{source.pick(_NAMES)}@{source.pick(_HOSTS[:3])}"


def _uri(source: Source) -> str:
    return f"https://{source.pick(_HOSTS[:3])}/{source.pick(_NAMES)}"


def _host(source: Source) -> str:
    return source.pick(_HOSTS)


def _ipv4(source: Source) -> str:
    return f"192.0.2.{source.below(256)}"


FORMATS: dict[str, Callable[[Source], str]] = {
    "date": _date,
    "time": _clock,
    "date-time": _moment,
    "uuid": _uuid,
    "email": _email,
    "uri": _uri,
    "url": _uri,
    "hostname": _host,
    "ipv4": _ipv4,
}
"""Formats with a recipe of their own."""


def of_format(source: Source, name: str) -> str | None:
    """Make a string of a format, or None where the format is not known."""
    if name in FORMATS:
        return FORMATS[name](source)
    samples = _SAMPLES.get(name)
    return source.pick(samples) if samples else None
