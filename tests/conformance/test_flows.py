"""Flows: a server that keeps what it is told gives nothing, and each way to lose it is told by its rule."""
# ruff: noqa: ARG001, D103  twins take what all of them take, and are told by their names

from __future__ import annotations

import re

import pytest
from in_process import in_process, json_of, refusal, rules, run_on, told, with_json

from assay.contract import load
from assay.messages import Response
from assay.reference.server import application

FILES = ("/files", "/files/{file_id}", "/files/{file_id}/content")
THREADS = ("/assistants", "/threads", "/threads/{thread_id}/runs", "/threads/{thread_id}/runs/{run_id}",
           "/threads/{thread_id}/messages")  # fmt: skip
ASSISTANTS = ("/assistants", "/assistants/{assistant_id}")
BATCHES = ("/files", "/files/{file_id}/content", "/batches", "/batches/{batch_id}", "/batches/{batch_id}/cancel")
UPLOADS = ("/uploads", "/uploads/{upload_id}/parts", "/uploads/{upload_id}/cancel", "/files/{file_id}")
STORES = ("/files", "/vector_stores", "/vector_stores/{vector_store_id}/files",
          "/vector_stores/{vector_store_id}/search",
          "/vector_stores/{vector_store_id}/files/{file_id}")  # fmt: skip
CONVERSATIONS = ("/conversations", "/conversations/{conversation_id}/items", "/responses")


@pytest.fixture
def honest(contract):
    return in_process(application(judge=contract))


# Each twin: from the request, the honest response and what the twin remembers to another response, or None.


def _one(request, path):
    return re.fullmatch(f"/v1{path}", request.target.partition("?")[0]) is not None


def forgets_what_it_made(request, response, memory):
    return refusal(404) if request.method == "GET" and _one(request, "/files/[^/]+") else None


def shows_another_name(request, response, memory):
    if request.method == "GET" and _one(request, "/assistants/[^/]+") and response.status == 200:
        return with_json(response, {**json_of(response), "instructions": "Be long."})
    return None


def lists_nothing(request, response, memory):
    if request.method == "GET" and _one(request, "/files") and response.status == 200:
        page = {**json_of(response), "data": [], "has_more": False}
        return with_json(response, {**page, "first_id": None, "last_id": None})
    return None


def ends_too_early(request, response, memory):
    if request.method == "GET" and _one(request, "/files") and response.status == 200:
        return with_json(response, {**json_of(response), "has_more": False})
    return None


def promises_more(request, response, memory):
    page = json_of(response)
    if request.method == "GET" and _one(request, "/files") and response.status == 200 and page["data"]:
        return with_json(response, {**page, "has_more": True})
    return None


def lists_every_purpose(request, response, memory):
    if request.method == "GET" and "purpose=batch" in request.target:
        return memory["send"](type(request)("GET", "/v1/files?limit=100", request.headers))
    return None


def ignores_order(request, response, memory):
    asked = request.target
    if request.method == "GET" and _one(request, "/files") and "order=desc" in asked:
        return memory["send"](type(request)("GET", asked.replace("order=desc", "order=asc"), request.headers))
    return None


def forgets_changes(request, response, memory):
    if request.method == "GET" and _one(request, "/threads/[^/]+") and response.status == 200:
        return with_json(response, {**json_of(response), "metadata": {"assay": "made"}})
    return None


def keeps_what_is_deleted(request, response, memory):
    if request.method == "GET" and _one(request, "/files/[^/]+"):
        if response.status == 404 and request.target in memory:
            return memory[request.target]
        memory[request.target] = response
    if request.method == "POST" and _one(request, "/files") and response.status == 200:
        memory["/v1/files/" + json_of(response)["id"]] = response
    return None


def changes_bytes(request, response, memory):
    if _one(request, "/files/[^/]+/content") and response.status == 200:
        return Response(200, response.headers, response.body.replace(b"\r\n", b"\n"))
    return None


def goes_on_after_cancel(request, response, memory):
    if _one(request, "/batches/[^/]+") and response.status == 200:
        value = json_of(response)
        if value["status"] in ("cancelling", "cancelled"):
            shown = {**value, "status": "in_progress", "cancelling_at": None, "cancelled_at": None}
            return with_json(response, shown)
    return None


