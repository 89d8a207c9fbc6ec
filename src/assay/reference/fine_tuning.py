"""Fine-tuning jobs: a life cycle that goes one step further each time somebody looks.

The rule of this module: a job's state, events, checkpoints and model always tell the same story; time comes from
outside and may stand still, so that looking at a job, and not waiting, is what moves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.reference.files import shown as shown_file
from assay.reference.models import find
from assay.reference.pages import page
from assay.reference.replies import Call, Refusal, Reply
from assay.reference.stored import wanted_metadata
from assay.reference.text import Source
from assay.reference.training import ENDED, Job, advance, end

if TYPE_CHECKING:
    from assay.reference.store import Kept

__all__ = [
    "cancel_job",
    "create_job",
    "list_checkpoints",
    "list_events",
    "list_jobs",
    "pause_job",
    "resume_job",
    "retrieve_job",
    "start",
]

_SHELF = "fine-tuning jobs"
_SEEDS = 2_147_483_648
_AUTO = {"batch_size": "auto", "learning_rate_multiplier": "auto", "n_epochs": "auto"}


def start(call: Call, model: str, method: str = "supervised") -> Job:
    """Make a job of a body that names files; refuse files that are not there or are for another purpose."""
    body = call.value
    training = training_file(call, "training_file")
    validation = training_file(call, "validation_file") if body.get("validation_file") else None
    source = Source("fine-tuning job", call.serial)
    job = Job(
        id=f"ftjob-{source.name(24)}",
        model=model,
        method=method,
        suffix=body.get("suffix") or "",
        seed=source.below(_SEEDS) if body.get("seed") is None else int(body["seed"]),
        created_at=call.now,
        data=training.data,
        files=tuple(shown_file(kept) for kept in (training, validation) if kept is not None),
        body=body,
    )
    job.tell(call.now, "Created fine-tuning job.")
    return job


def training_file(call: Call, field: str) -> Kept:
    """Return the file that a field of the body names."""
    kept = call.store.get(call.value[field], call.now)
    if kept is None:
        raise Refusal(404, f"The file in '{field}' does not exist here.", param=field, code="file_not_found")
    if kept.purpose != "fine-tune":
        text = f"The file in '{field}' was uploaded for another purpose than 'fine-tune'."
        raise Refusal(400, text, param=field, code="invalid_file_purpose")
    return kept


def create_job(call: Call) -> Reply:
    """Answer ``POST /fine_tuning/jobs``."""
    body = call.value
    model = tunable(call, body["model"])
    job = start(call, model, (body.get("method") or {}).get("type", "supervised"))
    call.store.shelf(_SHELF).put(job.id, job, len(job.data))
    return Reply(_shown(job))


def tunable(call: Call, name: str) -> str:
    """Return the name of a model that can be trained further."""
    try:
        return find(name, "chat", call.store).id
    except Refusal:
        return find(name, "completion", call.store).id


def list_jobs(call: Call) -> Reply:
    """Answer ``GET /fine_tuning/jobs``."""
    pairs, bare = wanted_metadata(call), call.query.get("metadata") == "null"
    jobs = [_shown(job) for job in call.store.shelf(_SHELF).all()]
    found = [job for job in jobs if pairs.items() <= (job["metadata"] or {}).items()]
    found = [job for job in found if not (bare and job["metadata"])]
    return _without_ends(page(call, found, "job"))


def retrieve_job(call: Call) -> Reply:
    """Answer ``GET /fine_tuning/jobs/{fine_tuning_job_id}``."""
    return Reply(_shown(_seen(call)))


def cancel_job(call: Call) -> Reply:
    """Answer ``POST /fine_tuning/jobs/{fine_tuning_job_id}/cancel``."""
    job = _open(call, "cancelled")
    end(job, call.now, "cancelled", "The job was cancelled.")
    return Reply(_shown(job))


def pause_job(call: Call) -> Reply:
    """Answer ``POST /fine_tuning/jobs/{fine_tuning_job_id}/pause``."""
    job = _open(call, "paused")
    if job.status != "paused":
        job.status = "paused"
        job.tell(call.now, "The job was paused.")
    return Reply(_shown(job))


def resume_job(call: Call) -> Reply:
    """Answer ``POST /fine_tuning/jobs/{fine_tuning_job_id}/resume``."""
    job = _open(call, "resumed")
    if job.status != "paused":
        raise Refusal(409, "The job is not paused.", param="fine_tuning_job_id", code="job_not_paused")
    job.status = "queued"
    job.tell(call.now, "The job was resumed.")
    return Reply(_shown(job))


def list_events(call: Call) -> Reply:
    """Answer ``GET /fine_tuning/jobs/{fine_tuning_job_id}/events``."""
    return _without_ends(page(call, _seen(call).events, "event"))


def list_checkpoints(call: Call) -> Reply:
    """Answer ``GET /fine_tuning/jobs/{fine_tuning_job_id}/checkpoints``."""
    return Reply(page(call, _seen(call).checkpoints, "checkpoint", size=10))


def _without_ends(value: dict[str, Any]) -> Reply:
    """A page as the older lists show it."""
    return Reply({name: item for name, item in value.items() if name not in ("first_id", "last_id")})


def _named(call: Call) -> Job:
    job = call.store.shelf(_SHELF).get(call.names["fine_tuning_job_id"])
    if job is None:
        text = "The job of this path does not exist here."
        raise Refusal(404, text, param="fine_tuning_job_id", code="job_not_found")
    found: Job = job
    return found


def _seen(call: Call) -> Job:
    job = _named(call)
    advance(job, call.store, call.now, call.serial)
    return job


def _open(call: Call, verb: str) -> Job:
    job = _named(call)
    if job.status in ENDED:
        text = f"The job has ended ({job.status}) and cannot be {verb}."
        raise Refusal(409, text, param="fine_tuning_job_id", code="job_ended")
    return job


def _shown(job: Job) -> dict[str, Any]:
    """A job as the API shows it; what the request left to the service is shown as chosen."""
    body = job.body
    given = (body.get("method") or {}).get(job.method) or {}
    chosen = {**_AUTO, **(body.get("hyperparameters") or {}), **(given.get("hyperparameters") or {})}
    ended = job.status in ENDED
    return {
        "id": job.id,
        "object": "fine_tuning.job",
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "estimated_finish": None,
        "model": job.model,
        "fine_tuned_model": job.fine_tuned_model,
        "organization_id": "org-assay",
        "status": job.status,
        "error": job.error or {},
        "training_file": job.files[0]["id"],
        "validation_file": job.files[1]["id"] if len(job.files) > 1 else None,
        "result_files": job.result_files,
        "trained_tokens": job.trained_tokens if ended else None,
        "hyperparameters": chosen if job.method == "supervised" else None,
        "method": {"type": job.method, job.method: {**given, "hyperparameters": chosen}},
        "integrations": body.get("integrations") or [],
        "seed": job.seed,
        "metadata": body.get("metadata"),
    }
