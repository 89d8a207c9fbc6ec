"""What the model says: the choices of a chat request, before they take the shape of a response or of chunks.

The rule of this module: choice 0 of a request is the same whether streamed or not, whatever ``n``; token limits
and stop texts only ever cut it shorter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from assay.reference.replies import Refusal
from assay.reference.text import Source, tokens
from assay.reference.tools import Tool, wanted
from assay.reference.values import CannotWrite, write

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Choice", "ToolCall", "called", "calls_of", "choices", "cut", "text_of"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call: ``kind`` is ``function``, ``custom`` or ``legacy``; the pieces joined are arguments or input."""

    id: str
    kind: str
    name: str
    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice: text as tokens (None when tools are called), calls, and why it ended."""

    index: int
    pieces: tuple[str, ...] | None
    calls: tuple[ToolCall, ...]
    finish: str

    @property
    def spent(self) -> int:
        """The completion tokens of this choice."""
        return len(self.pieces or ()) + sum(len(call.pieces) for call in self.calls)


def choices(body: dict[str, Any], serial: int) -> list[Choice]:
    """Return the ``n`` choices of a chat request."""
    limits = [body[name] for name in ("max_completion_tokens", "max_tokens") if body.get(name) is not None]
    limit = min(limits, default=None)
    tools = wanted(body)
    said = []
    for index in range(body.get("n") or 1):
        source = Source("chat", [body["model"], body["messages"], body.get("seed"), index])
        calls = calls_of(tools, source, Source("call", [serial, index]))
        said.append(called(index, calls, limit) if calls else _spoken(index, body, source, limit))
    return said


def cut(text: str, stop: Iterable[str], limit: int | None) -> tuple[tuple[str, ...], str]:
    """Cut a text at its limit of tokens and before the first stop text: its tokens and the finish reason."""
    pieces = tokens(text)
    finish = "stop"
    if limit is not None and len(pieces) > limit:
        pieces, finish = pieces[:limit], "length"
    kept = "".join(pieces)
    found = [place for place in (kept.find(text) for text in stop if text) if place >= 0]
    if found:
        pieces, finish = tokens(kept[: min(found)]), "stop"
    return tuple(pieces), finish


def _spoken(index: int, body: dict[str, Any], source: Source, limit: int | None) -> Choice:
    stop = body.get("stop") or ()
    form = body.get("response_format") or {}
    given = form["json_schema"] if form.get("type") == "json_schema" else {}
    text = text_of({**given, "type": form.get("type")}, source, "response_format.json_schema.schema")
    pieces, finish = cut(text, [stop] if isinstance(stop, str) else stop, limit)
    return Choice(index, pieces, (), finish)


def text_of(form: dict[str, Any], source: Source, place: str) -> str:
    """Return a text in a form: its ``type``, and its ``schema`` where it has one; ``place`` is where that came from."""
    if form.get("type") == "json_object":
        return orjson.dumps({"answer": source.sentence()}).decode()
    if form.get("type") != "json_schema":
        return source.sentence()
    try:
        return orjson.dumps(write(form.get("schema", {"type": "object"}), source)).decode()
    except CannotWrite as reason:
        raise Refusal(400, f"The schema in '{place}' {reason}.", param=place, code="unsupported_schema") from None


def calls_of(tools: tuple[Tool, ...], source: Source, names: Source) -> tuple[ToolCall, ...]:
    """Return a call of each tool, with arguments from one source and ids from another."""
    return tuple(
        ToolCall(f"call_{names.name()}", tool.kind, tool.name, tuple(tokens(tool.arguments(source)))) for tool in tools
    )


def called(index: int, calls: tuple[ToolCall, ...], limit: int | None) -> Choice:
    """Return the choice of these calls, cut at a limit of tokens."""
    finish = "function_call" if calls[0].kind == "legacy" else "tool_calls"
    left = limit
    kept = []
    for call in calls:
        if left is not None and left < len(call.pieces):
            finish = "length"
            if left > 0:
                kept.append(ToolCall(call.id, call.kind, call.name, call.pieces[:left]))
            break
        kept.append(call)
        left = None if left is None else left - len(call.pieces)
    return Choice(index, None, tuple(kept), finish)
