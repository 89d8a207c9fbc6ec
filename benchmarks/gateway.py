"""Claim: the middleware costs at most 15 % of a gateway's requests; the proxy outruns Prism and mitmdump 3 times.

The gateway is what people write: FastAPI, a typed body, httpx2, a streaming response; it forwards a chat request of
2.6 kB and its answer of 2 kB. Requests per second are those of one core: counted against the CPU time of the process,
which a busy machine changes least. The first byte of a stream comes at most 2 ms later. The proxies stand before one
upstream, each in one process, and take turns; peers that cannot be had are left out with the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.timing import Claim
from benchmarks.traffic import chat_request

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROUNDS = 5
_REQUESTS = 1500
_CONNECTIONS = 16
_FEW = 600  # of the proxies, as some are slow
_TICK = os.sysconf("SC_CLK_TCK")
_INSTALL = 300  # seconds that a peer's installation may take
_START = 120  # and its start
_PRISM, _MITM = "@stoplight/prism-cli@5.16.0", "mitmproxy>=12"


# What Prism is to check: one operation with a few constraints, as it needs a minute to read the whole description.
_MESSAGE = {"type": "object", "required": ["role"], "properties": {"role": {"type": "string"}}}
_REQUEST = {
    "type": "object",
    "required": ["model", "messages"],
    "properties": {
        "model": {"type": "string"},
        "messages": {"type": "array", "minItems": 1, "items": _MESSAGE},
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "tools": {"type": "array", "items": {"type": "object", "required": ["type"]}},
    },
}
_OPERATION = {
    "operationId": "createChatCompletion",
    "requestBody": {"required": True, "content": {"application/json": {"schema": _REQUEST}}},
    "responses": {"200": {"description": "", "content": {"application/json": {"schema": {"type": "object"}}}}},
}
_CHAT = {
    "openapi": "3.0.3",
    "info": {"title": "chat", "version": "1"},
    "paths": {"/chat/completions": {"post": _OPERATION}},
}


def claims() -> Iterator[Claim]:
    """Measure and state."""
    with contextlib.ExitStack() as stack:
        behind = stack.enter_context(_server("upstream"))[1]
        plain, checked = (stack.enter_context(_server(name, behind)) for name in ("plain", "checked"))
        costs: dict[str, list[float]] = {"plain": [], "checked": []}
        for server in (plain, checked):
            asyncio.run(_requests(server[1], 300))
        for _ in range(_ROUNDS):
            for name, server in (("plain", plain), ("checked", checked)):
                began = _cpu(server[0])
                asyncio.run(_requests(server[1], _REQUESTS))
                costs[name].append((_cpu(server[0]) - began) / _REQUESTS)
        share = 1 - min(costs["plain"]) / min(costs["checked"])
        yield Claim("share of a gateway's requests per second that the middleware costs", share, 0.15)
        firsts = asyncio.run(_first_bytes(plain[1], checked[1]))
        yield Claim("time to the first byte of a stream, with less without, in ms", firsts, 2)
    yield from _peers()


def _peers() -> Iterator[Claim]:
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(_server("upstream"))[1]
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        assay = [sys.executable, "-m", "assay", "proxy", "--upstream", f"http://127.0.0.1:{upstream}"]
        assay += ["--mode", "enforce", "--listen", "127.0.0.1:{port}"]
        servers = {"assay": stack.enter_context(_process(assay))}
        for name, peer in (("Prism", _prism), ("mitmdump", _mitmdump)):
            try:
                servers[name] = stack.enter_context(_process(peer(home, upstream)))
            except _Missing as error:
                print(f"      {name} is left out: {error}")
        speeds: dict[str, float] = dict.fromkeys(servers, 0.0)
        for round_ in range(_ROUNDS):
            for name, (pid, port) in servers.items():
                began = _cpu(pid)
                asyncio.run(_requests(port, _FEW))
                if round_:  # the first one warms up
                    speeds[name] = max(speeds[name], _FEW / (_cpu(pid) - began))
        for name in servers.keys() - {"assay"}:
            text = f"requests per second of the proxy ({speeds['assay']:.0f}) to those of {name} ({speeds[name]:.0f})"
            yield Claim(text, speeds["assay"] / speeds[name], 3, at_least=True)


class _Missing(Exception):  # noqa: N818  it is missing
    """A peer cannot be had here."""


def _prism(home: Path, upstream: int) -> list[str]:
    prism = shutil.which("prism")
    if prism is None:
        npm = shutil.which("npm")
        if npm is None:
            raise _Missing("npm is not here")
        _run([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(home), _PRISM])
        prism = str(home / "node_modules" / ".bin" / "prism")
    description = home / "chat.json"
    description.write_text(json.dumps(_CHAT))
    return [prism, "proxy", str(description), f"http://127.0.0.1:{upstream}", "--errors", "--port", "{port}"]


def _mitmdump(home: Path, upstream: int) -> list[str]:
    mitmdump = shutil.which("mitmdump")
    if mitmdump is None:
        place = home / "mitm"
        venv.create(place, with_pip=True)
        _run([str(place / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", _MITM])
        mitmdump = str(place / "bin" / "mitmdump")
    mode = f"reverse:http://127.0.0.1:{upstream}"
    return [mitmdump, "--quiet", "--mode", mode, "--listen-port", "{port}"]


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, capture_output=True, timeout=_INSTALL, check=True)  # noqa: S603  our own command
    except (subprocess.SubprocessError, OSError) as error:
        raise _Missing(f"it cannot be installed ({type(error).__name__})") from error


@contextlib.contextmanager
def _server(name: str, behind: int = 0) -> Iterator[tuple[int, int]]:
    """Run one of our applications; yields its process id and port."""
    with _process([sys.executable, "-m", "benchmarks.gateway_apps", name, "{port}", str(behind)]) as (pid, port):
        yield pid, port


@contextlib.contextmanager
def _process(command: list[str]) -> Iterator[tuple[int, int]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [word.replace("{port}", str(port)) for word in command]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        _wait(process, port)
        yield process.pid, port
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until somebody listens, at most two minutes."""
    end = time.monotonic() + _START
    while process.poll() is None and time.monotonic() < end:
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise _Missing(f"it does not answer (exit code {process.poll()})")


