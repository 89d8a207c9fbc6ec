"""Runs as they are asked for: made, streamed, shown, cancelled, and given the outputs of tool calls.

The rule of this module: a run is refused before it begins or not at all, and everything that it needs is settled
when it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.reference import kept
from assay.reference.assistants import resources
from assay.reference.choices import choices
from assay.reference.messages import new_message
from assay.reference.models import find as find_model
from assay.reference.replies import Call, Named, Refusal, Reply, Stream
from assay.reference.run_life import RUNS, STEPS, go_on, step_shown
from assay.reference.run_text import asked
from assay.reference.threads import new_thread, open_thread, thread_of
from assay.reference.tools import checked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.reference.store import Record

__all__ = [
    "cancel_run",
    "create_run",
    "create_thread_and_run",
    "get_run",
    "get_run_step",
    "list_run_steps",
    "list_runs",
    "modify_run",
    "submit_tool_outputs",
]

_IDS = "vector_store_ids"
_LIFE = 600  # seconds until a run expires
_STOPPABLE = ("queued", "in_progress", "requires_action")


def create_run(call: Call) -> Reply | Stream:
    """Answer ``POST /threads/{thread_id}/runs``."""
    assistant = _assistant_of(call)
    thread = open_thread(call)
    planned = _planned(call, assistant)
    for number, message in enumerate(call.value.get("additional_messages") or ()):
        new_message(call, thread, message, f"additional_messages[{number}].")
    return _answer(call, _begun(call, planned, thread, thread.shown["tool_resources"]), [])


def create_thread_and_run(call: Call) -> Reply | Stream:
    """Answer ``POST /threads/runs``."""
    planned = _planned(call, _assistant_of(call))
    extra = resources(call, call.value.get("tool_resources"))
    thread = new_thread(call, call.value.get("thread") or {}, "thread.")
    run = _begun(call, planned, thread, {**thread.shown["tool_resources"], **extra})
    return _answer(call, run, [Named("thread.created", thread.shown)])


def list_runs(call: Call) -> Reply:
    """Answer ``GET /threads/{thread_id}/runs``."""
    found = call.store.shelf(RUNS).all(thread_id=thread_of(call).shown["id"])
    return kept.page(call, [run.shown for run in found])


def get_run(call: Call) -> Reply:
    """Answer ``GET /threads/{thread_id}/runs/{run_id}``."""
    return Reply(_run_of(call).shown)


def modify_run(call: Call) -> Reply:
    """Answer ``POST /threads/{thread_id}/runs/{run_id}``."""
    run = _run_of(call)
    kept.change(run, call.value, "metadata")
    return Reply(run.shown)


def cancel_run(call: Call) -> Reply:
    """Answer ``POST /threads/{thread_id}/runs/{run_id}/cancel``."""
    run = _run_of(call)
    if run.shown["status"] not in _STOPPABLE:
        text = f"A run that is {run.shown['status']} cannot be cancelled."
        raise Refusal(400, text, param="run_id", code="invalid_state")
    run.shown.update(status="cancelling", required_action=None)
    run.serial = call.serial
    return Reply(run.shown)


def submit_tool_outputs(call: Call) -> Reply | Stream:
    """Answer ``POST /threads/{thread_id}/runs/{run_id}/submit_tool_outputs``."""
    run = _run_of(call)
    if run.shown["status"] != "requires_action":
        text = f"A run that is {run.shown['status']} does not wait for outputs; they cannot be used."
        raise Refusal(400, text, param="run_id", code="invalid_state")
    outputs = {item["tool_call_id"]: item["output"] for item in call.value["tool_outputs"]}
    wanted = [item["id"] for item in run.shown["required_action"]["submit_tool_outputs"]["tool_calls"]]
    if outputs.keys() != {*wanted} or len(call.value["tool_outputs"]) != len(wanted):
        text = "The outputs of exactly the tool calls that the run asked for must come in one request."
        raise Refusal(400, text, param="tool_outputs", code="invalid_value")
    run.notes["outputs"] = [outputs[id_] for id_ in wanted]
    (step,) = call.store.shelf(STEPS).all(run_id=run.shown["id"], status="in_progress")
    for item in step.shown["step_details"]["tool_calls"]:
        item["function"]["output"] = outputs[item["id"]]
    step.shown.update(status="completed", completed_at=call.now)
    run.shown.update(status="queued", required_action=None)
    run.serial = call.serial
    return _answer(call, run, [Named("thread.run.step.completed", step.shown)])


def list_run_steps(call: Call) -> Reply:
    """Answer ``GET /threads/{thread_id}/runs/{run_id}/steps``."""
    found = call.store.shelf(STEPS).all(run_id=_run_of(call).shown["id"])
    return kept.page(call, [step_shown(step.shown, call.query) for step in found])


def get_run_step(call: Call) -> Reply:
    """Answer ``GET /threads/{thread_id}/runs/{run_id}/steps/{step_id}``."""
    run, step = _run_of(call), kept.found(call, STEPS, "step_id")
    if step.shown["run_id"] != run.shown["id"]:
        raise Refusal(404, "The step of this path is not of this run.", param="step_id", code="not_found")
    return Reply(step_shown(step.shown, call.query))


def _assistant_of(call: Call) -> Record:
    body = call.value
    assistant = kept.find(call, "assistants", body["assistant_id"], "assistant_id")
    if body.get("model") is not None:
        find_model(body["model"], "chat")
    checked(body.get("tools") or [])
    return assistant


def _run_of(call: Call) -> Record:
    thread, run = thread_of(call), kept.found(call, RUNS, "run_id")
    if run.shown["thread_id"] != thread.shown["id"]:
        raise Refusal(404, "The run of this path is not of this thread.", param="run_id", code="not_found")
    return run


@dataclass(frozen=True, slots=True)
class _Plan:
    """A run that can be made: how it is shown, the functions that it will ask for, the stores of its assistant."""

    shown: dict[str, Any]
    calls: tuple[dict[str, Any], ...]
    stores: tuple[str, ...]


def _planned(call: Call, assistant: Record) -> _Plan:
    """Plan a run; refuse a schema that nothing can be written to."""
    shown = _fresh(call, call.value, assistant.shown)
    calls = asked(call, shown)
    if isinstance(shown["response_format"], dict):
        choices({"model": shown["model"], "messages": [], "response_format": shown["response_format"]}, call.serial)
    return _Plan(shown, calls, tuple(assistant.shown["tool_resources"].get("file_search", {}).get(_IDS, ())))


def _begun(call: Call, plan: _Plan, thread: Record, held: dict[str, Any]) -> Record:
    """Set a run going on a thread; ``held`` is what its tools may use beside the assistant's."""
    run = kept.add(call, RUNS, {**plan.shown, "thread_id": thread.shown["id"]})
    stores = dict.fromkeys((*held.get("file_search", {}).get(_IDS, ()), *plan.stores))
    run.notes.update(calls=plan.calls, stores=[*stores])
    return run


