"""Every stream rule by a passing and a failing stream."""

from __future__ import annotations

import base64
import copy
import tracemalloc

import pytest
from assistant_examples import STREAMS

from assay.generate.media_values import picture
from assay.rules.catalogue import standard
from assay.rules.registry import Exchange

REGISTRY = standard()
NOW = 1_760_000_000
DONE = "[DONE]"
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
ASK = {"stream_options": {"include_usage": True}}
FRAME = {"id": "c1", "object": "chat.completion.chunk", "created": NOW, "model": "m"}


def piece(index=0, finish=None, logprobs=None, over=None, **delta):
    """A chunk with one choice."""
    choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish}
    return {**FRAME, "choices": [choice], **(over or {})}


def usage(**over):
    """The chunk with the usage."""
    return {**FRAME, "choices": [], "usage": USAGE, **over}


def call(index=0, arguments="", **start):
    """A chunk with a part of a tool call; ``start`` holds id, type and name where they are given."""
    function = {"arguments": arguments, **({"name": start.pop("name")} if "name" in start else {})}
    return piece(tool_calls=[{"index": index, "function": function, **start}])


def begin(index=0, called="call_1", arguments="{}"):
    """The first part of a tool call."""
    return call(index, arguments, id=called, type="function", name="f")


FIRST, TEXT, STOP = piece(role="assistant", content=""), piece(content="a"), piece(finish="stop")
CALLED = piece(finish="tool_calls")
GOOD = [FIRST, TEXT, TEXT, STOP, DONE]

TOP_ONE = {"logprobs": True, "top_logprobs": 1}


def rated(*others):
    """A chunk with a token, its log probability, and alternatives."""
    return piece(content="a", logprobs={"content": [{"token": "a", "top_logprobs": list(others)}]})


