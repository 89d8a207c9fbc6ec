"""Every rule by a passing and a failing example; what passes breaks no rule, what fails breaks that one alone."""

from __future__ import annotations

import base64
import mmap
import struct

import pytest
import tuning_rule_examples
from assistant_examples import EXAMPLES as ASSISTANTS
from response_examples import EXAMPLES as RESPONSES

from assay.generate.media_values import picture
from assay.rules.catalogue import standard
from assay.rules.registry import Exchange
from assay.wire.multipart import FilePart

REGISTRY = standard()
NOW = 1_760_000_000
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOLS = [{"type": "function", "function": {"name": "f"}}]
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
LOGPROBS = {"content": [{"token": "hi", "logprob": -1, "bytes": None, "top_logprobs": [{}, {}]}], "refusal": None}
NO_OTHERS = {"content": [{"token": "h", "logprob": 0, "bytes": None, "top_logprobs": []}, {"token": "i"}]}
FEW = {"content": [*NO_OTHERS["content"][:1], {"token": "i", "logprob": 0, "bytes": None, "top_logprobs": [{}]}]}
OTHER_LOGPROBS = {"content": [{"token": "h", "bytes": [104]}, {"token": "\ufffd", "bytes": [111]}]}
ONE = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
CITY = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
STRICT = [{"type": "function", "function": {"name": "f", "strict": True, "parameters": CITY}}]
AS_CITY = {"type": "json_schema", "json_schema": {"name": "c", "strict": True, "schema": CITY}}
OPEN = {"type": "object", "properties": {"a": {"anyOf": [CITY, {"type": "object"}]}}, "required": ["a"]}
CITED = {"type": "url_citation", "url_citation": {"start_index": 0, "end_index": 2, "url": "u", "title": "t"}}
MARKED = {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def choice(index=0, finish="stop", logprobs=None, **message):
    """One choice of a chat completion."""
    message = {"role": "assistant", "content": "hi", "refusal": None, **message}
    return {"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish}


def chat(*choices, request=None, **over):
    """An exchange of a chat completion."""
    body = {"id": "chatcmpl-1", "object": "chat.completion", "created": NOW, "model": "m", "usage": USAGE}
    return Exchange("createChatCompletion", request or {}, {**body, "choices": list(choices or (choice(),)), **over})


def called(*calls, finish="tool_calls", index=0):
    """A choice with tool calls."""
    return choice(index, finish, content=None, tool_calls=list(calls or (CALL,)))


def asked(operation="createChatCompletion", **request):
    """A request alone."""
    return Exchange(operation, request, None, 0)


def talk(*messages):
    """A chat request of messages, the ids of tool calls and answers only."""
    made = []
    for message in messages:
        role, *ids = message.split()
        calls = {"tool_calls": [{**CALL, "id": i} for i in ids]} if role == "assistant" and ids else {}
        made.append({"role": role, "content": "x", **calls, **({"tool_call_id": ids[0]} if role == "tool" else {})})
    return asked(messages=made)


def text(*texts, request=None, **over):
    """An exchange of a text completion."""
    choices = [{"index": i, "text": t, "logprobs": None, "finish_reason": "stop"} for i, t in enumerate(texts or "a")]
    body = {"id": "cmpl-1", "object": "text_completion", "created": NOW, "model": "m", "usage": USAGE}
    return Exchange("createCompletion", request or {}, {**body, "choices": choices, **over})


def rated(chosen, top, asked_for, **request):
    """A text completion with log probabilities of its tokens, and of those beside them."""
    logprobs = {"token_logprobs": chosen, "top_logprobs": top}
    made = [{"index": 0, "text": "a", "logprobs": logprobs, "finish_reason": "stop"}]
    return text(choices=made, request={"logprobs": asked_for, **request})


def floats(*numbers):
    """Numbers as base64 of 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def vectors(*embeddings, indexes=None, usage=None, **request):
    """An exchange of embeddings."""
    data = [{"index": i, "embedding": e} for i, e in zip(indexes or range(len(embeddings)), embeddings, strict=True)]
    usage = usage or {"prompt_tokens": 3, "total_tokens": 3}
    return Exchange("createEmbedding", request, {"object": "list", "data": data, "model": "m", "usage": usage})


def model(operation, response, **path_values):
    """An exchange about models."""
    return Exchange(operation, None, response, path_values=path_values)


def pictures(*data, created=NOW, usage=None, **request):
    """An exchange of images."""
    return Exchange("createImage", request, {"created": created, "data": list(data), "usage": usage})


def drawn(pixels, told=None, kind="png", **request):
    """An exchange of one image of a size."""
    encoded = base64.b64encode(picture(kind, size=pixels)).decode()
    return Exchange("createImage", request, {"created": NOW, "data": [{"b64_json": encoded}], "size": told})


def answer(*output, request=None, operation="createResponse", **over):
    """An exchange of the Responses API."""
    request = {"tools": [{"type": "function", "name": "f"}], **(request or {})}
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    body = {"id": "resp_1", "created_at": NOW, "status": "completed", "error": None, "incomplete_details": None}
    response = {**body, "output": list(output), "usage": usage, **over}
    return Exchange(operation, request, response, path_values={"response_id": "resp_1"})


def function_call(call_id="call_1", arguments="{}"):
    """An output item that calls a function."""
    return {"type": "function_call", "id": f"fc_{call_id}", "call_id": call_id, "name": "f", "arguments": arguments}


def calling(arguments):
    """A choice that calls the function f."""
    return called({**CALL, "function": {"name": "f", "arguments": arguments}})


def file(data=b"", name="a", kind="", field="file"):
    """A file of a request."""
    return FilePart(field, name, kind, data, field)


def sent(operation, *files, **request):
    """A request with files."""
    return Exchange(operation, {**{f.field: "" for f in files}, **request}, None, 0, files=files)


def image(width=4, height=4, colour=6, kind=b"\x89PNG\r\n\x1a\n", field="image", size=0):
    """The head of a PNG (colour type 6 has an alpha channel), filled up to a size."""
    head = kind + b"\0\0\0\rIHDR" + width.to_bytes(4) + height.to_bytes(4) + bytes((8, colour, 0, 0, 0))
    return file(head.ljust(size, b"\0"), "a.png", "image/png", field)


def edit(*files, **request):
    """A request for an edit."""
    return sent("createImageEdit", *files, prompt="x", **request)


VERBOSE = {"text": "a", "language": "en", "duration": 1}


def heard(response, operation="createTranscription", **request):
    """An exchange of a transcription."""
    return Exchange(operation, request, response)


def spoken(body, **request):
    """An exchange of a speech."""
    return Exchange("createSpeech", request, body=body)


def uploaded(*files, request=None, **response):
    """An exchange of an upload."""
    return Exchange("createFile", request or {}, response, files=files)


def moderated(*results, **request):
    """An exchange of a moderation; a result is what it flags, by category."""
    made = [{"flagged": any(r.values()), "categories": r} for r in results]
    return Exchange("createModeration", request, {"results": made})


WAV, PNG = b"RIFF\0\0\0\0WAVEfmt ", base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24)).decode()
MB = 1024 * 1024

EXAMPLES = [
    ("chat/stream-options-need-stream", asked(stream=True, stream_options={}), asked(stream_options={})),
    ("chat/top-logprobs-need-logprobs", asked(logprobs=True, top_logprobs=2), asked(top_logprobs=2)),
    ("chat/tool-choice-needs-tools", asked(tool_choice="required", tools=TOOLS), asked(tool_choice="required")),
    (
        "chat/tool-messages-answer-calls",
        talk("user", "assistant a b", "tool b", "tool a", "assistant c", "tool c"),
        talk("user", "assistant a", "tool a", "tool c"),
    ),
    ("chat/tool-calls-answered", talk("user", "assistant a"), talk("user", "assistant a b", "tool a", "user")),
    ("chat/id-set", chat(), chat(id="")),
    ("chat/created-seconds", chat(), chat(created=NOW * 1000)),
    ("chat/created-set", chat(), chat(created=0)),
    ("chat/choices-count", chat(choice(), choice(1), request={"n": 2}), chat(request={"n": 2})),
    ("chat/choices-indexes", chat(choice(1), choice(), request={"n": 2}), chat(choice(), choice(), request={"n": 2})),
    ("chat/usage-sums", chat(usage=None), chat(usage={**USAGE, "total_tokens": 6})),
    (
        "chat/usage-details",
        chat(usage={**USAGE, "completion_tokens_details": {"reasoning_tokens": 2}}),
        chat(usage={**USAGE, "prompt_tokens_details": {"cached_tokens": 4}}),
    ),
    ("chat/token-limit", chat(request={"max_completion_tokens": 3}), chat(request={"max_tokens": 1})),
    ("chat/tool-calls-finish", chat(called()), chat(called(finish="stop"))),
    ("chat/finish-tool-calls", chat(called(finish="length")), chat(choice(finish="tool_calls"))),
    ("chat/tool-call-ids", chat(called(CALL, {**CALL, "id": "call_2"})), chat(called(CALL, CALL))),
    (
        "chat/arguments-json",
        chat(called({**CALL, "function": {"name": "f", "arguments": '{"a'}}, finish="length")),
        chat(called({**CALL, "function": {"name": "f", "arguments": '{"a'}})),
    ),
    (
        "chat/tool-choice",
        chat(called(finish="stop"), request={"tool_choice": {"type": "function", "function": {"name": "f"}}}),
        chat(called(), request={"tool_choice": {"type": "function", "function": {"name": "g"}}}),
    ),
    ("chat/tool-choice", chat(called(finish="stop"), request={"tool_choice": "required"}),
     chat(request={"tool_choice": "required"})),
    ("chat/tool-choice", chat(request={"tool_choice": "none"}), chat(called(), request={"tool_choice": "none"})),
    (
        "chat/parallel-tool-calls",
        chat(called(), request={"parallel_tool_calls": False}),
        chat(called(CALL, {**CALL, "id": "b"}), request={"parallel_tool_calls": False}),
    ),
    (
        "chat/json-mode",
        chat(choice(content="{}"), request={"response_format": {"type": "json_object"}}),
        chat(choice(content="```json\n{}```"), request={"response_format": {"type": "json_object"}}),
    ),
    (
        "chat/json-mode",
        chat(choice(content='{"a": "b'), request={"response_format": {"type": "json_object"}, "stop": ["."]}),
        chat(choice(content='{"a": "b'), request={"response_format": {"type": "json_object"}, "stop": []}),
    ),
    (
        "chat/json-mode",
        chat(choice(content="{"), request={"response_format": {"type": "json_object"}, "stop": "}"}),
        chat(choice(content="{"), request={"response_format": {"type": "json_object"}, "stop": None}),
    ),
    ("chat/stop-sequences", chat(request={"stop": "END"}), chat(choice(content="a END"), request={"stop": ["END"]})),
    ("chat/logprobs-given", chat(choice(logprobs=LOGPROBS), request={"logprobs": True, "top_logprobs": 2}),
     chat(request={"logprobs": True})),
    ("chat/logprobs-unasked", chat(choice(logprobs={"content": None})), chat(choice(logprobs=LOGPROBS))),
    (
        "chat/top-logprobs-count",
        chat(choice(logprobs=LOGPROBS), request={"logprobs": True, "top_logprobs": 3}),
        chat(choice(logprobs=LOGPROBS), request={"logprobs": True, "top_logprobs": 1}),
    ),
    ("chat/top-logprobs-given", chat(choice(logprobs=FEW), request={"logprobs": True, "top_logprobs": 3}),
     chat(choice(logprobs=NO_OTHERS), request={"logprobs": True, "top_logprobs": 3})),
    ("chat/top-logprobs-given", chat(choice(logprobs=NO_OTHERS), request={"logprobs": True, "top_logprobs": 0}),
     chat(choice(logprobs=FEW), choice(1, logprobs=NO_OTHERS),
          request={"logprobs": True, "top_logprobs": 1, "n": 2})),
    ("chat/audio-model", asked(model="gpt-4o-audio-preview", modalities=["audio"]),
     asked(model="gpt-4o-2024-08-06", modalities=["text", "audio"])),
    ("chat/cache-options-model", asked(model="mine", prompt_cache_options={}),
     asked(model="gpt-4.1", prompt_cache_options={})),
    ("chat/tool-choice-declared", asked(tools=TOOLS, tool_choice={"type": "function", "function": {"name": "f"}}),
     asked(tools=TOOLS, tool_choice={"type": "function", "function": {"name": "g"}})),
    ("chat/tool-choice-declared",
     asked(tools=TOOLS, tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [TOOLS[0]]}}),
     asked(tools=TOOLS, tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{}]}})),
    ("chat/tool-choice-declared",
     asked(tools=TOOLS, tool_choice={"type": "allowed_tools", "allowed_tools": {"tools": [*TOOLS]}}),
     asked(tools=TOOLS, tool_choice={"type": "allowed_tools", "allowed_tools": {
         "tools": [*TOOLS, {"type": "custom", "custom": {"name": "f"}}]}})),
    ("chat/function-call-declared", asked(functions=[{"name": "f"}], function_call={"name": "f"}),
     asked(functions=[{"name": "f"}], function_call={"name": "g"})),
    ("chat/tool-names", asked(tools=TOOLS), asked(tools=[*TOOLS, *TOOLS])),
    ("chat/parallel-needs-tools", asked(tools=TOOLS, parallel_tool_calls=True), asked(parallel_tool_calls=False)),
    ("chat/strict-schema", asked(tools=STRICT, response_format=AS_CITY),
     asked(tools=[{"type": "function", "function": {"name": "f", "strict": True, "parameters": OPEN}}])),
    ("chat/strict-schema", asked(response_format={"json_schema": {"schema": OPEN}}),
     asked(response_format={"json_schema": {"strict": True, "schema": {**CITY, "required": []}}})),
    ("chat/json-word", asked(messages=[{"content": "as json"}], response_format={"type": "json_object"}),
     asked(messages=[{"content": "as yaml"}], response_format={"type": "json_object"})),
    ("chat/json-word", asked(messages=[{"content": [{"text": "JSON!"}]}], response_format={"type": "json_object"}),
     asked(messages=[{"content": [{"text": "no"}]}], response_format={"type": "json_object"})),
    ("chat/request-call-ids", talk("user", "assistant a", "tool a"), talk("user", "assistant a a", "tool a")),
    ("chat/function-messages-answer-calls",
     asked(messages=[{"function_call": {"name": "f"}}, {"role": "function", "name": "f"}]),
     asked(messages=[{"role": "function", "name": "f"}])),
    ("chat/cache-breakpoints",
     asked(messages=[{"content": [MARKED] * 4}], prompt_cache_options={"mode": "explicit"}),
     asked(messages=[{"content": [MARKED] * 4}])),
    ("chat/stored-image-size", asked(store=True, messages=[{"content": [IMAGE]}]),
     asked(store=True, messages=[{"content": [{**IMAGE, "image_url": {"url": "data:," + "A" * 12 * MB}}]}])),
    ("chat/message-given", chat(choice(content="")), chat(choice(content=None))),
    ("chat/limit-finish", chat(usage=ONE, request={"max_tokens": 2}), chat(usage=ONE, request={"max_tokens": 1})),
    ("chat/limit-finish", chat(choice(finish="length"), usage=ONE, request={"max_completion_tokens": 1}),
     chat(usage=ONE, request={"max_completion_tokens": 1})),
    ("chat/finish-function-call",
     chat(choice(finish="function_call", function_call={"name": "f", "arguments": "{}"})),
     chat(choice(finish="function_call"))),
    ("chat/called-declared", chat(called(), request={"tools": TOOLS}),
     chat(called({**CALL, "function": {"name": "g", "arguments": "{}"}}), request={"tools": TOOLS})),
    ("chat/strict-arguments", chat(calling('{"a": 1}'), request={"tools": STRICT}),
     chat(calling('{"a": "1"}'), request={"tools": STRICT})),
    ("chat/json-schema", chat(choice(content='{"a": 1}'), request={"response_format": AS_CITY}),
     chat(choice(content='{"b": 1}'), request={"response_format": AS_CITY})),
    ("chat/audio-unasked", chat(choice(audio={"id": "a"}), request={"modalities": ["audio"]}),
     chat(choice(audio={"id": "a"}))),
    ("chat/moderation-unasked", chat(moderation={}, request={"moderation": {}}), chat(moderation={})),
    ("chat/service-tier-told", chat(service_tier="flex", request={"service_tier": "flex"}),
     chat(request={"service_tier": "flex"})),
    ("chat/service-tier-resolved", chat(service_tier="default"), chat(service_tier="auto")),
    ("chat/citations", chat(choice(annotations=[CITED])),
     chat(choice(annotations=[{**CITED, "url_citation": {"start_index": 1, "end_index": 9}}]))),
    ("chat/logprobs-text", chat(choice(logprobs=LOGPROBS), request={"logprobs": True, "top_logprobs": 2}),
     chat(choice(logprobs=OTHER_LOGPROBS), request={"logprobs": True})),
    ("stored/id-asked",
     Exchange("getChatCompletion", None, {"id": "a"}, path_values={"completion_id": "a"}),
     Exchange("deleteChatCompletion", None, {"id": "b"}, path_values={"completion_id": "a"})),
    ("stored/model-asked",
     Exchange("listChatCompletions", None, {"data": [{"model": "a-1"}]}, query={"model": "a"}),
     Exchange("listChatCompletions", None, {"data": [{"model": "b"}]}, query={"model": "a"})),
    ("completions/best-of", asked("createCompletion", n=2, best_of=2), asked("createCompletion", n=2, best_of=1)),
    ("completions/best-of-streamed", asked("createCompletion", best_of=1, stream=True),
     asked("createCompletion", best_of=2, stream=True)),
    ("completions/stream-options-need-stream", asked("createCompletion", stream=True, stream_options={}),
     asked("createCompletion", stream_options={})),
    ("completions/id-set", text(), text(id="")),
    ("completions/created-seconds", text(), text(created=NOW * 1000)),
    ("completions/choices-count", text("a", "b", request={"prompt": ["x", "y"]}),
     text("a", request={"prompt": [[1], [2]]})),
    ("completions/choices-count", text("a", request={"prompt": [1, 2]}), text("a", "b", request={"prompt": "x"})),
    ("completions/choices-indexes", text("a", "b", request={"n": 2}), text(choices=[{"index": 1, "text": "a"}])),
    ("completions/usage-sums", text(), text(usage={**USAGE, "total_tokens": 3})),
    ("completions/token-limit", text(request={"max_tokens": 1, "best_of": 2}), text(request={"max_tokens": 1})),
    ("completions/stop-sequences", text("x.", request={"stop": ".", "echo": True}), text("x.", request={"stop": "."})),
    ("completions/logprobs-given", text("", request={"logprobs": 2}), text("a", request={"logprobs": 0})),
    ("completions/top-logprobs-count",
     text("a", choices=[{"index": 0, "text": "a", "logprobs": {"top_logprobs": [{"a": -1}]}}], request={"logprobs": 0}),
     text(choices=[{"index": 0, "text": "a", "logprobs": {"top_logprobs": [{"a": 0, "b": 0}]}}],
          request={"logprobs": 0})),
    ("completions/top-logprobs-given", rated([None, -1], [None, {"a": -1}], 5), rated([-1, -1], [{}, None], 5)),
    ("completions/top-logprobs-given", rated([None], [None], 1, echo=True, prompt=""), rated([-1], None, 1)),
    ("completions/top-logprobs-given", rated([-1], None, 0), rated([-1], [], 1)),
    ("completions/logprobs-lengths", text(choices=[{"index": 0, "logprobs": {"tokens": ["a"], "text_offset": [0]}}]),
     text(choices=[{"index": 0, "logprobs": {"tokens": ["a", "b"], "text_offset": [0]}}])),
    ("completions/text-offsets", text(choices=[{"index": 0, "logprobs": {"text_offset": [0, 1]}}]),
     text(choices=[{"index": 0, "logprobs": {"text_offset": [1, 0]}}])),
    ("completions/echo", text("ab", "b", "xy", "x", request={"prompt": ["", "x"], "n": 2, "echo": True}),
     text("ab", request={"prompt": "b", "echo": True})),
    ("embeddings/total-tokens", asked("createEmbedding", input=[[1] * 2000] * 150),
     asked("createEmbedding", input=[[1] * 2000] * 151)),
    ("embeddings/default-length", vectors([1], input="a", model="mine"),
     vectors([1], input="a", model="text-embedding-3-small")),
    ("embeddings/count", vectors([1], [2], input=["a", "b"]), vectors([1], [2], input="ab")),
    ("embeddings/count", vectors([1], input=[1, 2, 3]), vectors([1], input=[[1], [2]])),
    ("embeddings/indexes", vectors([1], [2], input=["a", "b"]), vectors([1], [2], indexes=[0, 0], input=["a", "b"])),
    ("embeddings/order", vectors([1], [2], input=["a", "b"]), vectors([1], [2], indexes=[1, 0], input=["a", "b"])),
    ("embeddings/encoding", vectors(floats(1), input="a", encoding_format="base64"),
     vectors([1.0], input="a", encoding_format="base64")),
    ("embeddings/encoding", vectors([1.0], input="a"), vectors(floats(1), input="a")),
    ("embeddings/encoding", vectors([1.0], input="a"), vectors("AAAA", input="a")),
    ("embeddings/base64", vectors(floats(1, 2), input="a", encoding_format="base64"),
     vectors("AAAA", input="a", encoding_format="base64")),
    ("embeddings/dimensions", vectors(floats(1, 2), input="a", dimensions=2, encoding_format="base64"),
     vectors([1.0], input="a", dimensions=2)),
    ("embeddings/zero", vectors([0, 0.5], input="hello"), vectors([0, 0.0], input="hello")),
    ("embeddings/zero", vectors([0.0], [1], input=["...", "a word"]), vectors([0.0], [1], input=["a word", "..."])),
    ("embeddings/zero", vectors([0, 0], input="hello", dimensions=2), vectors([-0.0, 0], input="Say hello!")),
    ("embeddings/zero", vectors([0, 0], input=[1, 2]), vectors([0, 0], input="a long word")),
    ("embeddings/zero", vectors(floats(0, 1), input="hello", encoding_format="base64"),
     vectors(floats(0, 0), input="hello", encoding_format="base64")),
    ("embeddings/equal-lengths", vectors([1], [2], input=["a", "b"]), vectors([1], [2, 3], input=["a", "b"])),
    ("embeddings/usage", vectors([1], input="a"),
     vectors([1], input="a", usage={"prompt_tokens": 3, "total_tokens": 0})),
    ("models/ids-unique", model("listModels", {"data": [{"id": "a"}, {"id": "b"}]}),
     model("listModels", {"data": [{"id": "a"}, {"id": "a"}]})),
    ("models/id-asked", model("retrieveModel", {"id": "a/b"}, model="a/b"),
     model("retrieveModel", {"id": "b"}, model="a")),
    ("models/created-seconds", model("listModels", {"data": [{"id": "a", "created": NOW}]}),
     model("listModels", {"data": [{"id": "a", "created": NOW * 1000}]})),
    ("images/count", pictures({"url": "u"}, {"url": "u"}, n="2"), pictures({"url": "u"}, n=2)),
    ("images/form", pictures({"b64_json": "AAAA"}, response_format="b64_json"),
     pictures({"url": "u"}, response_format="b64_json")),
    ("images/given", pictures({"b64_json": "AAAA"}), pictures({"revised_prompt": "x"})),
    ("images/base64", pictures({"b64_json": "AAAA"}), pictures({"b64_json": "A A"})),
    ("images/created-seconds", pictures({"url": "u"}), pictures({"url": "u"}, created=NOW * 1000)),
    ("images/usage-sums", pictures({"url": "u"}, usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}),
     pictures({"url": "u"}, usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 4})),
    ("images/given", pictures({"url": "u"}), pictures({"url": "u", "b64_json": "AAAA"})),
    ("images/form", pictures({"b64_json": "AAAA"}, model="gpt-image-1"), pictures({"url": "u"}, model="gpt-image-1")),
    ("images/bytes-format", pictures({"b64_json": PNG}, output_format="png"),
     pictures({"b64_json": PNG}, output_format="webp")),
    ("images/bytes-size", drawn((64, 128), size="64x128"), drawn((128, 64), size="64x128")),
    ("images/bytes-size", drawn((64, 64), told="64x64", size="auto"), drawn((64, 64), told="64x128")),
    ("images/bytes-size", drawn((96, 96), size="100x100"), drawn((96, 96), told="100x100", size="100x100")),
    ("images/bytes-size", drawn((1, 1), told="1024x1024"), drawn((1, 2), told="1024x1024")),
    ("images/bytes-size", drawn((7, 7), kind="jpeg"), drawn((7, 8), kind="jpeg", size="256x256")),
    ("images/bytes-size", drawn((512, 256), kind="webp", size="512x256"), drawn((9, 9), kind="webp", told="512x256")),
    ("images/echo", Exchange("createImage", {"size": "auto"}, {"size": "1x1"}),
     Exchange("createImage", {"size": "2x2"}, {"size": "1x1"})),
    ("images/echo", Exchange("createImageEdit", {"quality": "standard"}, {"quality": "medium"}),
     Exchange("createImageEdit", {"quality": "low"}, {"quality": "medium"})),
    ("images/dall-e-2-plain", pictures({"url": "u", "revised_prompt": "x"}, model="dall-e-3"),
     pictures({"url": "u", "revised_prompt": "x"}, model="dall-e-2")),
    ("images/free-size", asked("createImage", model="gpt-image-2", size="1536x864"),
     asked("createImage", model="gpt-image-2", size="1530x864")),
    ("images/free-size", asked("createImage", model="mine", size="7x7"),
     asked("createImage", model="gpt-image-2", size="1600x320")),
    ("images/free-size", asked("createImage", model="gpt-image-2", size="2160x3840"),
     asked("createImage", model="gpt-image-2", size="3856x2160")),
    ("images/dall-e-2-image", edit(image(), model="dall-e-2"), edit(image(4, 5), model="dall-e-2")),
    ("images/dall-e-2-image", edit(image(4, 5)), sent("createImageVariation", image(kind=b"\xff\xd8\xff\0\0\0\0\0"))),
    ("images/dall-e-2-image", sent("createImageVariation", image(size=4 * MB - 1)),
     sent("createImageVariation", image(size=4 * MB))),
    ("images/transparent", edit(image(colour=2), image(field="mask"), model="dall-e-2"),
     edit(image(colour=2), model="dall-e-2")),
    ("images/mask", edit(image(), image(field="mask")), edit(image(), image(8, 8, field="mask"))),
    ("images/image-file", edit(image(), model="gpt-image-1"), edit(file(b"%PDF-", field="image"), model="gpt-image-1")),
    ("audio/file-kind", sent("createTranscription", file(name="a.b.MP3", kind="audio/mpeg")),
     sent("createTranscription", file(name="a.txt", kind="audio/mpeg"))),
    ("audio/file-named", sent("createTranslation", file(name="a.mp3", kind="video/mp4")),
     sent("createTranslation", file(name="blob", kind="audio/mpeg"))),
    ("audio/language", asked("createTranscription", language="yue"), asked("createTranscription", language="English")),
    ("audio/speaker-references",
     asked("createTranscription", known_speaker_names=["a"], known_speaker_references=["data:,"]),
     asked("createTranscription", known_speaker_names=["a"])),
    ("audio/voice", asked("createSpeech", model="mine", voice="x"), asked("createSpeech", model="tts-1", voice="x")),
    ("audio/verbose-given", heard({"language": "a", "duration": 1, "text": ""}, response_format="verbose_json"),
     heard({"text": ""}, response_format="verbose_json")),
    ("audio/format-kept", heard("a", response_format="text"), heard({"text": "a"}, response_format="text")),
    ("audio/format-kept", heard({"text": "a"}), heard("a")),
    ("audio/words", heard({"text": "a", "words": [{}]}, timestamp_granularities=["word"]), heard({"words": [{}]})),
    ("audio/words", heard({"text": "a"}, timestamp_granularities=["word"]),
     heard(VERBOSE, timestamp_granularities=["word", "segment"], response_format="verbose_json")),
    ("audio/words", heard({**VERBOSE, "text": ""}, timestamp_granularities=["word"], response_format="verbose_json"),
     heard(VERBOSE, timestamp_granularities=["word"], response_format="verbose_json")),
    ("audio/segment-times", heard({"segments": [{"start": 0, "end": 1}, {"start": 0.5, "end": 2}]}),
     heard({"segments": [{"start": 1, "end": 1}, {"start": 0.5, "end": 2}]})),
    ("audio/segment-duration", heard({"duration": 1, "segments": [{"end": 2}]}),
     heard({"duration": 1, "segments": [{"end": 2.1}]})),
    ("audio/logprobs-unasked", heard({"logprobs": []}, include=["logprobs"]), heard({"logprobs": []})),
    ("audio/languages-unasked", heard({"languages": []}, model="mine"), heard({"languages": []}, model="whisper-1")),
    ("audio/speakers", heard({"segments": [{"speaker": "B"}, {"speaker": "bob"}]}, known_speaker_names=["bob"]),
     heard({"segments": [{"speaker": "bob"}]})),
    ("audio/usage-sums", heard({"usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}),
     heard({"usage": {"input_tokens": 1, "input_token_details": {"audio_tokens": 2}}})),
    ("audio/subtitles", heard("\ufeffWEBVTT\n", response_format="vtt"), heard("1\n", response_format="vtt")),
    ("audio/subtitles", heard("", response_format="srt"), heard("hi", response_format="srt")),
    ("audio/bytes-format", spoken(WAV, response_format="wav"), spoken(WAV)),
    ("files/size", sent("createFile", file(bytes(MB), "a.txt"), purpose="assistants"),
     sent("createFile", file(mmap.mmap(-1, 513 * MB), "a.txt"), purpose="assistants")),
    ("files/lines-named", sent("createFile", file(name="a.JSONL"), purpose="batch"),
     sent("createFile", file(b'{"messages": []}', "a.csv"), purpose="fine-tune")),
    ("files/vision-image", sent("createFile", image(field="file"), purpose="vision"),
     sent("createFile", file(b"{}"), purpose="vision")),
    ("files/upload-echo", uploaded(file(b"ab"), bytes=2, filename="a"), uploaded(file(b"ab"), bytes=3, filename="a")),
    ("files/upload-echo", uploaded(file(name=None), filename="x"), uploaded(purpose="a", request={"purpose": "b"})),
    ("files/expiry", uploaded(created_at=5, expires_at=15, request={"expires_after": {"seconds": 10}}),
     uploaded(created_at=5, request={"expires_after": {"seconds": 10}})),
    ("files/batch-expiry", uploaded(created_at=5, expires_at=2592005, request={"purpose": "batch"}),
     uploaded(created_at=5, expires_at=6, request={"purpose": "batch"})),
    ("files/status-details", uploaded(status="error", status_details="x"), uploaded(status="error")),
    ("files/purpose-asked", Exchange("listFiles", None, {"data": [{"purpose": "a"}]}, query={"purpose": "a"}),
     Exchange("listFiles", None, {"data": [{"purpose": "a"}]}, query={"purpose": "b"})),
    ("moderations/count", moderated({}, {}, input=["a", "b"]), moderated({}, {}, input=[{"type": "text"}, {}])),
    ("moderations/flagged", moderated({"a": True}), Exchange("createModeration", {}, {"results": [
        {"flagged": True, "categories": {"a": False}}]})),
    ("moderations/image-unsent",
     Exchange("createModeration", {"input": [{"type": "image_url"}]},
              {"results": [{"category_applied_input_types": {"a": ["image"]}}]}),
     Exchange("createModeration", {}, {"results": [{"category_applied_input_types": {"a": ["text", "image"]}}]})),
    *RESPONSES,
    ("responses/id-set", answer(), answer(id="")),
    ("responses/id-asked", answer(operation="getResponse"), answer(operation="getResponse", id="resp_2")),
    ("responses/created-seconds", answer(), answer(created_at=NOW * 1000)),
    ("responses/usage-sums", answer(usage=None),
     answer(usage={"input_tokens": 1, "output_tokens": 2, "total_tokens": 4})),
    ("responses/usage-details", answer(),
     answer(usage={"output_tokens": 2, "output_tokens_details": {"reasoning_tokens": 3}})),
    ("responses/status-reasons", answer(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
     answer(status="failed")),
    ("responses/call-ids", answer(function_call("a"), function_call("b")), answer(function_call(""))),
    ("responses/arguments-json", answer(function_call()), answer(function_call(arguments="{"))),
    ("responses/token-limit", answer(request={"max_output_tokens": 2}), answer(request={"max_output_tokens": 1})),
    ("responses/parallel-tool-calls", answer(function_call(), request={"parallel_tool_calls": False}),
     answer(function_call("a"), function_call("b"), request={"parallel_tool_calls": False})),
    *tuning_rule_examples.EXAMPLES,
]  # fmt: skip


EXAMPLES += ASSISTANTS


def broken(exchange):
    """The rules that an exchange breaks."""
    check = REGISTRY.check_request if exchange.status == 0 else REGISTRY.check_response
    return check(exchange)


@pytest.mark.parametrize(("rule", "passing", "failing"), EXAMPLES, ids=[row[0] for row in EXAMPLES])
def test_examples(rule, passing, failing):
    """The passing example breaks no rule and the failing one breaks its rule alone."""
    assert broken(passing) == ()
    assert {violation.rule for violation in broken(failing)} == {rule}


@pytest.mark.parametrize(
    "exchange",
    [
        chat(called(finish="stop"), request={"tool_choice": "required"}),
        chat(called(finish="stop"), request={"function_call": {"name": "f"}}),
        chat(called(finish="content_filter")),
        chat(choice(finish="length", content='{"a'), request={"response_format": {"type": "json_object"}}),
        chat(choice(content=None, refusal="no"), request={"response_format": {"type": "json_schema"}}),
        chat(called({"id": "c", "type": "custom", "custom": {"name": "f", "input": "not json"}})),
        chat(called(), request={"logprobs": True}),
        chat(choice(content=""), request={"logprobs": True}),
        talk("user", "assistant", "user"),
        asked(tool_choice="auto"),
        asked(stream_options=None, top_logprobs=0),
        text("a", request={"prompt": []}),
        vectors([1], input=[]),
        pictures({"url": "u"}, n="many"),
        answer({"type": "a_new_tool_call", "id": "x"}),
        Exchange("createChatCompletion", {"n": 3}, {"choices": []}, 500),
        Exchange("someOtherOperation", {"n": 3}, {"choices": []}),
    ],
)
def test_what_the_contract_leaves_free_is_no_alarm(exchange):
    """Forced calls, cut text, refusals, empty values, failures and unknown operations break no rule."""
    assert broken(exchange) == ()


@pytest.mark.parametrize(("rule", "passing", "failing"), tuning_rule_examples.LARGE)
def test_large_examples(rule, passing, failing):
    """A file just within a limit breaks no rule, and one just beyond it breaks its rule alone."""
    assert not broken(passing())
    assert [violation.rule for violation in broken(failing())] == [rule]


def test_every_rule_has_an_example():
    """A rule without an example in the tables is not shown to work."""
    shown = {row[0] for row in (*EXAMPLES, *tuning_rule_examples.LARGE)}
    rules = {rule.id for rule in REGISTRY.rules if rule.side != "stream"}
    assert shown == rules


def test_no_violation_repeats_a_value():
    """What a violation says holds no text of the bodies."""
    for _, _, failing in EXAMPLES:
        for violation in broken(failing):
            assert "END" not in str(violation)
            assert "```" not in str(violation)
            assert violation.pointer.startswith("#/")
