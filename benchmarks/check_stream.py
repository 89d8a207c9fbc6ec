"""Claim: checking a stream of 10,000 chat chunks costs at most 4 x parsing its data lines, in bounded memory.

The stream arrives in pieces of about 4 kB, as sockets give it. The peak memory of 10,000 chunks is within 2 MB of
that of 100.
"""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING

import orjson

import assay
from benchmarks.timing import Claim, best
from benchmarks.traffic import JSON, chunks

if TYPE_CHECKING:
    from collections.abc import Iterator

_MEGABYTE = 1024 * 1024
_PIECE = 4096


def claims() -> Iterator[Claim]:
    """Measure and state."""
    contract = assay.load("openai")
    body = json.dumps({"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
    request = assay.Request("POST", "/v1/chat/completions", JSON, body)
    lines = chunks(10_000)

    def parse() -> None:
        for line in lines:
            orjson.loads(line)

    pieces = _pieces(lines)
    times = best({"parse": parse, "check": lambda: _check(contract, request, pieces)}, rounds=25)
    yield Claim("open_stream, 10,000 chat chunks, to orjson.loads of the data", times["check"] / times["parse"], 4)
    short, long = (_peak(contract, request, _pieces(chunks(count))) for count in (100, 10_000))
    yield Claim("peak memory of 10,000 chunks over that of 100, in MB", max(0, long - short) / _MEGABYTE, 2)


def _pieces(lines: list[bytes]) -> list[bytes]:
    stream = b"".join(b"data: " + line + b"\n\n" for line in lines) + b"data: [DONE]\n\n"
    return [stream[at : at + _PIECE] for at in range(0, len(stream), _PIECE)]


def _check(contract: assay.Contract, request: assay.Request, pieces: list[bytes]) -> None:
    check = contract.open_stream(request, 200, {"content-type": "text/event-stream"})
    found = [violation for piece in pieces for violation in check.feed(piece)]
    found.extend(check.close())
    assert not found, found[:3]


def _peak(contract: assay.Contract, request: assay.Request, pieces: list[bytes]) -> int:
    """The most bytes that a check held beyond what was there before it."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    _check(contract, request, pieces)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak - before
