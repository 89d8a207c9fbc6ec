"""The proxy on the wire: bytes both ways, hop-by-hop fields, time-outs, faults, clients that go away."""

from __future__ import annotations

import json
import time

import pytest
import urllib3

from assay.adapters.proxy.forward import Upstream
from assay.errors import UsageError
from assay.gateway import Limits, Policy, Settings

CHAT = "/v1/chat/completions"
ASK = {"model": "m", "messages": [{"role": "user", "content": "marked-secret"}]}
HEAD = b"Host: h\r\nContent-Type: application/json\r\n"


def post(body, do="", path=CHAT, fields=b"") -> bytes:
    """Write a request with a JSON body."""
    data = json.dumps(body).encode()
    more = b"x-do: %s\r\n" % do.encode() if do else b""
    length = b"Content-Length: %d\r\n" % len(data)
    return b"POST %s HTTP/1.1\r\n%s%s%s%s\r\n%s" % (path.encode(), HEAD, length, more, fields, data)


def get(path: str, fields: bytes = b"Connection: close\r\n") -> bytes:
    """Write a request without a body."""
    return b"GET %s HTTP/1.1\r\nHost: h\r\n%s\r\n" % (path.encode(), fields)


def test_a_request_goes_up_and_its_answer_comes_down(proxied) -> None:
    """Method, path, query, fields and body arrive as sent; fields of one hop stay on it; repeated fields stay two."""
    with proxied("enforce") as place:
        fields = b"Authorization: Bearer marked-secret\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n"
        fields += b"TE: trailers\r\nX-A: 1\r\nX-A: 2\r\n"
        answer = place.ask(post(ASK, fields=fields))
        head, body = place.raw.seen[0]
        assert head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
        assert json.loads(body) == ASK
        for kept in (b"authorization: Bearer marked-secret\r\n", b"x-a: 1\r\n", b"x-a: 2\r\n", b"via: 1.1 assay\r\n"):
            assert kept in head
        assert b"\nhost: 127.0.0.1:%d\r\n" % place.raw.port in head.lower()
        for hop in (b"x-hop", b"\r\nte:", b"connection: close"):
            assert hop not in head.lower()
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b"\r\n\r\n" + place.answer)
        assert answer.count(b"set-cookie: ") == 2
        assert b"x-hop" not in answer


def test_connections_are_kept_alive_on_both_sides(proxied) -> None:
    """Ten requests on one connection use one connection to the upstream; pipelined ones are answered in order."""
    with proxied() as place:
        wire = place.wire()
        for _ in range(10):
            wire.send(get("/v1/models", b""))
            assert place.answer in wire.until(place.answer)
        assert place.raw.open == 1
        wire.send(get("/v1/models", b"") + get("/v1/models"))
        assert wire.rest().count(place.answer) == 2


def test_paths_are_those_of_the_upstream(proxied) -> None:
    """The path of the upstream's URL takes the place of /v1; encoding and query stay as sent."""
    with proxied(path="/openai/v1") as place:
        for path in ("/v1/models/a%2Fb?limit=1&x=%20", "/models?a", "/v1", "/v1x/models"):
            place.ask(get(path))
        lines = [head.partition(b"\r\n")[0] for head, _ in place.raw.seen]
        assert lines == [
            b"GET /openai/v1/models/a%2Fb?limit=1&x=%20 HTTP/1.1",
            b"GET /openai/v1/models?a HTTP/1.1",
            b"GET /openai/v1 HTTP/1.1",
            b"GET /openai/v1/v1x/models HTTP/1.1",
        ]
        for path in ("/v1/../admin", "/v1/%2e%2E/admin", "/..", "/v1/.%2e", "/v1/..%2fadmin"):
            assert place.ask(get(path)).startswith(b"HTTP/1.1 400 ")
        assert len(place.raw.seen) == 4


