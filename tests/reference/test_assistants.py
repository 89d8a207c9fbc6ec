"""The official client uses assistants, threads, runs and vector stores; the fixture judges every exchange."""

from __future__ import annotations

import json

import openai
import pytest

from assay.adapters.serve import serve
from assay.reference.server import application

pytestmark = pytest.mark.filterwarnings(
    "ignore:deprecated:DeprecationWarning", "ignore:The Assistants API:DeprecationWarning"
)

WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
HI = [{"role": "user", "content": "hello"}]
OTTERS = ("otters.txt", b"The otter swims in the quiet river. The heron stands in the reeds.")


@pytest.fixture
def client(served):
    """Return the official client, pointed at the server."""
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="any", max_retries=0) as client:
        yield client


@pytest.fixture
def beta(client):
    """Return the part of the client for assistants and threads."""
    return client.beta


@pytest.fixture
def assistant(beta):
    """Return an assistant."""
    return beta.assistants.create(model="gpt-4o", name="Otto", instructions="Be brief.")


def submitted(run):
    """Outputs for all calls that a run waits for."""
    calls = run.required_action.submit_tool_outputs.tool_calls
    return [{"tool_call_id": call.id, "output": "rain"} for call in calls]


def test_an_assistant_lives(beta) -> None:
    """What is made is retrieved, changed, listed page by page, and gone once deleted."""
    made = [beta.assistants.create(model="gpt-4o", name=f"a{number}", tools=[WEATHER]) for number in range(3)]
    assert beta.assistants.retrieve(made[0].id) == made[0]
    changed = beta.assistants.update(made[0].id, name="new", temperature=0.5, metadata={"a": "b"})
    assert (changed.name, changed.temperature, changed.model, changed.tools) == ("new", 0.5, "gpt-4o", made[0].tools)
    pages = [*beta.assistants.list(limit=2, order="asc").iter_pages()]
    assert [[item.id for item in page.data] for page in pages] == [[made[0].id, made[1].id], [made[2].id]]
    before = beta.assistants.list(before=made[0].id, limit=1)
    assert ([item.id for item in before.data], before.has_more) == ([made[1].id], True)
    assert beta.assistants.delete(made[1].id).deleted
    with pytest.raises(openai.NotFoundError) as caught:
        beta.assistants.retrieve(made[1].id)
    assert caught.value.code == "not_found"
    with pytest.raises(openai.NotFoundError):
        beta.assistants.create(model="nobody")


def test_a_thread_keeps_its_messages(client, beta) -> None:
    """Messages come back as sent, newest first; a thread that is deleted takes them along."""
    image = client.files.create(file=("a.png", b"png"), purpose="vision")
    thread = beta.threads.create(messages=HI, metadata={"k": "v"})
    parts = [{"type": "text", "text": "look"}, {"type": "image_file", "image_file": {"file_id": image.id}}]
    second = beta.threads.messages.create(thread.id, role="assistant", content=parts)
    assert [part.type for part in second.content] == ["text", "image_file"]
    listed = [*beta.threads.messages.list(thread.id)]
    assert [message.content[0].text.value for message in listed] == ["look", "hello"]
    assert beta.threads.messages.update(second.id, thread_id=thread.id, metadata={"a": "b"}).metadata == {"a": "b"}
    assert beta.threads.messages.retrieve(second.id, thread_id=thread.id).role == "assistant"
    assert beta.threads.messages.delete(second.id, thread_id=thread.id).deleted
    assert len(beta.threads.messages.list(thread.id).data) == 1
    other = beta.threads.create()
    with pytest.raises(openai.NotFoundError):
        beta.threads.messages.retrieve(listed[1].id, thread_id=other.id)
    assert beta.threads.update(thread.id, metadata={}).metadata == {}
    assert beta.threads.delete(thread.id).deleted
    with pytest.raises(openai.NotFoundError):
        beta.threads.messages.list(thread.id)


