"""The operations of the 2023 API: edits, and fine-tunes, which are today's jobs in older clothes.

The rule of this module: it has no life of its own; texts and jobs come from where today's come from.
"""

from __future__ import annotations

from typing import Any

from assay.reference.files import shown as shown_file
from assay.reference.fine_tuning import start, tunable
from assay.reference.models import find
from assay.reference.replies import Call, Refusal, Reply, Stream
from assay.reference.text import Source, count
from assay.reference.training import ENDED, Job, advance, end

__all__ = [
    "cancel_fine_tune",
    "create_edit",
    "create_fine_tune",
    "list_fine_tune_events",
    "list_fine_tunes",
    "retrieve_fine_tune",
]

_SHELF = "fine-tunes"
_BASE = "davinci-002"  # what is trained where no model is named
_STATUS = {"validating_files": "pending", "queued": "pending"}


def create_edit(call: Call) -> Reply:
    """Answer ``POST /edits``: the text with a sentence that follows from the instruction."""
    body = call.value
    _editor(call, body["model"])
    given = body.get("input") or ""
    texts = []
    for index in range(int(body.get("n") or 1)):
        added = Source("edit", [body["instruction"], given, index]).sentence()
        texts.append(f"{given} {added}".strip())
    prompt, spent = count(given) + count(body["instruction"]), sum(count(text) for text in texts)
    choices = [{"text": text, "index": index, "finish_reason": "stop"} for index, text in enumerate(texts)]
    usage = {"prompt_tokens": prompt, "completion_tokens": spent, "total_tokens": prompt + spent}
    return Reply({"object": "edit", "created": call.now, "choices": choices, "usage": usage})


def _editor(call: Call, name: str) -> None:
    """Refuse a model that writes no text."""
    try:
        find(name, "completion", call.store)
    except Refusal:
        find(name, "chat", call.store)


def create_fine_tune(call: Call) -> Reply:
    """Answer ``POST /fine-tunes``."""
    job = start(call, tunable(call, call.value.get("model") or _BASE))
    job.id = job.id.replace("ftjob", "ft")
    call.store.shelf(_SHELF).put(job.id, job, len(job.data))
    return Reply(_shown(job, call))


def list_fine_tunes(call: Call) -> Reply:
    """Answer ``GET /fine-tunes``."""
    return Reply({"object": "list", "data": [_shown(job, call) for job in call.store.shelf(_SHELF).all()]})


def retrieve_fine_tune(call: Call) -> Reply:
    """Answer ``GET /fine-tunes/{fine_tune_id}``."""
    job = _named(call)
    advance(job, call.store, call.now, call.serial)
    return Reply({**_shown(job, call), "events": _events(job)})


def cancel_fine_tune(call: Call) -> Reply:
    """Answer ``POST /fine-tunes/{fine_tune_id}/cancel``."""
    job = _named(call)
    if job.status in ENDED:
        text = f"The job has ended ({job.status}) and cannot be cancelled."
        raise Refusal(409, text, param="fine_tune_id", code="job_ended")
    end(job, call.now, "cancelled", "The job was cancelled.")
    return Reply({**_shown(job, call), "events": _events(job)})


def list_fine_tune_events(call: Call) -> Reply | Stream:
    """Answer ``GET /fine-tunes/{fine_tune_id}/events``; a stream goes on until the job has ended."""
    job = _named(call)
    if call.query.get("stream") != "true":
        advance(job, call.store, call.now, call.serial)
        return Reply({"object": "list", "data": _events(job)})
    while job.status not in ENDED:
        advance(job, call.store, call.now, call.serial)
    return Stream(iter(_events(job)))


def _named(call: Call) -> Job:
    job = call.store.shelf(_SHELF).get(call.names["fine_tune_id"])
    if job is None:
        raise Refusal(404, "The job of this path does not exist here.", param="fine_tune_id", code="job_not_found")
    found: Job = job
    return found


def _events(job: Job) -> list[dict[str, Any]]:
    return [
        {"object": "fine-tune-event", **{name: event[name] for name in ("created_at", "level", "message")}}
        for event in job.events
    ]


def _shown(job: Job, call: Call) -> dict[str, Any]:
    body = job.body
    weight, factor = body.get("prompt_loss_weight"), body.get("learning_rate_multiplier")
    results = [kept for name in job.result_files if (kept := call.store.get(name, call.now)) is not None]
    return {
        "id": job.id,
        "object": "fine-tune",
        "created_at": job.created_at,
        "updated_at": job.events[-1]["created_at"],
        "model": job.model,
        "fine_tuned_model": job.fine_tuned_model,
        "organization_id": "org-assay",
        "status": _STATUS.get(job.status, job.status),
        "hyperparams": {
            "batch_size": int(body.get("batch_size") or 1),
            "learning_rate_multiplier": 0.1 if factor is None else factor,
            "n_epochs": job.epochs,
            "prompt_loss_weight": 0.01 if weight is None else weight,
        },
        "training_files": [job.files[0]],
        "validation_files": [*job.files[1:]],
        "result_files": [shown_file(kept) for kept in results],
    }
