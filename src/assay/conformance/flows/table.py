"""The flows of the OpenAI API: its resources with small bodies, and what hangs together beyond one resource.

The rule of this module: data only; what is asked for is small and cheap, and nothing is named that the run did not
make itself. Resources of other descriptions are inferred from their paths.
"""

from __future__ import annotations

from typing import Any

from assay.conformance.flows.asks import agrees, bytes_of, cancelled, lists, only, over, refused, shows, some, there
from assay.conformance.flows.lives import Resource, pages, stopped
from assay.conformance.flows.results import answered, batch_lines_of, finds, grown
from assay.conformance.flows.steps import Flow, Step
from assay.generate.tuning import batch_lines, training_lines

__all__ = ["RESOURCES", "begun", "ended", "legacy", "texts"]

# Long enough to be cut into several parts for a search, with line ends and letters that are easily lost.
_TEXT = "".join(
    (
        "The otter sleeps on its back.\r\nDer Käse ist gelb, \u4f60\u597d.\n\n",
        *(f"Stone number {number} lies in the river.\n" for number in range(40)),
        *(f"Lamp number {number} hangs above the street.\n" for number in range(40)),
    )
).encode()
_PARTS = (_TEXT, b"second part\n")
_SAY: list[Any] = [{"role": "user", "content": "Say hello."}]
_FIRST, _SECOND, _MORE = "Assay asks first.", "Assay asks again.", ("Assay adds this.", "Assay adds that.")
_CHANGED = {"metadata": {"assay": "changed"}}
_NAMED = {"metadata": {"assay": "made"}}
_RUN = {"assistant_id": "{assistant_id}", "max_completion_tokens": 256}
_DONE = frozenset(("completed", "failed", "cancelled", "expired", "incomplete", "requires_action"))
_TRAINED = frozenset(("succeeded", "failed", "cancelled"))
_STORE, _THREAD, _JOB = "/vector_stores/{vector_store_id}", "/threads/{thread_id}", "/fine_tuning/jobs"
_FILES, _FILE_BATCHES = f"{_STORE}/files", f"{_STORE}/file_batches"
_CHUNKED = {
    "file_id": "{file_id}",
    "attributes": {"assay": "made"},
    "chunking_strategy": {"type": "static", "static": {"max_chunk_size_tokens": 200, "chunk_overlap_tokens": 0}},
}
_ATTRIBUTES = {"attributes": {"assay": "changed", "number": 7}}
_BEHIND = {"model": "{model}", "input": "Say hello.", "max_output_tokens": 16, "background": True, "store": True}
_OTHER_DIGEST = "0" * 32  # of no bytes that anybody has found
_UPLOAD = {
    "filename": "assay.txt",
    "purpose": "assistants",
    "mime_type": "text/plain",
    "bytes": sum(map(len, _PARTS)),
}


