"""Rules of image generation, edits and variations.

The rule of this module: what depends on the model is asked of the request's own words (``response_format``, ``n``),
never guessed from a model's name.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from assay.rules import accounting
from assay.rules.read import at, integer, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["images_wanted", "rules"]

rules = RuleSet("images", "createImage", "createImageEdit", "createImageVariation")

_REQUEST = "#/components/schemas/CreateImageRequest/properties"
_IMAGE = "#/components/schemas/Image/properties"
_RESPONSE = "#/components/schemas/ImagesResponse/properties"


def images_wanted(request: Any) -> int | None:
    """How many images a request asks for; in a form n is text. None when there is no telling."""
    given = at(request, "n")
    if given is None:
        return 1
    if isinstance(given, str) and given.isascii() and given.isdigit():
        return int(given[:9])
    return integer(given)


@rules.response("count", "There are as many images as n asks for (by default 1).", f"{_REQUEST}/n")
def count(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    wanted, data = images_wanted(exchange.request), at(exchange.response, "data")
    if wanted is not None and isinstance(data, list) and len(data) != wanted:
        yield rule.broken(("data",), f"an array of {wanted}, as n asks for", describe(data))


@rules.response("form", "Each image comes as response_format asks: url or b64_json.", f"{_REQUEST}/response_format")
def form(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, where response_format was given."""
    asked = at(exchange.request, "response_format")
    if asked not in ("url", "b64_json"):
        return
    for number, image in objects(at(exchange.response, "data")):
        if image.get(asked) is None:
            yield rule.broken(("data", number), f"an image with {asked}, as response_format asks", "none")


@rules.response("given", "Each image has a url or b64_json.", f"{_IMAGE}/url")
def given_at_all(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for number, image in objects(at(exchange.response, "data")):
        if not image.get("url") and not image.get("b64_json"):
            yield rule.broken(("data", number), "an image with url or b64_json", "neither")


@rules.response("base64", "b64_json is base64.", f"{_IMAGE}/b64_json")
def base64_text(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for number, image in objects(at(exchange.response, "data")):
        encoded = text(image.get("b64_json"))
        if encoded is None:
            continue
        try:
            binascii.a2b_base64(encoded, strict_mode=True)
        except (binascii.Error, ValueError):
            yield rule.broken(("data", number, "b64_json"), "base64 text", f"{describe(encoded)} that is not base64")


@rules.response("created-seconds", "created is a Unix time in seconds.", f"{_RESPONSE}/created")
def created_seconds(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.seconds(rule, at(exchange.response, "created"), ("created",))


@rules.response("usage-sums", "total_tokens is input_tokens + output_tokens.", f"{_RESPONSE}/usage")
def usage_sums(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.sums(rule, at(exchange.response, "usage"), ("usage",), "input_tokens", "output_tokens")
