"""Root of all tests: where the shared data lies, and the skip that names it when it is missing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
SHARED = Path(os.environ.get("ASSAY_SHARED", ROOT.parent / "shared"))


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
