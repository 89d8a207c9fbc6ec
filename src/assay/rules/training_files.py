"""Rules of the files that fine-tuning learns from: JSON Lines, each an example, all of one form.

The rule of this module: a file is judged where it is uploaded; each rule tells of the first line that breaks it, for
a file of a million lines has one fault and not a million.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules.read import at
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe
from assay.wire.lines import read_lines
from assay.wire.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation
    from assay.wire.lines import Line

__all__ = ["lines_of", "rules"]

rules = RuleSet("training-files", "createFile")

_FILE = "#/components/schemas/CreateFineTuningJobRequest/properties/training_file"
_FORMS = {
    "chat": ("messages",),
    "completion": ("prompt", "completion"),
    "preference": ("input", "preferred_output", "non_preferred_output"),
}


def lines_of(exchange: Exchange, purpose: str) -> Iterator[Line]:
    """Yield the lines of an uploaded file that are not blank, where it is for this purpose."""
    if at(exchange.request, "purpose") != purpose:
        return
    for part in exchange.files:
        if part.field == "file":
            yield from read_lines((part.data,))


def _form(value: Any) -> str | None:
    """The form of an example by its properties; None where it has none, or not whole."""
    if not isinstance(value, dict):
        return None
    form = next((name for name, needed in _FORMS.items() if all(field in value for field in needed)), None)
    if form == "chat":
        return form if isinstance(value["messages"], list) else None
    if form == "preference":
        return form if isinstance(at(value, "input", "messages"), list) else None
    return form


@rules.request("lines", "A training file has one JSON object in each line, and at least one.", _FILE)
def json_lines(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    count = 0
    for line in lines_of(exchange, "fine-tune"):
        count += 1
        if not isinstance(line.value, dict):
            got = "text that is not JSON" if isinstance(line.value, Problem) else describe(line.value)
            yield rule.broken(("file", line.number - 1), "a JSON object in each line", got)
            return
    if not count and at(exchange.request, "purpose") == "fine-tune" and exchange.files:
        yield rule.broken(("file",), "a JSON object in each line", "no line")


@rules.request(
    "form", "Each example has messages, or prompt and completion, or input with a preferred and another output.",
    "#/components/schemas/FineTuneChatRequestInput",
)  # fmt: skip
def known_form(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; what is no object is told by another."""
    for line in lines_of(exchange, "fine-tune"):
        if isinstance(line.value, dict) and _form(line.value) is None:
            expected = "messages, or prompt and completion, or input with preferred_output and non_preferred_output"
            yield rule.broken(("file", line.number - 1), expected, describe(line.value))
            return


@rules.request("one-form", "All examples of a training file have the same form.", _FILE)
def one_form(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    first: str | None = None
    for line in lines_of(exchange, "fine-tune"):
        form = _form(line.value)
        first = first or form
        if form is not None and form != first:
            yield rule.broken(("file", line.number - 1), f"a {first} example, as before", f"a {form} example")
            return
