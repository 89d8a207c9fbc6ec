"""Rules of the input files of batches: JSON Lines, each a named request to one operation.

The rule of this module: a file is judged where it is uploaded; each rule tells of the first line that breaks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules.read import at, integer, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.rules.training_files import lines_of
from assay.violation import describe
from assay.wire.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

rules = RuleSet("batch-files", "createFile")

_FILE = "#/components/schemas/CreateBatchRequest/properties/input_file_id"
_LINE = "#/components/schemas/BatchRequestInput"
_MOST = 50_000  # lines of a file, and inputs of all its embeddings
_BYTES = 200 * 1024 * 1024


def _fault(value: Any) -> tuple[str, str] | None:
    """What is wrong with a line: what was expected and what came."""
    if not isinstance(value, dict):
        return "a JSON object", "text that is not JSON" if isinstance(value, Problem) else describe(value)
    for name, kind, what in (("custom_id", str, "text"), ("url", str, "a path"), ("body", dict, "an object")):
        if not isinstance(value.get(name), kind):
            return f"{name}: {what}", describe(value.get(name))
    return None if value.get("method") == "POST" else ("method: POST", describe(value.get("method")))


@rules.request("lines", "Each line is a JSON object with custom_id, method POST, url and body.", _LINE)
def well_formed(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for line in lines_of(exchange, "batch"):
        fault = _fault(line.value)
        if fault is not None:
            yield rule.broken(("file", line.number - 1), *fault)
            return


@rules.request("custom-ids", "No two lines have the same custom_id.", f"{_LINE}/properties/custom_id")
def custom_ids(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    seen: set[str] = set()
    for line in lines_of(exchange, "batch"):
        name = text(at(line.value, "custom_id"))
        if name is None:
            continue
        if name in seen:
            place = ("file", line.number - 1, "custom_id")
            yield rule.broken(place, "a custom_id unlike any before", "that of an earlier line")
            return
        seen.add(name)


@rules.request("one-endpoint", "All lines are for the same operation.", f"{_LINE}/properties/url")
def one_endpoint(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    first: str | None = None
    for line in lines_of(exchange, "batch"):
        url = text(at(line.value, "url"))
        first = first or url
        if url is not None and url != first:
            yield rule.broken(("file", line.number - 1, "url"), "the url of the lines before", "another one")
            return


@rules.request("not-streamed", "No line asks for a stream.", f"{_LINE}/properties/body")
def not_streamed(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for line in lines_of(exchange, "batch"):
        if at(line.value, "body", "stream"):
            yield rule.broken(("file", line.number - 1, "body", "stream"), "no stream in a batch", "a stream")
            return


@rules.request("size", "A batch has at most 50,000 lines and 200 MiB.", _FILE)
def size(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    if at(exchange.request, "purpose") != "batch":
        return
    for part in exchange.files:
        if len(part.data) > _BYTES:
            yield rule.broken(("file",), f"at most {_BYTES} bytes", f"{len(part.data)} bytes")
        elif len(part.data) > 2 * _MOST:  # only then are the lines worth counting
            lines = sum(1 for _ in lines_of(exchange, "batch"))
            if lines > _MOST:
                yield rule.broken(("file",), f"at most {_MOST} lines", f"{lines} lines")


@rules.request("embedding-inputs", "A batch of embeddings has at most 50,000 inputs in all.", _FILE)
def embedding_inputs(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    inputs = sum(_inputs(line.value) for line in lines_of(exchange, "batch"))
    if inputs > _MOST:
        yield rule.broken(("file",), f"at most {_MOST} inputs of embeddings", f"{inputs} of them")


def _inputs(value: Any) -> int:
    """How many texts or lists of tokens one line wants embedded."""
    if text(at(value, "url")) != "/v1/embeddings":
        return 0
    given = at(value, "body", "input")
    return len(given) if isinstance(given, list) and given and integer(given[0]) is None else 1
