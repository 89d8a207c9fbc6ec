"""Rules of stored chat completions.

The rule of this module: a filter that was asked for is honoured, and an object is the one that the path names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.rules import echoes
from assay.rules.read import at, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

rules = RuleSet("stored", "listChatCompletions", "getChatCompletion", "updateChatCompletion", "deleteChatCompletion")

_LIST = "#/components/schemas/ChatCompletionList/properties/data"
_ID = "#/components/schemas/CreateChatCompletionResponse/properties/id"


@rules.response("id-asked", "The completion that was asked for is the one returned.", _ID,
                operations="getChatCompletion updateChatCompletion deleteChatCompletion")  # fmt: skip
def id_asked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return echoes.id_asked(rule, exchange, "completion_id")


@rules.response("metadata-kept", "An update leaves the metadata that it sent.", _ID,
                operations="updateChatCompletion")  # fmt: skip
def metadata_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; no metadata is null or an empty object."""
    if not isinstance(exchange.response, dict) or "metadata" not in exchange.response:
        return
    if (at(exchange.request, "metadata") or {}) != (exchange.response["metadata"] or {}):
        yield rule.broken(("metadata",), "the metadata of the request", "other metadata")


@rules.response("model-asked", "Only completions of the model that was asked for are listed.", _LIST,
                operations="listChatCompletions")  # fmt: skip
def model_asked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a model's name may stand for its newest version, which is longer."""
    asked = text(exchange.query.get("model"))
    for number, completion in objects(at(exchange.response, "data")):
        name = text(completion.get("model"))
        if asked and name is not None and not name.startswith(asked):
            yield rule.broken(("data", number, "model"), "the model of the query", "another one")
