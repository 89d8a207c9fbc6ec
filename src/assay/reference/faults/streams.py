"""Faults of streams: events that are missing, doubled, out of order or not framed as they must be.

The rule of this module: whole answers stay as they are.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from assay.reference.faults.edits import Edit, Told, drop, each, every, final, put, typed
from assay.reference.faults.fault import Answer, Answers, Asked, Asks, Fault, Streams

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FAULTS"]

_fault = partial(Fault, group="streams")
_CHAT, _RESPONSE = "createChatCompletion", "createResponse"
_RUNS = "createRun createThreadAndRun submitToolOuputsToRun"
_DONE = "[DONE]"
_CALLS = "choices.*.delta.tool_calls.*"
_USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def _without(test: Callable[[Told], bool]) -> Edit:
    """Leave events out."""
    return lambda told, _asked: [event for event in told if not test(event)]


def _lacking(*kinds: str) -> Edit:
    """Leave out the events of a response of some types, and number the others anew."""

    def edit(told: Any, _asked: Any) -> Any:
        left = [event for event in told if _kind(event) not in kinds]
        return [replace(event, data={**event.data, "sequence_number": n}) for n, event in enumerate(left)]

    return edit


def _kind(event: Told) -> str:
    return event.data.get("type", "") if isinstance(event.data, dict) else ""


def _numbered(change: Callable[[int, Any], Any]) -> Edit:
    """Change the data of each event that is an object, by its number."""
    return lambda told, _asked: [
        replace(event, data=change(number, event.data)) if isinstance(event.data, dict) else event
        for number, event in enumerate(told)
    ]


def _middle(event: Told) -> bool:
    """Whether an event brings text, and is none of the first or last."""
    choices = event.data.get("choices") if isinstance(event.data, dict) else ()
    return bool(choices and choices[0].get("delta", choices[0]).get("content"))


def _text_lost(told: Any, _asked: Any) -> Any:
    """Leave out the second event with text."""
    texts = [number for number, event in enumerate(told) if _middle(event)]
    return [event for number, event in enumerate(told) if number not in texts[1:2]]


def _text_twice(told: Any, _asked: Any) -> Any:
    return [copy for event in told for copy in ([event, event] if _middle(event) else [event])]


def _cut_in(told: Any, _asked: Any) -> Any:
    """End after the second event."""
    return told[:2]


def _error_in(told: Any, _asked: Any) -> Any:
    """End after the second event, in an error that is no event of the API."""
    return [*told[:2], Told(None, {"detail": "upstream timed out"})]


def _finished_with_text(told: Any, _asked: Any) -> Any:
    """Join the last text and the end of a choice of one."""
    ends = [n for n, event in enumerate(told) if isinstance(event.data, dict) and _ended(event.data)]
    if len(ends) != 1 or not _middle(told[ends[0] - 1]):
        return told
    end = ends[0]
    text = told[end - 1].data["choices"][0]["delta"]["content"]
    return [*told[: end - 1], replace(told[end], data=put("choices.0.delta", {"content": text})(told[end].data, None)),
            *told[end + 1 :]]  # fmt: skip


def _ended(data: Any) -> bool:
    return any(choice.get("finish_reason") for choice in data.get("choices", ()))


def _usage_with_choice(told: Any, _asked: Any) -> Any:
    choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": None}
    return [
        replace(event, data={**event.data, "choices": [choice]})
        if isinstance(event.data, dict) and event.data.get("usage") and not event.data.get("choices") else event
        for event in told
    ]  # fmt: skip


def _raw(change: Callable[[bytes], bytes]) -> Callable[[Answer, Asked], Answer]:
    """Change the bytes of each event of a stream."""
    return lambda answer, _asked: (
        replace(answer, parts=tuple(map(change, answer.parts))) if answer.kind == "text/event-stream" else answer
    )


def _unstreamed(value: Any, _asked: Any) -> Any:
    return {name: item for name, item in value.items() if name not in ("stream", "stream_options")}


def _unfinished(choice: Any) -> Any:
    return {name: item for name, item in choice.items() if name != "finish_reason" or item}


def _as_message(choice: Any) -> Any:
    return {"message" if name == "delta" else name: item for name, item in choice.items()}


def _stop(reason: Any) -> Any:
    return "stop" if reason == "tool_calls" else reason


def _marked(text: str) -> Edit:
    """Write another text in the place of the end marker."""
    return lambda told, _asked: [replace(event, data=text) if event.data == _DONE else event for event in told]


def _named_wrongly(told: Any, _asked: Any) -> Any:
    return [replace(event, name="delta" if event.name else None) for event in told]


FAULTS = (
    _fault("tool-fragment-index-missing", "A streamed tool call has no index.",
           Streams(_CHAT, every(drop(f"{_CALLS}.index"))), 1),
    _fault("tool-fragments-one-index", "Parallel tool calls of a stream share the index 0.",
           Streams(_CHAT, every(put(f"{_CALLS}.index", 0))), 2),
    _fault("tool-fragment-type-missing", "A streamed tool call has no type.",
           Streams(_CHAT, every(drop(f"{_CALLS}.type"))), 4),
    _fault("tool-fragment-id-missing", "A streamed tool call has no id.", Streams(_CHAT, every(drop(f"{_CALLS}.id")))),
    _fault("stream-finish-key-missing", "Chunks before the last have no finish_reason.",
           Streams(_CHAT, every(each("choices.*", _unfinished))),
           12),
    _fault("stream-never-finished", "No chunk of a stream says why it ends.",
           Streams(_CHAT, every(put("choices.*.finish_reason", None))), 13),
    _fault("stream-finish-with-text", "The last text comes beside the finish_reason.",
           Streams(_CHAT, _finished_with_text), 18, hazard=True),
    _fault("stream-tool-calls-as-stop", "A streamed tool call finishes with stop.",
           Streams(_CHAT, final(each("choices.*.finish_reason", _stop))), 14),
    _fault("stream-ids-differ", "Each chunk has an id of its own.",
           Streams(_CHAT, _numbered(lambda number, data: {**data, "id": f"{data.get('id')}{number}"})), 19),
    _fault("stream-created-differs", "Each chunk has a time of its own.",
           Streams(_CHAT, _numbered(lambda number, data: {**data, "created": 1_767_225_600 + number})), 20),
    _fault("stream-index-counts", "The index of choices counts the chunks.",
           Streams(_CHAT, _numbered(lambda number, data: put("choices.*.index", number)(data, None))), 21),
    _fault("stream-object-missing", "Chunks have no object.", Streams(_CHAT, every(drop("object"))), 23),
    _fault("stream-delta-as-message", "Chunks have a message instead of a delta.",
           Streams(_CHAT, every(each("choices.*", _as_message)))),
    _fault("done-missing", "A stream has no end marker.", Streams(_CHAT, _without(lambda e: e.data == _DONE)), 24),
    _fault("done-padded", "White space stands behind the end marker.",
           Streams(_CHAT, _marked("[DONE] ")), 25),
    _fault("done-as-json", "The end marker is a text in JSON.",
           Streams(_CHAT, _marked('"[DONE]"'))),
    _fault("done-twice", "The end marker comes twice.",
           Streams(_CHAT, lambda told, _asked: [*told, Told(None, _DONE)])),
    _fault("stray-event-after-done", "An event comes after the end marker.",
           Streams(_CHAT, lambda told, _asked: [*told, Told(None, {"choices": [], "cost": "0"})]), 47),
    _fault("stream-ends-in-silence", "A stream fails in its middle and ends without a word.",
           Streams(_CHAT, _cut_in), 26),
    _fault("stream-ends-in-detail", "A stream fails in its middle with an object that is no error.",
           Streams(_CHAT, _error_in), 26),
    _fault("usage-with-choice", "The chunk with the usage has a choice.", Streams(_CHAT, _usage_with_choice), 27),
    _fault("usage-unasked", "A stream tells usage that nobody asked for.",
           Streams(_CHAT, final(lambda data, _asked: {**data, "usage": _USAGE})), 28),
    _fault("usage-in-every-chunk", "Every chunk tells usage.",
           Streams(_CHAT, every(lambda data, _asked: {**data, "usage": _USAGE})), 28),
    _fault("include-usage-ignored", "A stream ignores include_usage.", Asks(_CHAT, drop("stream_options")), 29),
    _fault("stream-usage-wrong", "The total of the usage of a stream is one more than its parts.",
           Streams(_CHAT, every(each("usage.total_tokens", lambda old: old + 1)))),
    _fault("stream-ignored", "Chat ignores stream, and answers whole.", Asks(_CHAT, _unstreamed)),
    _fault("stream-text-lost", "A stream loses a piece of its text.", Streams(_CHAT, _text_lost), hazard=True),
    _fault("stream-text-twice", "A stream tells each piece of its text twice.",
           Streams(_CHAT, _text_twice), hazard=True),
    _fault("stream-other-text", "A stream tells another text than the whole answer.",
           Streams(_CHAT, every(each("choices.*.delta.content", lambda old: old.upper() if old else old))),
           hazard=True),
    _fault("stream-role-missing", "No delta has a role.",
           Streams(_CHAT, every(drop("choices.*.delta.role"))), hazard=True),
    _fault("stream-n-ignored", "A stream ignores n.",
           Streams(_CHAT, _without(lambda e: isinstance(e.data, dict) and bool(e.data.get("choices"))
                                   and e.data["choices"][0]["index"] > 0)), 36),
    _fault("stream-logprobs-lost", "A stream ignores logprobs.",
           Streams(_CHAT, every(put("choices.*.logprobs", None)))),
    _fault("stream-chunk-broken", "The JSON of chunks lacks its last bracket.",
           Answers(_CHAT, _raw(lambda part: part.replace(b"}\n\n", b"\n\n")))),
    _fault("stream-lines-single", "Events are separated by one end of line, not by two.",
           Answers(_CHAT, _raw(lambda part: part[:-1]))),
    _fault("stream-prefix-missing", "Events have no field name before their data.",
           Answers(_CHAT, _raw(lambda part: part.replace(b"data: ", b"", 1)))),
    _fault("stream-not-utf-8", "A stream is not written in UTF-8.",
           Answers(_CHAT, _raw(lambda part: part.replace(b'"content":"', b'"content":"\xe9'))), hazard=True),
    _fault("completion-stream-done-missing", "A stream of completions has no end marker.",
           Streams("createCompletion", _without(lambda e: e.data == _DONE)), 24),
    _fault("completion-stream-never-finished", "No chunk of a stream of completions says why it ends.",
           Streams("createCompletion", every(put("choices.*.finish_reason", None))), 13),
    _fault("completion-stream-ids-differ", "Each chunk of completions has an id of its own.",
           Streams("createCompletion", _numbered(lambda number, data: {**data, "id": f"cmpl-{number}"})), 19),
    _fault("completion-stream-as-chat", "Chunks of completions have deltas.",
           Streams("createCompletion", every(each("choices.*", lambda old: {
               **{k: v for k, v in old.items() if k != "text"}, "delta": {"content": old["text"]}})))),
    _fault("responses-number-missing", "The pieces of a response's text have no sequence_number.",
           Streams(_RESPONSE, typed("response.output_text.delta", drop("sequence_number"))), 43),
    _fault("responses-number-stuck", "All events of a response have the same sequence_number.",
           Streams(_RESPONSE, every(put("sequence_number", 0))), 43),
    _fault("responses-index-missing", "Events of a response have no output_index.",
           Streams(_RESPONSE, every(drop("output_index"))), 44),
    _fault("responses-content-index-missing", "Events of a response have no content_index.",
           Streams(_RESPONSE, every(drop("content_index"))), 44),
    _fault("responses-text-never-done", "A text of a response is never done.",
           Streams(_RESPONSE, _lacking("response.output_text.done")), 45),
    _fault("responses-item-never-added", "Items of a response are never added.",
           Streams(_RESPONSE, _lacking("response.output_item.added")), 45),
    _fault("responses-deltas-missing", "A response streams no text, only the whole at its end.",
           Streams(_RESPONSE, _lacking("response.output_text.delta")), 45),
    _fault("responses-never-created", "A stream of a response begins without response.created.",
           Streams(_RESPONSE, _lacking("response.created"))),
    _fault("responses-never-completed", "A stream of a response ends without response.completed.",
           Streams(_RESPONSE, _lacking("response.completed", "response.incomplete"))),
    _fault("responses-done-text-differs", "The text that is done is not the text that was streamed.",
           Streams(_RESPONSE, typed("response.output_text.done", put("text", "Something else.")))),
    _fault("responses-final-output-empty", "The response at the end of its stream has no output.",
           Streams(_RESPONSE, typed("response.completed", put("response.output", [])))),
    _fault("responses-item-id-differs", "Deltas belong to an item that was never added.",
           Streams(_RESPONSE, typed("response.output_text.delta", put("item_id", "msg_0")))),
    _fault("responses-names-wrong", "Events of a response are all named delta.", Streams(_RESPONSE, _named_wrongly)),
    _fault("responses-type-missing", "Events of a response have no type.", Streams(_RESPONSE, every(drop("type")))),
    _fault("responses-arguments-never-done", "The arguments of a streamed call are never done.",
           Streams(_RESPONSE, _lacking("response.function_call_arguments.done")), 45),
    _fault("run-stream-done-missing", "A stream of a run has no end marker.",
           Streams(_RUNS, _without(lambda e: e.data == _DONE)), 24),
    _fault("run-stream-never-completed", "A stream of a run ends without its end.",
           Streams(_RUNS, _without(lambda e: e.name == "thread.run.completed"))),
    _fault("transcription-stream-done-missing", "A stream of a transcription ends without transcript.text.done.",
           Streams("createTranscription", _without(lambda e: _kind(e) == "transcript.text.done"))),
    _fault("image-stream-completed-missing", "A stream of an image ends without the image.",
           Streams("createImage", _without(lambda e: _kind(e) == "image_generation.completed"))),
    _fault("speech-stream-done-missing", "A stream of speech ends without speech.audio.done.",
           Streams("createSpeech", _without(lambda e: _kind(e) == "speech.audio.done"))),
)  # fmt: skip