def test_a_run_writes_a_message(beta, assistant) -> None:
    """A run is queued, in progress, completed; its message and its step are there, and its usage adds up."""
    thread = beta.threads.create(messages=HI)
    run = beta.threads.runs.create(thread.id, assistant_id=assistant.id, additional_instructions="Sing.")
    seen = [run.status]
    while run.status not in ("completed", "failed"):
        run = beta.threads.runs.retrieve(run.id, thread_id=thread.id)
        seen.append(run.status)
    assert seen == ["queued", "in_progress", "completed"]
    assert run.instructions == "Be brief. Sing."
    assert run.usage.total_tokens == run.usage.prompt_tokens + run.usage.completion_tokens
    (message,) = beta.threads.messages.list(thread.id, run_id=run.id).data
    assert (message.role, message.assistant_id, message.run_id) == ("assistant", assistant.id, run.id)
    (step,) = beta.threads.runs.steps.list(run.id, thread_id=thread.id).data
    assert step.step_details.message_creation.message_id == message.id
    assert beta.threads.runs.steps.retrieve(step.id, run_id=run.id, thread_id=thread.id) == step
    assert beta.threads.runs.update(run.id, thread_id=thread.id, metadata={"a": "b"}).metadata == {"a": "b"}
    assert [item.id for item in beta.threads.runs.list(thread.id)] == [run.id]


def test_a_streamed_run_is_the_run(beta, assistant) -> None:
    """The deltas join to the message of the thread, which is that of the same run without a stream."""
    texts = []
    for stream in (False, True):
        thread = beta.threads.create(messages=HI)
        if stream:
            with beta.threads.runs.stream(thread_id=thread.id, assistant_id=assistant.id) as events:
                joined = "".join(events.text_deltas)
                assert events.get_final_run().status == "completed"
        else:
            beta.threads.runs.create_and_poll(thread_id=thread.id, assistant_id=assistant.id, poll_interval_ms=1)
        texts.append(beta.threads.messages.list(thread.id).data[0].content[0].text.value)
    assert texts == [joined, joined]


def test_a_run_waits_for_its_tools(beta) -> None:
    """With functions the run asks first, for valid arguments; the outputs of all calls set it going again."""
    assistant = beta.assistants.create(model="gpt-4o", tools=[WEATHER])
    run = beta.threads.create_and_run_poll(assistant_id=assistant.id, thread={"messages": HI}, poll_interval_ms=1)
    assert run.status == "requires_action"
    (called,) = run.required_action.submit_tool_outputs.tool_calls
    assert json.loads(called.function.arguments)["city"]
    with pytest.raises(openai.BadRequestError) as caught:
        beta.threads.messages.create(run.thread_id, role="user", content="more")
    assert caught.value.code == "thread_locked"
    submit = beta.threads.runs.submit_tool_outputs
    with pytest.raises(openai.BadRequestError):
        submit(run.id, thread_id=run.thread_id, tool_outputs=[{"tool_call_id": "x", "output": "rain"}])
    with submit(run.id, thread_id=run.thread_id, tool_outputs=submitted(run), stream=True) as events:
        names = [event.event for event in events]
    assert names[:3] == ["thread.run.step.completed", "thread.run.queued", "thread.run.in_progress"]
    assert names[-1] == "thread.run.completed"
    steps = beta.threads.runs.steps.list(run.id, thread_id=run.thread_id, order="asc").data
    assert [step.type for step in steps] == ["tool_calls", "message_creation"]
    assert steps[0].step_details.tool_calls[0].function.output == "rain"
    with pytest.raises(openai.BadRequestError):
        submit(run.id, thread_id=run.thread_id, tool_outputs=submitted(run))


def test_a_stream_ends_where_the_run_waits(beta) -> None:
    """A streamed thread and run begins with the thread, and ends with the calls that it asks for."""
    assistant = beta.assistants.create(model="gpt-4o", tools=[WEATHER])
    body = {"assistant_id": assistant.id, "thread": {"messages": HI}, "tool_choice": "required"}
    events = [*beta.threads.create_and_run(**body, stream=True)]
    names = [event.event for event in events]
    assert names[:3] == ["thread.created", "thread.run.created", "thread.run.queued"]
    assert names[-2:] == ["thread.run.step.delta", "thread.run.requires_action"]
    run = events[-1].data
    finished = beta.threads.runs.submit_tool_outputs_and_poll(
        run_id=run.id, thread_id=run.thread_id, tool_outputs=submitted(run), poll_interval_ms=1
    )
    assert finished.status == "completed"


def test_a_run_is_cancelled(beta) -> None:
    """A waiting run is being cancelled, then cancelled with its step; it cannot be cancelled again."""
    assistant = beta.assistants.create(model="gpt-4o", tools=[WEATHER])
    run = beta.threads.create_and_run_poll(assistant_id=assistant.id, thread={"messages": HI}, poll_interval_ms=1)
    assert beta.threads.runs.cancel(run.id, thread_id=run.thread_id).status == "cancelling"
    assert beta.threads.runs.retrieve(run.id, thread_id=run.thread_id).status == "cancelled"
    (step,) = beta.threads.runs.steps.list(run.id, thread_id=run.thread_id).data
    assert (step.status, step.cancelled_at is None) == ("cancelled", False)
    with pytest.raises(openai.BadRequestError):
        beta.threads.runs.cancel(run.id, thread_id=run.thread_id)
    assert beta.threads.messages.create(run.thread_id, role="user", content="again").id


