"""Two descriptions, operation by operation: parameters, request bodies, responses and stream events.

The rule of this module: a part is compared in both directions, and each direction has its own readers: what is
refused now breaks callers, what could not come before breaks readers. The same cause is told once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assay.diff.differences import KINDS, Comparison, Difference
from assay.diff.pairs import paired
from assay.diff.samples import Samples
from assay.diff.sides import Side
from assay.diff.walk import Walk
from assay.errors import UsageError
from assay.violation import place
from assay.wire.styles import IGNORED_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import Literal

    from assay.diff.differences import Kind
    from assay.diff.sides import Node
    from assay.diff.walk import Found, Undecided
    from assay.model import Api, Content, Operation, Parameter
    from assay.violation import Part

    Progress = Callable[[int, int, str], None]
    Refuser = Literal["before", "after"]

__all__ = ["compare"]

_ORDER = {kind: number for number, kind in enumerate(KINDS)}


def compare(
    before: Api,
    after: Api,
    *,
    operations: Collection[str] = (),
    refused_by: Refuser | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two descriptions; ``operations`` are ids of either to which the comparison is limited.

    ``refused_by`` limits it to what that one of the two refuses, in about half the time.
    ``progress`` is told the number of operations compared, of all, and the id of the next. Raises ``UsageError`` for
    an id that neither has.
    """
    known = {one.id for api in (before, after) for one in (*api.operations, *api.webhooks)}
    if unknown := [name for name in operations if name not in known]:
        raise UsageError(f"neither description has an operation {unknown[0]!r}")
    pair = _Pair(before, after, refused_by)
    found: list[Difference] = []
    parts: list[tuple[str, str]] = []
    chosen, gone, new = paired(before.operations, after.operations)
    chosen = [(one, other) for one, other in chosen if not operations or {one.id, other.id} & {*operations}]
    for number, (one, other) in enumerate(chosen):
        if progress is not None:
            progress(number, len(chosen), other.id)
        for name, differences in pair.parts(one, other):
            parts.append((other.id, name))
            found += differences
    hooks, hooks_gone, hooks_new = paired(before.webhooks, after.webhooks)
    for one, other in hooks:
        if not operations or {one.id, other.id} & {*operations}:
            for name, differences in pair.webhook(one, other):
                parts.append((other.id, name))
                found += differences
    found += _only("operation-removed", [*gone, *hooks_gone], before, operations)
    found += _only("operation-added", [*new, *hooks_new], after, operations)
    wanted = [one for one in found if refused_by in (None, one.refused_by)]
    return Comparison(_told_once(wanted), tuple(parts), len(chosen))


def _only(kind: Kind, lone: list[Operation], api: Api, operations: Collection[str]) -> Iterator[Difference]:
    refuser: Refuser = "after" if kind == "operation-removed" else "before"
    for one in lone:
        if not operations or one.id in operations:
            expected, got = "no such operation", f"{one.method} {one.path}"
            pointer = api.shown(one.pointer)
            yield Difference(kind, one.id, "", "", expected, got, admitted=(pointer,), refused_by=refuser)


def _told_once(found: list[Difference]) -> tuple[Difference, ...]:
    """Each cause once, with the other operations that show it; the most breaking first, then by operation."""
    first: dict[Any, Difference] = {}
    for one in found:
        known = first.setdefault(one.cause, one)
        if known.operation != one.operation and one.operation not in known.also:
            first[one.cause] = replace(known, also=(*known.also, one.operation))
    return tuple(sorted(first.values(), key=lambda one: _ORDER[one.kind]))


