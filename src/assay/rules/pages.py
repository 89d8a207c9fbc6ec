"""Rules of lists that come page by page, one family for every list of the API.

The rule of this module: it reads the envelope of a page and the ids and times of its objects, whatever they are; a
list without ids, times or ends breaks nothing here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.rules.read import at, integer, listed, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["NEWEST_FIRST", "OLDEST_FIRST", "UNORDERED", "rules"]

NEWEST_FIRST = (
    "listAssistants", "listFiles", "listFilesInVectorStoreBatch", "listMessages", "listRunSteps", "listRuns",
    "listVectorStoreFiles", "listVectorStores", "ListContainerFiles", "ListContainers", "listOrganizationCertificates",
    "listProjectCertificates",
)  # fmt: skip
"""Operations that list the newest objects first unless ``order`` says otherwise."""
OLDEST_FIRST = (
    "listChatCompletions", "getChatCompletionMessages", "listEvals", "getEvalRuns", "getEvalRunOutputItems",
    "admin-api-keys-list", "list-project-spend-alerts", "list-organization-spend-alerts",
)  # fmt: skip
"""Operations that list the oldest objects first unless ``order`` says otherwise."""
UNORDERED = (
    "listBatches", "listConversationItems", "listFineTuningCheckpointPermissions", "listFineTuningEvents",
    "listFineTuningJobCheckpoints", "listInputItems", "listPaginatedFineTuningJobs", "listVoiceConsents",
    "list-audit-logs", "list-invites", "list-project-api-keys", "list-project-rate-limits",
    "list-project-service-accounts", "list-project-users", "list-projects", "list-users", "ListSkillVersions",
    "ListSkills", "ListThreadItemsMethod", "ListThreadsMethod", "ListVideos", "beta_listInputItems",
)  # fmt: skip
"""Operations whose order is told nowhere, unless ``order`` asks for one."""

rules = RuleSet("pages", *NEWEST_FIRST, *OLDEST_FIRST, *UNORDERED)

_LIST = "#/components/schemas/ListFilesResponse/properties"
_ASSISTANTS = "#/components/schemas/ListAssistantsResponse/properties"
_ORDERS = {
    **dict.fromkeys(NEWEST_FIRST, "desc"),
    **dict.fromkeys(OLDEST_FIRST, "asc"),
}
_WORDS = {"ascending": "asc", "descending": "desc"}


@rules.response("limit", "A page has at most limit objects.", f"{_LIST}/data")
def within_limit(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; the default differs from service to service."""
    limit, data = integer(exchange.query.get("limit")), at(exchange.response, "data")
    if limit is not None and isinstance(data, list) and len(data) > limit:
        yield rule.broken(("data",), f"at most {limit} objects, as limit asks", describe(data))


@rules.response("ids-unique", "Each object is on a page once.", f"{_LIST}/data")
def ids_unique(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    seen: set[str] = set()
    for number, item in objects(at(exchange.response, "data")):
        name = text(item.get("id"))
        if name is not None and name in seen:
            yield rule.broken(("data", number, "id"), "an object not listed before", "the id of an earlier one")
        seen.add(name or "")


@rules.response("ends", "first_id and last_id are the ids of the first and the last object.", f"{_ASSISTANTS}/first_id")
def ends(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; of an empty page they are null or empty."""
    page = exchange.response if isinstance(exchange.response, dict) else {}
    data = listed(page.get("data"))
    for name, position in (("first_id", 0), ("last_id", -1)):
        wanted = text(at(data[position], "id")) if data else None
        if name not in page or (data and wanted is None):
            continue
        given = page[name]
        if data and given != wanted:
            yield rule.broken((name,), f"the id of the {name.partition('_')[0]} object", _other(given))
        elif not data and given:
            yield rule.broken((name,), "null, as the page is empty", describe(given))


@rules.response("has-more", "A page that others follow is not empty.", f"{_LIST}/has_more")
def has_more(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule: a client that follows the pages has nothing to go on from."""
    if at(exchange.response, "data") == [] and at(exchange.response, "has_more") is True:
        yield rule.broken(("has_more",), "false, as the page is empty", "true")


@rules.response(
    "cursor", "A page holds neither the object that it follows nor the one that it precedes.", f"{_ASSISTANTS}/last_id"
)
def cursor(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for name in ("after", "before"):
        given = text(exchange.query.get(name))
        for number, item in objects(at(exchange.response, "data")):
            if given and item.get("id") == given:
                yield rule.broken(("data", number, "id"), f"an object other than that in {name}", "the same one")


@rules.response("order", "The objects stand in the order of their creation, as order asks.", f"{_LIST}/data")
def in_order(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; objects of one second may stand in any order, and some lists are sorted by other times."""
    asked = text(exchange.query.get("order")) or _ORDERS.get(exchange.operation)
    order = _WORDS.get(asked or "", asked)
    if order not in ("asc", "desc") or exchange.query.get("order_by") not in (None, "created_at"):
        return
    last: int | None = None
    for number, item in objects(at(exchange.response, "data")):
        name = "created_at" if "created_at" in item else "created"
        time = integer(item.get(name))
        if time is None:
            return
        if last is not None and (time < last if order == "asc" else time > last):
            wrong = "earlier" if order == "asc" else "later"
            yield rule.broken(("data", number, name), f"a time no {wrong} than that before it", f"one that is {wrong}")
            return
        last = time


def _other(given: object) -> str:
    return "another id" if isinstance(given, str) and given else describe(given)
