"""The wire's end against peers that play by the rules and peers that do not, on raw sockets."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from assay.adapters.send import Sender
from assay.errors import TargetError, UsageError
from assay.messages import Request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def peer(handle):
    """Serve every connection with ``handle(connection, number)`` in a thread; yields the base URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def one(connection, number):
        with connection, suppress(OSError):
            handle(connection, number)

    def accept():
        number = 0
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection, number), daemon=True).start()
            number += 1

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def read_request(connection):
    """Read one request: head and as many bytes as its Content-Length says; b"" at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def test_exact_bytes_go_out():
    """Target, header values, duplicates and body arrive as they were given, with a right Content-Length."""
    seen = []

    def handle(connection, _):
        while data := read_request(connection):
            seen.append(data)
            connection.sendall(OK)

    with peer(handle) as base:
        sender = Sender(base, headers={"Authorization": "Bearer k"})
        target = "/v1/a%2fb/../c%7e?x=%5B1%5d&y={z}&q=a+b"
        response = sender(Request("POST", target, [("X-A", "1"), ("X-A", "é2")], b'{"a": 1}'))
        sender(Request("GET", "/v1/models", {"Authorization": "Bearer mine"}))
    assert (response.status, response.body, response.broken) == (200, b"ok", "")
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == f"POST {target} HTTP/1.1".encode()
    assert [x for x in lines if x.startswith(b"X-A")] == [b"X-A: 1", "X-A: é2".encode("latin-1")]
    assert b"Content-Length: 8" in lines
    assert b"Authorization: Bearer k" in lines
    assert body == b'{"a": 1}'
    assert seen[1].count(b"uthorization") == 1
    assert b"Bearer mine" in seen[1]


def test_connections_are_kept_alive():
    """Ten requests one after the other use one connection."""
    connections = []

    def handle(connection, number):
        connections.append(number)
        while read_request(connection):
            connection.sendall(OK)

    with peer(handle) as base:
        sender = Sender(base)
        assert [sender(Request("GET", "/")).status for _ in range(10)] == [200] * 10
    assert connections == [0]


@pytest.mark.parametrize(
    ("base", "target", "url"),
    [
        ("http://h:1", "/v1/models", "http://h:1/v1/models"),
        ("http://h:1/", "/v1/models", "http://h:1/v1/models"),
        ("http://h:1/v1", "/v1/models?a=1", "http://h:1/v1/models?a=1"),
        ("http://h:1/v1/", "/v1/models", "http://h:1/v1/models"),
        ("http://h:1/openai/v1", "/v1/models", "http://h:1/openai/v1/models"),
        ("http://h:1/v1", "/v10/models", "http://h:1/v1/v10/models"),
        ("http://h:1/v1", "/models", "http://h:1/v1/models"),
        ("http://h:1/v1", "https://api.openai.com/v1/models", "http://h:1/v1/models"),
        ("https://h/x", "/v1/models", "https://h/x/models"),
        ("https://h/v1beta/openai", "/v1/models?a=1", "https://h/v1beta/openai/models?a=1"),
        ("https://h/x/v1", "/v1", "https://h/x/v1"),
    ],
)
def test_a_path_in_the_base_url_is_the_root_of_the_api(base, target, url):
    """The path of a base URL takes the place of the operations' own base path."""
    assert Sender(base).url(target) == url


@pytest.mark.parametrize("base", ["h:1", "ftp://h", "http://", "http://u:p@h/v1", "http://h/v1?x=1", ""])
def test_an_unusable_base_url_is_a_usage_error(base):
    """What is not a plain http URL is refused at once, without repeating a password."""
    with pytest.raises(UsageError) as caught:
        Sender(base)
    assert "u:p" not in str(caught.value)


