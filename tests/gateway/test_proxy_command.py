"""``assay proxy`` as a process: what it refuses to start with, reload, many workers, and how it stops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
import urllib3
from click.testing import CliRunner

from assay.adapters.serve import serve
from assay.cli import main

DESCRIPTION = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "paths": {
        "/otters": {
            "post": {
                "operationId": "makeOtter",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"type": "object", "required": ["name"]}}},
                },
                "responses": {"200": {"description": "", "content": {"application/json": {}}}},
            }
        }
    },
}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--upstream", "otter"], "the upstream must be a URL"),
        (["--upstream", "http://h", "--listen", "8080"], "--listen: expected HOST:PORT"),
        (["--upstream", "http://h", "--listen", "127.0.0.1:99999"], "--listen: expected HOST:PORT"),
        (["--upstream", "http://h", "--mode", "strict"], "--mode"),
        (["--upstream", "http://h", "--policy", "none.yaml"], "--policy: cannot read none.yaml"),
        (["--upstream", "http://h", "--policy", "bad.yaml"], "unknown field 'request'"),
        (["--upstream", "http://h", "--policy", "odd.yaml"], "no operation 'createOtter'"),
        (["--upstream", "http://h", "--description", "none.yaml"], "there is no such file"),
        (["--upstream", "http://h", "--off", "otter"], "otter"),
        (["--upstream", "http://h", "--profile", "otter"], "there is no profile 'otter'; there are: azure"),
        (["--upstream", "http://h", "--profile", "vllm", "--description", "x"], "for the bundled description"),
        ([], "--upstream"),
    ],
)
def test_wrong_configuration_is_refused_at_the_start(tmp_path, monkeypatch, arguments, told) -> None:
    """Exit code 2 and one line, before a port is taken."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text("request: enforce\n")
    (tmp_path / "odd.yaml").write_text("overrides:\n- operations: createOtter\n  requests: off\n")
    done = CliRunner().invoke(main, ["proxy", *arguments], standalone_mode=False)
    assert done.return_value == 2
    assert told in done.output
    assert done.output.count("\n") == 1


def test_a_taken_port_is_refused() -> None:
    """One line that names the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = CliRunner().invoke(main, ["proxy", "--upstream", "http://h", "--listen", address], standalone_mode=False)
    assert done.return_value == 2
    assert f"cannot serve on {address}" in done.output


@contextmanager
def running(*arguments):
    """Run ``assay proxy`` on a free port; yields its port and process once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "assay", "proxy", "--listen", f"127.0.0.1:{port}", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ})
    try:
        until(lambda: ask(port, "/healthz")[0] == 200, process)
        yield port, process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


def until(holds, process) -> None:
    """Wait at most a minute."""
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ask(port, path, body=None):
    """Send one request on a connection of its own; returns status and body, or (0, b"")."""
    try:
        with urllib3.PoolManager() as pool:
            url = f"http://127.0.0.1:{port}{path}"
            answer = pool.request("GET" if body is None else "POST", url, json=body, retries=False, timeout=10)
            return answer.status, answer.data
    except urllib3.exceptions.HTTPError:
        return 0, b""


async def upstream(scope, receive, send) -> None:
    """Answer with JSON, or with a slow stream."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    if scope["path"] == "/slow":
        for _ in range(10):
            await send({"type": "http.response.body", "body": b"1" * 100, "more_body": True})
            await asyncio.sleep(0.2)
    await send({"type": "http.response.body", "body": b"{}"})


@pytest.mark.slow
def test_a_reload_keeps_connections_and_a_stop_lets_exchanges_end(tmp_path) -> None:
    """SIGHUP reads the description again, a broken one leaves the old; SIGTERM lets a stream come to its end."""
    file = tmp_path / "api.json"
    file.write_text(json.dumps(DESCRIPTION))
    with (
        serve(upstream) as url,
        running("--upstream", url, "--mode", "enforce", "--description", str(file)) as (port, process),
        urllib3.PoolManager(maxsize=1) as pool,
    ):
        there = f"http://127.0.0.1:{port}/otters"
        assert pool.request("POST", there, json={}).status == 400
        assert pool.request("POST", there, json={"name": "o"}).status == 200
        schema = DESCRIPTION["paths"]["/otters"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        file.write_text(json.dumps(DESCRIPTION).replace(json.dumps(schema), '{"type": "object", "required": ["age"]}'))
        process.send_signal(signal.SIGHUP)
        until(lambda: pool.request("POST", there, json={"age": 3}).status == 200, process)
        assert pool.request("POST", there, json={"name": "o"}).status == 400
        file.write_text("{otter")
        process.send_signal(signal.SIGHUP)
        time.sleep(1)
        assert pool.request("POST", there, json={"age": 3}).status == 200
        assert next(iter(pool.pools._container.values())).num_connections == 1
        answers = []
        slow = threading.Thread(target=lambda: answers.append(ask(port, "/slow")))
        slow.start()
        time.sleep(0.6)
        process.terminate()
        slow.join(20)
        assert answers == [(200, b"1" * 1000 + b"{}")]
        process.wait(20)
    assert ask(port, "/healthz")[0] == 0


@pytest.mark.slow
def test_many_workers_share_a_port_and_their_metrics(tmp_path) -> None:
    """Counts are sums over all processes; a reload reaches every one; a stop leaves none behind."""
    file = tmp_path / "api.json"
    file.write_text(json.dumps(DESCRIPTION))
    with (
        serve(upstream) as url,
        running("--upstream", url, "--mode", "enforce", "--workers", "2", "--description", str(file)) as (
            port,
            process,
        ),
    ):
        for _ in range(40):
            assert ask(port, "/otters", {})[0] == 400
        metrics = ask(port, "/metrics")[1]
        assert (
            b'assay_judged_total{action="refused",kind="request",mode="enforce",operation="makeOtter"} 40.0' in metrics
        )
        file.write_text(json.dumps(DESCRIPTION).replace('"name"', '"age"'))
        process.send_signal(signal.SIGHUP)
        time.sleep(2)
        assert {ask(port, "/otters", {"age": 3})[0] for _ in range(40)} == {200}
        process.terminate()
        assert process.wait(30) == 0
    assert ask(port, "/healthz")[0] == 0
