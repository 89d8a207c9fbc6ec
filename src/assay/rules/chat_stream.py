"""Rules of streamed chat completions: roles, tool calls and how they finish, beside what all chunks share.

The rule of this module: what a client does with fragments is to join them, so a rule speaks where joining goes
wrong. At most ``ARGUMENTS_KEPT`` characters of arguments and ``CALLS_KEPT`` calls are kept for one stream; beyond
them the rules that need the whole are silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules.chat import alternatives_asked, forced, have_alternatives, may_be_cut
from assay.rules.chunks import Choice, Chunks, declare
from assay.rules.read import at, is_json, objects, text
from assay.rules.registry import Exchange, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from assay.violation import Violation

__all__ = ["ARGUMENTS_KEPT", "CALLS_KEPT", "ChatChunks", "rules"]

ARGUMENTS_KEPT = 1024 * 1024
CALLS_KEPT = 512
# Many short strings weigh far more than their characters, so they are joined from time to time.
_PARTS_JOINED = 1024

rules = RuleSet("chat-stream", "createChatCompletion")

_CHUNK = "#/components/schemas/CreateChatCompletionStreamResponse"
_ROLE = "#/components/schemas/ChatCompletionStreamResponseDelta/properties/role"
_CALL = "#/components/schemas/ChatCompletionMessageToolCallChunk/properties"
_FINISH = f"{_CHUNK}/properties/choices/items/properties/finish_reason"

ROLE_FIRST = rules.stream("role-first", "The first delta of a choice has the role.", _ROLE, severity="hazard")
ROLE_ONCE = rules.stream("role-once", "Only the first delta of a choice has the role.", _ROLE, severity="hazard")
FINISH_ALONE = rules.stream(
    "finish-alone", "The chunk with the finish_reason brings no more content.", _FINISH, severity="hazard"
)
CALL_START = rules.stream(
    "tool-call-start", "The first part of a tool call has its id, its type and the function's name.", f"{_CALL}/id"
)
CALL_INDEX = rules.stream("tool-call-index", "Tool calls are numbered 0, 1, 2 as they begin.", f"{_CALL}/index")
CALL_MIXED = rules.stream("tool-call-mixed", "Every tool call has an index of its own.", f"{_CALL}/index")
CALL_IDS = rules.stream("tool-call-ids", "Tool calls have different ids.", f"{_CALL}/id")
CALL_ONCE = rules.stream(
    "tool-call-once", "Only the first part of a tool call has its id and name.", f"{_CALL}/id", severity="hazard"
)
ARGUMENTS = rules.stream(
    "arguments-json", "The joined arguments are JSON text.", f"{_CALL}/function/properties/arguments", severity="hazard"
)
CALLS_FINISH = rules.stream(
    "tool-calls-finish", "A choice with tool calls finishes with tool_calls (stop when the call was forced).", _FINISH
)
FINISH_CALLS = rules.stream("finish-tool-calls", "A choice that finishes with tool_calls brought tool calls.", _FINISH)
LOGPROBS_GIVEN = rules.stream(
    "logprobs-given",
    "A choice with text brings log probabilities when logprobs is true.",
    f"{_CHUNK}/properties/choices/items/properties/logprobs",
)
LOGPROBS = rules.stream(
    "logprobs-unasked",
    "No log probabilities come when logprobs is not true.",
    f"{_CHUNK}/properties/choices/items/properties/logprobs",
    severity="hazard",
)
TOP_GIVEN = rules.stream(
    "top-logprobs-given",
    "Alternatives come beside the log probabilities when top_logprobs asks for them.",
    "#/components/schemas/CreateChatCompletionRequest/properties/top_logprobs",
)
MODERATION = rules.stream(
    "moderation-unasked", "moderation comes only when it was asked for.", f"{_CHUNK}/properties/moderation"
)
OBFUSCATION = rules.stream(
    "obfuscation-unasked",
    "No obfuscation comes when include_obfuscation is false.",
    "#/components/schemas/ChatCompletionStreamOptions",
)


def _unobscured(request: Any) -> bool:
    return at(request, "stream_options", "include_obfuscation") is False


class _Call:
    """One tool call of a choice: its id, and its arguments so far (None when no longer kept)."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self) -> None:
        self.id = ""
        self.name = ""
        self.arguments: list[str] | None = []


class _ChatChoice(Choice):
    __slots__ = ("alternatives", "calls", "rated", "spoke")

    def __init__(self) -> None:
        super().__init__()
        self.calls: dict[int, _Call] = {}
        self.spoke = self.rated = False  # whether there was text, and log probabilities
        self.alternatives: bool | None = None  # whether these showed any; None while no list of them came


