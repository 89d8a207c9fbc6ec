"""The life of one resource as steps: made, retrieved, listed, paged through, changed, deleted, and gone.

The rule of this module: it knows no resource, and asks only for operations that the description has. The first object
lives on for others; the second one is there to be listed beside it, and to be deleted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.conformance.flows.asks import agrees, cancelled, gone, lacks, lists, shows, there
from assay.conformance.flows.paging import first_page, follows, second_page, turned
from assay.conformance.flows.steps import MADE, Flow, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from assay.conformance.flows.steps import Ask, Index

__all__ = ["METADATA", "Resource", "first_life", "pages", "second_life", "stopped"]

METADATA: dict[str, Any] = {"metadata": {"assay": "changed", "flow": "yes"}}
"""The change that most resources take."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource: the ``path`` of its collection, and the ``name`` of its id in the path of one object.

    ``body`` or ``form`` make an object, ``again`` the second one where it differs, and ``plain`` one with less where
    ``body`` is refused; ``change`` is what may be changed. A ``paged`` list is looked at page by page even where
    requests are scarce.
    """

    path: str
    name: str
    body: Any = None
    form: Mapping[str, Any] | None = None
    again: Any = None
    change: dict[str, Any] = field(default_factory=lambda: METADATA)
    made_at: tuple[str | int, ...] = MADE
    plain: Any = None
    paged: bool = False

    @property
    def item(self) -> str:
        """The path of the first object."""
        return f"{self.path}/{{{self.name}}}"

    @property
    def other(self) -> str:
        """The path of the second object."""
        return f"{self.path}/{{{self.name} again}}"


def first_life(resource: Resource) -> Flow:
    """One object is made and retrieved."""
    make = Step(
        "POST",
        resource.path,
        body=resource.body,
        form=resource.form,
        keep=resource.name,
        keep_at=resource.made_at,
        plain=resource.plain,
    )
    own = [*resource.body] if isinstance(resource.body, dict) else []
    asks = (there(resource.name), agrees(resource.name, own=own))
    return Flow(resource.path, (make, Step("GET", resource.item, asks=asks)))


def second_life(resource: Resource, index: Index) -> Flow:
    """Two objects are listed, the first is changed, and the second deleted."""
    steps: list[Step] = []
    listed = index.get("GET", resource.path) is not None
    deleted = index.get("DELETE", resource.item) is not None
    name, again = resource.name, f"{resource.name} again"
    steps += _changed(resource, listed=listed)
    if listed or deleted:
        body = resource.body if resource.again is None else resource.again
        firm = resource.again is not None
        steps += [
            Step("POST", resource.path, body=body, form=resource.form, keep=again, keep_at=resource.made_at, firm=firm)
        ]
    if listed:
        ordered = index.declares("GET", resource.path, "order")
        steps += pages(resource.path, name, again, ordered=ordered, spare=not resource.paged)
    if deleted:
        mark = f"{again} deleted"
        steps += [Step("DELETE", resource.other, mark=mark)]
        steps += [Step("GET", resource.other, needs=(mark,), asks=(gone,), gone=True)]
        if listed:
            asks, query = (lacks(again), turned), {"limit": "100", "order": "desc"}
            steps += [Step("GET", resource.path, query=query, needs=(mark,), asks=asks, spare=not resource.paged)]
    elif index.get("POST", f"{resource.item}/cancel") is not None:
        steps += stopped(f"{resource.other}/cancel", resource.other)
    return Flow(resource.path, tuple(steps))


def stopped(order: str, item: str, *asks: Ask) -> tuple[Step, Step]:
    """An object is told to stop, and looked at; ``asks`` judge the answer to the order."""
    told = Step("POST", order, mark=f"{item} stopped", asks=asks)
    return told, Step("GET", item, needs=(f"{item} stopped",), asks=(cancelled,))


def _changed(resource: Resource, *, listed: bool) -> Iterator[Step]:
    """The first object is changed, and looked at, if no list shows it later."""
    if resource.change:
        asks = (shows(resource.change, resource.name),)
        mark = f"{resource.name} changed"
        yield Step("POST", resource.item, body=resource.change, asks=asks, mark=mark)
        if not listed:
            yield Step("GET", resource.item, needs=(mark,), asks=asks)


def pages(
    path: str, *names: str, ordered: bool = False, spare: bool = True, asks: tuple[Ask, ...] = ()
) -> Iterator[Step]:
    """The whole list with the named objects, two pages of one in the same order, and what comes before the last.

    All but the whole list, which ``asks`` judge too, is ``spare``, unless told otherwise.
    """
    turn = {"order": "asc"} if ordered else {}
    one = {"limit": "1", **turn}
    yield Step("GET", path, query={"limit": "100", **turn}, needs=names[:1], asks=(lists(*names), *asks))
    yield Step("GET", path, cursor=one, needs=names, asks=(first_page,), spare=spare)
    yield Step("GET", path, cursor={**one, "after": "{page}"}, needs=names, asks=(second_page,), spare=spare)
    if len(names) > 1:
        last = {**turn, "before": "{" + names[-1] + "}"}
        yield Step("GET", path, cursor=last, needs=names, spare=spare)
    yield Step("GET", path, cursor={**turn, "after": "{last}"}, asks=(follows,), spare=spare)