CHAT = [
    ("stream/done-missing", {}, [FIRST, STOP, DONE], [FIRST, STOP]),
    ("stream/done-missing", {}, [FIRST, {"error": {"message": "x"}}], [FIRST, STOP]),
    ("stream/done-once", {}, GOOD, [*GOOD, DONE]),
    ("stream/done-last", ASK, [FIRST, STOP, usage(), DONE], [FIRST, STOP, DONE, usage()]),
    ("stream/done-exact", {}, GOOD, [FIRST, STOP, "[DONE] "]),
    ("stream/event-name", {}, [FIRST, ("error", {"error": {}}), STOP, DONE], [("x", FIRST), STOP, DONE]),
    ("chat-stream/same-id", {}, GOOD, [FIRST, {**TEXT, "id": "c2"}, STOP, DONE]),
    ("chat-stream/same-created", {}, GOOD, [FIRST, {**STOP, "created": NOW + 1}, DONE]),
    ("chat-stream/same-model", {}, GOOD, [FIRST, {**STOP, "model": "n"}, DONE]),
    ("chat-stream/id-set", {}, GOOD, [{**e, "id": ""} for e in GOOD[:-1]] + [DONE]),
    ("chat-stream/created-seconds", {}, GOOD, [{**e, "created": NOW * 1000} for e in GOOD[:-1]] + [DONE]),
    ("chat-stream/choice-index", {}, GOOD, [FIRST, piece(197, content="a"), STOP, DONE]),
    ("chat-stream/choices-count", {"n": 2}, [FIRST, piece(1, role="assistant"), STOP, piece(1, "stop"), DONE], GOOD),
    ("chat-stream/choices-empty", {"moderation": {}}, [FIRST, {**FRAME, "choices": [], "moderation": {}}, STOP, DONE],
     [FIRST, {**FRAME, "choices": []}, STOP, DONE]),
    ("chat-stream/choices-empty", {**ASK, "moderation": {}},
     [FIRST, STOP, usage(), {**FRAME, "choices": [], "moderation": {}}, DONE],
     [FIRST, STOP, usage(), {"choices": [], "cost": "0"}, DONE]),
    ("chat-stream/choices-empty", {}, GOOD, [{"id": "", "model": "", "created": 0, "choices": []}, *GOOD]),
    ("chat-stream/finish-missing", {}, GOOD, [FIRST, TEXT, DONE]),
    ("chat-stream/finish-last", {}, GOOD, [FIRST, STOP, TEXT, DONE]),
    ("chat-stream/finish-last", {}, GOOD, [FIRST, STOP, STOP, DONE]),
    ("chat-stream/usage-unasked", {}, [FIRST, {**STOP, "usage": None}, DONE], [FIRST, STOP, usage(), DONE]),
    ("chat-stream/usage-missing", ASK, [FIRST, STOP, usage(), DONE], GOOD),
    ("chat-stream/usage-last", ASK, [FIRST, STOP, usage(), DONE], [FIRST, {**STOP, "usage": USAGE}, DONE]),
    ("chat-stream/usage-last", ASK, [FIRST, STOP, usage(), DONE], [FIRST, STOP, usage(), usage(), DONE]),
    ("chat-stream/usage-last", ASK, [FIRST, STOP, usage(), DONE], [FIRST, usage(), STOP, DONE]),
    ("chat-stream/usage-last", {"stream_options": {"include_usage": True, "continuous_usage_stats": True}},
     [{**FIRST, "usage": USAGE}, {**STOP, "usage": USAGE}, usage(), DONE], None),
    ("chat-stream/usage-sums", ASK, [FIRST, STOP, usage(), DONE],
     [FIRST, STOP, usage(usage={**USAGE, "total_tokens": 0}), DONE]),
    ("chat-stream/after-error", {}, [FIRST, {"error": {"message": "x"}}, DONE],
     [FIRST, {"error": {"message": "x"}}, TEXT, DONE]),
    ("chat-stream/role-first", {}, GOOD, [TEXT, STOP, DONE]),
    ("chat-stream/role-once", {}, GOOD, [FIRST, piece(role="assistant", content="a"), STOP, DONE]),
    ("chat-stream/finish-alone", {}, [FIRST, piece(finish="stop", content=""), DONE],
     [FIRST, piece(finish="stop", content="b"), DONE]),
    ("chat-stream/tool-call-start", {}, [FIRST, begin(), CALLED, DONE],
     [FIRST, call(0, "{}", id="call_1", name="f"), CALLED, DONE]),
    ("chat-stream/tool-call-start", {}, [FIRST, begin(), CALLED, DONE],
     [FIRST, call(0, "{}", id="", type="function", name="f"), CALLED, DONE]),
    ("chat-stream/tool-call-index", {}, [FIRST, begin(), begin(1, "b"), CALLED, DONE],
     [FIRST, begin(1), CALLED, DONE]),
    ("chat-stream/tool-call-mixed", {}, [FIRST, begin(), begin(1, "b"), CALLED, DONE],
     [FIRST, begin(), begin(0, "b"), CALLED, DONE]),
    ("chat-stream/tool-call-ids", {}, [FIRST, begin(), begin(1, "b"), CALLED, DONE],
     [FIRST, begin(), begin(1), CALLED, DONE]),
    ("chat-stream/tool-call-once", {}, [FIRST, begin(arguments="{"), call(0, "}", id=None), CALLED, DONE],
     [FIRST, begin(arguments="{"), call(0, "}", id="call_1"), CALLED, DONE]),
    ("chat-stream/arguments-json", {}, [FIRST, begin(arguments="{"), piece(finish="length"), DONE],
     [FIRST, begin(arguments="{"), call(0, "{"), CALLED, DONE]),
    ("chat-stream/tool-calls-finish", {}, [FIRST, begin(), CALLED, DONE], [FIRST, begin(), STOP, DONE]),
    ("chat-stream/tool-calls-finish", {"tool_choice": "required"}, [FIRST, begin(), STOP, DONE], None),
    ("chat-stream/finish-tool-calls", {}, [FIRST, begin(), CALLED, DONE], [FIRST, CALLED, DONE]),
    ("chat-stream/stop-sequences", {"stop": "END"}, [FIRST, piece(content="E N"), piece(content="D"), STOP, DONE],
     [FIRST, piece(content="E"), piece(content="N"), piece(content="D"), STOP, DONE]),
    ("chat-stream/moderation-unasked", {"moderation": {}}, [FIRST, {**STOP, "moderation": {}}, DONE], None),
    ("chat-stream/moderation-unasked", {}, GOOD, [FIRST, {**STOP, "moderation": {}}, DONE]),
    ("chat-stream/obfuscation-unasked", {"stream_options": {"include_obfuscation": False}}, GOOD,
     [FIRST, {**TEXT, "obfuscation": "x"}, STOP, DONE]),
    ("chat-stream/logprobs-given", {"logprobs": True},
     [FIRST, piece(content="a", logprobs={"content": [{}]}), piece(content="b"), STOP, DONE],
     [FIRST, piece(content="a"), piece(content="b", logprobs={"content": []}), STOP, DONE]),
    ("chat-stream/logprobs-given", {"logprobs": True}, [FIRST, begin(), CALLED, DONE], None),
    ("chat-stream/top-logprobs-given", TOP_ONE, [FIRST, rated(), rated({}), STOP, DONE],
     [FIRST, rated(), rated(), STOP, DONE]),
    ("chat-stream/top-logprobs-given", {"logprobs": True}, [FIRST, rated(), STOP, DONE], None),
    ("chat-stream/top-logprobs-given", TOP_ONE, [FIRST, piece(content="a", logprobs={"content": [{}]}), STOP, DONE],
     None),
    ("chat-stream/logprobs-unasked", {"logprobs": True}, [FIRST, piece(logprobs={"content": [{}]}), STOP, DONE], None),
    ("chat-stream/logprobs-unasked", {}, GOOD, [FIRST, piece(content="a", logprobs={"content": [{}]}), STOP, DONE]),
]  # fmt: skip


