"""Recordings for the tests of this folder."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def lines(tmp_path):
    """Write exchanges, or lines as they are, into a file of JSON Lines; return its path."""

    def write(*items, name="traffic.jsonl"):
        texts = [item if isinstance(item, str) else json.dumps(item) for item in items]
        path = tmp_path / name
        path.write_text("\n".join(texts) + "\n", encoding="utf-8")
        return str(path)

    return write
