"""Rules of fine-tuning jobs, their checkpoints, and the graders of reinforcement.

The rule of this module: a job is judged by the request that it answers and by its own state; what happened before,
nobody remembers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from assay.rules import accounting, echoes
from assay.rules.read import at, integer, listed, objects, shown, text
from assay.rules.registry import Exchange, Rule, RuleSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

_JOBS = "createFineTuningJob retrieveFineTuningJob cancelFineTuningJob pauseFineTuningJob resumeFineTuningJob"
_ALL_JOBS = f"{_JOBS} listPaginatedFineTuningJobs"
_REPORTS = "listFineTuningEvents listFineTuningJobCheckpoints"
_BY_ID = "retrieveFineTuningJob cancelFineTuningJob pauseFineTuningJob resumeFineTuningJob"
_GRADED = "createFineTuningJob runGrader validateGrader"

rules = RuleSet("fine-tuning", *f"{_ALL_JOBS} {_REPORTS} runGrader validateGrader".split())

_REQUEST = "#/components/schemas/CreateFineTuningJobRequest/properties"
_JOB = "#/components/schemas/FineTuningJob/properties"
_GRADER = "#/components/schemas"
# ft:<base model>:<organization>:<suffix>:<id>, and for a checkpoint one more step
_NAME = re.compile(r"ft:[^:]+:[^:]*:[^:]*:[A-Za-z0-9]+(:.*)?")

_Place = tuple[str | int, ...]


@rules.request(
    "other-validation-file", "The validation file is not the training file.", f"{_REQUEST}/validation_file",
    severity="hazard", operations="createFineTuningJob", when="validation_file",
)  # fmt: skip
def other_validation_file(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    name = text(at(exchange.request, "validation_file"))
    if name is not None and name == at(exchange.request, "training_file"):
        yield rule.broken(("validation_file",), "a file other than training_file", "the same")


def _graders(request: Any) -> Iterator[tuple[_Place, dict[str, Any]]]:
    """Yield every grader of a request with its place: the one it holds, and those inside that one."""
    path: _Place = ("grader",) if at(request, "grader") else ("method", "reinforcement", "grader")
    grader = at(request, *(str(step) for step in path))
    if not isinstance(grader, dict):
        return
    yield path, grader
    inner = grader.get("graders")
    if isinstance(inner, list):
        yield from (((*path, "graders", number), part) for number, part in objects(inner))
    elif isinstance(inner, dict):
        yield (*path, "graders"), inner
        yield from (((*path, "graders", name), part) for name, part in inner.items() if isinstance(part, dict))


@rules.request(
    "passing-labels", "The passing labels are among the labels.",
    f"{_GRADER}/GraderLabelModel/properties/passing_labels", operations=_GRADED, when="grader method",
)  # fmt: skip
def passing_labels(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, grader in _graders(exchange.request):
        labels = listed(grader.get("labels"))
        for number, label in enumerate(listed(grader.get("passing_labels"))):
            if label not in labels:
                yield rule.broken((*path, "passing_labels", number), "one of the labels", "another one")


@rules.request(
    "score-range", "The range of a score goes from its lower end to its higher one.",
    f"{_GRADER}/GraderScoreModel/properties/range", operations=_GRADED, when="grader method",
)  # fmt: skip
def score_range(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, grader in _graders(exchange.request):
        ends = [end for end in listed(grader.get("range")) if isinstance(end, int | float)]
        if len(ends) == 2 and ends[0] >= ends[1]:  # noqa: PLR2004  a range has two ends
            yield rule.broken((*path, "range"), "a lower end, then a higher one", "another order")


@rules.response(
    "id-asked", "The job that was asked for is the one returned.", f"{_JOB}/id", operations=_BY_ID
)  # fmt: skip
def id_asked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return echoes.id_asked(rule, exchange, "fine_tuning_job_id")


@rules.response(
    "cancel-status", "A job that was cancelled says so.", f"{_JOB}/status", operations="cancelFineTuningJob"
)  # fmt: skip
def cancel_status(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    if text(at(exchange.response, "status")) not in (None, "cancelled"):
        yield rule.broken(("status",), "cancelled", "another status")


@rules.response("seed-kept", "The job has the seed of its request.", f"{_REQUEST}/seed",
                operations="createFineTuningJob", when="seed")  # fmt: skip
def seed_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    wanted, given = integer(at(exchange.request, "seed")), integer(at(exchange.response, "seed"))
    if wanted is not None and given is not None and wanted != given:
        yield rule.broken(("seed",), "the seed of the request", "another one")


@rules.response("files-kept", "The job has the files of its request.", f"{_JOB}/training_file",
                operations="createFineTuningJob")  # fmt: skip
def files_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for name in ("training_file", "validation_file"):
        wanted, given = text(at(exchange.request, name)), at(exchange.response, name)
        if isinstance(exchange.response, dict) and name in exchange.response and wanted != given:
            yield rule.broken((name,), "the id in the request" if wanted else "null", "another id" if given else "null")


@rules.response("suffix-in-name", "The name of the new model holds the suffix.", f"{_REQUEST}/suffix",
                operations="createFineTuningJob", when="suffix")  # fmt: skip
def suffix_in_name(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a service may write the suffix in lower case."""
    suffix, name = text(at(exchange.request, "suffix")), text(at(exchange.response, "fine_tuned_model"))
    if suffix and name and suffix.lower() not in name.lower():
        yield rule.broken(("fine_tuned_model",), "a name with the suffix in it", "one without")


