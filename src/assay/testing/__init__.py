"""What stands behind the pytest plugin: observed traffic, offline answers, cassettes, conformance items, coverage.

``session`` holds what the suite is told; ``observe`` judges exchanges for one test; an ``Answers`` gives replies
instead of the network (``offline``: made by the test or generated; ``replay``: from a cassette). ``given_response``
and ``Offline`` are for tests to import from here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assay.testing.given import given_response
    from assay.testing.offline import Offline

__all__ = ["Offline", "given_response"]

_HOMES = {"Offline": "offline", "given_response": "given"}


def __getattr__(name: str) -> Any:
    # Both bring Hypothesis, which a suite that only observes has no need of.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
