"""Faults of the content type: what a body says it is, and what it is.

The rule of this module: the bytes stay, or the type stays.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import orjson

from assay.reference.faults.edits import events
from assay.reference.faults.fault import Answer, Answers, Asked, Fault, Sends, with_header

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FAULTS"]

_fault = partial(Fault, group="content type")
_JSON, _EVENTS = "application/json", "text/event-stream"


def _declared(kind: str, new: str | None, *, errors: bool = False) -> Callable[[Answer, Asked], Answer]:
    """Declare successes of one media type, or errors, as another."""

    def edit(answer: Answer, _asked: Asked) -> Answer:
        fits = answer.kind == kind and answer.refuses == errors
        return with_header(answer, "content-type", new) if fits else answer

    return edit


def _lines(answer: Answer, _asked: Asked) -> Answer:
    if answer.kind != _EVENTS:
        return answer
    lines = tuple(orjson.dumps(event.data) + b"\n" for event in events(answer.body) if isinstance(event.data, dict))
    return replace(with_header(answer, "content-type", "application/x-ndjson"), parts=lines)


def _whole(answer: Answer, _asked: Asked) -> Answer:
    if answer.kind != _EVENTS:
        return answer
    data = [event.data for event in events(answer.body) if isinstance(event.data, dict)]
    return replace(with_header(answer, "content-type", _JSON), parts=(orjson.dumps(data),))


def _as_json(asked: Asked) -> Asked:
    """Take any body that is JSON for JSON, whatever it says it is."""
    request = asked.request
    if request.method != "POST" or asked.value is None:
        return asked
    rest = [pair for pair in request.headers.fields if pair[0].lower() != "content-type"]
    headers = (*rest, ("content-type", _JSON))
    return replace(asked, request=type(request)(request.method, request.target, headers, request.body))


def _text_as_json(answer: Answer, _asked: Asked) -> Answer:
    if answer.kind != "text/plain":
        return answer
    return replace(with_header(answer, "content-type", _JSON), parts=(orjson.dumps({"text": answer.body.decode()}),))


FAULTS = (
    _fault("json-as-text", "JSON is declared as text/plain.", Answers("*", _declared(_JSON, "text/plain")), 33),
    _fault("chat-as-html", "A chat completion is declared as text/html.",
           Answers("createChatCompletion", _declared(_JSON, "text/html; charset=utf-8"))),
    _fault("embedding-as-octets", "Embeddings are declared as application/octet-stream.",
           Answers("createEmbedding", _declared(_JSON, "application/octet-stream"))),
    _fault("models-undeclared", "The list of models has no Content-Type.",
           Answers("listModels", _declared(_JSON, None))),
    _fault("stream-as-json", "A stream of events is declared as JSON.", Answers("*", _declared(_EVENTS, _JSON)), 33),
    _fault("stream-as-lines", "A stream comes as lines of JSON.", Answers("*", _lines), 33),
    _fault("stream-as-array", "A stream comes as one array of its chunks.", Answers("createChatCompletion", _whole)),
    _fault("stream-as-text", "A stream of events is declared as text/plain.",
           Answers("createResponse", _declared(_EVENTS, "text/plain"))),
    _fault("errors-as-html", "Errors are declared as text/html.",
           Answers("*", _declared(_JSON, "text/html", errors=True))),
    _fault("any-content-type", "A body is read as JSON whatever its Content-Type.", Sends("*", _as_json)),
    _fault("transcription-text-as-json", "A transcription that was asked for as text comes as JSON.",
           Answers("createTranscription createTranslation", _text_as_json)),
    _fault("speech-as-json", "Speech is declared as JSON.",
           Answers("createSpeech", lambda answer, _asked: with_header(answer, "content-type", _JSON))),
)  # fmt: skip
