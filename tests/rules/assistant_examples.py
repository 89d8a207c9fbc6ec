"""Examples of the rules of pages, kept objects, threads, runs and vector stores: rows for the tables of the tests."""

from __future__ import annotations

import copy

from assay.rules.registry import Exchange

NOW = 1_760_000_000
DONE = "[DONE]"


def got(operation, response, request=None, query=None, **path_values):
    """An exchange with its response."""
    return Exchange(operation, request, response, query=query or {}, path_values=path_values)


def sent(operation, **request):
    """A request alone."""
    return Exchange(operation, request, None, 0)


THREAD = {"id": "t_1", "object": "thread", "created_at": NOW, "metadata": {"a": "b"}}


def page(*data, operation="listFiles", query=None, **over):
    """A page of objects, with its ends."""
    ids = [item.get("id") for item in data] or [None]
    body = {"object": "list", "data": list(data), "first_id": ids[0], "last_id": ids[-1], "has_more": False, **over}
    return got(operation, body, query=query)


def file(name="file-1", created=NOW):
    """A file of a list."""
    return {"id": name, "object": "file", "created_at": created}


def run(operation="getRun", request=None, run_id="run_1", **over):
    """An exchange about one run."""
    body = {
        "id": "run_1", "object": "thread.run", "created_at": NOW, "thread_id": "t_1", "assistant_id": "asst_1",
        "status": "completed", "required_action": None, "last_error": None, "incomplete_details": None,
        "started_at": NOW, "completed_at": NOW, "cancelled_at": None, "failed_at": None, "usage": None,
    }  # fmt: skip
    return got(operation, {**body, **over}, request, thread_id="t_1", run_id=run_id)


def waiting(*calls, **over):
    """A run that waits for the outputs of tool calls."""
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": list(calls)}}
    return run(status="requires_action", required_action=action, completed_at=None, **over)


def call(name="call_1", arguments="{}", **function):
    """A function call."""
    return {"id": name, "type": "function", "function": {"name": "f", "arguments": arguments, **function}}


def step(kind="message_creation", calls=None, **over):
    """An exchange about one step."""
    details = {"type": "tool_calls", "tool_calls": calls} if calls else {"type": "message_creation"}
    body = {"id": "step_1", "type": kind, "status": "completed", "run_id": "run_1", "thread_id": "t_1", "usage": None}
    return got(
        "getRunStep", {**body, "step_details": details, **over}, thread_id="t_1", run_id="run_1", step_id="step_1"
    )


def message(operation="getMessage", notes=(), **over):
    """An exchange about one message."""
    content = [{"type": "text", "text": {"value": "hi[1]", "annotations": list(notes)}}]
    body = {"id": "msg_1", "thread_id": "t_1", "role": "assistant", "run_id": "run_1", "content": content}
    return got(operation, {**body, "status": "completed", **over}, thread_id="t_1", message_id="msg_1")


def messages(*runs, **query):
    """A page of messages of these runs."""
    data = [{"id": f"msg_{n}", "thread_id": "t_1", "role": "assistant", "run_id": name} for n, name in enumerate(runs)]
    return got("listMessages", {"data": data}, query=query, thread_id="t_1")


def image(address):
    """A message with an image by address, to be sent."""
    return sent("createMessage", role="user", content=[{"type": "image_url", "image_url": {"url": address}}])


def note(start, text="[1]"):
    """An annotation."""
    return {"type": "file_citation", "text": text, "start_index": start, "end_index": start + 3}


def store(total=3, **over):
    """An exchange about one vector store."""
    counts = {"in_progress": 0, "completed": 2, "failed": 1, "cancelled": 0, "total": total}
    body = {"id": "vs_1", "created_at": NOW, "status": "completed", "file_counts": counts, "last_active_at": NOW}
    return got("getVectorStore", {**body, **over}, vector_store_id="vs_1")


