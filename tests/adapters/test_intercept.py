"""Interception: each client library tells every exchange as it happens, and is answered as if by the network."""

# ruff: noqa: D102, S113  the spy keeps the order of the protocol; the server is on this machine

from __future__ import annotations

import asyncio
import gzip
import io
import json
import threading
from dataclasses import dataclass, field

import aiohttp
import httpx
import httpx2
import pytest
import requests

from assay.adapters.intercept import Reply, intercept
from assay.adapters.serve import serve
from assay.messages import Headers

SYNC = ["requests", "httpx", "httpx2"]
ASYNC = ["httpx-async", "httpx2-async", "aiohttp"]
PIECES = [b"data: 1\n\n", b"data: 2\n\n", b"data: [DONE]\n\n"]


@dataclass
class Spy:
    """Writes down what it is told; answers with ``reply`` where there is one."""

    only: str = "http://"
    reply: Reply | None = None
    told: list = field(default_factory=list)
    request: object = None
    answers: bool = False

    def begin(self, method, url):
        if not url.startswith(self.only):
            return None
        self.answers = self.reply is not None
        self.told.append(("begin", method, url))
        return self

    def sent(self, request):
        self.request = request
        self.told.append(("sent",))
        return self.reply

    def response(self, status, headers):
        self.headers = headers
        self.told.append(("response", status))

    def data(self, chunk):
        self.told.append(("data", bytes(chunk)))

    def end(self):
        self.told.append(("end",))

    def broken(self, reason):
        self.told.append(("broken", reason))

    def closed(self):
        self.told.append(("closed",))

    @property
    def steps(self):
        """The names of what was told, one for any number of pieces."""
        names = [step[0] for step in self.told]
        return [name for number, name in enumerate(names) if number == 0 or names[number - 1] != name]

    @property
    def body(self):
        return b"".join(step[1] for step in self.told if step[0] == "data")


