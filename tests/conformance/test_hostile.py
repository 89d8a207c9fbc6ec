"""Targets that do their worst, with the real command in a process: a clear verdict, in bounded time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from assay.adapters.send import Sender
from assay.messages import Request
from assay.reference.server import application

CHAT = "createChatCompletion"
MODELS = b'{"object":"list","data":[{"id":"gpt-4o-mini","object":"model","created":1,"owned_by":"us"}]}'
REFUSED = b'{"error":{"message":"not so","type":"invalid_request_error","param":null,"code":null}}'
JSON = b"application/json"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
MEGABYTES = 300  # of resident memory, at most


def answer(body, status=200, kind=b"application/json", more=b""):
    """A whole response."""
    head = b"HTTP/1.1 %d X\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n" % (status, kind, len(body), more)
    return head + body


def accepting(listener, chat, models):
    """Serve every connection in a thread, until the listener is closed."""

    def one(connection):
        with connection, suppress(OSError), connection.makefile("rb") as reader:
            while line := reader.readline():
                fields = {}
                while (field := reader.readline()) not in (b"\r\n", b""):
                    name, _, value = field.partition(b":")
                    fields[name.lower()] = value.strip()
                body = reader.read(int(fields.get(b"content-length", 0)))
                if line.startswith(b"PUT "):
                    connection.sendall(answer(REFUSED, 405, more=b"Allow: POST\r\n"))
                elif fields.get(b"content-type", JSON).partition(b";")[0] != JSON:
                    connection.sendall(answer(REFUSED, 415))
                elif models(connection) if b"/models" in line else chat(connection, body):
                    return

    with suppress(OSError):
        while True:
            threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


@contextmanager
def target(chat, models=lambda connection: connection.sendall(answer(MODELS))):
    """A raw server: ``models`` answers the list of models, ``chat(connection, body)`` all else; True closes."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accepting, args=(listener, chat, models), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


class Told:
    """What came of a command: exit code, what it printed, the rules it found broken, its peak of memory, seconds."""

    def __init__(self, folder, url, *options):
        began = time.monotonic()
        command = [sys.executable, "-m", "assay", "run", url, "--operation", CHAT, "--json", str(folder / "out.json")]
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
        )
        peak = [0]
        watcher = threading.Thread(target=self._watch, args=(process, peak), daemon=True)
        watcher.start()
        self.out, self.err = process.communicate(timeout=120)
        watcher.join()
        self.code, self.peak, self.seconds = process.returncode, peak[0], time.monotonic() - began
        file = folder / "out.json"
        self.rules = {f["rule"]: f for f in json.loads(file.read_bytes())["findings"]} if file.exists() else {}

    @staticmethod
    def _watch(process, peak):
        """Ask for the high-water mark of resident memory, in MB, until the process is gone."""
        while process.poll() is None:
            with suppress(OSError, StopIteration):
                lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
                line = next(line for line in lines if line.startswith("VmHWM"))
                peak[0] = max(peak[0], int(line.split()[1]) // 1024)
            time.sleep(0.05)


def reset(connection, *_):
    """Close with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    return True


def sending(*pieces, then=None):
    """An answer of these bytes; ``then`` says what comes after: the close, a stall, or the same again for ever."""

    def chat(connection, *_):
        for piece in pieces:
            connection.sendall(piece)
        if then == "stall":
            time.sleep(60)
        while then == "again":
            connection.sendall(pieces[-1])
        return reset(connection) if then == "reset" else True

    return chat


@pytest.mark.parametrize(
    ("models", "part"),
    [
        (sending(then="stall"), "time-out: no response from"),
        (sending(), "it closed the connection without an answer"),
        (sending(then="reset"), "connection reset by peer"),
        (sending(b"\x16\x03\x01\x00\x00 otter\r\n\r\n"), "what came back is not HTTP"),
        (sending(b"SSH-2.0-OpenSSH_9.9\r\n"), "what came back is not HTTP"),
        (sending(b"HTTP/1.1 200 OK\r\n", b"x: " + b"o" * 1000 + b"\r\n", then="again"), "what came back is not HTTP"),
        (sending(b"HTTP/1.1 200 OK\r\nx: ", b"o" * 65536, then="again"), "what came back is not HTTP"),
        (sending(b"o" * 65536, then="again"), "what came back is not HTTP"),
        (sending(b"HTTP/1.1 100 Continue\r\n\r\n", then="again"), "time-out: no response from"),
        (sending(b"HTTP/1.1 103 Early\r\nx: y\r\n\r\n", then="again"), "time-out: no response from"),
    ],
    ids=["hang", "close", "reset", "garbage", "ssh", "headers", "header", "line", "100", "103"],
)
def test_a_target_that_never_answers_cannot_be_tested(tmp_path, models, part):
    """Nothing that is HTTP comes back, whatever is asked: exit code 2 and one line that says what came."""
    with target(models, models) as url:
        told = Told(tmp_path, url, "--timeout", "0.5")
    assert (told.code, told.out.replace("discover ...\n", "")) == (2, ""), told.out
    assert told.err.startswith("assay: ")
    assert part in told.err
    assert told.err.count("\n") == 1
    assert told.peak < MEGABYTES
    assert told.seconds < 30


def test_interim_responses_are_passed_over():
    """However many 1xx come before it, with or without fields, the final response is the answer."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 X\r\n\r\n"
    with target(lambda connection, _: connection.sendall(interim * 200 + answer(b"ok"))) as url:
        sender = Sender(url)
        for _ in range(2):
            response = sender(Request("POST", "/v1/chat/completions", {}, b"{}"))
            assert (response.status, response.body, response.broken) == (200, b"ok", "")


@pytest.mark.parametrize(
    ("chat", "got"),
    [
        (sending(then="stall"), "time-out: no response from"),
        (sending(CHUNKED, b"5\r\ndata:\r\n", then="stall"), "time-out: not finished after 1 s"),
        (
            sending(CHUNKED, b"5\r\ndata:\r\n", then="again"),
            "(time-out: not finished after 1 s|more than 16777216 bytes)",
        ),
        (sending(answer(b"", more=b"")[:-4] + b"\r\nContent-Type: text/plain\r\n", then="stall"), "time-out: "),
    ],
    ids=["hang", "stall", "drip", "head"],
)
def test_a_target_that_never_finishes_cannot_be_tested(tmp_path, chat, got):
    """It lives, and no answer ever comes to its end: exit code 2, and what to do about it, after three tries."""
    with target(chat) as url:
        told = Told(tmp_path, url, "--timeout", "1")
    assert told.code == 2, told.out
    assert re.search(rf"^assay: the target gave no whole answer \({got}.*\): --timeout gives it more time$", told.err)
    assert told.peak < MEGABYTES
    assert told.seconds < 40


EVENT = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}\n\n' * 200
GIGABYTES = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)


