"""The main job against aimock, a mock server from npm that we did not write.

The rule of this module: what is found is held against docs/field-notes.md, where each finding was checked by hand;
anything else is either a new defect of theirs or a false alarm of ours, and somebody must look.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.real, pytest.mark.slow]

PACKAGE = "@copilotkit/aimock@1.43.0"
FIXTURES = [{"match": {"endpoint": "chat"}, "response": {"content": "A plain answer from the mock."}}]

# The rules whose findings docs/field-notes.md explains and calls true. What is listed as sure is found by the
# scenarios alone, whatever the seed.
SURE = {"http/error-envelope", "http/invalid-accepted", "chat/choices-count", "chat/token-limit", "chat/logprobs-given"}
TRUE = SURE | {
    "chat-stream/choices-count",
    "embeddings/encoding",
    "chat/json-mode",
    "chat/stop-sequences",
    "chat/tool-choice",
}


def free_port() -> int:
    """Ask the system for a port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens, at most twenty seconds."""
    for _ in range(200):
        assert server.poll() is None, "aimock ended at once"
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("aimock does not listen after twenty seconds")


@pytest.fixture(scope="module")
def aimock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Install aimock from npm, start it on a loopback port, yield its base URL."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("npm and node are needed to install aimock")
    home = tmp_path_factory.mktemp("aimock")
    command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(home), PACKAGE]
    installed = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if installed.returncode != 0:
        pytest.skip(f"npm cannot install {PACKAGE} here: {installed.stderr.strip()[-200:]}")
    port = free_port()
    fixtures, config = home / "fixtures.json", home / "aimock.json"
    fixtures.write_text(json.dumps({"fixtures": FIXTURES}))
    config.write_text(json.dumps({"port": port, "llm": {"fixtures": str(fixtures)}}))
    program = [node, str(home / "node_modules" / ".bin" / "aimock"), "--config", str(config)]
    server = subprocess.Popen(program, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, server)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(timeout=10)


def test_every_finding_is_one_that_was_checked_by_hand(aimock: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """`assay run` finds what aimock really gets wrong, and nothing that was not explained."""
    out = tmp_path_factory.mktemp("run") / "result.json"
    command = [sys.executable, "-m", "assay", "run", aimock, "--max-requests", "300", "--json", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-3000:]
    findings = json.loads(out.read_text())["findings"]
    rules = {finding["rule"] for finding in findings if finding["severity"] == "violation"}
    assert rules >= SURE, f"not found any more: {sorted(SURE - rules)}"
    assert rules <= TRUE, f"new, to be checked by hand: {sorted(rules - TRUE)}"
