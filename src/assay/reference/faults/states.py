"""Faults of state: what was made, changed or deleted is not there as it should be.

The rule of this module: each answer alone keeps its schema, so that only two exchanges together show the fault.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from assay.reference.faults.edits import Edit, drop, each, listed, put
from assay.reference.faults.fault import OK, Answer, Answers, Asked, Asks, Fault, Instead, Tells, in_json, read_instead

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FAULTS"]

_fault = partial(Fault, group="state")


@dataclass(frozen=True, slots=True)
class _Pretended:
    """Read the object instead of what was asked, and tell it as if that had been done; one of ``Change``'s kinds."""

    on: str
    told: Callable[[Any, Any], Any]

    def ask(self, asked: Asked) -> Asked | Answer:
        """Read it."""
        return read_instead(asked) if asked.judge.check_request(asked.request).ok else asked

    def tell(self, asked: Asked, answer: Answer) -> Answer:
        """Tell it."""
        if answer.status != OK:
            return answer
        return in_json(OK, self.told(orjson.loads(answer.body), asked.value))


def _deleted(kind: str) -> Callable[[Any, Any], Any]:
    return lambda value, _asked: {"id": value["id"], "object": kind, "deleted": True}


def _unchanged(value: Any, _asked: Any) -> Any:
    return value


def _as_asked(value: Any, asked: Any) -> Any:
    return {**value, **{name: item for name, item in (asked or {}).items() if name in value}}


def _unfinished(status: str, *names: str) -> Edit:
    """Show what has ended well as still at work, without what it has only at its end."""

    def edit(value: Any, _asked: Any) -> Any:
        if value["status"] not in ("completed", "succeeded"):
            return value
        return {**value, "status": status, **{name: None for name in names if name in value}}

    return edit


def _content(change: Callable[[bytes], bytes]) -> Callable[[Answer, Asked], Answer]:
    return lambda answer, _asked: replace(answer, parts=(change(answer.body),)) if answer.status == OK else answer


def _outputs(change: Callable[[list[Any]], list[Any]]) -> Callable[[bytes], bytes]:
    """Change the lines of a file that a batch wrote."""

    def changed(data: bytes) -> bytes:
        if b'"custom_id"' not in data or b'"response"' not in data:
            return data
        lines = change([orjson.loads(line) for line in data.splitlines()])
        return b"".join(orjson.dumps(line) + b"\n" for line in lines)

    return changed


def _hidden(_asked: Asked) -> Answer:
    error = {"message": "The model does not exist.", "type": "invalid_request_error", "param": "model", "code": None}
    return in_json(404, {"error": error})


