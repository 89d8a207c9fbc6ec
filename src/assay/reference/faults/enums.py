"""Faults of enums: a value that the API does not know.

The rule of this module: the foreign values are those that other services use.
"""

from __future__ import annotations

from functools import partial

from assay.reference.faults.edits import each, every, final, put
from assay.reference.faults.fault import Fault, Streams, Tells

__all__ = ["FAULTS"]

_fault = partial(Fault, group="enums")
_FOREIGN = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}

FAULTS = (
    _fault("chat-finish-foreign", "A chat completion finishes with the reason of another service.",
           Tells("createChatCompletion", each("choices.*.finish_reason", lambda old: _FOREIGN.get(old, old))), 15),
    _fault("chat-stream-finish-empty", "In the middle of a stream, finish_reason is an empty text.",
           Streams("createChatCompletion", every(each("choices.*.finish_reason", lambda old: old or ""))), 11),
    _fault("chat-stream-role-empty", "The role of a delta is an empty text.",
           Streams("createChatCompletion", every(put("choices.*.delta.role", ""))), 8),
    _fault("chat-stream-finish-foreign", "A stream of chat finishes with the reason of another service.",
           Streams("createChatCompletion", final(each("choices.*.finish_reason", lambda old: _FOREIGN.get(old, old))))),
    _fault("chat-stream-object-foreign", "Chunks call themselves whole chat completions.",
           Streams("createChatCompletion", every(put("object", "chat.completion")))),
    _fault("chat-role-foreign", "The role of an answer is model.",
           Tells("createChatCompletion", put("choices.*.message.role", "model"))),
    _fault("chat-object-foreign", "The object of a chat completion is text_completion.",
           Tells("createChatCompletion", put("object", "text_completion"))),
    _fault("chat-tool-type-foreign", "The type of a tool call is tool.",
           Tells("createChatCompletion", put("choices.*.message.tool_calls.*.type", "tool"))),
    _fault("chat-tier-foreign", "The service tier of a chat completion is on_demand.",
           Tells("createChatCompletion", put("service_tier", "on_demand"))),
    _fault("models-object-foreign", "The object of models is models.",
           Tells("listModels", put("data.*.object", "models"))),
    _fault("completion-finish-foreign", "A text completion finishes with eos.",
           Tells("createCompletion", put("choices.*.finish_reason", "eos"))),
    _fault("completion-object-foreign", "The object of a text completion is completion.",
           Tells("createCompletion", put("object", "completion"))),
    _fault("embedding-object-foreign", "The object of an embedding is embeddings.",
           Tells("createEmbedding", put("data.*.object", "embeddings"))),
    _fault("responses-status-foreign", "The status of a response is done.",
           Tells("createResponse", put("status", "done"))),
    _fault("responses-item-foreign", "The type of an item of output is text.",
           Tells("createResponse", put("output.*.type", "text"))),
    _fault("responses-part-foreign", "The type of a part of the output is text.",
           Tells("createResponse", put("output.*.content.*.type", "text"))),
    _fault("image-format-foreign", "The format of images is jpg.",
           Tells("createImage", lambda value, _asked: {**value, "output_format": "jpg"})),
    _fault("file-object-foreign", "The object of a file is files.",
           Tells("createFile retrieveFile", put("object", "files"))),
    _fault("file-status-foreign", "The status of a file is ready.", Tells("createFile", put("status", "ready"))),
    _fault("upload-status-foreign", "The status of an upload is open.", Tells("createUpload", put("status", "open"))),
    _fault("batch-status-foreign", "The status of a batch is running.",
           Tells("createBatch retrieveBatch", put("status", "running"))),
    _fault("tuning-status-foreign", "The status of a fine-tuning job is pending.",
           Tells("createFineTuningJob retrieveFineTuningJob", put("status", "pending"))),
    _fault("assistant-object-foreign", "The object of an assistant is agent.",
           Tells("createAssistant getAssistant", put("object", "agent"))),
    _fault("run-status-foreign", "The status of a run is running.",
           Tells("createThreadAndRun createRun getRun", put("status", "running"))),
    _fault("message-role-foreign", "The role of a message of a thread is human.",
           Tells("createMessage getMessage", put("role", "human"))),
    _fault("vector-store-status-foreign", "The status of a vector store is ready.",
           Tells("createVectorStore getVectorStore", put("status", "ready"))),
    _fault("deletion-object-foreign", "A deletion has the object deleted.",
           Tells("delete*", put("object", "deleted"))),
)  # fmt: skip
