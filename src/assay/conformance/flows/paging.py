"""What flows ask of lists that come page by page, by the whole list that they saw before.

The rule of this module: one page alone is judged by the rules of pages; here two are laid side by side. A list that
somebody else changed meanwhile says nothing, and objects of one second may honestly stay where they are when it turns.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assay.conformance.flows.memory import at, id_of
from assay.conformance.run_rules import run_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.conformance.flows.memory import Memory, Seen
    from assay.violation import Violation

__all__ = ["first_page", "follows", "second_page", "turned"]

_TWO = 2


def first_page(memory: Memory, seen: Seen) -> Iterator[Violation]:
    """The first page of one object, which others follow."""
    whole, name, position = _position(memory, seen)
    if not name:
        return
    memory.ids["page"] = name
    if position is not None and len(whole) >= _TWO and at(seen.value, "has_more") is False:
        wanted = f"true, as {len(whole) - 1} more objects follow"
        yield seen.broken(run_rule("flow/pages"), ("has_more",), wanted, "false")


def follows(memory: Memory, seen: Seen) -> Iterator[Violation]:
    """A short list that said that more follow is followed by more."""
    _ = memory
    if seen.ok and at(seen.value, "data") == [] and at(seen.value, "has_more") is not True:
        wanted = "the objects that has_more of the list before it promised"
        yield seen.broken(run_rule("flow/pages"), ("data",), wanted, "an empty page")


def turned(memory: Memory, seen: Seen) -> Iterator[Violation]:
    """The list in descending order, after one that is the whole list in ascending order."""
    data = at(seen.value, "data")
    before = [id_of(at(item, "id")) for item in memory.lists.get(seen.step.path, [])]
    if "order=desc" not in seen.exchange.request.target or not seen.ok or not isinstance(data, list):
        return
    now = [id_of(at(item, "id")) for item in data]
    common = [name for name in before if name in now]
    if len(common) < _TWO or [name for name in now if name in before] != common:
        return
    same = len({_time(item) for item in data}) == 1
    got = "the same order as with asc" + (" (all are of the same second)" if same else "")
    found = seen.broken(run_rule("flow/order"), ("data",), "the order of asc turned round", got)
    yield replace(found, severity="hazard" if same else "violation")


def second_page(memory: Memory, seen: Seen) -> Iterator[Violation]:
    """The second page goes on where the first one ended."""
    whole, name, position = _position(memory, seen)
    data = at(seen.value, "data")
    if not seen.ok or len(whole) < _TWO or not isinstance(data, list) or len(data) > 1:
        return
    before = _index(whole, memory.ids.get("page"))
    if before is None:
        return
    if not name:
        if at(seen.value, "has_more") is True:
            return  # told by the rules of pages
        yield seen.broken(run_rule("flow/pages"), ("data",), "the object after that of the first page", "an empty page")
    elif position is not None and position not in (before, before + 1):
        got = f"the one {abs(position - before)} places away"
        yield seen.broken(run_rule("flow/pages"), ("data", 0), "the object after that of the first page", got)


def _position(memory: Memory, seen: Seen) -> tuple[list[Any], str, int | None]:
    """The whole list, the id of the page's object, and where that stands in the list."""
    whole = memory.lists.get(seen.step.path, [])
    data = at(seen.value, "data")
    alone = seen.ok and isinstance(data, list) and len(data) == 1  # more than one is told by the rules of pages
    name = id_of(at(data, 0, "id")) if alone else ""
    if not name:
        return whole, "", None
    return whole, name, _index(whole, name)


def _index(whole: list[Any], name: str | None) -> int | None:
    return next((number for number, item in enumerate(whole) if id_of(at(item, "id")) == name), None)


def _time(item: Any) -> Any:
    found = at(item, "created_at")
    return at(item, "created") if found is None else found
