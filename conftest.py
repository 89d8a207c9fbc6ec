"""Root of all tests: where the shared data lies, and the skip that names it when it is missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

pytest_plugins = ("pytester",)

ROOT = Path(__file__).parent
SHARED = Path(os.environ.get("ASSAY_SHARED", ROOT.parent / "shared"))


# Tests plant secrets that carry this mark; nothing that the suite prints or logs may repeat one.
MARK = "marked-secret"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test whose captured output or log repeats a planted secret."""
    report = yield
    leaks = [name for name, text in report.sections if MARK in text]
    if leaks and report.outcome == "passed":
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a planted secret shows in: {', '.join(leaks)}"
    return report


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of shared data, or skip the test with the reason."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared data folder is not here ({SHARED}); set ASSAY_SHARED to its place")
    return SHARED
