"""The WSGI middleware: the same gate as for ASGI, behind the other interface, under the standard's own validator."""

from __future__ import annotations

import io
import json
import sys
from wsgiref.validate import validator

import pytest

import assay
from assay.adapters.wsgi import Preflight
from assay.gateway import Limits, Policy, Settings

CHAT = "/v1/chat/completions"
ASK = {"model": "m", "messages": [{"role": "user", "content": "marked-secret"}]}
WRONG = {**ASK, "n": 0}


@pytest.fixture(scope="module")
def contract():
    """Compile the bundled contract once."""
    return assay.load()


def answering(body, content_type="application/json", seen=None, size=100):
    """Make an application with one answer; ``seen`` takes what it reads."""

    def app(environ, start_response):
        while piece := environ["wsgi.input"].read(size):
            if seen is not None:
                seen.append(piece)
        start_response("200 OK", [("Content-Type", content_type)])
        return [body] if isinstance(body, bytes) else list(body)

    return app


def call(app, target, body=b"", method="POST", content_type="application/json"):
    """Send one request through an application; returns its status, headers and pieces."""
    path, _, query = target.partition("?")
    body = json.dumps(body).encode() if isinstance(body, dict) else body
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if method == "POST":
        environ["CONTENT_TYPE"] = content_type
    heads = []

    def start_response(status, headers, _exc_info=None):
        heads.append((int(status[:3]), dict(headers)))
        return lambda _piece: None

    answer = validator(app)(environ, start_response)
    try:
        pieces = list(answer)
    finally:
        answer.close()
    return (*heads[-1], pieces)


def test_a_wrong_request_is_refused_before_the_application_reads_it(contract) -> None:
    """Status 400 with OpenAI's envelope; the application is never called."""
    seen, told = [], []
    app = Preflight(answering(b"{}", seen=seen), contract, "enforce", observers=[told.append])
    status, headers, pieces = call(app, CHAT, WRONG)
    error = json.loads(b"".join(pieces))["error"]
    assert (status, error["param"], seen) == (400, "n", [])
    assert headers["x-assay-rule"] == "schema/minimum"
    assert [j.action for j in told] == ["refused"]
    assert "marked" not in str(error)


@pytest.mark.parametrize("mode", ["off", "observe", "enforce"])
def test_a_right_exchange_passes_unchanged(contract, mode) -> None:
    """Body, status and pieces are those of the application; a query is judged too."""
    stream = [b"data: {}\n\n", b"data: [DONE]\n\n"]
    for target, body, method in ((CHAT, ASK, "POST"), ("/v1/files?limit=2", b"", "GET"), ("/health", b"", "GET")):
        seen, told = [], []
        app = Preflight(
            answering(stream, "text/event-stream", seen), contract, Policy(mode, "off"), observers=[told.append]
        )
        status, _, pieces = call(app, target, body, method)
        assert (status, pieces) == (200, stream)
        assert b"".join(seen) == (json.dumps(body).encode() if body else b"")
        assert not [j for j in told if j.broken]
    assert call(Preflight(answering(b""), contract, "enforce"), "/v1/files?limit=otter", b"", "GET")[0] == 400


def test_streams_are_told_of_and_ended_only_when_asked(contract) -> None:
    """A broken stream passes whole; with end_streams it ends with an error event."""
    stream = [b'data: {"id": 5}\n\n', b"data: [DONE]\n\n"]
    ask = {**ASK, "stream": True}
    told = []
    app = Preflight(answering(stream, "text/event-stream"), contract, Policy("off", "enforce"), observers=[told.append])
    assert call(app, CHAT, ask)[2] == stream
    assert (told[-1].kind, told[-1].broken, told[-1].action) == ("stream", True, "forwarded")
    ending = Preflight(
        answering(stream, "text/event-stream"),
        contract,
        Policy("off", "enforce"),
        settings=Settings(end_streams=True),
        observers=[told.append],
    )
    assert b"".join(call(ending, CHAT, ask)[2]).startswith(b"\n\nevent: error\ndata: {")
    assert told[-1].action == "ended"


def test_a_response_is_withheld_only_in_enforce(contract) -> None:
    """502 in place of a JSON response that breaks the contract; a long one is let go."""
    bad = b'{"object": "otter", "data": []}'
    for body, mode, limit, status in (
        (bad, "enforce", 1000, 502),
        (bad, "observe", 1000, 200),
        (bad, "enforce", 10, 200),
        (b'{"object": "list", "data": []}', "enforce", 1000, 200),
    ):
        settings = Settings(limits=Limits(response=limit))
        app = Preflight(answering([body[:7], body[7:]]), contract, Policy("off", mode), settings=settings)
        found = call(app, "/v1/models", b"", "GET")
        assert found[0] == status
        assert (b"".join(found[2]) == body) is (status == 200)


@pytest.mark.parametrize(("purpose", "status"), [("batch", 200), ("otters", 400)])
def test_a_large_upload_is_judged_as_it_is_read(contract, purpose, status) -> None:
    """The application reads an upload as it comes, and never the end of a wrong one."""
    head = f'--o\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n--o\r\n'
    head += 'Content-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
    body = head.encode() + b"{}\n" * 200_000 + b"\r\n--o--\r\n"
    seen = []
    settings = Settings(limits=Limits(body=100_000))
    app = Preflight(answering(b"{}", seen=seen, size=65_536), contract, "enforce", settings=settings)
    found = call(app, "/v1/files", body, content_type="multipart/form-data; boundary=o")
    assert found[0] == status
    assert (b"".join(seen) == body) is (status == 200)


def test_a_large_body_is_refused(contract) -> None:
    """413 in enforce for what is no upload; in observe it is forwarded and told."""
    body = {**ASK, "user": "o" * 5000}
    settings, told, seen = Settings(limits=Limits(body=1000)), [], []
    assert call(Preflight(answering(b"{}"), contract, "enforce", settings=settings), CHAT, body)[0] == 413
    app = Preflight(answering(b"{}", seen=seen), contract, "observe", settings=settings, observers=[told.append])
    assert call(app, CHAT, body)[0] == 200
    assert json.loads(b"".join(seen)) == body
    assert told[0].skipped == "size"


def test_the_application_keeps_its_own_errors(contract) -> None:
    """An exception of the application is the server's to handle."""

    def app(_environ, _start_response):
        raise KeyError

    with pytest.raises(KeyError):
        call(Preflight(app, contract, "enforce"), CHAT, ASK)