def _fresh(call: Call, body: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """Return a run that is queued, with what the request sets and the assistant's values for the rest."""
    instructions = base["instructions"] if body.get("instructions") is None else body["instructions"]
    if body.get("additional_instructions"):
        instructions = " ".join(text for text in (instructions, body["additional_instructions"]) if text)
    truncation = body.get("truncation_strategy") or {"type": "auto"}
    return {
        "id": kept.name("run", call),
        "object": "thread.run",
        "created_at": call.now,
        "thread_id": "",
        "assistant_id": base["id"],
        "status": "queued",
        "required_action": None,
        "last_error": None,
        "expires_at": call.now + _LIFE,
        "started_at": None,
        "cancelled_at": None,
        "failed_at": None,
        "completed_at": None,
        "incomplete_details": None,
        "model": body.get("model") or base["model"],
        "instructions": instructions,
        "tools": base["tools"] if body.get("tools") is None else body["tools"],
        "metadata": body.get("metadata") or {},
        "usage": None,
        "temperature": base["temperature"] if body.get("temperature") is None else body["temperature"],
        "top_p": base["top_p"] if body.get("top_p") is None else body["top_p"],
        "max_prompt_tokens": body.get("max_prompt_tokens"),
        "max_completion_tokens": body.get("max_completion_tokens"),
        "truncation_strategy": {"last_messages": None, **truncation},
        "tool_choice": body.get("tool_choice") or "auto",
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "response_format": body.get("response_format") or base["response_format"],
    }


def _answer(call: Call, run: Record, first: list[Named]) -> Reply | Stream:
    """Answer with the run as it is, or with all that happens until it waits or ends."""
    if not call.value.get("stream"):
        return Reply(run.shown)
    created = [] if run.shown["started_at"] else [Named("thread.run.created", {**run.shown})]
    # All is done before the first event leaves, so that the state does not hang on who listens.
    return Stream(_once([*first, *created, *go_on(call, run)]))


def _once(events: list[Named]) -> Iterator[Named]:
    yield from events
