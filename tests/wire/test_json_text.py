"""JSON bodies: what is read, what is refused, where, and that nothing else can happen.

The rule of these tests: json.loads is the second opinion; where the two differ, the difference is named.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.wire.json_text import DEEPEST, parse_json, repeated_names, write_json
from assay.wire.problem import Problem

MARK = "SECRET"


@pytest.mark.parametrize(
    ("body", "got", "at"),
    [
        (b"", "nothing", ""),
        (b" \n\t ", "nothing", ""),
        (b'{"SECRET":1', "ends too early", "line 1, column 12"),
        (b'"SECRET', "ends too early", "line 1, column 8"),
        (b'{"a":1}SECRET', "more text", "line 1, column 8"),
        (b'{"a":1} {}', "more text", "line 1, column 9"),
        (b"NaN", "NaN or Infinity", "line 1, column 1"),
        (b'{"a":\n  NaN}', "NaN or Infinity", "line 2, column 3"),
        (b"[Infinity]", "NaN or Infinity", "line 1, column 2"),
        (b"[-Infinity]", "NaN or Infinity", "line 1"),
        (b"[1,]", "cannot stand there", "line 1"),
        (b"{'SECRET':1}", "cannot stand there", "line 1, column 2"),
        (b'{"a" 1}', "cannot stand there", "line 1, column 6"),
        (b"[01]", "cannot stand there", "line 1"),
        (b"[+1]", "cannot stand there", "line 1"),
        (b"[.5]", "cannot stand there", "line 1"),
        (b"SECRET", "cannot stand there", "line 1, column 1"),
        (b'"a\x01"', "cannot stand there", "line 1"),
        (b'"\\x"', "cannot stand there", "line 1"),
        (b"\x00", "cannot stand there", "line 1"),
        (b'"\\ud800"', "lone surrogate", "line 1"),
        (b'"\\udc00"', "lone surrogate", "line 1"),
        (b'"\\ud800\\ud800"', "lone surrogate", "line 1"),
        (b'"ab\xff"', "not UTF-8", "byte 3"),
        (b'"\xed\xa0\x80"', "not UTF-8", "byte 1"),
        ('"é"'.encode("utf-16"), "not UTF-8", "byte 0"),
        (b"\xef\xbb\xbf{}", "byte order mark", "line 1, column 1"),
        (b"[1e400]", "larger", "line 1, column 2"),
        (b"[" + b"9" * 400 + b"]", "larger", "line 1, column 2"),
    ],
)
def test_refused(body: bytes, got: str, at: str) -> None:
    """What is no JSON is a problem that tells the kind of the fault and its place, and repeats nothing."""
    found = parse_json(body)
    assert isinstance(found, Problem)
    assert got in found.got
    assert found.at.startswith(at)
    assert MARK not in str(found)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"1.0", 1.0),
        (b"1E2", 100.0),
        (b"-0", 0),
        (b' {"a": [true, false, null]} ', {"a": [True, False, None]}),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        ('"é\u2028"'.encode(), "é\u2028"),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", 2**64),
        (b"-9223372036854775809", -(2**63) - 1),
        (b"[" + b"9" * 300 + b"]", [int("9" * 300)]),
        (b'{"12345678901234567890":["12345678901234567890", 12345678901234567890123]}',
         {"12345678901234567890": ["12345678901234567890", 12345678901234567890123]}),
        (b"[0.12345678901234567890, 12345678901234567890.5, 12345678901234567890e1, 1e-0000000000000000000001]",
         [0.12345678901234567890, 12345678901234567890.5, 12345678901234567890e1, 0.1]),
        (b'["integer", "integer-", "\\"123456789012345678901", 123456789012345678901]',
         ["integer", "integer-", '"123456789012345678901', 123456789012345678901]),
    ],
)  # fmt: skip
def test_read(body: bytes, value: Any) -> None:
    """What is JSON is read, integers of any size exactly; of a name that stands twice the last value wins."""
    found = parse_json(body)
    assert found == value
    assert repr(found) == repr(value)


def test_wide_integers_may_be_rounded_on_request() -> None:
    """Without ``exact`` an integer over 64 bits is the nearest float."""
    assert isinstance(parse_json(b"18446744073709551616", exact=False), float)


def test_depth_is_bounded() -> None:
    """The deepest nesting is read; one more, and a bomb, is a problem in bounded time."""
    assert not isinstance(parse_json(b"[" * DEEPEST + b"]" * DEEPEST), Problem)
    for bomb in (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), b"[" * 100_000, b'{"a":' * 100_000, b"[" * 5_000_000):
        begun = time.perf_counter()
        found = parse_json(bomb)
        assert isinstance(found, Problem)
        assert "deeper" in found.got
        assert time.perf_counter() - begun < 2
    wide_and_deep = b"[" * 1000 + b"1" * 25 + b"]" * 1000
    assert not isinstance(parse_json(wide_and_deep), Problem)


def test_large_bodies_take_linear_time() -> None:
    """Bodies made to be slow (digits, quotes, backslashes, a wide integer among them) are read in bounded time."""
    for body in (
        b"[" + b"1" * 25 + b"," + b'"' + b"\\\\" * 1_000_000 + b'"]',
        b"[" + b",".join([b"1" * 25] * 40_000) + b"]",
        b'["' + b"1" * 3_000_000 + b'"]',
        b"[" + b"1" * 25 + b',"' + b"integer" * 300_000 + b'"]',
    ):
        begun = time.perf_counter()
        assert not isinstance(parse_json(body), Problem)
        assert time.perf_counter() - begun < 3


def test_repeated_names_are_told() -> None:
    """The hazard of a name that stands twice in one object is found at any depth, and nowhere else."""
    assert repeated_names(b'{"a":1,"b":{"c":1,"c":2},"a":3}') == ("a", "c")
    assert repeated_names(b'[{"a":1},{"a":2}]') == ()
    assert repeated_names(b"[" * 100_000) == ()
    assert repeated_names(b"\xff") == ()


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, database=None)
@given(documents)
def test_parsing_undoes_writing(value: Any) -> None:
    """Whatever is written is read back, type by type."""
    assert repr(parse_json(write_json(value).encode("utf-8", "surrogatepass"))) == repr(value)


def test_the_second_opinion_agrees() -> None:
    """On texts made by damaging JSON both parsers give the same verdict and value, but for the named differences."""
    seen = {"read": 0, "refused": 0}

    def finite(text: str) -> float:
        # The named difference: json.loads turns a number beyond the range of a double into infinity.
        number = float(text)
        if math.isinf(number):
            raise ValueError
        return number

    scraps = st.sampled_from(
        [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            '"a"',
            '"\\u00e9"',
            "1",
            "-",
            "0.5",
            "1e3",
            "true",
            "null",
            " ",
            "99999999999999999999",
        ]
    )

    @settings(max_examples=1500, deadline=None, database=None)
    @given(st.lists(scraps, max_size=7).map("".join) | documents.map(write_json))
    def agree(text: str) -> None:
        body = text.encode("utf-8", "surrogatepass")
        found = parse_json(body)
        try:
            expected = json.loads(body.decode(), parse_float=finite)
        except ValueError:
            assert isinstance(found, Problem), text
            seen["refused"] += 1
            return
        assert repr(found) == repr(expected), text
        seen["read"] += 1

    agree()
    assert seen["read"] > 200, seen
    assert seen["refused"] > 200, seen
