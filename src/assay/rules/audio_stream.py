"""Rules of streamed transcriptions and speech: pieces, then one event that is done.

The rule of this module: of the text it keeps a hash and a length, of the audio nothing.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from assay.rules import accounting
from assay.rules.read import at, listed, text
from assay.rules.registry import Exchange, Reducer, RuleSet
from assay.rules.streams import is_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.rules.registry import Rule
    from assay.violation import Violation

__all__ = ["SpeechEvents", "TranscriptEvents", "rules", "speech_rules"]

rules = RuleSet("audio-stream", "createTranscription")
speech_rules = RuleSet("speech-stream", "createSpeech")

_DONE = "#/components/schemas/TranscriptTextDoneEvent"
_DELTA = "#/components/schemas/TranscriptTextDeltaEvent/properties"
_SPEECH = "#/components/schemas/SpeechAudioDoneEvent"

DONE = rules.stream("done", "transcript.text.done comes once, last.", _DONE)
TEXT = rules.stream("text", "The deltas join to the text of transcript.text.done.", f"{_DONE}/properties/text")
SEGMENTS = rules.stream(
    "segments-unasked",
    "Segments come only with diarized_json, and from models that tell speakers.",
    f"{_DELTA}/segment_id",
)
LOGPROBS = rules.stream(
    "logprobs-unasked",
    "Log probabilities come only when include asks for them.",
    f"{_DELTA}/logprobs",
    severity="hazard",
)
SPEECH_DONE = speech_rules.stream("done", "speech.audio.done comes once, last.", _SPEECH)
SPEECH_USAGE = speech_rules.stream(
    "usage-sums", "total_tokens is input_tokens + output_tokens.", f"{_SPEECH}/properties/usage"
)

# Known models that do not tell one speaker from another.
_ONE_SPEAKER = ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-transcribe")


class _Ended(Reducer):
    """A stream that one kind of event ends; an error event is a legal end too."""

    done_rule: Rule
    done_type: str

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self._done = False
        self._failed = False

    def feed(self, number: int, value: Any, name: str) -> Sequence[Violation]:  # noqa: ARG002
        """Take one event."""
        found: list[Violation] = []
        kind = text(at(value, "type")) or ""
        if is_error(value) or kind == "error":
            self._failed = True
            return found
        if self._done:
            expected = f"the end of the stream after {self.done_type}"
            self.once(found, self.done_rule.broken((number,), expected, "an event", part="event"))
        self.read(found, number, kind, value)
        self._done = self._done or kind == self.done_type
        return found

    def read(self, found: list[Violation], number: int, kind: str, event: Any) -> None:
        """Judge what is in an event."""

    def close(self) -> Sequence[Violation]:
        """Take the end of the stream; after an error event nothing is missed."""
        if self._done or self._failed:
            return ()
        return (self.done_rule.broken((), self.done_type, "the end without it", part="stream"),)


@rules.reducer
class TranscriptEvents(_Ended):
    """The events of one transcription."""

    done_rule = DONE
    done_type = "transcript.text.done"

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        request = exchange.request
        self._logprobs_asked = "logprobs" in listed(at(request, "include"))
        self._diarized = at(request, "response_format") == "diarized_json"
        self._one_speaker = at(request, "model") in _ONE_SPEAKER
        self._joined = sha256()

    def read(self, found: list[Violation], number: int, kind: str, event: Any) -> None:
        """Judge one event."""
        if at(event, "logprobs") is not None and not self._logprobs_asked:
            self._tell(found, LOGPROBS, (number, "logprobs"), "none, as none were asked for")
        if kind == "transcript.text.delta":
            self._joined.update(_bytes(at(event, "delta")))
            if self._one_speaker and at(event, "segment_id") is not None:
                self._tell(found, SEGMENTS, (number, "segment_id"), "none from this model")
        elif kind == "transcript.text.segment" and not self._diarized:
            self._tell(found, SEGMENTS, (number,), "none without diarized_json")
        elif kind == self.done_type and not self._diarized and isinstance(at(event, "text"), str):
            # Diarized text is left out: it may come in segments alone.
            if sha256(_bytes(event["text"])).digest() == self._joined.digest():
                return
            place, expected = (number, "text"), "the text of the deltas"
            self.once(found, TEXT.broken(place, expected, "another text", part="event"))

    def _tell(self, found: list[Violation], rule: Rule, path: tuple[str | int, ...], expected: str) -> None:
        self.once(found, rule.broken(path, expected, "some", part="event"))


@speech_rules.reducer
class SpeechEvents(_Ended):
    """The events of one speech."""

    done_rule = SPEECH_DONE
    done_type = "speech.audio.done"

    def read(self, found: list[Violation], number: int, kind: str, event: Any) -> None:
        """Judge the sums at the end."""
        if kind != self.done_type:
            return
        sums = accounting.sums(SPEECH_USAGE, at(event, "usage"), ("usage",), "input_tokens", "output_tokens")
        for violation in sums:
            path = (number, *violation.path)
            self.once(found, SPEECH_USAGE.broken(path, violation.expected, violation.got, part="event"))


def _bytes(value: Any) -> bytes:
    return (text(value) or "").encode("utf-8", "surrogatepass")
