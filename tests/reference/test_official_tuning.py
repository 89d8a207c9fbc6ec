"""The official Python client fine-tunes, batches, uploads and stores against the server; every exchange is valid."""

from __future__ import annotations

import json

import openai
import pytest

from assay.generate.tuning import batch_lines, training_lines

HI = [{"role": "user", "content": "hello"}]
DATA = b"otter\r\n" * 100


@pytest.fixture
def client(served):
    """Return the official client, pointed at the server; what it sends and gets is judged when the test has ended."""
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def test_a_job_from_file_to_model(client) -> None:
    """Upload, train, watch, page through the events, use the model, delete it."""
    file = client.files.create(file=("train.jsonl", training_lines()), purpose="fine-tune")
    jobs = client.fine_tuning.jobs
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 4}}}
    made = jobs.create(model="gpt-4o-mini", training_file=file.id, method=method, seed=7, metadata={"by": "test"})
    while (job := jobs.retrieve(made.id)).status not in ("succeeded", "failed", "cancelled"):
        assert job.fine_tuned_model is None
    assert (job.status, job.seed, job.metadata) == ("succeeded", 7, {"by": "test"})
    events = [*jobs.list_events(made.id, limit=2)]
    assert events[-1].message.startswith("Created")
    assert len({event.id for event in events}) == len(events) > 4
    steps = [checkpoint.step_number for checkpoint in jobs.checkpoints.list(made.id, limit=1)]
    assert steps == [4, 2, 1]
    answer = client.chat.completions.create(model=job.fine_tuned_model, messages=HI)
    assert answer.model == job.fine_tuned_model
    assert client.models.delete(job.fine_tuned_model).deleted
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve(job.fine_tuned_model)
    assert [found.id for found in jobs.list()] == [made.id]


def test_jobs_are_paused_resumed_and_cancelled(client) -> None:
    """The client's verbs have their effect, and an ended job refuses them."""
    file = client.files.create(file=("train.jsonl", training_lines("preference")), purpose="fine-tune")
    jobs = client.fine_tuning.jobs
    made = jobs.create(model="gpt-4o", training_file=file.id, method={"type": "dpo"}, suffix="better")
    assert jobs.pause(made.id).status == "paused"
    assert jobs.resume(made.id).status == "queued"
    assert jobs.cancel(made.id).status == "cancelled"
    with pytest.raises(openai.ConflictError):
        jobs.cancel(made.id)
    with pytest.raises(openai.NotFoundError):
        jobs.create(model="gpt-4o", training_file="file-nobody")


def test_a_batch_from_file_to_results(client) -> None:
    """Upload, work off, download the answers, list, and refuse to cancel what has ended."""
    file = client.files.create(file=("in.jsonl", batch_lines(count=3)), purpose="batch")
    made = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={"by": "test"}
    )
    while (batch := client.batches.retrieve(made.id)).status in ("validating", "in_progress", "finalizing"):
        assert batch.completed_at is None
    assert (batch.status, batch.request_counts.completed, batch.error_file_id) == ("completed", 3, None)
    lines = [json.loads(line) for line in client.files.content(batch.output_file_id).text.splitlines()]
    assert [line["custom_id"] for line in lines] == ["request-0", "request-1", "request-2"]
    assert all(line["response"]["body"]["choices"] for line in lines)
    assert [found.id for found in client.batches.list()] == [made.id]
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(made.id)


def test_a_file_is_uploaded_in_parts(client) -> None:
    """The client's own chunked upload gives the file as it was."""
    upload = client.uploads.upload_file_chunked(
        file=DATA, filename="a.txt", bytes=len(DATA), mime_type="text/plain", purpose="user_data", part_size=300
    )
    assert (upload.status, upload.file.bytes) == ("completed", len(DATA))
    assert client.files.content(upload.file.id).read() == DATA
    other = client.uploads.create(filename="b.txt", bytes=3, mime_type="text/plain", purpose="assistants")
    assert client.uploads.cancel(other.id).status == "cancelled"


def test_completions_are_stored(client) -> None:
    """What was stored is listed, changed, read back and deleted."""
    stored = client.chat.completions
    made = [stored.create(model="gpt-4o", messages=HI, store=True, metadata={"n": str(n)}) for n in range(3)]
    names = [completion.id for completion in made]
    assert [completion.id for completion in stored.list(limit=2)] == names
    assert [completion.id for completion in stored.list(metadata={"n": "1"})] == [names[1]]
    assert stored.retrieve(names[0]).choices == made[0].choices
    assert stored.update(names[0], metadata={"n": "9"}).metadata == {"n": "9"}
    assert [message.content for message in stored.messages.list(names[0])] == ["hello"]
    assert stored.delete(names[0]).deleted
    with pytest.raises(openai.NotFoundError):
        stored.retrieve(names[0])


def test_graders_are_run(client) -> None:
    """A grader is validated and marks a text."""
    grader = {
        "type": "string_check",
        "name": "same",
        "input": "{{sample.output_text}}",
        "reference": "{{item.answer}}",
        "operation": "eq",
    }
    graders = client.fine_tuning.alpha.graders
    assert graders.validate(grader=grader).grader.name == "same"
    assert graders.run(grader=grader, model_sample="7", item={"answer": "7"}).reward == 1
