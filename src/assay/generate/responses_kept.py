"""What a service keeps between requests and tells again: the state that an act leads to, and what an object is made of.

The rule of this module: it holds what is known of single operations and no schema says; like the common ties it is
tried, and left out where it does not fit the description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.generate.responses_turns import TIME
from assay.rules.read import at

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.generate.responses_asked import Asked

__all__ = ["kept"]

_HOUR, _DAY = 3600, 86_400
_UNNAMED = dict.fromkeys(("/uploads", "/uploads/{upload_id}/complete", "/uploads/{upload_id}/cancel"), "upload")
"""What the paths answer with whose objects may leave out their name."""
_STATES = {
    "createUpload": "pending", "completeUpload": "completed", "cancelUpload": "cancelled",
    "cancelBatch": "cancelling", "cancelFineTuningJob": "cancelled", "cancelFineTune": "cancelled",
    "pauseFineTuningJob": "paused", "cancelRun": "cancelling",
}  # fmt: skip
"""The state that an operation leads to."""


def kept(value: Any, asked: Asked) -> Any:
    """A copy of a body, with what is known of its operation."""
    if not isinstance(value, dict):
        return value
    copy = dict(value)
    state = _STATES.get(asked.operation.id)
    if state is not None and "status" in copy:
        copy["status"] = state
    for item in (copy, *(item for item in copy.get("data") or () if isinstance(item, dict))):
        tie = _KINDS.get(str(item.get("object") or _UNNAMED.get(asked.operation.path)))
        if tie is not None:
            tie(item, asked)
    return copy


def _upload(upload: dict[str, Any], _asked: Asked) -> None:
    """An upload is open for an hour; the file of a completed one is made of it."""
    upload["created_at"], upload["expires_at"] = TIME, TIME + _HOUR
    if upload.get("status") != "completed":
        upload.pop("file", None)
        return
    upload["purpose"] = "fine-tune"
    parts = {name: upload[name] for name in ("bytes", "filename", "purpose") if name in upload}
    file = {"id": "file_1", "object": "file", "created_at": TIME, "status": "processed"}
    upload["file"] = {**file, **parts}


def _job(job: dict[str, Any], asked: Asked) -> None:
    """A fine-tuning job has the files that were asked for, and a model once it has succeeded."""
    if asked.operation.id == "createFineTuningJob":
        training = at(asked.body, "training_file")
        job["training_file"] = training if isinstance(training, str) else job.get("training_file")
        job["validation_file"] = at(asked.body, "validation_file")
        job["status"] = "queued"
        job.pop("estimated_finish", None)
    if at(job, "method", "type") in ("dpo", "reinforcement") and "hyperparameters" in job:
        job["hyperparameters"] = {}  # those of the method stand with it
    done = job.get("status") == "succeeded"
    job["fine_tuned_model"] = f"ft:{job.get('model')}:otter::1" if done else None
    over = job.get("status") in ("succeeded", "failed", "cancelled")
    job["finished_at"] = job.get("created_at", TIME) + 1 if over else None
    if not done and "trained_tokens" in job:
        job["trained_tokens"] = None
    if job.get("status") != "failed" and "error" in job:
        job["error"] = None


def _batch(batch: dict[str, Any], _asked: Asked) -> None:
    """A batch has a day; of its requests some are done, some failed."""
    if batch.get("status") == "cancelling":
        batch["cancelling_at"] = batch.get("created_at", TIME) + 1
    if batch.get("expires_at") is not None:
        batch["expires_at"] = batch.get("created_at", TIME) + _DAY
    counts = batch.get("request_counts")
    if isinstance(counts, dict):
        batch["request_counts"] = {**counts, "total": 2, "completed": 1, "failed": 1}


def _file(file: dict[str, Any], asked: Asked) -> None:
    """A file is what was sent, for as long as was asked; of one in error we would have to say more."""
    if file.get("status") == "error" and not file.get("status_details"):
        file["status"] = "processed"
    if asked.operation.id != "createFile":
        return
    for sent in asked.exchange.files[:1]:
        file["bytes"], file["filename"] = len(sent.data), sent.filename or "upload"
    seconds = at(asked.body, "expires_after", "seconds")
    if seconds is None and at(asked.body, "purpose") == "batch":
        seconds = 30 * _DAY
    if seconds is not None:
        file["expires_at"] = file.get("created_at", TIME) + int(seconds)


def _message(message: dict[str, Any], _asked: Asked) -> None:
    """What the user says in a thread is of no run."""
    if message.get("role") == "user" and "run_id" in message:
        message["run_id"] = None


def _vector_store(store: dict[str, Any], _asked: Asked) -> None:
    """A vector store expires so many days after it was last used, or made."""
    days = at(store, "expires_after", "days")
    if isinstance(days, int | float):
        store["expires_at"] = (store.get("last_active_at") or store.get("created_at", TIME)) + int(days) * _DAY


_KINDS: dict[str, Callable[[dict[str, Any], Asked], None]] = {
    "upload": _upload,
    "fine_tuning.job": _job,
    "batch": _batch,
    "file": _file,
    "thread.message": _message,
    "vector_store": _vector_store,
}
"""What is known of objects, by the name that they bear."""