@pytest.mark.slow
def test_ten_gigabytes_of_events_end_in_a_verdict(tmp_path):
    """A stream that never ends, at full speed, among honest answers: one hazard, in little memory and time."""
    honest = Honest()

    def chat(connection, body):
        if b'"max_tokens":8,"stream":true' in body:
            return sending(CHUNKED, GIGABYTES, then="again")(connection)
        return honest(connection, body)

    with target(chat) as url:
        told = Told(tmp_path, url, "--max-requests", "60", "--timeout", "20")
    assert told.code == 0, told.out
    assert list(told.rules) == ["http/long-response"]
    assert "more than 16777216 bytes, not read to the end" in told.out
    assert "0 findings and 1 hazard in 60 requests" in told.out
    assert told.peak < MEGABYTES
    assert told.seconds < 60


class Honest:
    """The reference server behind a raw socket; ``down`` takes its place for the requests whose numbers it knows."""

    def __init__(self, down=None, when=()):
        self._app, self._down, self._when = application(), down, when
        self.asked = 0

    def __call__(self, connection, body):
        """Answer one chat request."""
        self.asked += 1
        if self.asked in self._when:
            return self._down(connection)
        sent = []
        messages = [{"type": "http.request", "body": body}]
        fields = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "raw_path": b"/v1/chat/completions"}
        scope |= {"query_string": b"", "headers": fields, "scheme": "http", "http_version": "1.1", "root_path": ""}

        async def receive():
            return messages.pop() if messages else await asyncio.sleep(60)

        async def keep(message):
            sent.append(message)

        asyncio.run(self._app(scope, receive, keep))
        kind = dict(sent[0]["headers"])[b"content-type"]
        connection.sendall(answer(b"".join(m.get("body", b"") for m in sent[1:]), sent[0]["status"], kind))
        return False


BODY = b'{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[]}'
BOMB = gzip.compress(bytes(1 << 20), 9)  # one of its members; thousands of them follow each other
BOMBED = b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"


