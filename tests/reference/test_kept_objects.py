"""Generated requests, sent to objects that exist: every answer is valid, and enough requests are accepted."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from assay.contract import load
from assay.generate.cases import cases

CONTRACT = load("openai")
STARTS = ("/assistants", "/threads", "/vector_stores")
KEEPING = [operation.id for operation in CONTRACT.operations if operation.path.startswith(STARTS)]
FORM = {"content-type": "multipart/form-data; boundary=x"}
UPLOAD = (
    b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nassistants\r\n'
    b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\nan otter in a river\r\n--x--\r\n'
)
FUNCTION = {"type": "function", "function": {"name": "f"}}


def world(local) -> dict[str, str]:
    """Make one object of each kind, the run waiting for the output of a call; return the ids by parameter."""
    file = json.loads(local.send("POST", "/v1/files", UPLOAD, FORM).body)["id"]
    assistant = local.post("/v1/assistants", {"model": "gpt-4o", "tools": [FUNCTION]})["id"]
    thread = local.post("/v1/threads", {"messages": [{"role": "user", "content": "hello"}]})["id"]
    run = local.post(f"/v1/threads/{thread}/runs", {"assistant_id": assistant})["id"]
    store = local.post("/v1/vector_stores", {})["id"]
    step = json.loads(local.send("GET", f"/v1/threads/{thread}/runs/{run}/steps").body)["data"][0]["id"]
    message = json.loads(local.send("GET", f"/v1/threads/{thread}/messages").body)["data"][0]["id"]
    waiting = json.loads(local.send("GET", f"/v1/threads/{thread}/runs/{run}").body)["required_action"]
    batch = local.post(f"/v1/vector_stores/{store}/file_batches", {"file_ids": [file]})["id"]
    return {
        "file_id": file, "assistant_id": assistant, "thread_id": thread, "run_id": run, "step_id": step,
        "message_id": message, "vector_store_id": store, "batch_id": batch,
        "tool_call_id": waiting["submit_tool_outputs"]["tool_calls"][0]["id"],
    }  # fmt: skip


def alive(value, ids):
    """A body in which every id is that of an object that exists."""
    if isinstance(value, list):
        return [alive(item, ids) for item in value]
    if not isinstance(value, dict):
        return value
    lists = {"file_ids": "file_id", "vector_store_ids": "vector_store_id"}
    made = {key: [ids[lists[key]]] if key in lists and inner else ids.get(key) or alive(inner, ids)
            for key, inner in value.items()}  # fmt: skip
    if isinstance(made.get("model"), str):
        made["model"] = "gpt-4o"
    return {**made, "tool_outputs": made["tool_outputs"][:1]} if "tool_outputs" in made else made


@pytest.mark.parametrize("name", KEEPING)
def test_generated_requests_to_what_exists(local, name) -> None:
    """The server answers each valid request by the contract; most are accepted, and the others refused."""
    operation, counted = CONTRACT[name], Counter()

    @settings(
        max_examples=12, database=None, deadline=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )  # fmt: skip
    @given(cases(CONTRACT.api, CONTRACT.schemas, operation))
    def check(case) -> None:
        ids = world(local)
        if name in ("createMessage", "createRun"):
            ids["thread_id"] = local.post("/v1/threads", {})["id"]  # no run is at work on it
        path = operation.path.format(**ids)
        query = case.request.target.partition("?")[2]
        body = case.request.body and json.dumps(alive(json.loads(case.request.body), ids)).encode()
        headers = dict(case.request.headers.fields)
        response = local.send(operation.method, f"/v1{path}" + (f"?{query}" if query else ""), body, headers)
        assert response.status < 500
        counted[response.status < 400] += 1

    check()
    assert counted[True] >= 3, counted
