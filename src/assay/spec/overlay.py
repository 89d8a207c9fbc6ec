"""OAI Overlay Specification 1.0 and 1.1: changes to a description, written as data and applied as told.

The rule of this module: the description that comes in is never changed. An edit copies the containers on the
way from the root to the place, once each, and shares all the rest, so that a large document costs what is
changed in it. Targets are RFC 9535 JSONPath: leading plain steps (``$.a['b'][0]``) are walked directly, whatever
follows them is left to the library.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.errors import OverlayError
from assay.model import Repair

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    import jsonpath_rfc9535 as jsonpath

__all__ = ["Action", "Overlay", "Query", "apply", "parse_overlay"]

Location = tuple[str | int, ...]

_VERSION = re.compile(r"1\.[01]\.\d+")
# One plain step of RFC 9535: a dotted name, a quoted name without escapes, or an index that surely is in range.
_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_\u0080-\ud7ff\ue000-\U0010ffff][A-Za-z0-9_\u0080-\ud7ff\ue000-\U0010ffff]*)"
    r"|\['(?P<single>[^'\\\x00-\x1f]*)'\]"
    r'|\["(?P<double>[^"\\\x00-\x1f]*)"\]'
    r"|\[(?P<index>0|[1-9][0-9]{0,14})\]"
)
_INFO_FIELDS = {"1.0": {"title", "version"}, "1.1": {"title", "version", "description"}}
_ACTION_FIELDS = {
    "1.0": {"target", "description", "update", "remove"},
    "1.1": {"target", "description", "update", "remove", "copy"},
}


@dataclass(frozen=True, slots=True)
class Query:
    """A JSONPath query: ``steps`` lead from the root, ``rest`` (if any) selects below the node they reach."""

    text: str
    steps: Location
    rest: jsonpath.JSONPathQuery | None = None

    def locations(self, document: Any) -> list[Location]:
        """Return where the selected nodes are, in the query's order, each once."""
        node = document
        for step in self.steps:
            known = step in node if isinstance(node, dict) else isinstance(node, list) and _is_index(step, node)
            if not known:
                return []
            node = node[step]
        if self.rest is None:
            return [self.steps]
        return list(dict.fromkeys((*self.steps, *found.location) for found in self.rest.find(node)))


@dataclass(frozen=True, slots=True)
class Action:
    """One action. ``kind`` is ``update``, ``remove``, ``copy`` or ``nothing`` (an action without a modifier is legal).

    ``value`` is what to merge or, for a copy, the Query of its source; ``pointer`` is the place in the overlay.
    """

    target: Query
    kind: str
    value: Any
    reason: str
    pointer: str


@dataclass(frozen=True, slots=True)
class Overlay:
    """An overlay document, read. ``source`` names it in messages; ``version`` is ``1.0`` or ``1.1``."""

    source: str
    version: str
    title: str
    actions: tuple[Action, ...]
    extends: str | None = None


def parse_overlay(value: Any, source: str) -> Overlay:
    """Read an overlay document from its JSON value; raise OverlayError with the pointer of the first mistake."""
    root = _object(value, source, "#", "an overlay document")
    text = _text(root, "overlay", source, "#")
    if not _VERSION.fullmatch(text):
        raise OverlayError(
            f"overlay version {text!r} is not supported; write 1.0.0 or 1.1.0", source=source, pointer="#/overlay"
        )
    version = text[:3]
    _known(root, {"overlay", "info", "extends", "actions"}, source, "#")
    info = _object(root.get("info"), source, "#/info", "info")
    _known(info, _INFO_FIELDS[version], source, "#/info")
    title = _text(info, "title", source, "#/info")
    _text(info, "version", source, "#/info")
    extends = _text(root, "extends", source, "#") if "extends" in root else None
    actions = root.get("actions")
    if not isinstance(actions, list) or not actions:
        raise OverlayError("expected a list of at least one action", source=source, pointer="#/actions")
    read = tuple(_action(action, f"#/actions/{number}", source, version) for number, action in enumerate(actions))
    return Overlay(source, version, title, read, extends)


