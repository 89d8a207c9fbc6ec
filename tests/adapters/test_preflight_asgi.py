"""The ASGI middleware: what is refused, what passes byte for byte, what is told, and that it never stops traffic."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import time

import pytest

import assay
from assay.adapters.asgi import Preflight
from assay.gateway import Limits, Policy, Settings
from assay.reference.server import application

JSON = {"content-type": "application/json"}
CHAT = "/v1/chat/completions"
ASK = {"model": "gpt-4o", "messages": [{"role": "user", "content": "marked-secret"}]}
WRONG = {**ASK, "temperature": 3}


@pytest.fixture(scope="module")
def contract():
    """Compile the bundled contract once."""
    return assay.load()


class Call:
    """One request through an ASGI application, message by message."""

    def __init__(self, app, target, body=b"", *, headers=JSON, method="POST", **more) -> None:
        path, _, query = target.partition("?")
        body = json.dumps(body).encode() if isinstance(body, dict) else body
        self.pieces = [body] if isinstance(body, bytes) else list(body)
        fields = [(name.encode(), value.encode()) for name, value in headers.items()]
        self.scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": fields}
        self.scope |= {"raw_path": path.encode(), "root_path": "", **more}
        self.sent = []
        self.received = 0
        self.closed = asyncio.Event()
        asyncio.run(asyncio.wait_for(app(self.scope, self.receive, self.send), 20))

    async def receive(self):
        """Give one piece of the body after the other, then wait for the end of the response."""
        if self.received < len(self.pieces):
            self.received += 1
            piece = self.pieces[self.received - 1]
            if piece is None:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": piece, "more_body": self.received < len(self.pieces)}
        await self.closed.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        """Keep what the application sends."""
        self.sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self.closed.set()

    @property
    def status(self):
        """The status that was sent, or None."""
        return self.sent[0]["status"] if self.sent else None

    @property
    def body(self):
        """The body that was sent."""
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def error(self):
        """The error object of the body."""
        return json.loads(self.body)["error"]


def answering(status, body, headers=JSON, seen=None):
    """Make an application with one answer; ``seen`` takes the pieces of the requests' bodies."""

    async def app(_scope, receive, send) -> None:
        while True:
            message = await receive()
            if seen is not None:
                seen.append(message)
            if message["type"] == "http.disconnect":
                return
            if not message.get("more_body"):
                break
        fields = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": fields})
        pieces = [body] if isinstance(body, bytes) else body
        for number, piece in enumerate(pieces, 1):
            await send({"type": "http.response.body", "body": piece, "more_body": number < len(pieces)})

    return app


def test_a_wrong_request_is_refused_before_the_application_sees_it(contract) -> None:
    """Status 400, OpenAI's envelope, `param` from the path, and no value of the body."""
    seen, told = [], []
    call = Call(Preflight(answering(200, b"{}", seen=seen), contract, "enforce", observers=[told.append]), CHAT, WRONG)
    assert call.status == 400
    assert call.error["param"] == "temperature"
    assert call.error["type"] == "invalid_request_error"
    assert (b"x-assay-rule", b"schema/maximum") in call.sent[0]["headers"]
    assert not seen
    assert [(j.kind, j.operation, j.action, j.broken) for j in told] == [
        ("request", "createChatCompletion", "refused", True)
    ]
    assert b"marked" not in call.body


@pytest.mark.parametrize("mode", ["off", "observe", "enforce"])
def test_a_right_exchange_passes_unchanged(contract, mode) -> None:
    """What goes through the middleware is what goes without it, message for message."""
    for target, body, method in (
        (CHAT, ASK, "POST"),
        (CHAT, {**ASK, "stream": True}, "POST"),
        ("/v1/models", b"", "GET"),
        ("/v1/files?limit=3", b"", "GET"),
        ("/anything", b"", "GET"),
    ):
        told = []
        through = Call(
            Preflight(application(judge=contract), contract, mode, observers=[told.append]), target, body, method=method
        )
        assert through.sent == Call(application(judge=contract), target, body, method=method).sent
        assert not [j for j in told if j.violations or j.error]
        assert len(told) == (0 if mode == "off" or target == "/anything" else 2)