async def _app(scope, receive, send):
    """Echo what was sent; stream with pauses that the reader ends; compress; redirect."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    path, status, headers, pieces = scope["path"], 200, [(b"content-type", b"application/json")], [b""]
    if path == "/echo":
        kind = dict(scope["headers"]).get(b"content-type", b"").decode()
        pieces = [json.dumps({"body": body.decode("latin-1"), "type": kind}).encode()]
    elif path == "/stream":
        headers, pieces = [(b"content-type", b"text/event-stream")], PIECES
    elif path == "/gzip":
        headers, pieces = [*headers, (b"content-encoding", b"gzip")], [gzip.compress(b'{"ok": true}')]
    elif path == "/redirect":
        status, headers = 307, [(b"location", b"/echo")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        await asyncio.sleep(0.02 if len(pieces) > 1 else 0)
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="module")
def server():
    """A server that echoes."""
    with serve(_app) as url:
        yield url


def call(library, url, **options):
    """Send one POST with a library and return its status and whole body."""
    if library == "requests":
        names = {"content": "data"}
        with requests.post(url, **{names.get(k, k): v for k, v in options.items()}) as response:
            return response.status_code, response.content
    if library in ("httpx", "httpx2"):
        module = {"httpx": httpx, "httpx2": httpx2}[library]
        response = module.post(url, follow_redirects=True, **options)
        return response.status_code, response.content
    return asyncio.run(acall(library, url, **options))


async def acall(library, url, **options):
    """Send one POST with an asynchronous client and return its status and whole body."""
    if library == "aiohttp":
        names = {"content": "data"}
        given = {names.get(k, k): v for k, v in options.items()}
        async with aiohttp.ClientSession() as session, session.post(url, **given) as response:
            return response.status, await response.read()
    module = {"httpx-async": httpx, "httpx2-async": httpx2}[library]
    async with module.AsyncClient(follow_redirects=True) as client:
        response = await client.post(url, **options)
        return response.status_code, response.content


def pieces(library, url):
    """Yield what a streaming read gives, piece by piece."""
    if library == "requests":
        with requests.post(url, stream=True) as response:
            yield from response.iter_content(None)
    else:
        module = {"httpx": httpx, "httpx2": httpx2}[library]
        with module.stream("POST", url) as response:
            yield from response.iter_bytes()


async def apieces(library, url):
    """Yield what a streaming read gives, piece by piece."""
    if library == "aiohttp":
        async with aiohttp.ClientSession() as session, session.post(url) as response:
            async for piece in response.content.iter_any():
                yield piece
    else:
        module = {"httpx-async": httpx, "httpx2-async": httpx2}[library]
        async with module.AsyncClient() as client, client.stream("POST", url) as response:
            async for piece in response.aiter_bytes():
                yield piece


@pytest.mark.parametrize("library", SYNC + ASYNC)
def test_an_exchange_is_told_in_order(library, server):
    """A JSON request and its response are told whole, in the order of the wire."""
    spy = Spy()
    with intercept(spy):
        status, body = call(library, f"{server}/echo?x=1", json={"a": [1, None]})
    assert spy.steps == ["begin", "sent", "response", "data", "end"]
    assert (spy.request.method, spy.request.target) == ("POST", "/echo?x=1")
    assert json.loads(spy.request.body) == {"a": [1, None]}
    assert spy.request.headers.content_type == "application/json"
    assert (status, body) == (200, spy.body)


@pytest.mark.parametrize("library", SYNC + ASYNC)
def test_other_hosts_are_left_alone(library, server):
    """A request that nobody asked to see goes its way untold."""
    spy = Spy(only="http://elsewhere")
    with intercept(spy):
        status, _ = call(library, f"{server}/echo", json={})
    assert (status, spy.told) == (200, [])


@pytest.mark.parametrize("library", SYNC + ASYNC)
def test_everything_is_put_back(library, server):
    """After the block nothing is told any more."""
    spy = Spy()
    with intercept(spy):
        pass
    assert call(library, f"{server}/echo", json={})[0] == 200
    assert spy.told == []


@pytest.mark.parametrize("library", SYNC)
def test_a_stream_is_told_piece_by_piece(library, server):
    """What was told grows with what the client has read, never ahead of it."""
    spy, seen = Spy(), b""
    with intercept(spy):
        for piece in pieces(library, f"{server}/stream"):
            seen += piece
            assert spy.body == seen
    assert seen == b"".join(PIECES)
    assert spy.steps == ["begin", "sent", "response", "data", "end"]
    assert len([step for step in spy.told if step[0] == "data"]) >= 2


@pytest.mark.parametrize("library", ASYNC)
def test_an_asynchronous_stream_is_told_piece_by_piece(library, server):
    """What was told grows with what the client has read, never ahead of it."""
    spy = Spy()

    async def read():
        seen = b""
        async for piece in apieces(library, f"{server}/stream"):
            seen += piece
            assert spy.body == seen
        return seen

    with intercept(spy):
        assert asyncio.run(read()) == b"".join(PIECES)
    assert spy.steps == ["begin", "sent", "response", "data", "end"]
    assert len([step for step in spy.told if step[0] == "data"]) >= 2


@pytest.mark.parametrize("library", SYNC)
def test_a_stream_closed_early_is_told_as_closed(library, server):
    """Who stops reading is not taken for a server that stops sending."""
    spy = Spy()
    with intercept(spy):
        stream = pieces(library, f"{server}/stream")
        next(stream)
        stream.close()
    assert spy.steps == ["begin", "sent", "response", "data", "closed"]


@pytest.mark.parametrize("library", ASYNC)
def test_an_asynchronous_stream_closed_early_is_told_as_closed(library, server):
    """Who stops reading is not taken for a server that stops sending."""
    spy = Spy()

    async def read():
        stream = apieces(library, f"{server}/stream")
        await anext(stream)
        await stream.aclose()

    with intercept(spy):
        asyncio.run(read())
    assert spy.steps == ["begin", "sent", "response", "data", "closed"]


@pytest.mark.parametrize("library", SYNC + ASYNC)
def test_a_content_coding_agrees_with_the_bytes(library, server):
    """The bytes that are told are coded exactly when the header that is told says so."""
    spy = Spy()
    with intercept(spy):
        status, body = call(library, f"{server}/gzip")
    assert (status, body) == (200, b'{"ok": true}')
    plain = gzip.decompress(spy.body) if spy.headers.content_encoding == "gzip" else spy.body
    assert plain == body


@pytest.mark.parametrize("library", SYNC + ASYNC)
def test_a_redirect_is_two_exchanges(library, server):
    """Each hop is told; a body goes along unchanged."""
    spy = Spy()
    with intercept(spy):
        _, body = call(library, f"{server}/redirect", content=b"kept")
    assert json.loads(body)["body"] == "kept"
    assert [step[2].rpartition("/")[2] for step in spy.told if step[0] == "begin"] == ["redirect", "echo"]


@pytest.mark.parametrize("library", ["requests", "httpx", "httpx2"])
def test_a_body_that_streams_arrives_unchanged(library, server):
    """An iterator is sent as it is and told when its end was sent."""
    spy = Spy()
    with intercept(spy):
        _, body = call(library, f"{server}/echo", content=iter([b"one ", b"two ", b"three"]))
    assert json.loads(body)["body"] == "one two three"
    assert spy.request.body == b"one two three"


@pytest.mark.parametrize("library", ASYNC)
def test_an_asynchronous_body_arrives_unchanged(library, server):
    """An asynchronous iterator is sent as it is and told when its end was sent."""

    async def source():
        yield b"one "
        yield b"two"

    async def run():
        return await acall(library, f"{server}/echo", content=source())

    spy = Spy()
    with intercept(spy):
        _, body = asyncio.run(run())
    assert json.loads(body)["body"] == "one two"
    assert spy.request.body == b"one two"


@pytest.mark.parametrize("library", SYNC + ASYNC)
def test_a_file_arrives_unchanged(library, server, tmp_path):
    """A form with a file is the same bytes for the server and for who looks on."""
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(range(256)) * 300)
    spy = Spy()
    with intercept(spy), path.open("rb") as file:
        if library == "aiohttp":
            form = aiohttp.FormData({"purpose": "test"})
            form.add_field("file", file, filename="a.bin")
            _, body = asyncio.run(acall(library, f"{server}/echo", content=form))
        else:
            _, body = call(library, f"{server}/echo", data={"purpose": "test"}, files={"file": file})
    echoed = json.loads(body)
    assert echoed["body"].encode("latin-1") == spy.request.body
    assert bytes(range(256)) in spy.request.body
    assert echoed["type"] == spy.request.headers.content_type


def test_a_plain_file_of_requests_is_read_once(server):
    """A file as the whole body is sent with its length and told."""
    spy = Spy()
    with intercept(spy):
        _, body = call("requests", f"{server}/echo", content=io.BytesIO(b"x" * 70_000))
    assert len(json.loads(body)["body"]) == len(spy.request.body) == 70_000


@pytest.mark.parametrize("library", SYNC + ASYNC)
def test_a_reply_takes_the_place_of_the_network(library):
    """A reply reaches the client whole, with its status, and is told like any other response."""
    spy = Spy(reply=Reply(418, Headers({"content-type": "application/json"}), [b'{"a"', b": 1}"]))
    with intercept(spy):
        status, body = call(library, "http://no-such-host.invalid/v1/x", json={"q": 1})
    assert (status, body) == (418, b'{"a": 1}')
    assert spy.steps == ["begin", "sent", "response", "data", "end"]
    assert json.loads(spy.request.body) == {"q": 1}
    assert spy.body == body


@pytest.mark.parametrize("library", SYNC + ASYNC)
def test_a_reply_may_be_compressed(library):
    """The client itself undoes the coding of a reply."""
    headers = Headers({"content-type": "application/json", "content-encoding": "gzip"})
    spy = Spy(reply=Reply(200, headers, [gzip.compress(b"[]")]))
    with intercept(spy):
        assert call(library, "http://no-such-host.invalid/") == (200, b"[]")


@pytest.mark.parametrize("library", SYNC + ASYNC)
@pytest.mark.parametrize("status", [204, 304])
def test_a_response_without_body_comes_to_its_end(library, status):
    """What has no body is over once it is read, or not read."""
    spy = Spy(reply=Reply(status, Headers()))
    with intercept(spy):
        assert call(library, "http://no-such-host.invalid/") == (status, b"")
    assert spy.steps == ["begin", "sent", "response", "end"]


def test_one_interception_inside_another_hides_only_what_it_answers(server):
    """What goes to the network is told to both; what the inner one answers, the outer one never sees."""
    outer, inner = Spy(), Spy()
    answering = Spy(reply=Reply(204, Headers()))
    with intercept(outer):
        with intercept(inner):
            call("httpx", f"{server}/echo", json={})
        with intercept(answering):
            call("httpx", f"{server}/echo", json={})
    assert inner.steps == outer.steps == ["begin", "sent", "response", "data", "end"]
    assert answering.steps == ["begin", "sent", "response", "end"]


@pytest.mark.parametrize("library", SYNC)
def test_the_pieces_of_a_reply_stay_pieces(library):
    """A streamed reply is read in the pieces that were given."""
    spy = Spy(reply=Reply(200, Headers({"content-type": "text/event-stream"}), iter(PIECES)))
    with intercept(spy):
        assert list(pieces(library, "http://no-such-host.invalid/")) == PIECES


@pytest.mark.parametrize("library", ASYNC)
def test_the_pieces_of_a_reply_stay_pieces_asynchronously(library):
    """A streamed reply is read in the pieces that were given."""

    async def read():
        return [piece async for piece in apieces(library, "http://no-such-host.invalid/")]

    spy = Spy(reply=Reply(200, Headers({"content-type": "text/event-stream"}), iter(PIECES)))
    with intercept(spy):
        got = asyncio.run(read())
    assert b"".join(got) == b"".join(PIECES)
    assert len(got) >= 2


ERRORS = {
    "requests": (requests.ConnectionError, (requests.exceptions.ChunkedEncodingError, requests.ConnectionError)),
    "httpx": (httpx.ConnectError, httpx.TransportError),
    "httpx2": (httpx2.ConnectError, httpx2.TransportError),
    "httpx-async": (httpx.ConnectError, httpx.TransportError),
    "httpx2-async": (httpx2.ConnectError, httpx2.TransportError),
    "aiohttp": (aiohttp.ClientConnectorError, (aiohttp.ClientPayloadError, aiohttp.SocketTimeoutError)),
}


@pytest.mark.parametrize("library", SYNC + ASYNC)
@pytest.mark.parametrize("kind", ["connect", "read", "timeout"])
def test_a_reply_may_break(library, kind):
    """A broken reply raises the client's own error and is told as broken."""
    pieces = [] if kind == "connect" else [b"data: 1\n\n"]
    reply = Reply(0 if kind == "connect" else 200, Headers({"content-type": "text/event-stream"}), pieces, kind)
    spy = Spy(reply=reply)
    with intercept(spy), pytest.raises(ERRORS[library][kind != "connect"]):
        call(library, "http://no-such-host.invalid/")
    assert spy.steps[-1] == "broken"
    assert spy.body == (b"" if kind == "connect" else b"data: 1\n\n")


