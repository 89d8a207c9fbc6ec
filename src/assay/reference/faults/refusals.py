"""Faults of valid input that is refused.

The rule of this module: what is refused is common in real traffic, and the refusal names no missing feature.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING, Any

from assay.reference.faults.fault import Answer, Asked, Fault, Instead, in_json

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FAULTS"]

_fault = partial(Fault, group="valid input refused")
_CHAT = "createChatCompletion"


def _error(message: str, param: str) -> Answer:
    return in_json(400, {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": None}})


def refusing(param: str, message: str, test: Callable[[Any], bool]) -> Callable[[Asked], Answer | None]:
    """Refuse valid requests whose JSON value is an object that passes a test."""

    def make(asked: Asked) -> Answer | None:
        value = asked.value
        refused = isinstance(value, dict) and asked.judge.check_request(asked.request).ok and test(value)
        return _error(message, param) if refused else None

    return make


def _messages(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: any(test(message) for message in value["messages"])


def _given(name: str) -> Callable[[Any], bool]:
    return lambda value: value.get(name) is not None


def _roles(value: Any) -> list[str]:
    return [message["role"] for message in value["messages"]]


def _unturned(value: Any) -> bool:
    """Whether two messages of one role follow each other."""
    roles = _roles(value)
    return any(one == other for one, other in itertools.pairwise(roles))


def _chat(
    name: str, sentence: str, param: str, message: str, test: Callable[[Any], bool], source: int | None = None
) -> Fault:
    return _fault(name, sentence, Instead(_CHAT, refusing(param, message, test)), source)


FAULTS = (
    _chat("content-parts-refused", "Chat refuses content in parts.", "messages", "content must be a string",
          _messages(lambda message: isinstance(message.get("content"), list)), 34),
    _chat("developer-role-refused", "Chat refuses the role developer.",
          "messages", "roles: system, user, assistant, tool",
          _messages(lambda message: message["role"] == "developer"), 35),
    _chat("system-role-refused", "Chat refuses the role system.", "messages", "Conversation must start with user",
          _messages(lambda message: message["role"] == "system")),
    _chat("history-refused", "Chat refuses earlier answers.", "messages", "the last role must be user, the only one",
          _messages(lambda message: message["role"] == "assistant")),
    _chat("turns-must-alternate", "Chat refuses two messages of one role in a row.", "messages",
          "Conversation roles must alternate user/assistant", _unturned),
    _chat("tool-result-refused", "Chat refuses the results of tools.", "messages", "bad role: tool",
          _messages(lambda message: message["role"] == "tool")),
    _chat("content-empty-refused", "Chat refuses an empty content.", "messages", "content must be given",
          _messages(lambda message: message.get("content") == "")),
    _chat("name-refused", "Chat refuses the names of participants.", "messages", "extra fields: name",
          _messages(lambda message: "name" in message)),
    _chat("zero-temperature-refused", "Chat refuses the temperature 0.", "temperature",
          "`temperature` must be strictly positive", lambda value: value.get("temperature") == 0),
    _chat("warm-temperature-refused", "Chat refuses a temperature above 1.", "temperature",
          "`temperature` must be between 0 and 1", lambda value: (value.get("temperature") or 0) > 1),
    _chat("max-completion-tokens-refused", "Chat refuses max_completion_tokens.", "max_completion_tokens",
          "Extra inputs: max_completion_tokens", _given("max_completion_tokens"), 37),
    _chat("stop-list-refused", "Chat refuses an array of stop sequences.", "stop", "stop: expected a string",
          lambda value: isinstance(value.get("stop"), list)),
    _chat("stop-text-refused", "Chat refuses one stop sequence that is no array.", "stop", "stop: expected a list",
          lambda value: isinstance(value.get("stop"), str)),
    _chat("nulls-refused", "Chat refuses options that are null.", "temperature", "none is an invalid value",
          lambda value: None in value.values()),
    _chat("stream-options-refused", "Chat refuses stream_options.", "stream_options", "Extra inputs: stream_options",
          _given("stream_options")),
    _chat("tool-required-refused", "Chat refuses the tool_choice required.", "tool_choice", "tool_choice: auto or none",
          lambda value: value.get("tool_choice") == "required"),
    _chat("json-schema-refused", "Chat refuses the response_format json_schema.", "response_format",
          "response_format.type: text or json_object",
          lambda value: (value.get("response_format") or {}).get("type") == "json_schema"),
    _chat("logprobs-refused", "Chat refuses logprobs.", "logprobs", "Extra inputs: logprobs", _given("logprobs")),
    _chat("seed-refused", "Chat refuses a seed.", "seed", "Extra inputs: seed", _given("seed")),
    _chat("n-refused", "Chat refuses n above 1.", "n", "n must be 1", lambda value: (value.get("n") or 1) > 1),
    _fault("completion-prompts-refused", "Completions refuse an array of prompts.",
           Instead("createCompletion", refusing("prompt", "prompt: expected a string",
                                                lambda value: isinstance(value["prompt"], list)))),
    _fault("embedding-inputs-refused", "Embeddings refuse an array of inputs.",
           Instead("createEmbedding", refusing("input", "input: expected a string",
                                               lambda value: isinstance(value["input"], list)))),
    _fault("embedding-encoding-refused", "Embeddings refuse base64.",
           Instead("createEmbedding", refusing("encoding_format", "encoding_format: float",
                                               lambda value: value.get("encoding_format") == "base64"))),
    _fault("responses-items-refused", "Responses refuse an array of items.",
           Instead("createResponse", refusing("input", "input: expected a string",
                                              lambda value: isinstance(value.get("input"), list)))),
    _fault("responses-nulls-refused", "Responses refuse options that are null.",
           Instead("createResponse", refusing("temperature", "none is an invalid value",
                                              lambda value: None in value.values()))),
    _fault("moderation-inputs-refused", "Moderations refuse an array of inputs.",
           Instead("createModeration", refusing("input", "input: expected a string",
                                                lambda value: isinstance(value["input"], list)))),
    _fault("speech-format-refused", "Speech refuses every response_format but mp3.",
           Instead("createSpeech", refusing("response_format", "response_format: mp3",
                                            lambda value: value.get("response_format", "mp3") != "mp3"))),
    _fault("image-size-refused", "Images refuse a size.",
           Instead("createImage", refusing("size", "Extra inputs: size", _given("size")))),
    _fault("thread-empty-refused", "Threads refuse to be made without messages.",
           Instead("createThread", refusing("messages", "messages: field required",
                                            lambda value: not value.get("messages")))),
    _fault("vector-store-empty-refused", "Vector stores refuse to be made without a name.",
           Instead("createVectorStore", refusing("name", "name: field required", lambda value: not value.get("name")))),
    _fault("assistant-metadata-refused", "Assistants refuse metadata.",
           Instead("createAssistant", refusing("metadata", "Extra inputs: metadata", _given("metadata")))),
    _fault("conversation-items-refused", "Conversations refuse to be made with items.",
           Instead("createConversation", refusing("items", "Extra inputs: items", _given("items")))),
)  # fmt: skip