def test_observing_tells_and_forwards(contract) -> None:
    """In observe a wrong request reaches the application, and is told."""
    seen, told = [], []
    reply = json.dumps({"error": {"message": "no", "type": "x", "param": None, "code": None}}).encode()
    call = Call(Preflight(answering(400, reply, seen=seen), contract, "observe", observers=[told.append]), CHAT, WRONG)
    assert call.status == 400
    assert b"".join(m["body"] for m in seen) == json.dumps(WRONG).encode()
    assert [(j.kind, j.action, j.broken) for j in told] == [
        ("request", "forwarded", True), ("response", "forwarded", False)
    ]  # fmt: skip


def test_the_body_is_replayed_piece_by_piece(contract) -> None:
    """The application gets the pieces as the client cut them."""
    seen = []
    body = json.dumps(ASK).encode()
    pieces = [body[:5], b"", body[5:9], body[9:]]
    Call(Preflight(answering(200, b"{}", seen=seen), contract, "enforce"), CHAT, pieces)
    assert [(m["body"], m.get("more_body", False)) for m in seen] == [
        (body[:5], True), (b"", True), (body[5:9], True), (body[9:], False)
    ]  # fmt: skip


def test_a_large_body_is_refused_or_passes_by_its_head(contract) -> None:
    """413 in enforce, whether its length is declared or not; in observe it is forwarded and told."""
    body = json.dumps({**ASK, "user": "o" * 5000}).encode()
    pieces = [body[:100], body[100:2000], body[2000:]]
    limits = Settings(limits=Limits(body=1000))
    for headers in (JSON, {**JSON, "content-length": str(len(body))}, {**JSON, "content-length": "9" * 30}):
        seen = []
        call = Call(
            Preflight(answering(200, b"", seen=seen), contract, "enforce", settings=limits),
            CHAT,
            pieces,
            headers=headers,
        )
        assert (call.status, seen) == (413, [])
        assert call.error["code"] == "http_body_size"
    told, seen = [], []
    app = Preflight(answering(200, b"", seen=seen), contract, "observe", settings=limits, observers=[told.append])
    Call(app, CHAT, pieces)
    assert b"".join(m["body"] for m in seen) == body
    assert told[0].skipped == "size"


