"""Soak: mixed traffic through ``assay proxy`` in enforce mode, with an upstream that fails, for as long as asked.

``python -m benchmarks.soak [--seconds 1800]``; exit code 1 when a promise is broken. The rule of this module: only
loopback addresses, a bounded number of requests under way, and everything that it starts it stops by itself. Promises:
every right exchange arrives byte for byte, every wrong request is refused and never seen upstream, no connection is
stuck, and the proxy's memory does not grow over the last two thirds of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.traffic import chunks

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PATIENCE = 40.0  # seconds for one exchange: longer than any stall, whose end is the proxy's business
_GROWTH = 1.10  # the last third may hold at most this many times the second third's memory, and 8 MB
_SLACK = 8 * 1024 * 1024
_CLIENTS = 12
_PACE = 0.02  # seconds between two exchanges of one client
_CHAT = "/v1/chat/completions"
_WRONG: tuple[dict[str, object], ...] = (
    {"temperature": 3},
    {"n": 0},
    {"messages": []},
    {"tools": 5},
    {"stream": "yes"},
)


@dataclass
class Tally:
    """What was seen so far."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)

    def fail(self, text: str) -> None:
        """Note a broken promise."""
        self.counts["broken promises"] += 1
        if len(self.broken) < 20:
            self.broken.append(text)


# --- the upstream


class Upstream:
    """A raw server that answers as the request's ``x-do`` and ``x-size`` say; wrong requests must never come here."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.open = 0
        self.port = 0

    async def start(self) -> asyncio.Server:
        """Listen on a free port."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=256 * 1024)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        digest = await _digest(reader, head)
        what = _value(head, b"x-do")
        if what == "invalid":
            self.tally.fail("a wrong request reached the upstream")
        if what == "reset":
            writer.transport.abort()
            return False
        if what == "garbage":
            writer.write(random.randbytes(200))  # noqa: S311  noise
            return False
        if what == "stall":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            await reader.read(1)
            return False
        if what == "5xx":
            body = b'{"error":{"message":"no","type":"server_error","param":null,"code":null}}'
            writer.write(_plain(503, b"application/json", body))
        elif what == "stream":
            await _stream(writer, int(_value(head, b"x-size")))
        else:
            writer.write(_plain(200, b"application/json", _answer(what, digest, int(_value(head, b"x-size") or 0))))
        await writer.drain()
        return True


async def _digest(reader: asyncio.StreamReader, head: bytes) -> str:
    """Read a body and return its SHA-256."""
    found = hashlib.sha256()
    if b"transfer-encoding: chunked" in head:
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            found.update((await reader.readexactly(size + 2))[:-2])
        await reader.readexactly(2)
        return found.hexdigest()
    left = int(_value(head, b"content-length") or 0)
    while left:
        piece = await reader.read(min(left, 65536))
        if not piece:
            raise asyncio.IncompleteReadError(b"", left)
        found.update(piece)
        left -= len(piece)
    return found.hexdigest()


def _value(head: bytes, name: bytes) -> str:
    return head.partition(b"\r\n" + name + b": ")[2].partition(b"\r\n")[0].decode()


