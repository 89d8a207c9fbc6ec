"""Faults of nulls: null where a value must be, or where nothing may be.

The rule of this module: no other value changes.
"""

from __future__ import annotations

from functools import partial

from assay.reference.faults.edits import add, blank, each, every, final
from assay.reference.faults.fault import Fault, Streams, Tells

__all__ = ["FAULTS"]

_fault = partial(Fault, group="nulls")

FAULTS = (
    _fault("chat-stream-calls-null", "Every delta has tool_calls, null where there are none.",
           Streams("createChatCompletion",
                   every(each("choices.*.delta", lambda old: {"tool_calls": None, **old}))), 7),
    _fault("chat-stream-role-null", "Every delta has a role, and it is null.",
           Streams("createChatCompletion", every(add("choices.*.delta.role", None))), 9),
    _fault("chat-stream-delta-null", "The delta of the last chunk is null.",
           Streams("createChatCompletion", final(blank("choices.*.delta"))), 10),
    _fault("chat-stream-fragment-null", "Further fragments of a tool call have the id null.",
           Streams("createChatCompletion",
                   every(each("choices.*.delta.tool_calls.*", lambda old: {"id": None, **old}))), 6),
    _fault("chat-stream-model-null", "The model of chunks is null.",
           Streams("createChatCompletion", every(blank("model"))), 21),
    _fault("chat-usage-null", "The usage of a chat completion is null.", Tells("createChatCompletion", blank("usage"))),
    _fault("chat-tool-calls-null", "The tool_calls of an answer without any are null.",
           Tells("createChatCompletion", each("choices.*.message", lambda old: {"tool_calls": None, **old}))),
    _fault("chat-function-call-null", "The function_call of an answer without one is null.",
           Tells("createChatCompletion", each("choices.*.message", lambda old: {"function_call": None, **old}))),
    _fault("chat-finish-null", "The finish_reason of a whole answer is null.",
           Tells("createChatCompletion", blank("choices.*.finish_reason"))),
    _fault("completion-text-null", "The text of a text completion is null.",
           Tells("createCompletion", blank("choices.*.text"))),
    _fault("embedding-null", "An embedding is null.", Tells("createEmbedding", blank("data.*.embedding"))),
    _fault("models-owner-null", "The owner of models is null.", Tells("listModels", blank("data.*.owned_by"))),
    _fault("responses-output-null", "The output of a response is null.", Tells("createResponse", blank("output"))),
    _fault("responses-text-null", "The text of a response is null.",
           Tells("createResponse", blank("output.*.content.*.text"))),
    _fault("transcription-null", "The text of a transcription is null.",
           Tells("createTranscription createTranslation", blank("text"))),
    _fault("file-name-null", "The name of a file is null.", Tells("createFile retrieveFile", blank("filename"))),
    _fault("moderation-categories-null", "The categories of a moderation are null.",
           Tells("createModeration", blank("results.*.categories"))),
    _fault("assistant-tools-null", "The tools of an assistant are null.",
           Tells("createAssistant getAssistant", blank("tools"))),
    _fault("conversation-created-null", "The time of creation of a conversation is null.",
           Tells("createConversation getConversation", blank("created_at"))),
    _fault("lists-null", "The data of an empty list are null.", Tells("list*", each("data", lambda old: old or None))),
    _fault("batch-created-null", "The times of a batch are null, its creation too.",
           Tells("createBatch retrieveBatch", blank("created_at"))),
    _fault("vector-store-created-null", "The time of creation of a vector store is null.",
           Tells("createVectorStore getVectorStore", blank("created_at"))),
)  # fmt: skip