class _Pair:
    """The two descriptions with all that was learned of them."""

    def __init__(self, before: Api, after: Api, refused_by: Refuser | None = None) -> None:
        self.before, self.after, self.refused_by = before, after, refused_by
        samples = Samples()
        old, new = Side(before, "before", "request"), Side(after, "after", "request")
        old_read, new_read = (
            Side(before, "before", "response", old.schemas),
            Side(after, "after", "response", new.schemas),
        )
        self._forward = {"request": Walk(old, new, samples), "response": Walk(old_read, new_read, samples)}
        self._backward = {"request": Walk(new, old, samples), "response": Walk(new_read, old_read, samples)}

    # --- operations -------------------------------------------------------------------------------------------------

    def parts(self, one: Operation, other: Operation) -> Iterator[tuple[str, list[Difference]]]:
        """Every part of a pair of operations, with its differences."""
        yield from self._parameters(one, other)
        yield from self._bodies(one, other, ("request-refused", "request-accepted"))
        answers, others = ({answer.status: answer for answer in each.answers} for each in (one, other))
        for status in dict.fromkeys((*answers, *others)):
            name = f"response {status}"
            if status not in others:
                pointer = self.before.shown(answers[status].pointer)
                yield name, [_named("response-gone", other.id, name, "no such response", pointer)]
            elif status not in answers:
                pointer = self.after.shown(others[status].pointer)
                yield name, [_named("response-new", other.id, name, "no such response", pointer)]
            else:
                kinds: tuple[Kind, Kind] = ("response-gone", "response-new")
                yield from self._contents(other.id, name, answers[status].contents, others[status].contents, kinds)

    def webhook(self, one: Operation, other: Operation) -> Iterator[tuple[str, list[Difference]]]:
        """A webhook's request is read by the user, as responses are."""
        yield from self._bodies(one, other, ("response-gone", "response-new"))

    def _bodies(
        self, one: Operation, other: Operation, kinds: tuple[Kind, Kind]
    ) -> Iterator[tuple[str, list[Difference]]]:
        old, new = one.body, other.body
        if old is not None and new is not None and old.required != new.required:
            kind, api, at = (kinds[0], self.after, new) if new.required else (kinds[1], self.before, old)
            lone = Difference(kind, other.id, "request", "body", "a body", "none", "required", api.shown(at.pointer))
            yield "request", [replace(lone, refused_by=_refuser(kind))]
        elif old is None and new is not None and new.required:
            pointer = self.after.shown(new.pointer)
            yield "request", [Difference(kinds[0], other.id, "request", "body", "a body", "none", "required", pointer)]
        yield from self._contents(other.id, "request", old.contents if old else (), new.contents if new else (), kinds)

    def _contents(
        self, operation: str, name: str, old: tuple[Content, ...], new: tuple[Content, ...], kinds: tuple[Kind, Kind]
    ) -> Iterator[tuple[str, list[Difference]]]:
        ours, theirs = ({content.media_type: content for content in each} for each in (old, new))
        for media in dict.fromkeys((*ours, *theirs)):
            part = f"{name} {media}"
            if media not in theirs:
                pointer = self.before.shown(ours[media].pointer)
                yield part, [_named(kinds[0], operation, part, "no such media type", pointer)]
            elif media not in ours:
                pointer = self.after.shown(theirs[media].pointer)
                yield part, [_named(kinds[1], operation, part, "no such media type", pointer)]
            else:
                yield part, list(self._content(operation, part, ours[media], theirs[media], kinds))

    def _content(
        self, operation: str, part: str, one: Content, other: Content, kinds: tuple[Kind, Kind]
    ) -> Iterator[Difference]:
        direction = "request" if kinds[0] == "request-refused" else "response"
        walk = self._forward[direction]
        if one.schema is not None and other.schema is not None:
            nodes = walk.source.root(one.schema), walk.target.root(other.schema)
            yield from self._both(direction, nodes, _Where(operation, part, "body"), kinds)
        if one.item_schema is not None and other.item_schema is not None:
            events = walk.source.event(one.item_schema), walk.target.event(other.item_schema)
            yield from self._both(direction, events, _Where(operation, part, "event"), kinds)

    # --- parameters -------------------------------------------------------------------------------------------------

    def _parameters(self, one: Operation, other: Operation) -> Iterator[tuple[str, list[Difference]]]:
        ours, theirs = _keyed(one), _keyed(other)
        for key in dict.fromkeys((*ours, *theirs)):
            old, new = ours.get(key), theirs.get(key)
            meant = new or old
            if meant is not None:
                part = f"parameter {meant.location} {meant.name}"
                yield part, list(self._parameter(other.id, part, old, new))

    def _parameter(
        self, operation: str, part: str, old: Parameter | None, new: Parameter | None
    ) -> Iterator[Difference]:
        kinds: tuple[Kind, Kind] = ("request-refused", "request-accepted")
        if new is None and old is not None:
            yield _named("parameter-removed", operation, part, "no such parameter", self.before.shown(old.pointer))
            return
        if new is not None and (old is None or new.required != old.required):
            if new.required:
                at = self.after.shown(new.pointer)
                yield Difference(kinds[0], operation, part, part, "this parameter", "none", "required", at)
            elif old is not None:
                at = self.before.shown(old.pointer)
                lone = Difference(kinds[1], operation, part, part, "this parameter", "none", "required", at)
                yield replace(lone, refused_by="before")
            else:
                pointer = self.after.shown(new.pointer)
                yield _named("parameter-added", operation, part, "no such parameter", pointer)
        if old is not None and new is not None and old.schema is not None and new.schema is not None:
            walk = self._forward["request"]
            nodes = walk.source.root(old.schema), walk.target.root(new.schema)
            yield from self._both("request", nodes, _Where(operation, part, new.location, (new.name,)), kinds)

    # --- schemas ----------------------------------------------------------------------------------------------------

    def _both(
        self, direction: str, nodes: tuple[Node, Node], where: _Where, kinds: tuple[Kind, Kind]
    ) -> Iterator[Difference]:
        walks = (self._forward[direction], self._backward[direction])
        ways: tuple[tuple[Walk, Node, Node, Kind], ...] = (
            (walks[0], nodes[0], nodes[1], kinds[0]),
            (walks[1], nodes[1], nodes[0], kinds[1]),
        )
        for walk, s, t, kind in ways:
            refuser: Refuser = "after" if walk is walks[0] else "before"
            if self.refused_by not in (None, refuser):
                continue
            result = walk.compare(s, t)
            for one in result.found:
                if not where.steps or not _read_otherwise(walk, t, one.value):
                    yield where.told(walk, one, kind, refuser)
            for open_one in result.undecided:
                yield where.undecided(walk, open_one, refuser)