def answers_a_line_twice(request, response, memory):
    if _one(request, "/files/[^/]+/content") and b"batch_req_" in response.body:
        line = response.body.splitlines(keepends=True)[0]
        return Response(200, response.headers, line + line)
    return None


def breaks_answers_in_batches(request, response, memory):
    if _one(request, "/files/[^/]+/content") and b"batch_req_" in response.body:
        return Response(200, response.headers, response.body.replace(b'"choices"', b'"chosen"'))
    return None


def takes_parts_for_ever(request, response, memory):
    if _one(request, "/uploads/[^/]+/parts"):
        if response.status == 200:
            memory["part"] = json_of(response)
        elif response.status == 409:
            id_ = request.target.split("/")[3]
            return Response(200, response.headers, with_json(response, {**memory["part"], "upload_id": id_}).body)
    return None


def finds_other_files(request, response, memory):
    if _one(request, "/vector_stores/[^/]+/search") and response.status == 200:
        value = json_of(response)
        data = [{**item, "file_id": "file-other"} for item in value["data"]]
        return with_json(response, {**value, "data": data})
    return None


def says_nothing_in_runs(request, response, memory):
    if request.method == "GET" and _one(request, "/threads/[^/]+/messages") and "limit=100" in request.target:
        value = json_of(response)
        data = [item for item in value["data"] if item["role"] != "assistant"]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
        return with_json(response, {**value, "data": data, **ends})
    return None


def forgets_what_was_said(request, response, memory):
    if request.method == "GET" and _one(request, "/conversations/[^/]+/items") and response.status == 200:
        value = json_of(response)
        data = [item for item in value["data"] if (item.get("content") or [{}])[0].get("text") != "Go on."]
        ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {"first_id": None, "last_id": None}
        return with_json(response, {**value, "data": data, **ends})
    return None


def takes_any_digest(request, response, memory):
    if _one(request, "/uploads/[^/]+/complete") and b"md5" in request.body:
        body = request.body[: request.body.index(b',"md5"')] + b"}"
        return memory["send"](type(request)("POST", request.target, request.headers, body))
    return None


def ignores_before(request, response, memory):
    if request.method == "GET" and _one(request, "/assistants") and "before=" in request.target:
        page = memory["send"](type(request)("GET", "/v1/assistants?limit=100&order=asc", request.headers))
        return with_json(page, {**json_of(page), "data": json_of(page)["data"][1:]})
    return None


def refuses_items(request, response, memory):
    return refusal(400, "No.", code=None) if _one(request, "/conversations") and b'"items"' in request.body else None


def refuses_nothing_at_all(request, response, memory):
    return refusal(400, "No.", code=None) if _one(request, "/threads") and request.body == b"{}" else None


def has_no_events(request, response, memory):
    if _one(request, "/fine_tuning/jobs/[^/]+/events") and response.status == 200:
        return with_json(response, {**json_of(response), "data": [], "has_more": False})
    return None


def never_ends(request, response, memory):
    if request.method == "GET" and _one(request, "/threads/[^/]+/runs/[^/]+") and response.status == 200:
        return with_json(response, {**json_of(response), "status": "in_progress", "completed_at": None, "usage": None})
    return None


TWINS = [
    (forgets_what_it_made, FILES, "flow/retrievable"),
    (shows_another_name, ASSISTANTS, "flow/retrieve-agrees"),
    (lists_nothing, FILES, "flow/listed"),
    (ends_too_early, FILES, "flow/pages"),
    (promises_more, FILES, "flow/pages"),
    (lists_every_purpose, ("/batches", "/batches/{batch_id}", *FILES), "flow/listed"),
    (ignores_order, FILES, "flow/order"),
    (forgets_changes, ("/threads", "/threads/{thread_id}"), "flow/updated"),
    (keeps_what_is_deleted, FILES, "flow/deleted"),
    (changes_bytes, FILES, "flow/bytes"),
    (goes_on_after_cancel, BATCHES, "flow/cancelled"),
    (answers_a_line_twice, BATCHES, "flow/batch-lines"),
    (breaks_answers_in_batches, BATCHES, "schema/required"),
    (takes_parts_for_ever, UPLOADS, "flow/ended"),
    (finds_other_files, STORES, "flow/search"),
    (says_nothing_in_runs, THREADS, "flow/run-answers"),
    (forgets_what_was_said, CONVERSATIONS, "flow/grown"),
    (takes_any_digest, ("/uploads", "/uploads/{upload_id}/complete"), "flow/digest"),
    (ignores_before, ASSISTANTS, "pages/cursor"),
    (refuses_items, ("/conversations", "/conversations/{conversation_id}"), "http/valid-refused"),
    (refuses_nothing_at_all, ("/threads", "/threads/{thread_id}"), "http/valid-refused"),
    (
        has_no_events,
        ("/fine_tuning/jobs/{fine_tuning_job_id}", "/fine_tuning/jobs/{fine_tuning_job_id}/events"),
        "flow/events",
    ),
    (never_ends, THREADS, "flow/unfinished"),
]


