"""What most tests of runs need: the bundled contract, whose schemas are compiled once for all of them."""

from __future__ import annotations

import pytest

from assay.contract import load


@pytest.fixture(scope="session")
def contract():
    """Return the bundled contract."""
    return load("openai")
