"""A second exchange on a connection, which is written and read in another way than the first, and must not show it."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress

import pytest

from assay.adapters.again import written
from assay.adapters.send import Sender
from assay.errors import TargetError, UsageError
from assay.messages import Request


@contextmanager
def peer(*answers):
    """Answer the requests of every connection in order; yields the base URL and the requests that came, in pieces."""
    listener, came = socket.create_server(("127.0.0.1", 0)), []

    def serve(connection):
        with connection, suppress(OSError):
            for answer in answers:
                data = b""
                while not _whole(data):
                    more = connection.recv(65536)
                    if not more:
                        return
                    data += more
                came.append(data)
                connection.sendall(answer)

    def accept():
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    with listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", came


def _whole(data):
    head, end, body = data.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    return bool(end) and len(body) >= sum(lengths)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REQUESTS = [
    Request("GET", "/v1/models?limit=2"),
    Request("GET", "/v1/%7Ea%2fb/\u00fc"),
    Request("POST", "/v1/x", {"content-type": "application/json", "x-empty": "", "x-word": "\u00e9 \u4e2d"}, b"{}"),
    Request("POST", "/v1/x"),
    Request("DELETE", "/v1/x", {}, b"{}"),
    Request("PUT", "/v1/x", [("X-Twice", "1"), ("y", "2"), ("x-twice", "3")], b"!"),
    Request("GET", "/v1/x", {"host": "otter", "User-Agent": "me", "accept-encoding": "gzip"}),
    Request("POST", "/v1/x", {"content-length": "1"}, b"!"),
]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda r: f"{r.method} {r.target} {len(r.headers)}")
def test_every_exchange_of_a_connection_sends_the_same_bytes(request_):
    """The first, second and third time the same bytes go out."""
    with peer(*[OK] * 4) as (base, came):
        send = Sender(base, headers={"authorization": "Bearer k"})
        send(Request("GET", "/"))
        again = [send(request_).body for _ in range(2)]
        send.close()
        first = send(request_).body
    assert [*again, first] == [b"ok"] * 3
    assert came[1] == came[2] == came[3]


ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\nX-A:  1 \r\nx-a: 2\r\nContent-Length: 3\r\n\r\nabc",
    "no-reason": b"HTTP/1.1 404\r\ncontent-length: 0\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nt: r\r\n\r\n",
    "empty-chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "no-content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not-modified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nLink: </a>\r\n\r\n" + OK,
    "folded": b"HTTP/1.1 200 OK\r\nx: a\r\n b\r\nContent-Length: 1\r\n\r\nz",
    "latin-1": b"HTTP/1.1 200 OK\r\nx: \xe9\r\nContent-Length: 1\r\n\r\nz",
    "bare-line-feeds": b"HTTP/1.1 200 OK\nContent-Length: 1\n\nz",
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nz",
    "old": b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nz",
    "old-kept": b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nz",
    "status": b"HTTP/1.1 599 ?\r\nContent-Length: 1\r\n\r\nz",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nz",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_second_answer_is_read_as_the_first_is(name):
    """Status, fields, body and what is said of its end do not depend on the number of the exchange."""
    with peer(ANSWERS[name]) as (base, _):
        first = Sender(base, timeout=5)(Request("GET", "/"))
    with peer(OK, ANSWERS[name], OK) as (base, _):
        send = Sender(base, timeout=5)
        send(Request("GET", "/"))
        second = send(Request("GET", "/"))
        assert send(Request("GET", "/")).status in (200, first.status)
    assert (second.status, second.body, second.broken) == (first.status, first.body, first.broken)
    assert second.headers == first.headers


def test_the_head_of_an_answer_to_head_has_no_body():
    """Its Content-Length is that of another answer."""
    with peer(OK, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", OK) as (base, _):
        send = Sender(base, timeout=5)
        send(Request("GET", "/"))
        answer = send(Request("HEAD", "/"))
        assert (answer.status, answer.body, answer.broken) == (200, b"", "")
        assert send(Request("GET", "/")).body == b"ok"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "the body ended after 3 bytes, before its end"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz", "ended after 3 bytes, before"),
        (b"HTTP/1.1 200 OK\r\nX: y\r\nConnection: close\r\nContent-Length: 9\r\n\r\nabc", "before its end"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * 999, "more than 100 bytes, not read to the end"),
    ],
    ids=["length", "chunk", "close", "limit"],
)
def test_a_second_body_that_stops_short_is_broken(answer, said):
    """What came is kept, and the next request is served on another connection."""
    with peer(OK, answer) as (base, came):
        send = Sender(base, timeout=5, limit=100)
        send(Request("GET", "/"))
        second = send(Request("GET", "/"))
        assert said in second.broken
        assert send(Request("GET", "/")).body == b"ok"
    assert len(came) == 3


def test_a_second_answer_that_does_not_come_ends_at_the_time_out():
    """It is not asked again on another connection, for it may be under way."""
    with peer(OK, b"HTT", OK) as (base, came):
        send = Sender(base, timeout=0.3)
        send(Request("GET", "/"))
        with pytest.raises(TargetError, match="time-out"):
            send(Request("POST", "/", {}, b"never ended"))
    assert len(came) == 2


@pytest.mark.parametrize("request_", [Request("GET", "/a b"), Request("GET", "/", {"x": "a\nb"})], ids=repr)
def test_what_http_cannot_carry_is_no_second_exchange_either(request_):
    """It is refused before a byte goes out, and the connection is as good as before."""
    with peer(OK, OK) as (base, came):
        send = Sender(base)
        send(Request("GET", "/"))
        with pytest.raises(UsageError):
            send(request_)
        assert send(Request("GET", "/")).body == b"ok"
    assert len(came) == 2


def test_head_and_body_go_out_in_one_piece():
    """A server reads them at once; odd fields are left to the first exchange's way."""
    text = written("POST", "/v1/x", b"h:1", [("a", "b")], b"{}")
    assert text == b"POST /v1/x HTTP/1.1\r\nHost: h:1\r\nContent-Length: 2\r\na: b\r\n\r\n{}"
    assert written("POST", "/v1/x", b"h:1", [("a", "b"), ("A", "c")], b"{}") is None