def twin_of(send, change):
    memory = {"send": send}

    def spoiled(request):
        response = send(request)
        return change(request, response, memory) or response

    return spoiled


@pytest.mark.parametrize(("change", "operations", "rule"), TWINS, ids=[change.__name__ for change, _, _ in TWINS])
def test_what_is_lost_on_the_way_is_told(contract, honest, change, operations, rule):
    """A server that loses one thing between two requests is told by the rule of that thing."""
    result = run_on(contract, twin_of(honest, change), operations=operations)
    assert rule in rules(result), told(result)
    finding = next(f for f in result.findings if f.violation.rule == rule)
    assert not finding.flaky
    assert len(result.findings) <= 2, told(result)


@pytest.mark.parametrize("operations", sorted({operations for _, operations, _ in TWINS}))
def test_nothing_is_told_of_the_honest_server(contract, honest, operations):
    """The same flows, with as much of the API under test, find nothing to say of a server that loses nothing."""
    result = run_on(contract, honest, operations=operations, requests=90)
    assert not len(result.findings), told(result)
    assert sum(tally.accepted for tally in result.tallies.values()) >= 10


def test_what_is_not_served_closes_its_flow(contract, honest):
    """A server without files gets few requests for them and for what hangs on them, and nothing is said."""
    asked = []

    def chat_only(request):
        if "/chat/" in request.target or "/models" in request.target:
            return honest(request)
        asked.append(request.target)
        return Response(404, {"content-type": "application/json"}, b'{"detail":"Not Found"}')

    result = run_on(contract, chat_only, requests=250)
    assert not len(result.findings), told(result)
    assert not [target for target in asked if "/files/" in target or ("/threads/" in target and "runs" not in target)]
    assert len(asked) <= 60


@pytest.mark.parametrize("words", ["Response with this id not found.", "There is no such route."])
def test_a_server_that_stores_no_answers_is_told_where_it_retrieves_them(contract, honest, words):
    """What was to be stored and is not there is told; where no path for it is served, nothing is."""

    def forgetful(request):
        if "assay-no-such-path" in request.target:
            return refusal(404, "There is no such route.")
        response = honest(request)
        kept = request.method == "GET" and ("/responses/" in request.target or "/chat/completions/" in request.target)
        return refusal(404, words) if kept else response

    operations = ("/responses", "/responses/{response_id}", "/chat/completions/{completion_id}", "/chat/completions")
    result = run_on(contract, forgetful, operations=operations, requests=150)
    told_of = [f.operations[0] for f in result.findings if f.violation.rule == "flow/retrievable"]
    served = words.startswith("Response")
    assert sorted(told_of) == (["getChatCompletion", "getResponse"] if served else []), told(result)


@pytest.mark.parametrize(
    "operation", ["listConversationItems", "listMessages", "listInputItems", "getChatCompletionMessages", "getRun"]
)
def test_one_operation_alone_is_not_asked_for_what_others_would_have_made(contract, honest, operation):
    """Where a run tests one operation only, flows make what it needs, and do not miss what they did not make."""
    result = run_on(contract, honest, operations=(operation,), requests=40)
    assert not len(result.findings), told(result)
    assert result.tallies[operation].accepted


@pytest.mark.parametrize(("requests", "paged"), [(30, False), (400, True)])
def test_pages_wait_where_requests_are_scarce(contract, honest, requests, paged):
    """A small budget lists each resource once; a large one goes through the pages of all."""
    asked = []

    def noting(request):
        asked.append(request.target)
        return honest(request)

    result = run_on(contract, noting, operations=("/threads/{thread_id}/messages",), requests=requests)
    assert not len(result.findings), told(result)
    assert any("limit=1&order=asc&after=" in target for target in asked) is paged
    assert any("limit=100&order=asc" in target for target in asked)