def test_a_budget_ends_a_run_early(beta, assistant) -> None:
    """A prompt over its budget, and an answer over its own, leave the run incomplete with the reason."""
    thread = {"messages": [{"role": "user", "content": "otter " * 300}]}
    options = {"assistant_id": assistant.id, "poll_interval_ms": 1}
    run = beta.threads.create_and_run_poll(**options, thread=thread, max_prompt_tokens=256)
    assert (run.status, run.incomplete_details.reason) == ("incomplete", "max_prompt_tokens")
    fields = {f"field_{number}": {"type": "string", "minLength": 60} for number in range(40)}
    schema = {"type": "object", "properties": fields, "required": [*fields]}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    with beta.threads.create_and_run_stream(
        assistant_id=assistant.id, thread={"messages": HI}, max_completion_tokens=256, response_format=form
    ) as events:
        names = [event.event for event in events]
    assert names[-3:] == ["thread.message.incomplete", "thread.run.step.completed", "thread.run.incomplete"]


def test_files_are_searched(client, beta) -> None:
    """A run over a vector store searches it, shows what it found when asked to, and cites the file."""
    file = client.files.create(file=OTTERS, purpose="assistants")
    tools = [{"type": "file_search"}]
    assistant = beta.assistants.create(model="gpt-4o", tools=tools)
    attachment = {"file_id": file.id, "tools": tools}
    thread = {"messages": [{"role": "user", "content": "Where is the otter?", "attachments": [attachment]}]}
    run = beta.threads.create_and_run_poll(assistant_id=assistant.id, thread=thread, poll_interval_ms=1)
    message = beta.threads.messages.list(run.thread_id).data[0].content[0].text
    (cited,) = message.annotations
    assert message.value[cited.start_index : cited.end_index] == cited.text
    assert cited.file_citation.file_id == file.id
    include = ["step_details.tool_calls[*].file_search.results[*].content"]
    for wanted, shown in ((openai.omit, False), (include, True)):
        steps = beta.threads.runs.steps.list(run.id, thread_id=run.thread_id, order="asc", include=wanted).data
        (result,) = steps[0].step_details.tool_calls[0].file_search.results
        assert bool(result.content) is shown
    forced = beta.threads.create_and_run_poll(
        assistant_id=assistant.id, tools=[{"type": "code_interpreter"}], tool_choice={"type": "code_interpreter"},
        thread={"messages": HI}, poll_interval_ms=1,
    )  # fmt: skip
    steps = beta.threads.runs.steps.list(forced.id, thread_id=forced.thread_id, order="asc").data
    assert steps[0].step_details.tool_calls[0].code_interpreter.outputs[0].logs == "42\n"


def test_a_vector_store_reads_its_files(client) -> None:
    """Files are in progress, then read or failed; counts, sizes, filters and contents agree."""
    good = client.files.create(file=OTTERS, purpose="assistants")
    bad = client.files.create(file=("a.bin", b"\xff\xfe\x00"), purpose="assistants")
    empty = client.files.create(file=("e.txt", b""), purpose="assistants")
    stores = client.vector_stores
    store = stores.create(name="s", file_ids=[good.id], expires_after={"anchor": "last_active_at", "days": 2})
    assert (store.status, store.file_counts.in_progress) == ("in_progress", 1)
    assert store.expires_at == store.last_active_at + 2 * 24 * 3600
    added = stores.files.create(store.id, file_id=bad.id, attributes={"kind": "odd"})
    assert added.chunking_strategy.static.max_chunk_size_tokens == 800
    assert stores.files.create_and_poll(empty.id, vector_store_id=store.id, poll_interval_ms=1).status == "failed"
    store = stores.retrieve(store.id)
    assert (store.status, store.usage_bytes) == ("completed", len(OTTERS[1]))
    assert store.file_counts.model_dump() == {
        "in_progress": 0, "completed": 1, "failed": 2, "cancelled": 0, "total": 3,
    }  # fmt: skip
    assert {item.id for item in stores.files.list(store.id, filter="failed")} == {bad.id, empty.id}
    assert stores.files.retrieve(bad.id, vector_store_id=store.id).last_error.code == "unsupported_file"
    updated = stores.files.update(good.id, vector_store_id=store.id, attributes={"n": 1})
    assert updated.attributes == {"n": 1}
    assert stores.files.content(good.id, vector_store_id=store.id).data[0].text.encode() == OTTERS[1]
    assert stores.files.delete(bad.id, vector_store_id=store.id).deleted
    client.files.delete(empty.id)
    assert [item.id for item in stores.files.list(store.id)] == [good.id]
    assert stores.update(store.id, name="t", expires_after=None).expires_at is None
    assert [item.id for item in stores.list()] == [store.id]
    assert stores.delete(store.id).deleted
    with pytest.raises(openai.NotFoundError):
        stores.retrieve(store.id)