def test_a_wrong_request_never_reaches_the_upstream(proxied) -> None:
    """In enforce it is refused with 400; in observe it is forwarded and counted."""
    wrong = post({**ASK, "temperature": 9}, fields=b"Connection: close\r\n")
    with proxied("enforce") as place:
        answer = place.ask(wrong)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["param"] == "temperature"
        assert b"marked" not in answer
        assert place.raw.seen == []
        metrics = place.ask(get("/metrics"))
        assert b'action="refused",kind="request",mode="enforce",operation="createChatCompletion"} 1.0' in metrics
        assert place.ask(get("/healthz")).endswith(b"\r\n\r\nok\n")
    with proxied("observe") as place:
        assert place.ask(wrong).startswith(b"HTTP/1.1 200 ")
        assert b'rule="schema/maximum"' in place.ask(get("/metrics"))


def test_a_stream_comes_piece_by_piece(proxied) -> None:
    """The first event is here before the upstream has sent the last; the bytes are the same."""
    with proxied(Policy("enforce", "enforce")) as place:
        wire = place.wire()
        wire.send(post({**ASK, "stream": True}, "stream", fields=b"Connection: close\r\n"))
        first = wire.until(b"assistant")
        assert b"[DONE]" not in first
        body = (first + wire.rest()).partition(b"\r\n\r\n")[2]
        whole = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            whole += body[: int(size, 16)]
            body = body[int(size, 16) + 2 :]
        assert whole == place.stream
        metrics = place.ask(get("/metrics")).decode()
        assert 'assay_judged_total{action="forwarded",kind="stream"' in metrics
        assert 'kind="stream",operation="createChatCompletion",rule' not in metrics


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_passes_without_being_collected(proxied, wait, chunked) -> None:
    """More than the limit goes up while it comes in; the echo has every byte."""
    part = b'--o\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--o\r\n'
    part += b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    data = part + bytes(range(256)) * 12_000 + b"\r\n--o--\r\n"
    settings = Settings(limits=Limits(body=1_000_000))
    with proxied("enforce", settings) as place:
        wire = place.wire()
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(data)
        wire.send(
            b"POST /v1/files HTTP/1.1\r\nHost: h\r\nConnection: close\r\nx-do: echo\r\n"
            b"Content-Type: multipart/form-data; boundary=o\r\n" + framing + b"\r\n\r\n"
        )
        half = len(data) // 2
        for piece in (data[:half], data[half:]):
            wire.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            if piece is data[:half] and not chunked:
                wait(lambda: place.raw.open == 1)
        if chunked:
            wire.send(b"0\r\n\r\n")
        assert wire.rest().partition(b"\r\n\r\n")[2] == data
        assert place.raw.seen[0][1] == data


def test_a_wrong_upload_never_reaches_the_upstream_whole(proxied, wait) -> None:
    """What passes is cut off before its end, and the client is told why."""
    data = b'--o\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"o" * 3_000_000
    data += b'\r\n--o\r\nContent-Disposition: form-data; name="purpose"\r\n\r\notters\r\n--o--\r\n'
    with proxied("enforce", Settings(limits=Limits(body=1_000_000))) as place:
        answer = place.ask(
            b"POST /v1/files HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
            b"Content-Type: multipart/form-data; boundary=o\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)
        )
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["param"] == "purpose"
        wait(lambda: place.raw.cut == 1)
        assert place.raw.seen == []


@pytest.mark.parametrize("do", ["stall", "silent"])
def test_a_client_that_goes_away_takes_its_request_with_it(proxied, wait, do) -> None:
    """The upstream sees the end at once, whether its answer had begun or not."""
    with proxied() as place:
        wire = place.wire()
        wire.send(post({**ASK, "stream": True}, do))
        if do == "stall":
            wire.until(b"assistant")
        else:
            wait(lambda: place.raw.seen)
        wire.close()
        assert place.raw.gone.wait(5)
        wait(lambda: place.raw.open == 0)


def test_an_upload_that_breaks_off_breaks_off_upstream(proxied, wait) -> None:
    """Half a body is nobody's request."""
    with proxied("observe") as place:
        wire = place.wire()
        wire.send(b"POST /v1/files HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\nContent-Length: 9\r\n\r\nhalf")
        wait(lambda: place.raw.open == 1)
        wire.close()
        wait(lambda: place.raw.cut == 1 and place.raw.open == 0)
        assert place.raw.seen == []