def test_a_list_that_lags_behind_is_honest(contract, honest):
    """A list that shows a new object a moment later is asked again before anything is said."""
    seen = []

    def lagging(request):
        response = honest(request)
        if request.method == "GET" and _one(request, "/files") and "limit=100" in request.target and not seen:
            seen.append(request)
            page = {**json_of(response), "data": [], "has_more": False, "first_id": None, "last_id": None}
            return with_json(response, page)
        return response

    result = run_on(contract, lagging, operations=FILES, requests=60)
    assert seen
    assert not len(result.findings), told(result)


def test_probes_name_objects_that_exist(contract, honest):
    """Probes of operations by id go to an object of the target, and bodies name one, instead of what is made up."""
    operations = ("getVectorStore", "modifyVectorStore", "createVectorStoreFile")
    result = run_on(contract, honest, operations=operations, requests=120)
    assert result.tallies["getVectorStore"].accepted >= 2
    assert result.tallies["modifyVectorStore"].accepted >= 10
    assert result.tallies["createVectorStoreFile"].accepted >= 5
    assert not len(result.findings), told(result)


def test_a_flow_is_shown_with_what_led_to_it(contract, honest):
    """What a flow found names the request that made the object."""
    result = run_on(contract, twin_of(honest, changes_bytes), operations=FILES)
    (finding,) = [f for f in result.findings if f.violation.rule == "flow/bytes"]
    assert [(request.method, request.target) for request in finding.exchange.before] == [("POST", "/v1/files")]


def _described():
    """A description of pets that can be made, retrieved and deleted."""
    name = {"name": {"type": "string"}}
    made = {"type": "object", "required": ["name"], "properties": name}
    pet = {"type": "object", "required": ["id", "name"], "properties": {"id": {"type": "integer"}, **name}}
    shown = {"description": "a pet", "content": {"application/json": {"schema": pet}}}
    missing = {"description": "no such pet"}
    body = {"required": True, "content": {"application/json": {"schema": made}}}
    number = {"name": "petId", "in": "path", "required": True, "schema": {"type": "integer"}}
    one = {
        "parameters": [number],
        "get": {"operationId": "getPet", "responses": {"200": shown, "404": missing}},
        "delete": {"operationId": "dropPet", "responses": {"200": {"description": "gone"}, "404": missing}},
    }
    many = {"post": {"operationId": "makePet", "requestBody": body, "responses": {"200": shown}}}
    paths = {"/pets": many, "/pets/{petId}": one}
    return load({"openapi": "3.1.0", "info": {"title": "pets", "version": "1"}, "paths": paths})


class _Shop:
    """A server of pets, which may forget that it sold one."""

    def __init__(self, *, forgets):
        self.pets, self.made, self.forgets = {}, 0, forgets

    def __call__(self, request):
        name, empty = request.target.rpartition("/")[2], Response(200, {"content-type": "application/json"}, b"")
        if request.method == "POST":
            value = json_of(request)
            good = isinstance(value, dict) and isinstance(value.get("name"), str)
            if not good or request.headers.content_type != "application/json":
                return with_json(Response(400, empty.headers, b""), {})
            self.made += 1
            self.pets[str(self.made)] = {"id": self.made, "name": value["name"]}
            return with_json(empty, self.pets[str(self.made)])
        found = self.pets.get(name)
        if found is None:
            return with_json(Response(404, empty.headers, b""), {"message": "no such pet"})
        if request.method == "GET":
            return with_json(empty, found)
        if not self.forgets:
            del self.pets[name]
        return Response(200, {}, b"")


def test_resources_of_other_descriptions_are_inferred():
    """A collection that is posted to, with paths for its objects, has a life of its own; its losses are told."""
    described, shop = _described(), _Shop(forgets=False)
    honest = run_on(described, shop, requests=60)
    assert not len(honest.findings), told(honest)
    assert shop.made >= 2
    assert not shop.pets
    result = run_on(described, _Shop(forgets=True), requests=60)
    assert rules(result) == {"flow/deleted"}, told(result)