def words(index=0, finish=None, **over):
    """A chunk of a text completion."""
    choice = {"index": index, "text": "a", "logprobs": None, "finish_reason": finish}
    return {"id": "t1", "created": NOW, "model": "m", "choices": [choice], **over}


TEXTS = [words(), words(finish="stop"), DONE]
TEXT_USAGE = words(choices=[], usage=USAGE)

COMPLETIONS = [
    ("same-id", {}, TEXTS, [words(), words(finish="stop", id="t2"), DONE]),
    ("same-created", {}, TEXTS, [words(), words(finish="stop", created=NOW + 1), DONE]),
    ("same-model", {}, TEXTS, [words(), words(finish="stop", model="n"), DONE]),
    ("id-set", {}, TEXTS, [words(finish="stop", id=""), DONE]),
    ("created-seconds", {}, TEXTS, [words(finish="stop", created=NOW * 1000), DONE]),
    ("choice-index", {"prompt": ["a", "b"]}, [words(1, "stop"), words(0, "stop"), DONE],
     [words(2), words(1, "stop"), words(0, "stop"), DONE]),
    ("choices-count", {"n": 2}, [words(1, "stop"), words(0, "stop"), DONE], TEXTS),
    ("choices-empty", {}, TEXTS, [words(choices=[]), *TEXTS]),
    ("finish-missing", {}, TEXTS, [words(), DONE]),
    ("finish-last", {}, TEXTS, [words(finish="stop"), words(), DONE]),
    ("usage-unasked", {}, TEXTS, [*TEXTS[:2], TEXT_USAGE, DONE]),
    ("usage-missing", ASK, [*TEXTS[:2], TEXT_USAGE, DONE], TEXTS),
    ("usage-last", ASK, [*TEXTS[:2], TEXT_USAGE, DONE], [*TEXTS[:2], TEXT_USAGE, TEXT_USAGE, DONE]),
    ("usage-sums", ASK, [*TEXTS[:2], TEXT_USAGE, DONE],
     [*TEXTS[:2], {**TEXT_USAGE, "usage": {**USAGE, "total_tokens": 9}}, DONE]),
    ("stop-sequences", {"stop": "aa", "echo": True}, [words(), *TEXTS], None),
    ("stop-sequences", {"stop": ["aa"]}, [words(finish="stop"), DONE], [words(), *TEXTS]),
    ("after-error", {}, [words(), {"error": "x"}], [words(), {"error": "x"}, words(), DONE]),
]  # fmt: skip


