"""Faults of the shape of responses: a property is missing, or stands elsewhere.

The rule of this module: one property of one operation each; what stays keeps its value.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from assay.reference.faults.edits import drop, each
from assay.reference.faults.fault import Fault, Tells

__all__ = ["FAULTS"]

_fault = partial(Fault, group="response shape")
_LEGACY: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}


def _as_chat(choice: Any) -> Any:
    message = {"role": "assistant", "content": choice["text"]}
    return {"index": choice["index"], "message": message, "logprobs": None, "finish_reason": choice["finish_reason"]}


FAULTS = (
    _fault("chat-object-missing", "A chat completion has no object.",
           Tells("createChatCompletion", drop("object")), 23),
    _fault("chat-index-missing", "Choices have no index.", Tells("createChatCompletion", drop("choices.*.index"))),
    _fault("chat-role-missing", "Messages have no role.",
           Tells("createChatCompletion", drop("choices.*.message.role"))),
    _fault("chat-finish-missing", "Choices have no finish_reason.",
           Tells("createChatCompletion", drop("choices.*.finish_reason"))),
    _fault("chat-logprobs-of-completions", "Log probabilities of chat come in the form of text completions.",
           Tells("createChatCompletion", each("choices.*.logprobs", lambda old: _LEGACY if old else old)), 38),
    _fault("chat-body-null", "A chat completion is null, with status 200.",
           Tells("createChatCompletion", lambda _value, _asked: None), 46),
    _fault("chat-wrapped", "A chat completion stands inside an envelope of the gateway.",
           Tells("createChatCompletion", lambda value, _asked: {"data": value, "success": True})),
    _fault("models-created-missing", "Models have no time of creation.",
           Tells("listModels", drop("data.*.created")), 39),
    _fault("models-bare", "The list of models is a bare array.",
           Tells("listModels", lambda value, _asked: value["data"])),
    _fault("model-owner-missing", "A model has no owner.", Tells("retrieveModel", drop("owned_by"))),
    _fault("completion-as-chat", "A text completion has messages instead of texts.",
           Tells("createCompletion", each("choices.*", _as_chat))),
    _fault("completion-id-missing", "A text completion has no id.", Tells("createCompletion", drop("id"))),
    _fault("embedding-usage-missing", "Embeddings come without usage.", Tells("createEmbedding", drop("usage"))),
    _fault("embedding-index-missing", "Embeddings have no index.", Tells("createEmbedding", drop("data.*.index"))),
    _fault("responses-output-details-missing", "The usage of a response lacks output_tokens_details.",
           Tells("createResponse", drop("usage.output_tokens_details")), 41),
    _fault("responses-annotations-missing", "The text of a response lacks annotations.",
           Tells("createResponse", drop("output.*.content.*.annotations")), 42),
    _fault("responses-tools-missing", "A response lacks its tools.", Tells("createResponse", drop("tools"))),
    _fault("input-tokens-missing", "A count of input tokens lacks the count.",
           Tells("Getinputtokencounts", drop("input_tokens"))),
    _fault("image-created-missing", "Images have no time of creation.", Tells("createImage", drop("created"))),
    _fault("transcription-nested", "A transcription stands inside an object named result.",
           Tells("createTranscription", lambda value, _asked: {"result": value})),
    _fault("file-bytes-missing", "A file has no size.", Tells("createFile retrieveFile", drop("bytes"))),
    _fault("upload-expiry-missing", "An upload has no time of expiry.", Tells("createUpload", drop("expires_at"))),
    _fault("batch-window-missing", "A batch has no completion window.",
           Tells("createBatch retrieveBatch", drop("completion_window"))),
    _fault("tuning-results-missing", "A fine-tuning job has no result files.",
           Tells("createFineTuningJob retrieveFineTuningJob", drop("result_files"))),
    _fault("moderation-scores-missing", "A moderation has no scores.",
           Tells("createModeration", drop("results.*.category_scores"))),
    _fault("conversation-metadata-missing", "A conversation has no metadata.",
           Tells("createConversation getConversation", drop("metadata"))),
    _fault("assistant-tools-missing", "An assistant has no tools.",
           Tells("createAssistant getAssistant", drop("tools"))),
    _fault("thread-created-missing", "A thread has no time of creation.",
           Tells("createThread getThread", drop("created_at"))),
    _fault("run-thread-missing", "A run does not tell its thread.",
           Tells("createThreadAndRun createRun getRun", drop("thread_id"))),
    _fault("vector-store-counts-missing", "A vector store does not count its files.",
           Tells("createVectorStore getVectorStore", drop("file_counts"))),
)  # fmt: skip
