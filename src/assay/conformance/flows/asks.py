"""What flows ask of the objects that they made: is it there, as it was made, listed, changed, gone.

The rule of this module: each ask is one sentence of the rules of a run, speaks only of what this run made itself, and
never raises, whatever a target sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.conformance.checks import NOT_FOUND, absent, words
from assay.conformance.flows.memory import at, id_of
from assay.conformance.flows.sameness import differences
from assay.conformance.run_rules import run_rule
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from assay.conformance.flows.memory import Memory, Seen
    from assay.conformance.flows.steps import Ask
    from assay.violation import Violation

__all__ = [
    "agrees",
    "bytes_of",
    "cancelled",
    "gone",
    "lacks",
    "lists",
    "only",
    "over",
    "refused",
    "route",
    "shows",
    "some",
    "there",
]

_OWN = ("metadata", "attributes")  # told as any difference
_TOLD = 3  # places of one object
_DEFAULT = 20  # objects that a page may have where nothing says whether others follow
_ENDED = ("deleted", "deleting", "cancelled", "expired")
_GOING = frozenset(("queued", "validating", "validating_files", "in_progress", "running", "pending", "finalizing"))
_SUCCEEDED = ("succeeded", "completed")
_WORDS = 4  # of a refusal, by which a missing route is known


def route(said: str) -> str:
    """How a refusal begins, without what may be a path or an id."""
    return " ".join(word for word in said.split() if word.isalpha())[: _WORDS * 10].lower()


def there(name: str) -> Ask:
    """What was created under this name can be retrieved, where retrieving is served at all."""

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        if name not in memory.ids or seen.response.status != NOT_FOUND or absent(seen.exchange):
            return
        if memory.nowhere and route(words(seen.response)) == memory.nowhere:
            return  # nothing is served at this path
        wanted, got = "the object that was created with this id", "status 404"
        yield seen.broken(run_rule("flow/retrievable"), (), wanted, got, part="response")

    return ask


def agrees(name: str, own: Iterable[str] = ()) -> Ask:
    """What is shown is what was shown under this name before; what was sent as its ``own`` is not lost."""

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        before = memory.shown.get(name)
        if not seen.ok:
            return
        yield from _unlike(seen, before, seen.value, (), "flow/retrieve-agrees")
        for field in own:
            if at(before, field) is not None and at(seen.value, field) is None and field not in _OWN:
                wanted = f"what was shown before: {describe(at(before, field))}"
                yield seen.broken(run_rule("flow/retrieve-agrees"), (field,), wanted, "none")

    return ask


def _unlike(seen: Seen, before: Any, now: Any, path: tuple[str | int, ...], rule: str) -> Iterator[Violation]:
    for number, place in enumerate(differences(before, now)):
        if number < _TOLD:
            wanted = f"what was shown before: {describe(at(before, *place))}"
            yield seen.broken(run_rule(rule), (*path, *place), wanted, _other(at(before, *place), at(now, *place)))


def _other(before: Any, now: Any) -> str:
    same = describe(before) == describe(now)
    return f"another one ({describe(now)})" if same else describe(now)


def shows(change: dict[str, Any], name: str = "") -> Ask:
    """The object shows the new values; under ``name`` they are remembered."""

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        if not seen.ok or not isinstance(seen.value, dict):
            return
        for field, wanted in change.items():
            if field not in seen.value or any(True for _ in differences({field: wanted}, {field: seen.value[field]})):
                got = _other(wanted, seen.value[field]) if field in seen.value else "none"
                yield seen.broken(run_rule("flow/updated"), (field,), f"the new value ({describe(wanted)})", got)
        if name and id_of(at(seen.value, "id")) == memory.ids.get(name):
            memory.shown[name] = {**seen.value, **change}

    return ask


def lists(*names: str) -> Ask:
    """The list holds what was created under these names, and shows it as it is; the list is remembered."""

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        data = at(seen.value, "data")
        if not seen.ok or not isinstance(data, list):
            return
        more = at(seen.value, "has_more")
        whole = more is False or (more is None and len(data) < _DEFAULT)
        memory.lists.pop(seen.step.path, None)
        memory.ids.pop("last", None)
        if more is True and data and len(data) < _DEFAULT:
            memory.ids["last"] = id_of(at(data, -1, "id"))
        if whole:
            memory.lists[seen.step.path] = data
        entries = {id_of(at(item, "id")): number for number, item in enumerate(data)}
        for name in names:
            id_ = memory.ids.get(name)
            if id_ in entries:
                number = entries[id_]
                yield from _unlike(seen, memory.shown.get(name), data[number], ("data", number), "flow/listed")
            elif id_ is not None and whole:
                got = f"a list of {len(data)} without it"
                yield seen.broken(run_rule("flow/listed"), ("data",), "the object that was created", got)

    return ask


def only(field: str, wanted: str) -> Ask:
    """The list holds nothing but objects of the kind that was asked for."""

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        _ = memory
        data = at(seen.value, "data")
        if not seen.ok or not isinstance(data, list):
            return
        other = next((number for number, item in enumerate(data) if at(item, field) not in (None, wanted)), None)
        if other is not None:
            yield seen.broken(run_rule("flow/listed"), ("data", other, field), f"{wanted}, as was asked", "another one")

    return ask


def lacks(name: str) -> Ask:
    """The list no longer holds what was deleted."""

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        data = at(seen.value, "data")
        if not seen.ok or not isinstance(data, list):
            return
        for number, item in enumerate(data):
            if id_of(at(item, "id")) == memory.ids.get(name):
                got = "the object that was deleted"
                yield seen.broken(run_rule("flow/deleted"), ("data", number), "objects that are there", got)

    return ask


def gone(memory: Memory, seen: Seen) -> Iterator[Violation]:
    """What was deleted is refused."""
    _ = memory
    if seen.ok and at(seen.value, "deleted") is not True and at(seen.value, "status") not in _ENDED:
        wanted = "status 404: the object was deleted"
        yield seen.broken(run_rule("flow/deleted"), (), wanted, f"status {seen.response.status}", part="response")


def refused(what: str, rule: str = "flow/ended") -> Ask:
    """An order is refused: one to what has ended, unless another rule says why."""

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        _ = memory
        if seen.ok:
            got = f"status {seen.response.status}"
            yield seen.broken(run_rule(rule), (), f"a refusal (4xx): {what}", got, part="response")

    return ask


def cancelled(memory: Memory, seen: Seen) -> Iterator[Violation]:
    """What was cancelled has ended, or is about to."""
    _ = memory
    status = at(seen.value, "status")
    if seen.ok and isinstance(status, str) and status in _GOING:
        yield seen.broken(run_rule("flow/cancelled"), ("status",), "cancelled, or cancelling", status)


def some(name: str) -> Ask:
    """The list of what happened to an object that has ended is not empty."""

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        if seen.ok and at(seen.value, "data") == [] and at(memory.shown.get(name), "status") in _SUCCEEDED:
            wanted = "the events of a job that has ended"
            yield seen.broken(run_rule("flow/events"), ("data",), wanted, "an empty list")

    return ask


def over(ended: frozenset[str]) -> Ask:
    """Work that takes seconds was waited for, and has ended."""

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        _ = memory
        status = at(seen.value, "status")
        if seen.ok and isinstance(status, str) and status in _GOING - ended:
            wanted = "an end of this work while a client waits for it"
            yield seen.broken(run_rule("flow/unfinished"), ("status",), wanted, status)

    return ask


def bytes_of(data: bytes) -> Ask:
    """The content is what was sent."""

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        _ = memory
        if seen.ok and seen.response.body != data:
            body = seen.response.body
            got = f"{len(body)} bytes" if len(body) != len(data) else f"{len(body)} other bytes"
            wanted = f"the {len(data)} bytes that were sent"
            yield seen.broken(run_rule("flow/bytes"), (), wanted, got)

    return ask
