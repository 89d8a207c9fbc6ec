"""Claim: ``assay run`` issues at least 5 x the requests per second of ``schemathesis run``.

Both commands test all operations of the same reference server, which runs in this process and counts; each is a process
of its own, with its start, its generation and its checks, one worker and no key. The peer goes first, with its default
phases, checks and number of examples; ours then sends as many requests as the peer did. The peer reads the bundled
description from a copy that says OpenAPI 3.1 in place of 3.2, which it does not read: the one feature that the copy
loses is ``itemSchema``, the schema of the events of a stream. Of two operations (chat completions, responses) the peer
says that it cannot generate requests in its fuzzing phase; it goes on at once, so that saves it time. The server's own
work, about a millisecond for a request, counts on both sides; the commands alone are compared by their CPU time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.adapters.serve import serve
from assay.reference.server import application
from benchmarks.timing import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCHEMAS = Path(__file__).parent.parent / "schemas" / "openai"


def claims() -> Iterator[Claim]:
    """Measure and state."""
    rate, sent, _ = _measured([sys.executable, "-m", "assay", "run", "URL"])
    print(f"a default run of {sent} requests takes {sent / rate:.1f} s, its start included")
    if find_spec("schemathesis") is None:
        sys.stderr.write("schemathesis is not installed: its figures are left out (tox run -e bench installs it)\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        theirs, requests, spent = _measured(_peer(Path(folder)))
    ours, sent, used = _measured([sys.executable, "-m", "assay", "run", "URL", "--max-requests", str(requests)])
    text = f"{ours:.0f} requests a second ({sent} in all), schemathesis {theirs:.0f} ({requests}), as a ratio"
    yield Claim(text, ours / theirs, 5, at_least=True)
    text = f"{used:.1f} ms of the command's CPU time for a request, schemathesis {spent:.1f}, as a ratio"
    yield Claim(text, spent / used)


def _peer(folder: Path) -> list[str]:
    """The peer's command, with the description that it reads."""
    for file in _SCHEMAS.glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        (folder / file.name).write_text(text.replace("openapi: 3.2.0", "openapi: 3.1.1", 1), encoding="utf-8")
    description = str(folder / "openapi.yaml")
    return [sys.executable, "-m", "schemathesis.cli", "run", description, "--url", "URL/v1", "--seed", "1"]


def _measured(command: list[str]) -> tuple[float, int, float]:
    """Run a command against a new reference server.

    Returns the requests per second that came, how many, and the command's CPU time for each in milliseconds.
    """
    count, app = [0], application()

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        count[0] += 1
        await app(scope, receive, send)

    with serve(counted) as url:
        began, before = time.perf_counter(), os.times()
        asked = [part.replace("URL", url) for part in command]
        done = subprocess.run(asked, capture_output=True, check=False)  # noqa: S603  our own commands
        took, after = time.perf_counter() - began, os.times()
    if done.returncode not in (0, 1) or not count[0]:
        raise RuntimeError(f"{command[2]} did not run: {done.stdout.decode()[-500:]}{done.stderr.decode()[-500:]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return count[0] / took, count[0], cpu / count[0] * 1000
