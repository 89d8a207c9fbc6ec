"""What a run does: it waits, calls tools, writes a message, and ends; step by step, as events.

The rule of this module: the life of a run is one sequence of changes, each told as an event. A stream tells them at
once; without one each request of the server is a tick, and a run is as far as the ticks since it was set going.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from assay.reference import kept
from assay.reference.messages import MESSAGES
from assay.reference.replies import Call, Named
from assay.reference.run_text import built_in, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.reference.run_text import Words
    from assay.reference.store import Record

__all__ = ["RUNS", "STEPS", "THREADS", "active", "go_on", "settle", "step_shown"]

RUNS, STEPS, THREADS = "runs", "steps", "threads"
_OPEN = ("queued", "in_progress", "requires_action", "cancelling")
_CONTENT = "step_details.tool_calls[*].file_search.results[*].content"


def active(call: Call, thread: Record) -> Record | None:
    """Return the run that is at work on a thread."""
    runs = call.store.shelf(RUNS).all(thread_id=thread.shown["id"])
    return next((run for run in runs if run.shown["status"] in _OPEN), None)


def settle(call: Call, thread: Record) -> None:
    """Bring the run that is at work on a thread to where it is by now."""
    run = active(call, thread)
    if run is None:
        return
    ticks = call.serial - run.serial
    if call.now >= run.shown["expires_at"]:
        _stop(call, run, "expired")
    elif run.shown["status"] == "cancelling" and ticks:
        _stop(call, run, "cancelled")
    elif run.shown["status"] == "queued" and ticks == 1:
        _begin(call, run)
    elif run.shown["status"] in ("queued", "in_progress") and ticks > 1:
        for _ in go_on(call, run):
            continue


def go_on(call: Call, run: Record) -> Iterator[Named]:
    """Do all that a run does until it waits or ends, and tell of each change."""
    if run.shown["status"] == "queued":
        yield _told("thread.run.queued", run)
        _begin(call, run)
        yield _told("thread.run.in_progress", run)
    wanted = run.notes.pop("calls", ())
    if wanted:
        yield from _ask(call, run, wanted)
        return
    spoken = words(call, run)
    if spoken is None:
        yield from _end(call, run, "incomplete", reason="max_prompt_tokens")
        return
    for details in built_in(call, run):
        yield from _use(call, run, details)
    yield from _write(call, run, spoken)
    used = run.notes["prompt"] + len(spoken.pieces)
    run.shown["usage"] = {
        "prompt_tokens": run.notes["prompt"],
        "completion_tokens": len(spoken.pieces),
        "total_tokens": used,
    }
    if spoken.cut:
        yield from _end(call, run, "incomplete", reason="max_completion_tokens")
    else:
        yield from _end(call, run, "completed")


def step_shown(step: dict[str, Any], query: Any) -> dict[str, Any]:
    """Return a step as it is shown: the text of search results only where it is asked for."""
    shown = copy.deepcopy(step)
    if query.get("include[]") == _CONTENT:
        return shown
    for called in shown["step_details"].get("tool_calls", ()):
        for result in called.get("file_search", {}).get("results", ()):
            result.pop("content", None)
    return shown


def _told(name: str, record: Record) -> Named:
    return Named(name, copy.deepcopy(record.shown))


def _begin(call: Call, run: Record) -> None:
    run.shown.update(status="in_progress", started_at=run.shown["started_at"] or call.now)


def _end(call: Call, run: Record, status: str, *, reason: str | None = None) -> Iterator[Named]:
    details = None if reason is None else {"reason": reason}
    run.shown.update(status=status, incomplete_details=details, expires_at=None)
    if status == "completed":
        run.shown["completed_at"] = call.now
    yield _told(f"thread.run.{status}", run)


def _stop(call: Call, run: Record, status: str) -> None:
    """End a run from outside, with the step that waits."""
    run.shown.update(status=status, required_action=None, expires_at=None)
    if status == "cancelled":
        run.shown["cancelled_at"] = call.now
    for step in call.store.shelf(STEPS).all(run_id=run.shown["id"], status="in_progress"):
        step.shown.update({"status": status, f"{status}_at": call.now})


def _step(call: Call, run: Record, details: dict[str, Any]) -> Record:
    """Begin a step."""
    number = len(call.store.shelf(STEPS).all(run_id=run.shown["id"]))
    shown = {
        "id": kept.name("step", call, run.shown["id"], number),
        "object": "thread.run.step",
        "created_at": call.now,
        "assistant_id": run.shown["assistant_id"],
        "thread_id": run.shown["thread_id"],
        "run_id": run.shown["id"],
        "type": details["type"],
        "status": "in_progress",
        "step_details": details,
        "last_error": None,
        "expired_at": None,
        "cancelled_at": None,
        "failed_at": None,
        "completed_at": None,
        "metadata": {},
        "usage": None,
    }
    return kept.add(call, STEPS, shown)


def _begun(call: Call, run: Record, details: dict[str, Any]) -> tuple[Record, tuple[Named, Named]]:
    step = _step(call, run, details)
    return step, (_told("thread.run.step.created", step), _told("thread.run.step.in_progress", step))


def _finished(call: Call, step: Record) -> Named:
    step.shown.update(status="completed", completed_at=call.now)
    return _told("thread.run.step.completed", step)


def _ask(call: Call, run: Record, wanted: tuple[dict[str, Any], ...]) -> Iterator[Named]:
    """Ask for the outputs of functions, and wait."""
    step, events = _begun(call, run, {"type": "tool_calls", "tool_calls": []})
    yield from events
    for number, function in enumerate(wanted):
        shown = {**function, "function": {**function["function"], "output": None}}
        step.shown["step_details"]["tool_calls"].append(shown)
        delta = {"step_details": {"type": "tool_calls", "tool_calls": [{"index": number, **shown}]}}
        value = {"id": step.shown["id"], "object": "thread.run.step.delta", "delta": delta}
        yield Named("thread.run.step.delta", copy.deepcopy(value))
    action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": [*wanted]}}
    run.shown.update(status="requires_action", required_action=action)
    yield _told("thread.run.requires_action", run)


def _use(call: Call, run: Record, details: dict[str, Any]) -> Iterator[Named]:
    """Use a tool of the service's own."""
    step, events = _begun(call, run, {"type": "tool_calls", "tool_calls": [details]})
    done = _finished(call, step)
    for event in (*events, done):
        yield Named(event.name, step_shown(event.value, call.query))


