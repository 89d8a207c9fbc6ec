"""Runs of assistants as streams: the events of a thread, a run, its step and its message, in the order of life.

The rule of this module: the data of an event comes from the schema that the description has for that event's name;
here are the order, the states, and what must stay the same from event to event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.generate.responses_turns import TIME, pieces
from assay.generate.text import words
from assay.rules.read import at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.generate.responses_asked import Asked
    from assay.generate.responses_parts import Parts
    from assay.generate.source import Source

__all__ = ["run_events"]

_ENDS = ("completed", "completed", "requires_action", "incomplete", "failed", "cancelled", "expired")
# When something of a state happened: the property that tells it.
_TIMES = {
    "completed": "completed_at", "failed": "failed_at", "cancelled": "cancelled_at", "incomplete": "incomplete_at",
    "expired": "expired_at",
}  # fmt: skip


def run_events(source: Source, parts: Parts, reference: str, asked: Asked) -> Iterator[tuple[str, Any]]:
    """Make the events of one run; ``done`` ends them."""
    teller = _Teller(source, parts, reference, asked)
    end = source.pick(_ENDS)
    text = words(source) if source.below(4) else ""
    if "thread_id" not in asked.exchange.path_values:
        yield from teller.told("thread.created", {"id": teller.names["thread_id"], "created_at": TIME})
    for state in ("created", "queued", "in_progress"):
        yield from teller.run(state)
    if end == "requires_action":
        yield from teller.run(end)
    else:
        for state in ("created", "in_progress"):
            yield from teller.step(state)
        for state in ("created", "in_progress"):
            yield from teller.message(state, "")
        for piece in pieces(source, text):
            yield from teller.delta(piece)
        # A message that could not be finished is incomplete, whatever became of its run.
        yield from teller.message("completed" if end == "completed" else "incomplete", text)
        yield from teller.step("completed" if end in ("completed", "incomplete") else end)
        yield from teller.run(end)
    yield "done", "[DONE]"


class _Teller:
    """Tells events by name, where the description knows them; ids, times and all that stays the same are kept."""

    def __init__(self, source: Source, parts: Parts, reference: str, asked: Asked) -> None:
        self._source, self._parts, self._reference = source, parts, reference
        values = asked.exchange.path_values
        assistant = at(asked.body, "assistant_id")
        self.names: dict[str, Any] = {
            "thread_id": values.get("thread_id") or "thread_1",
            "run_id": values.get("run_id") or "run_1",
            "assistant_id": assistant if isinstance(assistant, str) else "asst_1",
        }
        self._base: dict[str, dict[str, Any]] = {}

    def told(self, name: str, ties: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        """Tell an event, if there is one of this name."""
        variant = self._parts.variant(self._reference, "event", name)
        data = None if variant is None else self._parts.below(variant, "data")
        if data is None:
            return
        kind = name if name.endswith(".delta") else name.rpartition(".")[0]
        known = self._base.get(kind)
        if known is None:
            known = self._base[kind] = self._parts.object(self._source, data, {**ties, **self._shared(data)})
        names = self._parts.names(data)
        yield name, {**known, **{key: value for key, value in ties.items() if key in names}}

    def _shared(self, reference: str) -> dict[str, Any]:
        """Names that go through all events, and no time of anything that has not happened."""
        names = self._parts.names(reference)
        times = {time: None for time in (*_TIMES.values(), "started_at", "expires_at") if time in names}
        fitting = {t: v for t, v in times.items() if self._parts.admits(self._parts.below(reference, t), v)}
        return {**fitting, **{name: value for name, value in self.names.items() if name in names}}

    def run(self, state: str) -> Iterator[tuple[str, Any]]:
        """Tell of the run."""
        status = "queued" if state == "created" else state
        ties = {"id": self.names["run_id"], "created_at": TIME, "status": status, **self._state("run", state)}
        yield from self.told(f"thread.run.{state}", {**ties, "usage": None})

    def step(self, state: str) -> Iterator[tuple[str, Any]]:
        """Tell of its one step, which makes a message."""
        details = {"type": "message_creation", "message_creation": {"message_id": "msg_1"}}
        status = "in_progress" if state == "created" else state
        ties = {"id": "step_1", "created_at": TIME, "type": "message_creation", "step_details": details}
        more = {"status": status, "usage": None, **self._state("run.step", state)}
        yield from self.told(f"thread.run.step.{state}", {**ties, **more})

    def message(self, state: str, text: str) -> Iterator[tuple[str, Any]]:
        """Tell of its message."""
        content = [{"type": "text", "text": {"value": text, "annotations": []}}]
        status = "in_progress" if state == "created" else state
        done = state in ("completed", "incomplete")
        ties = {"id": "msg_1", "created_at": TIME, "role": "assistant", "content": content if done else []}
        more = {"status": status, "attachments": None, **self._state("message", state)}
        yield from self.told(f"thread.message.{state}", {**ties, **more})

    def delta(self, piece: str) -> Iterator[tuple[str, Any]]:
        """Tell a piece of the text."""
        content = [{"index": 0, "type": "text", "text": {"value": piece}}]
        yield from self.told("thread.message.delta", {"id": "msg_1", "delta": {"content": content}})

    def _state(self, kind: str, state: str) -> dict[str, Any]:
        """When and why it came to this."""
        found: dict[str, Any] = {}
        if kind != "message":
            failed = {"code": "server_error", "message": "otter"}
            found["last_error"] = failed if state in ("failed", "expired") else None
        if (state in _TIMES and kind != "run.step") or state in ("completed", "failed", "cancelled", "expired"):
            found[_TIMES[state]] = TIME + 1
        if kind == "message":
            found["incomplete_details"] = {"reason": "run_failed"} if state == "incomplete" else None
        elif kind == "run":
            found["incomplete_details"] = {"reason": "max_completion_tokens"} if state == "incomplete" else None
            call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
            action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": [call]}}
            found["required_action"] = action if state == "requires_action" else None
        return found