def events(*kinds, **changes):
    """A whole stream of a response; ``kinds`` are left out, ``changes`` change the events of a type (dots as _)."""
    message = {"id": "m1", "type": "message", "content": [{"type": "output_text", "text": "ab"}]}
    tool = {"id": "f1", "type": "function_call", "name": "f", "call_id": "c", "arguments": "{}"}
    text = {"item_id": "m1", "output_index": 0, "content_index": 0}
    arguments = {"item_id": "f1", "output_index": 1}
    response = {"id": "r1", "status": "in_progress", "output": [], "usage": None}
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    whole = [
        ("created", {"response": response}),
        ("in_progress", {"response": response}),
        ("output_item.added", {"output_index": 0, "item": {**message, "content": []}}),
        ("content_part.added", {**text, "part": {"type": "output_text", "text": ""}}),
        ("output_text.delta", {**text, "delta": "a"}),
        ("output_text.delta", {**text, "delta": "b"}),
        ("output_text.done", {**text, "text": "ab"}),
        ("content_part.done", {**text, "part": message["content"][0]}),
        ("output_item.done", {"output_index": 0, "item": message}),
        ("output_item.added", {"output_index": 1, "item": {**tool, "arguments": ""}}),
        ("function_call_arguments.delta", {**arguments, "delta": "{}"}),
        ("function_call_arguments.done", {**arguments, "arguments": "{}"}),
        ("output_item.done", {"output_index": 1, "item": tool}),
        ("completed", {"response": {**response, "status": "completed", "output": [message, tool], "usage": usage}}),
    ]
    made = []
    for kind, body in copy.deepcopy(whole):
        if kind in kinds:
            continue
        body.update(changes.get(kind.replace(".", "_"), {}))
        named = {"type": f"response.{kind}", "sequence_number": len(made), **body}
        made.append((named["type"], named))
    return made


WHOLE = events()
EXTRA = ("response.created", {**WHOLE[0][1], "sequence_number": 14})
ERROR = ("error", {"type": "error", "sequence_number": 1, "message": "x"})
RESPONSE = WHOLE[-1][1]["response"]

WRONG_USAGE = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 4}


def renumbered(*stream, **over):
    """Events in a row, numbered anew; ``over`` changes the last one."""
    last = {**stream[-1][1], **over}
    bodies = [*(body for _, body in stream[:-1]), last]
    return [(body["type"], {**body, "sequence_number": number}) for number, body in enumerate(bodies)]


def typed(*kinds, **body):
    """Events of these types, each with the body and named by its type."""
    return [(kind, {"type": kind, **body}) for kind in kinds]


def finished(**over):
    """A whole stream whose function call is finished with other values than were streamed."""
    item = {**RESPONSE["output"][1], **over}
    done = (WHOLE[12][0], {**WHOLE[12][1], "item": item})
    return renumbered(*WHOLE[:12], done, WHOLE[13], response={**RESPONSE, "output": [RESPONSE["output"][0], item]})


def unsaid(text):
    """A whole stream of a message whose text came in no delta."""
    part = {"type": "output_text", "text": text}
    item = {**RESPONSE["output"][0], "content": [part]}
    done = ("response.output_text.done", {**WHOLE[6][1], "text": text})
    ends = (WHOLE[7][0], {**WHOLE[7][1], "part": part}), (WHOLE[8][0], {**WHOLE[8][1], "item": item})
    return renumbered(*WHOLE[:4], done, *ends, WHOLE[13], response={**RESPONSE, "output": [item]})