def _cpu(pid: int) -> float:
    """The CPU time of a process so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def _raw(*, stream: bool) -> bytes:
    body = json.dumps({**json.loads(chat_request().body), "stream": stream, "stream_options": None}).encode()
    # Without /v1: Prism takes the paths of a description without its servers' base path.
    head = "POST /chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += "Authorization: Bearer sk-benchmark\r\nAccept: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes) -> None:
    writer.write(raw)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    assert b" 200 " in head[:16], head[:200]
    length = head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0].strip()
    if length:
        await reader.readexactly(int(length))
        return
    while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
        await reader.readexactly(size + 2)
    await reader.readexactly(2)


async def _requests(port: int, count: int) -> None:
    """Send so many requests over a few connections."""
    raw, left = _raw(stream=False), iter(range(count))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            await _one(reader, writer, raw)
        writer.close()

    await asyncio.gather(*(client() for _ in range(_CONNECTIONS)))


async def _first_bytes(plain: int, checked: int) -> float:
    """The difference of the median times to the first byte of a stream, in ms; the two servers take turns."""
    raw = _raw(stream=True)
    ends = [await asyncio.open_connection("127.0.0.1", port) for port in (plain, checked)]
    times: list[list[float]] = [[], []]
    for _ in range(300):
        for (reader, writer), found in zip(ends, times, strict=True):
            began = time.perf_counter()
            writer.write(raw)
            await reader.readuntil(b"data: ")
            found.append(time.perf_counter() - began)
            await reader.readuntil(b"\r\n0\r\n\r\n")
    for _, writer in ends:
        writer.close()
    without, within = (statistics.median(found) for found in times)
    return max(0.0, (within - without) * 1000)
