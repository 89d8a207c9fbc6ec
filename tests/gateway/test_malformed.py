# ruff: noqa: E501  a row of a table stays a row
"""Bad input to the proxy itself: templates times variations, each refused, in time, and never forwarded.

The rule of this module: a case is a row of a table, and what must not happen is the same for all: no 5xx, no silence,
nothing at the upstream. A row that HTTP and the contract allow does not belong here.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import time
import zlib

import pytest

from assay.gateway import Limits, Settings

MEGABYTE = 1024 * 1024
CASES: dict[str, bytes] = {}
SLOW: dict[str, bytes] = {}

GOOD = b'{"model":"m","messages":[{"role":"user","content":"marked-secret"}]}'


def add(name: str, data: bytes, table: dict[str, bytes] = CASES) -> None:
    """Put a case into a table under a name of its own."""
    assert name not in table, name
    table[name] = data


def post(
    body: bytes, *fields: bytes, path: bytes = b"/v1/chat/completions", kind: bytes = b"application/json"
) -> bytes:
    """Write a request that is right but for its body."""
    lines = [b"POST %s HTTP/1.1" % path, b"Host: h", b"Connection: close", b"Content-Length: %d" % len(body)]
    lines += [b"Content-Type: " + kind] if kind else []
    return b"\r\n".join([*lines, *fields, b"", body])


def framed(*fields: bytes, body: bytes = GOOD, version: bytes = b"1.1") -> bytes:
    """Write a request whose framing is given by fields."""
    head = [b"POST /v1/chat/completions HTTP/" + version, b"Host: h", b"Content-Type: application/json", *fields]
    return b"\r\n".join([*head, b"", body])


def lines(*given: bytes, start: bytes = b"GET /v1/models HTTP/1.1") -> bytes:
    """Write a request without a body, line by line."""
    return b"\r\n".join([start, *given, b"", b""])


# --- the first line

for number, start in enumerate((
    b"GET", b"GET /v1/models", b" GET /v1/models HTTP/1.1", b"GET /v1/models HTTP/1.1 ",
    b"GET /v1/models HTTP/", b"GET /v1/models HTTP/1", b"GET /v1/models HTTP/1.10", b"GET /v1/models HTTP/2.0",
    b"GET /v1/models HTTP/0.9", b"GET /v1/models HTTP/9.9", b"GET /v1/models http/1.1", b"GET /v1/models HTTPS/1.1",
    b"GET /v1/models HTTP/1,1", b"GET /v1/models HTTP/-1.1", b"GET /v1/models HTTP/1.1\x00", b"GET /v1/mo dels HTTP/1.1",
    b"GET /v1/mo\x00dels HTTP/1.1", b"GET /v1/mo\x7fdels HTTP/1.1", b"GET /v1/m\xf6dels HTTP/1.1", b"GET \xff\xfe HTTP/1.1",
    b"GET v1/models HTTP/1.1", b"GET * HTTP/1.1", b"GET http:// HTTP/1.1", b"GET http://h:port/ HTTP/1.1", b"GET ? HTTP/1.1",
    b"G\x00T /v1/models HTTP/1.1", b"G{T /v1/models HTTP/1.1", b"get /v1/models HTTP/1.1", b"OTTER /v1/models HTTP/1.1",
    b"GETGETGET /v1/models HTTP/1.1", b"CONNECT h:443 HTTP/1.1", b"CONNECT /v1/models HTTP/1.1", b"TRACE /v1/models HTTP/1.1",
    b"PRI * HTTP/2.0", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HTTP/1.1 200 OK", b"GET /v1/models HTTP/1.1\rX: 1",
    b"DELETE /v1/chat/completions HTTP/1.1", b"PUT /v1/models HTTP/1.1", b"GET /v1/otters HTTP/1.1", b"GET / HTTP/1.1",
    b"GET /v1/../v1/models HTTP/1.1", b"GET /v1/%2e%2e/models HTTP/1.1", b"GET /v1/models/.. HTTP/1.1",
    b"GET /v1/files?limit=otter HTTP/1.1", b"GET /v1/files?limit=%ff HTTP/1.1", b"GET /v1/files?order=sideways HTTP/1.1",
    b"GET /" + b"o" * 70_000 + b" HTTP/1.1", b"GET /v1/models?" + b"o" * 70_000 + b" HTTP/1.1", b"G" * 70_000,
)):  # fmt: skip
    add(f"line-{number}-{start[:24]!r}", lines(b"Host: h", start=start))
add("line-empty", b"\r\n" * 40_000)
add("line-nul", b"\0" * 100)
add("line-bytes", bytes(range(128, 256)) * 4)
add("line-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

# --- header fields

for name, fields in {
    "no-host": (b"X: 1",),
    "two-hosts": (b"Host: a", b"Host: b"),
    "two-equal-hosts": (b"Host: a", b"host: a"),
    "no-colon": (b"Host: h", b"otter"),
    "no-name": (b"Host: h", b": otter"),
    "blank-before-colon": (b"Host: h", b"X : 1"),
    "tab-before-colon": (b"Host: h", b"X\t: 1"),
    "blank-in-name": (b"Host: h", b"X Y: 1"),
    "nul-in-name": (b"Host: h", b"X\x00: 1"),
    "umlaut-in-name": (b"Host: h", b"\xf6tter: 1"),
    "bracket-in-name": (b"Host: h", b"X(1): 1"),
    "slash-in-name": (b"Host: h", b"X/Y: 1"),
    "quote-in-name": (b"Host: h", b'"X": 1'),
    "nul-in-value": (b"Host: h", b"X: a\x00b"),
    "bell-in-value": (b"Host: h", b"X: a\x07b"),
    "delete-in-value": (b"Host: h", b"X: a\x7fb"),
    "bare-cr-in-value": (b"Host: h", b"X: a\rb"),
    "bare-cr-ends": (b"Host: h\rX: 1",),
    "folded": (b"Host: h", b"X: a", b" b"),
    "folded-first": (b" Host: h",),
    "folded-length": (b"Host: h", b"Content-Length:", b" 5"),
    "one-large": (b"Host: h", b"X: " + b"o" * 70_000),
    "large-name": (b"Host: h", b"o" * 70_000 + b": 1"),
    "many": (b"Host: h", *[b"X-%d: %d" % (n, n) for n in range(9_000)]),
    "upgrade-h2c": (
        b"Host: h",
        b"Connection: Upgrade, HTTP2-Settings",
        b"Upgrade: h2c",
        b"HTTP2-Settings: AAMAAABkAAQAAP__",
    ),
    "upgrade-websocket": (b"Host: h", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"),
}.items():
    add(f"field-{name}", lines(*fields))

# --- where a body ends

CHUNKED = b"Transfer-Encoding: chunked"
ONE = b"%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD)
LENGTH = b"Content-Length: %d" % len(GOOD)

for number, fields in enumerate((
    (LENGTH, CHUNKED), (CHUNKED, LENGTH), (CHUNKED, b"Content-Length: 0"), (b"Content-Length: 0", CHUNKED),
    (LENGTH, LENGTH), (LENGTH, b"Content-Length: 0"), (b"content-length: 5", b"Content-Length: 6"), (LENGTH + b", " + LENGTH[16:],),
    (b"Content-Length: -5",), (b"Content-Length: +5",), (b"Content-Length: 0x5",), (b"Content-Length: 5.0",),
    (b"Content-Length: 5 5",), (b"Content-Length: 5,5",), (b"Content-Length: otter",), (b"Content-Length: ",),
    (b"Content-Length: \xb2",), (b"Content-Length: 1e2",), (b"Content-Length: 99999999999999999999999",),
    (b"Content-Length : 5",), (b"Content-Length\x00: 5",), (b"Content-Length:\x0b5",), (b'Content-Length: "5"',),
)):  # fmt: skip
    add(f"length-{number}", framed(*fields, body=ONE if fields[0] is CHUNKED else GOOD))

for number, coding in enumerate((
    b"identity", b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"chunked, identity", b"xchunked", b"chunkedx",
    b"chunked;q=1", b"chunked\x0b", b"\x0bchunked", b"\x00chunked", b'"chunked"', b"'chunked'", b"chun ked", b",", b"otter",
    b"chunked\r\nTransfer-Encoding: chunked", b"chunked\r\nTransfer-Encoding: identity", b"identity\r\nTransfer-Encoding: chunked",
    b"chunked\r\nTransfer-encoding: otter", b"\r\n chunked", b"cow, chunked", b"CHUNKED, x",
)):  # fmt: skip
    add(f"coding-{number}", framed(b"Transfer-Encoding: " + coding, body=ONE))
add("coding-blank-name", framed(b"Transfer-Encoding : chunked", body=ONE))
add("coding-old-version", framed(CHUNKED, body=ONE, version=b"1.0"))
add("coding-old-version-length", framed(CHUNKED, LENGTH, body=ONE, version=b"1.0"))

for number, body in enumerate((
    b"-1\r\n", b"+5\r\nabcde\r\n0\r\n\r\n", b"0x5\r\nabcde\r\n0\r\n\r\n", b"g\r\n", b"\r\n", b" 5\r\nabcde\r\n0\r\n\r\n",
    b"ffffffffffffffff1\r\n", b"fffffffffffffffffffff\r\n", b"5 5\r\nabcde\r\n", b"5\rabcde\r\n0\r\n\r\n", b"5\r\nabcdeXX0\r\n\r\n",
    b"5\r\nabcdefgh\r\n0\r\n\r\n", b"5;\x00\r\nabcde\r\n0\r\n\r\n", b"5_0\r\n", b"0\r\nX : 1\r\n\r\n", b"0\r\n\x00: 1\r\n\r\n",
    b"otter", b"\x00\x00\x00", b'5\r\n{"a":\r\n0\r\n\r\n', b"0\r\n\r\n",
)):  # fmt: skip
    add(f"chunk-{number}", framed(CHUNKED, body=body))

# --- JSON bodies

for number, body in enumerate((
    b"", b" ", b"{", b"}", b"[", b"]", b"{}", b"[]", b"null", b"true", b"5", b'"otter"', b"otter", b"{]", b"[}", b'{"a"}', b'{"a":}',
    b"{'a':1}", b"{a:1}", b'{"a":1,}', b"[1,]", b"{}{}", b"{} otter", b"\xef\xbb\xbf" + GOOD, GOOD.decode().encode("utf-16"),
    GOOD.decode().encode("utf-32"), GOOD.replace(b'm"', b'\xff"'), GOOD.replace(b"user", b"us\xc0\xaf"),
    GOOD.replace(b"marked", b"\xed\xa0\x80"), GOOD.replace(b"marked", b"\\ud800"), GOOD.replace(b"marked", b"\\u12"),
    GOOD.replace(b"marked", b"\x00"), GOOD.replace(b"marked", b"\n"), GOOD.replace(b"marked", b"\\x41"), GOOD[:-1], GOOD[:20],
    GOOD[:-1] + b',"n":NaN}', GOOD[:-1] + b',"n":Infinity}', GOOD[:-1] + b',"n":-Infinity}', GOOD[:-1] + b',"n":1e999}',
    GOOD[:-1] + b',"n":01}', GOOD[:-1] + b',"n":+1}', GOOD[:-1] + b',"n":.5}', GOOD[:-1] + b',"n":0x1}', GOOD[:-1] + b',"n":1e400}',
    GOOD[:-1] + b',"n":' + b"9" * 5000 + b"}", GOOD[:-1] + b',"n":-' + b"9" * 5000 + b"}", GOOD[:-1] + b',"n":"1"}',
    GOOD[:-1] + b',"n":[]}', GOOD[:-1] + b',"n":0}', GOOD[:-1] + b',"temperature":2.0000001}', GOOD[:-1] + b',"stream":"yes"}',
    GOOD[:-1] + b',"model":5}', GOOD[:-1] + b',"messages":{}}', GOOD[:-1] + b',"tools":5}', GOOD[:-1] + b',"otter":1}',
    b"[" * 129, b"[" * 100_000, b'{"a":' * 100_000, b'{"messages":' + b"[" * 5000 + b"]" * 5000 + b"}", b"[" * 900 + b"]" * 900,
    b'{"model":"m","messages":' + b'[{"content":' * 300 + b"1" + b"}]" * 300 + b"}", b'"' + b"\\" * 100_001, b"[" + b"1," * 500_000,
    b'{"model":"m","messages":[' + b'{"role":"otter"},' * 5000 + b"{}]}", b'{"' + b"o" * MEGABYTE + b'":1}', b" " * MEGABYTE,
    b'{"model":"m","messages":"' + b"o" * MEGABYTE + b'"}', b"{" + b",".join(b'"%d":1' % n for n in range(50_000)) + b"}",
)):  # fmt: skip
    add(f"json-{number}-{body[:16]!r}", post(body))
add("json-too-long", post(b'{"model":"' + b"o" * (3 * MEGABYTE) + b'"}'))
add("json-too-long-chunked", framed(CHUNKED, body=b"300000\r\n" + b"o" * 0x300000 + b"\r\n0\r\n\r\n"))

for number, kind in enumerate((
    b"", b"text/plain", b"application/xml", b"multipart/form-data", b"application/x-www-form-urlencoded", b"json", b"application",
    b"/", b"application/", b"application/json/otter", b"*/*", b"\xff", b"text/event-stream", b"application/octet-stream",
)):  # fmt: skip
    add(f"type-{number}-{kind!r}", post(GOOD, kind=kind))

# --- content codings

BOMB = gzip.compress(b"[" + b"1," * (20 * MEGABYTE))
for name, coding, body in (
    ("bomb", b"gzip", BOMB),
    ("bomb-of-bombs", b"gzip, gzip", gzip.compress(BOMB)),
    ("bomb-deflate", b"deflate", zlib.compress(b" " * (70 * MEGABYTE))),
    ("garbage", b"gzip", b"otter" * 100),
    ("truncated", b"gzip", gzip.compress(GOOD)[:-9]),
    ("head-only", b"gzip", gzip.compress(GOOD)[:5]),
    ("trailing", b"deflate", zlib.compress(GOOD) + b"otter"),
    ("not-deflate", b"deflate", b"\x78\x9c otter"),
    ("plain-as-gzip", b"gzip", GOOD),
    ("unknown", b"otter", GOOD),
    ("brotli", b"br", b"\x0b\x02\x80ab\x03"),
    ("zstd", b"zstd", b"\x28\xb5\x2f\xfd\x04\x00"),
    ("nine-codings", b"gzip, " * 8 + b"gzip", GOOD),
    ("members", b"gzip", gzip.compress(b"") * 20_000),
    ("empty-value", b"gzip", b""),
):
    add(f"encoding-{name}", post(body, b"Content-Encoding: " + coding))

# --- forms

FILE = b'--o\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n{}\r\n'
PURPOSE = b'--o\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nuser_data\r\n'
END = b"--o--\r\n"
for name, body, boundary in (
    ("empty", b"", b"; boundary=o"),
    ("no-boundary", PURPOSE + FILE + END, b""),
    ("other-boundary", PURPOSE + FILE + END, b"; boundary=x"),
    ("long-boundary", PURPOSE + FILE + END, b"; boundary=" + b"o" * 200),
    ("odd-boundary", PURPOSE + FILE + END, b'; boundary="o\x01"'),
    ("no-end", PURPOSE + FILE, b"; boundary=o"),
    ("no-parts", END, b"; boundary=o"),
    ("no-purpose", FILE + END, b"; boundary=o"),
    ("no-file", PURPOSE + END, b"; boundary=o"),
    ("wrong-purpose", PURPOSE.replace(b"user_data", b"otter") + FILE + END, b"; boundary=o"),
    ("purpose-not-utf8", PURPOSE.replace(b"user_data", b"\xff\xfe") + FILE + END, b"; boundary=o"),
    ("no-disposition", b"--o\r\n\r\nuser_data\r\n" + FILE + END, b"; boundary=o"),
    ("other-disposition", PURPOSE.replace(b"form-data", b"attachment") + FILE + END, b"; boundary=o"),
    ("no-name", PURPOSE.replace(b'name="purpose"', b"x=1") + FILE + END, b"; boundary=o"),
    ("open-quote", PURPOSE.replace(b'"purpose"', b'"purpose') + FILE + END, b"; boundary=o"),
    ("no-colon", PURPOSE.replace(b"Disposition:", b"Disposition") + FILE + END, b"; boundary=o"),
    ("endless-head", b"--o\r\n" + b"X: 1\r\n" * 20_000, b"; boundary=o"),
    ("no-head-end", b"--o\r\nContent-Disposition: form-data" + b"o" * 100_000, b"; boundary=o"),
    ("many-parts", PURPOSE * 2000 + FILE + END, b"; boundary=o"),
    (
        "bad-base64",
        PURPOSE.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n=") + FILE + END,
        b"; boundary=o",
    ),
    (
        "odd-transfer",
        PURPOSE.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: x\r\n\r\n") + FILE + END,
        b"; boundary=o",
    ),
    ("json", b'{"purpose":"user_data"}', b"; boundary=o"),
    ("zeros", b"\0" * 100_000, b"; boundary=o"),
    ("large-without-end", PURPOSE + FILE + b"o" * (3 * MEGABYTE), b"; boundary=o"),
    (
        "large-wrong",
        FILE[:-4] + b"o" * (3 * MEGABYTE) + b"\r\n" + PURPOSE.replace(b"user_data", b"otter") + END,
        b"; boundary=o",
    ),
    ("large-zeros", b"\0" * (3 * MEGABYTE), b"; boundary=o"),
):
    add(f"form-{name}", post(body, path=b"/v1/files", kind=b"multipart/form-data" + boundary))

# --- requests that stop

WHOLE = post(GOOD)
for at in (
    0,
    1,
    10,
    len(b"POST /v1/chat/completions HTTP/1.1\r\n"),
    len(WHOLE) - len(GOOD) - 2,
    len(WHOLE) - len(GOOD),
    len(WHOLE) - 1,
):
    add(f"stops-at-{at}", WHOLE[:at], SLOW)
for number, body in enumerate(
    (b"", b"5", b"5\r\n", b"5\r\nab", b"5\r\n[[[[[\r\n", b"5\r\n[[[[[\r\n0\r\n", b"5;" + b"o" * 5000)
):
    add(f"stops-in-chunk-{number}", framed(CHUNKED, body=body), SLOW)
add(
    "stops-in-upload",
    post(PURPOSE + FILE, path=b"/v1/files", kind=b"multipart/form-data; boundary=o").replace(
        b"-Length: ", b"-Length: 9"
    ),
    SLOW,
)
add("stops-after-expect", framed(b"Expect: 100-continue", LENGTH, body=b""), SLOW)


@pytest.fixture(scope="module")
def strict(proxied):
    """Start one proxy for all cases: everything is refused that the contract does not know, and nobody waits long."""
    settings = Settings(limits=Limits(body=2 * MEGABYTE), unknown_fields="refuse", unknown_paths="refuse")
    with proxied("enforce", settings, head_seconds=1.0, idle_seconds=1.0) as place:
        yield place


def refused(place, data: bytes) -> None:
    """Send a case on a connection of its own and hold what comes of it against the promise."""
    wire, before = place.wire(), len(place.raw.seen)
    began = time.monotonic()
    with contextlib.suppress(OSError):  # it was refused before it was there
        wire.send(data)
    answer = wire.answer()
    wire.close()
    assert time.monotonic() - began < 8, "it took too long"
    assert len(place.raw.seen) == before, f"it was forwarded: {answer[:100]!r}"
    if answer:
        statuses = re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", answer)
        assert {status[:1] for status in statuses if status != b"100"} == {b"4"}, statuses
        assert b"marked" not in answer


def test_the_corpus_is_large_enough() -> None:
    """Two hundred cases and more, none twice."""
    assert len(CASES) + len(SLOW) >= 200
    assert len(set(CASES.values())) == len(CASES)


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_refused(strict, name) -> None:
    """A 4xx or a closed connection, in time, and nothing at the upstream."""
    refused(strict, CASES[name])


@pytest.mark.parametrize("name", SLOW)
def test_nobody_is_waited_for(strict, name) -> None:
    """A request that stops ends with 408 or a closed connection."""
    refused(strict, SLOW[name])


def test_the_proxy_is_well_after_all_this(strict) -> None:
    """A right request is forwarded, as it is the first one that is; and no check ever failed."""
    answer = strict.ask(post(GOOD))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert json.loads(strict.raw.seen[-1][1])["model"] == "m"
    assert b"\nassay_failures_total{" not in strict.ask(
        lines(b"Host: h", b"Connection: close", start=b"GET /metrics HTTP/1.1")
    )