def _write(call: Call, run: Record, spoken: Words) -> Iterator[Named]:
    """Write the message of the run."""
    message = kept.add(call, MESSAGES, _empty(call, run))
    id_ = message.shown["id"]
    step, events = _begun(call, run, {"type": "message_creation", "message_creation": {"message_id": id_}})
    yield from events
    yield _told("thread.message.created", message)
    yield _told("thread.message.in_progress", message)
    for number, piece in enumerate(spoken.pieces):
        notes = [*spoken.notes] if number == len(spoken.pieces) - 1 else []
        text = {"value": piece, "annotations": [{"index": n, **note} for n, note in enumerate(notes)]}
        delta = {"content": [{"index": 0, "type": "text", "text": text}]}
        yield Named("thread.message.delta", {"id": id_, "object": "thread.message.delta", "delta": delta})
    whole = {"value": "".join(spoken.pieces), "annotations": [*spoken.notes]}
    message.shown["content"] = [{"type": "text", "text": whole}]
    if spoken.cut:
        message.shown.update(status="incomplete", incomplete_details={"reason": "max_tokens"}, incomplete_at=call.now)
        yield _told("thread.message.incomplete", message)
    else:
        message.shown.update(status="completed", completed_at=call.now)
        yield _told("thread.message.completed", message)
    yield _finished(call, step)


def _empty(call: Call, run: Record) -> dict[str, Any]:
    return {
        "id": kept.name("msg", call, run.shown["id"]),
        "object": "thread.message",
        "created_at": call.now,
        "thread_id": run.shown["thread_id"],
        "status": "in_progress",
        "incomplete_details": None,
        "completed_at": None,
        "incomplete_at": None,
        "role": "assistant",
        "content": [],
        "assistant_id": run.shown["assistant_id"],
        "run_id": run.shown["id"],
        "attachments": [],
        "metadata": {},
    }