def stored(operation="getVectorStoreFile", request=None, query=None, **over):
    """An exchange about one file of a vector store."""
    body = {"id": "file-1", "vector_store_id": "vs_1", "status": "completed", "last_error": None}
    path = {"vector_store_id": "vs_1", "file_id": "file-1"}
    return got(operation, {**body, **over}, request, query, **path)


def found(*scores, query="q", shown=("q",), next_page=None, **request):
    """A search with results of these scores."""
    data = [{"file_id": "f", "score": score} for score in scores]
    body = {"search_query": list(shown), "data": data, "has_more": False, "next_page": next_page}
    return got("searchVectorStore", body, {"query": query, **request}, vector_store_id="vs_1")


def chunks(size, overlap, operation="createVectorStore", place=()):
    """A request with a chunking strategy at a place."""
    static = {"max_chunk_size_tokens": size, "chunk_overlap_tokens": overlap}
    body = {"chunking_strategy": {"type": "static", "static": static}}
    for name in reversed(place):
        body = [body] if name == "[]" else {name: body}
    return sent(operation, **body)


NESTED = ("thread", "tool_resources", "file_search", "vector_stores", "[]")
SECOND = [file("b", NOW + 1), file("a", NOW)]
ERROR = {"code": "server_error", "message": "x"}
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
WAITS = {"in_progress": 1, "completed": 0, "failed": 0, "cancelled": 0, "total": 1}
EXPIRES = {"anchor": "last_active_at", "days": 2}
LATER = NOW + 2 * 24 * 3600

