"""Embeddings: for each input a unit vector that follows from the model and the input.

The rule of this module: the numbers are exactly float32, so that the list and the base64 form are the same vector.
"""

from __future__ import annotations

import base64
import math
import sys
from array import array
from functools import lru_cache
from operator import mul
from typing import Any

from assay.reference.models import find
from assay.reference.replies import Call, Refusal, Reply
from assay.reference.text import Source, count

__all__ = ["create_embedding"]


def create_embedding(call: Call) -> Reply:
    """Answer ``POST /embeddings``."""
    body = call.value
    model = find(body["model"], "embedding")
    size = body.get("dimensions", model.size)
    if size > model.size:
        text = f"This model's vectors have at most {model.size} dimensions."
        raise Refusal(400, text, param="dimensions", code="invalid_value")
    inputs = _inputs(body["input"])
    form = _base64 if body.get("encoding_format") == "base64" else array.tolist
    data = [
        {"object": "embedding", "index": index, "embedding": form(_vector(model.id, item, size))}
        for index, item in enumerate(inputs)
    ]
    spent = sum(count(item) if isinstance(item, str) else len(item) for item in inputs)
    usage = {"prompt_tokens": spent, "total_tokens": spent}
    return Reply({"object": "list", "data": data, "model": model.id, "usage": usage})


def _inputs(value: Any) -> list[Any]:
    # 7.0 is an integer in JSON Schema.
    single = isinstance(value, str) or isinstance(value[0], int | float)
    return [value] if single else value


def _vector(model: str, item: Any, size: int) -> array[float]:
    return _unit(Source(f"embedding {model}", item).bytes(2 * size))


@lru_cache(maxsize=128)
def _unit(drawn: bytes) -> array[float]:
    """The unit vector of some bytes; clients ask for the same few again and again."""
    raw = array("h", drawn)
    if sys.byteorder == "big":
        raw.byteswap()
    length = math.sqrt(sum(map(mul, raw, raw))) or 1.0
    return array("f", map(length.__rtruediv__, raw))


def _base64(vector: array[float]) -> str:
    if sys.byteorder == "big":
        vector = vector[:]
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode()
