"""Limits: broken requests, hand-written, for what clients get wrong most often and servers most often let pass.

The rule of this module: data only; each entry breaks one constraint of a request that the target has accepted, the
contract proves it before it is sent, and the probes from outside go on with all the other constraints.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import orjson

from assay.messages import Request
from assay.wire.media import essence, is_json
from assay.wire.multipart import FilePart, write_multipart
from assay.wire.parts import split_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.model import Operation

__all__ = ["DROP", "LIMITS", "limits"]

DROP: Any = object()
"""Leaves a property out."""

_SAY = {"role": "user", "content": "Say hello."}
_TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}
_BAD_TOOL = {"type": "function", "function": {"name": "get weather!", "parameters": {"type": "object"}}}
_UNNAMED = {"type": "function", "function": {"name": "get_time"}}
_ORPHAN = [_SAY, {"role": "tool", "tool_call_id": "call_none", "content": "7"}]
_PAIRS = {f"key{number}": "value" for number in range(17)}

LIMITS: dict[tuple[str, str], dict[str, dict[str, Any]]] = {
    ("POST", "/chat/completions"): {
        "temperature above 2": {"temperature": 2.5},
        "top_p above 1": {"top_p": 1.5},
        "n of 0": {"n": 0},
        "no messages": {"messages": []},
        "unknown role": {"messages": [{"role": "robot", "content": "Say hello."}]},
        "negative limit of tokens": {"max_tokens": -1},
        "no model": {"model": DROP},
        "penalty above 2": {"presence_penalty": 3},
        "numbers as text": {"temperature": "1"},
        "result of no call": {"messages": _ORPHAN},
        "unknown form of answer": {"response_format": {"type": "xml"}},
        "choice of no tool": {"tools": [_TOOL], "tool_choice": _UNNAMED},
        "name of a tool": {"tools": [_BAD_TOOL]},
        "too many top_logprobs": {"logprobs": True, "top_logprobs": 21},
        "five stop sequences": {"stop": ["a", "b", "c", "d", "e"]},
        "bias above 100": {"logit_bias": {"50256": 101}},
        "n above 128": {"n": 129},
        "unknown effort": {"reasoning_effort": "utmost"},
        "unknown tier": {"service_tier": "express"},
        "too many metadata": {"metadata": _PAIRS},
    },
    ("POST", "/completions"): {
        "temperature above 2": {"temperature": 2.5},
        "too many logprobs": {"logprobs": 6},
        "best_of below n": {"n": 2, "best_of": 1},
    },
    ("POST", "/embeddings"): {
        "empty input": {"input": []},
        "0 dimensions": {"dimensions": 0},
        "unknown encoding": {"encoding_format": "hex"},
    },
    ("POST", "/responses"): {
        "temperature above 2": {"temperature": 2.5},
        "limit below 16": {"max_output_tokens": 1},
        "unknown include": {"include": ["everything"]},
        "unknown truncation": {"truncation": "middle"},
    },
    ("POST", "/moderations"): {"no input": {"input": DROP}},
    ("POST", "/images/generations"): {"n above 10": {"n": 11}, "unknown quality": {"quality": "superb"}},
    ("POST", "/audio/speech"): {"speed above 4": {"speed": 5}, "long input": {"input": "a " * 2049}},
    ("POST", "/audio/transcriptions"): {"unknown format": {"response_format": "stenography"}},
    ("POST", "/files"): {"unknown purpose": {"purpose": "juggling"}},
    ("POST", "/uploads"): {"negative size": {"bytes": -1}},
    ("POST", "/batches"): {"unknown window": {"completion_window": "1h"}},
    ("POST", "/fine_tuning/jobs"): {"long suffix": {"suffix": "a" * 65}, "negative seed": {"seed": -1}},
    ("POST", "/assistants"): {"long name": {"name": "a" * 257}, "unknown tool": {"tools": [{"type": "hammer"}]}},
    ("POST", "/threads"): {"unknown role": {"messages": [{"role": "robot", "content": "a"}]}},
    ("POST", "/vector_stores"): {"no days": {"expires_after": {"anchor": "last_active_at", "days": 0}}},
    ("GET", "/files"): {"unknown order": {"order": "sideways"}},
    ("GET", "/assistants"): {"limit above 100": {"limit": 101}, "unknown order": {"order": "sideways"}},
    ("POST", "/conversations"): {"21 items": {"items": [{"role": "user", "content": "a"}] * 21}},
}
"""By method and path: what to change in the body of a request that was accepted, or its query, by a name for people."""


def limits(operation: Operation, example: Request) -> Iterator[tuple[str, Request]]:
    """Yield the broken requests of an operation, made of one that was accepted."""
    changes = LIMITS.get((operation.method, operation.path), {})
    if operation.method == "GET":
        path = example.target.partition("?")[0]
        yield from ((name, Request("GET", f"{path}?{urlencode(change)}")) for name, change in changes.items())
        return
    for name, change in changes.items():
        body = _changed(example, change)
        if body is not None:
            yield name, Request(example.method, example.target, example.headers, body)


def _changed(example: Request, change: dict[str, Any]) -> bytes | None:
    """The body of a request with other fields, as JSON or as a form, as it was; None where it is neither."""
    content_type = example.headers.content_type or ""
    if content_type.startswith("multipart/form-data"):
        kept = [
            FilePart(part.name, part.filename, part.content_type, part.data)
            for part in split_parts(example.body, content_type)
            if part.name not in change
        ]
        given = {field: item for field, item in change.items() if item is not DROP}
        return write_multipart(given, kept, essence(content_type)[1]["boundary"])
    if not is_json(content_type):
        return None
    merged = {**(orjson.loads(example.body) if example.body else {}), **change}
    return orjson.dumps({field: item for field, item in merged.items() if item is not DROP})
