"""Faults of lists that come page by page.

The rule of this module: each page alone keeps its schema, but for the one that says otherwise.
"""

from __future__ import annotations

from functools import partial

from assay.reference.faults.edits import all_of, drop, each, listed, put
from assay.reference.faults.fault import Fault, Sends, Tells, Unenforced, asking

__all__ = ["FAULTS"]

_fault = partial(Fault, group="pagination")


def _one_more(pairs: dict[str, str]) -> None:
    if "limit" in pairs:
        pairs["limit"] = str(int(float(pairs["limit"])) + 1)


FAULTS = (
    _fault("limit-ignored", "Lists ignore limit.", Sends("list*", asking(lambda pairs: pairs.pop("limit", None)))),
    _fault("limit-one-more", "Lists give one more than limit.", Sends("list*", asking(_one_more))),
    _fault("after-ignored", "Lists ignore after, and begin again.",
           Sends("list*", asking(lambda pairs: pairs.pop("after", None)))),
    _fault("before-ignored", "Lists ignore before.", Sends("list*", asking(lambda pairs: pairs.pop("before", None)))),
    _fault("order-ignored", "Lists ignore order.", Sends("list*", asking(lambda pairs: pairs.pop("order", None)))),
    _fault("purpose-ignored", "The list of files ignores purpose.",
           Sends("listFiles", asking(lambda pairs: pairs.pop("purpose", None)))),
    _fault("has-more-always", "Lists always have more.", Tells("list*", put("has_more", new=True))),
    _fault("has-more-never", "Lists never have more.", Tells("list*", put("has_more", new=False))),
    _fault("has-more-missing", "Lists do not say whether they have more.", Tells("list*", drop("has_more"))),
    _fault("ends-swapped", "The first_id and the last_id of lists are swapped.",
           Tells("list*", lambda value, _asked: {**value, "first_id": value["last_id"], "last_id": value["first_id"]}
                 if "first_id" in value else value)),
    _fault("last-id-stale", "The last_id of a list is that of the item before the last.",
           Tells("list*", lambda value, _asked: {**value, "last_id": value["data"][-2]["id"]}
                 if "last_id" in value and len(value["data"]) > 1 else value)),
    _fault("lists-empty", "Lists are empty.",
           Tells("list[!M]*", all_of(listed(lambda _old: []), put("has_more", new=False)))),
    _fault("items-twice", "Lists have their items twice.", Tells("list[!M]*", each("data", lambda old: old + old))),
    _fault("limit-unbounded", "Lists take any limit.", Unenforced("list*", "limit", "schema/maximum schema/minimum")),
    _fault("order-unchecked", "Lists take any order.", Unenforced("list*", "order", "schema/enum")),
    _fault("list-object-foreign", "The object of a list is page.", Tells("list*", put("object", "page"))),
)  # fmt: skip
