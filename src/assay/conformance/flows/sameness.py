"""Whether two sights of one object agree.

The rule of this module: only what both show is compared; what lives (a state, a time of work, a usage, what a service
chooses later) is not, and null is no statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["differences"]

_LIVE = frozenset(
    ("status", "status_details", "usage", "usage_bytes", "file_counts", "request_counts", "error", "errors",
     "last_error", "incomplete_details", "required_action", "estimated_finish", "fine_tuned_model", "result_files",
     "trained_tokens", "output_file_id", "error_file_id", "hyperparameters", "method", "service_tier", "events",
     "system_fingerprint", "logprobs", "annotations", "first_id", "last_id", "has_more", "validation_file")
)  # fmt: skip
_FIXED = frozenset(("created_at", "created"))
_OWN = ("metadata", "attributes")  # what the user wrote, and nobody else
_WORK = frozenset(("output", "choices", "content"))  # what is written while the status changes


def differences(before: Any, now: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the places at which two values differ that should not."""
    if before is None or now is None:
        return
    if isinstance(before, dict) and isinstance(now, dict):
        yield from ((*path, name) for name in _OWN if _lost(before.get(name), now.get(name)))
        moved = before.get("status") != now.get("status")
        for name in before.keys() & now.keys():
            if not _lives(name) and not (moved and name in _WORK):
                yield from differences(before[name], now[name], (*path, name))
    elif isinstance(before, list) and isinstance(now, list):
        if len(before) != len(now):
            yield path
            return
        for number, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from differences(one, other, (*path, number))
    elif before != now:
        yield path


def _lost(mine: Any, kept: Any) -> bool:
    """Whether an entry that the user made is not there any more."""
    return isinstance(mine, dict) and not mine.keys() <= (kept.keys() if isinstance(kept, dict) else set())


def _lives(name: str) -> bool:
    return name in _LIVE or (name.endswith("_at") and name not in _FIXED)
