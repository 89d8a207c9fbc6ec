"""Faults of constraints that are not enforced: what must be refused is taken.

The rule of this module: one constraint each; a request that breaks another one too is still refused.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from assay.reference.faults.edits import add, drop
from assay.reference.faults.fault import Fault, Sends, Unenforced
from assay.reference.faults.leniency import any_json, body_of_none, not_answering, numbers_read

__all__ = ["FAULTS"]

_fault = partial(Fault, group="constraint not enforced")
_CHAT, _RANGE = "createChatCompletion", "schema/minimum schema/maximum"
_HELLO = [{"role": "user", "content": "Hello"}]
_MINIMAL = {"model": "assay-chat", "messages": _HELLO}


def _chat(name: str, sentence: str, at: str, rules: str, to: Any = None) -> Fault:
    return _fault(name, sentence, Unenforced(_CHAT, at, rules, to))


FAULTS = (
    _fault("chat-anything", "Chat takes any object for a request.",
           Unenforced(_CHAT, "*", mend=lambda value, _asked: _MINIMAL if isinstance(value, dict) else value)),
    _chat("temperature-unbounded", "Chat takes any number as temperature.", "temperature", _RANGE),
    _chat("top-p-unbounded", "Chat takes any number as top_p.", "top_p", _RANGE),
    _chat("penalty-unbounded", "Chat takes any number as a penalty.", "presence_penalty frequency_penalty", _RANGE),
    _chat("n-zero", "Chat takes 0 and less as n.", "n", "schema/minimum"),
    _chat("n-unbounded", "Chat takes n above 128.", "n", "schema/maximum"),
    _chat("messages-empty", "Chat takes no messages at all.", "messages", "schema/minItems", _HELLO),
    _chat("message-role-unchecked", "Chat takes messages of any role.", "messages.*.role", "*", "user"),
    _chat("max-tokens-negative", "Chat takes a limit of tokens below 1.",
          "max_tokens max_completion_tokens", "schema/minimum"),
    _chat("logit-bias-unbounded", "Chat takes any number as a bias.", "logit_bias.*", _RANGE),
    _chat("top-logprobs-unbounded", "Chat takes more than 20 top_logprobs.", "top_logprobs", "schema/maximum"),
    _chat("stop-unbounded", "Chat takes more than four stop sequences.", "stop", "schema/maxItems"),
    _chat("tool-name-unchecked", "Chat takes functions of any name.", "tools.*.function.name", "schema/*", "tool"),
    _fault("tool-choice-undeclared", "Chat takes the choice of a tool that is not offered.",
           Unenforced(_CHAT, "tool_choice*", "chat/tool-choice-declared", mend=drop("tool_choice"))),
    _chat("response-format-unchecked", "Chat takes any response_format.", "response_format.*", "*", "text"),
    _chat("reasoning-effort-unchecked", "Chat takes any reasoning_effort.", "reasoning_effort", "schema/enum"),
    _chat("service-tier-unchecked", "Chat takes any service_tier.", "service_tier", "schema/enum"),
    _chat("chat-metadata-unbounded", "Chat takes metadata of any size.", "metadata metadata.*",
          "schema/max* schema/propertyNames"),
    _fault("chat-model-optional", "Chat takes a request without a model.",
           Unenforced(_CHAT, "", "schema/required", mend=lambda value, _asked: {**_MINIMAL, **value})),
    _fault("tool-result-orphaned", "Chat takes the result of a tool that nobody called.",
           Unenforced(_CHAT, "messages*", "chat/*", mend=not_answering)),
    _fault("numbers-as-text", "Chat takes numbers that are texts.",
           Unenforced(_CHAT, "*", "schema/type", mend=numbers_read)),
    _fault("completion-logprobs-unbounded", "Completions take more than 5 logprobs.",
           Unenforced("createCompletion", "logprobs", "schema/maximum")),
    _fault("completion-best-of-below-n", "Completions take a best_of below n.",
           Unenforced("createCompletion", "best_of", "completions/best-of")),
    _fault("completion-temperature-unbounded", "Completions take any number as temperature.",
           Unenforced("createCompletion", "temperature", _RANGE)),
    _fault("embedding-input-empty", "Embeddings take an empty input.",
           Unenforced("createEmbedding", "input*", "schema/minLength schema/minItems", "Hello")),
    _fault("embedding-dimensions-zero", "Embeddings take 0 dimensions.",
           Unenforced("createEmbedding", "dimensions", "schema/minimum")),
    _fault("embedding-encoding-unchecked", "Embeddings take any encoding_format.",
           Unenforced("createEmbedding", "encoding_format", "schema/enum")),
    _fault("responses-temperature-unbounded", "Responses take any number as temperature.",
           Unenforced("createResponse", "temperature", _RANGE)),
    _fault("responses-limit-unbounded", "Responses take a max_output_tokens below 16.",
           Unenforced("createResponse", "max_output_tokens", "schema/minimum")),
    _fault("responses-include-unchecked", "Responses take anything in include.",
           Unenforced("createResponse", "include.*", "schema/enum")),
    _fault("responses-truncation-unchecked", "Responses take any truncation.",
           Unenforced("createResponse", "truncation", "schema/enum")),
    _fault("image-n-unbounded", "Images take n above 10.", Unenforced("createImage", "n", "schema/maximum")),
    _fault("image-quality-unchecked", "Images take any quality.", Unenforced("createImage", "quality", "schema/enum")),
    _fault("speech-speed-unbounded", "Speech takes any speed.", Unenforced("createSpeech", "speed", _RANGE)),
    _fault("speech-input-unbounded", "Speech takes more than 4096 characters.",
           Unenforced("createSpeech", "input", "schema/maxLength", "Hello")),
    _fault("transcription-format-unchecked", "Transcriptions take any response_format.",
           Unenforced("createTranscription", "response_format", "schema/enum", "json")),
    _fault("moderation-input-missing", "Moderations take a request without input.",
           Unenforced("createModeration", "", "schema/required", mend=add("input", "Hello"))),
    _fault("file-purpose-unchecked", "Files take any purpose.",
           Unenforced("createFile", "purpose", "schema/enum", "assistants")),
    _fault("upload-bytes-negative", "Uploads take a negative size.",
           Unenforced("createUpload", "bytes", "schema/minimum", 1)),
    _fault("batch-window-unchecked", "Batches take any completion_window.",
           Unenforced("createBatch", "completion_window", "schema/enum", "24h")),
    _fault("tuning-suffix-unbounded", "Fine-tuning takes a suffix of any length.",
           Unenforced("createFineTuningJob", "suffix", "schema/maxLength", "assay")),
    _fault("tuning-seed-negative", "Fine-tuning takes a negative seed.",
           Unenforced("createFineTuningJob", "seed", "schema/minimum")),
    _fault("assistant-name-unbounded", "Assistants take a name of any length.",
           Unenforced("createAssistant", "name", "schema/maxLength")),
    _fault("assistant-tools-unchecked", "Assistants take tools of any type.",
           Unenforced("createAssistant", "tools.*", "*", "code_interpreter")),
    _fault("thread-role-unchecked", "Threads take messages of any role.",
           Unenforced("createThread", "messages.*.role", "schema/enum", "user")),
    _fault("vector-store-days-unbounded", "Vector stores take any number of days.",
           Unenforced("createVectorStore", "expires_after.days", _RANGE, 1)),
    _fault("conversation-items-unbounded", "Conversations take more than 20 items.",
           Unenforced("createConversation", "items", "schema/maxItems")),
    _fault("malformed-json", "What is no JSON is taken for a request to chat.", Sends(_CHAT, any_json(_MINIMAL))),
    _fault("body-optional", "Chat without a body is taken for a request.", Sends(_CHAT, body_of_none(_MINIMAL))),
)  # fmt: skip
