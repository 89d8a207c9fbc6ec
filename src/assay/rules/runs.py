"""Rules of runs and their steps: what a run says of itself agrees with its status, and with what was asked.

The rule of this module: a status that it does not know breaks nothing, and a property that is not there is left to
the schemas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules import accounting
from assay.rules.read import at, integer, is_json, objects, shown, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["OPEN", "rules"]

OPEN = frozenset({"queued", "in_progress", "requires_action", "cancelling"})
"""The statuses of a run that has not ended."""

_MADE = "createRun createThreadAndRun"
_RUNS = f"{_MADE} listRuns getRun modifyRun cancelRun submitToolOuputsToRun"
_STEPS = "listRunSteps getRunStep"

rules = RuleSet("runs", *_RUNS.split(), *_STEPS.split())

_RUN = "#/components/schemas/RunObject/properties"
_STEP = "#/components/schemas/RunStepObject/properties"
# A property that is set with one status and null with every other.
_OWNERS = (("required_action", "requires_action"), ("last_error", "failed"), ("incomplete_details", "incomplete"))


@rules.response(
    "status-reasons",
    "required_action is set exactly when the status is requires_action, last_error when it is failed, and "
    "incomplete_details when it is incomplete.",
    f"{_RUN}/status",
    operations=_RUNS,
)
def status_reasons(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, run in shown(exchange.response):
        status = text(run.get("status"))
        for name, owner in _OWNERS if status is not None else ():
            given = run.get(name)
            if status == owner and given is None:
                yield rule.broken((*path, name), f"the reason, as status is {owner}", "null")
            elif status != owner and given is not None:
                yield rule.broken((*path, name), f"null, as status is not {owner}", describe(given))


@rules.response("status-times", "A run that has ended says when it did.", f"{_RUN}/completed_at", operations=_RUNS)
def status_times(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, run in shown(exchange.response):
        status = run.get("status")
        if status in ("completed", "failed", "cancelled") and run.get(f"{status}_at") is None:
            yield rule.broken((*path, f"{status}_at"), f"a time, as status is {status}", "null")


@rules.response("usage-at-end", "usage is null until a run or a step has ended.", f"{_RUN}/usage")
def usage_at_end(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, item in shown(exchange.response):
        if text(item.get("status")) in OPEN and item.get("usage") is not None:
            yield rule.broken((*path, "usage"), "null before the end", describe(item["usage"]))


@rules.response(
    "usage-sums", "total_tokens is prompt_tokens + completion_tokens.", "#/components/schemas/RunCompletionUsage"
)
def usage_sums(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, item in shown(exchange.response):
        yield from accounting.sums(rule, item.get("usage"), (*path, "usage"), "prompt_tokens", "completion_tokens")


@rules.response(
    "token-budget",
    "A run that spent more than max_completion_tokens is incomplete.",
    f"{_RUN}/max_completion_tokens",
    severity="hazard",
    operations=_RUNS,
)
def token_budget(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since the budget is kept as well as the service can."""
    for path, run in shown(exchange.response):
        limit = integer(at(exchange.request, "max_completion_tokens")) or integer(run.get("max_completion_tokens"))
        used = integer(at(run, "usage", "completion_tokens"))
        if limit is not None and used is not None and used > limit and run.get("status") != "incomplete":
            place = (*path, "usage", "completion_tokens")
            yield rule.broken(place, f"at most {limit}, as max_completion_tokens asks", str(used))


@rules.response("assistant-asked", "The run is of the assistant that was asked for.", f"{_RUN}/assistant_id",
                operations=_MADE)  # fmt: skip
def assistant_asked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    asked, given = text(at(exchange.request, "assistant_id")), text(at(exchange.response, "assistant_id"))
    if asked is not None and given is not None and asked != given:
        yield rule.broken(("assistant_id",), "the assistant_id of the request", "another id")


@rules.response("call-ids", "The tool calls that a run waits for have ids, all different.",
                "#/components/schemas/RunToolCallObject/properties/id", operations=_RUNS)  # fmt: skip
def call_ids(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, call, seen in _calls(exchange):
        called = text(call.get("id"))
        if called == "" or called in seen:
            got = "an empty string" if called == "" else "the id of an earlier call"
            yield rule.broken((*path, "id"), "an id of its own", got)
        seen.add(called or "")


@rules.response("arguments-json", "The arguments of a call that a run waits for are JSON text.",
                "#/components/schemas/RunToolCallObject/properties/function", severity="hazard",
                operations=_RUNS)  # fmt: skip
def arguments_json(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since it is the model that writes them."""
    for path, call, _ in _calls(exchange):
        arguments = text(at(call, "function", "arguments"))
        if arguments is not None and not is_json(arguments):
            place = (*path, "function", "arguments")
            yield rule.broken(place, "JSON text", f"{describe(arguments)} that is not JSON")


@rules.response("step-type", "The type of a step is that of its details.", f"{_STEP}/type", operations=_STEPS)
def step_type(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, step in shown(exchange.response):
        kind, inner = text(step.get("type")), text(at(step, "step_details", "type"))
        if kind is not None and inner is not None and kind != inner:
            yield rule.broken((*path, "step_details", "type"), "the type of the step", "another type")


@rules.response("step-outputs", "The function calls of a completed step have outputs.",
                "#/components/schemas/RunStepDetailsToolCallsFunctionObject/properties/function",
                severity="hazard", operations=_STEPS)  # fmt: skip
def step_outputs(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since the prose says only that the output is null until it was submitted."""
    for path, step in shown(exchange.response):
        if step.get("status") != "completed":
            continue
        for number, call in objects(at(step, "step_details", "tool_calls")):
            function = call.get("function")
            if isinstance(function, dict) and call.get("type") == "function" and function.get("output") is None:
                place = (*path, "step_details", "tool_calls", number, "function", "output")
                yield rule.broken(place, "the output, as the step is completed", "null")


Call = tuple[tuple[str | int, ...], dict[str, Any], set[str]]


def _calls(exchange: Exchange) -> Iterator[Call]:
    """The tool calls that each run waits for, with their places and a set for what was seen in the same run."""
    for path, run in shown(exchange.response):
        seen: set[str] = set()
        for number, call in objects(at(run, "required_action", "submit_tool_outputs", "tool_calls")):
            yield (*path, "required_action", "submit_tool_outputs", "tool_calls", number), call, seen
