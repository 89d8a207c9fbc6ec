"""Examples of the rules of fine-tuning, batches, uploads, stored completions and the 2023 operations.

The rule of this module: data only; each row is a rule, an exchange that passes it, and one that breaks it alone.
"""

from __future__ import annotations

import json

from assay.rules.registry import Exchange
from assay.wire.multipart import FilePart

NOW = 1_760_000_000
DAY = 24 * 3600


def shown(operation, request=None, path=None, query=None, **response):
    """An exchange of which the response shows some properties."""
    return Exchange(operation, request, response, path_values=path or {}, query=query or {})


def asked(operation, **request):
    """A request alone."""
    return Exchange(operation, request, None, 0)


def job(request=None, operation="createFineTuningJob", **over):
    """A fine-tuning job that answers a request."""
    made = {"training_file": "file-1", "validation_file": None, "created_at": NOW, "seed": 1, **over}
    return shown(operation, {"training_file": "file-1", **(request or {})}, {"fine_tuning_job_id": "j"}, **made)


def batch(operation="createBatch", request=None, **over):
    """A batch that answers a request."""
    return shown(operation, request or {}, {"batch_id": "b"}, **{"id": "b", "created_at": NOW, **over})


def upload(operation="createUpload", **over):
    """An upload."""
    status = {"createUpload": "pending", "completeUpload": "completed", "cancelUpload": "cancelled"}[operation]
    made = {"id": "u", "status": status, "created_at": NOW, "expires_at": NOW + 3600, "bytes": 7, **over}
    return shown(operation, {"bytes": 7}, {"upload_id": "u"}, **made)


def file(purpose, *lines, name="file", operation="createFile"):
    """The upload of a file: each line a JSON value, or bytes as they are."""
    data = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    part = FilePart(name, "a.jsonl", "application/jsonl", data, name)
    return Exchange(operation, {"purpose": purpose}, None, 0, files=(part,))


def line(name, url="/v1/embeddings", **body):
    """One line of a batch."""
    return {"custom_id": name, "method": "POST", "url": url, "body": body}


def grader(**parts):
    """The request to look at a grader."""
    return asked("validateGrader", grader=parts)


def taught(**parts):
    """The request for a job that learns from a grader."""
    method = {"type": "reinforcement", "reinforcement": {"grader": {"type": "multi", "graders": parts}}}
    return asked("createFineTuningJob", method=method)


LABELS = {"labels": ["a", "b"], "passing_labels": ["a"]}
WRONG_LABELS = {"labels": ["a", "b"], "passing_labels": ["c"]}
CHAT = {"messages": [{"role": "user", "content": "hi"}]}
PREFERENCE = {"input": CHAT, "preferred_output": [], "non_preferred_output": []}
COUNTS = {"total": 3, "completed": 2, "failed": 1}
FILE = {"bytes": 7, "filename": "a", "purpose": "batch"}
STORED = [{"created": NOW, "model": "m-1"}, {"created": NOW + 1, "model": "m-2"}]