def _plain(status: int, kind: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (status, kind, len(body), body)


def _answer(what: str, digest: str, size: int) -> bytes:
    """An answer that only who saw the whole body can give: its digest is in it."""
    if what == "upload":
        file = {"id": f"file-{digest}", "object": "file", "bytes": size, "created_at": 1767225600}
        return json.dumps({**file, "filename": "a.jsonl", "purpose": "user_data", "status": "processed"}).encode()
    message = {"role": "assistant", "content": digest + "o" * size, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    frame = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1767225600, "model": "gpt-4o"}
    return json.dumps({**frame, "choices": [choice], "usage": usage}).encode()


def _events(count: int) -> list[bytes]:
    return [b"data: " + line + b"\n\n" for line in (*chunks(count), b"[DONE]")]


async def _stream(writer: asyncio.StreamWriter, count: int) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for number, event in enumerate(_events(count)):
        if writer.is_closing():  # an aborted exchange ends here too
            return
        writer.write(b"%x\r\n%s\r\n" % (len(event), event))
        if number % 16 == 0:
            await writer.drain()
            await asyncio.sleep(0.001)
    writer.write(b"0\r\n\r\n")


# --- the clients


class Client:
    """One client with one connection, which it opens again when it was closed."""

    def __init__(self, port: int, tally: Tally, draw: random.Random) -> None:
        self.port = port
        self.tally = tally
        self.draw = draw
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def run(self, end: float) -> None:
        """Send one exchange after the other until the time is over."""
        while time.monotonic() < end:
            what = self._kind()
            try:
                await asyncio.wait_for(getattr(self, f"_{what.replace('-', '_')}")(), _PATIENCE)
            except TimeoutError:
                self.tally.fail(f"stuck: {what}")
                self.close()
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                self.close()
                if what in ("json", "stream", "upload"):
                    self.tally.fail(f"{what}: {type(error).__name__}")
            self.tally.counts[what] += 1
            await asyncio.sleep(_PACE)
        self.close()

    def _kind(self) -> str:
        # Half JSON, a quarter streams, a tenth uploads; 5 % each wrong, aborted and failing upstream.
        kinds = {"json": 50, "stream": 25, "upload": 10, "invalid": 5, "aborted": 5, "fault": 5}
        return self.draw.choices(list(kinds), list(kinds.values()))[0]

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.reader is None or self.writer is None or self.reader.at_eof():
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=256 * 1024)
        return self.reader, self.writer

    def close(self) -> None:
        """Close the connection."""
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None

    async def _ask(
        self, body: bytes, what: str, path: str = _CHAT, kind: str = "application/json", size: int = 0
    ) -> tuple[int, bytes]:
        reader, writer = await self._open()
        head = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}x-do: {what}\r\nx-size: {size}\r\n\r\n".encode())
        for at in range(0, len(body), 65536):
            writer.write(body[at : at + 65536])
            await writer.drain()
        return await _response(reader)

    def _chat(self, **more: object) -> bytes:
        text = "o" * self.draw.choice((10, 500, 5000, 50_000))
        return json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **more}).encode()

    async def _json(self) -> None:
        body, size = self._chat(), self.draw.choice((0, 1000, 100_000))
        found = await self._ask(body, "json", size=size)
        self._same(found, (200, _answer("json", hashlib.sha256(body).hexdigest(), size)), "json")

    async def _stream(self) -> None:
        count = self.draw.choice((3, 40, 400))
        found = await self._ask(self._chat(stream=True), "stream", size=count)
        self._same(found, (200, b"".join(_events(count))), "stream")

    async def _upload(self) -> None:
        data = self.draw.randbytes(self.draw.choice((1000, 100_000, 3_000_000)))
        body = _form("user_data", data)
        found = await self._ask(body, "upload", "/v1/files", "multipart/form-data; boundary=otter", len(data))
        self._same(found, (200, _answer("upload", hashlib.sha256(body).hexdigest(), len(data))), "upload")

    async def _invalid(self) -> None:
        if self.draw.random() < 0.2:
            body, path, kind = _form("otter", b"o" * 2_000_000), "/v1/files", "multipart/form-data; boundary=otter"
        else:
            more = self.draw.choice(_WRONG)
            body, path, kind = self._chat(**more), _CHAT, "application/json"
        status, answer = await self._ask(body, "invalid", path, kind)
        if status != 400 or b'"invalid_request_error"' not in answer:
            self.tally.fail(f"a wrong request was answered with {status}")

    async def _aborted(self) -> None:
        reader, writer = await self._open()
        body = self._chat(stream=True)
        cut = self.draw.choice((0.3, 1.0))
        head = f"POST {_CHAT} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(f"{head}x-do: stream\r\nx-size: 2000\r\n\r\n".encode() + body[: int(len(body) * cut)])
        await writer.drain()
        if cut == 1.0:
            await reader.read(1000)
        self.close()

    async def _fault(self) -> None:
        what = self.draw.choice(("reset", "garbage", "5xx", "stall"))
        if what == "stall":
            self.tally.counts["stalls"] += 1
        try:
            status, _ = await self._ask(self._chat(stream=what == "stall"), what)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.close()
            if what != "stall":
                self.tally.fail(f"{what}: the client's connection was cut")
            return
        if status not in ((503,) if what == "5xx" else (502, 504)):
            self.tally.fail(f"{what}: answered with {status}")

    def _same(self, found: tuple[int, bytes], expected: tuple[int, bytes], what: str) -> None:
        if found != expected:
            self.tally.fail(f"{what}: status {found[0]}, {len(found[1])} bytes, expected {len(expected[1])}")


