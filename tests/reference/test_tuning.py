"""Fine-tuning jobs, batches, uploads, stored completions and the 2023 operations, in process: states and refusals."""

from __future__ import annotations

import hashlib
import json

import pytest

from assay.generate.tuning import batch_lines, training_lines
from assay.reference.clock import NOW
from assay.reference.server import application
from assay.reference.similarity import MEASURES
from assay.reference.store import Shelf
from assay.wire.multipart import FilePart, write_multipart

FORM = {"content-type": "multipart/form-data; boundary=otter"}
HI = [{"role": "user", "content": "hello"}]


def upload(local, data, purpose="fine-tune") -> str:
    """Upload a file and return its id."""
    body = write_multipart({"purpose": purpose}, [FilePart("file", "a.jsonl", "", data)], "otter")
    response = local.send("POST", "/v1/files", body, FORM)
    assert response.status == 200, response.body
    return json.loads(response.body)["id"]


def get(local, target, method="GET"):
    """Send a request without a body and return the value of its answer."""
    response = local.send(method, target)
    assert response.status == 200, response.body
    return json.loads(response.body)


def started(local, lines=None, **more) -> str:
    """Start a job and return its path."""
    body = {"model": "gpt-4o-mini", "training_file": upload(local, lines or training_lines()), **more}
    return f"/v1/fine_tuning/jobs/{local.post('/v1/fine_tuning/jobs', body)['id']}"


def states(local, path, count=6) -> list[str]:
    """Look at an object some times, and return the states that were seen."""
    return [get(local, path)["status"] for _ in range(count)]


def test_a_job_lives_from_look_to_look_and_leaves_a_model(local) -> None:
    """A job is validated, queued, run and done; its model can be used, and deleted once."""
    path = started(local, suffix="My Otter", seed=7, metadata={"a": "b"})
    assert states(local, path) == ["queued", "running", "running", "succeeded", "succeeded", "succeeded"]
    job = get(local, path)
    assert (job["seed"], job["metadata"], job["error"]) == (7, {"a": "b"}, {})
    assert job["fine_tuned_model"].startswith("ft:gpt-4o-mini:assay:my-otter:")
    assert job["trained_tokens"] > 0
    checkpoints = get(local, f"{path}/checkpoints")["data"]
    assert [c["step_number"] for c in checkpoints] == [3, 2, 1]
    assert local.send("GET", f"/v1/files/{job['result_files'][0]}/content").body.startswith(b"step,train_loss")
    events = get(local, f"{path}/events?limit=2")
    assert (len(events["data"]), events["has_more"]) == (2, True)
    rest = get(local, f"{path}/events?after={events['data'][-1]['id']}&limit=100")
    assert rest["data"][-1]["message"].startswith("Created")
    for model in (job["fine_tuned_model"], checkpoints[0]["fine_tuned_model_checkpoint"]):
        local.post("/v1/chat/completions", {"model": model, "messages": HI})
        assert get(local, f"/v1/models/{model}")["owned_by"] == "org-assay"
        assert get(local, f"/v1/models/{model}", "DELETE")["deleted"]
        assert local.send("DELETE", f"/v1/models/{model}").status == 404


def test_a_job_can_be_halted_and_stopped(local) -> None:
    """A paused job stands still; a resumed one goes on; a cancelled one has ended for good."""
    path = started(local)
    assert states(local, path, 2) == ["queued", "running"]
    assert local.send("POST", f"{path}/resume").status == 409
    assert get(local, f"{path}/pause", "POST")["status"] == "paused"
    assert states(local, path, 2) == ["paused", "paused"]
    assert get(local, f"{path}/resume", "POST")["status"] == "queued"
    assert states(local, path, 1) == ["running"]
    cancelled = get(local, f"{path}/cancel", "POST")
    assert (cancelled["status"], cancelled["fine_tuned_model"]) == ("cancelled", None)
    assert [local.send("POST", f"{path}/{verb}").status for verb in ("cancel", "pause", "resume")] == [409] * 3