def test_a_batch_is_read_or_cancelled(client) -> None:
    """A batch counts its own files; one that is cancelled in time cancels those that wait."""
    files = [client.files.create(file=(f"{n}.txt", b"otter %d" % n), purpose="assistants").id for n in range(3)]
    store = client.vector_stores.create()
    batches = client.vector_stores.file_batches
    done = batches.create_and_poll(store.id, file_ids=files[:2], poll_interval_ms=1)
    assert (done.status, done.file_counts.completed) == ("completed", 2)
    with pytest.raises(openai.BadRequestError):
        batches.cancel(done.id, vector_store_id=store.id)
    static = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 50}}
    late = batches.create(store.id, files=[{"file_id": files[2], "chunking_strategy": static}])
    assert batches.cancel(late.id, vector_store_id=store.id).status == "cancelled"
    assert batches.retrieve(late.id, vector_store_id=store.id).file_counts.cancelled == 1
    (listed,) = batches.list_files(late.id, vector_store_id=store.id)
    assert (listed.id, listed.chunking_strategy.static.chunk_overlap_tokens) == (files[2], 50)


def test_searches_rank_and_filter(client) -> None:
    """The best part comes first, the threshold and the attributes keep others out, and the number is bounded."""
    store = client.vector_stores.create()
    for number, text in enumerate((b"an otter", b"an otter in a river", b"a heron")):
        file = client.files.create(file=(f"{number}.txt", text), purpose="assistants")
        client.vector_stores.files.create_and_poll(
            file.id, vector_store_id=store.id, attributes={"n": number, "river": number == 1}, poll_interval_ms=1
        )
    search = client.vector_stores.search
    found = search(store.id, query="otter river").data
    assert [(item.filename, item.score) for item in found] == [("1.txt", 1.0), ("0.txt", 0.5)]
    assert len(search(store.id, query=["otter", "river"], max_num_results=1).data) == 1
    assert len(search(store.id, query="otter river", ranking_options={"score_threshold": 0.6}).data) == 1
    river = {"type": "eq", "key": "river", "value": True}
    later = {"type": "gte", "key": "n", "value": 1}
    some = {"type": "nin", "key": "n", "value": [1, "1"]}
    for filters, names in (
        (river, ["1.txt"]),
        ({"type": "or", "filters": [river, some]}, ["0.txt", "1.txt"]),
        ({"type": "and", "filters": [later, some]}, []),
        ({"type": "gt", "key": "n", "value": "0"}, []),
    ):
        assert [item.filename for item in search(store.id, query="otter", filters=filters).data] == names


def test_a_run_expires(contract, recording) -> None:
    """A run that waits too long has expired, with its step."""
    now = [1_767_225_600]
    recorder = recording(application(judge=contract, clock=lambda: now[0]))
    with serve(recorder) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        beta = client.beta
        assistant = beta.assistants.create(model="gpt-4o", tools=[WEATHER])
        run = beta.threads.create_and_run_poll(assistant_id=assistant.id, thread={"messages": HI}, poll_interval_ms=1)
        now[0] += 601
        assert beta.threads.runs.retrieve(run.id, thread_id=run.thread_id).status == "expired"
        assert beta.threads.runs.steps.list(run.id, thread_id=run.thread_id).data[0].expired_at == now[0]
    for sent, response in recorder.exchanges:
        assert not contract.check_response(sent, response).violations


def test_stores_fill_up(local, monkeypatch) -> None:
    """What there is no room for is refused, and what was kept stays."""
    monkeypatch.setattr("assay.reference.store.Shelf.__init__.__defaults__", (10**6, 1))
    first = local.post("/v1/threads", {})
    assert local.refused("/v1/threads", {})[0] == 413
    assert json.loads(local.send("GET", f"/v1/threads/{first['id']}").body) == first
