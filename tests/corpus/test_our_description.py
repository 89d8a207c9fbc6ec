"""Our description of the OpenAI API compiles, its unions are disjoint, and it judges messages right."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from jsonschema_rs import canonical

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / "schemas" / "openai"
DOCUMENTS = {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))}
REGISTRY = jsonschema_rs.Registry([(f"file:///{name}", document) for name, document in DOCUMENTS.items()])
COMPONENTS = [
    f"{name}#{component}"
    for name, document in DOCUMENTS.items()
    for component in document.get("components", {}).get("schemas", {})
]
EXAMPLES = yaml.safe_load((HERE / "our_description_examples.yaml").read_text(encoding="utf-8"))
METHODS = ("get", "post", "put", "patch", "delete")

# operation id -> the components of its request, its response and its events
MESSAGES = {
    "listModels": (None, "models.yaml#ListModelsResponse", None),
    "retrieveModel": (None, "models.yaml#Model", None),
    "deleteModel": (None, "models.yaml#DeleteModelResponse", None),
    "createChatCompletion": (
        "chat.yaml#CreateChatCompletionRequest",
        "chat.yaml#CreateChatCompletionResponse",
        "chat.yaml#ChatCompletionStreamEvent",
    ),
    "listAssistants": (None, "assistants.yaml#ListAssistantsResponse", None),
    "createAssistant": ("assistants.yaml#CreateAssistantRequest", "assistants.yaml#AssistantObject", None),
    "getAssistant": (None, "assistants.yaml#AssistantObject", None),
    "modifyAssistant": ("assistants.yaml#ModifyAssistantRequest", "assistants.yaml#AssistantObject", None),
    "deleteAssistant": (None, "assistants.yaml#DeleteAssistantResponse", None),
    "createThread": ("threads.yaml#CreateThreadRequest", "threads.yaml#ThreadObject", None),
    "getThread": (None, "threads.yaml#ThreadObject", None),
    "modifyThread": ("threads.yaml#ModifyThreadRequest", "threads.yaml#ThreadObject", None),
    "deleteThread": (None, "threads.yaml#DeleteThreadResponse", None),
    "listMessages": (None, "threads.yaml#ListMessagesResponse", None),
    "createMessage": ("threads.yaml#CreateMessageRequest", "threads.yaml#MessageObject", None),
    "getMessage": (None, "threads.yaml#MessageObject", None),
    "modifyMessage": ("threads.yaml#ModifyMessageRequest", "threads.yaml#MessageObject", None),
    "deleteMessage": (None, "threads.yaml#DeleteMessageResponse", None),
    "createThreadAndRun": (
        "runs.yaml#CreateThreadAndRunRequest",
        "runs.yaml#RunObject",
        "run-events.yaml#AssistantStreamEvent",
    ),
    "listRuns": (None, "runs.yaml#ListRunsResponse", None),
    "createRun": ("runs.yaml#CreateRunRequest", "runs.yaml#RunObject", "run-events.yaml#AssistantStreamEvent"),
    "getRun": (None, "runs.yaml#RunObject", None),
    "modifyRun": ("runs.yaml#ModifyRunRequest", "runs.yaml#RunObject", None),
    "cancelRun": (None, "runs.yaml#RunObject", None),
    "submitToolOuputsToRun": (
        "runs.yaml#SubmitToolOutputsRunRequest",
        "runs.yaml#RunObject",
        "run-events.yaml#AssistantStreamEvent",
    ),
    "listRunSteps": (None, "run-steps.yaml#ListRunStepsResponse", None),
    "getRunStep": (None, "run-steps.yaml#RunStepObject", None),
    "listVectorStores": (None, "vector-stores.yaml#ListVectorStoresResponse", None),
    "createVectorStore": ("vector-stores.yaml#CreateVectorStoreRequest", "vector-stores.yaml#VectorStoreObject", None),
    "getVectorStore": (None, "vector-stores.yaml#VectorStoreObject", None),
    "modifyVectorStore": ("vector-stores.yaml#UpdateVectorStoreRequest", "vector-stores.yaml#VectorStoreObject", None),
    "deleteVectorStore": (None, "vector-stores.yaml#DeleteVectorStoreResponse", None),
    "searchVectorStore": (
        "vector-stores.yaml#VectorStoreSearchRequest",
        "vector-stores.yaml#VectorStoreSearchResultsPage",
        None,
    ),
    "listVectorStoreFiles": (None, "vector-store-files.yaml#ListVectorStoreFilesResponse", None),
    "createVectorStoreFile": (
        "vector-store-files.yaml#CreateVectorStoreFileRequest",
        "vector-store-files.yaml#VectorStoreFileObject",
        None,
    ),
    "getVectorStoreFile": (None, "vector-store-files.yaml#VectorStoreFileObject", None),
    "updateVectorStoreFileAttributes": (
        "vector-store-files.yaml#UpdateVectorStoreFileAttributesRequest",
        "vector-store-files.yaml#VectorStoreFileObject",
        None,
    ),
    "deleteVectorStoreFile": (None, "vector-store-files.yaml#DeleteVectorStoreFileResponse", None),
    "retrieveVectorStoreFileContent": (None, "vector-store-files.yaml#VectorStoreFileContentResponse", None),
    "createVectorStoreFileBatch": (
        "vector-store-files.yaml#CreateVectorStoreFileBatchRequest",
        "vector-store-files.yaml#VectorStoreFileBatchObject",
        None,
    ),
    "getVectorStoreFileBatch": (None, "vector-store-files.yaml#VectorStoreFileBatchObject", None),
    "cancelVectorStoreFileBatch": (None, "vector-store-files.yaml#VectorStoreFileBatchObject", None),
    "listFilesInVectorStoreBatch": (None, "vector-store-files.yaml#ListVectorStoreFilesResponse", None),
    "createResponse": (
        "responses.yaml#CreateResponse",
        "responses.yaml#Response",
        "response-events.yaml#ResponseStreamEvent",
    ),
    "getResponse": (None, "responses.yaml#Response", "response-events.yaml#ResponseStreamEvent"),
    "cancelResponse": (None, "responses.yaml#Response", None),
    "deleteResponse": (None, "responses.yaml#DeletedResponse", None),
    "listInputItems": (None, "responses.yaml#ResponseItemList", None),
    "Getinputtokencounts": ("responses.yaml#TokenCountsBody", "responses.yaml#TokenCountsResource", None),
    "Compactconversation": (
        "responses.yaml#CompactResponseMethodPublicBody",
        "responses.yaml#CompactResource",
        None,
    ),
    "createConversation": (
        "conversations.yaml#CreateConversationBody",
        "conversations.yaml#ConversationResource",
        None,
    ),
    "getConversation": (None, "conversations.yaml#ConversationResource", None),
    "updateConversation": (
        "conversations.yaml#UpdateConversationBody",
        "conversations.yaml#ConversationResource",
        None,
    ),
    "deleteConversation": (None, "conversations.yaml#DeletedConversationResource", None),
    "createConversationItems": (
        "conversations.yaml#CreateConversationItemsBody",
        "conversations.yaml#ConversationItemList",
        None,
    ),
    "listConversationItems": (None, "conversations.yaml#ConversationItemList", None),
    "getConversationItem": (None, "response-items.yaml#ConversationItem", None),
    "deleteConversationItem": (None, "conversations.yaml#ConversationResource", None),
    "createCompletion": (
        "completions.yaml#CreateCompletionRequest",
        "completions.yaml#CreateCompletionResponse",
        "completions.yaml#CompletionStreamEvent",
    ),
    "createEmbedding": (
        "embeddings.yaml#CreateEmbeddingRequest",
        "embeddings.yaml#CreateEmbeddingResponse",
        None,
    ),
    "createImage": (
        "images.yaml#CreateImageRequest",
        "images.yaml#ImagesResponse",
        "images.yaml#ImageGenStreamEvent",
    ),
    "createImageEdit": (
        "image-edits.yaml#CreateImageEditRequest",
        "images.yaml#ImagesResponse",
        "image-edits.yaml#ImageEditStreamEvent",
    ),
    "createImageVariation": ("image-edits.yaml#CreateImageVariationRequest", "images.yaml#ImagesResponse", None),
    "createSpeech": ("audio.yaml#CreateSpeechRequest", None, "audio.yaml#CreateSpeechResponseStreamEvent"),
    "createTranscription": (
        "audio.yaml#CreateTranscriptionRequest",
        "audio.yaml#TranscriptionResponse",
        "audio.yaml#CreateTranscriptionResponseStreamEvent",
    ),
    "createTranslation": ("audio.yaml#CreateTranslationRequest", "audio.yaml#TranslationResponse", None),
    "listFiles": (None, "files.yaml#ListFilesResponse", None),
    "createFile": ("files.yaml#CreateFileRequest", "files.yaml#OpenAIFile", None),
    "retrieveFile": (None, "files.yaml#OpenAIFile", None),
    "deleteFile": (None, "files.yaml#DeleteFileResponse", None),
    "downloadFile": (None, None, None),
    "createModeration": (
        "moderations.yaml#CreateModerationRequest",
        "moderations.yaml#CreateModerationResponse",
        None,
    ),
    "listChatCompletions": (None, "stored-chat.yaml#ChatCompletionList", None),
    "getChatCompletion": (None, "stored-chat.yaml#StoredChatCompletion", None),
    "updateChatCompletion": (
        "stored-chat.yaml#UpdateChatCompletionRequest",
        "stored-chat.yaml#StoredChatCompletion",
        None,
    ),
    "deleteChatCompletion": (None, "stored-chat.yaml#ChatCompletionDeleted", None),
    "getChatCompletionMessages": (None, "stored-chat.yaml#ChatCompletionMessageList", None),
    "listPaginatedFineTuningJobs": (None, "fine-tuning-jobs.yaml#ListPaginatedFineTuningJobsResponse", None),
    "createFineTuningJob": ("fine-tuning.yaml#CreateFineTuningJobRequest", "fine-tuning-jobs.yaml#FineTuningJob", None),
    "retrieveFineTuningJob": (None, "fine-tuning-jobs.yaml#FineTuningJob", None),
    "cancelFineTuningJob": (None, "fine-tuning-jobs.yaml#FineTuningJob", None),
    "pauseFineTuningJob": (None, "fine-tuning-jobs.yaml#FineTuningJob", None),
    "resumeFineTuningJob": (None, "fine-tuning-jobs.yaml#FineTuningJob", None),
    "listFineTuningEvents": (None, "fine-tuning-jobs.yaml#ListFineTuningJobEventsResponse", None),
    "listFineTuningJobCheckpoints": (None, "fine-tuning-jobs.yaml#ListFineTuningJobCheckpointsResponse", None),
    "listFineTuningCheckpointPermissions": (
        None,
        "fine-tuning-jobs.yaml#ListFineTuningCheckpointPermissionResponse",
        None,
    ),
    "createFineTuningCheckpointPermission": (
        "fine-tuning-jobs.yaml#CreateFineTuningCheckpointPermissionRequest",
        "fine-tuning-jobs.yaml#ListFineTuningCheckpointPermissionResponse",
        None,
    ),
    "deleteFineTuningCheckpointPermission": (
        None,
        "fine-tuning-jobs.yaml#DeleteFineTuningCheckpointPermissionResponse",
        None,
    ),
    "runGrader": ("graders.yaml#RunGraderRequest", "graders.yaml#RunGraderResponse", None),
    "validateGrader": ("graders.yaml#ValidateGraderRequest", "graders.yaml#ValidateGraderResponse", None),
    "listBatches": (None, "batches.yaml#ListBatchesResponse", None),
    "createBatch": ("batches.yaml#CreateBatchRequest", "batches.yaml#Batch", None),
    "retrieveBatch": (None, "batches.yaml#Batch", None),
    "cancelBatch": (None, "batches.yaml#Batch", None),
    "createUpload": ("uploads.yaml#CreateUploadRequest", "uploads.yaml#Upload", None),
    "addUploadPart": ("uploads.yaml#AddUploadPartRequest", "uploads.yaml#UploadPart", None),
    "completeUpload": ("uploads.yaml#CompleteUploadRequest", "uploads.yaml#Upload", None),
    "cancelUpload": (None, "uploads.yaml#Upload", None),
    "createEdit": ("legacy.yaml#CreateEditRequest", "legacy.yaml#CreateEditResponse", None),
    "listFineTunes": (None, "legacy.yaml#ListFineTunesResponse", None),
    "createFineTune": ("legacy.yaml#CreateFineTuneRequest", "legacy.yaml#FineTune", None),
    "retrieveFineTune": (None, "legacy.yaml#FineTune", None),
    "cancelFineTune": (None, "legacy.yaml#FineTune", None),
    "listFineTuneEvents": (None, "legacy.yaml#ListFineTuneEventsResponse", "legacy.yaml#FineTuneEvent"),
}
PATHS = {
    "/v1/chat/completions": "createChatCompletion",
    "/v1/completions": "createCompletion",
    "/v1/embeddings": "createEmbedding",
}


def reference(component: str) -> dict[str, str]:
    """Write ``chat.yaml#Name`` as the schema that refers to it."""
    name, _, component = component.partition("#")
    return {"$ref": f"file:///{name}#/components/schemas/{component}"}


