"""Moderations: a text is flagged when it holds a word from a short list; an image never is.

The rule of this module: the verdict follows from the text alone, and ``flagged`` is true exactly when a
category is.
"""

from __future__ import annotations

import re
from typing import Any

from assay.reference.models import find
from assay.reference.replies import Call, Reply
from assay.reference.text import Source

__all__ = ["create_moderation", "judge"]

_DEFAULT_MODEL = "omni-moderation-latest"
_WORDS: dict[str, tuple[str, ...]] = {
    "harassment": ("idiot",),
    "harassment/threatening": (),
    "hate": (),
    "hate/threatening": (),
    "illicit": ("shoplift",),
    "illicit/violent": (),
    "self-harm": (),
    "self-harm/intent": (),
    "self-harm/instructions": (),
    "sexual": (),
    "sexual/minors": (),
    "violence": ("kill", "murder"),
    "violence/graphic": (),
}
_SEEN = ("self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "violence", "violence/graphic")


def create_moderation(call: Call) -> Reply:
    """Answer ``POST /moderations``: one result per text, one for a list of parts."""
    body = call.value
    model = find(body.get("model") or _DEFAULT_MODEL, "moderation").id
    results = [judge(texts, images=images) for texts, images in _subjects(body["input"])]
    return Reply({"id": f"modr-{Source('moderation id', call.serial).name()}", "model": model, "results": results})


def judge(texts: list[str], *, images: bool = False) -> dict[str, Any]:
    """Return the result for some texts that belong together, with or without images."""
    words = set(re.findall(r"[a-z]+", " ".join(texts).lower()))
    categories = {name: any(word in words for word in listed) for name, listed in _WORDS.items()}
    source = Source("moderation", texts)
    scores = {name: (900 if hit else 1 + source.below(20)) / 1000 for name, hit in categories.items()}
    kinds = ["text"] if texts else []
    applied = {name: kinds + (["image"] if images and name in _SEEN else []) for name in _WORDS}
    return {
        "flagged": any(categories.values()),
        "categories": categories,
        "category_scores": scores,
        "category_applied_input_types": applied,
    }


def _subjects(value: Any) -> list[tuple[list[str], bool]]:
    if isinstance(value, str):
        return [([value], False)]
    if isinstance(value[0], str):
        return [([text], False) for text in value]
    texts = [part["text"] for part in value if part["type"] == "text"]
    return [(texts, len(texts) < len(value))]
