"""What flows ask of work that was done: the lines of a batch, the message of a run, what a search finds.

The rule of this module: work that has not ended is not judged; each answer in a file is judged as if it had come alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from assay.conformance.flows.memory import at
from assay.conformance.run_rules import run_rule
from assay.messages import Request, Response
from assay.wire.lines import read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assay.conformance.flows.memory import Memory, Seen
    from assay.conformance.flows.steps import Ask
    from assay.violation import Violation

__all__ = ["answered", "batch_lines_of", "finds", "grown"]

_JSON = {"content-type": "application/json"}
_COMPLETED = "completed"


def batch_lines_of(batch: str, asked: bytes) -> Ask:
    """The output of a completed batch answers the lines that were asked, and each answer keeps the contract."""
    lines = {line.value["custom_id"]: line.value for line in read_lines((asked,))}

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        shown = memory.shown.get(batch)
        if not seen.ok or at(shown, "status") != _COMPLETED:
            return
        found = [line.value for line in read_lines((seen.response.body,))]
        names = [at(line, "custom_id") for line in found]
        wanted = f"one answer to each of {len(lines)} lines, by custom_id"
        rule = run_rule("flow/batch-lines")
        strange = [number for number, name in enumerate(names) if name not in lines]
        if strange:
            yield seen.broken(rule, (strange[0], "custom_id"), wanted, "a line with another custom_id")
        elif len(set(names)) < len(names):
            yield seen.broken(rule, ("custom_id",), wanted, "two answers to one line")
        elif len(names) < len(lines) and not at(shown, "error_file_id"):
            yield seen.broken(rule, (), wanted, f"{len(names)} answers, and no file of errors")
        for number, line in enumerate(found):
            yield from _answer(seen, number, lines.get(at(line, "custom_id")), line)

    return ask


def _answer(seen: Seen, number: int, asked: Any, line: Any) -> Iterator[Violation]:
    """Judge one answer as the response to its line."""
    status, body = at(line, "response", "status_code"), at(line, "response", "body")
    if asked is None or not isinstance(status, int) or body is None:
        return
    request = Request("POST", asked["url"], _JSON, orjson.dumps(asked["body"]))
    verdict = seen.contract.check_response(request, Response(status, _JSON, orjson.dumps(body)))
    for violation in verdict.violations:
        yield replace(violation, path=(number, "response", "body", *violation.path))


def finds(file: str) -> Ask:
    """A search for the words of the only file gives that file, and no search gives any other."""

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        data = at(seen.value, "data")
        if not seen.ok or not isinstance(data, list) or at(memory.shown.get(file), "status") != _COMPLETED:
            return
        rule, wanted = run_rule("flow/search"), "the file that the store has"
        for number, item in enumerate(data):
            if at(item, "file_id") not in (None, memory.ids.get(file)):
                yield seen.broken(rule, ("data", number, "file_id"), wanted, "a file that is not in the store")
                return
        if not data:
            yield seen.broken(rule, ("data",), wanted, "an empty list")

    return ask


def answered(run: str) -> Ask:
    """A completed run has left a message of the assistant."""

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        data = at(seen.value, "data")
        if not seen.ok or not isinstance(data, list) or at(memory.shown.get(run), "status") != _COMPLETED:
            return
        said = [item for item in data if at(item, "role") == "assistant" and at(item, "run_id") == memory.ids[run]]
        if not said and at(seen.value, "has_more") is not True:
            wanted = "a message of the assistant with the id of the run"
            yield seen.broken(run_rule("flow/run-answers"), ("data",), wanted, f"{len(data)} others")

    return ask


def _text(content: Any) -> Any:
    """The text of a message, of any API."""
    part = at(content, 0, "text") if isinstance(content, list) else content
    return at(part, "value") if isinstance(part, dict) else part


def grown(texts: Sequence[str], **later: str) -> Ask:
    """The items of a conversation, or the messages of a thread, hold what was added.

    ``later`` are texts that came with another object, by its name: they are looked for where that was made.
    """

    def ask(memory: Memory, seen: Seen) -> Iterator[Violation]:
        added = [*texts, *(text for name, text in later.items() if name in memory.ids)]
        data = at(seen.value, "data")
        if not seen.ok or not isinstance(data, list) or at(seen.value, "has_more") is True:
            return
        held = [_text(at(item, "content")) for item in data]
        missing = sum(text not in held for text in added)
        if missing:
            got = f"{missing} of {len(added)} missing"
            yield seen.broken(run_rule("flow/grown"), ("data",), "every item that was added", got)

    return ask
