"""All faults, by name.

The rule of this module: a fault that is not here does not exist, and no two have one name.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from assay.errors import UsageError
from assay.reference.faults import (
    enums,
    envelopes,
    framing,
    keys,
    kinds,
    media_kinds,
    nulls,
    pages,
    refusals,
    relations,
    shapes,
    states,
    statuses,
    streams,
    unenforced,
)

if TYPE_CHECKING:
    from assay.reference.faults.fault import Fault

__all__ = ["FAULTS", "find"]

_MODULES = (
    shapes,
    kinds,
    enums,
    nulls,
    statuses,
    media_kinds,
    envelopes,
    unenforced,
    refusals,
    relations,
    streams,
    states,
    pages,
    keys,
    framing,
)

FAULTS: dict[str, Fault] = {fault.name: fault for module in _MODULES for fault in module.FAULTS}
"""Every fault by its name, group by group."""


def find(name: str) -> Fault:
    """Return the fault of a name; raises ``UsageError``, which says what may have been meant."""
    if name in FAULTS:
        return FAULTS[name]
    close = get_close_matches(name, FAULTS, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else "`assay faults` lists them"
    raise UsageError(f"no fault is called {name!r}; {hint}")
