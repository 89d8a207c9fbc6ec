"""Rules of the operations of the 2023 API: edits and fine-tunes.

The rule of this module: as those of today's completions and fine-tuning jobs, in the words of that time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules import accounting, echoes
from assay.rules.read import at, listed, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.rules.streams import Framing
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assay.violation import Violation

__all__ = ["edit_rules", "rules", "stream_rules"]

edit_rules = RuleSet("edits", "createEdit")
rules = RuleSet("fine-tunes", "createFineTune", "retrieveFineTune", "cancelFineTune")
stream_rules = RuleSet("fine-tunes", "listFineTuneEvents")

_EDIT = "#/components/schemas/CreateEditResponse/properties"
_REQUEST = "#/components/schemas/CreateFineTuneRequest/properties"
_FINE_TUNE = "#/components/schemas/FineTune/properties"


@edit_rules.response("choices-count", "There are n choices.", "#/components/schemas/CreateEditRequest/properties/n")
def choices_count(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    wanted, choices = accounting.choices_wanted(exchange.request), at(exchange.response, "choices")
    if isinstance(choices, list) and len(choices) != wanted:
        yield rule.broken(("choices",), f"an array of {wanted}, as n asks for", describe(choices))


@edit_rules.response("choices-indexes", "The choices are numbered from 0, once each.", f"{_EDIT}/choices")
def choices_indexes(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.indexes(rule, listed(at(exchange.response, "choices")), ("choices",))


@edit_rules.response("usage-sums", "total_tokens is prompt_tokens + completion_tokens.", f"{_EDIT}/usage")
def usage_sums(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.sums(rule, at(exchange.response, "usage"), ("usage",), "prompt_tokens", "completion_tokens")


@edit_rules.response("created-seconds", "created is a Unix time in seconds.", f"{_EDIT}/created")
def created_seconds(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.seconds(rule, at(exchange.response, "created"), ("created",))


@rules.request(
    "other-validation-file", "The validation file is not the training file.", f"{_REQUEST}/validation_file",
    severity="hazard", operations="createFineTune", when="validation_file",
)  # fmt: skip
def other_validation_file(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    name = text(at(exchange.request, "validation_file"))
    if name is not None and name == at(exchange.request, "training_file"):
        yield rule.broken(("validation_file",), "a file other than training_file", "the same")


@rules.request(
    "betas-binary", "F-beta scores are for two classes, one of them positive.", f"{_REQUEST}/classification_betas",
    severity="hazard", operations="createFineTune", when="classification_betas",
)  # fmt: skip
def betas_binary(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    request = exchange.request
    if listed(at(request, "classification_betas")) and at(request, "classification_positive_class") is None:
        yield rule.broken(("classification_betas",), "classification_positive_class beside it", "none")


@rules.response("id-asked", "The job that was asked for is the one returned.", f"{_FINE_TUNE}/id",
                operations="retrieveFineTune cancelFineTune")  # fmt: skip
def id_asked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return echoes.id_asked(rule, exchange, "fine_tune_id")


@stream_rules.reducer
class FineTuneEvents(Framing):
    """The events of one job, sent as they come: data without names, ended by the marker."""

    def feed(self, number: int, value: Any, name: str) -> Sequence[Violation]:
        """Judge the frame of one event."""
        found: list[Violation] = []
        self.failed = self.failed or bool(at(value, "error"))
        self.read_frame(found, number, name)
        return found