def _form(purpose: str, data: bytes) -> bytes:
    head = f'--otter\r\nContent-Disposition: form-data; name="purpose"\r\n\r\n{purpose}\r\n--otter\r\n'
    head += 'Content-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
    return head.encode() + data + b"\r\n--otter--\r\n"


async def _response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one response: its status and body."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status, pieces = int(head[9:12]), []
    if b"transfer-encoding: chunked" not in head:
        return status, await reader.readexactly(int(_value(head, b"content-length") or 0))
    while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
        pieces.append((await reader.readexactly(size + 2))[:-2])
    await reader.readexactly(2)
    return status, b"".join(pieces)


# --- the run


async def soak(seconds: float) -> Tally:
    """Run for so long and return what was seen."""
    tally = Tally()
    upstream = Upstream(tally)
    server = await upstream.start()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "assay", "proxy", "--upstream", f"http://127.0.0.1:{upstream.port}", "--mode"]
    command += ["enforce", "--listen", f"127.0.0.1:{port}", "--max-body", "1", "--timeout", "5"]
    proxy = subprocess.Popen(command, stderr=subprocess.DEVNULL)  # noqa: ASYNC220, S603  our own command
    try:
        await _up(port, proxy)
        end = time.monotonic() + seconds
        clients = [Client(port, tally, random.Random(number)).run(end) for number in range(_CLIENTS)]  # noqa: S311
        watcher = asyncio.create_task(_watch(proxy.pid, tally))
        await asyncio.gather(*clients)
        watcher.cancel()
        await asyncio.sleep(6)
        left = _connections(proxy.pid)
        tally.counts["connections left"] = left
        if left or proxy.poll() is not None:
            tally.fail(f"{left} connections are left open" if proxy.poll() is None else "the proxy has ended")
    finally:
        proxy.terminate()
        proxy.wait(60)
        server.close()
    _judge_memory(tally, seconds)
    return tally


async def _up(port: int, proxy: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if proxy.poll() is not None:
            break
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise RuntimeError("the proxy does not answer")


async def _watch(pid: int, tally: Tally) -> None:
    began = time.monotonic()
    while True:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])  # noqa: ASYNC240  a pseudo-file
        tally.memory.append((time.monotonic() - began, pages * _PAGE))
        await asyncio.sleep(1)


def _connections(pid: int) -> int:
    """The established TCP connections of a process, from /proc; those kept idle to the upstream are closed by now."""
    inodes = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return sum(row[3] == "01" and f"socket:[{row[9]}]" in inodes for row in rows)


def _judge_memory(tally: Tally, seconds: float) -> None:
    """Compare the last third's median with the second third's."""
    second = sorted(size for at, size in tally.memory if seconds / 3 <= at < 2 * seconds / 3)
    last = sorted(size for at, size in tally.memory if at >= 2 * seconds / 3)
    if not second or not last:
        tally.fail("the memory was not measured")
        return
    before, after = second[len(second) // 2], last[len(last) // 2]
    tally.counts["memory in MB, second third"], tally.counts["memory in MB, last third"] = before >> 20, after >> 20
    if after > before * _GROWTH and after > before + _SLACK:
        tally.fail(f"memory grew from {before >> 20} to {after >> 20} MB")


def main() -> int:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=1800.0)
    tally = asyncio.run(soak(parser.parse_args().seconds))
    for name, count in sorted(tally.counts.items()):
        print(f"{name}: {count}")
    for text in tally.broken:
        print(f"BROKEN: {text}")
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
