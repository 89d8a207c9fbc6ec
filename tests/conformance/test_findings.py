"""Findings and their curl lines: one per cause, and a line that a shell sends unchanged."""

from __future__ import annotations

import shlex
import shutil
import socket
import subprocess
import threading

import pytest

from assay.conformance.checks import Exchange, absent
from assay.conformance.curl import curl
from assay.conformance.findings import Findings
from assay.messages import Request, Response
from assay.model import Operation
from assay.violation import Violation

CHAT = Operation("chat", "POST", "/chat")
OTHER = Operation("other", "POST", "/other")


def exchange(operation=CHAT, body=b"{}", status=200, answer=b""):
    """An exchange with this body and answer."""
    return Exchange(operation, Request("POST", "/v1/x", {}, body), Response(status, {}, answer))


def broken(rule, *path, pointer="#/a", part="body"):
    """A violation at a path."""
    return Violation(rule, part, path, "x", "y", pointer)


def test_indexes_and_odd_names_do_not_make_new_findings():
    """The same rule at another item or under somebody's name is the same cause; the smallest exchange stays."""
    found = Findings()
    assert found.add(exchange(body=b"longer"), broken("schema/type", "choices", 0, "a b c"))
    assert found.add(exchange(body=b"short"), broken("schema/type", "choices", 7, "d e f")) is None
    assert found.add(exchange(body=b"much longer"), broken("schema/type", "choices", 1, "d e f")) is None
    assert found.add(exchange(), broken("schema/type", "usage"))
    first = next(iter(found))
    assert (len(found), first.count, first.exchange.request.body) == (2, 3, b"short")


def test_error_envelopes_are_one_finding_over_all_operations():
    """What all operations share is told once and names them; what is one operation's own is not."""
    found = Findings()
    for operation in (CHAT, OTHER):
        found.add(exchange(operation), broken("http/error-envelope", "error"))
        found.add(exchange(operation), broken("http/server-error", part="status"))
    assert [(f.violation.rule, f.operations) for f in found] == [
        ("http/error-envelope", ["chat", "other"]),
        ("http/server-error", ["chat"]),
        ("http/server-error", ["other"]),
    ]


def test_nulls_of_one_response_are_one_finding():
    """Null in several places of one operation is one cause that lists them; in one place it is told as it is."""
    found = Findings()
    null = [Violation("schema/type", "body", (name,), "a string", "null", f"#/{name}") for name in ("a", "b")]
    found.add(exchange(), null[0])
    assert [f.violation for f in found] == null[:1]
    found.add(exchange(), null[1])
    found.add(exchange(), broken("schema/type", "c"))
    found.add(exchange(OTHER), null[0])
    assert [(f.operations[0], f.kinds, len(f.parts)) for f in found] == [
        ("chat", 2, 2),
        ("chat", 1, 0),
        ("other", 1, 0),
    ]
    assert len(found) == 3


def test_undeclared_properties_are_one_kind():
    """The names that we make up for what is not declared make no further kinds."""
    found = Findings()
    for name in ("otter", "otter_0"):
        violation = broken("http/invalid-accepted", name, pointer="#/A/additionalProperties")
        assert bool(found.add(exchange(), violation)) == (name == "otter")


def test_refusals_differ_by_what_they_say():
    """Two sentences are two findings; numbers and quoted names do not make a third."""
    found = Findings()
    for text in (b"Role 'a' is not known", b"Role 'b' is not known", b"Too hot: 7", b"Too hot: 9"):
        answer = b'{"error": {"message": "%b"}}' % text
        found.add(exchange(status=400, answer=answer), broken("http/valid-refused"))
    assert len(found) == 2


@pytest.mark.parametrize(
    ("path", "status", "body", "gone"),
    [
        ("/embeddings", 404, b'{"detail": "Not Found"}', True),
        ("/embeddings", 404, b"<html>", True),
        ("/embeddings", 404, b'{"error": {"code": "model_not_found"}}', False),
        ("/models/{model}", 404, b'{"error": {"message": "none"}}', False),
        ("/models/{model}", 404, b'{"detail": "Not Found"}', True),
        ("/models/{model}", 405, b"", True),
        ("/models", 501, b"", True),
        ("/models", 400, b"", False),
    ],
)
def test_a_missing_route_is_told_from_a_missing_resource(path, status, body, gone):
    """Only an answer about the route closes an operation."""
    there = Exchange(Operation("x", "GET", path), Request("GET", path), Response(status, {}, body))
    assert bool(absent(there)) == gone


def sent_by(line):
    """Run a shell line against a raw socket and return the bytes that arrived."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        got = []

        def serve():
            connection, _ = listener.accept()
            with connection:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                head, _, body = data.partition(b"\r\n\r\n")
                sizes = [int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")]
                while len(body) < sum(sizes):
                    body += connection.recv(65536)
                got.extend((head, body))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        environment = {"OPENAI_API_KEY": "k", "PATH": "/usr/bin:/bin"}
        subprocess.run(["sh", "-c", line.replace("PORT", str(port))], check=True, timeout=20, env=environment)
        thread.join(5)
        return got


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed here")
@pytest.mark.parametrize(
    "body",
    [b'{"a": "it\'s $HOME `x` \\\\ !\\"", "b": "\xc3\xa9\xe2\x82\xac"}', b"@file", b"\x00\xff\r\n\x1b[31m", b"a\nb"],
    ids=["quotes", "at", "binary", "lines"],
)
def test_a_curl_line_sends_the_same_bytes(body):
    """Whatever the body holds, the shell and curl send exactly it, to exactly the target, with the user's key."""
    request = Request("POST", "/v1/a%2fb/../[x]?q={1}", {"content-type": "application/json", "x-empty": ""}, body)
    head, arrived = sent_by(curl(request, f"http://127.0.0.1:PORT{request.target}", secret=("Authorization",)))
    assert arrived == body
    assert head.startswith(b"POST /v1/a%2fb/../[x]?q={1} HTTP/1.1\r\n")
    lines = head.lower().split(b"\r\n")
    assert b"content-type: application/json" in lines
    assert b"authorization: bearer k" in lines
    assert b"x-empty:" in [line.strip() for line in lines]


def test_a_curl_line_names_only_unusual_methods():
    """GET and POST with a body are curl's own; others are named; no key is ever written."""
    assert "-X" not in shlex.split(curl(Request("GET", "/a"), "http://h/a"))
    assert shlex.split(curl(Request("DELETE", "/a"), "http://h/a"))[4:6] == ["-X", "DELETE"]
    line = curl(Request("POST", "/a", {}, b"x"), "http://h/a", secret=("api-key",))
    assert '-H "api-key: $API_KEY"' in line
    assert "content-type:" in shlex.split(line)
