"""The event-stream decoder: the algorithm's cases, and independence from how the bytes were cut."""

from __future__ import annotations

import tracemalloc
from time import perf_counter

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.messages import Event
from assay.wire.sse import Decoder, Problem

CASES = [
    ("nothing", b"", []),
    ("one event", b"data: a\n\n", [Event("a")]),
    ("only one space is stripped", b"data:  a\n\n", [Event(" a")]),
    ("no space at all", b"data:a\n\n", [Event("a")]),
    ("a tab is not a space", b"data:\ta\n\n", [Event("\ta")]),
    ("the second colon belongs to the value", b"data: a: b\n\n", [Event("a: b")]),
    ("lines of data join", b"data: a\ndata\ndata: b\n\n", [Event("a\n\nb")]),
    ("a field without colon has an empty value", b"data\n\n", [Event("")]),
    ("an empty line of data is an event", b"data:\n\n", [Event("")]),
    ("two of them are one line feed", b"data:\ndata:\n\n", [Event("\n")]),
    ("no data, no event", b"event: x\nid: 7\n\n", []),
    ("the name does not outlive its block", b"event: x\n\ndata: a\n\n", [Event("a")]),
    ("the last name wins", b"event: x\nevent: y\ndata: a\n\n", [Event("a", "y")]),
    ("an empty name is message", b"event:\ndata: a\n\n", [Event("a")]),
    ("the id outlives its block", b"id: 7\n\ndata: a\n\n", [Event("a", last_id="7")]),
    ("an empty id resets it", b"id: 7\ndata: a\n\nid\ndata: b\n\n", [Event("a", last_id="7"), Event("b")]),
    ("an id with NUL is ignored", b"id: 7\ndata: a\nid: 8\x009\n\n", [Event("a", last_id="7")]),
    ("retry is digits", b"retry: 30\ndata: a\n\n", [Event("a", retry=30)]),
    ("retry of other signs is ignored", b"retry: 3s\nretry: -1\nretry: \xd9\xa3\ndata: a\n\n", [Event("a")]),
    ("retry of endless digits is ignored", b"retry: " + b"9" * 9000 + b"\ndata: a\n\n", [Event("a")]),
    ("comments are nothing", b": hello\ndata: a\n:\n\n: ping\n\n", [Event("a")]),
    ("field names compare exactly", b"Data: x\n data: y\ndatas: z\ndata: a\n\n", [Event("a")]),
    ("CR ends a line", b"data: a\rdata: b\r\rdata: c\r\r", [Event("a\nb"), Event("c")]),
    ("CRLF ends one line", b"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", [Event("a\nb"), Event("c")]),
    ("LF CR is two ends", b"data: a\n\rdata: b\n\n", [Event("a"), Event("b")]),
    ("ends may mix", b"data: a\r\n\ndata: b\r\r\ndata: c\n\n", [Event("a"), Event("b"), Event("c")]),
    ("blank lines are nothing", b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n\n", [Event("a"), Event("b")]),
    ("one byte order mark is stripped", b"\xef\xbb\xbfdata: a\n\n", [Event("a")]),
    ("a second one is not", b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [Event("b")]),
    ("nor one further on", b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [Event("a")]),
    ("the event at the end is discarded", b"data: a\n\ndata: b\n", [Event("a")]),
    ("characters of four bytes", "data: \U0001f9a6é\n\n".encode(), [Event("\U0001f9a6é")]),
    ("bytes that are not UTF-8", b"data: \xff\xe2\x82\n\ndata: b\n\n", [Event("��"), Event("b")]),
    ("other line ends are data", "data: a\u2028b\x0bc\x85\n\n".encode(), [Event("a\u2028b\x0bc\x85")]),
]


def decode(pieces, **options):
    """Decode a stream given in pieces; return events, the leftover and the problems."""
    decoder = Decoder(**options)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events, decoder.close(), decoder.problems


@pytest.mark.parametrize(("stream", "events"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_cases_of_the_algorithm(stream, events):
    """Each case gives the algorithm's events, whole and byte by byte."""
    assert decode([stream])[0] == events
    assert decode([stream[i : i + 1] for i in range(len(stream))])[0] == events


def test_any_cut_gives_the_same_events():
    """Events, leftover and problems do not depend on the cut, over streams with and without either."""
    seen = {"events": 0, "no events": 0, "leftover": 0, "utf8": 0, "limit": 0}
    ends = [b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n"]
    fields = [b"data: ", b"data", b":", b" ", b"event: ", b"id: ", b"retry: 5"]
    values = [b"a", b"\xf0\x9f\xa6\xa6", b"\xff", b"\xef\xbb\xbf", b"\x00", b"x" * 30]
    events = [b"data: {}\n\n", b"data: [DONE]\n\n", b"data: \xff\n\n"]
    tokens = st.sampled_from([*ends, *fields, *values, *events])

    @settings(max_examples=500)
    @given(st.lists(tokens, max_size=25).map(b"".join), st.data())
    def check(stream, data):
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
        pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        whole = decode([stream], limit=40)
        assert decode(pieces, limit=40) == whole
        seen["events" if whole[0] else "no events"] += 1
        seen["leftover"] += whole[1] is not None
        for problem in whole[2]:
            seen[problem.kind] = seen.get(problem.kind, 0) + 1

    check()
    assert min(seen.values()) >= 3, seen


def test_a_character_cut_in_two_is_whole_again():
    """A cut inside a UTF-8 character loses nothing and is no problem."""
    stream = "data: ünïcödé \U0001f9a6\n\n".encode()
    for cut in range(len(stream)):
        assert decode([stream[:cut], stream[cut:]]) == ([Event("ünïcödé \U0001f9a6")], None, ())


@pytest.mark.parametrize(
    ("stream", "leftover"),
    [
        (b"data: a\n\ndata: b", Event("b")),
        (b"data: a\n\ndata: b\n", Event("b")),
        (b"data: a\n\nevent: x\n", Event("", "x")),
        (b"data: a\n\n: ping\n", None),
        (b"data: a\n\n: ping", None),
        (b"data: a\n\n", None),
        (b"data: a\n\r", None),
        (b"\xef\xbb", Event("")),
    ],
)
def test_close_tells_of_an_unfinished_event(stream, leftover):
    """What was begun and not ended by a blank line is told at the end, and is no event."""
    _, rest, problems = decode([stream])
    assert rest == leftover
    assert ("unfinished" in {problem.kind for problem in problems}) is (leftover is not None)


def test_bytes_that_are_not_utf8_are_flagged_once():
    """Invalid UTF-8 is replaced and told with the event's number; U+FFFD itself is no problem."""
    assert decode([b"data: a\n\ndata: \xff\n\ndata: \xff\n\n"])[2] == (Problem("utf8", 1),)
    assert decode(["data: \ufffd\n\n".encode()])[2] == ()


@pytest.mark.parametrize("size", [1, 7, 4096, 10**6])
def test_an_event_over_the_limit_is_dropped_alone(size):
    """A line or an event longer than the limit is told and dropped; the events around it are not."""
    for long in (b"data: " + b"x" * 2000, b"data: xxxxxxxx\n" * 200, b": " + b"x" * 2000 + b"\ndata: c"):
        stream = b"data: a\n\n" + long + b"\n\ndata: b\n\n"
        pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
        assert decode(pieces, limit=1000) == ([Event("a"), Event("b")], None, (Problem("limit", 1),))


def test_what_is_just_inside_the_limit_passes():
    """The limit itself is allowed."""
    assert decode([b"data: " + b"x" * 94 + b"\n\n"], limit=100) == ([Event("x" * 94)], None, ())
    assert decode([b"data: " + b"x" * 95 + b"\n\n"], limit=100)[2] == (Problem("limit", 0),)


def test_read_gives_plain_events_raw():
    """``read`` gives plain events as bytes and the rest as events, and ``feed`` the same as events."""
    stream = b"data: a\n\nevent: x\ndata: b\n\nid: 1\ndata: c\n\ndata: d\n\n"
    assert Decoder().read(stream) == [b"a", Event("b", "x"), Event("c", last_id="1"), Event("d", last_id="1")]


def test_memory_does_not_grow_with_the_stream():
    """A line without end, in small pieces, is held up to the limit and no further."""
    decoder = Decoder(limit=10_000)
    tracemalloc.start()
    for _ in range(20_000):
        decoder.read(b"xxxxxxxxxxxxxxxx")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
    assert decoder.problems == (Problem("limit", 0),)


def test_decoding_is_cheap_beside_parsing():
    """Decoding 10,000 chat chunks, 50 in a network read, takes less time than parsing their JSON."""
    chunk = orjson.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1760000000,
            "model": "gpt-4o-mini",
            "system_fingerprint": "fp_1",
            "choices": [{"index": 0, "delta": {"content": " otter"}, "logprobs": None, "finish_reason": None}],
        }
    )
    reads = [(b"data: " + chunk + b"\n\n") * 50] * 200
    ratios = []
    for _ in range(3):
        decoder = Decoder()
        start = perf_counter()
        items = [item for read in reads for item in decoder.read(read)]
        middle = perf_counter()
        for item in items:
            orjson.loads(item)
        ratios.append((middle - start) / (perf_counter() - middle))
    assert len(items) == 10_000
    assert min(ratios) < 0.9, ratios