def apply(document: Any, overlay: Overlay) -> tuple[Any, tuple[Repair, ...]]:
    """Apply every action in order, each to the result of the one before.

    Returns the changed document, which shares what was not changed with the given one (and nothing with the
    overlay), and one Repair for each action: ``applied`` is False when its target selected nothing.
    """
    draft = _Draft(document)
    repairs = []
    for action in overlay.actions:
        try:
            count = _perform(draft, action, overlay)
        except _Misfit as misfit:
            raise OverlayError(str(misfit), source=overlay.source, pointer=f"{action.pointer}/{action.kind}") from None
        except (_jsonpath().JSONPathError, RecursionError):
            raise OverlayError(
                "the description is nested too deeply for this action", source=overlay.source, pointer=action.pointer
            ) from None
        by = f"{overlay.source}{action.pointer}"
        repairs.append(Repair(by, action.target.text, action.reason, count=count, applied=count > 0))
    return draft.root, tuple(repairs)


class _Misfit(Exception):  # noqa: N818  a value that does not fit the selected node; becomes an OverlayError
    """A value cannot be merged into the node that the target selects."""


class _Draft:
    """A document that is being changed: copies a container the first time something inside it changes."""

    def __init__(self, document: Any) -> None:
        self.root = document
        # id -> container made here. Holding the container keeps its id from being used again.
        self._own: dict[int, Any] = {}

    def get(self, location: Location) -> Any:
        """Return the node at a location that exists."""
        node = self.root
        for step in location:
            node = node[step]
        return node

    def open(self, location: Location) -> Any:
        """Return the container at a location, safe to change."""
        self.root = node = self._mine(self.root)
        for step in location:
            node[step] = child = self._mine(node[step])
            node = child
        return node

    def put(self, location: Location, value: Any) -> None:
        """Replace the node at a location; ``value`` is shared and, if changed later, copied then."""
        if not location:
            self.root = value
            return
        self.open(location[:-1])[location[-1]] = value

    def _mine(self, node: Any) -> Any:
        if id(node) in self._own:
            return node
        fresh = node.copy()
        self._own[id(fresh)] = fresh
        return fresh


def _perform(draft: _Draft, action: Action, overlay: Overlay) -> int:
    """Carry out one action; return how many nodes its target selected."""
    found = action.target.locations(draft.root)
    if action.kind == "nothing" or not found:
        return len(found)
    if action.kind == "remove":
        _remove(draft, found)
        return len(found)
    value = action.value
    if action.kind == "copy":
        value = _copied(draft, action.value)
    nodes = [draft.get(location) for location in found]
    if len({_kind(node) for node in nodes}) > 1:
        raise _Misfit("the target selects nodes of different kinds; select only objects, arrays or primitive values")
    # In 1.0 a value for an array is always one entry; since 1.1 an array is concatenated.
    one_entry = overlay.version == "1.0"
    for location in found:
        # Each place gets its own copy: what reads the result may change it in place.
        _update(draft, location, _deep(value), one_entry=one_entry)
    return len(found)


def _copied(draft: _Draft, query: Query) -> Any:
    """Return the one node that a ``copy`` selects."""
    sources = query.locations(draft.root)
    if len(sources) != 1:
        raise _Misfit(f"copy must select exactly one node, and selects {len(sources)}")
    return draft.get(sources[0])


def _remove(draft: _Draft, locations: Iterable[Location]) -> None:
    """Remove nodes: inner before outer and, in one array, last before first, so that no location shifts."""
    for location in sorted(locations, key=_removal_order):
        if not location:
            raise _Misfit("the whole document cannot be removed")
        del draft.open(location[:-1])[location[-1]]


def _removal_order(location: Location) -> tuple[int, int]:
    last = location[-1] if location else 0
    return -len(location), -last if isinstance(last, int) else 0


def _update(draft: _Draft, location: Location, value: Any, *, one_entry: bool) -> None:
    """Merge a value into one selected node."""
    node = draft.get(location)
    kind = _kind(node)
    if kind == "an array":
        entries = value if isinstance(value, list) and not one_entry else [value]
        draft.open(location).extend(entries)
    elif kind != _kind(value):
        raise _Misfit(f"the target selects {kind}, so the value must be {kind} too, not {_kind(value)}")
    elif kind == "an object":
        draft.put(location, _merged(node, value, location))
    else:
        draft.put(location, value)


