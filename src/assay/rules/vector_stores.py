"""Rules of vector stores: their files, their batches, and searches in them.

The rule of this module: counts, settings and filters are compared as they were sent and shown; what a service may
word or round in its own way is a hazard.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules.read import at, integer, listed, objects, shown, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

_STORES = "createVectorStore getVectorStore modifyVectorStore listVectorStores"
_BATCHES = "createVectorStoreFileBatch getVectorStoreFileBatch cancelVectorStoreFileBatch"
_LISTS = "listVectorStoreFiles listFilesInVectorStoreBatch"
_FILES = f"createVectorStoreFile getVectorStoreFile updateVectorStoreFileAttributes {_LISTS}"
_CUTTING = (
    "createVectorStore createVectorStoreFile createVectorStoreFileBatch createAssistant createThread createThreadAndRun"
)
_SEARCH = "searchVectorStore"
_CONTENT = "retrieveVectorStoreFileContent"

rules = RuleSet("vector-stores", *_STORES.split(), *_BATCHES.split(), *_FILES.split(), _SEARCH, _CONTENT)

_STORE = "#/components/schemas/VectorStoreObject/properties"
_FILE = "#/components/schemas/VectorStoreFileObject/properties"
_QUERY = "#/components/schemas/VectorStoreSearchRequest/properties"
_PAGE = "#/components/schemas/VectorStoreSearchResultsPage/properties"
_DAY = 24 * 3600
_SLACK = 5  # seconds between two clocks of one service
_STATES = ("in_progress", "completed", "failed", "cancelled")
_DEFAULT_RESULTS = 10
_AUTO = {"max_chunk_size_tokens": 800, "chunk_overlap_tokens": 400}


@rules.request(
    "chunk-overlap",
    "chunk_overlap_tokens is at most half of max_chunk_size_tokens.",
    "#/components/schemas/StaticChunkingStrategy/properties/chunk_overlap_tokens",
    operations=_CUTTING,
)
def chunk_overlap(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, holder in _holders(exchange.request):
        static = at(holder, "chunking_strategy", "static")
        size, overlap = integer(at(static, "max_chunk_size_tokens")), integer(at(static, "chunk_overlap_tokens"))
        if size is not None and overlap is not None and overlap * 2 > size:
            place = (*path, "chunking_strategy", "static", "chunk_overlap_tokens")
            yield rule.broken(place, f"at most {size // 2}, half of max_chunk_size_tokens", str(overlap))


@rules.response("file-counts", "total is the sum of the other file counts.", f"{_STORE}/file_counts",
                operations=f"{_STORES} {_BATCHES}")  # fmt: skip
def file_counts(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, item in shown(exchange.response):
        counts = at(item, "file_counts")
        parts, total = [integer(at(counts, name)) for name in _STATES], integer(at(counts, "total"))
        known = [part for part in parts if part is not None]
        if total is not None and len(known) == len(parts) and total != sum(known):
            yield rule.broken((*path, "file_counts", "total"), f"{sum(known)}, the sum of the others", str(total))


@rules.response("completed", "Of what is completed no file is in progress.", f"{_STORE}/status",
                operations=f"{_STORES} {_BATCHES}")  # fmt: skip
def completed(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, item in shown(exchange.response):
        waiting = integer(at(item, "file_counts", "in_progress"))
        if item.get("status") == "completed" and waiting:
            place = (*path, "file_counts", "in_progress")
            yield rule.broken(place, "0, as status is completed", str(waiting))


@rules.response("expiry", "expires_at is the days of expires_after after last_active_at.", f"{_STORE}/expires_at",
                severity="hazard", operations=_STORES)  # fmt: skip
def expiry(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since the time of last use may be told a little late."""
    for path, item in shown(exchange.response):
        days, given = integer(at(item, "expires_after", "days")), integer(item.get("expires_at"))
        since = integer(item.get("last_active_at")) or integer(item.get("created_at"))
        if days is None or since is None:
            continue
        if given is None or abs(given - since - days * _DAY) > _SLACK:
            wanted = f"a time {days} days after last_active_at"
            yield rule.broken((*path, "expires_at"), wanted, "null" if given is None else "another time")


@rules.response("last-error", "last_error is set exactly when a file has failed.", f"{_FILE}/last_error",
                operations=_FILES)  # fmt: skip