@pytest.mark.parametrize(
    ("chat", "rule", "part"),
    [
        (sending(), "http/no-response", "it closed the connection without an answer"),
        (sending(then="reset"), "http/no-response", "connection reset by peer"),
        (sending(b"HTTP/1.1 200 OK\r\n", then="reset"), "http/no-response", "connection reset by peer"),
        (sending(b"\x00\xff otter\n\n"), "http/no-response", "what came back is not HTTP"),
        (sending(b"HTTP/1.1 200 OK\r\nx: o\r\n", b"y: o\r\n", then="again"), "http/no-response", "is not HTTP"),
        (sending(answer(BODY).replace(b": 74", b": 99")), "http/broken-response", "the body ended after 74 bytes"),
        (sending(CHUNKED, b"zz\r\notter\r\n"), "http/broken-response", "the body ended after 0 bytes"),
        (
            sending(CHUNKED, b"5\r\notter\r\n", then="reset"),
            "http/broken-response",
            "the connection broke after 5 bytes",
        ),
        (sending(answer(b"", 302, more=b"Location: http://127.0.0.1:1/\r\n")), "http/status", "got 302"),
        (sending(answer(b"", 101)), "http/status", "got 101"),
        (sending(BOMBED % (len(BOMB) * 8000), BOMB * 8000), "http/content-encoding", "a larger one"),
    ],
    ids=["close", "reset", "half", "garbage", "headers", "length", "chunk", "cut", "redirect", "101", "bomb"],
)
def test_a_target_that_breaks_every_answer_is_found_out(tmp_path, chat, rule, part):
    """It lives, and answers in no way that HTTP knows: findings that say so, exit code 1."""
    with target(chat) as url:
        told = Told(tmp_path, url, "--max-requests", "25", "--timeout", "5")
    assert (told.code, told.err) == (1, ""), (told.out, told.err)
    assert part in told.rules[rule]["message"]
    assert set(told.rules) <= {rule, "http/invalid-accepted", "http/stream-missing"}
    assert told.peak < MEGABYTES
    assert told.seconds < 40


def test_a_length_that_is_too_short_spoils_nothing_else(tmp_path):
    """The rest of a body that its length denies is not taken for the next answer."""

    def chat(connection, body):
        if b'"stop"' not in body:
            return honest(connection, body)
        connection.sendall(answer(BODY).replace(b": 74", b": 20"))
        return False

    honest = Honest()
    with target(chat) as url:
        told = Told(tmp_path, url, "--max-requests", "60")
    assert told.code == 1
    assert "http/json" in told.rules
    assert set(told.rules) <= {"http/json", "http/invalid-accepted", "http/stream-missing"}, told.out


def test_a_server_that_dies_in_mid_run_is_one_finding(tmp_path):
    """After its tenth answer nobody listens any more: the run ends there, and tells the last request."""
    with contextlib.ExitStack() as stack:
        honest = Honest(lambda _: stack.close() or True, when=(10,))
        url = stack.enter_context(target(honest))
        told = Told(tmp_path, url)
    assert told.code == 1
    assert list(told.rules) == ["http/server-down"]
    assert "1 finding in 11 requests" in told.out
    assert "(stopped: the target stopped answering)" in told.out


def test_a_server_that_answers_some_requests_only_is_one_finding(tmp_path):
    """It accepts connections for ever, and after ten answers says no word: not even the list of models comes."""

    def late(answering):
        def chat(connection, *rest):
            if honest.asked >= 10:
                time.sleep(60)
            return answering(connection, *rest)

        return chat

    honest = Honest()
    with target(late(honest), late(lambda connection: connection.sendall(answer(MODELS)))) as url:
        told = Told(tmp_path, url, "--timeout", "1")
    assert told.code == 1
    assert list(told.rules) == ["http/server-down"]
    assert "(stopped: the target stopped answering)" in told.out
    assert told.seconds < 30


def test_a_server_that_comes_back_is_blamed_for_the_request_that_killed_it_alone(tmp_path):
    """Who restarts within seconds is tested to the end; what came while it was away is sent again."""

    def die(connection):
        listener = listeners[0]
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        threading.Timer(0.4, revive).start()
        return reset(connection)

    def revive():
        listeners[0] = again = socket.create_server(address)
        threading.Thread(target=accepting, args=(again, honest, models), daemon=True).start()

    honest = Honest(die, when=(10, 11, 30))  # and once more when the tenth is repeated
    models = lambda connection: connection.sendall(answer(MODELS))  # noqa: E731
    listeners = [socket.create_server(("127.0.0.1", 0))]
    address = listeners[0].getsockname()
    threading.Thread(target=accepting, args=(listeners[0], honest, models), daemon=True).start()
    told = Told(tmp_path, f"http://127.0.0.1:{address[1]}", "--max-requests", "60")
    listeners[0].close()
    assert (told.code, told.err) == (1, "")
    assert list(told.rules) == ["http/no-response"]
    assert "1 finding in 60 requests" in told.out