def _merged(node: dict[str, Any], value: dict[str, Any], location: Location) -> dict[str, Any]:
    """Return an object with ``value`` merged in; neither argument is changed, untouched parts are shared."""
    result = node.copy()
    for name, new in value.items():
        if name not in result:
            result[name] = new
            continue
        old = result[name]
        kind = _kind(old)
        if kind != _kind(new):
            where = "/".join(str(step) for step in (*location, name))
            raise _Misfit(f"{_kind(new)} cannot be merged into {kind} at {where}; remove it first")
        if kind == "an object":
            result[name] = _merged(old, new, (*location, name))
        elif kind == "an array":
            result[name] = old + new
        else:
            result[name] = new
    return result


def _kind(node: Any) -> str:
    if isinstance(node, dict):
        return "an object"
    return "an array" if isinstance(node, list) else "a primitive value"


def _deep(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _deep(child) for name, child in node.items()}
    return [_deep(child) for child in node] if isinstance(node, list) else node


def _is_index(step: str | int, node: list[Any]) -> bool:
    return isinstance(step, int) and step < len(node)


def _action(value: Any, pointer: str, source: str, version: str) -> Action:
    """Read one action; what it does is settled here: ``remove`` wins over ``update``, as the specification says."""
    action = _object(value, source, pointer, "an action")
    _known(action, _ACTION_FIELDS[version], source, pointer)
    target = _query(action, "target", source, pointer)
    remove = action.get("remove", False)
    if not isinstance(remove, bool):
        raise OverlayError("expected true or false", source=source, pointer=f"{pointer}/remove")
    reason = _text(action, "description", source, pointer).strip() if "description" in action else ""
    copied = _query(action, "copy", source, pointer) if "copy" in action else None
    if copied is not None and "update" in action and not remove:
        raise OverlayError("an action has either update or copy, not both", source=source, pointer=pointer)
    kind, new = "nothing", None
    if remove:
        kind = "remove"
    elif copied is not None:
        kind, new = "copy", copied
    elif "update" in action:
        kind, new = "update", action["update"]
    return Action(target, kind, new, reason or f"{kind} asked for by the overlay {source}", pointer)


def _query(action: Mapping[str, Any], name: str, source: str, pointer: str) -> Query:
    """Read a JSONPath query: plain steps from the front, the rest by the library."""
    text = _text(action, name, source, pointer)
    steps: list[str | int] = []
    position = 1 if text.startswith("$") else 0
    while position and (step := _STEP.match(text, position)):
        index = step["index"]
        steps.append(step[step.lastgroup or 0] if index is None else int(index))
        position = step.end()
    if position and position == len(text):
        return Query(text, tuple(steps))
    # A "$" further on may be the root inside a filter: then the whole query starts at the root.
    if "$" in text[position:]:
        steps, position = [], 1 if text.startswith("$") else 0
    compiled = _compile(f"${text[position:]}" if position else text)
    if isinstance(compiled, str):
        raise OverlayError(f"not a JSONPath query of RFC 9535: {compiled}", source=source, pointer=f"{pointer}/{name}")
    return Query(text, tuple(steps), compiled)


def _compile(text: str) -> jsonpath.JSONPathQuery | str:
    """Compile a query, or return what is wrong with it."""
    library = _jsonpath()
    try:
        query: jsonpath.JSONPathQuery = library.compile(text)
    except (library.JSONPathError, RecursionError) as error:
        return str(error.args[0]) if error.args else "it cannot be read"
    return query


def _jsonpath() -> ModuleType:
    """Import the library when an overlay is read: most starts find the description in the cache."""
    import jsonpath_rfc9535  # noqa: PLC0415

    return jsonpath_rfc9535


def _object(value: Any, source: str, pointer: str, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise OverlayError(f"expected {what} as an object", source=source, pointer=pointer)
    return value


def _text(holder: Mapping[str, Any], name: str, source: str, pointer: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str):
        found = "nothing" if name not in holder else type(value).__name__
        raise OverlayError(f"expected a string, got {found}", source=source, pointer=f"{pointer}/{name}")
    return value


def _known(holder: Mapping[str, Any], names: set[str], source: str, pointer: str) -> None:
    """Refuse a field that the specification does not define: a misspelt one would do nothing, silently."""
    for name in holder:
        if name not in names and not str(name).startswith("x-"):
            raise OverlayError(
                f"unknown field {name!r}; known are {', '.join(sorted(names))}", source=source, pointer=pointer
            )
