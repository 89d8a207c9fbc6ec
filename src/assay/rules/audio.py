"""Rules of speech, transcriptions and translations: the file that is sent, and the form of the answer.

The rule of this module: no sound is decoded; a file is known by its name and its first bytes. What a compatible server
may do better than the service (other kinds of file, other voices) is a hazard at most.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from assay.rules import accounting
from assay.rules.read import at, listed, number, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe
from assay.wire.signatures import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules", "speech_rules"]

rules = RuleSet("audio", "createTranscription", "createTranslation")
speech_rules = RuleSet("audio", "createSpeech")

_REQUEST = "#/components/schemas/CreateTranscriptionRequest/properties"
_VERBOSE = "#/components/schemas/CreateTranscriptionResponseVerboseJson/properties"
_JSON = "#/components/schemas/CreateTranscriptionResponseJson/properties"
_SPEECH = "#/components/schemas/CreateSpeechRequest/properties"

_KINDS = frozenset(("flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "oga", "wav", "webm"))
_VOICES = frozenset(
    ("alloy", "ash", "ballad", "coral", "echo", "fable", "onyx", "nova", "sage", "shimmer", "verse", "marin", "cedar")
)
_SPEAKING = ("tts-1", "gpt-4o-mini-tts")
_WITHOUT_LANGUAGES = ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe")
# What the first bytes of each response_format are; pcm has none of its own.
_HEADS = {"mp3": "mp3", "opus": "ogg", "aac": "aac", "flac": "flac", "wav": "wav"}
_AS_TEXT, _AS_JSON = ("text", "srt", "vtt"), ("json", "verbose_json", "diarized_json")
_SLACK = 1.0  # seconds by which a segment may end after the audio does


# The request: the file and its options.


@rules.request("file-kind", "An audio file has a name that ends in a known kind.", f"{_REQUEST}/file")
def file_kind(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, where the name has an ending at all."""
    for file in exchange.files:
        name, dot, ending = (file.filename or "").rpartition(".")
        if file.field == "file" and name and dot and ending.lower() not in _KINDS:
            yield rule.broken(("file",), f"a file of the kinds {', '.join(sorted(_KINDS))}", "another ending")