EXAMPLES = [
    ("pages/limit", page(*SECOND, query={"limit": 2}), page(*SECOND, query={"limit": 1})),
    ("pages/ids-unique", page(*SECOND), page(file("a"), file("a"))),
    ("pages/ends", page(*SECOND), page(*SECOND, first_id="a")),
    ("pages/ends", page(first_id="", last_id=""), page(last_id="a")),
    ("pages/ends", page({"type": "no id"}), page(*SECOND, last_id=None)),
    ("pages/has-more", page(has_more=False), page(has_more=True)),
    ("pages/cursor", page(*SECOND, query={"after": "c"}), page(*SECOND, query={"after": "a"})),
    ("pages/cursor", page(*SECOND, query={"after": ""}), page(*SECOND, query={"before": "b"})),
    ("pages/order", page(*SECOND), page(*SECOND, query={"order": "asc"})),
    ("pages/order", page(*SECOND[::-1], operation="listEvals"), page(*SECOND[::-1])),
    ("pages/order", page(*SECOND[::-1], operation="listEvals", query={"order_by": "updated_at", "order": "desc"}),
     page(*SECOND, operation="listFineTuningCheckpointPermissions", query={"order": "ascending"})),
    ("objects/id-set", page(*SECOND), page(file(""))),
    ("objects/id-asked", run(), run(run_id="run_2")),
    ("objects/request-kept", got("modifyThread", THREAD, {"metadata": {"a": "b"}}),
     got("modifyThread", THREAD, {"metadata": {"a": "c"}})),
    ("objects/request-kept", got("createThread", THREAD, {"metadata": None}),
     got("createAssistant", {"id": "asst_1", "name": "otter"}, {"name": "heron"})),
    ("objects/request-kept", got("createAssistant", {"id": "asst_1", "name": None}, {"name": ""}),
     got("createAssistant", {"id": "asst_1", "name": None}, {"name": "heron"})),
    ("objects/parents", stored(), stored(vector_store_id="vs_2")),
    ("objects/parents", messages("run_1"), got("listMessages", {"data": [{"thread_id": "t_2"}]}, thread_id="t_1")),
    ("objects/created-seconds", page(*SECOND), page(file(created=NOW * 1000))),
    ("threads/image-kind", image("https://a.example/b.PNG?x=.tiff"), image("https://a.example/b.tiff")),
    ("threads/image-kind", image("https://[broken/b.tiff"), image("https://a.example/c/b.svg#x")),
    ("threads/status-reasons", message(), message(status="incomplete", incomplete_details={"reason": "max_tokens"})),
    ("threads/status-reasons",
     message(status="incomplete", incomplete_details={"reason": "run_expired"}, incomplete_at=NOW),
     message(incomplete_details={"reason": "run_expired"})),
    ("threads/run-of-user", message(role="user", run_id=None), message(role="user")),
    ("threads/run-filter", messages("a", "a", run_id="a"), messages("a", "b", run_id="a")),
    ("threads/annotation-text", message(notes=[note(2)]), message(notes=[note(1)])),
    ("runs/status-reasons", waiting(call()), run(status="requires_action")),
    ("runs/status-reasons", run(status="failed", failed_at=NOW, last_error=ERROR), run(last_error=ERROR)),
    ("runs/status-times", run(status="cancelled", cancelled_at=NOW), run(completed_at=None)),
    ("runs/usage-at-end", run(usage=USAGE), run(status="in_progress", usage=USAGE)),
    ("runs/usage-at-end", step(usage=USAGE), step(status="in_progress", usage=USAGE)),
    ("runs/usage-sums", run(usage=USAGE), run(usage={**USAGE, "total_tokens": 4})),
    ("runs/token-budget", run("createRun", {"max_completion_tokens": 2}, usage=USAGE),
     run(max_completion_tokens=1, usage=USAGE)),
    ("runs/assistant-asked", run("createRun", {"assistant_id": "asst_1"}), run("createRun", {"assistant_id": "x"})),
    ("runs/call-ids", waiting(call(), call("call_2")), waiting(call(), call())),
    ("runs/arguments-json", waiting(call()), waiting(call(arguments="{"))),
    ("runs/step-type", step(), step("tool_calls")),
    ("runs/step-outputs", step("tool_calls", [call(output="7")]), step("tool_calls", [call(output=None)])),
    ("vector-stores/chunk-overlap", chunks(800, 400), chunks(800, 401)),
    ("vector-stores/chunk-overlap", chunks(100, 50, "createThreadAndRun", NESTED),
     chunks(100, 51, "createThreadAndRun", NESTED)),
    ("vector-stores/chunk-overlap", chunks(100, 0, "createVectorStoreFileBatch", ("files", "[]")),
     chunks(100, 90, "createVectorStoreFileBatch", ("files", "[]"))),
    ("vector-stores/file-counts", store(), store(total=4)),
    ("vector-stores/completed", store(status="in_progress", file_counts=WAITS), store(file_counts=WAITS)),
    ("vector-stores/expiry", store(expires_after=EXPIRES, expires_at=LATER + 4),
     store(expires_after=EXPIRES, expires_at=LATER + 60)),
    ("vector-stores/expiry", store(expires_after=None, expires_at=None), store(expires_after=EXPIRES, expires_at=None)),
    ("vector-stores/last-error", stored(status="failed", last_error=ERROR), stored(status="failed")),
    ("vector-stores/last-error", stored(), stored(last_error=ERROR)),
    ("vector-stores/file-asked", stored("createVectorStoreFile", {"file_id": "file-1"}),
     stored("createVectorStoreFile", {"file_id": "file-2"})),
    ("vector-stores/auto-chunking", stored("createVectorStoreFile", {}, chunking_strategy={"type": "other"}),
     stored("createVectorStoreFile", {}, chunking_strategy={"static": {"max_chunk_size_tokens": 100}})),
    ("vector-stores/status-filter", stored("listVectorStoreFiles", None, {"filter": "completed"}),
     stored("listVectorStoreFiles", None, {"filter": "failed"})),
    ("vector-stores/result-count", found(*[0.5] * 10), found(*[0.5] * 11)),
    ("vector-stores/result-order", found(0.9, 0.9, 0.1), found(0.1, 0.9)),
    ("vector-stores/score-threshold", found(0.5, ranking_options={"score_threshold": 0.5}),
     found(0.4, ranking_options={"score_threshold": 0.5})),
    ("vector-stores/query-shown", found(query="x", rewrite_query=True), found(query="x")),
    ("vector-stores/next-page", found(), found(next_page="x")),
]  # fmt: skip