FAULTS = (
    _fault("file-not-deleted", "A file that was deleted is still there.",
           _Pretended("deleteFile", _deleted("file"))),
    _fault("assistant-not-deleted", "An assistant that was deleted is still there.",
           _Pretended("deleteAssistant", _deleted("assistant.deleted"))),
    _fault("thread-not-deleted", "A thread that was deleted is still there.",
           _Pretended("deleteThread", _deleted("thread.deleted"))),
    _fault("vector-store-not-deleted", "A vector store that was deleted is still there.",
           _Pretended("deleteVectorStore", _deleted("vector_store.deleted"))),
    _fault("response-not-deleted", "A response that was deleted is still there.",
           _Pretended("deleteResponse", _deleted("response"))),
    _fault("conversation-not-deleted", "A conversation that was deleted is still there.",
           _Pretended("deleteConversation", _deleted("conversation.deleted"))),
    _fault("stored-chat-not-deleted", "A stored chat completion that was deleted is still there.",
           _Pretended("deleteChatCompletion", _deleted("chat.completion.deleted"))),
    _fault("deletion-denied", "A deletion says that nothing was deleted.", Tells("delete*", put("deleted", new=False))),
    _fault("assistant-update-ignored", "A change of an assistant is ignored.",
           _Pretended("modifyAssistant", _unchanged)),
    _fault("thread-update-ignored", "A change of a thread is ignored.", _Pretended("modifyThread", _unchanged)),
    _fault("vector-store-update-ignored", "A change of a vector store is ignored.",
           _Pretended("modifyVectorStore", _unchanged)),
    _fault("conversation-update-ignored", "A change of a conversation is ignored.",
           _Pretended("updateConversation", _unchanged)),
    _fault("stored-chat-update-ignored", "A change of a stored chat completion is ignored.",
           _Pretended("updateChatCompletion", _unchanged)),
    _fault("assistant-update-forgotten", "A change of an assistant is told, and not kept.",
           _Pretended("modifyAssistant", _as_asked)),
    _fault("run-cancel-ignored", "A run that was cancelled goes on.", _Pretended("cancelRun", _unchanged)),
    _fault("batch-cancel-ignored", "A batch that was cancelled goes on.", _Pretended("cancelBatch", _unchanged)),
    _fault("tuning-cancel-ignored", "A fine-tuning job that was cancelled goes on.",
           _Pretended("cancelFineTuningJob", _unchanged)),
    _fault("file-content-changed", "The bytes of a file come back with one more.",
           Answers("downloadFile", _content(lambda data: data + b"\n"))),
    _fault("file-content-empty", "The bytes of a file are gone.", Answers("downloadFile", _content(lambda _data: b""))),
    _fault("file-name-changed", "A file is retrieved under another name than it was sent with.",
           Tells("retrieveFile", put("filename", "upload.bin"))),
    _fault("file-not-listed", "A new file is not listed.", Tells("listFiles", listed(lambda old: old[1:]))),
    _fault("assistant-not-listed", "A new assistant is not listed.",
           Tells("listAssistants", listed(lambda old: old[1:]))),
    _fault("assistant-instructions-lost", "A retrieved assistant has lost its instructions.",
           Tells("getAssistant", put("instructions", None))),
    _fault("thread-metadata-forgotten", "A retrieved thread has lost its metadata.",
           Tells("getThread", put("metadata", {}))),
    _fault("vector-store-name-lost", "A retrieved vector store has lost its name.",
           Tells("getVectorStore", put("name", None))),
    _fault("conversation-created-changes", "A retrieved conversation was made at another time.",
           Tells("getConversation", each("created_at", lambda old: old + 60))),
    _fault("thread-id-changes", "A retrieved thread has another id.", Tells("getThread", put("id", "thread_0"))),
    _fault("response-not-kept", "A response that was stored is not there.",
           Asks("createResponse", lambda value, _asked: {**value, "store": False})),
    _fault("response-output-lost", "A retrieved response has lost its output.",
           Tells("getResponse", put("output", []))),
    _fault("response-input-lost", "The input of a response is gone.",
           Tells("listInputItems", listed(lambda _old: []))),
    _fault("response-never-ends", "A response in the background never ends.",
           Tells("getResponse", _unfinished("in_progress", "completed_at")), hazard=True),
    _fault("previous-response-ignored", "A response knows nothing of the one that it goes on from.",
           Asks("createResponse", drop("previous_response_id"))),
    _fault("stored-chat-not-kept", "A chat completion that was to be stored is not there.",
           Asks("createChatCompletion", drop("store"))),
    _fault("stored-chat-messages-lost", "The messages of a stored chat completion are gone.",
           Tells("getChatCompletionMessages", listed(lambda _old: []))),
    _fault("conversation-items-lost", "Of the items of a conversation only the first is kept.",
           Asks("createConversation createConversationItems", each("items", lambda old: old[:1] if old else old))),
    _fault("thread-messages-lost", "A thread forgets the messages that it was made with.",
           Asks("createThread", drop("messages"))),
    _fault("message-text-changed", "A retrieved message has another text.",
           Tells("getMessage", put("content.*.text.value", "..."))),
    _fault("run-never-ends", "A run never ends.",
           Tells("getRun", _unfinished("in_progress", "completed_at", "usage")), hazard=True),
    _fault("run-answer-missing", "The answer of a run is not among the messages of its thread.",
           Tells("listMessages", listed(lambda old: [item for item in old if item["role"] != "assistant"]))),
    _fault("batch-never-ends", "A batch never ends.",
           Tells("retrieveBatch", _unfinished("in_progress", "completed_at", "finalizing_at", "output_file_id")),
           hazard=True),
    _fault("batch-line-lost", "The output of a batch lacks a line.",
           Answers("downloadFile", _content(_outputs(lambda lines: lines[:-1])))),
    _fault("batch-custom-ids-lost", "The output of a batch has custom_ids of its own.",
           Answers("downloadFile",
                   _content(_outputs(lambda lines: [{**x, "custom_id": str(n)} for n, x in enumerate(lines)])))),
    _fault("tuning-never-ends", "A fine-tuning job never ends.",
           Tells("retrieveFineTuningJob", _unfinished("running", "finished_at", "fine_tuned_model", "trained_tokens")),
           hazard=True),
    _fault("tuning-model-missing", "A fine-tuning job that succeeded has no model.",
           Tells("retrieveFineTuningJob", put("fine_tuned_model", None))),
    _fault("tuning-events-missing", "A fine-tuning job has no events.", Tells("listFineTuningEvents", put("data", []))),
    _fault("upload-parts-reversed", "The parts of an upload are joined in the wrong order.",
           Asks("completeUpload", each("part_ids", lambda old: old[::-1]))),
    _fault("upload-digest-unchecked", "An upload takes parts of another digest.", Asks("completeUpload", drop("md5"))),
    _fault("vector-file-never-read", "A file of a vector store is never read.",
           Tells("getVectorStoreFile", each("status", lambda old: "in_progress" if old == "completed" else old)),
           hazard=True),
    _fault("vector-search-empty", "A search of a vector store finds nothing.",
           Tells("searchVectorStore", put("data", []))),
    _fault("vector-search-reversed", "A search of a vector store tells the worst first.",
           Tells("searchVectorStore", each("data", lambda old: old[::-1])), hazard=True),
    _fault("model-not-retrieved", "A model that is listed cannot be retrieved.", Instead("retrieveModel", _hidden)),
)  # fmt: skip