def summed(*deltas):
    """A whole stream of a summary of reasoning, ``ab``, in some deltas."""
    item = {"id": "rs1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "ab"}]}
    place = {"item_id": "rs1", "output_index": 0, "summary_index": 0}
    stem = "response.reasoning_summary"
    stream = [
        *WHOLE[:2],
        *typed("response.output_item.added", output_index=0, item={**item, "summary": []}),
        *typed(f"{stem}_part.added", **place, part={"type": "summary_text", "text": ""}),
        *(event for delta in deltas for event in typed(f"{stem}_text.delta", **place, delta=delta)),
        *typed(f"{stem}_text.done", **place, text="ab"),
        *typed("response.output_item.done", output_index=0, item=item),
        WHOLE[13],
    ]
    return renumbered(*stream, response={**RESPONSE, "output": [item]})


LISTED = (WHOLE[9][0], {**WHOLE[9][1], "output_index": 4, "item": {"type": "mcp_list_tools"}})

EARLY = (WHOLE[10][0], {**WHOLE[10][1], "output_index": 7})

RESPONSES = [
    ("sequence", WHOLE, [*WHOLE[:13], (WHOLE[13][0], {**WHOLE[13][1], "sequence_number": 15})]),
    ("event-name", WHOLE, [("response.queued", WHOLE[0][1]), *WHOLE[1:]]),
    ("event-named", WHOLE, [("message", event) for _, event in WHOLE]),
    ("created-first", WHOLE, events("created")),
    ("created-first", WHOLE, renumbered(WHOLE[0], *WHOLE)),
    ("end-missing", [*WHOLE[:1], ERROR], WHOLE[:-1]),
    ("end-last", WHOLE, renumbered(*WHOLE, WHOLE[1])),
    ("same-id", WHOLE, events(in_progress={"response": {"id": "r2", "status": "in_progress"}})),
    ("status", WHOLE, events(completed={"response": {**RESPONSE, "status": "in_progress"}})),
    ("item-added", WHOLE, renumbered(*WHOLE[:9], EARLY, *WHOLE[9:])),
    ("item-index", WHOLE, renumbered(*WHOLE[:2], LISTED, WHOLE[13], response={**RESPONSE, "output": []})),
    ("item-done", WHOLE, events("function_call_arguments.delta", "function_call_arguments.done", "output_item.done")),
    ("part-added", WHOLE, events("content_part.added")),
    ("text-joined", WHOLE, events(output_text_delta={"delta": "x"})),
    ("deltas-missing", WHOLE, events("output_text.delta")),
    ("deltas-missing", unsaid(""), unsaid("ab")),
    ("whole-only", summed("a", "b"), summed()),
    ("whole-only", WHOLE, events("function_call_arguments.delta")),
    ("text-done", WHOLE, events("output_text.done", "content_part.done")),
    ("text-done", WHOLE, events("function_call_arguments.done", "function_call_arguments.delta")),
    ("item-final", WHOLE, finished(arguments="[]")),
    ("response-final", WHOLE, events(completed={"response": {**RESPONSE, "output": []}})),
    ("usage-sums", WHOLE, events(completed={"response": {**RESPONSE, "usage": WRONG_USAGE}})),
]


PARTIAL, COMPLETED = "image_generation.partial_image", "image_generation.completed"
HEARD, ALL_HEARD, SEGMENT = (f"transcript.text.{kind}" for kind in ("delta", "done", "segment"))
END = typed(ALL_HEARD, text="aa")
SPEECH = typed("speech.audio.delta", "speech.audio.done")
SPENT = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 4}


def drawn(width, height):
    """An image of a size, as base64."""
    return base64.b64encode(picture("webp", size=(width, height))).decode()


MEDIA = [
    ("createImage", "images-stream/completed", {}, typed(COMPLETED), typed(PARTIAL[:-5])),
    ("createImage", "images-stream/completed", {"n": 2}, typed(COMPLETED, COMPLETED), typed(COMPLETED)),
    ("createImage", "images-stream/completed", {}, [{"type": "error", "error": {"message": "x"}}], []),
    ("createImage", "images-stream/event-name", {}, typed(COMPLETED), [("message", {"type": COMPLETED})]),
    ("createImageEdit", "images-stream/partial-count", {"partial_images": 2}, typed(PARTIAL, COMPLETED),
     typed(PARTIAL, PARTIAL, PARTIAL, COMPLETED)),
    ("createImage", "images-stream/partial-index", {"partial_images": 1},
     [*typed(PARTIAL, partial_image_index=0), *typed(COMPLETED)],
     [*typed(PARTIAL, partial_image_index=1), *typed(COMPLETED)]),
    ("createImage", "images-stream/bytes-size", {"size": "64x64"}, typed(COMPLETED, b64_json=drawn(64, 64)),
     typed(COMPLETED, b64_json=drawn(64, 65))),
    ("createImageEdit", "images-stream/bytes-size", {}, typed(COMPLETED, b64_json=drawn(9, 9), size="9x9"),
     typed(COMPLETED, b64_json=drawn(9, 9), size="8x9")),
    ("createTranscription", "audio-stream/done", {}, [*typed(HEARD, HEARD, delta="a"), *END], typed(HEARD, delta="a")),
    ("createTranscription", "audio-stream/done", {}, typed("error"), [*typed(HEARD, HEARD, delta="a"), *END, *END]),
    ("createTranscription", "audio-stream/text", {"response_format": "diarized_json"}, END,
     None),
    ("createTranscription", "audio-stream/text", {}, [*typed(HEARD, delta="aa"), *END], END),
    ("createTranscription", "audio-stream/segments-unasked", {"response_format": "diarized_json"},
     [*typed(SEGMENT), *END], None),
    ("createTranscription", "audio-stream/segments-unasked", {"model": "mine"},
     [*typed(HEARD, delta="aa", segment_id="s"), *END], [*typed(SEGMENT), *typed(HEARD, delta="aa"), *END]),
    ("createTranscription", "audio-stream/segments-unasked", {"model": "whisper-1"},
     [*typed(HEARD, delta="aa"), *END], [*typed(HEARD, delta="aa", segment_id="s"), *END]),
    ("createTranscription", "audio-stream/logprobs-unasked", {"include": ["logprobs"]},
     typed(ALL_HEARD, text="", logprobs=[]), None),
    ("createTranscription", "audio-stream/logprobs-unasked", {}, typed(ALL_HEARD, text=""),
     typed(ALL_HEARD, text="", logprobs=[])),
    ("createSpeech", "speech-stream/done", {}, SPEECH, [*SPEECH, *SPEECH[:1]]),
    ("createSpeech", "speech-stream/usage-sums", {}, SPEECH, typed("speech.audio.done", usage=SPENT)),
]  # fmt: skip