class _Where:
    """Where in an operation two schemas stand."""

    def __init__(self, operation: str, part: str, at: Part | str, steps: tuple[str | int, ...] = ()) -> None:
        self.operation, self.part, self.at, self.steps = operation, part, "query" if at == "querystring" else at, steps

    def told(self, walk: Walk, one: Found, kind: Kind, refuser: Refuser) -> Difference:
        """A difference of values."""
        violation = one.violation
        return Difference(
            kind,
            self.operation,
            self.part,
            place(self.at, (*self.steps, *violation.path)),
            violation.expected,
            violation.got,
            violation.rule.removeprefix("schema/"),
            walk.target.shown(violation.pointer),
            refuser,
            tuple(walk.source.shown(judge) for judge in one.accepting),
            one.value,
            one.others,
        )

    def undecided(self, walk: Walk, one: Undecided, refuser: Refuser) -> Difference:
        """A pair of schemas that nothing decides."""
        return Difference(
            "undecided",
            self.operation,
            self.part,
            place(self.at, (*self.steps, *one.path)),
            "a proof that this schema admits all of the other, or a value that it does not",
            "neither",
            "",
            walk.target.shown(one.refusing[-1]) if one.refusing else "",
            refuser,
            tuple(walk.source.shown(judge) for judge in one.accepting),
        )


def _read_otherwise(walk: Walk, t: Node, value: Any) -> bool:
    """Whether the text in which a parameter's value is written can be read as a value that is admitted."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return isinstance(value, bool | int | float) and walk.target.ok(t, text)


def _keyed(operation: Operation) -> dict[tuple[str, str], Parameter]:
    """The parameters by location and name; those of the path by their order, since their names are not sent."""
    found: dict[tuple[str, str], Parameter] = {}
    in_path = sorted(
        (one for one in operation.parameters if one.location == "path"),
        key=lambda one: operation.path.find("{" + one.name + "}"),
    )
    for number, one in enumerate(in_path):
        found["path", str(number)] = one
    for one in operation.parameters:
        if one.location == "header" and one.name.lower() not in IGNORED_HEADERS:
            found["header", one.name.lower()] = one
        elif one.location in ("query", "querystring", "cookie"):
            found[one.location, one.name] = one
    return found


def _refuser(kind: Kind) -> Refuser:
    return "after" if kind in ("request-refused", "response-gone", "operation-removed") else "before"


def _named(kind: Kind, operation: str, part: str, expected: str, pointer: str) -> Difference:
    """A difference of names: what only one of the two has, at ``pointer`` there."""
    refuser: Refuser = "after" if kind in ("request-refused", "response-gone", "parameter-removed") else "before"
    return Difference(kind, operation, part, part, expected, "one", refused_by=refuser, admitted=(pointer,))
