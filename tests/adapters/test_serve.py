"""Serving an application in a thread: up at once, clean afterwards, clear about a taken port."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest
import urllib3

from assay.adapters.serve import serve
from assay.errors import TargetError


async def echo(scope, receive, send) -> None:
    """Answer every request with its path."""
    body = scope["path"].encode()
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def endless(_scope, _receive, send) -> None:
    """Answer with a body that never ends, as fast as the client reads."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while True:
        await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
        await asyncio.sleep(0)


def get(url: str) -> bytes:
    """Fetch a URL on a connection of its own."""
    with urllib3.PoolManager() as pool:
        return pool.request("GET", url, retries=False, timeout=5).data


def test_the_server_answers_when_the_block_begins() -> None:
    """The first request is answered, and start and stop are quick."""
    begun = time.monotonic()
    with serve(echo) as url:
        up = time.monotonic() - begun
        assert url.startswith("http://127.0.0.1:")
        assert get(f"{url}/a") == b"/a"
        leaving = time.monotonic()
    assert up < 1.0  # 0.03 s on a quiet machine
    assert time.monotonic() - leaving < 2.0


def test_nothing_is_left_when_the_block_ends() -> None:
    """Neither thread nor listening socket outlives the block, also when the block raises."""
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), serve(echo) as url:
        raise ZeroDivisionError
    assert threading.active_count() == before
    with pytest.raises(urllib3.exceptions.NewConnectionError):
        get(url)


def test_an_open_stream_does_not_hold_the_block() -> None:
    """A stream that never ends is cut off when the block ends."""
    with serve(endless) as url, urllib3.PoolManager() as pool:
        response = pool.request("GET", url, preload_content=False, retries=False)
        assert response.read(10) == b"x" * 10
        begun = time.monotonic()
        response.close()
    assert time.monotonic() - begun < 5.0


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """Forty answers on one connection take less than forty delayed ACKs of 40 ms would."""
    with serve(echo) as url, urllib3.PoolManager() as pool:
        begun = time.monotonic()
        for _ in range(40):
            assert pool.request("GET", url, retries=False).status == 200
        assert time.monotonic() - begun < 1.2


def test_two_servers_run_side_by_side() -> None:
    """Each block has a port of its own."""
    with serve(echo) as one, serve(echo) as other:
        assert one != other
        assert get(f"{one}/1") + get(f"{other}/2") == b"/1/2"


def test_a_taken_port_is_one_clear_line() -> None:
    """A port in use raises TargetError that names the address and what to do."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(TargetError) as caught, serve(echo, port=port):
            pytest.fail("the block must not begin")
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "another port" in str(caught.value)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_an_impossible_port_is_one_clear_line(port) -> None:
    """A number that is no port raises TargetError."""
    with pytest.raises(TargetError), serve(echo, port=port):
        pytest.fail("the block must not begin")
