"""What a model says in one turn: text, nothing, a refusal, tool calls, all of it perhaps cut off; and what it counts.

The rule of this module: it knows requests and no form of response. Whatever it makes agrees with what was asked
(tools and their choice, JSON mode, stop sequences, token limits); the first way of each choice is the smallest.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from assay.generate.text import PHRASES, words
from assay.generate.values import plan_of
from assay.rules.accounting import choices_wanted
from assay.rules.chat import forced, stop_sequences, token_limit
from assay.rules.read import at, integer, listed, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from assay.generate.source import Source

__all__ = ["TIME", "Call", "Turn", "Usage", "answer", "cut", "moment", "pieces", "turn_of", "usage_of"]

TIME = 1_767_225_600
"""The time of creation of the simplest response: the first second of 2026."""

_DAY = 86_400
_MOST_TOKENS = 20
_MOST_CALLS = 3


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call. ``text`` is the JSON text of a function's arguments, or the free input of a custom tool."""

    name: str
    text: str = "{}"
    custom: bool = False
    id: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one choice says.

    ``finish`` is a finish_reason of chat completions; ``legacy`` says that the one call is a ``function_call``, as
    asked for by ``functions``; ``told`` are the pieces that a stream cuts the content into (none: any).
    """

    content: str | None = ""
    refusal: str | None = None
    calls: tuple[Call, ...] = ()
    finish: str = "stop"
    legacy: bool = False
    told: tuple[str, ...] = ()

    def spoken(self, source: Source) -> list[str]:
        """The content as deltas bring it."""
        return [*self.told] or pieces(source, self.content or "")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens read and made; of them, those from the cache and those of reasoning."""

    read: int
    made: int
    cached: int = 0
    reasoning: int = 0


def moment(source: Source) -> int:
    """A time of creation in seconds."""
    return TIME + source.below(_DAY)


def turn_of(source: Source, request: Any) -> Turn:
    """Make one turn that answers a chat completion request, or any request with the same names in it."""
    tools, functions = _tools(request), _functions(request)
    callable_ = (tools or functions) and at(request, "tool_choice") != "none"
    compelled = at(request, "tool_choice") == "required" or isinstance(at(request, "tool_choice"), dict)
    kinds = ["text", "text", "null", "refusal", "length", "filter"]
    if callable_:
        kinds = ["call", "call", "refusal", "cut"] if compelled else [*kinds, "call", "call", "call", "cut"]
    match source.pick(kinds):
        case "null":
            # A turn that ended by itself has said something, were it the empty text.
            return Turn(None, finish=source.pick(("length", "content_filter")))
        case "refusal":
            return Turn(None, refusal=words(source))
        case "length":
            return Turn(cut(source, answer(source, request)), finish="length")
        case "filter":
            return Turn(source.pick(("", None)), finish="content_filter")
        case "call":
            return _calling(source, request, tools, functions)
        case "cut":
            return _cut_off(source, _calling(source, request, tools, functions))
    return Turn(answer(source, request))


def answer(source: Source, request: Any) -> str:
    """The text of a finished answer: JSON where that was asked for, and never with a stop sequence in it."""
    form = at(request, "response_format") or at(request, "text", "format")
    said = _json(source, form) if at(form, "type") in ("json_object", "json_schema") else _prose(source)
    for stop in stop_sequences(request):
        said = said.partition(stop)[0]
    return said


def cut(source: Source, whole: str) -> str:
    """The beginning of a text."""
    return whole[: source.below(len(whole) + 1)]


def pieces(source: Source, whole: str) -> list[str]:
    """A text in pieces, as deltas bring it; no piece is empty, and an empty text has none."""
    found, start = [], 0
    while start < len(whole):
        # The simplest way is one piece; a piece may be a single character.
        size = len(whole) - start - source.below(len(whole) - start)
        found.append(whole[start : start + size])
        start += size
    return found


def usage_of(source: Source, request: Any, choices: int = 0) -> Usage:
    """The tokens of an answer, within the limit that was asked for (for each choice)."""
    limit = token_limit(request)
    if limit is None:
        limit = integer(at(request, "max_output_tokens"))
    many = (choices or choices_wanted(request)) * (_MOST_TOKENS if limit is None else limit)
    read, made = source.below(_MOST_TOKENS), source.below(min(many, _MOST_TOKENS) + 1)
    return Usage(read, made, source.below(read + 1), source.below(made + 1))