def _item(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


RESOURCES: tuple[Resource, ...] = (
    Resource("/files", "file_id", form={"purpose": "assistants", "file": _TEXT}, change={}, paged=True),
    Resource("/chat/completions", "completion_id",
             {"model": "{model}", "messages": _SAY, "max_tokens": 8, "store": True, **_NAMED}),
    Resource("/responses", "response_id",
             {"model": "{model}", "input": "Say hello.", "max_output_tokens": 16, "store": True},
             change={}),
    Resource("/conversations", "conversation_id", {**_NAMED, "items": [_item(_FIRST), _item(_SECOND)]}, plain=_NAMED),
    Resource("/conversations/{conversation_id}/items", "item_id", {"items": [_item(_MORE[0])]},
             again={"items": [_item(_MORE[1])]}, change={}, made_at=("data", 0, "id")),
    Resource("/assistants", "assistant_id", {"model": "{model}", "name": "assay", "instructions": "Be brief."},
             again={"model": "{model}", **_NAMED}, change={"name": "assay changed", **_CHANGED}, paged=True),
    Resource("/threads", "thread_id", {"messages": [*_SAY], **_NAMED}, again={}),
    Resource(f"{_THREAD}/messages", "message_id", {"role": "user", "content": "Say hello again.", **_NAMED}),
    Resource("/vector_stores", "vector_store_id", {"name": "assay", **_NAMED}, again={},
             change={"name": "assay changed", **_CHANGED}),
    Resource(_FILES, "attached", _CHUNKED, again={"file_id": "{uploaded}"}, change=_ATTRIBUTES),
)  # fmt: skip
"""Each is made and retrieved first; then the second halves of their lives are played."""


def texts() -> tuple[Flow, ...]:
    """What hangs on files, uploads, vector stores, responses, conversations and runs, and needs no work of a batch."""
    return (
        Flow("file contents", (
            Step("GET", "/files/{file_id}/content", asks=(bytes_of(_TEXT),)),
            Step("GET", "/files", cursor={"purpose": "evals"}, asks=(only("purpose", "evals"),)),
        )),
        Flow("uploads", _uploads()),
        Flow("stored messages", (
            Step("GET", "/chat/completions/{completion_id}/messages",
                 asks=(grown(("Say hello.",)),)),
        )),
        Flow("input items", (
            Step("GET", "/responses/{response_id}/input_items", query={"limit": "100"},
                 asks=(grown(("Say hello.",)),)),
            Step("POST", "/responses", body={
                "model": "{model}", "input": "Go on.", "max_output_tokens": 16, "conversation": "{conversation_id}",
            }, keep="told"),
            Step("GET", "/conversations/{conversation_id}/items", query={"limit": "100", "order": "asc"},
                 asks=(grown((_FIRST, _SECOND), told="Go on."),)),
            Step("POST", "/responses", body=_BEHIND, keep="background"),
            *stopped("/responses/{background}/cancel", "/responses/{background}", cancelled),
        )),
        Flow("vector store searches", _searches()),
        Flow("runs", _runs()),
        Flow("models", (
            Step("GET", "/models", keep="model_id", keep_at=("data", 0, "id")),
            Step("GET", "/models/{model_id}", asks=(there("model_id"), agrees("model_id"))),
        )),
    )  # fmt: skip


def _uploads() -> tuple[Step, ...]:
    path, again = "/uploads/{upload_id}", "/uploads/{upload_id again}"
    return (
        Step("POST", "/uploads", body=_UPLOAD, keep="upload_id"),
        Step("POST", f"{path}/parts", form={"data": _PARTS[0]}, keep="part"),
        Step("POST", f"{path}/parts", form={"data": _PARTS[1]}, keep="part again"),
        Step("POST", f"{path}/complete", body={"part_ids": ["{part}", "{part again}"], "md5": _OTHER_DIGEST}, gone=True,
             asks=(refused("the bytes have another digest than md5 says", "flow/digest"),)),
        Step("POST", f"{path}/complete", body={"part_ids": ["{part}", "{part again}"]}, keep="uploaded",
             keep_at=("file", "id")),
        Step("GET", "/files/{uploaded}/content", asks=(bytes_of(b"".join(_PARTS)),)),
        Step("POST", "/uploads", body=_UPLOAD, keep="upload_id again"),
        Step("POST", f"{again}/cancel", mark="upload stopped"),
        Step("POST", f"{again}/parts", form={"data": _PARTS[0]}, gone=True, needs=("upload stopped",),
             asks=(refused("it was cancelled"),)),
    )  # fmt: skip


def _searches() -> tuple[Step, ...]:
    """A store of one file is read and searched; a batch of files is added to another one."""
    at_file, batch = f"{_FILES}/{{attached}}", f"{_FILE_BATCHES}/{{file_batch}}"
    query = {"query": "The otter sleeps on its back."}
    return (
        Step("GET", at_file, until=_DONE, keep="attached", asks=(over(_DONE),)),
        Step("POST", f"{_STORE}/search", body=query, asks=(finds("attached"),)),
        Step("GET", f"{at_file}/content"),
        Step("POST", _FILE_BATCHES, body={"file_ids": ["{file_id}"]}, keep="file_batch"),
        Step("GET", batch, asks=(there("file_batch"), agrees("file_batch"))),
        Step("GET", f"{batch}/files", query={"limit": "100"}),
        Step("POST", f"{batch}/cancel"),
    )


def _runs() -> tuple[Step, ...]:
    """One run goes to its end and leaves a message, one makes its own thread, one is cancelled, and one is streamed."""
    runs, run = f"{_THREAD}/runs", f"{_THREAD}/runs/{{run_id}}"
    return (
        Step("POST", runs, body={**_RUN, **_NAMED}, keep="run_id"),
        Step("POST", "/threads/runs", body={**_RUN, "thread": {"messages": _SAY}}, keep="own run"),
        Step("GET", "/threads/{own run.thread_id}", asks=(there("own run"),)),
        Step("GET", run, until=_DONE, keep="run_id", asks=(there("run_id"), agrees("run_id"), over(_DONE))),
        Step("GET", f"{_THREAD}/messages", query={"limit": "100"}, needs=("thread_id",),
             asks=(answered("run_id"), grown(("Say hello.", "Say hello again.")))),
        Step("GET", f"{run}/steps", query={"limit": "100"}, keep="step_id", keep_at=("data", 0, "id")),
        Step("GET", f"{run}/steps/{{step_id}}", asks=(there("step_id"), agrees("step_id"))),
        Step("POST", run, body=_CHANGED, asks=(shows(_CHANGED, "run_id"),), mark="run changed"),
        Step("GET", run, needs=("run changed",), asks=(shows(_CHANGED),), spare=True),
        Step("GET", runs, query={"limit": "100"}, asks=(lists("run_id"),)),
        Step("POST", runs, body=_RUN, keep="run again"),
        *stopped(f"{_THREAD}/runs/{{run again}}/cancel", f"{_THREAD}/runs/{{run again}}", cancelled),
        Step("POST", runs, body={**_RUN, "stream": True}),
    )  # fmt: skip


def begun(model: str) -> tuple[Flow, ...]:
    """Work that a target does later, batches and fine-tuning: it is told what to do, and time goes by."""
    batch = {"input_file_id": "{input_file_id}", "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    job = {"model": "{model}", "training_file": "{training_file}"}
    return (
        Flow("batches", (
            Step("POST", "/files", form={"purpose": "batch", "file": batch_lines(model=model)}, keep="input_file_id"),
            Step("GET", "/files", cursor={"purpose": "batch"}, needs=("input_file_id",),
                 asks=(only("purpose", "batch"),)),
            Step("POST", "/batches", body={**batch, **_NAMED}, keep="batch_id"),
            Step("POST", "/batches", body=batch, keep="batch_id again"),
            *pages("/batches", "batch_id", "batch_id again"),
            *stopped("/batches/{batch_id again}/cancel", "/batches/{batch_id again}"),
        )),
        Flow("fine-tuning", (
            Step("POST", "/files", form={"purpose": "fine-tune", "file": training_lines()}, keep="training_file"),
            Step("POST", _JOB, body={**job, **_NAMED}, keep="job_id"),
            Step("POST", _JOB, body=job, keep="job_id again"),
            *pages(_JOB, "job_id", "job_id again"),
            Step("POST", f"{_JOB}/{{job_id again}}/pause"),
            Step("POST", f"{_JOB}/{{job_id again}}/resume"),
            *stopped(f"{_JOB}/{{job_id again}}/cancel", f"{_JOB}/{{job_id again}}"),
        )),
        Flow("response in the background", (
            Step("POST", "/responses", body=_BEHIND, keep="worked"),
        )),
    )  # fmt: skip


def ended(model: str) -> tuple[Flow, ...]:
    """What came of the work that was begun."""
    asked, job = batch_lines(model=model), f"{_JOB}/{{job_id}}"
    return (
        Flow("response in the background", (
            Step("GET", "/responses/{worked}", until=_DONE, asks=(over(_DONE),)),
        )),
        Flow("results of batches", (
            Step("GET", "/batches/{batch_id}", until=_DONE, keep="batch_id",
                 asks=(there("batch_id"), agrees("batch_id"))),
            Step("GET", "/files/{batch_id.output_file_id}/content", asks=(batch_lines_of("batch_id", asked),)),
        )),
        Flow("results of fine-tuning", (
            Step("GET", job, until=_TRAINED, keep="job_id", asks=(there("job_id"), agrees("job_id"))),
            *pages(f"{job}/events", asks=(some("job_id"),)),
            Step("GET", f"{job}/checkpoints", query={"limit": "10"}),
        )),
    )  # fmt: skip


def legacy() -> tuple[Flow, ...]:
    """What clients of 2023 used."""
    job = {"model": "{model}", "training_file": "{training_file}"}
    return (
        Flow("fine-tunes", (
            Step("POST", "/fine-tunes", body=job, keep="fine_tune_id"),
            Step("GET", "/fine-tunes/{fine_tune_id}", asks=(there("fine_tune_id"), agrees("fine_tune_id"))),
            Step("GET", "/fine-tunes", asks=(lists("fine_tune_id"),)),
            Step("GET", "/fine-tunes/{fine_tune_id}/events"),
            *stopped("/fine-tunes/{fine_tune_id}/cancel", "/fine-tunes/{fine_tune_id}"),
        )),
    )  # fmt: skip
