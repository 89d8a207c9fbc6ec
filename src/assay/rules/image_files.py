"""Rules of the images that a request for an edit or a variation sends.

The rule of this module: it reads heads of files and nothing of their pixels; a file whose head does not tell is left
alone, and what depends on the model is asked only where a known one is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.rules.images import is_gpt_image
from assay.rules.read import at
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.wire.signatures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation
    from assay.wire.multipart import FilePart

__all__ = ["rules"]

rules = RuleSet("images", "createImageEdit", "createImageVariation")

_EDIT = "#/components/schemas/CreateImageEditRequest/properties"
_MEGABYTE = 1024 * 1024
_SMALL = 4 * _MEGABYTE
_LARGE = 50 * _MEGABYTE
_KINDS = ("png", "webp", "jpeg")


def _files(exchange: Exchange, field: str) -> list[FilePart]:
    return [file for file in exchange.files if field in (file.field, file.name)]


def _is_dall_e_2(exchange: Exchange) -> bool:
    """Whether dall-e-2 is meant: by name, or as the only model of variations."""
    model = at(exchange.request, "model")
    return model == "dall-e-2" or (model is None and exchange.operation == "createImageVariation")


@rules.request(
    "dall-e-2-image",
    "The image for dall-e-2 is a square PNG of less than 4 MB.",
    f"{_EDIT}/image",
)
def dall_e_2_image(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for file in _files(exchange, "image") if _is_dall_e_2(exchange) else ():
        found = picture(file.data)
        if found is None or found.kind != "png":
            yield rule.broken(("image",), "a PNG", found.kind if found else "another kind of file")
        elif found.width != found.height:
            yield rule.broken(("image",), "a square image", f"{found.width} x {found.height}")
        if len(file.data) >= _SMALL:
            yield rule.broken(("image",), "less than 4 MB", f"{len(file.data)} bytes")


@rules.request(
    "transparent",
    "The image for dall-e-2 has transparent places where it is to be redrawn, unless a mask says where.",
    f"{_EDIT}/mask",
    operations="createImageEdit",
)
def transparent(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule: an image that can have no transparent place has none."""
    if not _is_dall_e_2(exchange) or at(exchange.request, "mask") is not None:
        return
    for file in _files(exchange, "image"):
        found = picture(file.data)
        if found is not None and found.alpha is False:
            yield rule.broken(("image",), "an image with transparent places, or a mask", "an opaque one")


@rules.request(
    "mask",
    "The mask is a PNG of less than 4 MB and of the size of the first image.",
    f"{_EDIT}/mask",
    operations="createImageEdit",
)
def mask(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    images = _files(exchange, "image")
    first = picture(images[0].data) if images else None
    for file in _files(exchange, "mask"):
        found = picture(file.data)
        if found is None or found.kind != "png":
            yield rule.broken(("mask",), "a PNG", found.kind if found else "another kind of file")
        elif first and found.width and first.width and (found.width, found.height) != (first.width, first.height):
            expected = f"{first.width} x {first.height}, the size of the image"
            yield rule.broken(("mask",), expected, f"{found.width} x {found.height}")
        if len(file.data) >= _SMALL:
            yield rule.broken(("mask",), "less than 4 MB", f"{len(file.data)} bytes")


@rules.request(
    "image-file",
    "An image for a GPT image model is a PNG, WebP or JPEG of less than 50 MB.",
    f"{_EDIT}/image",
    operations="createImageEdit",
)
def image_file(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for file in _files(exchange, "image") if is_gpt_image(exchange.request) else ():
        found = picture(file.data)
        if found is None or found.kind not in _KINDS:
            yield rule.broken(("image",), "a PNG, WebP or JPEG", found.kind if found else "another kind of file")
        if len(file.data) >= _LARGE:
            yield rule.broken(("image",), "less than 50 MB", f"{len(file.data)} bytes")
