"""Speech: a tone whose pitch follows from the text, whole or in events.

The rule of this module: the audio is of the format that was asked for; a format that cannot be made here is refused
by its name. MP3, the default, is silent.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from assay.reference.models import find
from assay.reference.replies import Call, Raw, Refusal, Stream
from assay.reference.sound import mp3, pcm, wav
from assay.reference.text import Source, count

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["create_speech"]

_PER_TOKEN = 0.02  # seconds
_LONGEST = 2.0
_PIECE = 4096  # bytes of audio in one event
_LOWEST, _TONES = 110, 330  # Hertz
_MADE = {"wav": "audio/wav", "pcm": "audio/pcm", "mp3": "audio/mpeg"}


def create_speech(call: Call) -> Raw | Stream:
    """Answer ``POST /audio/speech``."""
    body = call.value
    model = find(body["model"], "speech").id
    form = body.get("response_format", "mp3")
    if form not in _MADE:
        text = f"This server does not support the format {form}; it makes {', '.join(_MADE)}."
        raise Refusal(400, text, param="response_format", code="unsupported_value")
    audio = _audio(body, model, form)
    if body.get("stream_format") == "sse":
        return Stream(_events(body, audio), done=False)
    return Raw(audio, _MADE[form])


def _audio(body: dict[str, Any], model: str, form: str) -> bytes:
    seconds = min(_LONGEST, _PER_TOKEN * (1 + count(body["input"])) / body.get("speed", 1))
    if form == "mp3":
        return mp3(seconds)
    samples = pcm(seconds, _LOWEST + Source("speech", [model, body["voice"], body["input"]]).below(_TONES))
    return wav(samples) if form == "wav" else samples


def _events(body: dict[str, Any], audio: bytes) -> Iterator[dict[str, Any]]:
    pieces = [audio[start : start + _PIECE] for start in range(0, len(audio), _PIECE)]
    for piece in pieces:
        yield {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()}
    read, spoken = count(body["input"]) + count(body.get("instructions", "")), len(pieces)
    usage = {"input_tokens": read, "output_tokens": spoken, "total_tokens": read + spoken}
    yield {"type": "speech.audio.done", "usage": usage}
