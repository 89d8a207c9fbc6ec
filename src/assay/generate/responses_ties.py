"""What the whole API has in common: times, ids, sums, indexes, pages, and the names that a path brings back.

The rule of this module: it goes by names alone, for operations that have no recipe of their own; whoever asks proves
the result and keeps the untied value where the ties do not fit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.generate.responses_states import settled
from assay.generate.responses_turns import TIME
from assay.rules.pages import OLDEST_FIRST
from assay.rules.read import at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from assay.generate.responses_asked import Asked

__all__ = ["echoed", "emptied", "tied"]

_MINUTE = 60
_SUMS = (("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens"))
_COUNTS = tuple(name for pair in _SUMS for name in pair)
# Paths that act on the object before them and answer with it.
_ACTS = frozenset({"cancel", "complete", "pause", "resume", "submit_tool_outputs", "archive", "update", "reset"})


def tied(value: Any, asked: Asked) -> Any:
    """A copy of a JSON body whose parts agree with each other and with the request."""
    copy = _walked(value, "1")
    if isinstance(copy, dict):
        _page(copy, asked)
        _named(copy, asked)
        settled(copy, asked)
    return copy


def _walked(value: Any, number: str) -> Any:
    if isinstance(value, list):
        items = [_walked(item, f"{number}_{position + 1}") for position, item in enumerate(value)]
        objects = [item for item in items if isinstance(item, dict)]
        if objects and all(isinstance(item.get("index"), int) for item in objects):
            for position, item in enumerate(objects):
                item["index"] = position
        return items
    if not isinstance(value, dict):
        return value
    copy = {name: _walked(inner, number) for name, inner in value.items()}
    _times(copy)
    _sums(copy)
    if isinstance(copy.get("id"), str):
        copy["id"] = f"id_{number}"
    if isinstance(copy.get("data"), list):
        copy["data"] = [*_distinct(copy["data"])]
    return copy


def _distinct(items: list[Any]) -> Iterator[Any]:
    """Items of a page as they are; those that are created later come first, as by default."""
    for position, item in enumerate(items):
        if isinstance(item, dict):
            _times(item, TIME + _MINUTE * (len(items) - position))
        yield item


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _times(value: dict[str, Any], start: int = TIME) -> None:
    """Times in seconds; what was created first, everything else after it."""
    for name, inner in value.items():
        if _is_time(inner) and (name == "created" or name.endswith("_at")):
            value[name] = start if name in ("created", "created_at") else start + _MINUTE


def _sums(value: dict[str, Any]) -> None:
    """Counts of tokens are not negative, totals are sums, details part of their wholes."""
    for name in _COUNTS:
        if type(value.get(name)) is int:
            value[name] = abs(value[name]) % 100
            details = value.get(f"{name}_details")
            for inner, count in details.items() if isinstance(details, dict) else ():
                if type(count) is int:
                    value[f"{name}_details"][inner] = min(abs(count), value[name])
    for one, two in _SUMS:
        if "total_tokens" in value and type(value.get(one)) is int:
            value["total_tokens"] = value[one] + (value[two] if type(value.get(two)) is int else 0)


def _page(value: dict[str, Any], asked: Asked) -> None:
    """A page of a list: not longer than its limit, its first and last ids those of its items."""
    data = value.get("data")
    if not isinstance(data, list):
        return
    limit = asked.exchange.query.get("limit")
    if type(limit) is int and limit >= 0:
        del data[limit:]
    usual = "asc" if asked.operation.id in OLDEST_FIRST else "desc"
    if (asked.exchange.query.get("order") or usual) in ("asc", "ascending"):
        data.reverse()
    for name, item in (("first_id", data[:1]), ("last_id", data[-1:])):
        if name in value:
            found = at(item[0], "id") if item else None
            value[name] = found if isinstance(found, str) else value[name] and ("" if not item else value[name])
    if not data and "has_more" in value:
        value["has_more"] = False


def _named(value: dict[str, Any], asked: Asked) -> None:
    """The object that the path names is the one that comes back; so is everything else it names."""
    names = {name: text for name, text in asked.exchange.path_values.items() if isinstance(text, str)}
    sought = {name: text for name, text in asked.exchange.query.items() if isinstance(text, str)}
    for name, text in {**sought, **names}.items():
        for holder in (value, *(item for item in value.get("data") or () if isinstance(item, dict))):
            if isinstance(holder.get(name), str):
                holder[name] = text
    steps = asked.operation.path.strip("/").split("/")
    if steps and steps[-1] in _ACTS:
        steps.pop()
    last = steps[-1].strip("{}") if steps and steps[-1].startswith("{") else ""
    if last in names and isinstance(value.get("id"), str):
        value["id"] = names[last]


def echoed(value: Any, asked: Asked, admits: Callable[[str, Any], bool]) -> Any:
    """A copy of an object that tells again what the request set, where it declares and admits the same property."""
    if not isinstance(value, dict) or not isinstance(asked.body, dict):
        return value
    told = {name: given for name, given in asked.body.items() if name not in _OWN and admits(name, given)}
    return {**value, **told}


def emptied(value: Any) -> Any:
    """A page without objects: the answer to whoever seeks what there cannot be."""
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        return value
    none = {"data": [], "has_more": False}
    none |= {name: value.get(name) and "" for name in ("first_id", "last_id")}
    return {**value, **{name: end for name, end in none.items() if name in value}}


_OWN = frozenset({"id", "object", "status", "usage", "created_at", "created", "data", "output", "deleted", "type"})
