"""Rules of moderations: one verdict for each text, which says what its categories say.

The rule of this module: it compares the parts of a verdict with each other and with the request; what is harmful is not
for it to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.rules.read import at, listed, objects
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules", "verdicts_wanted"]

rules = RuleSet("moderations", "createModeration")

_REQUEST = "#/components/schemas/CreateModerationRequest/properties"
_RESULTS = "#/components/schemas/CreateModerationResponse/properties/results"


def verdicts_wanted(request: Any) -> int | None:
    """How many verdicts a request asks for: one for each text; text and images in parts are one input."""
    given = at(request, "input")
    if isinstance(given, str):
        return 1
    if not isinstance(given, list) or not given:
        return None
    return len(given) if isinstance(given[0], str) else 1


@rules.response("count", "There is one result for each text, and one for an input of parts.", _RESULTS)
def count(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    wanted, results = verdicts_wanted(exchange.request), at(exchange.response, "results")
    if wanted is not None and isinstance(results, list) and len(results) != wanted:
        yield rule.broken(("results",), f"an array of {wanted}, one for each input", describe(results))


@rules.response("flagged", "flagged is true when a category is, and only then.", f"{_RESULTS}/items/properties/flagged")
def flagged(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for number, result in objects(at(exchange.response, "results")):
        told, categories = result.get("flagged"), result.get("categories")
        if not isinstance(told, bool) or not isinstance(categories, dict):
            continue
        meant = any(value is True for value in categories.values())
        if told != meant:
            expected = f"{str(meant).lower()}, as the categories say"
            yield rule.broken(("results", number, "flagged"), expected, str(told).lower())


@rules.response(
    "image-unsent",
    "A category applies to an image only when an image was sent.",
    f"{_RESULTS}/items/properties/category_applied_input_types",
)
def image_unsent(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; told once for each result."""
    if any(part.get("type") == "image_url" for _, part in objects(at(exchange.request, "input"))):
        return
    for number, result in objects(at(exchange.response, "results")):
        applied = result.get("category_applied_input_types")
        for name, kinds in applied.items() if isinstance(applied, dict) else ():
            if "image" in listed(kinds):
                place = ("results", number, "category_applied_input_types", name)
                yield rule.broken(place, "no image, as none was sent", "image")
                break
