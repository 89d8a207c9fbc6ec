"""Which operation a request is for: method and target in, operation and raw path values out.

The rule of this module: nothing is decoded and nothing is guessed silently. A concrete path wins over a template,
an exact match over one behind a gateway's mount prefix, and a path that differs only by its trailing slash is no
match: it is told as a hint.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from assay.model import Operation

__all__ = ["Route", "Router"]

_VARIABLE = re.compile(r"\{([^{}/]*)\}")
_AUTHORITY = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*")
# A path may repeat a base path (/v1/v1/v1/...); so many places are tried as the end of a mount prefix.
_MOUNTS_TRIED = 8


@dataclass(frozen=True, slots=True)
class Route:
    """What a target leads to.

    ``operation`` is None when no operation has this path and method. ``path_values`` are as sent, still
    percent-encoded. ``allowed`` are the methods that exist for this path, sorted; empty when the path is unknown.
    ``hint`` is a path that would have matched (it differs by a trailing slash), or empty.
    """

    operation: Operation | None
    path_values: Mapping[str, str] = field(default_factory=dict)
    allowed: tuple[str, ...] = ()
    hint: str = ""


@dataclass(slots=True)
class _Leaf:
    """The operations of one path, by method; each with the names of its variables, in order."""

    operations: dict[str, tuple[Operation, tuple[str, ...]]] = field(default_factory=dict)


@dataclass(slots=True)
class _Node:
    """One place in the tree of path segments."""

    literals: dict[str, _Node] = field(default_factory=dict)
    templates: list[tuple[str, re.Pattern[str], _Node]] = field(default_factory=list)
    leaf: _Leaf | None = None


class Router:
    """All paths of a description, ready to be matched."""

    __slots__ = ("_bases", "_static", "_tree", "_twins")

    def __init__(self, operations: Iterable[Operation]) -> None:
        # What is told from its twin by its query stands last, so that the plain request finds the plain operation.
        operations = sorted(operations, key=lambda operation: bool(operation.query))
        self._twins = _twins(operations)
        leaves: dict[str, _Leaf] = {}
        self._tree = _Node()
        self._bases = sorted({b for o in operations for b in map(_base, o.bases) if b}, key=len, reverse=True)
        # Paths with their base first: where one operation's bare path is another's full path, the full path wins.
        for operation in operations:
            for base in map(_base, operation.bases):
                self._add(leaves, base + operation.path, operation)
        for operation in operations:
            self._add(leaves, operation.path, operation)
        self._static: dict[str, dict[str, Route]] = {path: self._routes(path, leaf) for path, leaf in leaves.items()}

    def find(self, method: str, target: str) -> Route:
        """Find the operation for a method (any case) and a target: a path with optional query, or an absolute URL."""
        routes = self._static.get(target)
        if routes is not None:
            route = routes.get(method)
            if route is not None:
                return route
        path = _path(target)
        method = method.upper()
        route = self._match(method, path) or self._behind_mount(method, path)
        if route is not None:
            return self._told_by_query(route, target) if self._twins and "?" in target else route
        other = path[:-1] if path.endswith("/") else f"{path}/"
        found = self._match(method, other) or self._behind_mount(method, other)
        return Route(None, hint=other if found is not None and found.operation is not None else "")

    def _told_by_query(self, route: Route, target: str) -> Route:
        """The route of the twin whose fixed query parameters the target has, or the route itself."""
        twins = self._twins.get(route.operation.id, ()) if route.operation is not None else ()
        given = parse_qsl(target.partition("#")[0].partition("?")[2], keep_blank_values=True) if twins else []
        for twin in twins:
            if set(twin.query) <= set(given):
                return replace(route, operation=twin)
        return route

    def _add(self, leaves: dict[str, _Leaf], path: str, operation: Operation) -> None:
        path = path.partition("?")[0]
        names = tuple(_VARIABLE.findall(path))
        leaf = self._leaf(path) if names else leaves.setdefault(path, _Leaf())
        leaf.operations.setdefault(operation.method, (operation, names))

    def _leaf(self, path: str) -> _Leaf:
        """The leaf of a templated path, made where it is missing."""
        node = self._tree
        for segment in path.split("/"):
            if "{" not in segment:
                node = node.literals.setdefault(segment, _Node())
                continue
            key = _VARIABLE.sub("{}", segment)
            known = next((child for shape, _, child in node.templates if shape == key), None)
            if known is None:
                known = _Node()
                node.templates.append((key, _pattern(segment), known))
                node.templates.sort(key=lambda t: -len(t[0]))  # the more of it is literal, the sooner it is tried
            node = known
        if node.leaf is None:
            node.leaf = _Leaf()
        return node.leaf

    def _routes(self, path: str, leaf: _Leaf) -> dict[str, Route]:
        """Ready answers for a path without variables."""
        allowed = self._allowed([leaf, *(other for other, _ in self._templated(path))])
        routes = {method: Route(operation, {}, allowed) for method, (operation, _) in leaf.operations.items()}
        if "GET" in routes:
            routes.setdefault("HEAD", routes["GET"])
        return routes

    def _match(self, method: str, path: str) -> Route | None:
        """The route of a path as it stands; a route without operation when only other methods exist."""
        routes = self._static.get(path)
        if routes is not None and method in routes:
            return routes[method]
        templated = self._templated(path)
        found = [leaf for leaf, _ in templated]
        allowed = next(iter(routes.values())).allowed if routes else self._allowed(found)
        if not allowed:
            return None
        for leaf, values in templated:
            entry = leaf.operations.get(method) or (leaf.operations.get("GET") if method == "HEAD" else None)
            if entry is not None:
                return Route(entry[0], dict(zip(entry[1], values, strict=True)), allowed)
        return Route(None, {}, allowed)

    def _behind_mount(self, method: str, path: str) -> Route | None:
        """The route of the part of a path that begins with a base path."""
        for base in self._bases:
            start = path.find(f"{base}/", 1)
            for _ in range(_MOUNTS_TRIED):
                if start < 0:
                    break
                route = self._match(method, path[start:])
                if route is not None:
                    return route
                start = path.find(f"{base}/", start + 1)
        return None

    def _templated(self, path: str) -> list[tuple[_Leaf, tuple[str, ...]]]:
        """Every templated path that matches, most concrete first, with the values of its variables."""
        level: list[tuple[_Node, tuple[str, ...]]] = [(self._tree, ())]
        for segment in path.split("/"):
            following: list[tuple[_Node, tuple[str, ...]]] = []
            for node, values in level:
                if segment in node.literals:
                    following.append((node.literals[segment], values))
                for _, pattern, child in node.templates:
                    matched = pattern.fullmatch(segment)
                    if matched is not None:
                        following.append((child, values + matched.groups()))
            if not following:
                return []
            level = following
        return [(node.leaf, values) for node, values in level if node.leaf is not None]

    @staticmethod
    def _allowed(leaves: Iterable[_Leaf]) -> tuple[str, ...]:
        methods = {method for leaf in leaves for method in leaf.operations}
        return tuple(sorted(methods | {"HEAD"} if "GET" in methods else methods))


def _twins(operations: Sequence[Operation]) -> dict[str, list[Operation]]:
    """By the id of the operation that a path and method find first: those told from it by their query."""
    first: dict[tuple[str, str], str] = {}
    twins: dict[str, list[Operation]] = {}
    for operation in operations:
        owner = first.setdefault((operation.method, _VARIABLE.sub("{}", operation.path)), operation.id)
        if operation.query and owner != operation.id:
            twins.setdefault(owner, []).append(operation)
    return twins


def _base(base: str) -> str:
    return base.rstrip("/")


def _path(target: str) -> str:
    """The path of a target, without scheme, authority, query and fragment."""
    if not target.startswith("/"):
        target = _AUTHORITY.sub("", target, count=1)
    return target.partition("?")[0].partition("#")[0] or "/"


def _pattern(segment: str) -> re.Pattern[str]:
    """The pattern of one segment with variables; atomic up to the last one, so that matching is linear."""
    parts = _VARIABLE.split(segment)[::2]
    text = re.escape(parts[0])
    for literal in parts[1:-1]:
        text += f"(?>([^/]+?){re.escape(literal)})"
    return re.compile(f"{text}([^/]+){re.escape(parts[-1])}")
