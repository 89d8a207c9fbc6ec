"""Transcriptions and translations: sentences that follow from the bytes of a recording, spread over its length.

The rule of this module: every format tells the same text and the same times, within the recording; what is not a
WAV file cannot be measured here, and is refused.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.model import Shape
from assay.reference.files import sent_file
from assay.reference.models import find
from assay.reference.replies import Call, Raw, Refusal, Reply, Stream
from assay.reference.sound import wav_seconds
from assay.reference.text import Source, count, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AUDIO_FORM", "create_transcription", "create_translation"]

_TEXT, _NUMBER, _OBJECT = Shape(frozenset({"string"})), Shape(frozenset({"number"})), frozenset({"object"})
_TEXTS = Shape(frozenset({"array"}), items=_TEXT)
AUDIO_FORM = Shape(
    _OBJECT,
    properties={
        **dict.fromkeys(("file", "model", "language", "prompt", "response_format"), _TEXT),
        **dict.fromkeys(("languages", "keywords", "include", "timestamp_granularities"), _TEXTS),
        **dict.fromkeys(("known_speaker_names", "known_speaker_references"), _TEXTS),
        "temperature": _NUMBER,
        "stream": Shape(frozenset({"boolean", "null"})),
        "chunking_strategy": Shape(frozenset({"string", "object", "null"})),
    },
)
"""The types of what is sent with a recording."""

_PLAIN = "text/plain; charset=utf-8"
_WHISPER = "whisper-1"  # does not stream, and is billed by time
_STREAMED = (None, "json", "text", "diarized_json")
_LANGUAGES = {"en": "english", "de": "german", "fr": "french", "es": "spanish", "nl": "dutch"}
_TOKENS_A_SECOND = 10


@dataclass(frozen=True, slots=True)
class _Span:
    """A sentence with its times in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class _Heard:
    """What was heard in a recording of so many seconds."""

    spans: tuple[_Span, ...]
    seconds: float

    @property
    def text(self) -> str:
        return " ".join(span.text for span in self.spans)


def create_transcription(call: Call) -> Reply | Raw | Stream:
    """Answer ``POST /audio/transcriptions``."""
    body = call.value
    model = find(body["model"], "transcription").id
    heard = _listen(call, "transcription")
    form = body.get("response_format")
    if body.get("stream") and model != _WHISPER:
        if form not in _STREAMED:
            text = f"This server does not support the format {form} in a stream."
            raise Refusal(400, text, param="response_format", code="unsupported_value")
        return Stream(_events(body, heard), done=False)
    if form == "diarized_json":
        segments = [_diarized(body, span, number) for number, span in enumerate(heard.spans)]
        whole = {"task": "transcribe", "duration": heard.seconds, "text": heard.text, "segments": segments}
        return Reply({**whole, "usage": _usage(body, heard)})
    if form in (None, "json"):
        found = {"languages": [{"code": "en"}]} if model == "gpt-transcribe" else {}
        return Reply({"text": heard.text, **found, **_logprobs(body, heard.text), "usage": _usage(body, heard)})
    asked = body.get("timestamp_granularities") or ["segment"]
    language = _LANGUAGES.get(body.get("language", "en"), body.get("language"))
    return _written(form, heard, {"task": "transcribe", "language": language}, asked)


def create_translation(call: Call) -> Reply | Raw:
    """Answer ``POST /audio/translations``."""
    find(call.value["model"], "transcription")
    heard = _listen(call, "translation")
    form = call.value.get("response_format")
    if form in (None, "json"):
        return Reply({"text": heard.text})
    return _written(form, heard, {"task": "translate", "language": "english"}, ["segment"])


def _listen(call: Call, task: str) -> _Heard:
    data = sent_file(call, "file").data
    seconds = wav_seconds(data)
    if seconds is None:
        text = "This audio format is not supported: this server reads WAV files."
        raise Refusal(400, text, param="file", code="unsupported_audio")
    source = Source(task, hashlib.sha256(data).hexdigest())
    sentences = [source.sentence() for _ in range(1 + source.below(3))]
    each = seconds / len(sentences)
    times = [round(number * each, 3) for number in range(len(sentences))] + [round(seconds, 3)]
    return _Heard(tuple(map(_Span, sentences, times, times[1:])), round(seconds, 3))