def validator(component: str) -> Any:
    """Compile one component in place."""
    return jsonschema_rs.Draft202012Validator(reference(component), registry=REGISTRY)


def schemas(node: Any) -> Any:
    """Yield every object inside a document."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from schemas(value)
    elif isinstance(node, list):
        for value in node:
            yield from schemas(value)


def at(error: Any) -> str:
    """Return the place of an error in the value, as a JSON pointer."""
    return "".join(f"/{step}" for step in error.instance_path)


def follow(name: str, schema: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Follow the reference of a schema in file ``name`` to its end."""
    while "$ref" in schema:
        file, _, pointer = schema["$ref"].partition("#")
        name = file or name
        schema = DOCUMENTS[name]
        for step in pointer.split("/")[1:]:
            schema = schema[step.replace("~1", "/").replace("~0", "~")]
    return name, schema


JSON_TYPES = {str: "string", bool: "boolean", int: "integer", type(None): "null"}


@dataclass
class Traits:
    """What tells a branch of a union apart.

    ``values`` are the constants of properties, as JSON text; ``names`` all properties where there may be no others.
    """

    types: set[str] = field(default_factory=set)
    values: dict[str, set[str]] = field(default_factory=dict)
    need: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)
    names: set[str] | None = None
    items: Traits | None = None

    def and_(self, other: Traits) -> None:
        """Take in a schema that holds as well."""
        self.types = self.types & other.types if self.types and other.types else self.types | other.types
        self.values |= {key: values & self.values.get(key, values) for key, values in other.values.items()}
        self.need |= other.need
        self.forbidden |= other.forbidden
        self.names = other.names if self.names is None else self.names
        self.items = self.items or other.items