def with_events(*made):
    """A stream that has one item of a tool, with more events of it."""
    item = {"type": "image_generation_call", "id": "i1"}
    place = {"item_id": "i1", "output_index": 0}
    bodies = [
        ("response.output_item.added", {"output_index": 0, "item": item}),
        *((kind, {**place, **body}) for kind, body in made),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": {**RESPONSE, "output": [item]}}),
    ]
    return renumbered(*WHOLE[:2], *((kind, {"type": kind, **body}) for kind, body in bodies))


def partial(index, data="aGk="):
    """An event that brings a partial image."""
    return "response.image_generation_call.partial_image", {"partial_image_index": index, "partial_image_b64": data}


def stage(name):
    """An event of a search call."""
    return f"response.web_search_call.{name}", {}


def annotated(*indexes):
    """A whole stream with annotations of its text."""
    kind = "response.output_text.annotation.added"
    place = {"type": kind, "item_id": "m1", "output_index": 0, "content_index": 0, "annotation": None}
    return renumbered(*WHOLE[:6], *((kind, {**place, "annotation_index": index}) for index in indexes), *WHOLE[6:])


TWO_IMAGES = {"tools": [{"type": "image_generation", "partial_images": 2}]}
BARE = {"stream_options": {"include_obfuscation": False}}
BEGUN = {"id": "r1", "status": "in_progress", "output": []}

PROGRESS = [
    ("created-empty", {}, WHOLE, events(created={"response": {**BEGUN, "status": "completed"}})),
    ("created-empty", {}, WHOLE, events(created={"response": {**BEGUN, "output": [{}]}})),
    ("progress-second", {}, WHOLE, events("in_progress")),
    ("item-id", {}, with_events(stage("searching")),
     with_events(("response.web_search_call.searching", {"item_id": "i9"}))),
    ("item-begun", {}, WHOLE, events(output_item_added={"item": {"status": "incomplete"}})),
    ("part-done", {}, WHOLE, events(content_part_done={"part": {"type": "output_text", "text": "x"}})),
    ("part-index", {}, WHOLE, renumbered(*WHOLE[:4], WHOLE[3], *WHOLE[4:])),
    ("annotation-index", {}, annotated(0, 1), annotated(0, 4)),
    ("call-progress", {}, with_events(stage("in_progress"), stage("searching"), stage("completed")),
     with_events(stage("searching"), stage("in_progress"))),
    ("call-progress", {}, with_events(stage("completed")), with_events(stage("completed"), stage("completed"))),
    ("image-index", TWO_IMAGES, with_events(partial(0), partial(1)), with_events(partial(1))),
    ("image-index", TWO_IMAGES, with_events(partial(0)), with_events(partial(0, "no base64"))),
    ("images-asked", TWO_IMAGES, with_events(partial(0), partial(1)),
     with_events(partial(0), partial(1), partial(2))),
    ("obfuscation-unasked", BARE, WHOLE, events(output_text_done={"obfuscation": "x"})),
    ("usage-missing", {}, WHOLE, events(completed={"response": {**RESPONSE, "usage": None}})),
    ("done-marker", {}, WHOLE, [*WHOLE, DONE]),
]  # fmt: skip