def form(purpose: str, size: int) -> bytes:
    """An upload of ``size`` bytes."""
    parts = [f'--otter\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n'.encode()]
    head = b'--otter\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
    return b"".join([*parts, head, b"{}\n" * (size // 3), b"\r\n--otter--\r\n"])


@pytest.mark.parametrize("mode", ["observe", "enforce"])
@pytest.mark.parametrize(("purpose", "right"), [("batch", True), ("otters", False)])
def test_a_large_upload_is_judged_as_it_passes(contract, mode, purpose, right) -> None:
    """Nothing is buffered; in enforce the application never gets the end of a wrong upload."""
    body = form(purpose, 3_000_000)
    pieces = [body[at : at + 65_536] for at in range(0, len(body), 65_536)]
    seen, told = [], []
    app = answering(200, b"{}", seen=seen)
    settings = Settings(limits=Limits(body=500_000))
    call = Call(
        Preflight(app, contract, mode, settings=settings, observers=[told.append]),
        "/v1/files",
        pieces,
        headers={"content-type": "multipart/form-data; boundary=otter", "content-length": str(len(body))},
    )
    assert told[0].broken is not right
    if right or mode == "observe":
        assert b"".join(m["body"] for m in seen) == body
        assert call.status == 200
    else:
        assert call.status == 400
        assert call.error["param"] == "purpose"
        assert seen[-1]["type"] == "http.disconnect"


def test_a_request_that_breaks_off_never_reaches_the_application(contract) -> None:
    """In enforce a body without its end is nobody's request."""
    seen, told = [], []
    app = Preflight(answering(200, b"{}", seen=seen), contract, "enforce", observers=[told.append])
    call = Call(app, CHAT, [b'{"model":', None])
    assert (call.sent, seen) == ([], [])
    assert [j.skipped for j in told] == ["broken-off"]


def frames(*events) -> list[bytes]:
    """Write events as a stream, one piece each."""
    return [b"data: " + (one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n\n" for one in events]


def chunk(delta, finish=None, **more):
    """One chunk of a chat stream."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}


GOOD = frames(chunk({"role": "assistant", "content": ""}), chunk({"content": "hi"}), chunk({}, "stop"), b"[DONE]")
BAD = [*GOOD[:2], *frames(chunk({"content": 5})), *GOOD[2:]]
SSE = {"content-type": "text/event-stream"}
STREAM = {**ASK, "stream": True}


@pytest.mark.parametrize("stream", [GOOD, BAD])
@pytest.mark.parametrize("mode", ["observe", "enforce", Policy("enforce", "enforce")])
def test_a_stream_passes_byte_for_byte(contract, stream, mode) -> None:
    """Each piece goes on as it came, in every mode, right or wrong; what is wrong is told."""
    told = []
    call = Call(Preflight(answering(200, stream, SSE), contract, mode, observers=[told.append]), CHAT, STREAM)
    assert [m["body"] for m in call.sent[1:]] == stream
    assert hashlib.sha256(call.body).digest() == hashlib.sha256(b"".join(stream)).digest()
    assert told[-1].kind == "stream"
    assert told[-1].broken is (stream is BAD)


def test_a_piece_goes_out_before_it_is_looked_at(contract) -> None:
    """The first piece of a stream is with the client while the check has not begun."""
    order = []

    class Stream:
        def feed(self, piece):
            order.append(("check", piece))
            return ()

        def close(self):
            return ()

    class Slow:
        def __getattr__(self, name):
            return getattr(contract, name)

        def open_stream(self, *_, **__):
            return Stream()

    class Ordered(Call):
        async def send(self, message):
            order.append(("send", message.get("body")))
            await super().send(message)

    Ordered(Preflight(answering(200, GOOD, SSE), Slow(), "observe"), CHAT, STREAM)
    assert order == [("send", None), *[(what, piece) for piece in GOOD for what in ("send", "check")]]


def test_a_stream_is_ended_only_when_asked(contract) -> None:
    """With end_streams the broken event is replaced by an error event, and the application learns that it is over."""
    told, events = [], []
    settings = Settings(end_streams=True)

    async def app(_scope, receive, send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for piece in BAD:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        events.append((await receive())["type"])

    policy = Policy("enforce", "enforce")
    call = Call(Preflight(app, contract, policy, settings=settings, observers=[told.append]), CHAT, STREAM)
    assert call.body.startswith(b"".join(BAD[:2]))
    last = call.body.removeprefix(b"".join(BAD[:2]))
    assert last.startswith(b"\n\nevent: error\ndata: {")
    assert json.loads(last.partition(b"data: ")[2])["error"]["code"] == "schema_type"
    assert call.sent[-1]["more_body"] is False
    assert events == ["http.disconnect"]
    assert [(j.kind, j.action) for j in told] == [("request", "forwarded"), ("stream", "ended")]
    # A right stream is not touched.
    call = Call(Preflight(answering(200, GOOD, SSE), contract, policy, settings=settings), CHAT, STREAM)
    assert [m["body"] for m in call.sent[1:]] == GOOD


def test_a_response_is_withheld_only_in_enforce(contract) -> None:
    """A JSON response that breaks the contract becomes 502 where responses are enforced; one that keeps it passes."""
    bad = json.dumps({"object": "otter", "data": []}).encode()
    good = json.dumps({"object": "list", "data": []}).encode()
    for body, policy, status in (
        (bad, Policy("off", "enforce"), 502),
        (good, Policy("off", "enforce"), 200),
        (bad, Policy("off", "observe"), 200),
        (bad, Policy("enforce", "off"), 200),
    ):
        told = []
        app = Preflight(answering(200, [body[:9], body[9:]]), contract, policy, observers=[told.append])
        call = Call(app, "/v1/models", method="GET")
        assert call.status == status
        assert (call.body == body) is (status == 200)
        if status == 502:
            assert (call.error["type"], told[0].action) == ("server_error", "withheld")
            assert told[0].operation == "listModels"


def test_a_long_response_passes_unjudged(contract) -> None:
    """What is longer than the limit is let go as it is, with all that was held back."""
    body = json.dumps({"object": "otter", "data": ["o" * 3000]}).encode()
    told = []
    settings = Settings(limits=Limits(response=1000))
    app = Preflight(
        answering(200, [body[:500], body[500:1500], body[1500:]]),
        contract,
        Policy("off", "enforce"),
        settings=settings,
        observers=[told.append],
    )
    call = Call(app, "/v1/models", method="GET")
    assert (call.status, call.body) == (200, body)
    assert [j.skipped for j in told] == ["size"]


def test_compressed_responses_are_read_and_unknown_codings_are_left_alone(contract) -> None:
    """A gzip stream is checked through its coding; brotli raises no false alarm."""
    whole = b"".join(BAD)
    for coding, data, broken, skipped in (
        ("gzip", gzip.compress(whole), True, ""),
        ("gzip", gzip.compress(b"".join(GOOD)), False, ""),
        ("br", b"whatever", False, "coding"),
    ):
        told = []
        headers = {**SSE, "content-encoding": coding}
        pieces = [data[:20], data[20:]]
        call = Call(Preflight(answering(200, pieces, headers), contract, observers=[told.append]), CHAT, STREAM)
        assert call.body == data
        assert (told[-1].broken, told[-1].skipped) == (broken, skipped)


class Broken:
    """A contract that errs as no contract should."""

    def __init__(self, contract, *names, error=ZeroDivisionError) -> None:
        self._contract, self._names, self._error = contract, names, error

    def __getattr__(self, name):
        def fail(*_, **__):
            raise self._error("marked-secret")

        return fail if name in self._names else getattr(self._contract, name)

    def __getitem__(self, name):
        return self._contract[name]


class Panic(BaseException):
    """What compiled code throws is no Exception."""


@pytest.mark.parametrize("error", [ZeroDivisionError, RecursionError, MemoryError, Panic])
@pytest.mark.parametrize("name", ["find", "check_request", "check_response", "open_stream"])
def test_traffic_goes_on_when_assay_errs(contract, name, error) -> None:
    """Fail-open is the default: the exchange is what it is without the middleware, and the error is told by name."""
    for body in (ASK, STREAM):
        told = []
        broken = Broken(contract, name, error=error)
        through = Call(
            Preflight(application(judge=contract), broken, Policy("enforce", "enforce"), observers=[told.append]),
            CHAT,
            body,
        )
        assert through.sent == Call(application(judge=contract), CHAT, body).sent
        unused = {"check_response": STREAM, "open_stream": ASK}.get(name)
        assert [j.error for j in told if j.error] == ([] if body is unused else [error.__name__])


def test_fail_closed_refuses_what_cannot_be_checked(contract) -> None:
    """Only where it is to be enforced: 503, and nothing of the exception."""
    settings = Settings(fail_closed=True)
    for name, target, kind in (("check_request", CHAT, "request"), ("check_response", CHAT, "response")):
        told = []
        policy = Policy("enforce", "enforce")
        app = Preflight(
            application(judge=contract), Broken(contract, name), policy, settings=settings, observers=[told.append]
        )
        call = Call(app, target, ASK)
        assert call.status == 503
        assert call.error["code"] == "check_failed"
        assert b"marked" not in call.body
        assert [(j.kind, j.error) for j in told if j.error] == [(kind, "ZeroDivisionError")]
        assert (
            Call(
                Preflight(application(judge=contract), Broken(contract, name), "observe", settings=settings), CHAT, ASK
            ).status
            == 200
        )


def test_an_observer_that_fails_stops_nothing(contract) -> None:
    """Metrics are no reason for an outage."""

    def fail(_judgement) -> None:
        raise OSError

    assert Call(Preflight(application(judge=contract), contract, "enforce", observers=[fail]), CHAT, ASK).status == 200


@pytest.mark.parametrize("how", ["allow", "warn", "refuse"])
def test_unknown_paths_are_a_setting(contract, how) -> None:
    """Health checks pass as they are by default; a browser's preflight request always passes."""
    for target, method, status in (("/healthz", "GET", 404), (CHAT, "DELETE", 405), (CHAT, "OPTIONS", 200)):
        told = []
        settings = Settings(unknown_paths=how)
        app = Preflight(answering(200, b"ok", {}), contract, "enforce", settings=settings, observers=[told.append])
        call = Call(app, target, method=method, headers={})
        refused = how == "refuse" and status != 200
        assert call.status == (status if refused else 200)
        assert bool(told) is (how != "allow" and status != 200)


def test_a_mounted_application_is_judged_below_its_mount(contract) -> None:
    """The path that counts is the one below root_path; percent-encoding stays as sent."""
    app = Preflight(answering(200, b"{}"), contract, "enforce")
    assert Call(app, "/gate/v1/chat/completions", WRONG, root_path="/gate").status == 400
    assert Call(app, "/v1/chat/completions", WRONG, root_path="/v1").status == 400
    assert Call(app, CHAT, WRONG, raw_path=None).status == 400


def test_websockets_and_lifespan_pass_through(contract) -> None:
    """Only http is looked at."""
    seen = []

    async def app(scope, receive, send) -> None:
        seen.append((scope["type"], receive, send))

    for kind in ("websocket", "lifespan"):
        asyncio.run(Preflight(app, contract)({"type": kind}, "receive", "send"))
    assert seen == [("websocket", "receive", "send"), ("lifespan", "receive", "send")]


def test_the_application_keeps_its_own_errors(contract) -> None:
    """An exception of the application is the server's to handle; its broken stream is told as such."""
    told = []

    async def app(_scope, receive, send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": GOOD[0], "more_body": True})
        raise KeyError

    with pytest.raises(KeyError):
        Call(Preflight(app, contract, observers=[told.append]), CHAT, STREAM)
    assert [(j.kind, j.skipped, j.broken) for j in told] == [("request", "", False), ("stream", "broken-off", False)]


def test_a_pattern_that_explodes_takes_no_time() -> None:
    """The engine bounds the time of a regular expression: a description cannot make a gateway hang."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    paths = {"/p": {"post": {"operationId": "p", "requestBody": body, "responses": {"200": {"description": ""}}}}}
    description = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths}
    app = Preflight(answering(200, b""), assay.load(description), "enforce")
    began = time.monotonic()
    statuses = [Call(app, "/p", {"a": "a" * size + end}).status for size in (40, 30_000) for end in ("!", "")]
    assert time.monotonic() - began < 5
    assert statuses == [400, 200, 400, 200]


def test_deep_json_is_refused(contract) -> None:
    """A bomb of brackets gives a 400 at once, below and above the parser's own bound."""
    for depth in (129, 1000, 5000, 1_000_000):
        body = b'{"model":"m","messages":' + b"[" * depth + b"]" * depth + b"}"
        call = Call(Preflight(answering(200, b"{}"), contract, "enforce"), CHAT, body)
        assert (call.status, call.error["code"]) == (400, "http_json")
