"""Faults of types: a value of the wrong JSON type.

The rule of this module: the value says the same as before, in another type.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import orjson

from assay.reference.faults.edits import each, put
from assay.reference.faults.fault import Fault, Tells

__all__ = ["FAULTS"]

_fault = partial(Fault, group="types")


def _parsed(text: Any) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"text": text}


FAULTS = (
    _fault("chat-arguments-object", "The arguments of a tool call are an object.",
           Tells("createChatCompletion", each("choices.*.message.tool_calls.*.function.arguments", _parsed)), 3),
    _fault("chat-created-text", "The time of creation of a chat completion is a text.",
           Tells("createChatCompletion", put("created", "2026-01-01T00:00:00Z"))),
    _fault("chat-created-fraction", "The time of creation of a chat completion has a fraction.",
           Tells("createChatCompletion", each("created", lambda old: old + 0.25))),
    _fault("chat-usage-text", "The usage of a chat completion is counted in texts.",
           Tells("createChatCompletion", each("usage.prompt_tokens", str))),
    _fault("chat-content-parts", "The content of an answer is an array of parts.",
           Tells("createChatCompletion",
                 each("choices.*.message.content", lambda old: [{"type": "text", "text": old}] if old else old))),
    _fault("chat-index-text", "The index of a choice is a text.",
           Tells("createChatCompletion", each("choices.*.index", str))),
    _fault("chat-token-bytes-text", "The bytes of a token are a text.",
           Tells("createChatCompletion", each("choices.*.logprobs.content.*.bytes", lambda old: bytes(old).hex()))),
    _fault("models-created-text", "The time of creation of models is a text.",
           Tells("listModels retrieveModel", each("created", str))),
    _fault("completion-choices-object", "The choices of a text completion are an object.",
           Tells("createCompletion", each("choices", lambda old: {str(item["index"]): item for item in old}))),
    _fault("embedding-numbers-text", "The numbers of an embedding are texts.",
           Tells("createEmbedding",
                 each("data.*.embedding", lambda old: [str(x) for x in old] if isinstance(old, list) else old))),
    _fault("embedding-nested", "An embedding is an array inside an array.",
           Tells("createEmbedding", each("data.*.embedding", lambda old: [old] if isinstance(old, list) else old))),
    _fault("responses-created-text", "The time of creation of a response is a text.",
           Tells("createResponse", each("created_at", str))),
    _fault("responses-output-object", "The output of a response is its only item.",
           Tells("createResponse", each("output", lambda old: old[0] if len(old) == 1 else old))),
    _fault("responses-metadata-list", "The metadata of a response are an array.",
           Tells("createResponse", each("metadata", lambda old: [*old.items()]))),
    _fault("input-tokens-text", "A count of input tokens is a text.",
           Tells("Getinputtokencounts", each("input_tokens", str))),
    _fault("image-data-object", "The images are one object.",
           Tells("createImage", each("data", lambda old: old[0] if len(old) == 1 else old))),
    _fault("transcription-duration-text", "The duration of a transcription is a text.",
           Tells("createTranscription", each("duration", lambda old: f"{old} s"))),
    _fault("file-bytes-text", "The size of a file is a text.",
           Tells("createFile retrieveFile", each("bytes", lambda old: f"{old} B"))),
    _fault("upload-expiry-text", "The time of expiry of an upload is a text.",
           Tells("createUpload", put("expires_at", "in an hour"))),
    _fault("batch-counts-text", "A batch counts its lines in texts.",
           Tells("createBatch retrieveBatch", each("request_counts.total", str))),
    _fault("tuning-seed-text", "The seed of a fine-tuning job is a text.",
           Tells("createFineTuningJob retrieveFineTuningJob", each("seed", str))),
    _fault("moderation-flag-number", "A moderation is flagged with 0 or 1.",
           Tells("createModeration", each("results.*.flagged", int))),
    _fault("assistant-tools-object", "The tools of an assistant are an object.",
           Tells("createAssistant getAssistant", each("tools", lambda old: {str(n): x for n, x in enumerate(old)}))),
    _fault("thread-metadata-list", "The metadata of a thread are an array.",
           Tells("createThread getThread", each("metadata", lambda old: [*old.items()]))),
    _fault("vector-store-usage-text", "The size of a vector store is a text.",
           Tells("createVectorStore getVectorStore", each("usage_bytes", str))),
)  # fmt: skip
