"""What every test of a real server needs: a package installed, a server started on a free port, a run judged.

The rule of this module: nothing is installed outside of a temporary folder, a server is stopped by the process that
was started, and whatever cannot be installed here skips its tests with the reason.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import venv
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


INSTALL = 240
"""Seconds that an installation may take."""

SLOW = {"http/no-response", "http/slow-response", "http/long-response"}


def free_port() -> int:
    """Ask the system for a port that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until somebody listens, at most a minute."""
    for _ in range(600):
        assert server.poll() is None, "the server ended at once"
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the server does not listen after a minute")


def environment(**more: str) -> dict[str, str]:
    """The variables of this process without those that lead Python or a server astray."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "OPENAI_API_KEY")}
    return {**kept, **more}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Install a requirement from PyPI into a virtual environment of its own; returns the folder of its commands."""

    def install(requirement: str) -> Path:
        home = tmp_path_factory.mktemp("venv")
        venv.create(home, with_pip=True)
        command = [home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", requirement]
        _install(command, requirement)
        return home / "bin"

    return install


@pytest.fixture(scope="session")
def unpacked() -> Callable[[str, Path], Path]:
    """Install a package from npm into a folder; returns the package's own folder."""

    def install(package: str, home: Path) -> Path:
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip(f"npm is needed to install {package}")
        quick = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-timeout=60000", "--prefix", str(home)]
        _install([npm, "install", *quick, package], package)
        return home / "node_modules" / package.rpartition("@")[0]

    return install


def _install(command: list[object], package: str) -> None:
    """Run an installer; what cannot be had here, or not in good time, skips the test with the reason."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=INSTALL, check=False, env=environment())
    except subprocess.TimeoutExpired:
        pytest.skip(f"{package} cannot be installed here within {INSTALL} s")
    if done.returncode != 0:
        pytest.skip(f"{package} cannot be installed here: {done.stderr.strip()[-200:]}")


@pytest.fixture(scope="session")
def started() -> Callable[..., object]:
    """Start a command with ``{port}`` in it; a context manager that yields the server's base URL."""

    @contextmanager
    def start(command: list[object], home: Path, **variables: str) -> Iterator[str]:
        port = free_port()
        words = [str(word).replace("{port}", str(port)) for word in command]
        quiet = subprocess.DEVNULL
        server = subprocess.Popen(words, cwd=home, stdout=quiet, stderr=quiet, env=environment(**variables))
        try:
            wait_for(port, server)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(timeout=10)

    return start


@pytest.fixture
def findings(tmp_path: Path) -> Callable[..., list[dict[str, object]]]:
    """Run ``assay run`` as people do; returns the findings of its JSON document."""

    def find(url: str, *options: str, **variables: str) -> list[dict[str, object]]:
        out = tmp_path / "result.json"
        command = [sys.executable, "-m", "assay", "run", url, "--json", str(out), *options]
        kept = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"} | variables
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=kept)
        assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-3000:]
        found: list[dict[str, object]] = json.loads(out.read_text())["findings"]
        for finding in found:
            assert not str(finding["pointer"]).startswith("file:")
        return found

    return find


@pytest.fixture
def explained() -> Callable[..., None]:
    """Hold findings against what docs/field-notes.md calls true; what is sure must be among them."""

    def check(found: list[dict[str, object]], *, sure: set[str], true: set[str]) -> None:
        rules = {str(finding["rule"]) for finding in found}
        assert rules >= sure, f"not found any more: {sorted(sure - rules)}"
        # How long an answer takes, the machine decides.
        judged = [f for f in found if not (f["severity"] == "hazard" and str(f["rule"]) in SLOW)]
        new = [
            f"{f['rule']} {f['operations']}: {f['message']}\n   {f['curl']}" for f in judged if f["rule"] not in true
        ]
        assert not new, "new, to be checked by hand:\n" + "\n".join(new)

    return check