@pytest.mark.parametrize("library", SYNC + ASYNC)
def test_a_silent_server_is_a_time_out_of_the_client(library):
    """No response at all can be a time-out too."""
    spy = Spy(reply=Reply(0, Headers(), (), "timeout"))
    expected = {"requests": requests.Timeout, "aiohttp": TimeoutError}
    module = httpx2 if "2" in library else httpx
    with intercept(spy), pytest.raises(expected.get(library, module.TimeoutException)):
        call(library, "http://no-such-host.invalid/")
    assert spy.steps == ["begin", "sent", "broken"]


@pytest.mark.parametrize("library", SYNC + ASYNC)
def test_a_connection_that_fails_is_told(library):
    """Where nobody listens the client's error goes to the caller and is told."""
    spy = Spy()
    with intercept(spy), pytest.raises(ERRORS[library][0]):
        call(library, "http://127.0.0.1:9/")
    assert spy.steps == ["begin", "sent", "broken"]


def test_threads_are_told_too(server):
    """Clients in other threads are seen, each exchange by itself."""

    class Many(Spy):
        def begin(self, method, url):
            one = Spy()
            found.append(one)
            return one.begin(method, url)

    found: list[Spy] = []
    with intercept(Many()):
        threads = [threading.Thread(target=call, args=("httpx", f"{server}/echo")) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [one.steps for one in found] == [["begin", "sent", "response", "data", "end"]] * 8


def test_what_is_imported_later_is_patched_then(pytester):
    """A library that a test imports inside the block is observed from then on."""
    script = pytester.makepyfile(
        """
        import sys
        from assay.adapters.intercept import Reply, intercept
        from assay.messages import Headers

        class Answer:
            answers = True
            def begin(self, method, url): return self
            def sent(self, request): return Reply(204, Headers())
            def response(self, status, headers): pass
            data = broken = lambda self, value: None
            end = closed = lambda self: None

        with intercept(Answer()):
            for name in ("requests", "httpx", "httpx2"):
                assert name not in sys.modules
                module = __import__(name)
                print(name, module.get("http://no-such-host.invalid/").status_code)
        """
    )
    ran = pytester.runpython(script)
    assert ran.outlines == ["requests 204", "httpx 204", "httpx2 204"]