def either(branches: list[Traits]) -> Traits:
    """Return what is true of every branch."""
    shared = set.intersection(*(set(branch.values) for branch in branches))
    return Traits(
        set.union(*(branch.types for branch in branches)),
        {key: set.union(*(branch.values[key] for branch in branches)) for key in shared},
        set.intersection(*(branch.need for branch in branches)),
        set.intersection(*(branch.forbidden for branch in branches)),
    )


def constants(schema: dict[str, Any]) -> list[Any]:
    """Return the constants that a schema lists."""
    return [schema["const"]] if "const" in schema else schema.get("enum", [])


def one_of_several(branch: dict[str, Any]) -> bool:
    """Whether a branch only says which property is given: exactly one of them is meant, whatever the rest is."""
    return "required" in branch and set(branch) <= {"required", "properties"}


def traits(name: str, schema: dict[str, Any]) -> Traits:
    """Return what tells a branch of a union apart."""
    name, schema = follow(name, schema)
    types = schema.get("type", [])
    found = Traits({types} if isinstance(types, str) else set(types), need=set(schema.get("required", ())))
    if constants(schema):
        found.types = {JSON_TYPES[type(value)] for value in constants(schema)}
    for key, inner in schema.get("properties", {}).items():
        if inner is False:
            found.forbidden.add(key)
        elif listed := constants(follow(name, inner)[1]):
            found.values[key] = {json.dumps(value) for value in listed}
    if "items" in schema:
        found.items = traits(name, schema["items"])
    for inner in schema.get("allOf", ()):
        found.and_(traits(name, inner))
    if schema.get("additionalProperties") is False:
        found.names = set(schema["properties"])
    if branches := [traits(name, branch) for branch in schema.get("oneOf", ()) if not one_of_several(branch)]:
        found.and_(either(branches))
    return found


