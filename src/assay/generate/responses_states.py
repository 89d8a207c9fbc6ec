"""What objects that live say of themselves: status, reasons, times, counts, pages of results.

The rule of this module: it goes by names alone and changes a copy in place; a property that is not there stays away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.generate.responses_turns import TIME
from assay.rules.read import at, objects
from assay.rules.runs import OPEN

if TYPE_CHECKING:
    from assay.generate.responses_asked import Asked

__all__ = ["settled"]

_DAY = 24 * 3600
_OWNERS = (("required_action", "requires_action"), ("last_error", "failed"), ("incomplete_details", "incomplete"))
_ENDS = {"completed": "completed_at", "failed": "failed_at", "cancelled": "cancelled_at", "incomplete": "incomplete_at"}
_COUNTED = ("in_progress", "completed", "failed", "cancelled")
_RESULTS = 10
_OTHERS = frozenset({"batch", "file", "fine_tuning.job", "fine-tune"})
"""Objects whose status has words of its own."""


def settled(value: dict[str, Any], asked: Asked) -> None:
    """Make an object, or each object of a page, agree with itself and with what was asked."""
    items = [item for _, item in objects(value.get("data"))] if isinstance(value.get("data"), list) else [value]
    for item in items:
        wanted = asked.exchange.query.get("filter")
        if wanted and "status" in item:
            item["status"] = wanted
        _status(item)
        _step(item)
        _message(item, asked)
        _store(item)
    if "next_page" in value:
        value["has_more"] = value["next_page"] is not None
    if "search_query" in value:
        _results(value, asked)
    _file(value, asked)


def _status(item: dict[str, Any]) -> None:
    """Reasons, times and usage go with the status."""
    if item.get("object") in _OTHERS:
        return
    status = item.get("status")
    for name, owner in _OWNERS:
        if status == owner and item.get(name) is None:
            status = item["status"] = "completed"
    for name, owner in _OWNERS:
        if name in item and status != owner:
            item[name] = None
    end = _ENDS.get(status) if isinstance(status, str) else None
    if end is not None and (end in item or "incomplete_details" in item):
        item[end] = int(item.get("created_at") or TIME) + 60
    if isinstance(status, str) and status in OPEN and "usage" in item:
        item["usage"] = None
    for _, call in objects(at(item, "required_action", "submit_tool_outputs", "tool_calls")):
        call["function"]["arguments"] = "{}"


def _step(item: dict[str, Any]) -> None:
    """A step is of the type of its details, and what was called has an output."""
    kind = at(item, "step_details", "type")
    if kind is None:
        return
    item["type"] = kind
    for _, call in objects(at(item, "step_details", "tool_calls")):
        if call.get("type") == "function" and call["function"].get("output") is None:
            call["function"]["output"] = ""


def _message(item: dict[str, Any], asked: Asked) -> None:
    """A message of the user's is of no run, and no text has notes that do not fit."""
    if "run_id" in item and "role" in item:
        wanted = asked.exchange.query.get("run_id")
        if wanted:
            item.update(role="assistant", run_id=wanted)
        elif item["role"] == "user":
            item["run_id"] = None
    for _, part in objects(item.get("content")):
        if at(part, "text", "annotations"):
            part["text"]["annotations"] = []


def _store(item: dict[str, Any]) -> None:
    """Files add up, and a store expires some days after its last use."""
    counts = item.get("file_counts")
    if isinstance(counts, dict):
        for name in _COUNTED:
            counts[name] = abs(counts[name]) % 100
        if item.get("status") == "completed":
            counts["in_progress"] = 0
        counts["total"] = sum(counts[name] for name in _COUNTED)
    days = at(item, "expires_after", "days")
    if days is not None:
        since = item.get("last_active_at") or item.get("created_at") or TIME
        item["expires_at"] = int(since + days * _DAY)


def _results(value: dict[str, Any], asked: Asked) -> None:
    """Results of a search: the best first, no more than wanted, none below the threshold; the query as it was put."""
    limit = at(asked.body, "max_num_results") or _RESULTS
    value["data"] = value["data"][: int(limit)]
    least = at(asked.body, "ranking_options", "score_threshold") or 0
    for result in value["data"]:
        result["score"] = max(result["score"], least)
    value["data"].sort(key=lambda result: -result["score"])
    query = at(asked.body, "query")
    if query is not None:
        value["search_query"] = query


def _file(value: dict[str, Any], asked: Asked) -> None:
    """A file of a store has the id of its upload, and is cut as was asked."""
    wanted = at(asked.body, "file_id")
    if wanted is None or "vector_store_id" not in value:
        return
    value["id"] = wanted
    if "chunking_strategy" in value and (at(asked.body, "chunking_strategy", "type") or "auto") == "auto":
        value["chunking_strategy"] = {"type": "other"}
