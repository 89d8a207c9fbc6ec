"""What flows ask of lists that come page by page, by the whole list that they saw before.

The rule of this module: one page alone is judged by the rules of pages; here two are laid side by side. A list that
somebody else changed meanwhile says nothing, and objects of one second may honestly stand in either order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assay.conformance.flows.memory import at, id_of
from assay.conformance.run_rules import run_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.conformance.flows.memory import Memory, Seen
    from assay.conformance.flows.steps import Ask
    from assay.violation import Violation

__all__ = ["first_page", "second_page"]

_TWO = 2


def first_page(*, turned: bool) -> Ask:
    """The first page of one object: the last of the whole list where it is ``turned``, and others follow."""

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        whole, name, position = _position(memory, seen)
        if name is None:
            return
        memory.ids["page"] = name
        if position is None or len(whole) < _TWO:
            return
        if at(seen.value, "has_more") is False:
            wanted = f"true, as {len(whole) - 1} more objects follow"
            yield seen.broken(run_rule("flow/pages"), ("has_more",), wanted, "false")
        if turned and position == 0:
            same = _time(whole[0]) == _time(whole[-1])
            found = seen.broken(
                run_rule("flow/order"),
                ("data", 0),
                "the last object of the list in ascending order, as order is desc",
                "the first one" + (" (all are of the same second)" if same else ""),
            )
            yield replace(found, severity="hazard" if same else "violation")

    return ask


def second_page(memory: Memory, seen: Seen) -> Iterator[Violation]:
    """The second page goes on where the first one ended."""
    whole, name, position = _position(memory, seen)
    data = at(seen.value, "data")
    if not seen.ok or len(whole) < _TWO or not isinstance(data, list) or len(data) > 1:
        return
    before = _index(whole, memory.ids.get("page"))
    if before is None:
        return
    if name is None:
        if at(seen.value, "has_more") is True:
            return  # told by the rules of pages
        yield seen.broken(run_rule("flow/pages"), ("data",), "the object after that of the first page", "an empty page")
    elif position is not None and abs(position - before) > 1 and not _tied(whole, position, before):
        got = f"the one {abs(position - before)} places on"
        yield seen.broken(run_rule("flow/pages"), ("data", 0), "the object after that of the first page", got)


def _position(memory: Memory, seen: Seen) -> tuple[list[Any], str | None, int | None]:
    """The whole list, the id of the page's object, and where that stands in the list."""
    whole = memory.lists.get(seen.step.path, [])
    data = at(seen.value, "data")
    alone = seen.ok and isinstance(data, list) and len(data) == 1  # more than one is told by the rules of pages
    name = id_of(at(data, 0, "id")) if alone else ""
    if not name:
        return whole, None, None
    return whole, name, _index(whole, name)


def _index(whole: list[Any], name: str | None) -> int | None:
    return next((number for number, item in enumerate(whole) if id_of(at(item, "id")) == name), None)


def _tied(whole: list[Any], one: int, other: int) -> bool:
    """Whether no more than a tie stands between two objects."""
    return _time(whole[one]) == _time(whole[other]) and not all(_time(item) == _time(whole[0]) for item in whole)


def _time(item: Any) -> Any:
    found = at(item, "created_at")
    return at(item, "created") if found is None else found