# Streams of runs: events are pairs of name and data, in the frame of the end marker.

RUN = {"id": "run_1", "status": "queued", "usage": None}
STEP = {"id": "step_1", "run_id": "run_1", "status": "in_progress"}
MESSAGE = {"id": "msg_1", "run_id": "run_1", "status": "in_progress", "content": []}


def delta(value):
    """An event that adds text to the message."""
    content = [{"index": 0, "type": "text", "text": {"value": value}}]
    return ("thread.message.delta", {"id": "msg_1", "delta": {"content": content}})


def events(*left_out, **changes):
    """A whole stream of a run; the events of these names are left out, ``changes`` change data (dots as _)."""
    text = [{"type": "text", "text": {"value": "ab", "annotations": []}}]
    whole = [
        ("thread.run.created", RUN),
        ("thread.run.queued", RUN),
        ("thread.run.in_progress", {**RUN, "status": "in_progress"}),
        ("thread.run.step.created", STEP),
        ("thread.run.step.in_progress", STEP),
        ("thread.message.created", MESSAGE),
        ("thread.message.in_progress", MESSAGE),
        delta("a"),
        delta("b"),
        ("thread.message.completed", {**MESSAGE, "status": "completed", "content": text}),
        ("thread.run.step.completed", {**STEP, "status": "completed"}),
        ("thread.run.completed", {**RUN, "status": "completed", "usage": USAGE}),
    ]
    made = []
    for name, data in copy.deepcopy(whole):
        short = name.removeprefix("thread.")
        if short not in left_out:
            made.append((name, {**data, **changes.get(short.replace(".", "_"), {})}))
    return [*made, DONE]


WHOLE = events()
CONTINUED = [("thread.run.step.completed", {**STEP, "id": "step_0", "status": "completed"}), *WHOLE[1:]]
ACTION = ("thread.run.requires_action", {**RUN, "status": "requires_action"})
FAILED = ("error", {"code": None, "message": "x", "type": "server_error", "param": None})

_STREAMS = [
    ("done-missing", WHOLE, WHOLE[:-1]),
    ("done-missing", [*WHOLE[:3], FAILED], WHOLE[:-1]),
    ("done-last", WHOLE, [*WHOLE, DONE]),
    ("done-last", WHOLE, [*WHOLE, FAILED]),
    ("run-order", WHOLE, events("run.created")),
    ("run-order", [*WHOLE[:3], ACTION, DONE], [*WHOLE[:3], WHOLE[2], *WHOLE[3:]]),
    ("step-order", WHOLE, events("run.step.created")),
    ("step-order", WHOLE, [*WHOLE[:5], WHOLE[4], *WHOLE[5:]]),
    ("message-order", WHOLE, events("message.created")),
    ("message-order", WHOLE, [*WHOLE[:9], WHOLE[6], *WHOLE[9:]]),
    ("ended", WHOLE, events("run.step.completed")),
    ("end-missing", [*WHOLE[:3], FAILED, DONE], events("run.completed")),
    ("status", WHOLE, events(run_completed={"status": "in_progress"})),
    ("status", WHOLE, events(message_completed={"status": "in_progress"})),
    ("same-run", WHOLE, events(run_in_progress={"id": "run_2"})),
    ("same-run", WHOLE, events(message_created={"run_id": "run_2"})),
    ("text-joined", WHOLE, events("message.delta")),
    ("usage-sums", WHOLE, events(run_completed={"usage": {**USAGE, "total_tokens": 4}})),
]
STREAMS = [
    *(("createRun", f"run-stream/{rule}", {}, passing, failing) for rule, passing, failing in _STREAMS),
    ("submitToolOuputsToRun", "run-stream/run-order", {}, CONTINUED, [*CONTINUED[:2], *CONTINUED[1:]]),
    (
        "createThreadAndRun", "run-stream/message-order", {}, [("thread.created", {"id": "t_1"}), *WHOLE],
        [("thread.created", {"id": "t_1"}), *events("message.created")],
    ),
]  # fmt: skip
