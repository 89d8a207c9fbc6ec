"""What an answer of a model says, whole or streamed: its text, how it ends, what it calls, and what it counted.

The rule of this module: it reads what is there and judges nothing; what is missing is None, or empty.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from assay.wire.sse import Decoder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.messages import Response

__all__ = ["Said", "said", "vectors"]

_OK, _REDIRECT = 200, 300
_STREAM = "text/event-stream"
_FLOAT = 4  # bytes


@dataclass(slots=True)
class Said:
    """The first choice of an answer. ``calls`` counts its tool calls; ``prompt`` are the tokens of the prompt."""

    text: str = ""
    finish: str | None = None
    calls: int = 0
    prompt: int | None = None


def said(response: Response | None) -> Said | None:
    """Read an answer of chat, completions or responses; None where there is none to be read."""
    if response is None or response.broken or not _OK <= response.status < _REDIRECT:
        return None
    found = Said()
    if (response.headers.content_type or "").lower().startswith(_STREAM):
        for value in _events(response.body):
            _take(found, value)
        return found
    value = _json(response.body)
    if not isinstance(value, dict):
        return None
    _take(found, value)
    return found


def _take(found: Said, value: dict[str, Any]) -> None:
    """Take over what a whole answer, a chunk or an event tells."""
    kind = value.get("type")
    if isinstance(value.get("response"), dict) and kind in ("response.completed", "response.incomplete"):
        _take(found, value["response"])
    if value.get("object") == "response":
        _take_response(found, value)
        return
    usage = value.get("usage")
    if isinstance(usage, dict) and isinstance(usage.get("prompt_tokens"), int):
        found.prompt = usage["prompt_tokens"]
    choices = value.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and not choice.get("index"):
            _take_choice(found, choice)


def _take_choice(found: Said, choice: dict[str, Any]) -> None:
    part = choice.get("message") or choice.get("delta")
    part = part if isinstance(part, dict) else choice
    text = part.get("content", part.get("text"))
    found.text += text if isinstance(text, str) else ""
    calls = part.get("tool_calls")
    found.calls += len(calls) if isinstance(calls, list) else 0
    finish = choice.get("finish_reason")
    found.finish = finish if isinstance(finish, str) else found.finish


def _take_response(found: Said, value: dict[str, Any]) -> None:
    output = value.get("output")
    items = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
    found.calls = sum(item.get("type") == "function_call" for item in items)
    parts = [part for item in items if isinstance(item.get("content"), list) for part in item["content"]]
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    found.text = "".join(text for text in texts if isinstance(text, str))
    status = value.get("status")
    found.finish = status if isinstance(status, str) else None
    usage = value.get("usage")
    if isinstance(usage, dict) and isinstance(usage.get("input_tokens"), int):
        found.prompt = usage["input_tokens"]


def vectors(response: Response | None) -> list[tuple[float, ...]]:
    """The embeddings of an answer in their order, as numbers, whatever their encoding; none where one is unreadable."""
    if response is None or response.broken or not _OK <= response.status < _REDIRECT:
        return []
    value = _json(response.body)
    data = value.get("data") if isinstance(value, dict) else None
    found = [_vector(item) for item in data] if isinstance(data, list) else []
    return [one for one in found if one] if all(found) else []


def _vector(item: Any) -> tuple[float, ...]:
    value = item.get("embedding") if isinstance(item, dict) else None
    if isinstance(value, list):
        return tuple(float(x) for x in value if isinstance(x, int | float))
    if not isinstance(value, str):
        return ()
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return ()
    return struct.unpack(f"<{len(data) // _FLOAT}f", data) if data and len(data) % _FLOAT == 0 else ()


def _events(body: bytes) -> Iterator[dict[str, Any]]:
    decoder = Decoder()
    for event in [*decoder.feed(body), decoder.close()]:
        value = _json(event.data.encode()) if event is not None else None
        if isinstance(value, dict):
            yield value


def _json(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