def apart(one: Traits, other: Traits) -> bool:
    """Return whether no value can have the traits of both."""
    shared = one.types & other.types
    if one.types and other.types and not shared:
        return True
    if shared == {"array"}:
        return one.items is not None and other.items is not None and apart(one.items, other.items)
    if shared != {"object"}:
        return False
    need = one.need | other.need
    if any(not one.values[key] & other.values[key] for key in one.values.keys() & other.values.keys() & need):
        return True
    if any(closed.names is not None and open_.need - closed.names for closed, open_ in ((one, other), (other, one))):
        return True
    return bool(one.need & other.forbidden or other.need & one.forbidden)


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_component_compiles_and_has_a_canonical_form(component) -> None:
    """A component compiles, can be satisfied, and nothing in its canonical form is left unmodelled."""
    assert validator(component)
    schema = jsonschema_rs.canonicalize(reference(component), registry=REGISTRY)
    assert schema.satisfiability is not canonical.Satisfiability.NO
    for found in [schema, *schema.definitions().values()]:
        assert not isinstance(found.view(), canonical.RawView), found.view().reason


def test_no_reference_is_broken_and_none_leads_out() -> None:
    """Every $ref names a place inside the folder."""
    seen = 0
    for name, document in DOCUMENTS.items():
        for schema in schemas(document):
            if isinstance(schema.get("$ref"), str):
                seen += 1
                assert follow(name, schema)
    assert seen > 150


