"""Rules of image generation, edits and variations.

The rule of this module: what depends on the model is asked of the request's own words (``response_format``, ``n``), or
of a model that the request names and the contract knows; other names are never accused.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Any

from assay.rules import accounting
from assay.rules.read import at, integer, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe
from assay.wire.signatures import HEAD, kind_of, picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["images_wanted", "is_gpt_image", "rules", "size_due", "size_of"]

rules = RuleSet("images", "createImage", "createImageEdit", "createImageVariation")

_REQUEST = "#/components/schemas/CreateImageRequest/properties"
_IMAGE = "#/components/schemas/Image/properties"
_RESPONSE = "#/components/schemas/ImagesResponse/properties"
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_LONGEST, _WIDEST = 3840, 2160
_UNTOLD = (None, "auto", "standard", "hd")
_STEP = 64
_HEAD = HEAD // 3 * 4  # in base64


def images_wanted(request: Any) -> int | None:
    """How many images a request asks for; in a form n is text. None when there is no telling."""
    given = at(request, "n")
    if given is None:
        return 1
    if isinstance(given, str) and given.isascii() and given.isdigit():
        return int(given[:9])
    return integer(given)


def is_gpt_image(request: Any) -> bool:
    """Whether a request names one of the GPT image models."""
    return (text(at(request, "model")) or "").startswith(("gpt-image-", "chatgpt-image-"))


def size_due(request: Any, told: Any) -> str | None:
    """The size, as ``WxH``, that an image must have by what is told of it, or else by its request; None: any.

    Where nothing is told, a size is due only in steps of 64 pixels, as all that have a name are: the models behind
    many a server draw in such steps, and it rounds what lies between.
    """
    given = text(at(told, "size"))
    if given is not None:
        return given if _SIZE.fullmatch(given) else None
    asked = _SIZE.fullmatch(text(at(request, "size")) or "")
    return asked[0] if asked and not int(asked[1]) % _STEP and not int(asked[2]) % _STEP else None


def size_of(encoded: Any) -> str | None:
    """The size, as ``WxH``, that the head of an image in base64 tells; None where it tells none.

    A single pixel has no size either: in tests and examples it stands for any image.
    """
    try:
        found = picture(binascii.a2b_base64((text(encoded) or "")[:_HEAD]))
    except (binascii.Error, ValueError):
        return None
    return f"{found.width}x{found.height}" if found and found.width * found.height > 1 else None


@rules.request(
    "free-size",
    "A size for gpt-image-2 is in multiples of 16, at most 3840 x 2160, and no side is three times longer.",
    f"{_REQUEST}/size",
    operations="createImage createImageEdit",
    when="size",
)
def free_size(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, whichever side is the longer one."""
    size = _SIZE.fullmatch(text(at(exchange.request, "size")) or "")
    if size is None or not (text(at(exchange.request, "model")) or "").startswith("gpt-image-2"):
        return
    short, long = sorted((int(size[1]), int(size[2])))
    if short % 16 or long % 16:
        yield rule.broken(("size",), "multiples of 16", f"{size[1]} x {size[2]}")
    elif long > 3 * short:
        yield rule.broken(("size",), "sides from 1:3 to 3:1", f"{size[1]} x {size[2]}")
    elif long > _LONGEST or short > _WIDEST:
        yield rule.broken(("size",), f"at most {_LONGEST} x {_WIDEST}", f"{size[1]} x {size[2]}")


@rules.response("count", "There are as many images as n asks for (by default 1).", f"{_REQUEST}/n")
def count(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    wanted, data = images_wanted(exchange.request), at(exchange.response, "data")
    if wanted is not None and isinstance(data, list) and len(data) != wanted:
        yield rule.broken(("data",), f"an array of {wanted}, as n asks for", describe(data))


@rules.response("form", "Each image comes as response_format asks: url or b64_json.", f"{_REQUEST}/response_format")
def form(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, where response_format was given; GPT image models know no other form than b64_json."""
    asked = "b64_json" if is_gpt_image(exchange.request) else at(exchange.request, "response_format")
    if asked not in ("url", "b64_json"):
        return
    for number, image in objects(at(exchange.response, "data")):
        if image.get(asked) is None:
            yield rule.broken(("data", number), f"an image with {asked}, as was asked for", "none")


@rules.response("given", "Each image has a url or b64_json, and not both.", f"{_IMAGE}/url")
def given_at_all(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for number, image in objects(at(exchange.response, "data")):
        if not image.get("url") and not image.get("b64_json"):
            yield rule.broken(("data", number), "an image with url or b64_json", "neither")
        elif image.get("url") and image.get("b64_json"):
            yield rule.broken(("data", number), "an image with url or b64_json", "both")


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


@rules.response(
    "bytes-format",
    "The bytes of an image are of the output_format that was asked for.",
    f"{_REQUEST}/output_format",
    when="output_format",
)
def bytes_format(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule from the first bytes; what is no base64 breaks another rule."""
    asked = at(exchange.request, "output_format")
    for number, image in objects(at(exchange.response, "data")) if asked in ("png", "jpeg", "webp") else ():
        try:
            head = binascii.a2b_base64((text(image.get("b64_json")) or "")[:32])
        except (binascii.Error, ValueError):
            continue
        if head and kind_of(head) != asked:
            got = kind_of(head) or "bytes of another kind"
            yield rule.broken(("data", number, "b64_json"), f"{asked}, as output_format asks", got)


@rules.response(
    "bytes-size",
    "The bytes of an image have the size that the response tells, or else the one that was asked for.",
    f"{_REQUEST}/size",
)
def bytes_size(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule from the head of each image; a head that does not tell is left alone."""
    due = size_due(exchange.request, exchange.response)
    for number, image in objects(at(exchange.response, "data")) if due else ():
        found = size_of(image.get("b64_json"))
        if found not in (None, due):
            yield rule.broken(("data", number, "b64_json"), f"an image of {due} pixels", f"one of {found}")


@rules.response(
    "echo",
    "The response tells the size, quality, background and output_format that were asked for.",
    f"{_RESPONSE}/size",
    when="size quality background output_format",
)
def echo(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, where the response tells them; auto leaves the choice to the model.

    standard and hd are qualities of DALL-E, and a response has no words for them.
    """
    for name in ("size", "quality", "background", "output_format"):
        asked, told = text(at(exchange.request, name)), text(at(exchange.response, name))
        if asked not in _UNTOLD and told is not None and told != asked:
            yield rule.broken((name,), f"the {name} that was asked for", "another one")


@rules.response(
    "dall-e-2-plain",
    "dall-e-2 neither revises the prompt nor counts tokens.",
    f"{_IMAGE}/revised_prompt",
    severity="hazard",
    when="model",
)
def dall_e_2_plain(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; a hazard, since it hints at another model behind the name."""
    if at(exchange.request, "model") != "dall-e-2":
        return
    if at(exchange.response, "usage"):
        yield rule.broken(("usage",), "no usage from dall-e-2", "usage")
    for number, image in objects(at(exchange.response, "data")):
        if image.get("revised_prompt"):
            yield rule.broken(("data", number, "revised_prompt"), "no revised prompt from dall-e-2", "one")


@rules.response("created-seconds", "created is a Unix time in seconds.", f"{_RESPONSE}/created")
def created_seconds(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.seconds(rule, at(exchange.response, "created"), ("created",))


@rules.response("usage-sums", "total_tokens is input_tokens + output_tokens.", f"{_RESPONSE}/usage")
def usage_sums(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.sums(rule, at(exchange.response, "usage"), ("usage",), "input_tokens", "output_tokens")
