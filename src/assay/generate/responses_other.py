"""Text completions, embeddings, images, moderations and audio: one recipe for a whole response, one for its stream.

The rule of this module: what is counted is counted from the request (prompts, inputs, images); bytes are real ones
(floats in base64, PNG and WAV files), so that a client which decodes them gets somewhere.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assay.generate.media_values import picture, sound
from assay.generate.responses_chat import interleaved, model_of, usage_value
from assay.generate.responses_parts import ABSENT, ITEM, Parts
from assay.generate.responses_turns import Turn, Usage, answer, cut, moment, pieces, usage_of
from assay.generate.text import words
from assay.rules.accounting import choices_wanted
from assay.rules.completions import prompts
from assay.rules.embeddings import inputs
from assay.rules.images import images_wanted, is_gpt_image, size_due
from assay.rules.moderations import verdicts_wanted
from assay.rules.read import at, integer, listed, objects

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assay.generate.source import Source

__all__ = [
    "completion", "completion_chunks", "embeddings", "image_events", "images", "moderations", "speech_events",
    "subtitles", "text_turns", "transcript", "transcript_events",
]  # fmt: skip

_LONGEST_VECTOR = 4
_NO_VECTOR = 1_000_000  # no model has as many dimensions, and no test waits for them
_VARIED = 20
_SMALL, _WIDEST = "2x2", 4096  # a size where any will do, and the longest side that is drawn
_FLOATS = (0.0, 0.5, -0.25, 1.0)


def text_turns(source: Source, request: Any) -> list[Turn]:
    """One turn for each choice of each prompt, which it repeats where echo asks for that."""
    wanted, said = choices_wanted(request), _echoed(request)
    turns = [_text_turn(source, request) for _ in range(wanted * prompts(request))]
    if not said:
        return turns
    return [replace(turn, content=said[n // wanted] + (turn.content or "")) for n, turn in enumerate(turns)]


def _echoed(request: Any) -> list[str]:
    """The prompts that choices are to begin with; none where they are not text."""
    prompt = at(request, "prompt")
    given = [prompt] if isinstance(prompt, str) else listed(prompt)
    return given if at(request, "echo") is True and all(isinstance(item, str) for item in given) else []


def _text_turn(source: Source, request: Any) -> Turn:
    match source.pick(("stop", "stop", "length", "content_filter")):
        case "length":
            return Turn(cut(source, answer(source, request)), finish="length")
        case "content_filter":
            return Turn("", finish="content_filter")
    return Turn(answer(source, request))


def completion(source: Source, parts: Parts, reference: str, request: Any, turns: Sequence[Turn]) -> Any:
    """Make a whole text completion of these turns."""
    choice = parts.below(reference, "choices", ITEM)
    usage = parts.below(reference, "usage")
    if choice is None:
        return parts.value(source, reference)
    choices = [_text_choice(source, parts, choice, request, (number, turn)) for number, turn in enumerate(turns)]
    counted: Any = ABSENT
    if usage is not None and ("usage" in parts.required(reference) or source.chance(0.8)):
        counted = usage_value(source, parts, usage, usage_of(source, request, len(turns)))
    ties = {"id": "cmpl-1", "created": moment(source), "model": model_of(request), "choices": choices}
    return parts.object(source, reference, {**ties, "usage": counted})


def _text_choice(source: Source, parts: Parts, reference: str, request: Any, numbered: tuple[int, Turn]) -> Any:
    number, turn = numbered
    text = turn.content or ""
    reason = parts.below(reference, "finish_reason")
    finish = turn.finish if parts.admits(reason, turn.finish) else "stop"
    logprobs = _text_logprobs(source, parts, reference, request, (text, 0))
    return parts.object(
        source, reference, {"text": text, "index": number, "logprobs": logprobs, "finish_reason": finish}
    )


def _text_logprobs(source: Source, parts: Parts, choice: str, request: Any, said: tuple[str, int]) -> Any:
    """Parallel lists, one entry for each token; null when none were asked for."""
    text, start = said
    place, most = parts.below(choice, "logprobs"), integer(at(request, "logprobs"))
    if most is None or place is None:
        return None
    tokens = pieces(source, text)
    offsets = [start + sum(map(len, tokens[:number])) for number in range(len(tokens))]
    top = [{token: -0.5} for token in tokens] if most else parts.null_or_absent(source, place, "top_logprobs")
    chosen = [source.pick((0.0, -0.5)) for _ in tokens]
    ties = {"tokens": tokens, "token_logprobs": chosen, "top_logprobs": top, "text_offset": offsets}
    return parts.object(source, place, ties)


def completion_chunks(
    source: Source, parts: Parts, reference: str, request: Any, turns: Sequence[Turn]
) -> Iterator[Any]:
    """Make the chunks of these turns."""
    chunk = parts.having(reference, "choices") or reference
    usage = parts.below(chunk, "usage")
    choice = parts.below(chunk, "choices", ITEM) or chunk
    finish = parts.below(choice, "finish_reason")
    bare = {"id": "cmpl-1", "created": moment(source), "model": model_of(request)}
    frame = parts.object(source, chunk, {**bare, "choices": [], "usage": ABSENT})

    def told(number: int, turn: Turn) -> Iterator[dict[str, Any]]:
        text = turn.content or ""
        start = 0
        # Where the description knows no unfinished choice, all comes in one chunk.
        for piece in turn.spoken(source) if parts.admits(finish, None) else ():
            logprobs = _text_logprobs(source, parts, choice, request, (piece, start))
            yield {"text": piece, "index": number, "logprobs": logprobs, "finish_reason": None}
            start += len(piece)
        rest = text[start:]
        last = _text_logprobs(source, parts, choice, request, (rest, start)) if rest else None
        yield {"text": rest, "index": number, "logprobs": last, "finish_reason": turn.finish}

    for part in interleaved(source, [[*told(number, turn)] for number, turn in enumerate(turns)]):
        yield {**frame, "choices": [part]}
    if at(request, "stream_options", "include_usage") is True and usage is not None:
        made = usage_value(source, parts, usage, usage_of(source, request, len(turns)))
        yield {**frame, "choices": [], "usage": made}


def embeddings(source: Source, parts: Parts, reference: str, request: Any) -> Any:
    """Make one vector for each input, all of one length, in the encoding that was asked for."""
    item = parts.below(reference, "data", ITEM)
    if item is None:
        return parts.value(source, reference)
    count = inputs(request)
    size = integer(at(request, "dimensions")) or 1 + source.below(_LONGEST_VECTOR)
    if size > _NO_VECTOR:
        return source.give_up()
    encoded = at(request, "encoding_format") == "base64"
    data = []
    for number in range(1 if count is None else count):
        # Long and many vectors repeat one number: it is their length and count that a client relies on.
        varied = size <= _LONGEST_VECTOR and number < _VARIED
        vector = [source.pick(_FLOATS) for _ in range(size - 1)] if varied else [0.5] * (size - 1)
        vector.append(0.5)  # nothing is similar to a vector of zeros
        value: Any = vector
        if encoded:
            value = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode("ascii")
        data.append(parts.object(source, item, {"index": number, "embedding": value}))
    read = source.below(20)
    usage = parts.below(reference, "usage")
    counted = ABSENT if usage is None else usage_value(source, parts, usage, Usage(read, 0))
    return parts.object(source, reference, {"data": data, "model": model_of(request), "usage": counted})


def _picture(source: Source, request: Any, told: Any) -> str:
    """An image of the output_format that was asked for, and of the size that is told or was asked for, as base64."""
    width, _, height = (size_due(request, told) or _SMALL).partition("x")
    size = int(width), int(height)
    if max(size) > _WIDEST:
        source.give_up()
    made = picture(str(at(request, "output_format")), source.below(256), size)
    return base64.b64encode(made).decode("ascii")


def images(source: Source, parts: Parts, reference: str, request: Any) -> Any:
    """Make as many images as n asks for, each by URL or as base64, as asked; what is told of them is what was asked."""
    item = parts.below(reference, "data", ITEM)
    if item is None:
        return parts.value(source, reference)
    form = "b64_json" if is_gpt_image(request) else at(request, "response_format")
    if form not in ("url", "b64_json"):
        form = source.pick(("b64_json", "url"))
    plain = at(request, "model") == "dall-e-2"
    same = {"revised_prompt": ABSENT} if plain else {}
    data = []
    for number in range(images_wanted(request) or 1):
        value = f"https://images.example/{number}.png" if form == "url" else ""
        other = "b64_json" if form == "url" else "url"
        data.append(parts.object(source, item, {form: value, other: ABSENT, **same}))
    usage = parts.below(reference, "usage")
    ties: dict[str, Any] = {"created": moment(source), "data": data, "usage": ABSENT}
    if usage is not None and not plain and source.chance(0.5):
        ties["usage"] = _token_usage(source, parts, usage)
    found = parts.object(source, reference, {**ties, **_as_asked(parts, reference, request)})
    for image in data if form == "b64_json" else ():
        image[form] = _picture(source, request, found)
    return found


def _as_asked(parts: Parts, reference: str, request: Any) -> dict[str, Any]:
    """What an answer tells of its images, as the request asks; ``auto`` asks for nothing."""
    given = {name: at(request, name) for name in ("size", "quality", "background", "output_format")}
    asked = {name: value for name, value in given.items() if value not in (None, "auto")}
    required = parts.required(reference)
    if "output_format" in required:
        asked.setdefault("output_format", "png")
    fits = {name: parts.admits(parts.below(reference, name), value) for name, value in asked.items()}
    # What cannot be told as it was asked for stays away, unless something must be told.
    return {
        name: value if fits[name] else ABSENT for name, value in asked.items() if fits[name] or name not in required
    }


def _token_usage(source: Source, parts: Parts, reference: str) -> Any:
    """Usage in tokens of text, images or sound; details that add up to their wholes."""
    usage = Usage(source.below(20), source.below(20))
    reference = parts.variant(reference, "type", "tokens") or reference
    if parts.having(reference, "total_tokens") is None:
        return parts.value(source, reference)
    made = usage_value(source, parts, reference, usage)
    wholes = {"input_tokens_details": usage.read, "output_tokens_details": usage.made}
    for name, whole in {**wholes, "input_token_details": usage.read}.items():
        place = parts.below(reference, name)
        if place is not None and name in made and isinstance(made[name], dict):
            counts = {key: 0 for key in parts.names(place) if key.endswith("_tokens")}
            made[name] = {**counts, **({"text_tokens": whole} if "text_tokens" in counts else {})}
    return made


def image_events(source: Source, parts: Parts, reference: str, request: Any) -> Iterator[Any]:
    """Make the partial images that were asked for at most, then the finished ones."""
    tags = parts.tags(reference, "type")
    partial = next((tag for tag in tags if tag.endswith(".partial_image")), None)
    last = next((tag for tag in tags if tag.endswith(".completed")), None)
    made: dict[str, Any] = {"created_at": moment(source)}
    most = integer(at(request, "partial_images")) or 0
    for number in range(source.below(most + 1)) if partial else ():
        ties = {**made, "b64_json": "", "partial_image_index": number}
        variant = parts.variant(reference, "type", str(partial)) or reference
        event = _event(source, parts, reference, str(partial), {**_as_asked(parts, variant, request), **ties})
        yield {**event, "b64_json": _picture(source, request, event)}
    for _ in range(images_wanted(request) or 1) if last else ():
        variant = parts.variant(reference, "type", str(last)) or reference
        usage = parts.below(variant, "usage")
        counted = ABSENT if usage is None else _token_usage(source, parts, usage)
        ties = {**_as_asked(parts, variant, request), **made, "b64_json": "", "usage": counted}
        event = _event(source, parts, reference, str(last), ties)
        yield {**event, "b64_json": _picture(source, request, event)}


def _event(source: Source, parts: Parts, reference: str, tag: str, ties: dict[str, Any]) -> Any:
    variant = parts.variant(reference, "type", tag)
    return parts.object(source, variant or reference, {"type": tag, **ties})


def moderations(source: Source, parts: Parts, reference: str, request: Any) -> Any:
    """Make one result for each input; flagged exactly when a category is."""
    item = parts.below(reference, "results", ITEM)
    if item is None:
        return parts.value(source, reference)
    seen = any(part.get("type") == "image_url" for _, part in objects(at(request, "input")))
    results = []
    for _ in range(verdicts_wanted(request) or 1):
        result = parts.value(source, item)
        if isinstance(result, dict) and isinstance(result.get("categories"), dict):
            result["flagged"] = any(flag is True for flag in result["categories"].values())
        applied = at(result, "category_applied_input_types")
        for name, kinds in applied.items() if isinstance(applied, dict) and not seen else ():
            applied[name] = [kind for kind in kinds if kind != "image"]
        results.append(result)
    return parts.object(source, reference, {"id": "modr-1", "results": results})


def transcript(source: Source, parts: Parts, reference: str, request: Any) -> Any:
    """Make a transcript in the JSON form that was asked for."""
    text = words(source) if source.below(4) else ""
    branch = _transcript_form(parts, reference, at(request, "response_format"))
    length = source.below(100) / 2
    usage = parts.below(branch, "usage")
    ties: dict[str, Any] = {"text": text, "duration": length, "segments": ABSENT, "words": ABSENT, "usage": ABSENT}
    segment, word = parts.below(branch, "segments", ITEM), parts.below(branch, "words", ITEM)
    if segment is not None:
        known = listed(at(request, "known_speaker_names"))
        ties["segments"] = [_segment(source, parts, segment, (text, length), [*known, "A"])] if text else []
    if word is not None and "word" in listed(at(request, "timestamp_granularities")):
        ties["words"] = [parts.object(source, word, {"word": text, "start": 0.0, "end": length})] if text else []
    if not str(at(request, "model")).startswith("gpt-transcribe"):
        ties["languages"] = ABSENT
    if "logprobs" not in listed(at(request, "include")):
        ties["logprobs"] = ABSENT
    if usage is not None and source.chance(0.5):
        ties["usage"] = _token_usage(source, parts, usage)
    return parts.object(source, branch, ties)


def _transcript_form(parts: Parts, reference: str, form: Any) -> str:
    """The branch of the description for a form; it is told by what only this form has."""
    wanted = {"verbose_json": {"language", "segments"}, "diarized_json": {"segments"}}.get(str(form), set())
    for branch in parts.branches(reference):
        own = parts.own(branch)
        if "text" in own and own & {"language", "segments"} == wanted:
            return branch
    return reference


def _segment(source: Source, parts: Parts, reference: str, spoken: tuple[str, float], voices: list[Any]) -> Any:
    text, end = spoken
    kind = parts.below(reference, "id")
    name: Any = 0 if parts.admits(kind, 0) else "seg_0"
    ties = {"id": name, "start": 0.0, "end": end, "text": text, "speaker": source.pick(voices)}
    return parts.object(source, reference, ties)


def subtitles(source: Source, request: Any) -> str:
    """A transcript in the text form that was asked for."""
    said = words(source)
    match at(request, "response_format"):
        case "vtt":
            return f"WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n{said}\n"
        case "srt":
            return f"1\n00:00:00,000 --> 00:00:01,000\n{said}\n"
    return said


def transcript_events(source: Source, parts: Parts, reference: str, request: Any) -> Iterator[Any]:
    """Make the deltas of a transcript and its end, which tells the whole text again."""
    text = words(source) if source.below(4) else ""
    quiet = {} if "logprobs" in listed(at(request, "include")) else {"logprobs": ABSENT}
    diarized = at(request, "response_format") == "diarized_json"
    segment = {"segment_id": "seg_0"} if diarized else {"segment_id": ABSENT}
    for piece in pieces(source, text):
        yield _event(source, parts, reference, "transcript.text.delta", {"delta": piece, **segment, **quiet})
    if diarized and text:
        ties = {"id": "seg_0", "start": 0.0, "end": 1.0, "text": text}
        yield _event(source, parts, reference, "transcript.text.segment", ties)
    done = parts.variant(reference, "type", "transcript.text.done")
    usage = None if done is None else parts.below(done, "usage")
    counted = ABSENT if usage is None or not source.chance(0.5) else _token_usage(source, parts, usage)
    yield _event(source, parts, reference, "transcript.text.done", {"text": text, "usage": counted, **quiet})


def speech_events(source: Source, parts: Parts, reference: str, request: Any) -> Iterator[Any]:
    """Make the pieces of a recording, and its end."""
    audio = base64.b64encode(sound(str(at(request, "response_format")))).decode("ascii")
    for _ in range(1 + source.below(2)):
        yield _event(source, parts, reference, "speech.audio.delta", {"audio": audio})
    done = parts.variant(reference, "type", "speech.audio.done")
    usage = None if done is None else parts.below(done, "usage")
    counted = ABSENT if usage is None else _token_usage(source, parts, usage)
    yield _event(source, parts, reference, "speech.audio.done", {"usage": counted})