@rules.request(
    "file-named",
    "An audio file comes with a name, an ending and the type of audio or video.",
    f"{_REQUEST}/file",
    severity="hazard",
)
def file_named(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since a server that trusts the name can not tell what the bytes are."""
    for file in exchange.files:
        if file.field != "file":
            continue
        if "." not in (file.filename or ""):
            yield rule.broken(("file",), "a file name with an ending", "a name without one")
        elif not file.content_type.startswith(("audio/", "video/")):
            yield rule.broken(("file",), "the media type of audio or video", "another one")


@rules.request(
    "language",
    "language is a code of ISO 639.",
    f"{_REQUEST}/language",
    severity="hazard",
    operations="createTranscription",
    when="language",
)
def language(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule: two letters, or three where a language has no two; a hazard, as some take its name."""
    code = text(at(exchange.request, "language"))
    if code is not None and not re.fullmatch("[a-z]{2,3}", code):
        yield rule.broken(("language",), "a code of two letters", describe(code))


@rules.request(
    "speaker-references",
    "There is a name for each voice reference.",
    f"{_REQUEST}/known_speaker_names",
    operations="createTranscription",
    when="known_speaker_names known_speaker_references",
)
def speaker_references(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    names = len(listed(at(exchange.request, "known_speaker_names")))
    references = len(listed(at(exchange.request, "known_speaker_references")))
    if names != references:
        yield rule.broken(("known_speaker_names",), f"{references} names, one for each reference", str(names))


@speech_rules.request(
    "voice",
    "A voice of a known model is one of those it has.",
    f"{_SPEECH}/voice",
    severity="hazard",
    when="voice",
)
def voice(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since voices are added."""
    name, model = text(at(exchange.request, "voice")), text(at(exchange.request, "model")) or ""
    if name is not None and name not in _VOICES and model.startswith(_SPEAKING):
        yield rule.broken(("voice",), "a voice of this model", describe(name))


# The response: what was asked for, in the form that was asked for.


@rules.response(
    "verbose-given",
    "With verbose_json the answer has language, duration and text.",
    f"{_VERBOSE}/language",
    when="response_format",
)
def verbose_given(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    if at(exchange.request, "response_format") != "verbose_json" or not isinstance(exchange.response, dict):
        return
    missing = [name for name in ("language", "duration", "text") if name not in exchange.response]
    if missing:
        yield rule.broken((missing[0],), f"the {missing[0]} of verbose_json", "none")


@rules.response(
    "format-kept",
    "The formats text, srt and vtt come as text, the others as JSON.",
    f"{_REQUEST}/response_format",
)
def format_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; without response_format JSON is meant."""
    asked = at(exchange.request, "response_format") or "json"
    if asked in _AS_TEXT and isinstance(exchange.response, dict):
        yield rule.broken((), f"text, as the format {asked} is", "a JSON object")
    elif asked in _AS_JSON and isinstance(exchange.response, str):
        yield rule.broken((), f"JSON, as the format {asked} is", "text")


@rules.response("words", "Words come when timestamp_granularities asks for them, and only then.", f"{_VERBOSE}/words")
def words(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; an empty list is as good as none, silence has no words, and only verbose_json holds any."""
    if not isinstance(exchange.response, dict):
        return
    asked = "word" in listed(at(exchange.request, "timestamp_granularities"))
    verbose = at(exchange.request, "response_format") == "verbose_json"
    given = exchange.response.get("words")
    if given and not asked:
        yield rule.broken(("words",), "no words, as none were asked for", describe(given))
    elif given is None and asked and verbose and at(exchange.response, "text"):
        yield rule.broken(("words",), "words, as timestamp_granularities asks", "none")


@rules.response(
    "segment-times", "Segments and words begin before they end, one after the other.", f"{_VERBOSE}/segments"
)
def segment_times(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; told once for each list."""
    for name in ("segments", "words"):
        earlier = 0.0
        for position, piece in objects(at(exchange.response, name)):
            start, end = number(piece.get("start")), number(piece.get("end"))
            if start is None or end is None:
                continue
            if not earlier <= start <= end:
                yield rule.broken((name, position), "times that go on", "a time before an earlier one")
                break
            earlier = start


@rules.response("segment-duration", "No segment ends after the audio.", f"{_VERBOSE}/duration", severity="hazard")
def segment_duration(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, with a second to spare; told once. A hazard, since times are the model's estimate."""
    duration = number(at(exchange.response, "duration"))
    for position, piece in objects(at(exchange.response, "segments")):
        end = number(piece.get("end"))
        if duration is not None and end is not None and end > duration + _SLACK:
            yield rule.broken(("segments", position, "end"), f"at most {duration}, the duration", str(end))
            return


@rules.response(
    "logprobs-unasked",
    "Log probabilities come only when include asks for them.",
    f"{_JSON}/logprobs",
    severity="hazard",
)
def logprobs_unasked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since the published examples of streams show them unasked."""
    given = at(exchange.response, "logprobs")
    if given is not None and "logprobs" not in listed(at(exchange.request, "include")):
        yield rule.broken(("logprobs",), "none, as none were asked for", describe(given))


@rules.response(
    "languages-unasked", "languages come from gpt-transcribe alone.", f"{_JSON}/languages", severity="hazard"
)
def languages_unasked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, for known other models."""
    model = text(at(exchange.request, "model")) or ""
    if at(exchange.response, "languages") is not None and model.startswith(_WITHOUT_LANGUAGES):
        yield rule.broken(("languages",), "no languages from this model", "languages")


@rules.response("speakers", "A speaker has a known name, or capital letters.", f"{_REQUEST}/known_speaker_names")
def speakers(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; told once."""
    known = listed(at(exchange.request, "known_speaker_names"))
    for position, segment in objects(at(exchange.response, "segments")):
        speaker = text(segment.get("speaker"))
        if speaker is not None and speaker not in known and not re.fullmatch("[A-Z]+", speaker):
            yield rule.broken(("segments", position, "speaker"), "a known name or a letter", describe(speaker))
            return


@rules.response(
    "usage-sums",
    "total_tokens is input_tokens + output_tokens, and the details are parts of the input.",
    "#/components/schemas/TranscriptTextUsageTokens/properties/total_tokens",
)
def usage_sums(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    usage = at(exchange.response, "usage")
    yield from accounting.sums(rule, usage, ("usage",), "input_tokens", "output_tokens")
    for name in ("text_tokens", "audio_tokens"):
        yield from accounting.part_of(rule, usage, ("usage",), "input_tokens", ("input_token_details", name))


@rules.response(
    "subtitles",
    "vtt begins with WEBVTT, and srt has times with arrows.",
    f"{_REQUEST}/response_format",
    when="response_format",
)
def subtitles(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; silence gives no subtitles."""
    asked, given = at(exchange.request, "response_format"), text(exchange.response) or ""
    if asked == "vtt" and given.strip() and not given.lstrip("\ufeff \r\n\t").startswith("WEBVTT"):
        yield rule.broken((), "text that begins with WEBVTT", "other text")
    if asked == "srt" and given.strip() and "-->" not in given:
        yield rule.broken((), "subtitles with times", "text without them")


@speech_rules.response(
    "bytes-format",
    "The audio is of the response_format that was asked for.",
    f"{_SPEECH}/response_format",
    severity="hazard",
)
def bytes_format(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule from the first bytes, where they tell another kind; a hazard, as players look too."""
    asked = text(at(exchange.request, "response_format")) or "mp3"
    found = kind_of(exchange.body)
    if exchange.body and asked in _HEADS and found is not None and found != _HEADS[asked]:
        yield rule.broken((), f"{asked} audio, as response_format asks", found)