def _prose(source: Source) -> str:
    return words(source) if source.below(4) else ""


def _tools(request: Any) -> list[dict[str, Any]]:
    """The tools that may be called: those of the request, or those that tool_choice names or allows."""
    choice = at(request, "tool_choice")
    found = [tool for tool in listed(at(request, "tools")) if _name(tool)]
    allowed = listed(at(choice, "allowed_tools", "tools")) or listed(at(choice, "tools"))
    names = {_name(tool) for tool in allowed} if allowed else {_name(choice)} if isinstance(choice, dict) else None
    return found if names is None else [tool for tool in found if _name(tool) in names]


def _name(tool: Any) -> str | None:
    """The name of a function or custom tool, in the form of chat completions or of responses."""
    kind = at(tool, "type")
    return (text(at(tool, kind, "name")) or text(at(tool, "name"))) if kind in ("function", "custom") else None


def _functions(request: Any) -> list[dict[str, Any]]:
    """The functions of the older form that may be called."""
    choice = at(request, "function_call")
    if choice == "none":
        return []
    named = text(at(choice, "name"))
    found = [function for function in listed(at(request, "functions")) if text(at(function, "name"))]
    return [function for function in found if named in (None, function["name"])]


def _calling(source: Source, request: Any, tools: list[dict[str, Any]], functions: list[dict[str, Any]]) -> Turn:
    if not tools and not functions:
        return Turn(answer(source, request))
    if not tools:
        function = source.pick(functions)
        call = Call(function["name"], arguments(source, function))
        return Turn(None, calls=(call,), finish="function_call", legacy=True)
    most = 1 if at(request, "parallel_tool_calls") is False else _MOST_CALLS
    calls = tuple(_call(source, source.pick(tools), number) for number in range(1 + source.below(most)))
    finish = source.pick(("tool_calls", "stop")) if forced(request) else "tool_calls"
    # Some models say a few words before they call.
    said = _prose(source) if source.chance(source.dials.optional) else None
    for stop in stop_sequences(request):
        said = said.partition(stop)[0] if said is not None else None
    return Turn(said, calls=calls, finish=finish)


def _call(source: Source, tool: dict[str, Any], number: int) -> Call:
    if tool["type"] == "custom":
        return Call(_name(tool) or "", words(source), custom=True, id=f"call_{number + 1}")
    function = tool["function"] if isinstance(tool.get("function"), dict) else tool
    return Call(_name(tool) or "", arguments(source, function), id=f"call_{number + 1}")


def _cut_off(source: Source, turn: Turn) -> Turn:
    """A turn whose last call was cut off by the token limit."""
    if not turn.calls:
        return Turn(turn.content, finish="length")
    *before, last = turn.calls
    last = Call(last.name, cut(source, last.text), last.custom, last.id)
    return Turn(turn.content, calls=(*before, last), finish="length", legacy=turn.legacy)


def arguments(source: Source, function: Mapping[str, Any]) -> str:
    """The arguments of a call as JSON text: what the function's schema admits, or, where it is not strict, none."""
    schema = function.get("parameters")
    if not isinstance(schema, dict) or (not function.get("strict") and not source.below(3)):
        return "{}"
    value = _value(source, schema)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else "{}"


def _json(source: Source, form: Any) -> str:
    """A JSON object: what the schema of the format admits, or any."""
    schema = at(form, "json_schema", "schema") or at(form, "schema")
    value = _value(source, schema) if isinstance(schema, dict) else None
    if value is None:
        value = {PHRASES[number]: words(source) for number in range(source.below(3))}
    return json.dumps(value, ensure_ascii=False)


def _value(source: Source, schema: dict[str, Any]) -> Any:
    """A value of somebody's own schema; None where it has none that can be made."""
    try:
        canonical = jsonschema_rs.canonicalize(schema, draft=jsonschema_rs.Draft202012, offline=True)
        plan = plan_of(canonical)
    except (ValueError, jsonschema_rs.ReferencingError):
        return None
    return plan.make(source, source.dials.depth) if plan.height < float("inf") else None
