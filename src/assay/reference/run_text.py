"""What a run calls and says: functions to ask for, the service's own tools, and the words of its message.

The rule of this module: the words follow from the thread alone, as a chat's do from its messages, and are the same
whether they are streamed or not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.reference.choices import choices
from assay.reference.messages import MESSAGES, said
from assay.reference.text import Source, count
from assay.reference.tools import wanted
from assay.reference.vector_stores import STORES, found_parts

if TYPE_CHECKING:
    from assay.reference.replies import Call
    from assay.reference.store import Record

__all__ = ["Words", "asked", "built_in", "words"]

_PER_MESSAGE = 3  # tokens that a message costs beside its text
_RESULTS = 5  # of a search, unless the tool says how many
_USER = [{"role": "user", "content": ""}]


@dataclass(frozen=True, slots=True)
class Words:
    """The text of a message as tokens, with its annotations; ``cut`` says that the budget was spent."""

    pieces: tuple[str, ...]
    notes: tuple[dict[str, Any], ...]
    cut: bool


def asked(call: Call, run: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return the functions that a run asks for before it writes; refuse what cannot be written to a schema."""
    functions = [tool for tool in run["tools"] if tool["type"] == "function"]
    choice = run["tool_choice"]
    if isinstance(choice, dict) and choice["type"] != "function":
        choice = "none"
    if not functions and choice == "required":
        choice = "none"
    body = {
        "tools": functions,
        "tool_choice": choice or "auto",
        "parallel_tool_calls": run["parallel_tool_calls"],
        "messages": _USER,
    }
    source, names = Source("run calls", [run["model"], run["instructions"]]), Source("call", call.serial)
    return tuple(
        {
            "id": f"call_{names.name()}",
            "type": "function",
            "function": {"name": tool.name, "arguments": tool.arguments(source)},
        }
        for tool in wanted(body)
    )


def words(call: Call, run: Record) -> Words | None:
    """Return what a run writes, and note the tokens of its prompt; None when they are over the budget."""
    shown = run.shown
    messages = said(call.store.shelf(MESSAGES).all(thread_id=shown["thread_id"]))
    strategy = shown["truncation_strategy"]
    if strategy["type"] == "last_messages":
        messages = messages[-int(strategy["last_messages"]) :]
    outputs = [{"role": "tool", "content": output} for output in run.notes.get("outputs", ())]
    talk = [{"role": "system", "content": shown["instructions"] or ""}, *messages, *outputs]
    run.notes["prompt"] = sum(_PER_MESSAGE + count(message["content"]) for message in talk)
    limit = shown["max_prompt_tokens"]
    if limit is not None and run.notes["prompt"] > limit:
        return None
    body = {"model": shown["model"], "messages": talk}
    if isinstance(shown["response_format"], dict):
        body["response_format"] = shown["response_format"]
    pieces = choices(body, run.serial)[0].pieces or ()
    notes: list[dict[str, Any]] = []
    found = _found(call, run)
    if found and "response_format" not in body:
        pieces, notes = (*pieces, _mark(found[0])), [_note(pieces, found[0])]
    limit = shown["max_completion_tokens"]
    if limit is not None and len(pieces) > limit:
        return Words(tuple(pieces[: int(limit)]), (), cut=True)
    return Words(tuple(pieces), tuple(notes), cut=False)


def built_in(call: Call, run: Record) -> list[dict[str, Any]]:
    """Return the calls of the service's own tools: a search where there is something to search, code where forced."""
    source = Source("built in", [run.shown["id"]])
    used = []
    choice = run.shown["tool_choice"]
    results = _found(call, run)
    if results or choice == {"type": "file_search"}:
        ranking = {"ranker": "auto", "score_threshold": 0.0}
        search = {"ranking_options": ranking, "results": results}
        used.append({"id": f"call_{source.name()}", "type": "file_search", "file_search": search})
    if choice == {"type": "code_interpreter"}:
        code = {"input": "print(6 * 7)", "outputs": [{"type": "logs", "logs": "42\n"}]}
        used.append({"id": f"call_{source.name()}", "type": "code_interpreter", "code_interpreter": code})
    return used


def _found(call: Call, run: Record) -> list[dict[str, Any]]:
    """Search the vector stores at hand for the last words of the user's."""
    tool = next((tool for tool in run.shown["tools"] if tool["type"] == "file_search"), None)
    if tool is None or run.shown["tool_choice"] == "none":
        return []
    spoken = [m for m in said(call.store.shelf(MESSAGES).all(thread_id=run.shown["thread_id"])) if m["role"] == "user"]
    settings = tool.get("file_search", {})
    least = settings.get("ranking_options", {}).get("score_threshold", 0)
    found = [
        {"file_id": file["id"], "file_name": name, "score": score, "content": [{"type": "text", "text": text}]}
        for id_ in run.notes["stores"]
        if (store := call.store.shelf(STORES).get(id_)) is not None
        for score, file, name, text in found_parts(call, store, spoken[-1]["content"] if spoken else "")
        if score >= least
    ]
    found.sort(key=lambda result: -result["score"])
    return found[: int(settings.get("max_num_results", _RESULTS))]


def _mark(result: dict[str, Any]) -> str:
    return f" [{result['file_name']}]"


def _note(pieces: tuple[str, ...], result: dict[str, Any]) -> dict[str, Any]:
    start = len("".join(pieces))
    text = _mark(result)
    return {
        "type": "file_citation",
        "text": text,
        "file_citation": {"file_id": result["file_id"]},
        "start_index": start,
        "end_index": start + len(text),
    }
