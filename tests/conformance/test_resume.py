"""Runs that are killed, for real and often, and gone on with: nothing is lost, and hardly anything is sent twice."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections import Counter

import orjson
import pytest

from assay.adapters.serve import serve
from assay.reference.server import application

ALIVE = ("GET", "/v1/models", b"")
OPERATIONS = ("createChatCompletion", "createEmbedding", "createModeration", "listModels")
OPTIONS = [*itertools.chain(*(("--operation", name) for name in OPERATIONS)), "--max-requests", "120"]


class Faulty:
    """The reference server with faults, behind a log; ``kill`` is called with the number of every request."""

    def __init__(self, kill=lambda _: None):
        self._app, self._kill = application(), kill
        self.log: list[tuple[str, str, bytes]] = []

    async def __call__(self, scope, receive, send):
        """Log a request, and answer it with what is missing in it, or with nothing at all."""
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.log.append((scope["method"], scope["path"], body))
        self._kill(len(self.log))
        whole = iter([{"type": "http.request", "body": body}])

        async def once():
            return next(whole)

        async def spoilt(message):
            text = message.get("body", b"").replace(b'"object":"embedding",', b"").replace(b"[DONE]", b"DONE")
            if message["type"] == "http.response.start":
                fields = [(name, value) for name, value in message["headers"] if name != b"content-length"]
                await send({**message, "headers": fields})
            else:
                await send({**message, "body": text})

        if b'"n":2' in body:
            raise RuntimeError("otter")
        await self._app(scope, once, spoilt)


def assay(url, folder, *options):
    """Start a run as its users do."""
    command = [sys.executable, "-m", "assay", "run", url, *OPTIONS, "--json", str(folder / "out.json"), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def findings(folder):
    """What a run found, without what depends on the time and the port."""
    value = json.loads((folder / "out.json").read_bytes())
    kept = ("rule", "operations", "flaky", "place", "message", "pointer", "status")
    return sorted([finding[name] for name in kept] for finding in value["findings"])


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 4])
def test_a_killed_run_loses_nothing(tmp_path, workers):
    """Killed five times in mid-run, a run ends with the findings of an unbroken one, and sent no more than that."""
    unbroken, whole = Faulty(), tmp_path / "whole"
    whole.mkdir()
    with serve(unbroken) as url:
        first = assay(url, whole, "--workers", str(workers))
        assert first.communicate()[1] == b""
        assert first.returncode == 1
    asked = Counter(unbroken.log)

    deaths, running = iter((2, 17, 30, 60, 100)), []
    at = [next(deaths)]

    def kill(number):
        if number >= at[0]:
            at[0] = next(deaths, 10_000)
            os.kill(running[-1].pid, signal.SIGKILL)

    broken, codes = Faulty(kill), []
    with serve(broken) as url:
        for _ in range(6):
            running.append(assay(url, tmp_path, "--workers", str(workers), "--resume", str(tmp_path / "journal")))
            told = running[-1].communicate()[0]
            codes.append(running[-1].returncode)
    assert codes == [-signal.SIGKILL] * 5 + [1]
    assert b"requests were answered by" in told
    assert findings(tmp_path) == findings(whole)
    assert len(findings(whole)) >= 3
    # Every session first asks whether the target is there, and has so many requests on their way when it is killed.
    assert len(broken.log) <= len(unbroken.log) + 5 * (1 + workers)
    if workers == 1:  # with more, who comes first decides what is repeated
        again = Counter(broken.log)
        twice = again - asked
        del twice[ALIVE]
        assert not asked - again
        assert sum(twice.values()) <= 5


def test_a_whole_journal_is_a_whole_run(tmp_path):
    """A run that came to its end can be told again: the target is asked but whether it is there."""
    server = Faulty()
    with serve(server) as url:
        for _ in range(2):
            run = assay(url, tmp_path, "--resume", str(tmp_path / "journal"), "--max-requests", "30")
            told = run.communicate()[0].decode()
            assert run.returncode == 1
        assert b"another seed (0, now 1)" in assay(
            url, tmp_path, "--resume", str(tmp_path / "journal"), "--max-requests", "30", "--seed", "1"
        ).communicate()[1]  # fmt: skip
    assert "30 of 30 requests were answered by" in told
    assert len(server.log) == 31


def test_an_interrupted_run_goes_on(tmp_path):
    """Ctrl-C ends a run of several workers at once with what it has, and says how to go on."""
    running = []
    server = Faulty(lambda number: os.kill(running[0].pid, signal.SIGINT) if number == 25 else None)
    with serve(server) as url:
        for code in (130, 1):
            running.append(assay(url, tmp_path, "--resume", str(tmp_path / "journal"), "--workers", "4"))
            told, errors = running[-1].communicate()
            assert (running[-1].returncode, errors) == (code, b"")
            found = orjson.loads((tmp_path / "out.json").read_bytes())
            assert found["stopped"] == ("interrupted" if code != 1 else "")
            if code != 1:
                assert b"the same command goes on from here" in told
    assert found["requests"] == 120
