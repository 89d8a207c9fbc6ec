"""Rules of batches: what they keep of their request, their counts, and the order of their times.

The rule of this module: the lines of a batch are files of their own, judged where files are uploaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.rules import accounting, echoes
from assay.rules.read import at, integer, shown, text
from assay.rules.registry import Exchange, Rule, RuleSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

rules = RuleSet("batches", "createBatch", "retrieveBatch", "cancelBatch", "listBatches")

_BATCH = "#/components/schemas/Batch/properties"
_REQUEST = "#/components/schemas/CreateBatchRequest/properties"
_DAY, _SLACK = 24 * 3600, 5  # seconds
_TIMES = ("created_at", "in_progress_at", "finalizing_at", "completed_at")


@rules.response("id-asked", "The batch that was asked for is the one returned.", f"{_BATCH}/id",
                operations="retrieveBatch cancelBatch")  # fmt: skip
def id_asked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return echoes.id_asked(rule, exchange, "batch_id")


@rules.response("request-kept", "The batch has the file, the endpoint and the window of its request.",
                f"{_REQUEST}/input_file_id", operations="createBatch")  # fmt: skip
def request_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    yield from echoes.kept(rule, exchange, "input_file_id", "endpoint", "completion_window")


@rules.response("cancel-status", "A batch that was cancelled is about to end, or has ended.", f"{_BATCH}/status",
                operations="cancelBatch")  # fmt: skip
def cancel_status(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    if text(at(exchange.response, "status")) not in (None, "cancelling", "cancelled"):
        yield rule.broken(("status",), "cancelling or cancelled", "another status")


@rules.response("counts", "No more lines are done than there are; of a completed batch all are.",
                f"{_BATCH}/request_counts")  # fmt: skip
def counts(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, batch in shown(exchange.response):
        total, done, failed = (integer(at(batch, "request_counts", name)) for name in ("total", "completed", "failed"))
        if total is None or done is None or failed is None:
            continue
        place = (*path, "request_counts", "total")
        if done + failed > total:
            yield rule.broken(place, f"at least {done + failed}, completed and failed together", str(total))
        elif batch.get("status") == "completed" and done + failed != total:
            yield rule.broken(place, f"{done + failed}, completed and failed together", str(total))


@rules.response("times-in-order", "The times of a batch come in the order of its life.", f"{_BATCH}/completed_at")
def times_in_order(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, batch in shown(exchange.response):
        yield from accounting.in_order(rule, batch, path, _TIMES)
        yield from accounting.in_order(rule, batch, path, ("created_at", "cancelling_at", "cancelled_at"))


@rules.response("expires-in-a-day", "A batch expires 24 hours after it was made.", f"{_REQUEST}/completion_window",
                severity="hazard")  # fmt: skip
def expires_in_a_day(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, batch in shown(exchange.response):
        made, expires = integer(batch.get("created_at")), integer(batch.get("expires_at"))
        if made is not None and expires and abs(expires - made - _DAY) > _SLACK:
            yield rule.broken((*path, "expires_at"), "created_at + 86400", f"created_at + {expires - made}")


@rules.response("usage-sums", "total_tokens is input_tokens + output_tokens.", f"{_BATCH}/usage")
def usage_sums(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, batch in shown(exchange.response):
        yield from accounting.sums(rule, batch.get("usage"), (*path, "usage"), "input_tokens", "output_tokens")


@rules.response("created-seconds", "created_at is a Unix time in seconds.", f"{_BATCH}/created_at")
def created_seconds(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, batch in shown(exchange.response):
        yield from accounting.seconds(rule, batch.get("created_at"), (*path, "created_at"))
