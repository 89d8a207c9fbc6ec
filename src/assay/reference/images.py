"""Images: small real PNG files whose colour follows from the prompt.

The rule of this module: the bytes are what the answer says they are: a PNG, of the size that is stated, only
where a PNG was asked for.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import TYPE_CHECKING, Any

from assay.reference.models import find
from assay.reference.replies import Call, Refusal, Reply, Stream
from assay.reference.text import Source, count

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["create_image", "png"]

_DEFAULT_MODEL = "dall-e-2"
_SIDE = 1024
_PER_IMAGE = 272  # tokens that an image costs
_LARGEST = 4096


def create_image(call: Call) -> Reply | Stream:
    """Answer ``POST /images/generations``."""
    body = call.value
    model = find(body.get("model") or _DEFAULT_MODEL, "image").id
    if body.get("output_format") not in (None, "png"):
        text = "This server draws PNG only."
        raise Refusal(400, text, param="output_format", code="unsupported_value")
    width, height = _size(body.get("size"))
    clear = body.get("background") == "transparent"
    drawn = [
        png(width, height, Source("image", [model, body["prompt"], number]).bytes(3), clear=clear)
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
        return Stream(_events(call, images, look), done=False, named=True)
    if model.startswith("gpt-image"):
        data = [{"b64_json": image} for image in images]
        return Reply({"created": call.now, "data": data, **look, "usage": _usage(body, len(images))})
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


def _usage(body: dict[str, Any], images: int) -> dict[str, Any]:
    prompt, drawn = count(body["prompt"]), _PER_IMAGE * images
    return {
        "input_tokens": prompt,
        "output_tokens": drawn,
        "total_tokens": prompt + drawn,
        "input_tokens_details": {"text_tokens": prompt, "image_tokens": 0},
    }


def _events(call: Call, images: list[str], look: dict[str, str]) -> Iterator[dict[str, Any]]:
    for image in images:
        event = {"b64_json": image, "created_at": call.now, **look}
        for number in range(call.value.get("partial_images") or 0):
            yield {"type": "image_generation.partial_image", **event, "partial_image_index": number}
        yield {"type": "image_generation.completed", **event, "usage": _usage(call.value, 1)}