def test_every_operation_documents_success_and_errors() -> None:
    """An operation has a unique id, a 200 answer, and the error envelope for 4XX and 5XX."""
    operations = {}
    for item in DOCUMENTS["openapi.yaml"]["paths"].values():
        _, path = follow("openapi.yaml", item)
        for method in METHODS:
            if method in path:
                operations[path[method]["operationId"]] = path[method]
    assert set(operations) == set(MESSAGES)
    for operation in operations.values():
        assert {"200", "4XX", "5XX"} <= set(operation["responses"])
        assert operation["summary"].endswith(".")


def test_unions_are_disjoint_by_construction() -> None:
    """Two branches of a oneOf differ in type, in a property, or in what their items are."""
    pairs = 0
    for name, document in DOCUMENTS.items():
        for schema in schemas(document):
            branches = [traits(name, branch) for branch in schema.get("oneOf", ()) if not one_of_several(branch)]
            for number, one in enumerate(branches):
                for other in branches[number + 1 :]:
                    pairs += 1
                    assert apart(one, other), (name, schema["oneOf"])
    assert pairs > 2500


def test_examples_of_our_own_are_judged_right() -> None:
    """Each valid example passes, and each invalid one fails at the place it names."""
    counted: Counter[bool] = Counter()
    for component, examples in EXAMPLES.items():
        check = validator(component)
        for value in examples["valid"]:
            assert check.is_valid(value), (component, value, next(check.iter_errors(value)).message)
            counted[True] += 1
        for place, value in examples["invalid"]:
            assert place in {at(error) for error in check.iter_errors(value)}, (component, place, value)
            counted[False] += 1
    assert counted[True] >= 135
    assert counted[False] >= 240


