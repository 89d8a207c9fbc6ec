"""Lists that come page by page.

The rule of this module: pages follow each other without a gap and without an overlap, in either order; a cursor that
is unknown is refused, never taken for the beginning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.reference.replies import Call, Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["page"]

_DOWN = ("desc", "descending")


def page(
    call: Call, items: Sequence[dict[str, Any]], noun: str, *, size: int = 20, order: str = "desc"
) -> dict[str, Any]:
    """Return the page that a call asks for, of all items (shown, with their ids, the oldest first).

    ``noun`` is what an item is called, ``size`` and ``order`` hold unless the query says otherwise.
    """
    found = [*reversed(items)] if call.query.get("order", order) in _DOWN else [*items]
    start, after = 0, call.query.get("after")
    if after:
        start = next((number for number, item in enumerate(found, 1) if item["id"] == after), -1)
    if start < 0:
        code = f"{noun.replace(' ', '_')}_not_found"
        raise Refusal(404, f"The {noun} in 'after' does not exist here.", param="after", code=code)
    end = start + int(float(call.query.get("limit") or size))
    data = found[start:end]
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
    return {"object": "list", "data": data, **ends, "has_more": end < len(found)}
