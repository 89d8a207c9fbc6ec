"""The wheel as a user gets it: built, installed into an empty environment, run from there.

The rule of this module: nothing of the checkout may be importable while the installed command runs.
"""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path, limit: float = 300.0) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it printed; the caller judges the exit code."""
    return subprocess.run(
        [str(c) for c in command], cwd=cwd, capture_output=True, text=True, timeout=limit, check=False
    )


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel once."""
    out = tmp_path_factory.mktemp("dist")
    built = run(sys.executable, "-m", "build", "--wheel", "--outdir", out, root, cwd=out)
    assert built.returncode == 0, built.stderr[-2000:]
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def scripts(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into an empty virtual environment and return the folder of its commands."""
    home = tmp_path_factory.mktemp("venv")
    venv.create(home, with_pip=True)
    installed = run(home / "bin" / "pip", "install", "--disable-pip-version-check", wheel, cwd=home)
    assert installed.returncode == 0, installed.stderr[-2000:]
    return home / "bin"


def test_wheel_ships_schemas_and_types(wheel: Path) -> None:
    """The wheel holds the description, the overlays and the typing marker, and no tests."""
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "assay/schemas/openai/openapi.yaml",
        "assay/schemas/overlays/openai-repairs.yaml",
        "assay/py.typed",
    } <= names
    assert not [name for name in names if name.startswith("tests/")]


def test_installed_command_runs_the_main_job(scripts: Path, tmp_path: Path) -> None:
    """`assay run` from the wheel tests the embedded server, finds nothing, and writes the page."""
    done = run(scripts / "assay", "run", "--max-requests", "150", "--report", "html", cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "createChatCompletion" in done.stdout
    assert "0 findings" in done.stdout
    assert "<h2" in (tmp_path / "assay-report.html").read_text(encoding="utf-8")


def test_installed_package_answers_the_readme_example(scripts: Path, tmp_path: Path) -> None:
    """The example of the README gives its verdict from the installed package."""
    program = (
        "import assay; c = assay.load('openai');"
        "v = c.check_request(assay.Request('POST', '/v1/images/generations',"
        ' {"content-type": "application/json"}, b\'{"prompt": "otter", "n": 11}\'));'
        "print(v.operation, v.ok, v.violations[0].place, v.violations[0].rule)"
    )
    done = run(scripts / "python", "-W", "error", "-c", program, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == ["createImage", "False", "body.n", "schema/maximum"]
