"""JSON Lines: numbers, line ends, broken lines, any split into chunks, bounded memory.

The rule of these tests: the same text in other chunks gives the same lines.
"""

from __future__ import annotations

import tracemalloc
from itertools import pairwise, repeat

from hypothesis import given, settings
from hypothesis import strategies as st

from assay.wire.lines import Line, read_lines, write_lines
from assay.wire.problem import Problem

TEXT = b'{"a":1}\r\n\n  \nbroken\n[1]\r\n"last"'


def test_lines_have_numbers_and_problems_of_their_own() -> None:
    """CRLF and LF end lines, blank lines count, a broken line does not stop the rest."""
    lines = list(read_lines([TEXT]))
    assert [line.number for line in lines] == [1, 4, 5, 6]
    assert lines[0] == Line(1, {"a": 1})
    assert isinstance(lines[1].value, Problem)
    assert [line.value for line in lines[2:]] == [[1], "last"]
    assert list(read_lines([])) == list(read_lines([b""])) == list(read_lines([b"\n\r\n"])) == []


@settings(max_examples=100, deadline=None, database=None)
@given(st.lists(st.integers(0, len(TEXT)), max_size=8))
def test_any_chunks_give_the_same_lines(cuts: list[int]) -> None:
    """Where the bytes are cut makes no difference."""
    edges = [0, *sorted(cuts), len(TEXT)]
    chunks = [TEXT[a:b] for a, b in pairwise(edges)]
    assert list(read_lines(chunks)) == list(read_lines([TEXT]))


def test_writing_is_undone() -> None:
    """What is written is read back, one value for each line."""
    values = [{"a": "x\ny"}, 2**70, [], None]
    assert [line.value for line in read_lines([write_lines(values)])] == values


def test_a_line_over_the_limit_is_a_problem_and_the_next_is_read() -> None:
    """A long line is not kept, whether it comes in one chunk or in many, at the end or before others."""
    for chunks in ([b'"' + b"x" * 100 + b'"\n1'], [b'"', *repeat(b"x", 100), b'"\n', b"1"]):
        first, second = read_lines(chunks, limit=50)
        assert isinstance(first.value, Problem)
        assert second == Line(2, 1)
    (only,) = read_lines([b"x" * 60], limit=50)
    assert isinstance(only.value, Problem)
    (exact,) = read_lines([b'"' + b"x" * 48 + b'"'], limit=50)
    assert exact.value == "x" * 48


def test_memory_does_not_grow_with_the_text() -> None:
    """Fifty megabytes in one endless line, and in many lines, take little memory."""
    for chunk in (b"x" * 50_000, b'{"a":1}\n' * 6_000):
        tracemalloc.start()
        count = sum(1 for _ in read_lines(repeat(chunk, 1000 if chunk[0] == 120 else 20), limit=1_000_000))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert count in (1, 120_000)
        assert peak < 4_000_000
