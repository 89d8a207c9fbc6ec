"""Completions: the older, plain text endpoint, whole or as a stream.

The rule of this module: choice ``p * n + i`` is the i-th continuation of prompt p, and the stream joined
together is the response.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any

from assay.reference.choices import cut
from assay.reference.models import find
from assay.reference.replies import Call, Refusal, Reply, Stream
from assay.reference.text import Source, count, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["create_completion"]

_DEFAULT_LIMIT = 16


@dataclass(frozen=True, slots=True)
class _Choice:
    """One continuation: ``echoed`` are the prompt's tokens, where they are to be repeated."""

    index: int
    echoed: tuple[str, ...]
    pieces: tuple[str, ...]
    finish: str


def create_completion(call: Call) -> Reply | Stream:
    """Answer ``POST /completions``."""
    body = call.value
    find(body["model"], "completion", call.store)
    wanted, best_of = body.get("n") or 1, body.get("best_of")
    if best_of is not None and best_of < wanted:
        raise Refusal(400, "'best_of' must be at least 'n'.", param="best_of", code="invalid_value")
    prompts = _prompts(body["prompt"])
    said = [_continue(body, prompt, number, wanted) for prompt in enumerate(prompts) for number in range(wanted)]
    head = {
        "id": f"cmpl-{Source('completion id', call.serial).name()}",
        "object": "text_completion",
        "created": call.now,
        "model": body["model"],
        "system_fingerprint": "fp_assay",
    }
    if body.get("stream"):
        return Stream(_chunks(body, prompts, said, head))
    shown = [_shown(body, choice, choice.echoed + choice.pieces, 0, choice.finish) for choice in said]
    return Reply({**head, "choices": shown, "usage": _usage(body, prompts, said)})


def _prompts(value: Any) -> list[Any]:
    if not value:
        return [""]
    single = isinstance(value, str) or isinstance(value[0], int)
    return [value] if single else value


def _continue(body: dict[str, Any], prompt: tuple[int, Any], number: int, wanted: int) -> _Choice:
    place, text = prompt
    source = Source("completion", [body["model"], text, body.get("suffix"), body.get("seed"), number])
    limit = body.get("max_tokens")
    stop = body.get("stop") or ()
    stops = [stop] if isinstance(stop, str) else stop
    pieces, finish = cut(f" {source.sentence()}", stops, _DEFAULT_LIMIT if limit is None else limit)
    echoed = tuple(tokens(text)) if body.get("echo") and isinstance(text, str) else ()
    return _Choice(place * wanted + number, echoed, pieces, finish)


def _shown(
    body: dict[str, Any], choice: _Choice, pieces: tuple[str, ...], offset: int, finish: str | None
) -> dict[str, Any]:
    wide = body.get("logprobs")
    logprobs = None if wide is None else _logprobs(choice.index, pieces, offset, wide)
    return {"text": "".join(pieces), "index": choice.index, "logprobs": logprobs, "finish_reason": finish}


def _logprobs(index: int, pieces: tuple[str, ...], offset: int, wide: int) -> dict[str, Any]:
    shown: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for piece in pieces:
        source = Source("logprob", [index, offset, piece])
        likely = -source.below(1000) / 1000
        others = {f" {source.word()}": round(likely - number, 3) for number in range(1, wide)}
        shown["tokens"].append(piece)
        shown["token_logprobs"].append(likely)
        shown["top_logprobs"].append({**others, piece: likely} if wide else {})
        shown["text_offset"].append(offset)
        offset += len(piece)
    return shown


def _chunks(
    body: dict[str, Any], prompts: list[Any], said: list[_Choice], head: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
    if with_usage:
        head = {**head, "usage": None}
    for part in chain.from_iterable(zip_longest(*(_parts(body, choice) for choice in said))):
        if part is not None:
            yield {**head, "choices": [part]}
    if with_usage:
        yield {**head, "choices": [], "usage": _usage(body, prompts, said)}


def _parts(body: dict[str, Any], choice: _Choice) -> Iterator[dict[str, Any]]:
    offset = 0
    for piece in choice.echoed + choice.pieces:
        yield _shown(body, choice, (piece,), offset, None)
        offset += len(piece)
    yield _shown(body, choice, (), offset, choice.finish)


def _usage(body: dict[str, Any], prompts: list[Any], said: list[_Choice]) -> dict[str, int]:
    prompt = sum(count(text) if isinstance(text, str) else len(text) for text in prompts)
    tried = max((body.get("best_of") or 1) // (body.get("n") or 1), 1)
    spent = tried * sum(len(choice.pieces) for choice in said)
    return {"prompt_tokens": prompt, "completion_tokens": spent, "total_tokens": prompt + spent}
