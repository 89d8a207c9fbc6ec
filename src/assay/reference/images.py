"""Images: small real PNG files whose colour follows from the prompt.

The rule of this module: the bytes are what the answer says they are: a PNG, of the size that is stated, only
where a PNG was asked for.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import zlib
from typing import TYPE_CHECKING, Any

from assay.model import Shape
from assay.reference.models import find
from assay.reference.replies import Call, Refusal, Reply, Stream
from assay.reference.text import Source, count

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["IMAGE_FORM", "create_image", "create_image_edit", "create_image_variation", "png"]

_TEXT, _WORD = Shape(frozenset({"string"})), Shape(frozenset({"string", "null"}))
_COUNT = Shape(frozenset({"integer", "null"}))
_FIELDS = ("model", "size", "response_format", "quality", "output_format", "background", "input_fidelity")
IMAGE_FORM = Shape(
    frozenset({"object"}),
    properties={
        "image": Shape(frozenset({"string", "array"}), items=_TEXT),
        **dict.fromkeys(("mask", "prompt", "user"), _TEXT),
        **dict.fromkeys(_FIELDS, _WORD),
        **dict.fromkeys(("n", "partial_images", "output_compression"), _COUNT),
        "stream": Shape(frozenset({"boolean", "null"})),
    },
)
"""The types of what is sent with images."""

_DEFAULT_MODEL, _DEFAULT_EDITOR = "dall-e-2", "gpt-image-1.5"
_SIDE = 1024
_PER_IMAGE = 272  # tokens that an image costs
_LARGEST = 4096


def create_image(call: Call) -> Reply | Stream:
    """Answer ``POST /images/generations``."""
    model = find(call.value.get("model") or _DEFAULT_MODEL, "image").id
    return _drawn(call, model, "image_generation", [])


def create_image_edit(call: Call) -> Reply | Stream:
    """Answer ``POST /images/edits``: a drawing whose colour follows from the images as well."""
    model = find(call.value.get("model") or _DEFAULT_EDITOR, "image").id
    if call.value.get("response_format") and model.startswith("gpt-image"):
        text = "This model does not support 'response_format': it always answers with b64_json."
        raise Refusal(400, text, param="response_format", code="unsupported_parameter")
    return _drawn(call, model, "image_edit", _given(call))


def create_image_variation(call: Call) -> Reply | Stream:
    """Answer ``POST /images/variations``."""
    model = find(call.value.get("model") or _DEFAULT_MODEL, "image").id
    return _drawn(call, model, "", _given(call))


def _given(call: Call) -> list[str]:
    """Return the digests of the images that came with a request; refuse what is no image."""
    sent = [(part.field, part.data) for part in call.files if part.field in ("image", "mask")]
    references = [*call.value.get("images", ()), *filter(None, [call.value.get("mask")])]
    if "images" in call.value:
        sent = [("images", _fetched(call, reference)) for reference in references]
    if not sent:
        raise Refusal(400, "The part 'image' must be a file, with a file name.", param="image", code="invalid_file")
    for name, data in sent:
        if not _is_image(data):
            text = "This image format is not supported: PNG, WebP and JPEG are."
            raise Refusal(400, text, param=name, code="unsupported_image")
    return [hashlib.sha256(data).hexdigest() for _, data in sent]


def _fetched(call: Call, reference: dict[str, str]) -> bytes:
    """Return an image given by reference: an uploaded file or a data URL; nothing is fetched from the web."""
    if "file_id" in reference:
        kept = call.store.get(reference["file_id"], call.now)
        if kept is None:
            raise Refusal(404, "The file of 'file_id' does not exist here.", param="images", code="file_not_found")
        return kept.data
    head, _, text = reference["image_url"].partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        raise Refusal(400, "This server could not fetch the image.", param="images", code="invalid_image_url")
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        raise Refusal(400, "This server could not load the image.", param="images", code="invalid_image_url") from None


def _is_image(data: bytes) -> bool:
    webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return webp or data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"))


def _drawn(call: Call, model: str, kind: str, given: list[str]) -> Reply | Stream:
    body = call.value
    if body.get("output_format") not in (None, "png"):
        text = "This server draws PNG only."
        raise Refusal(400, text, param="output_format", code="unsupported_value")
    width, height = _size(body.get("size"))
    clear = body.get("background") == "transparent"
    drawn = [
        png(width, height, Source("image", [model, body.get("prompt"), number, *given]).bytes(3), clear=clear)
        for number in range(body.get("n") or 1)
    ]
    images = [base64.b64encode(image).decode() for image in drawn]
    look = {
        "size": f"{width}x{height}",
        "quality": _quality(body),
        "background": "transparent" if clear else "opaque",
        "output_format": "png",
    }
    if body.get("stream"):
        usage = _usage(body, 1, len(given))
        return Stream(_events(call, images, {**look, "usage": usage}, kind), done=False, named=True)
    if model.startswith("gpt-image"):
        data = [{"b64_json": image} for image in images]
        usage = _usage(body, len(images), len(given))
        return Reply({"created": call.now, "data": data, **look, "usage": usage})
    return Reply({"created": call.now, "data": [_shown(body, model, image, call.serial) for image in images]})


def png(width: int, height: int, colour: bytes, *, clear: bool = False) -> bytes:
    """Return a PNG of one colour (three bytes: red, green, blue): a palette of one entry, one bit a pixel.

    With ``clear`` the colour is wholly transparent.
    """
    row = b"\0" + bytes((width + 7) // 8)
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 1, 3, 0, 0, 0),
        b"PLTE": colour,
        **({b"tRNS": b"\0"} if clear else {}),
        b"IDAT": zlib.compress(row * height, 9),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(_part(kind, data) for kind, data in parts.items())


def _part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _size(text: str | None) -> tuple[int, int]:
    if text in (None, "auto"):
        return _SIDE, _SIDE
    width, _, height = str(text).partition("x")
    if max(int(width), int(height)) > _LARGEST:
        text = f"This server draws at most {_LARGEST} pixels a side."
        raise Refusal(400, text, param="size", code="invalid_value")
    return int(width), int(height)


def _quality(body: dict[str, Any]) -> str:
    asked = body.get("quality")
    return asked if asked in ("low", "medium", "high") else "medium"


def _shown(body: dict[str, Any], model: str, image: str, serial: int) -> dict[str, str]:
    prompt = {"revised_prompt": body["prompt"]} if model == "dall-e-3" else {}
    if body.get("response_format") == "b64_json":
        return {"b64_json": image, **prompt}
    return {"url": f"https://images.example.com/{Source('image url', [serial, image]).name(32)}.png", **prompt}


def _usage(body: dict[str, Any], images: int, given: int) -> dict[str, Any]:
    prompt, drawn, seen = count(body.get("prompt", "")), _PER_IMAGE * images, _PER_IMAGE * given
    return {
        "input_tokens": prompt + seen,
        "output_tokens": drawn,
        "total_tokens": prompt + seen + drawn,
        "input_tokens_details": {"text_tokens": prompt, "image_tokens": seen},
    }


def _events(call: Call, images: list[str], end: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    look = {name: value for name, value in end.items() if name != "usage"}
    for image in images:
        event = {"b64_json": image, "created_at": call.now}
        for number in range(call.value.get("partial_images") or 0):
            yield {"type": f"{kind}.partial_image", **event, **look, "partial_image_index": number}
        yield {"type": f"{kind}.completed", **event, **end}
