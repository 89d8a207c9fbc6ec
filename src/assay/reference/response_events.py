"""The stream of a response: its whole life, told from the response as it ended.

The rule of this module: what is streamed and what is returned whole have one source, so a stream joined together is
the response, whenever it is asked for.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from assay.reference.text import Source, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.reference.response_items import Item

__all__ = ["begun", "events"]

Event = dict[str, Any]

_BLOCK = 16  # bytes; padded deltas are multiples of it
_TEXTS = {
    "function_call": ("arguments", "response.function_call_arguments"),
    "custom_tool_call": ("input", "response.custom_tool_call_input"),
}


def begun(final: dict[str, Any], status: str) -> dict[str, Any]:
    """Return a response as it was before its first item."""
    nothing: dict[str, Any] = {
        "output": [],
        "usage": None,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
    }
    return {**final, "status": status, **nothing}


def events(final: dict[str, Any], *, padded: bool = False, after: int = -1) -> Iterator[Event]:
    """Yield the events of a response that has ended, those with numbers above ``after``.

    ``padded`` deltas have sizes that tell little of their text.
    """
    numbers = count()
    for event in _life(final):
        number = next(numbers)
        if number <= after:
            continue
        more = {"obfuscation": _padding(event["delta"], number)} if padded and "delta" in event else {}
        yield {"type": event["type"], "sequence_number": number, **event, **more}


def _padding(delta: str, number: int) -> str:
    return Source("padding", number).name(_BLOCK - len(delta.encode()) % _BLOCK)


def _life(final: dict[str, Any]) -> Iterator[Event]:
    if final["background"]:
        yield {"type": "response.created", "response": begun(final, "queued")}
        yield {"type": "response.queued", "response": begun(final, "queued")}
    else:
        yield {"type": "response.created", "response": begun(final, "in_progress")}
    yield {"type": "response.in_progress", "response": begun(final, "in_progress")}
    for index, item in enumerate(final["output"]):
        yield {"type": "response.output_item.added", "output_index": index, "item": _new(item)}
        place = {"item_id": item["id"], "output_index": index}
        yield from _written(item, place) if item["type"] == "message" else _called(item, place)
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": f"response.{final['status']}", "response": final}


def _new(item: Item) -> Item:
    if item["type"] == "message":
        return {**item, "status": "in_progress", "content": []}
    return {**item, "status": "in_progress", _TEXTS[item["type"]][0]: ""}


def _written(message: Item, place: Event) -> Iterator[Event]:
    for inner, part in enumerate(message["content"]):
        where = {**place, "content_index": inner}
        yield {"type": "response.content_part.added", **where, "part": {**part, "text": "", "logprobs": []}}
        for number, piece in enumerate(tokens(part["text"])):
            likely = part["logprobs"][number : number + 1]
            yield {"type": "response.output_text.delta", **where, "delta": piece, "logprobs": likely}
        whole = {"text": part["text"], "logprobs": part["logprobs"]}
        yield {"type": "response.output_text.done", **where, **whole}
        yield {"type": "response.content_part.done", **where, "part": part}


def _called(call: Item, place: Event) -> Iterator[Event]:
    field, stem = _TEXTS[call["type"]]
    yield from ({"type": f"{stem}.delta", **place, "delta": piece} for piece in tokens(call[field]))
    name = {"name": call["name"]} if field == "arguments" else {}
    yield {"type": f"{stem}.done", **place, **name, field: call[field]}
