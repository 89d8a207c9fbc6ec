"""A proxy in front of an upstream that does as the request asks, each in a thread of this process, on loopback ports.

The rule of this module: the upstream speaks raw bytes, so that a test sees what really reached it, and can answer what
no library would.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import prometheus_client
import pytest

from assay.adapters.proxy import wire
from assay.adapters.proxy.forward import Upstream
from assay.adapters.proxy.server import Options, Proxy
from assay.adapters.serve import serve
from assay.gateway import Policy, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
ROLE = {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
LAST = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
STREAM = [
    b"data: " + (one if isinstance(one, bytes) else json.dumps({**CHUNK, "choices": [one]}).encode()) + b"\n\n"
    for one in (ROLE, {**ROLE, "delta": {"content": "caf\u00e9 " * 9}}, LAST, b"[DONE]")
]
ANSWER = b'{"object":"list","data":[]}'


class Raw:
    """The upstream: ``seen`` holds (head, body) of each whole request, ``cut`` counts those that broke off."""

    def __init__(self) -> None:
        self.seen: list[tuple[bytes, bytes]] = []
        self.cut = 0
        self.open = 0
        self.gone = threading.Event()  # a client of a stalled answer went away
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._up.wait(10)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        await self._stop.wait()
        server.close()
        current = asyncio.current_task()
        for task in asyncio.all_tasks():
            if task is not current:
                task.cancel()
        await asyncio.sleep(0)

    def close(self) -> None:
        """Stop; open connections are cut."""
        if self._loop.is_closed():
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    async def _connected(self, reader, writer) -> None:
        self.open += 1
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            self.cut += bool(getattr(error, "partial", b"x"))
        except asyncio.CancelledError:
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _one(self, reader, writer) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        low = head.lower()
        try:
            body = await self._body(reader, low)
        except asyncio.IncompleteReadError:
            self.cut += 1
            return False
        self.seen.append((head, body))
        how = low.partition(b"x-do: ")[2].partition(b"\r\n")[0].decode()
        return await self._answer(how, reader, writer, body)

    async def _body(self, reader, head) -> bytes:
        if b"content-length: " in head:
            return await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        if b"transfer-encoding: chunked" not in head:
            return b""
        body = b""
        while True:
            size = int((await reader.readuntil(b"\r\n")).strip(), 16)
            body += (await reader.readexactly(size + 2))[:-2]
            if not size:
                return body

    async def _answer(self, how, reader, writer, body) -> bool:  # noqa: C901  a table of behaviours
        chunked = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        if how == "stream":
            writer.write(chunked)
            for piece in STREAM:
                writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                await writer.drain()
                await asyncio.sleep(0.02)
            writer.write(b"0\r\n\r\n")
        elif how == "cut":
            writer.write(chunked + b"%x\r\n%s\r\n" % (len(STREAM[0]), STREAM[0]))
            await writer.drain()
            return False
        elif how == "stall":
            writer.write(chunked + b"%x\r\n%s\r\n" % (len(STREAM[0]), STREAM[0]))
            await reader.read(1)  # until the other side is gone
            self.gone.set()
            return False
        elif how == "silent":
            await reader.read(1)
            self.gone.set()
            return False
        elif how == "garbage":
            writer.write(b"\x16\x03\x01 otter\r\n\r\n")
            return False
        elif how == "reset":
            writer.transport.abort()
            return False
        elif how == "flood":
            size = 64 * 1024 * 1024
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: %d\r\n\r\n" % size)
            self.sent = 0
            while self.sent < size:
                writer.write(b"o" * 65536)
                self.sent += 65536
                await writer.drain()
        elif how == "echo":
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )
        else:
            fields = b"content-type: application/json\r\nconnection: x-hop\r\nx-hop: 1\r\n"
            fields += b"set-cookie: a=1\r\nset-cookie: b=2\r\n"
            writer.write(b"HTTP/1.1 200 OK\r\n%scontent-length: %d\r\n\r\n%s" % (fields, len(ANSWER), ANSWER))
        await writer.drain()
        return True


class Wire:
    """One connection of a client, in raw bytes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def until(self, end: bytes) -> bytes:
        """Read until something has come."""
        data = b""
        while end not in data:
            piece = self.socket.recv(65536)
            if not piece:
                break
            data += piece
        return data

    def answer(self) -> bytes:
        """Read one whole answer (by its Content-Length), or what came before the other side closed."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := self.socket.recv(65536):
                data += piece
                head, end, body = data.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
                length = head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
                if end and length.isdigit() and len(body) >= int(length):
                    break
        return data

    def rest(self) -> bytes:
        """Read until the other side closes."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := self.socket.recv(65536):
                data += piece
        return data

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


class Place:
    """A running proxy and its upstream; ``answer`` and ``stream`` are what the upstream sends."""

    answer = ANSWER
    stream = b"".join(STREAM)

    def __init__(self, url: str, raw: Raw) -> None:
        self.url = url
        self.port = int(url.rpartition(":")[2])
        self.raw = raw
        self.wires: list[Wire] = []

    def wire(self) -> Wire:
        """Open a connection."""
        wire_ = Wire(self.port)
        self.wires.append(wire_)
        return wire_

    def ask(self, data: bytes) -> bytes:
        """Send raw bytes on a connection of their own and read until it closes."""
        wire_ = self.wire()
        try:
            wire_.send(data)
            return wire_.rest()
        finally:
            wire_.close()


@pytest.fixture(scope="session")
def proxied() -> Callable[..., AbstractContextManager[Place]]:
    """Start a proxy (and its upstream) for as long as a block runs."""

    @contextmanager
    def start(mode="observe", settings=None, *, path="", idle=600.0, head_seconds=20.0, idle_seconds=60.0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(wire, "HEAD_SECONDS", head_seconds)
            patch.setattr(wire, "IDLE_SECONDS", idle_seconds)
            patch.setattr(prometheus_client, "REGISTRY", prometheus_client.CollectorRegistry())
            raw = Raw()
            upstream = Upstream(f"http://127.0.0.1:{raw.port}{path}", idle=idle)
            proxy = Proxy(Options(upstream, Policy.of(mode), settings or Settings()))
            try:
                with serve(proxy, http=wire.GuardedProtocol, lifespan="on") as url:
                    place = Place(url, raw)
                    yield place
                    for one in place.wires:
                        one.close()
            finally:
                raw.close()

    return start


@pytest.fixture
def raw() -> Iterator[Raw]:
    """The upstream alone."""
    upstream = Raw()
    yield upstream
    upstream.close()


@pytest.fixture
def wait() -> Callable[[Callable[[], bool]], None]:
    """Wait at most ten seconds until something holds."""

    def until(holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < deadline, "it never came to hold"
            time.sleep(0.01)

    return until
