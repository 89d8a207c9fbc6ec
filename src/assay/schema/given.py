"""A schema that came inside a message, and whether a value conforms to it.

The rule of this module: a stranger's schema is data. It reaches nothing outside itself, its patterns are bounded, and
where it is no schema, or too much for the engine, there is no verdict (None) and no exception.
"""

from __future__ import annotations

from typing import Any

from assay.errors import UsageError
from assay.schema.algebra import BACKTRACKS, rust

__all__ = ["conforms"]


def conforms(schema: Any, value: Any) -> bool | None:
    """Tell whether a value conforms to a JSON Schema (2020-12 unless ``$schema`` says otherwise); None: no telling."""
    try:
        module = rust()
    except UsageError:  # pragma: no cover  no wheel for this platform
        return None
    try:
        validator = module.validator_for(
            schema, offline=True, pattern_options=module.FancyRegexOptions(backtrack_limit=BACKTRACKS)
        )
        return bool(validator.is_valid(value))
    except (ValueError, RecursionError):
        return None
