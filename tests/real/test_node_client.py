"""The official Node client against the reference server: all that it sends and gets is valid."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import assay
from assay.adapters.serve import serve
from assay.generate.media_values import png, wav
from assay.reference.server import application

sys.path.append(str(Path(__file__).parents[1] / "reference"))

from recorder import Recorder

pytestmark = [pytest.mark.real, pytest.mark.slow]

PACKAGE = "openai@7.57.0"
SCRIPT = Path(__file__).with_name("node_client.mjs")
FEWEST = 32
"""Exchanges that the script makes at least."""


def test_all_that_the_node_client_sends_and_gets_is_valid(tmp_path, unpacked) -> None:
    """Chat, streams, tools, files, forms, audio, responses and conversations: no violation on either side."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is needed to run the client")
    unpacked(PACKAGE, tmp_path)
    shutil.copy(SCRIPT, tmp_path)
    (tmp_path / "a.wav").write_bytes(wav())
    (tmp_path / "a.png").write_bytes(png(transparent=True))
    recorder = Recorder(application())
    with serve(recorder) as url:
        command = [node, SCRIPT.name, f"{url}/v1", "a.wav", "a.png"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(recorder.exchanges) >= FEWEST
    contract = assay.load("openai")
    for request, response in recorder.exchanges:
        told = [*contract.check_response(request, response).violations]
        if response.status < 400:
            told += contract.check_request(request).violations
        assert not told, (request, [str(violation) for violation in told])