@pytest.mark.parametrize(
    ("lines", "more", "code"),
    [
        (training_lines("preference"), {}, "invalid_training_file"),
        (training_lines("chat"), {"method": {"type": "dpo"}}, "invalid_training_file"),
        (training_lines("chat"), {"model": "davinci-002"}, "invalid_training_file"),
        (training_lines("chat", 9), {}, "invalid_n_examples"),
    ],
)
def test_a_wrong_training_file_fails_the_job(local, lines, more, code) -> None:
    """A file whose lines are of another form than the method needs, or too few, is told in the job."""
    path = started(local, lines, **more)
    job = get(local, path)
    assert (job["status"], job["error"]["code"], job["error"]["param"]) == ("failed", code, "training_file")


@pytest.mark.parametrize(
    ("form", "more"),
    [
        ("preference", {"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.5}}}}),
        ("completion", {"model": "davinci-002", "hyperparameters": {"n_epochs": 2}}),
    ],
)
def test_each_form_of_file_has_its_jobs(local, form, more) -> None:
    """Preferences go with dpo, completions with completion models; a hyperparameter that was given is kept."""
    path = started(local, training_lines(form), **more)
    assert states(local, path, 4)[-1] == "succeeded"
    job = get(local, path)
    assert (job["hyperparameters"] is None) is (form == "preference")
    given = job["method"][job["method"]["type"]]["hyperparameters"]
    assert (given.get("beta"), given["n_epochs"]) in ((0.5, "auto"), (None, 2))


def test_jobs_are_listed_page_by_page_and_by_metadata(local) -> None:
    """The newest come first; pairs select, and null asks for jobs without any."""
    names = [started(local, metadata=pairs).rpartition("/")[2] for pairs in ({"a": "1"}, None, {"a": "2", "b": "1"})]
    first = get(local, "/v1/fine_tuning/jobs?limit=2")
    assert ([job["id"] for job in first["data"]], first["has_more"]) == ([names[2], names[1]], True)
    last = get(local, f"/v1/fine_tuning/jobs?after={names[1]}")
    assert ([job["id"] for job in last["data"]], last["has_more"]) == ([names[0]], False)
    assert [job["id"] for job in get(local, "/v1/fine_tuning/jobs?metadata[a]=2")["data"]] == [names[2]]
    assert [job["id"] for job in get(local, "/v1/fine_tuning/jobs?metadata=null")["data"]] == [names[1]]
    assert local.send("GET", "/v1/fine_tuning/jobs?after=nobody").status == 404


def test_permissions_are_given_and_taken_back(local) -> None:
    """A checkpoint has the permissions that were given, by project and in order, until one is deleted."""
    path = started(local)
    states(local, path, 4)
    name = get(local, f"{path}/checkpoints")["data"][0]["fine_tuned_model_checkpoint"]
    at = f"/v1/fine_tuning/checkpoints/{name}/permissions"
    made = local.post(at, {"project_ids": ["p1", "p2"]})["data"]
    assert [item["project_id"] for item in get(local, at)["data"]] == ["p2", "p1"]
    assert [item["id"] for item in get(local, f"{at}?project_id=p1&order=ascending")["data"]] == [made[0]["id"]]
    assert get(local, f"{at}/{made[0]['id']}", "DELETE")["deleted"]
    assert local.send("DELETE", f"{at}/{made[0]['id']}").status == 404
    assert local.send("GET", "/v1/fine_tuning/checkpoints/gpt-4o/permissions").status == 404


def test_a_batch_answers_each_line_as_the_operation_would(local) -> None:
    """Good lines are in the output file, refused ones in the error file, and the counts and tokens add up."""
    lines = [json.loads(line) for line in batch_lines(count=3).splitlines()]
    lines[1]["body"]["temperature"] = 9
    data = "\n".join(json.dumps(line) for line in lines).encode()
    body = {
        "input_file_id": upload(local, data, "batch"),
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    path = f"/v1/batches/{local.post('/v1/batches', body)['id']}"
    assert states(local, path, 4) == ["in_progress", "finalizing", "completed", "completed"]
    batch = get(local, path)
    assert batch["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
    read = {
        name: [json.loads(line) for line in local.send("GET", f"/v1/files/{batch[name]}/content").body.splitlines()]
        for name in ("output_file_id", "error_file_id")
    }
    assert [line["custom_id"] for line in read["output_file_id"]] == ["request-0", "request-2"]
    (refused,) = read["error_file_id"]
    assert (refused["response"]["status_code"], refused["response"]["body"]["error"]["param"]) == (400, "temperature")
    answers = [line["response"]["body"] for line in read["output_file_id"]]
    assert batch["usage"]["total_tokens"] == sum(answer["usage"]["total_tokens"] for answer in answers)
    direct = local.post("/v1/chat/completions", lines[0]["body"])
    assert direct["choices"] == answers[0]["choices"]
    assert get(local, f"/v1/files/{batch['output_file_id']}")["purpose"] == "batch_output"


@pytest.mark.parametrize("endpoint", ["/v1/embeddings", "/v1/moderations", "/v1/images/generations", "/v1/completions"])
def test_batches_serve_other_operations(local, endpoint) -> None:
    """Every endpoint that the server has can be asked by batch."""
    models = {"embeddings": "text-embedding-3-small", "moderations": "omni-moderation-latest"}
    models |= {"generations": "gpt-image-1", "completions": "davinci-002"}
    lines = batch_lines(endpoint, models[endpoint.rpartition("/")[2]])
    body = {"input_file_id": upload(local, lines, "batch"), "endpoint": endpoint, "completion_window": "24h"}
    path = f"/v1/batches/{local.post('/v1/batches', body)['id']}"
    states(local, path, 3)
    assert get(local, path)["request_counts"] == {"total": 2, "completed": 2, "failed": 0}


def test_a_batch_of_another_endpoint_fails_and_says_where(local) -> None:
    """Lines that do not fit the batch are told by their number."""
    body = {"input_file_id": upload(local, batch_lines(), "batch"), "endpoint": "/v1/embeddings"}
    made = local.post("/v1/batches", {**body, "completion_window": "24h", "metadata": {"k": "v"}})
    batch = get(local, f"/v1/batches/{made['id']}")
    assert (batch["status"], batch["metadata"]) == ("failed", {"k": "v"})
    assert [(e["code"], e["line"]) for e in batch["errors"]["data"]] == [("mismatched_endpoint", n) for n in (1, 2)]
    assert local.send("POST", f"/v1/batches/{made['id']}/cancel").status == 409
    assert [item["id"] for item in get(local, "/v1/batches?limit=1")["data"]] == [made["id"]]


def test_a_batch_can_be_cancelled_and_expires(local, contract) -> None:
    """A cancelled batch ends; one that nobody looks at for a day has expired."""
    now = NOW
    local.app = application(judge=contract, clock=lambda: now)
    body = {"input_file_id": upload(local, batch_lines(), "batch"), "endpoint": "/v1/chat/completions"}
    paths = [f"/v1/batches/{local.post('/v1/batches', {**body, 'completion_window': '24h'})['id']}" for _ in range(2)]
    assert get(local, f"{paths[0]}/cancel", "POST")["status"] == "cancelling"
    assert states(local, paths[0], 1) == ["cancelled"]
    now = NOW + 24 * 3600
    assert states(local, paths[1], 1) == ["expired"]


@pytest.mark.parametrize("purpose", ["batch", "fine-tune"])
def test_files_serve_the_purpose_that_they_have(local, purpose) -> None:
    """A file that is missing or for something else is refused, by the name of the field."""
    wrong = upload(local, b"{}", "user_data")
    for name, status in ((wrong, 400), ("file-nobody", 404)):
        if purpose == "batch":
            body = {"input_file_id": name, "endpoint": "/v1/embeddings", "completion_window": "24h"}
            got, error = local.refused("/v1/batches", body)
        else:
            got, error = local.refused("/v1/fine_tuning/jobs", {"model": "gpt-4o", "training_file": name})
        assert (got, error["param"]) == (status, "input_file_id" if purpose == "batch" else "training_file")


def part(local, upload_id, data) -> str:
    """Send a part and return its id."""
    body = write_multipart({}, [FilePart("data", "part", "", data)], "otter")
    return json.loads(local.send("POST", f"/v1/uploads/{upload_id}/parts", body, FORM).body)["id"]


def announced(local, size) -> str:
    """Announce a file and return the upload's id."""
    body = {"filename": "a.bin", "purpose": "user_data", "bytes": size, "mime_type": "application/octet-stream"}
    return local.post("/v1/uploads", body)["id"]


def test_an_upload_becomes_the_file_in_the_order_that_was_told(local) -> None:
    """The parts joined in the given order are the file, byte for byte."""
    data = bytes(range(256)) + b"\r\n"
    name = announced(local, len(data))
    second, first = part(local, name, data[100:]), part(local, name, data[:100])
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    done = local.post(f"/v1/uploads/{name}/complete", {"part_ids": [first, second], "md5": digest})
    assert (done["status"], done["file"]["bytes"], done["file"]["filename"]) == ("completed", len(data), "a.bin")
    assert local.send("GET", f"/v1/files/{done['file']['id']}/content").body == data
    assert local.send("POST", f"/v1/uploads/{name}/cancel").status == 409


def test_an_upload_that_does_not_add_up_is_refused(local) -> None:
    """Missing parts, unknown parts, a wrong digest and too many bytes are refused; then it can still be completed."""
    name = announced(local, 4)
    one, two = part(local, name, b"ab"), part(local, name, b"cd")
    wrong = [{"part_ids": [one]}, {"part_ids": [one, "part_x"]}, {"part_ids": [one, two], "md5": "0" * 32}]
    codes = [local.refused(f"/v1/uploads/{name}/complete", body)[1]["code"] for body in wrong]
    assert codes == ["size_mismatch", "part_not_found", "checksum_mismatch"]
    more = write_multipart({}, [FilePart("data", "part", "", b"e")], "otter")
    assert local.send("POST", f"/v1/uploads/{name}/parts", more, FORM).status == 400
    assert local.post(f"/v1/uploads/{name}/complete", {"part_ids": [two, one]})["status"] == "completed"


def test_uploads_end(local, contract) -> None:
    """A cancelled upload and one that is an hour old take no more."""
    now = NOW
    local.app = application(judge=contract, clock=lambda: now)
    first, second = announced(local, 1), announced(local, 1)
    assert get(local, f"/v1/uploads/{first}/cancel", "POST")["status"] == "cancelled"
    now = NOW + 3600
    codes = [local.refused(f"/v1/uploads/{n}/complete", {"part_ids": ["x"]})[1]["code"] for n in (first, second)]
    assert codes == ["upload_cancelled", "upload_expired"]


def test_completions_are_stored_when_asked_for(local) -> None:
    """What was stored comes back as it was answered, streamed or not; what was not is not there."""
    made = [
        local.post("/v1/chat/completions", {"model": model, "messages": HI, "store": True, "metadata": {"k": model}})
        for model in ("gpt-4o", "assay-chat")
    ]
    local.post("/v1/chat/completions", {"model": "gpt-4o", "messages": HI})
    streamed = local.post("/v1/chat/completions", {"model": "gpt-4o", "messages": HI, "store": True, "stream": True})
    names = [made[0]["id"], made[1]["id"], streamed[0]["id"]]
    assert [item["id"] for item in get(local, "/v1/chat/completions")["data"]] == names
    assert [item["id"] for item in get(local, "/v1/chat/completions?order=desc&limit=1")["data"]] == names[2:]
    assert [item["id"] for item in get(local, "/v1/chat/completions?metadata[k]=gpt-4o")["data"]] == names[:1]
    assert [item["id"] for item in get(local, "/v1/chat/completions?model=assay-chat")["data"]] == names[1:2]
    path = f"/v1/chat/completions/{names[0]}"
    assert get(local, path) == made[0]
    assert local.post(path, {"metadata": {"new": "pair"}}) == {**made[0], "metadata": {"new": "pair"}}
    (message,) = get(local, f"{path}/messages")["data"]
    assert (message["id"], message["content"]) == (f"{names[0]}-0", "hello")
    assert get(local, path, "DELETE")["deleted"]
    assert [local.send("GET", target).status for target in (path, f"{path}/messages")] == [404, 404]


def test_the_2023_operations_still_work(local) -> None:
    """An edit has n choices; a fine-tune goes through its life and streams its events to the end."""
    edit = local.post("/v1/edits", {"model": "assay-text", "instruction": "Go on.", "input": "Once", "n": 2})
    assert len({choice["text"] for choice in edit["choices"]}) == 2
    body = {"training_file": upload(local, training_lines("completion")), "suffix": "old"}
    made = local.post("/v1/fine-tunes", body)
    path = f"/v1/fine-tunes/{made['id']}"
    assert states(local, path, 2) == ["pending", "running"]
    stream = local.send("GET", f"{path}/events?stream=true").body.decode()
    assert stream.endswith("data: [DONE]\n\n")
    assert get(local, path)["status"] == "succeeded"
    assert stream.count("data: {") == len(get(local, f"{path}/events")["data"])
    assert [job["id"] for job in get(local, "/v1/fine-tunes")["data"]] == [made["id"]]
    assert local.send("POST", f"{path}/cancel").status == 409


def mark(local, grader, sample="The otter swims", **more):
    """Run a grader and return its answer."""
    return local.post("/v1/fine_tuning/alpha/graders/run", {"grader": grader, "model_sample": sample, **more})


def test_graders_mark_texts(local) -> None:
    """Checks give 1 or 0, measures a share, and a formula reckons over both; templates are filled."""
    check = {"type": "string_check", "name": "c", "input": "{{sample.output_text}}", "operation": "ilike"}
    assert mark(local, {**check, "reference": "OTTER"})["reward"] == 1
    assert mark(local, {**check, "reference": "{{ item.word }}", "operation": "eq"}, item={"word": "no"})["reward"] == 0
    near = {"type": "text_similarity", "name": "s", "input": "{{sample.output_text}}", "reference": "the otter sleeps"}
    part_of = mark(local, {**near, "evaluation_metric": "rouge_1"})["reward"]
    assert part_of == pytest.approx(2 / 3)
    parts = {"c": {**check, "reference": "otter"}, "s": {**near, "evaluation_metric": "rouge_1"}}
    both = {"type": "multi", "name": "m", "graders": parts, "calculate_output": "min(c, 1) * 2 - s"}
    answer = mark(local, both)
    assert answer["reward"] == pytest.approx(4 / 3)
    assert answer["sub_rewards"] == {"c": 1, "s": pytest.approx(2 / 3)}
    for formula, flag in (("c +", "formula_parse_error"), ("d", "invalid_variable_error"), ("c / 0", None)):
        errors = mark(local, {**both, "calculate_output": formula})["metadata"]["errors"]
        assert errors[flag or "formula_parse_error"], formula
    assert get_grader(local, both) == both


def get_grader(local, grader):
    """Have a grader validated, and return it."""
    return local.post("/v1/fine_tuning/alpha/graders/validate", {"grader": grader})["grader"]


def test_graders_that_cannot_run_here_are_refused(local) -> None:
    """A program is not run, and a measure that needs a dictionary is not guessed."""
    python = {"type": "python", "name": "p", "source": "def grade(sample, item): return 1.0"}
    meteor = {"type": "text_similarity", "name": "s", "input": "a", "reference": "b", "evaluation_metric": "meteor"}
    for grader in (python, meteor):
        body = {"grader": grader, "model_sample": "x"}
        assert local.refused("/v1/fine_tuning/alpha/graders/run", body)[1]["code"] == "unsupported"


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_measures_are_between_0_and_1(name) -> None:
    """Equal texts measure 1, texts without a common word less, and all others something between."""
    measure, text = MEASURES[name], "the quick otter swims under the old bridge"
    assert measure(text, text) == pytest.approx(1)
    assert measure(text, "xyz") < 0.3
    assert 0 <= measure(text, "the quick otter sleeps under the old bridge") < 1


def test_shelves_have_bounds() -> None:
    """The oldest objects go when there is no room, by number or by size; the newest always stays."""
    shelf = Shelf(room=10, objects=2)
    for name in "abc":
        shelf.put(name, name, 3)
    assert shelf.all() == ["b", "c"]
    shelf.put("d", "d", 11)
    assert shelf.all() == ["d"]