@pytest.mark.parametrize(("length", "size", "ok"), [(16, 512, True), (17, 512, False), (16, 513, False)])
def test_metadata_has_bounds(length, size, ok) -> None:
    """At most 16 pairs, values of at most 512 characters, names of at most 64."""
    check = validator("common.yaml#Metadata")
    assert check.is_valid({f"{number:064}": "v" * size for number in range(length)}) is ok
    assert not check.is_valid({"k" * 65: "v"})


@pytest.mark.parametrize(
    ("model", "longest"), [("dall-e-2", 1000), ("dall-e-3", 4000), ("gpt-image-1", 32000), ("mine", 32000)]
)
def test_prompts_have_the_length_of_their_model(model, longest) -> None:
    """A prompt may be as long as its model allows, and not one character longer."""
    check = validator("images.yaml#CreateImageRequest")
    assert check.is_valid({"model": model, "prompt": "x" * longest})
    assert not check.is_valid({"model": model, "prompt": "x" * (longest + 1)})


def test_embedding_inputs_have_bounds() -> None:
    """At most 2048 inputs, of at most 8192 tokens each."""
    check = validator("embeddings.yaml#CreateEmbeddingRequest")
    assert check.is_valid({"model": "m", "input": ["a"] * 2048})
    assert not check.is_valid({"model": "m", "input": ["a"] * 2049})
    assert check.is_valid({"model": "m", "input": [[1] * 8192]})
    assert not check.is_valid({"model": "m", "input": [[1] * 8193]})


def test_recorded_traffic_of_the_real_service_is_valid(shared) -> None:
    """Every recorded request, response and event of the operations described so far passes; the ledger is empty."""
    counted: Counter[str] = Counter()
    checks = {name: [component and validator(component) for component in row] for name, row in MESSAGES.items()}
    with gzip.open(shared / "traffic" / "openai.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            exchange = json.loads(line)
            if exchange["path"] not in PATHS:
                continue
            request, response, event = checks[PATHS[exchange["path"]]]
            where = (exchange["source"], exchange["index"])
            assert request.is_valid(json.loads(exchange["request_body"])), where
            counted["request"] += 1
            if exchange["status"] >= 400:
                assert validator("common.yaml#ErrorResponse").is_valid(json.loads(exchange["response_body"])), where
                counted["error"] += 1
            elif exchange["response_headers"]["content-type"].startswith("text/event-stream"):
                for text in exchange["response_body"].split("\n"):
                    if text.startswith("data: ") and text != "data: [DONE]":
                        assert event.is_valid(json.loads(text[6:])), where
                        counted["event"] += 1
            else:
                assert response.is_valid(json.loads(exchange["response_body"])), where
                counted["response"] += 1
    assert counted == {"request": 245, "response": 194, "event": 1511, "error": 5}


def expand(value: Any) -> Any:
    """Write out the repeated parts of an example of the inventory; a file is what a schema sees of it, a string."""
    if isinstance(value, list):
        return [expand(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "mime" in value:
        return "bytes"
    match value.get("$gen"):
        case None:
            return {key: expand(item) for key, item in value.items()}
        case "repeat_list":
            return [expand(value["item"])] * value["count"]
        case "range":
            return list(range(value["count"]))
        case "nan":
            return float("nan")
        case "bytes":
            return value["base64"]
        case _:
            return value.get("prefix", "") + value["unit"] * value["count"]


def test_no_sentence_is_taken_from_the_published_description(shared) -> None:
    """None of our sentences stands in the published descriptions."""
    published = " ".join(
        " ".join(path.read_text(encoding="utf-8").split()) for path in (shared / "specs").glob("openai-*.yaml")
    )
    ours = {
        text
        for document in DOCUMENTS.values()
        for node in schemas(document)
        for key in ("description", "summary")
        if isinstance(text := node.get(key), str) and len(text.split()) >= 5
    }
    assert len(ours) > 60
    assert not [text for text in ours if text.rstrip(".") in published]