@rules.response(
    "model-name", "The new model is called ft:<base model>:<organization>:<suffix>:<id>.",
    f"{_REQUEST}/suffix", severity="hazard", operations=_ALL_JOBS,
)  # fmt: skip
def model_name(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, job in shown(exchange.response):
        name = text(job.get("fine_tuned_model"))
        if name is not None and not _NAME.fullmatch(name):
            yield rule.broken((*path, "fine_tuned_model"), "ft:<base>:<organization>:<suffix>:<id>", "another form")


@rules.response(
    "hyperparameters-supervised", "hyperparameters is for supervised jobs; others have theirs in method.",
    f"{_JOB}/hyperparameters", operations=_ALL_JOBS,
)  # fmt: skip
def hyperparameters_supervised(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, job in shown(exchange.response):
        if at(job, "method", "type") in ("dpo", "reinforcement") and job.get("hyperparameters"):
            yield rule.broken((*path, "hyperparameters"), "null in a job that is not supervised", "an object")


@rules.response("times-in-order", "A job ends after it began.", f"{_JOB}/finished_at", operations=_ALL_JOBS)
def times_in_order(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, job in shown(exchange.response):
        yield from accounting.in_order(rule, job, path, ("created_at", "finished_at"))


@rules.response("created-seconds", "created_at is a Unix time in seconds.", f"{_JOB}/created_at",
                operations=f"{_ALL_JOBS} {_REPORTS}")  # fmt: skip
def created_seconds(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, item in shown(exchange.response):
        yield from accounting.seconds(rule, item.get("created_at"), (*path, "created_at"))


@rules.response(
    "checkpoint-of-job", "A checkpoint belongs to the job that was asked for.",
    "#/components/schemas/FineTuningJobCheckpoint/properties/fine_tuning_job_id",
    operations="listFineTuningJobCheckpoints",
)  # fmt: skip
def checkpoint_of_job(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    asked = exchange.path_values.get("fine_tuning_job_id")
    for path, checkpoint in shown(exchange.response):
        given = text(checkpoint.get("fine_tuning_job_id"))
        if isinstance(asked, str) and given is not None and given != asked:
            yield rule.broken((*path, "fine_tuning_job_id"), "the id in the path", "another id")