EXAMPLES = [
    ("fine-tuning/other-validation-file", asked("createFineTuningJob", training_file="a", validation_file="b"),
     asked("createFineTuningJob", training_file="a", validation_file="a")),
    ("fine-tuning/passing-labels", grader(**LABELS), grader(**WRONG_LABELS)),
    ("fine-tuning/passing-labels", taught(one=LABELS), taught(one=LABELS, two=WRONG_LABELS)),
    ("fine-tuning/passing-labels", grader(graders=[LABELS]), grader(graders=[LABELS, WRONG_LABELS])),
    ("fine-tuning/passing-labels", grader(graders=LABELS), grader(graders=WRONG_LABELS)),
    ("fine-tuning/score-range", grader(range=[0, 0.5]), grader(range=[1, 1])),
    ("fine-tuning/id-asked", job(operation="cancelFineTuningJob", id="j"), job(operation="pauseFineTuningJob", id="k")),
    ("fine-tuning/cancel-status", job(operation="cancelFineTuningJob", status="cancelled"),
     job(operation="cancelFineTuningJob", status="running")),
    ("fine-tuning/seed-kept", job({"seed": 1}), job({"seed": 2})),
    ("fine-tuning/files-kept", job({"validation_file": "v"}, validation_file="v"), job(training_file="file-2")),
    ("fine-tuning/files-kept", job(), job(validation_file="v")),
    ("fine-tuning/suffix-in-name", job({"suffix": "My"}, fine_tuned_model="ft:m:org:my:1a"),
     job({"suffix": "mine"}, fine_tuned_model="ft:m:org:my:1a")),
    ("fine-tuning/model-name", job(fine_tuned_model="ft:m:org::1a:ckpt-step-3"), job(fine_tuned_model="my-model")),
    ("fine-tuning/model-name", shown("listPaginatedFineTuningJobs", data=[{"fine_tuned_model": None}]),
     shown("listPaginatedFineTuningJobs", data=[{"fine_tuned_model": "m"}])),
    ("fine-tuning/hyperparameters-supervised", job(method={"type": "supervised"}, hyperparameters={"n_epochs": 1}),
     job(method={"type": "dpo"}, hyperparameters={"n_epochs": 1})),
    ("fine-tuning/times-in-order", job(finished_at=NOW), job(finished_at=NOW - 1)),
    ("fine-tuning/created-seconds", job(), job(created_at=NOW * 1000)),
    ("fine-tuning/checkpoint-of-job",
     shown("listFineTuningJobCheckpoints", None, {"fine_tuning_job_id": "j"}, data=[{"fine_tuning_job_id": "j"}]),
     shown("listFineTuningJobCheckpoints", None, {"fine_tuning_job_id": "j"}, data=[{"fine_tuning_job_id": "k"}])),
    ("training-files/lines", file("fine-tune", CHAT, b"", CHAT), file("fine-tune", CHAT, b"not JSON")),
    ("training-files/lines", file("user_data", b"not JSON"), file("fine-tune", [CHAT])),
    ("training-files/lines", file("fine-tune", CHAT), file("fine-tune", b"")),
    ("training-files/form", file("fine-tune", PREFERENCE), file("fine-tune", {"text": "hello"})),
    ("training-files/form", file("fine-tune", {"prompt": "a", "completion": "b"}), file("fine-tune", {"messages": 1})),
    ("training-files/form", file("fine-tune", PREFERENCE), file("fine-tune", {**PREFERENCE, "input": "x"})),
    ("training-files/one-form", file("fine-tune", CHAT, CHAT), file("fine-tune", CHAT, PREFERENCE)),
    ("batches/id-asked", batch("retrieveBatch"), batch("cancelBatch", id="c")),
    ("batches/request-kept", batch(request={"endpoint": "/v1/x"}, endpoint="/v1/x"),
     batch(request={"endpoint": "/v1/x"}, endpoint="/v1/y")),
    ("batches/cancel-status", batch("cancelBatch", status="cancelling"), batch("cancelBatch", status="in_progress")),
    ("batches/counts", batch(request_counts=COUNTS), batch(request_counts={**COUNTS, "total": 2})),
    ("batches/counts", batch(status="completed", request_counts=COUNTS),
     batch(status="completed", request_counts={**COUNTS, "total": 4})),
    ("batches/times-in-order", batch(in_progress_at=NOW, finalizing_at=None, completed_at=NOW + 1),
     batch(in_progress_at=NOW + 2, completed_at=NOW + 1)),
    ("batches/expires-in-a-day", batch(expires_at=NOW + DAY), batch(expires_at=NOW + 3600)),
    ("batches/usage-sums", batch(usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}),
     batch(usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 4})),
    ("batches/created-seconds", shown("listBatches", data=[{"created_at": NOW}]),
     shown("listBatches", data=[{"created_at": NOW * 1000}])),
    ("batch-files/lines", file("batch", line("a")), file("batch", {**line("a"), "method": "GET"})),
    ("batch-files/lines", file("batch", line("a")), file("batch", line("a"), b"{")),
    ("batch-files/lines", file("batch", line("a")), file("batch", {**line("a"), "custom_id": 1})),
    ("batch-files/custom-ids", file("batch", line("a"), line("b")), file("batch", line("a"), line("b"), line("a"))),
    ("batch-files/one-endpoint", file("batch", line("a"), line("b")), file("batch", line("a"), line("b", "/v1/edits"))),
    ("batch-files/not-streamed", file("batch", line("a", stream=False)), file("batch", line("a", stream=True))),
    ("uploads/lines-media-type", asked("createUpload", purpose="batch", mime_type="application/jsonl"),
     asked("createUpload", purpose="batch", mime_type="image/png")),
    ("uploads/id-asked", upload("completeUpload"), upload("cancelUpload", id="v")),
    ("uploads/part-of-upload", shown("addUploadPart", None, {"upload_id": "u"}, upload_id="u"),
     shown("addUploadPart", None, {"upload_id": "u"}, upload_id="v")),
    ("uploads/request-kept", upload(), upload(bytes=8)),
    ("uploads/status", upload("cancelUpload"), upload(status="completed")),
    ("uploads/expires-in-an-hour", upload(), upload(expires_at=NOW + 1)),
    ("uploads/file-matches", upload("completeUpload", file=FILE, filename="a", purpose="batch"),
     upload("completeUpload", file={**FILE, "bytes": 3})),
    ("uploads/created-seconds", upload(), upload(created_at=NOW * 1000, expires_at=NOW * 1000 + 3600)),
    ("stored/id-asked", shown("getChatCompletion", None, {"completion_id": "c"}, id="c"),
     shown("deleteChatCompletion", None, {"completion_id": "c"}, id="d")),
    ("stored/metadata-kept", shown("updateChatCompletion", {"metadata": {}}, metadata=None),
     shown("updateChatCompletion", {"metadata": {"a": "b"}}, metadata={})),
    ("stored/model-asked", shown("listChatCompletions", query={"model": "m"}, data=STORED),
     shown("listChatCompletions", query={"model": "m-1"}, data=STORED)),
    ("edits/choices-count", shown("createEdit", {"n": 2}, choices=[{"index": 0}, {"index": 1}]),
     shown("createEdit", {"n": 2}, choices=[{"index": 0}])),
    ("edits/choices-indexes", shown("createEdit", {}, choices=[{"index": 0}]),
     shown("createEdit", {}, choices=[{"index": 1}])),
    ("edits/usage-sums", shown("createEdit", {}, usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}),
     shown("createEdit", {}, usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 4})),
    ("edits/created-seconds", shown("createEdit", {}, created=NOW), shown("createEdit", {}, created=NOW * 1000)),
    ("fine-tunes/other-validation-file", asked("createFineTune", training_file="a", validation_file="b"),
     asked("createFineTune", training_file="a", validation_file="a")),
    ("fine-tunes/betas-binary", asked("createFineTune", classification_betas=[1], classification_positive_class="a"),
     asked("createFineTune", classification_betas=[1])),
    ("fine-tunes/id-asked", shown("retrieveFineTune", None, {"fine_tune_id": "f"}, id="f"),
     shown("cancelFineTune", None, {"fine_tune_id": "f"}, id="g")),
]  # fmt: skip

MOST = 50_000
PART = 64 * 1024 * 1024
# Rule, how to make an exchange that passes, and one that fails: too large to be kept, copied or printed.
LARGE = [
    ("batch-files/size", lambda: file("batch", *(line(str(n), "/v1/edits") for n in range(MOST))),
     lambda: file("batch", *(line(str(n), "/v1/edits") for n in range(MOST + 1)))),
    ("batch-files/embedding-inputs", lambda: file("batch", line("a", input=[1] * (MOST + 1))),
     lambda: file("batch", line("a", input=["x"] * MOST), line("b", input="y"))),
    ("uploads/part-size", lambda: file("", b"x" * PART, name="data", operation="addUploadPart"),
     lambda: file("", b"x" * (PART + 1), name="data", operation="addUploadPart")),
]  # fmt: skip
