"""Domain strategies: what no schema says of a request, for the operations of the OpenAI API.

The rule of this module: a domain owns some properties of a request body and makes them together, so that they agree
with each other; it uses only properties that the description declares; the schema's check still has the last word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.generate.conversation import answer_format, conversation, tool_set
from assay.generate.media_values import data_url, png
from assay.generate.response_parts import completed
from assay.generate.text import PHRASES
from assay.generate.tuning import file_ids, sound_graders, upload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.generate.source import Source

__all__ = ["DOMAINS", "TOKEN_LIMITS", "Domain", "Draft", "domain_of"]

TOKEN_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_tokens_to_sample")
"""Fields that limit how many tokens a model writes; always small, so that slow servers stay usable."""

_RARE = 0.03
_VOICES = ("alloy", "echo", "fable", "onyx", "nova", "shimmer")


class Draft:
    """A request body being made: the properties so far, what the description declares, and the features in use."""

    __slots__ = ("body", "declared", "features", "source")

    def __init__(self, source: Source, body: dict[str, Any], declared: frozenset[str]) -> None:
        self.source = source
        self.body = body
        self.declared = declared
        self.features: list[str] = []

    def wants(self, name: str) -> bool:
        """Whether to use a feature: declared, and chosen at the set rate; a feature in use is noted."""
        if name not in self.declared or not self.source.chance(self.source.dials.feature):
            return False
        self.features.append(name)
        return True

    def put(self, name: str, value: Any) -> None:
        """Set a property, where the description declares it."""
        if name in self.declared:
            self.body[name] = value


@dataclass(frozen=True, slots=True)
class Domain:
    """``owned`` properties are made by ``finish``; those in ``rare`` come from the schema, but seldom.

    ``audio`` says that the files of a form are recordings.
    """

    owned: tuple[str, ...]
    finish: Callable[[Draft], None]
    rare: tuple[str, ...] = ()
    audio: bool = False

    @property
    def withheld(self) -> Mapping[str, None]:
        """What the schema must not make."""
        return dict.fromkeys(self.owned)

    @property
    def rates(self) -> Mapping[str, float]:
        """The rates of the rare properties."""
        return dict.fromkeys(self.rare, _RARE)


def _model_and_limits(draft: Draft) -> None:
    draft.put("model", draft.source.pick(draft.source.dials.models))
    limits = [name for name in TOKEN_LIMITS if name in draft.declared]
    if limits:
        name = draft.source.pick(limits)
        most = draft.source.dials.tokens
        draft.body[name] = most if name == "max_output_tokens" else most - draft.source.below(most)


def _stream(draft: Draft) -> None:
    if draft.wants("stream"):
        draft.body["stream"] = True
        if "stream_options" in draft.declared and draft.source.chance(0.5):
            draft.put("stream_options", {"include_usage": draft.source.pick((True, False))})
            draft.features.append("stream_options")


def _stop(draft: Draft) -> None:
    if draft.wants("stop"):
        draft.put("stop", draft.source.pick(("\n", [".", "\n"], ["stop"], ["one", "two", "three", "four"])))


def _chat(draft: Draft) -> None:
    source = draft.source
    _model_and_limits(draft)
    _stream(draft)
    _stop(draft)
    if draft.wants("n"):
        draft.put("n", 2 + source.below(2))
    if draft.wants("logprobs"):
        draft.body["logprobs"] = True
        if source.chance(0.5):
            draft.put("top_logprobs", source.below(6))
    tools = tool_set(source) if draft.wants("tools") else []
    if tools:
        draft.put("tools", tools)
        names = [tool["function"]["name"] for tool in tools]
        if "tool_choice" in draft.declared and source.chance(0.5):
            named = {"type": "function", "function": {"name": source.pick(names)}}
            draft.put("tool_choice", source.pick(("auto", "none", "required", named)))
        if "parallel_tool_calls" in draft.declared and source.chance(0.3):
            draft.put("parallel_tool_calls", source.pick((False, True)))
    wanted = answer_format(source) if draft.wants("response_format") else None
    if wanted is not None:
        draft.put("response_format", wanted)
    vision = source.chance(source.dials.feature)
    if vision:
        draft.features.append("vision")
    draft.put("messages", conversation(source, tools, vision=vision, says_json=wanted is not None))


def _completion(draft: Draft) -> None:
    _model_and_limits(draft)
    _stream(draft)
    _stop(draft)
    draft.put("prompt", draft.source.pick((*PHRASES[:6], ["one", "two"])))
    if draft.wants("n"):
        draft.put("n", 2)


def _embedding(draft: Draft) -> None:
    source = draft.source
    _model_and_limits(draft)
    texts = [source.pick(PHRASES) for _ in range(1 + source.below(3))]
    draft.put("input", source.pick((texts[0], texts, [7, 42, 100], [[1, 2], [3]])))
    if draft.wants("encoding_format"):
        draft.put("encoding_format", source.pick(("float", "base64")))


def _image(draft: Draft) -> None:
    _model_and_limits(draft)
    draft.put("prompt", draft.source.pick(PHRASES))
    if draft.wants("n"):
        draft.put("n", 1 + draft.source.below(2))


def _image_edit(draft: Draft) -> None:
    _image(draft)
    # By reference, where the body is JSON; the files of a form are made with the form.
    draft.put("images", [{"image_url": data_url(png())}])


def _speech(draft: Draft) -> None:
    _model_and_limits(draft)
    # A voice by id must exist at the target; those with names everybody has.
    draft.put("voice", draft.source.pick(_VOICES))


def _heard(draft: Draft) -> None:
    _model_and_limits(draft)
    if draft.source.chance(_RARE) and "known_speaker_names" in draft.declared:
        draft.put("known_speaker_names", ["Ann", "Bo"])
        draft.put("known_speaker_references", ["data:audio/wav;base64,UklGRg==", "data:audio/wav;base64,UklGRg=="])


def _response(draft: Draft) -> None:
    _model_and_limits(draft)
    draft.put("input", draft.source.pick((*PHRASES[:8], [{"role": "user", "content": "hello"}])))
    if draft.wants("stream"):
        draft.body["stream"] = True
    draft.body.update(completed(draft.body))


def _chunked(draft: Draft) -> None:
    """Parts of files share half of their tokens at most, wherever in a body they are described.

    The token budgets of runs are large by contract, and are left alone.
    """
    draft.put("model", draft.source.pick(draft.source.dials.models))
    waiting: list[Any] = [draft.body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            size, shared = value.get("max_chunk_size_tokens"), value.get("chunk_overlap_tokens")
            if isinstance(size, int) and isinstance(shared, int):
                value["chunk_overlap_tokens"] = min(shared, size // 2)


def _fine_tuning(draft: Draft) -> None:
    _model_and_limits(draft)
    file_ids(draft.source, draft.body)
    sound_graders(draft.body)


def _grader(draft: Draft) -> None:
    sound_graders(draft.body)


def _upload(draft: Draft) -> None:
    upload(draft.source, draft.body)


def _batch(draft: Draft) -> None:
    endpoints = ("/v1/chat/completions", "/v1/embeddings", "/v1/completions", "/v1/moderations", "/v1/responses")
    draft.put("endpoint", draft.source.pick(endpoints))
    draft.put("input_file_id", "file-abc123")


_GENERIC = Domain(("model", *TOKEN_LIMITS), _model_and_limits)
_TEXT = ("stream", "stream_options", "stop", "n", *_GENERIC.owned)

DOMAINS: dict[str, Domain] = {
    "createChatCompletion": Domain(
        (
            "messages", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "logprobs",
            "top_logprobs", "response_format", *_TEXT,
        ),
        _chat,
        rare=("audio", "modalities", "prediction", "web_search_options", "logit_bias", "moderation", "store"),
    ),
    "createCompletion": Domain(("prompt", "best_of", "logit_bias", *_TEXT), _completion),
    "createEmbedding": Domain(("input", "encoding_format", *_GENERIC.owned), _embedding, rare=("dimensions",)),
    "createImage": Domain(("prompt", "n", *_GENERIC.owned), _image, rare=("stream", "partial_images")),
    "createImageEdit": Domain(
        ("prompt", "n", "images", *_GENERIC.owned),
        _image_edit,
        rare=("mask", "stream", "partial_images", "output_format", "response_format"),
    ),
    "createSpeech": Domain(("voice", *_GENERIC.owned), _speech),
    "createTranscription": Domain(
        ("known_speaker_names", "known_speaker_references", *_GENERIC.owned), _heard, audio=True
    ),
    "createTranslation": Domain(_GENERIC.owned, _model_and_limits, audio=True),
    "createResponse": Domain(
        ("input", "stream", "stream_options", "previous_response_id", "conversation", *_GENERIC.owned),
        _response,
        rare=("tools", "tool_choice", "prompt", "background", "moderation", "include"),
    ),
    **dict.fromkeys(
        (
            "createAssistant", "createThread", "createRun", "createThreadAndRun", "createVectorStore",
            "createVectorStoreFile", "createVectorStoreFileBatch",
        ),
        Domain(("model",), _chunked),
    ),
    "createFineTuningJob": Domain(("training_file", "validation_file", *_GENERIC.owned), _fine_tuning),
    "createFineTune": Domain(("training_file", "validation_file", *_GENERIC.owned), _fine_tuning),
    "runGrader": Domain((), _grader),
    "validateGrader": Domain((), _grader),
    "createUpload": Domain(("mime_type", "bytes"), _upload),
    "createBatch": Domain(("endpoint", "input_file_id"), _batch),
}  # fmt: skip
"""Domain strategies by operation id; a later one extends this table."""


def domain_of(operation: str) -> Domain:
    """The domain strategy of an operation; every other operation gets the target's models and small token limits."""
    return DOMAINS.get(operation, _GENERIC)