EXAMPLES = [
    *MEDIA,
    *(("createResponse", f"responses-stream/{rule}", *row) for rule, *row in PROGRESS),
    *(("createChatCompletion", *row) for row in CHAT),
    *(("createCompletion", f"completions-stream/{rule}", *row) for rule, *row in COMPLETIONS),
    *(("createResponse", f"responses-stream/{rule}", {}, *row) for rule, *row in RESPONSES),
    *STREAMS,
]


def run(operation, request, stream, registry=REGISTRY):
    """The violations of a stream: JSON values, (name, value) pairs, or texts that are not JSON."""
    rules = registry.open_stream(Exchange(operation, {"stream": True, **request}))
    found = []
    for number, event in enumerate(stream):
        if isinstance(event, str):
            marked = rules.mark(number, event)
            assert marked is not None
            found += marked
        else:
            name, value = event if isinstance(event, tuple) else ("message", event)
            found += rules.feed(number, value, name)
    return [*found, *rules.close()]


@pytest.mark.parametrize(
    ("operation", "rule", "request_body", "passing", "failing"), EXAMPLES, ids=[row[1] for row in EXAMPLES]
)
def test_stream_examples(operation, rule, request_body, passing, failing):
    """The passing stream breaks no rule and the failing one breaks its rule alone, told once."""
    assert run(operation, request_body, passing) == []
    if failing is not None:
        assert [violation.rule for violation in run(operation, request_body, failing)] == [rule]


def test_every_stream_rule_has_an_example():
    """A rule without an example in the tables is not shown to work."""
    shown = {row[1] for row in EXAMPLES if row[4] is not None}
    shown.add("responses-stream/resumed-after")  # it has a test of its own, for its exchange has a query
    assert shown == {rule.id for rule in REGISTRY.rules if rule.side == "stream"}


@pytest.mark.parametrize(("after", "broken"), [(1, True), (0, True), (-1, False), (None, False), ("x", False)])
def test_a_stream_taken_up_again_begins_after_the_given_number(after, broken):
    """Events up to starting_after do not come again; told once."""
    exchange = Exchange("getResponse", None, query={"starting_after": after})
    rules = REGISTRY.open_stream(exchange)
    found = [one for number, (name, event) in enumerate(WHOLE) for one in rules.feed(number, event, name)]
    assert [one.rule for one in found] == ["responses-stream/resumed-after"] * broken


def test_other_text_is_no_end_marker():
    """What is neither JSON nor the end marker is left to the reader of the JSON."""
    rules = REGISTRY.open_stream(Exchange("createChatCompletion", {}))
    assert rules.mark(0, "DONE") is None
    assert rules.mark(0, "[DONE]") == ()


def test_a_stream_rule_can_be_switched_off():
    """A rule that is off is not told, and the others are."""
    stream = [FIRST, {**TEXT, "id": "c2"}, DONE]
    told = run("createChatCompletion", {}, stream, standard(off=["chat-stream/same-id"]))
    assert [violation.rule for violation in told] == ["chat-stream/finish-missing"]


def test_operations_without_stream_rules_accept_any_stream():
    """Streams of other operations have no rules here, and the end marker is no fault in them."""
    assert run("someOtherOperation", {}, [{"type": "thread.created"}, DONE]) == []


@pytest.mark.parametrize(
    ("operation", "make"),
    [
        ("createChatCompletion", lambda n: piece(content="otter " * 4, over={"x": n})),
        ("createChatCompletion", lambda n: piece(n, content="otter")),
        ("createChatCompletion", lambda n: piece(content="o", over={"id": f"c{n}"})),
        ("createChatCompletion", lambda _: call(0, "12345678", id="", type="function")),
        ("createChatCompletion", lambda n: call(n, "1", id=f"call{n}", type="function", name="f")),
        ("createResponse", lambda n: ("x", {**WHOLE[4][1], "output_index": n, "sequence_number": n})),
        ("createResponse", lambda n: ("x", {**WHOLE[2][1], "output_index": n, "sequence_number": n})),
    ],
)
def test_memory_is_bounded(operation, make):
    """20,000 events of any kind, also hostile ones, leave little behind and few violations."""
    rules = REGISTRY.open_stream(Exchange(operation, {"stream": True}))
    tracemalloc.start()
    found = 0
    for number in range(20_000):
        event = make(number)
        name, value = event if isinstance(event, tuple) else ("message", event)
        found += len(rules.feed(number, value, name))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found < 10
    assert held < 2_000_000
