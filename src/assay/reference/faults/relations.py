"""Faults of relations: what the request asks for and the response says do not fit, or two parts of the response.

The rule of this module: each message alone keeps its schema.
"""

from __future__ import annotations

import base64
import struct
from functools import partial
from typing import Any

from assay.reference.faults.edits import all_of, drop, each, put, where
from assay.reference.faults.fault import Asks, Fault, Tells

__all__ = ["FAULTS"]

_fault = partial(Fault, group="relations")
_CHAT = "createChatCompletion"


def _more(value: Any) -> Any:
    return value + 1


def _numbers(value: Any) -> Any:
    """The numbers of an embedding in base64."""
    if not isinstance(value, str):
        return value
    data = base64.b64decode(value)
    return [*struct.unpack(f"<{len(data) // 4}f", data)]


FAULTS = (
    _fault("chat-usage-total-wrong", "The total of the usage of chat is one more than its parts.",
           Tells(_CHAT, each("usage.total_tokens", _more))),
    _fault("chat-n-ignored", "Chat ignores n.", Asks(_CHAT, drop("n")), 36),
    _fault("max-completion-tokens-ignored", "Chat ignores max_completion_tokens.",
           Asks(_CHAT, drop("max_completion_tokens")), 37),
    _fault("max-tokens-ignored", "Chat ignores max_tokens.", Asks(_CHAT, drop("max_tokens"))),
    _fault("stop-ignored", "Chat ignores stop.", Asks(_CHAT, drop("stop"))),
    _fault("logprobs-ignored", "Chat ignores logprobs.",
           Asks(_CHAT, all_of(drop("logprobs"), drop("top_logprobs"))), 38),
    _fault("logprobs-unasked", "Chat tells log probabilities that nobody asked for.",
           Asks(_CHAT, lambda value, _asked: {"logprobs": True, **value}), hazard=True),
    _fault("top-logprobs-ignored", "Chat tells no alternatives.", Asks(_CHAT, drop("top_logprobs"))),
    _fault("json-object-ignored", "Chat ignores the response_format json_object.",
           Asks(_CHAT, where(lambda asked: _format(asked) == "json_object", drop("response_format")))),
    _fault("json-schema-ignored", "Chat ignores the response_format json_schema.",
           Asks(_CHAT, where(lambda asked: _format(asked) == "json_schema", drop("response_format")))),
    _fault("tools-ignored", "Chat ignores tools, even where one is required.",
           Asks(_CHAT, all_of(drop("tools"), drop("tool_choice"), drop("parallel_tool_calls")))),
    _fault("limit-as-stop", "A chat completion that was cut off finishes with stop.",
           Tells(_CHAT, each("choices.*.finish_reason", lambda old: "stop" if old == "length" else old)),
           16, hazard=True),
    _fault("limit-as-tool-calls", "A tool call that was cut off finishes with tool_calls.",
           Tells(_CHAT, each("choices.*", lambda old: {**old, "finish_reason": "tool_calls"}
                             if old["message"].get("tool_calls") else old)), 17, hazard=True),
    _fault("tool-calls-as-stop", "A tool call finishes with stop.",
           Tells(_CHAT, each("choices.*.finish_reason", lambda old: "stop" if old == "tool_calls" else old)), 14),
    _fault("tool-call-id-empty", "The id of a tool call is empty.",
           Tells(_CHAT, put("choices.*.message.tool_calls.*.id", "")), 5),
    _fault("tool-call-ids-equal", "Tool calls have one id.",
           Tells(_CHAT, put("choices.*.message.tool_calls.*.id", "call_0"))),
    _fault("tool-name-foreign", "A tool is called that nobody offered.",
           Tells(_CHAT, put("choices.*.message.tool_calls.*.function.name", "functions")), hazard=True),
    _fault("chat-id-empty", "The id of a chat completion is empty.", Tells(_CHAT, put("id", "")), 22),
    _fault("chat-ids-equal", "All chat completions have one id.", Tells(_CHAT, put("id", "chatcmpl-0"))),
    _fault("choices-index-equal", "All choices have the index 0.", Tells(_CHAT, put("choices.*.index", 0))),
    _fault("chat-created-milliseconds", "The time of creation of a chat completion is in milliseconds.",
           Tells(_CHAT, each("created", lambda old: old * 1000))),
    _fault("chat-tokens-beyond-limit", "The usage of chat is above the limit of tokens.",
           Tells(_CHAT, where(lambda asked: asked.get("max_tokens"),
                              all_of(each("usage.completion_tokens", lambda old: old + 9),
                                     each("usage.total_tokens", lambda old: old + 9))))),
    _fault("models-duplicated", "The list of models has each model twice.",
           Tells("listModels", each("data", lambda old: old + old))),
    _fault("model-other", "Another model is returned than the one asked for.",
           Tells("retrieveModel", put("id", "gpt-0"))),
    _fault("completion-prompts-ignored", "Completions answer the first prompt only.",
           Asks("createCompletion", each("prompt", lambda old: old[:1] if isinstance(old, list) else old))),
    _fault("completion-echo-ignored", "Completions ignore echo.", Asks("createCompletion", drop("echo"))),
    _fault("completion-usage-wrong", "The total of the usage of completions is one more than its parts.",
           Tells("createCompletion", each("usage.total_tokens", _more))),
    _fault("completion-stop-ignored", "Completions ignore stop.", Asks("createCompletion", drop("stop"))),
    _fault("completion-limit-ignored", "Completions ignore max_tokens.",
           Asks("createCompletion", put("max_tokens", 64))),
    _fault("completion-logprobs-ignored", "Completions ignore logprobs.", Asks("createCompletion", drop("logprobs"))),
    _fault("embedding-base64-ignored", "Embeddings come as numbers although base64 was asked for.",
           Tells("createEmbedding", each("data.*.embedding", _numbers)), 40),
    _fault("embedding-dimensions-ignored", "Embeddings ignore dimensions.",
           Asks("createEmbedding", drop("dimensions"))),
    _fault("embedding-inputs-ignored", "Only the first input is embedded.",
           Asks("createEmbedding", each("input", lambda old: old[:1] if isinstance(old, list) else old))),
    _fault("embedding-index-equal", "All embeddings have the index 0.",
           Tells("createEmbedding", put("data.*.index", 0))),
    _fault("embedding-usage-wrong", "The total of the usage of embeddings is less than its part.",
           Tells("createEmbedding", each("usage.total_tokens", lambda old: old - 1))),
    _fault("embedding-zero", "Embeddings are all zero.",
           Tells("createEmbedding",
                 each("data.*.embedding", lambda old: [0.0] * len(old) if isinstance(old, list) else old))),
    _fault("responses-usage-wrong", "The total of the usage of a response is one more than its parts.",
           Tells("createResponse", each("usage.total_tokens", _more))),
    _fault("responses-id-empty", "The id of a response is empty.", Tells("createResponse", put("id", ""))),
    _fault("responses-call-id-empty", "The call_id of a function call is empty.",
           Tells("createResponse", put("output.*.call_id", ""))),
    _fault("responses-limit-ignored", "Responses ignore max_output_tokens.",
           Asks("createResponse", put("max_output_tokens", 4096))),
    _fault("responses-cut-completed", "A response that was cut off is completed.",
           Tells("createResponse", where(lambda asked: asked.get("max_output_tokens"),
                                         all_of(each("status", lambda _old: "completed"),
                                                put("incomplete_details", None))))),
    _fault("responses-temperature-changed", "A response tells another temperature than it was asked for.",
           Tells("createResponse", put("temperature", 0.7)), hazard=True),
    _fault("responses-instructions-lost", "A response does not tell its instructions.",
           Tells("createResponse", put("instructions", None)), hazard=True),
    _fault("responses-format-ignored", "Responses ignore text.format.", Asks("createResponse", drop("text.format"))),
    _fault("image-n-ignored", "Images ignore n.", Asks("createImage", drop("n"))),
    _fault("image-size-ignored", "Images have another size than they say.",
           Asks("createImage", put("size", "1024x1024"))),
    _fault("image-created-milliseconds", "The time of creation of images is in milliseconds.",
           Tells("createImage", each("created", lambda old: old * 1000))),
    _fault("transcription-usage-wrong", "The total of the usage of a transcription is one more than its parts.",
           Tells("createTranscription", each("usage.total_tokens", _more))),
    _fault("moderation-inputs-ignored", "Only the first input is judged.",
           Asks("createModeration", each("input", lambda old: old[:1] if isinstance(old, list) else old))),
    _fault("moderation-flag-wrong", "A moderation is flagged although no category is.",
           Tells("createModeration", put("results.*.flagged", new=True))),
    _fault("file-bytes-wrong", "The size of a file is one more than was sent.",
           Tells("createFile", each("bytes", _more))),
    _fault("file-purpose-changed", "A file has another purpose than it was sent for.",
           Tells("createFile", put("purpose", "user_data"))),
    _fault("upload-bytes-changed", "An upload has another size than was announced.",
           Tells("createUpload", each("bytes", _more))),
    _fault("batch-endpoint-changed", "A batch has another endpoint than it was made for.",
           Tells("createBatch", put("endpoint", "/v1/completions"))),
    _fault("batch-counts-wrong", "A batch has done more lines than it has.",
           Tells("createBatch retrieveBatch", each("request_counts.completed", lambda old: old + 1000))),
    _fault("tuning-file-changed", "A fine-tuning job has another training file than it was made with.",
           Tells("createFineTuningJob", put("training_file", "file-0"))),
    _fault("assistant-name-lost", "An assistant does not tell its name.", Tells("createAssistant", put("name", None))),
    _fault("assistant-name-changed", "An assistant tells another name than it was made with.",
           Tells("createAssistant", each("name", lambda old: old and old.upper()))),
    _fault("thread-metadata-lost", "A thread does not tell its metadata.", Tells("createThread", put("metadata", {}))),
    _fault("run-thread-other", "A run belongs to another thread than its own.",
           Tells("createRun", put("thread_id", "thread_0"))),
    _fault("vector-store-counts-wrong", "The files of a vector store are one more than those that it counts.",
           Tells("createVectorStore getVectorStore", each("file_counts.total", _more))),
)  # fmt: skip


def _format(asked: Any) -> Any:
    return (asked.get("response_format") or {}).get("type")
