"""Chat completions: the choices in the shape of one response, or of a stream of chunks.

The rule of this module: both shapes are made from the same choices, so that a stream joined together is the
response.
"""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

import orjson

from assay.reference.choices import Choice, ToolCall, choices
from assay.reference.models import find
from assay.reference.replies import Call, Refusal, Reply, Stream
from assay.reference.stored import keep
from assay.reference.text import Source, count

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PER_FILE", "PER_MESSAGE", "TIERS", "create_chat_completion", "logprobs"]

_FINGERPRINT = "fp_assay"
TIERS = {None: "default", "auto": "default", "fast": "priority"}
PER_MESSAGE = 3  # tokens that a message costs beside its text
PER_FILE = 85  # tokens that an image, a sound or a file costs


def create_chat_completion(call: Call) -> Reply | Stream:
    """Answer ``POST /chat/completions``."""
    body = call.value
    find(body["model"], "chat", call.store)
    if "audio" in (body.get("modalities") or ()):
        text = "This model writes text only: 'modalities' may hold 'text'."
        raise Refusal(400, text, param="modalities", code="unsupported_value")
    said = choices(body, call.serial)
    head = {
        "id": f"chatcmpl-{Source('chat id', call.serial).name()}",
        "object": "chat.completion",
        "created": call.now,
        "model": body["model"],
        "service_tier": TIERS.get(body.get("service_tier"), body.get("service_tier")),
        "system_fingerprint": _FINGERPRINT,
    }
    shown = [_choice(body, choice) for choice in said]
    whole = {**head, "choices": shown, "usage": _usage(body, said)}
    if body.get("store"):
        whole["metadata"] = body.get("metadata") or {}
        keep(call, whole, body["messages"])
    if body.get("stream"):
        return Stream(_chunks(body, said, {**head, "object": "chat.completion.chunk"}))
    return Reply(whole)


def _choice(body: dict[str, Any], choice: Choice) -> dict[str, Any]:
    content = None if choice.pieces is None else "".join(choice.pieces)
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None, "annotations": []}
    calls = [_call(call, call.pieces) for call in choice.calls]
    if calls and choice.calls[0].kind == "legacy":
        message["function_call"] = calls[0]["function"]
    elif calls:
        message["tool_calls"] = calls
    logprobs = _logprobs(body, choice.index, choice.pieces, 0) if body.get("logprobs") else None
    return {"index": choice.index, "message": message, "logprobs": logprobs, "finish_reason": choice.finish}


def _call(call: ToolCall, pieces: tuple[str, ...]) -> dict[str, Any]:
    text = "".join(pieces)
    if call.kind == "custom":
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": text}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": text}}


def _chunks(body: dict[str, Any], said: list[Choice], head: dict[str, Any]) -> Iterator[dict[str, Any]]:
    with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    if with_usage:
        head = {**head, "usage": None}
    turns = zip_longest(*(_deltas(body, choice) for choice in said))
    for part in chain.from_iterable(turns):
        if part is not None:
            yield {**head, "choices": [part]}
    if with_usage:
        yield {**head, "choices": [], "usage": _usage(body, said)}


def _deltas(body: dict[str, Any], choice: Choice) -> Iterator[dict[str, Any]]:
    """Yield the parts of one choice: the role, each token, and the reason of the end."""

    def part(delta: dict[str, Any], *, logprobs: Any = None, finish: str | None = None) -> dict[str, Any]:
        return {"index": choice.index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}

    yield part({"role": "assistant", "content": None if choice.pieces is None else "", "refusal": None})
    for number, piece in enumerate(choice.pieces or ()):
        logprobs = _logprobs(body, choice.index, (piece,), number) if body.get("logprobs") else None
        yield part({"content": piece}, logprobs=logprobs)
    for number, call in enumerate(choice.calls):
        for delta in _call_deltas(number, call):
            yield part(delta)
    yield part({}, finish=choice.finish)


def _call_deltas(number: int, call: ToolCall) -> Iterator[dict[str, Any]]:
    if call.kind == "legacy":
        yield {"function_call": {"name": call.name, "arguments": ""}}
        yield from ({"function_call": {"arguments": piece}} for piece in call.pieces)
        return
    yield {"tool_calls": [{"index": number, **_call(call, ())}]}
    holder, field = ("custom", "input") if call.kind == "custom" else ("function", "arguments")
    yield from ({"tool_calls": [{"index": number, holder: {field: piece}}]} for piece in call.pieces)


def _logprobs(body: dict[str, Any], index: int, pieces: tuple[str, ...] | None, first: int) -> dict[str, Any]:
    if pieces is None:
        return {"content": None, "refusal": None}
    return {"content": logprobs(pieces, index, first, body.get("top_logprobs") or 0), "refusal": None}


def logprobs(pieces: tuple[str, ...], index: int, first: int, wide: int) -> list[dict[str, Any]]:
    """Return the log probabilities of tokens, with ``wide`` alternatives; ``first`` numbers the first token."""
    source_of = [Source("logprob", [index, first + number, piece]) for number, piece in enumerate(pieces)]
    content = []
    for piece, source in zip(pieces, source_of, strict=True):
        likely = -source.below(1000) / 1000
        shown = _logprob(piece, likely)
        others = [_logprob(f" {source.word()}", likely - number) for number in range(1, wide)]
        content.append({**shown, "top_logprobs": [shown, *others] if wide else []})
    return content


def _logprob(token: str, value: float) -> dict[str, Any]:
    return {"token": token, "logprob": round(value, 3), "bytes": list(token.encode())}


def _usage(body: dict[str, Any], said: list[Choice]) -> dict[str, Any]:
    prompt = PER_MESSAGE + sum(PER_MESSAGE + _size(message.get("content")) for message in body["messages"])
    offered = body.get("tools") or body.get("functions")
    if offered:
        prompt += count(orjson.dumps(offered).decode())
    spent = sum(choice.spent for choice in said)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": spent,
        "total_tokens": prompt + spent,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _size(content: Any) -> int:
    if isinstance(content, str):
        return count(content)
    return sum(count(part["text"]) if part["type"] == "text" else PER_FILE for part in content or ())