@pytest.mark.parametrize(
    ("do", "status", "code"),
    [
        ("garbage", b"502", "upstream_failed"),
        ("reset", b"502", "upstream_failed"),
        ("silent", b"504", "upstream_timeout"),
    ],
)
def test_faults_of_the_upstream_are_told_as_such(proxied, do, status, code) -> None:
    """In OpenAI's envelope, and the connection of the client stays usable."""
    with proxied(idle=1.0) as place:
        wire = place.wire()
        wire.send(post(ASK, do))
        answer = wire.until(b"}}")
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == code
        wire.send(get("/v1/models"))
        assert wire.rest().endswith(place.answer)


def test_an_answer_that_breaks_off_breaks_off_for_the_client(proxied) -> None:
    """A cut stream has no last chunk, so that no client takes it for whole; a stalled one ends after the time-out."""
    with proxied(idle=1.0) as place:
        for do in ("cut", "stall"):
            answer = place.ask(post({**ASK, "stream": True}, do))
            assert b"assistant" in answer
            assert not answer.endswith(b"0\r\n\r\n")
        assert b'assay_skipped_total{kind="stream",reason="broken-off"} 2.0' in place.ask(get("/metrics"))


def test_an_upstream_that_is_not_there(proxied) -> None:
    """A refused connection is a 502 that names no address."""
    with proxied() as place:
        place.raw.close()
        answer = place.ask(post(ASK, fields=b"Connection: close\r\n"))
        assert answer.startswith(b"HTTP/1.1 502 ")
        assert str(place.raw.port).encode() not in answer


def test_a_slow_reader_slows_the_upstream_down(proxied) -> None:
    """Nobody buffers what a client does not read."""
    with proxied() as place:
        wire = place.wire()
        wire.send(post({"model": "m", "input": "x", "voice": "alloy"}, "flood", "/v1/audio/speech"))
        wire.until(b"\r\n\r\n")
        time.sleep(1.5)
        assert place.raw.sent < 32 * 1024 * 1024
        wire.close()


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [(b"", 0.5), (b"POST /v1/", 0.5), (b"POST /v1/files HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab", 0.7)],
)
def test_who_sends_nothing_is_not_waited_for(proxied, sent, seconds) -> None:
    """408 for a head or a body that does not come, in time."""
    with proxied("enforce", head_seconds=0.5, idle_seconds=0.7) as place:
        began = time.monotonic()
        answer = place.ask(sent)
        assert seconds - 0.1 < time.monotonic() - began < seconds + 5
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert place.raw.seen == []


def test_a_dripping_head_has_an_end(proxied) -> None:
    """A byte now and then does not keep a head open."""
    with proxied(head_seconds=0.8) as place:
        wire = place.wire()
        began = time.monotonic()
        wire.socket.settimeout(0.1)
        answer = b""
        for byte in b"GET /v1/models HTTP/1.1\r\nX: " + b"o" * 500:
            try:
                wire.send(bytes([byte]))
                answer += wire.socket.recv(1000)
            except TimeoutError:
                continue
            except OSError:
                break
            if answer:
                break
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "url", ["otter", "ftp://h", "http://", "http://h:0", "http://h:x", "http://u:p@h", "http://h/?a=1", "http://h/#a"]
)
def test_a_wrong_upstream_is_refused(url) -> None:
    """At the start, in one line that repeats no password."""
    with pytest.raises(UsageError) as caught:
        Upstream(url)
    assert "upstream" in str(caught.value)
    assert "u:p" not in str(caught.value)


def test_a_common_client_works_through_the_proxy(proxied) -> None:
    """A common HTTP client gets what it gets without the proxy."""
    with proxied("enforce") as place, urllib3.PoolManager() as pool:
        answer = pool.request("POST", f"{place.url}{CHAT}", json=ASK)
        assert (answer.status, answer.data) == (200, place.answer)