@rules.reducer
class ChatChunks(Chunks):
    """The chunks of one chat completion."""

    chunk_rules = declare(rules, _CHUNK)

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self._forced = forced(exchange.request)
        self._logprobs_asked = at(exchange.request, "logprobs") is True
        self._alternatives_asked = alternatives_asked(exchange.request)
        self._kept = 0
        self.watched = self.watched or self._logprobs_asked or _unobscured(exchange.request)

    def make_choice(self) -> Choice:
        """Begin a choice."""
        return _ChatChoice()

    def is_text(self, choice: Any) -> bool:
        """Tell whether a choice brings content to the current choice and nothing else."""
        delta = choice["delta"]
        if choice["index"] != self.current or choice["finish_reason"] is not None or choice.get("logprobs") is not None:
            return False
        return len(delta) == 1 and "content" in delta and type(delta) is dict

    def read_chunk(self, found: list[Violation], chunk: dict[str, Any]) -> None:
        """Judge what comes only when it was asked for."""
        request = self.exchange.request
        if chunk.get("moderation") is not None and at(request, "moderation") is None:
            self.tell(found, MODERATION, ("moderation",), "no moderation, as none was asked for", "moderation")
        if "obfuscation" in chunk and _unobscured(request):
            self.tell(found, OBFUSCATION, ("obfuscation",), "no obfuscation, as it was switched off", "obfuscation")

    def read_choice(self, found: list[Violation], path: tuple[str | int, ...], state: Any, choice: Any) -> None:
        """Judge one delta."""
        delta, reason = choice.get("delta"), choice.get("finish_reason")
        if isinstance(delta, dict):
            self.read_text(found, (*path, "delta", "content"), state, delta.get("content"))
            self._read_role(found, (*path, "delta"), state, delta)
            state.spoke = state.spoke or bool(delta.get("content"))
            for position, call in objects(delta.get("tool_calls")):
                self._read_call(found, (*path, "delta", "tool_calls", position), state, call)
            if reason and delta.get("content"):
                self.tell(found, FINISH_ALONE, (*path, "delta"), "no content beside the finish_reason", "content")
        if reason:
            self._read_finish(found, path, state, reason)
        logprobs = choice.get("logprobs")
        state.rated = state.rated or bool(at(logprobs, "content"))
        if self._alternatives_asked and not state.alternatives:
            shown = have_alternatives(at(logprobs, "content"))
            state.alternatives = state.alternatives if shown is None else shown
        if logprobs is not None and not self._logprobs_asked and isinstance(logprobs, dict) and any(logprobs.values()):
            self.tell(found, LOGPROBS, (*path, "logprobs"), "null, as none were asked for", describe(logprobs))

    def close_choice(self, found: list[Violation], index: int, state: Any) -> None:
        """Judge the log probabilities, and the joined arguments."""
        if self._logprobs_asked and state.spoke and state.finish_reason and not state.rated:
            got = f"none in choice {index}"
            self.once(found, LOGPROBS_GIVEN.broken((), "log probabilities, as asked for", got, part="stream"))
        if state.alternatives is False and state.finish_reason:
            expected = "alternatives at one place at least, as top_logprobs asks for"
            self.once(found, TOP_GIVEN.broken((), expected, f"none in choice {index}", part="stream"))
        if may_be_cut(state.finish_reason):
            return
        for number, call in sorted(state.calls.items()):
            if call.arguments is None or is_json("".join(call.arguments)):
                continue
            got = f"text that is not JSON, in tool call {number} of choice {index}"
            self.once(found, ARGUMENTS.broken((), "arguments that join to JSON text", got, part="stream"))

    def _read_role(
        self, found: list[Violation], path: tuple[str | int, ...], state: _ChatChoice, delta: dict[str, Any]
    ) -> None:
        if not state.started:
            if "role" not in delta:
                self.tell(found, ROLE_FIRST, path, "the role in the first delta", "none")
        elif isinstance(delta.get("role"), str):
            self.tell(found, ROLE_ONCE, (*path, "role"), "no role after the first delta", "the role again")

    def _read_call(
        self, found: list[Violation], path: tuple[str | int, ...], state: _ChatChoice, part: dict[str, Any]
    ) -> None:
        index = part.get("index")
        if type(index) is not int:
            return
        called, name = text(part.get("id")) or "", text(at(part, "function", "name")) or ""
        call = state.calls.get(index)
        if call is None:
            if len(state.calls) < CALLS_KEPT:
                self._begin_call(found, path, state, part)
            return
        if called and called != call.id:
            self.tell(found, CALL_MIXED, (*path, "index"), "an index of its own for another call", "one already used")
            call.arguments = None
        elif called or name:
            expected = "id and name in the first part only"
            self.tell(found, CALL_ONCE, (*path, "id" if called else "function"), expected, "them again")
        self._keep(call, part)

    def _begin_call(
        self, found: list[Violation], path: tuple[str | int, ...], state: _ChatChoice, part: dict[str, Any]
    ) -> None:
        call = _Call()
        call.id, call.name = text(part.get("id")) or "", text(at(part, "function", "name")) or ""
        if part["index"] != len(state.calls):
            expected = f"{len(state.calls)}, the next number"
            self.tell(found, CALL_INDEX, (*path, "index"), expected, describe(part["index"]))
        kind = part.get("type")
        missing = [
            name
            for name, given in (("id", call.id), ("type", kind), ("name", call.name or kind == "custom"))
            if not given
        ]
        if missing:
            self.tell(found, CALL_START, path, "id, type and name in the first part", f"none for {missing[0]}")
        if call.id and any(other.id == call.id for other in state.calls.values()):
            self.tell(found, CALL_IDS, (*path, "id"), "an id of its own", "the id of an earlier call")
        state.calls[part["index"]] = call
        if kind == "custom":
            call.arguments = None
        self._keep(call, part)

    def _keep(self, call: _Call, part: dict[str, Any]) -> None:
        arguments = text(at(part, "function", "arguments"))
        if not arguments or call.arguments is None:
            return
        self._kept += len(arguments)
        if self._kept > ARGUMENTS_KEPT:
            call.arguments = None
            return
        call.arguments.append(arguments)
        if len(call.arguments) > _PARTS_JOINED:
            call.arguments = ["".join(call.arguments)]

    def _read_finish(
        self, found: list[Violation], path: tuple[str | int, ...], state: _ChatChoice, reason: Any
    ) -> None:
        place = (*path, "finish_reason")
        if reason == "tool_calls" and not state.calls:
            self.tell(found, FINISH_CALLS, place, "tool calls before the finish_reason tool_calls", "none")
        if not state.calls or may_be_cut(reason) or reason == "tool_calls" or (reason == "stop" and self._forced):
            return
        self.tell(found, CALLS_FINISH, place, "tool_calls after tool calls", describe(reason))
