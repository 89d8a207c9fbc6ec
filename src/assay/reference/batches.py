"""Batches: the lines of a file, sent one by one to the server's own operations, and files with what they answered.

The rule of this module: a line is answered exactly as the same request would be; each time somebody looks, a batch
goes one step further in its life.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from assay.reference.pages import page
from assay.reference.replies import Call, Refusal, Reply
from assay.reference.store import Kept
from assay.reference.text import Source
from assay.wire.lines import read_lines, write_lines

__all__ = ["cancel_batch", "create_batch", "list_batches", "retrieve_batch"]

_SHELF = "batches"
_LIFE = 24 * 3600  # seconds
_MOST = 50_000  # lines
_SHOWN = 10  # faults of a file that are told
_OK, _CREATED = 200, 300
_ENDED = ("completed", "failed", "expired", "cancelled")
_TOKENS = (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens"))
_STATES = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


@dataclass(slots=True)
class _Batch:
    """One batch; ``times`` says when it came into which state."""

    id: str
    body: dict[str, Any]
    data: bytes
    created_at: int
    status: str = "validating"
    times: dict[str, int] = field(default_factory=dict)
    lines: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"total": 0, "completed": 0, "failed": 0})
    usage: dict[str, int] = field(default_factory=lambda: {"input_tokens": 0, "output_tokens": 0})
    files: dict[str, str] = field(default_factory=dict)

    def enter(self, status: str, now: int) -> None:
        """Come into a state."""
        self.status = status
        self.times[f"{status}_at"] = now


def create_batch(call: Call) -> Reply:
    """Answer ``POST /batches``."""
    body = call.value
    kept = call.store.get(body["input_file_id"], call.now)
    if kept is None:
        text = "The file in 'input_file_id' does not exist here."
        raise Refusal(404, text, param="input_file_id", code="file_not_found")
    if kept.purpose != "batch":
        text = "The file in 'input_file_id' was uploaded for another purpose than 'batch'."
        raise Refusal(400, text, param="input_file_id", code="invalid_file_purpose")
    batch = _Batch(f"batch_{Source('batch', call.serial).name(32)}", body, kept.data, call.now)
    call.store.shelf(_SHELF).put(batch.id, batch, len(batch.data))
    return Reply(_shown(batch))


def list_batches(call: Call) -> Reply:
    """Answer ``GET /batches``."""
    return Reply(page(call, [_shown(batch) for batch in call.store.shelf(_SHELF).all()], "batch"))


def retrieve_batch(call: Call) -> Reply:
    """Answer ``GET /batches/{batch_id}``."""
    batch = _named(call)
    _advance(batch, call)
    return Reply(_shown(batch))


def cancel_batch(call: Call) -> Reply:
    """Answer ``POST /batches/{batch_id}/cancel``."""
    batch = _named(call)
    if batch.status in _ENDED:
        text = f"The batch has ended ({batch.status}) and cannot be cancelled."
        raise Refusal(409, text, param="batch_id", code="batch_ended")
    if batch.status != "cancelling":
        batch.enter("cancelling", call.now)
    return Reply(_shown(batch))


def _advance(batch: _Batch, call: Call) -> None:
    """Take a batch one step further."""
    if batch.status in _ENDED:
        return
    if call.now >= batch.created_at + _LIFE:
        batch.enter("expired", call.now)
    elif batch.status == "validating":
        _validate(batch, call)
    elif batch.status == "in_progress":
        _work(batch, call)
    elif batch.status == "finalizing":
        batch.enter("completed", call.now)
    elif batch.status == "cancelling":
        batch.enter("cancelled", call.now)


def _validate(batch: _Batch, call: Call) -> None:
    seen: set[str] = set()
    for line in read_lines((batch.data,)):
        fault = _fault(line.value, batch.body["endpoint"], seen)
        if fault is not None:
            code, text, param = fault
            batch.faults.append({"code": code, "message": text, "param": param, "line": line.number})
        else:
            seen.add(line.value["custom_id"])
            batch.lines.append(line.value)
    if not batch.lines and not batch.faults:
        batch.faults.append({"code": "empty_file", "message": "The file has no line.", "param": None, "line": None})
    if len(batch.lines) > _MOST:
        text = f"The file has more than {_MOST} lines."
        batch.faults.append({"code": "too_many_tasks", "message": text, "param": None, "line": None})
    batch.data = b""
    if batch.faults:
        batch.enter("failed", call.now)
        return
    batch.counts["total"] = len(batch.lines)
    batch.enter("in_progress", call.now)


def _fault(value: Any, endpoint: str, seen: set[str]) -> tuple[str, str, str | None] | None:
    """What is wrong with a line: a code, a sentence and the property; None for a good one."""
    if not isinstance(value, dict):
        return "invalid_json_line", "This line is not a JSON object.", None
    if not isinstance(value.get("custom_id"), str):
        return "missing_required_parameter", "The line has no 'custom_id'.", "custom_id"
    if value["custom_id"] in seen:
        return "duplicate_custom_id", "An earlier line has the same 'custom_id'.", "custom_id"
    if value.get("method") != "POST":
        return "invalid_method", "The 'method' must be POST.", "method"
    if value.get("url") != endpoint:
        return "mismatched_endpoint", "The 'url' is not the endpoint of the batch.", "url"
    if not isinstance(value.get("body"), dict):
        return "missing_required_parameter", "The line has no 'body'.", "body"
    if value["body"].get("stream"):
        return "invalid_value", "A line of a batch cannot be streamed.", "body.stream"
    return None


def _work(batch: _Batch, call: Call) -> None:
    """Send every line, and write the files of answers and of failures."""
    done: dict[str, list[dict[str, Any]]] = {"output_file_id": [], "error_file_id": []}
    for number, line in enumerate(batch.lines):
        status, value = call.perform(line["url"], line["body"])
        good = _OK <= status < _CREATED
        batch.counts["completed" if good else "failed"] += 1
        if good:
            _count(batch, value)
        name = Source(batch.id, number).name(24)
        response = {"status_code": status, "request_id": f"req_{name}", "body": value}
        told = {"id": f"batch_req_{name}", "custom_id": line["custom_id"], "response": response, "error": None}
        done["output_file_id" if good else "error_file_id"].append(told)
    for field_name, lines in done.items():
        if lines:
            _keep(batch, call, field_name, write_lines(lines))
    batch.enter("finalizing", call.now)


def _count(batch: _Batch, value: dict[str, Any]) -> None:
    usage = value.get("usage") or {}
    for name, older in _TOKENS:
        batch.usage[name] += usage.get(name) or usage.get(older) or 0


def _keep(batch: _Batch, call: Call, field_name: str, data: bytes) -> None:
    name = f"file-{Source(batch.id, field_name).name(24)}"
    life = (batch.body.get("output_expires_after") or {}).get("seconds")
    expires = None if life is None else call.now + int(life)
    filename = f"{batch.id}_{field_name.removesuffix('_file_id')}.jsonl"
    if not call.store.add(Kept(name, filename, "batch_output", data, call.now, expires, call.serial), call.now):
        raise Refusal(413, "This server has no room for more files.", param="batch_id", code="storage_full")
    batch.files[field_name] = name


def _named(call: Call) -> _Batch:
    batch = call.store.shelf(_SHELF).get(call.names["batch_id"])
    if batch is None:
        raise Refusal(404, "The batch of this path does not exist here.", param="batch_id", code="batch_not_found")
    found: _Batch = batch
    return found


def _shown(batch: _Batch) -> dict[str, Any]:
    body, usage = batch.body, batch.usage
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": body["endpoint"],
        "model": batch.lines[0]["body"].get("model") if batch.lines else None,
        "errors": {"object": "list", "data": batch.faults[:_SHOWN]} if batch.faults else None,
        "input_file_id": body["input_file_id"],
        "completion_window": body["completion_window"],
        "status": batch.status,
        "output_file_id": batch.files.get("output_file_id"),
        "error_file_id": batch.files.get("error_file_id"),
        "created_at": batch.created_at,
        "expires_at": batch.created_at + _LIFE,
        **{f"{state}_at": batch.times.get(f"{state}_at") for state in _STATES},
        "request_counts": dict(batch.counts),
        "usage": {**usage, **details, "total_tokens": sum(usage.values())},
        "metadata": body.get("metadata"),
    }
