"""How a fine-tuning job lives: its file is read, it waits, it trains, it leaves a model, or says what is wrong.

The rule of this module: one look is one step; a job that has ended or is paused stays as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.reference.models import MODELS, Model
from assay.reference.store import Kept, Store
from assay.reference.text import Source, count
from assay.wire.lines import read_lines

if TYPE_CHECKING:
    from assay.wire.lines import Line

__all__ = ["ENDED", "Job", "advance", "end"]

ENDED = ("succeeded", "failed", "cancelled")
_FEWEST = 10  # examples
_EPOCHS = 3  # where the request leaves them to the service
_STEPS = 3  # checkpoints of one job
_NEEDED = {
    "chat": ("messages",),
    "completion": ("prompt", "completion"),
    "preference": ("input", "preferred_output", "non_preferred_output"),
}


@dataclass(slots=True)
class Job:
    """One job; ``files`` are its training file and perhaps one to measure by, as they were shown when it began."""

    id: str
    model: str
    method: str
    suffix: str
    seed: int
    created_at: int
    data: bytes
    files: tuple[dict[str, Any], ...]
    body: dict[str, Any]
    status: str = "validating_files"
    finished_at: int | None = None
    fine_tuned_model: str | None = None
    trained_tokens: int | None = None
    error: dict[str, Any] | None = None
    result_files: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)

    @property
    def epochs(self) -> int:
        """How often the file is gone through."""
        given = (self.body.get("method") or {}).get(self.method) or self.body
        number = (given.get("hyperparameters") or {}).get("n_epochs")
        return _EPOCHS if number in (None, "auto") else int(number)

    def tell(self, now: int, message: str, level: str = "info", data: dict[str, Any] | None = None) -> None:
        """Add an event."""
        self.events.append(
            {
                "object": "fine_tuning.job.event",
                "id": f"ftevent-{Source(self.id, len(self.events)).name(24)}",
                "created_at": now,
                "level": level,
                "message": message,
                "type": "message" if data is None else "metrics",
                "data": data or {},
            }
        )


def advance(job: Job, store: Store, now: int, serial: int) -> None:
    """Take a job one step further."""
    if job.status == "validating_files":
        _validate(job, store, now)
    elif job.status == "queued":
        job.status = "running"
        job.tell(now, "The job has begun to train.")
    elif job.status == "running" and not job.checkpoints:
        _train(job, now)
    elif job.status == "running":
        _succeed(job, store, now, serial)


def end(job: Job, now: int, status: str, message: str) -> None:
    """Bring a job to its end."""
    job.status, job.finished_at = status, now
    job.trained_tokens = job.trained_tokens or 0
    job.tell(now, message, "info" if status != "failed" else "error")


def _validate(job: Job, store: Store, now: int) -> None:
    wrong = _fault(job, store)
    if wrong is None:
        job.status = "queued"
        job.tell(now, "The files are right; the job waits to run.")
        return
    job.error = {"code": wrong[0], "message": wrong[1], "param": "training_file"}
    end(job, now, "failed", f"The job failed: {wrong[1]}")


def _fault(job: Job, store: Store) -> tuple[str, str] | None:
    """What is wrong with the training file: a code and a sentence; None for a good one."""
    wanted = _wanted(job, store)
    lines = 0
    for line in read_lines((job.data,)):
        if not _fits(line, wanted):
            return "invalid_training_file", f"Line {line.number} is not a {wanted} example."
        lines += 1
    if lines < _FEWEST:
        return "invalid_n_examples", f"The file has {lines} examples and must have at least {_FEWEST}."
    return None


def _wanted(job: Job, store: Store) -> str:
    """The form of the examples that a job needs."""
    if job.method == "dpo":
        return "preference"
    model = MODELS.get(job.model) or store.shelf("models").get(job.model)
    return "completion" if model is not None and model.kind == "completion" else "chat"


def _fits(line: Line, wanted: str) -> bool:
    return isinstance(line.value, dict) and all(name in line.value for name in _NEEDED[wanted])


def _train(job: Job, now: int) -> None:
    """Train most of the way: numbers for each step, and a checkpoint after each."""
    name = _name(job)
    total = max(job.epochs, _STEPS)
    for number in range(1, _STEPS + 1):
        step = total * number // _STEPS
        metrics = _metrics(job, step)
        job.tell(now, f"Step {step}/{total}: training loss {metrics['train_loss']}", data=metrics)
        job.checkpoints.append(
            {
                "object": "fine_tuning.job.checkpoint",
                "id": f"ftckpt_{Source(job.id, ['checkpoint', step]).name(24)}",
                "created_at": now,
                "fine_tuning_job_id": job.id,
                "fine_tuned_model_checkpoint": f"{name}:ckpt-step-{step}",
                "step_number": step,
                "metrics": metrics,
            }
        )


def _metrics(job: Job, step: int) -> dict[str, Any]:
    """Numbers that get better from step to step."""
    loss = round(1 / (1 + step) + Source("loss", [job.seed, step]).below(100) / 10_000, 4)
    return {"step": step, "train_loss": loss, "train_mean_token_accuracy": round(1 - loss / 2, 4)}


def _succeed(job: Job, store: Store, now: int, serial: int) -> None:
    name = _name(job)
    kind = "completion" if _wanted(job, store) == "completion" else "chat"
    for made in (name, *(checkpoint["fine_tuned_model_checkpoint"] for checkpoint in job.checkpoints)):
        store.shelf("models").put(made, Model(made, kind, owner="org-assay", created=now))
    job.fine_tuned_model = name
    job.trained_tokens = job.epochs * count(job.data.decode(errors="replace"))
    table = "step,train_loss,train_accuracy\n" + "".join(
        f"{m['step']},{m['train_loss']},{m['train_mean_token_accuracy']}\n"
        for m in (checkpoint["metrics"] for checkpoint in job.checkpoints)
    )
    result = Kept(
        f"file-{Source(name).name(24)}", "metrics.csv", "fine-tune-results", table.encode(), now, None, serial
    )
    if store.add(result, now):
        job.result_files.append(result.id)
    job.tell(now, f"New fine-tuned model created: {name}")
    end(job, now, "succeeded", "The job has completed.")


def _name(job: Job) -> str:
    base = job.model.split(":")[1] if job.model.startswith("ft:") else job.model
    suffix = re.sub(r"[^a-z0-9-]+", "-", job.suffix.lower())
    return f"ft:{base}:assay:{suffix}:{Source('model', job.id).name(8)}"