def _written(form: str, heard: _Heard, about: dict[str, Any], asked: list[str]) -> Reply | Raw:
    """Write the formats that both operations share."""
    if form == "text":
        return Raw(f"{heard.text}\n".encode(), _PLAIN)
    if form == "srt":
        cues = (f"{number}\n{_cue(span, ',')}" for number, span in enumerate(heard.spans, 1))
        return Raw("\n".join(cues).encode(), _PLAIN)
    if form == "vtt":
        return Raw(
            "\n".join(["WEBVTT\n", *(_cue(span, ".") for span in heard.spans)]).encode(), "text/vtt; charset=utf-8"
        )
    value = {**about, "duration": heard.seconds, "text": heard.text}
    if "word" in asked:
        value["words"] = [word for span in heard.spans for word in _words(span)]
    if "segment" in asked:
        value["segments"] = [_segment(span, number) for number, span in enumerate(heard.spans)]
    if about["task"] == "transcribe":
        value["usage"] = {"type": "duration", "seconds": math.ceil(heard.seconds)}
    return Reply(value)


def _cue(span: _Span, point: str) -> str:
    return f"{_clock(span.start, point)} --> {_clock(span.end, point)}\n{span.text}\n"


def _clock(seconds: float, point: str) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{thousandths:03}"


def _words(span: _Span) -> list[dict[str, Any]]:
    words = span.text.split()
    each = (span.end - span.start) / len(words)
    times = [round(span.start + number * each, 3) for number in range(len(words))] + [span.end]
    return [
        {"word": word, "start": start, "end": end} for word, start, end in zip(words, times, times[1:], strict=False)
    ]


def _segment(span: _Span, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "seek": 0,
        "start": span.start,
        "end": span.end,
        "text": span.text,
        "tokens": [Source("token", token).below(50_000) for token in tokens(span.text)],
        "temperature": 0.0,
        "avg_logprob": -0.25,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.01,
    }


def _diarized(body: dict[str, Any], span: _Span, number: int) -> dict[str, Any]:
    names = body.get("known_speaker_names") or ["A", "B"]
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{number}",
        "start": span.start,
        "end": span.end,
        "text": span.text,
        "speaker": names[number % len(names)],
    }


def _logprobs(body: dict[str, Any], text: str) -> dict[str, Any]:
    if "logprobs" not in (body.get("include") or ()):
        return {}
    return {"logprobs": [{"token": t, "logprob": -0.125, "bytes": [*t.encode()]} for t in tokens(text)]}


def _usage(body: dict[str, Any], heard: _Heard) -> dict[str, Any]:
    if body["model"] == _WHISPER:
        return {"type": "duration", "seconds": math.ceil(heard.seconds)}
    audio, words = math.ceil(heard.seconds * _TOKENS_A_SECOND), count(body.get("prompt", ""))
    return {
        "type": "tokens",
        "input_tokens": audio + words,
        "input_token_details": {"text_tokens": words, "audio_tokens": audio},
        "output_tokens": count(heard.text),
        "total_tokens": audio + words + count(heard.text),
    }


def _events(body: dict[str, Any], heard: _Heard) -> Iterator[dict[str, Any]]:
    diarized = body.get("response_format") == "diarized_json"
    for number, span in enumerate(heard.spans):
        for piece in tokens(f" {span.text}" if number else span.text):
            within = {"segment_id": f"seg_{number}"} if diarized else {}
            yield {"type": "transcript.text.delta", "delta": piece, **within, **_logprobs(body, piece)}
        if diarized:
            yield _diarized(body, span, number)
    done = {"type": "transcript.text.done", "text": heard.text, **_logprobs(body, heard.text)}
    yield {**done, "usage": _usage(body, heard)}
