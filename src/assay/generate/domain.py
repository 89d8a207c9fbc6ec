"""Domain strategies: what no schema says of a request, for the operations of the OpenAI API.

The rule of this module: a domain owns some properties of a request body and makes them together, so that they agree
with each other; it uses only properties that the description declares; the schema's check still has the last word.
Features are chosen before anything else, each at the set rate: choices that come late are the first to be cut off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.generate.conversation import answer_format, conversation, flat, tool_set, turns
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

_STREAM = "stream"
_RARE = 0.03
# What a feature needs that is no property of its own name.
_NEEDS = {"vision": frozenset({"messages", "input"})}
_VOICES = ("alloy", "echo", "fable", "onyx", "nova", "shimmer")


class Draft:
    """A request body being made: the properties so far, what the description declares, and the features to use."""

    __slots__ = ("body", "declared", "features", "source")

    def __init__(
        self, source: Source, body: dict[str, Any], declared: frozenset[str], features: tuple[str, ...]
    ) -> None:
        self.source = source
        self.body = body
        self.declared = declared
        self.features = list(features)

    def wants(self, name: str) -> bool:
        """Whether a feature was chosen."""
        return name in self.features

    def put(self, name: str, value: Any) -> None:
        """Set a property, where the description declares it."""
        if name in self.declared:
            self.body[name] = value


@dataclass(frozen=True, slots=True)
class Domain:
    """``owned`` properties are made by ``finish``; those in ``rare`` come from the schema, but seldom.

    ``features`` are used at the set rate, each where the property that it needs is declared; ``stream`` is a feature
    of every operation that has it. ``audio`` says that the files of a form are recordings.
    """

    owned: tuple[str, ...]
    finish: Callable[[Draft], None]
    rare: tuple[str, ...] = ()
    audio: bool = False
    features: tuple[str, ...] = ()

    def withheld(self, declared: frozenset[str]) -> Mapping[str, None]:
        """What the schema must not make."""
        return {name: None for name in (_STREAM, *self.owned) if name in declared}

    def chosen(self, source: Source, declared: frozenset[str]) -> tuple[str, ...]:
        """Choose the features of one request."""
        able = [name for name in (_STREAM, *self.features) if _NEEDS.get(name, frozenset((name,))) & declared]
        return tuple(name for name in able if source.chance(source.dials.feature))

    def complete(self, draft: Draft) -> None:
        """Make what the domain owns."""
        if _STREAM in draft.features:
            draft.body[_STREAM] = True
        elif _STREAM in draft.declared and draft.source.chance(_RARE):
            draft.body[_STREAM] = False
        self.finish(draft)

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


def _stop(draft: Draft) -> None:
    if draft.wants("stop"):
        draft.put("stop", draft.source.pick(("\n", [".", "\n"], ["stop"], ["one", "two", "three", "four"])))


def _usage(draft: Draft) -> None:
    if draft.wants(_STREAM) and "stream_options" in draft.declared and draft.source.chance(0.5):
        draft.put("stream_options", {"include_usage": draft.source.pick((True, False))})
        draft.features.append("stream_options")


def _chat(draft: Draft) -> None:
    source = draft.source
    _model_and_limits(draft)
    _usage(draft)
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
            allowed = {"mode": "auto", "tools": [named]}
            some = {"type": "allowed_tools", "allowed_tools": allowed}
            draft.put("tool_choice", source.pick(("auto", "none", "required", named, some)))
        if "parallel_tool_calls" in draft.declared and source.chance(0.3):
            draft.put("parallel_tool_calls", source.pick((False, True)))
    wanted = answer_format(source) if draft.wants("response_format") else None
    if wanted is not None:
        draft.put("response_format", wanted)
    vision = draft.wants("vision")
    draft.put("messages", conversation(source, tools, vision=vision, says_json=wanted is not None))


def _completion(draft: Draft) -> None:
    _model_and_limits(draft)
    _usage(draft)
    _stop(draft)
    draft.put("prompt", draft.source.pick((*PHRASES[:6], ["one", "two"])))
    if draft.wants("n"):
        draft.put("n", 2)
    if draft.wants("logprobs"):
        draft.put("logprobs", 1 + draft.source.below(5))


def _embedding(draft: Draft) -> None:
    source = draft.source
    _model_and_limits(draft)
    texts = [source.pick(PHRASES) for _ in range(1 + source.below(3))]
    draft.put("input", source.pick((texts[0], texts, [7, 42, 100], [[1, 2], [3]])))
    if draft.wants("encoding_format"):
        draft.put("encoding_format", source.pick(("float", "base64")))


def _image(draft: Draft) -> None:
    source = draft.source
    _model_and_limits(draft)
    draft.put("prompt", source.pick(PHRASES))
    if draft.wants("n"):
        draft.put("n", 1 + source.below(2))
    if draft.wants(_STREAM) and source.chance(0.5):
        draft.put("partial_images", source.below(4))


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
    source = draft.source
    _model_and_limits(draft)
    tools = tool_set(source) if draft.wants("tools") else []
    if tools:
        draft.put("tools", [flat(tool) for tool in tools])
        if source.chance(0.5):
            named = {"type": "function", "name": source.pick(tools)["function"]["name"]}
            draft.put("tool_choice", source.pick(("auto", "none", "required", named)))
    draft.put("input", turns(source, tools, vision=draft.wants("vision")))
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
_TEXT = ("stream_options", "stop", "n", "logprobs", *_GENERIC.owned)

DOMAINS: dict[str, Domain] = {
    "createChatCompletion": Domain(
        (
            "messages", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "top_logprobs",
            "response_format", *_TEXT,
        ),
        _chat,
        features=("tools", "n", "logprobs", "response_format", "stop", "vision"),
        rare=("audio", "modalities", "prediction", "web_search_options", "logit_bias", "moderation", "store"),
    ),
    "createCompletion": Domain(
        ("prompt", "best_of", "logit_bias", *_TEXT), _completion, features=("n", "logprobs", "stop")
    ),
    "createEmbedding": Domain(
        ("input", "encoding_format", *_GENERIC.owned), _embedding, rare=("dimensions",), features=("encoding_format",)
    ),
    "createImage": Domain(("prompt", "n", "partial_images", *_GENERIC.owned), _image, features=("n",)),
    "createImageEdit": Domain(
        ("prompt", "n", "images", "partial_images", *_GENERIC.owned),
        _image_edit,
        rare=("mask", "output_format", "response_format"),
        features=("n",),
    ),
    "createSpeech": Domain(("voice", *_GENERIC.owned), _speech),
    "createTranscription": Domain(
        ("known_speaker_names", "known_speaker_references", *_GENERIC.owned), _heard, audio=True
    ),
    "createTranslation": Domain(_GENERIC.owned, _model_and_limits, audio=True),
    "createResponse": Domain(
        ("input", "stream_options", "previous_response_id", "conversation", *_GENERIC.owned),
        _response,
        features=("tools", "vision"),
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