def test_a_reset_on_a_reused_connection_is_retried_on_a_fresh_one():
    """A server that dies after a response does not spoil the next request, which arrives once per connection."""
    served = []

    def handle(connection, number):
        served.append((number, bool(read_request(connection))))
        connection.sendall(OK)
        if number == 0:
            served.append((number, bool(read_request(connection))))  # swallow the second request, then close

    with peer(handle) as base:
        sender = Sender(base)
        assert sender(Request("GET", "/")).status == 200
        assert sender(Request("POST", "/", {}, b"x" * 10)).status == 200
    assert served == [(0, True), (0, True), (1, True)]


def test_a_close_on_a_fresh_connection_is_an_error():
    """A server that closes without a response is told so, and asked once."""
    count = []

    def handle(connection, _):
        count.append(read_request(connection))

    with peer(handle) as base, pytest.raises(TargetError, match="without an answer"):
        Sender(base)(Request("GET", "/"))
    assert len(count) == 1


@pytest.mark.parametrize("garbage", [b"\x00\x01\x02\x03\r\n\r\n", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_garbage_is_one_clear_line(garbage):
    """What is not HTTP ends in a TargetError without line breaks."""

    def handle(connection, _):
        read_request(connection)
        connection.sendall(garbage)

    with peer(handle) as base, pytest.raises(TargetError) as caught:
        Sender(base, timeout=2)(Request("GET", "/"))
    assert "\n" not in str(caught.value)
    assert "object at" not in str(caught.value)


def test_an_unreachable_target_says_so():
    """Nobody listens: one line that names the address and the reason."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(TargetError, match=f"cannot connect to http://127.0.0.1:{port}: connection refused"):
        Sender(f"http://127.0.0.1:{port}")(Request("GET", "/"))


def _dripping(first):
    def handle(connection, _):
        read_request(connection)
        connection.sendall(first)
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    return handle


@pytest.mark.parametrize(
    "first",
    [b"", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Cont"],
    ids=["status", "continue"],
)
def test_a_dripping_head_ends_at_the_time_out(first):
    """A byte now and then keeps no exchange alive before the status line is whole."""
    began = time.monotonic()
    with peer(_dripping(first)) as base, pytest.raises(TargetError, match="time-out"):
        Sender(base, timeout=0.5)(Request("GET", "/"))
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nx: ",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    ],
    ids=["header", "until-close", "length", "chunk", "chunk-size-line"],
)
def test_a_dripping_body_ends_broken(first):
    """The status is kept, and ``broken`` says that time ran out."""
    began = time.monotonic()
    with peer(_dripping(first)) as base:
        response = Sender(base, timeout=1.5)(Request("GET", "/"))
    assert response.status == 200
    assert response.broken == "time-out: not finished after 1.5 s"
    assert time.monotonic() - began < 5


def test_a_silent_body_ends_at_the_time_out():
    """A peer that stalls in mid-body breaks the response, and what came of it is kept."""

    def handle(connection, _):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        time.sleep(3)

    with peer(handle) as base:
        response = Sender(base, timeout=0.3)(Request("GET", "/"))
    assert (response.body, response.broken) == (b"abc", "time-out: not finished after 0.3 s")


def test_an_endless_stream_is_cut_at_the_limit():
    """Only so many bytes are kept as the limit says, and the connection is given up."""

    def handle(connection, _):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"data: x\n\n" * 1000)

    with peer(handle) as base:
        response = Sender(base, limit=100_000)(Request("GET", "/"))
    assert len(response.body) == 100_000
    assert response.broken.startswith("more than 100000 bytes")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
    ],
    ids=["length", "no-last-chunk", "bad-chunk"],
)
def test_a_body_that_stops_short_is_broken(answer):
    """A response without its end is returned with what came, marked."""

    def handle(connection, _):
        read_request(connection)
        connection.sendall(answer)

    with peer(handle) as base:
        response = Sender(base, timeout=5)(Request("GET", "/"))
    assert response.status == 200
    assert response.broken


def test_redirects_and_compressed_bytes_are_left_alone():
    """A redirect is a response like any other, duplicates of fields are kept, and no body is decoded."""

    def handle(connection, _):
        while read_request(connection):
            connection.sendall(
                b"HTTP/1.1 307 X\r\nLocation: /y\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
                b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00"
            )

    with peer(handle) as base:
        response = Sender(base)(Request("GET", "/"))
    assert (response.status, response.body) == (307, b"\x1f\x8b\x08\x00")
    assert response.headers.get_all("set-cookie") == ("a=1", "b=2")


def test_many_threads_share_one_sender():
    """Sixty requests from eight threads each get their own response."""

    def handle(connection, _):
        while data := read_request(connection):
            body = data.partition(b"\r\n\r\n")[2]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    with peer(handle) as base, ThreadPoolExecutor(8) as pool:
        sender = Sender(base)
        bodies = [f"body {n}".encode() for n in range(60)]
        assert list(pool.map(lambda b: sender(Request("POST", "/", {}, b)).body, bodies)) == bodies


def test_a_proxy_of_the_environment_is_used(monkeypatch):
    """A forwarding proxy gets the absolute form, with the target's percent-encoding untouched."""
    seen = []

    def handle(connection, _):
        seen.append(read_request(connection).split(b"\r\n")[0])
        connection.sendall(OK)

    with peer(handle) as base:
        monkeypatch.setenv("http_proxy", base)
        monkeypatch.setenv("no_proxy", "")
        assert Sender("http://example.invalid/api")(Request("GET", "/v1/a%2fb")).status == 200
    assert seen == [b"GET http://example.invalid/api/a%2fb HTTP/1.1"]


@pytest.mark.parametrize(
    "request_", [Request("GET", "/a b"), Request("GET", "/", {"x": "a\nb"}), Request("GET", "/\n")], ids=repr
)
def test_what_http_cannot_carry_is_a_usage_error(request_):
    """Line breaks in fields and spaces in targets never reach the wire."""
    seen = []
    with peer(lambda connection, _: seen.append(read_request(connection))) as base, pytest.raises(UsageError):
        Sender(base)(request_)
    assert not any(seen)


def test_a_proxy_of_ones_own_is_used(monkeypatch):
    """A proxy that was named is used for loopback too, with its credentials, whatever the environment says."""
    seen = []

    def handle(connection, _):
        seen.append(read_request(connection))
        connection.sendall(OK)

    with peer(handle) as base:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        proxy = base.replace("//", "//user:pa%40ss@")
        assert Sender("http://127.0.0.1:1", proxy=proxy)(Request("GET", "/v1/models")).status == 200
        assert Sender("http://127.0.0.1:1", proxy=base.removeprefix("http://"))(Request("GET", "/")).status == 200
    assert seen[0].startswith(b"GET http://127.0.0.1:1/v1/models HTTP/1.1\r\n")
    assert b"proxy-authorization: Basic dXNlcjpwYUBzcw==" in seen[0]
    assert b"proxy-authorization" not in seen[1]


@pytest.mark.parametrize("proxy", ["socks5://u:marked-secret@h:1", "http://", "http://[", "http://u:marked-secret@"])
def test_a_proxy_that_cannot_be_used_is_told(proxy):
    """What is no HTTP proxy is refused at once, and a password in it is not repeated."""
    with pytest.raises(UsageError, match="the proxy must be") as refused:
        Sender("http://h", proxy=proxy)
    assert "marked-secret" not in str(refused.value)


def test_every_thread_has_its_own_connections():
    """What one thread leaves on a connection meets no other; each keeps its own alive."""
    connections = set()

    def handle(connection, number):
        while read_request(connection):
            connections.add(number)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%d" % (len(str(number)), number))

    with peer(handle) as base:
        sender = Sender(base)

        def three(_):
            return {sender(Request("GET", "/")).body for _ in range(3)}

        with ThreadPoolExecutor(2) as pool:
            barrier = threading.Barrier(2)
            first, second = pool.map(lambda n: (barrier.wait(), three(n))[1], range(2))
    assert len(first) == len(second) == 1
    assert first != second
