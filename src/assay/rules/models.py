"""Rules of the list of models and of one model.

The rule of this module: ids are compared as they are; a service may list whatever models it likes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.rules import accounting
from assay.rules.read import at, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

rules = RuleSet("models", "listModels", "retrieveModel", "deleteModel")

_MODEL = "#/components/schemas/Model/properties"


@rules.response("ids-unique", "Each model is listed once.", f"{_MODEL}/id", operations="listModels")
def ids_unique(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    seen: set[str] = set()
    for number, model in objects(at(exchange.response, "data")):
        name = text(model.get("id"))
        if name in seen:
            yield rule.broken(("data", number, "id"), "a model not listed before", "the id of an earlier one")
        seen.add(name or "")


@rules.response(
    "id-asked", "The model that was asked for is the one returned.", f"{_MODEL}/id",
    operations="retrieveModel deleteModel",
)  # fmt: skip
def id_asked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    asked, given = exchange.path_values.get("model"), text(at(exchange.response, "id"))
    if isinstance(asked, str) and given is not None and asked != given:
        yield rule.broken(("id",), "the id in the path", "another id")


@rules.response(
    "created-seconds", "created is a Unix time in seconds.", f"{_MODEL}/created",
    operations="listModels retrieveModel",
)  # fmt: skip
def created_seconds(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    yield from accounting.seconds(rule, at(exchange.response, "created"), ("created",))
    for number, model in objects(at(exchange.response, "data")):
        yield from accounting.seconds(rule, model.get("created"), ("data", number, "created"))