def last_error(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, item in shown(exchange.response):
        status, given = text(item.get("status")), item.get("last_error")
        if status == "failed" and given is None:
            yield rule.broken((*path, "last_error"), "the reason, as status is failed", "null")
        elif status is not None and status != "failed" and given is not None:
            yield rule.broken((*path, "last_error"), "null, as status is not failed", describe(given))


@rules.response("file-asked", "The file has the id of the upload that was added.", f"{_FILE}/id",
                operations="createVectorStoreFile")  # fmt: skip
def file_asked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    asked, given = text(at(exchange.request, "file_id")), text(at(exchange.response, "id"))
    if asked is not None and given is not None and asked != given:
        yield rule.broken(("id",), "the file_id of the request", "another id")


@rules.response("auto-chunking", "Without a strategy a file is cut into parts of 800 tokens that share 400.",
                f"{_FILE}/chunking_strategy", severity="hazard", operations="createVectorStoreFile")  # fmt: skip
def auto_chunking(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since the sizes are what the service uses today."""
    asked = at(exchange.request, "chunking_strategy", "type") or "auto"
    given = at(exchange.response, "chunking_strategy", "static")
    if asked == "auto" and given is not None and given != _AUTO:
        yield rule.broken(("chunking_strategy", "static"), "parts of 800 tokens that share 400", "others")


@rules.response("status-filter", "With filter only the files of that status are listed.", f"{_FILE}/status",
                operations=_LISTS)  # fmt: skip
def status_filter(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    wanted = text(exchange.query.get("filter"))
    for path, item in shown(exchange.response):
        if wanted and item.get("status") not in (None, wanted):
            yield rule.broken((*path, "status"), "the status that was asked for", "another one")


@rules.response("result-count", "There are at most max_num_results results.", f"{_QUERY}/max_num_results",
                operations=_SEARCH)  # fmt: skip
def result_count(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    limit = integer(at(exchange.request, "max_num_results")) or _DEFAULT_RESULTS
    found = listed(at(exchange.response, "data"))
    if len(found) > limit:
        yield rule.broken(("data",), f"at most {limit} results", describe(found))


@rules.response("result-order", "The results that fit best come first.", f"{_PAGE}/data", severity="hazard",
                operations=_SEARCH)  # fmt: skip
def result_order(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since no sentence promises it."""
    last = None
    for number, item in objects(at(exchange.response, "data")):
        score = _number(item.get("score"))
        if last is not None and score is not None and score > last:
            yield rule.broken(("data", number, "score"), "a score no higher than that before it", "a higher one")
            return
        last = score


@rules.response("score-threshold", "No result scores less than score_threshold.", f"{_QUERY}/ranking_options",
                operations=_SEARCH)  # fmt: skip
def score_threshold(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    threshold = _number(at(exchange.request, "ranking_options", "score_threshold"))
    for number, item in objects(at(exchange.response, "data")):
        score = _number(item.get("score"))
        if threshold is not None and score is not None and score < threshold:
            yield rule.broken(("data", number, "score"), "a score that reaches the threshold", "a lower one")


@rules.response("query-shown", "search_query is the query, unless it was to be rewritten.", f"{_PAGE}/search_query",
                severity="hazard", operations=_SEARCH)  # fmt: skip
def query_shown(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; one text may be shown alone or in a list."""
    asked, given = at(exchange.request, "query"), at(exchange.response, "search_query")
    if asked is None or given is None or at(exchange.request, "rewrite_query"):
        return
    if (asked if isinstance(asked, list) else [asked]) != (given if isinstance(given, list) else [given]):
        yield rule.broken(("search_query",), "the query of the request", "another one")


@rules.response("next-page", "next_page is set exactly when has_more is true.", f"{_PAGE}/next_page",
                operations=f"{_SEARCH} {_CONTENT}")  # fmt: skip
def next_page(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    more, following = at(exchange.response, "has_more"), at(exchange.response, "next_page")
    if more is True and following is None:
        yield rule.broken(("next_page",), "the next page, as has_more is true", "null")
    elif more is False and following is not None:
        yield rule.broken(("next_page",), "null, as has_more is false", describe(following))


def _holders(request: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The objects of a request that may have a chunking strategy, with their places."""
    yield (), request
    yield from ((("files", number), item) for number, item in objects(at(request, "files")))
    for start in ((), ("thread",)):
        steps = (*start, "tool_resources", "file_search", "vector_stores")
        yield from (((*steps, number), item) for number, item in objects(at(request, *steps)))


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
