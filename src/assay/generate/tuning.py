"""What fine-tuning, batches and uploads need beyond their schemas: files of JSON Lines, two file ids, sound graders.

The rule of this module: deterministic and small; a file is one that a service can really learn from or work off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.generate.text import PHRASES
from assay.wire.lines import write_lines

if TYPE_CHECKING:
    from assay.generate.source import Source

__all__ = ["batch_lines", "file_ids", "labelled", "lines_for", "sound_graders", "training_lines", "upload"]

_FEWEST = 10  # examples that a service wants at least
_FILES = ("file-abc123", "file-def456")
_MODEL = "gpt-4o-mini"


def training_lines(form: str = "chat", count: int = _FEWEST) -> bytes:
    """A training file of ``count`` examples: ``chat``, ``completion`` or ``preference``."""
    return write_lines(_example(form, number) for number in range(count))


def _example(form: str, number: int) -> dict[str, Any]:
    question, answer = f"What comes after {number}?", f"{number + 1}"
    if form == "completion":
        return {"prompt": question, "completion": answer}
    asked = [{"role": "user", "content": question}]
    good = {"role": "assistant", "content": answer}
    if form == "preference":
        bad = {"role": "assistant", "content": "I do not know."}
        return {"input": {"messages": asked}, "preferred_output": [good], "non_preferred_output": [bad]}
    return {"messages": [*asked, good]}


def batch_lines(endpoint: str = "/v1/chat/completions", model: str = _MODEL, count: int = 2) -> bytes:
    """A batch of ``count`` small requests to one operation."""
    return write_lines(
        {"custom_id": f"request-{number}", "method": "POST", "url": endpoint, "body": _body(endpoint, model, phrase)}
        for number, phrase in zip(range(count), PHRASES * (count // len(PHRASES) + 1), strict=False)
    )


def _body(endpoint: str, model: str, phrase: str) -> dict[str, Any]:
    match endpoint.removeprefix("/v1/"):
        case "chat/completions":
            return {"model": model, "messages": [{"role": "user", "content": phrase or "hello"}], "max_tokens": 4}
        case "completions":
            return {"model": model, "prompt": phrase, "max_tokens": 4}
        case "responses":
            return {"model": model, "input": phrase or "hello", "max_output_tokens": 16}
        case "images/generations":
            return {"model": model, "prompt": phrase or "hello"}
        case _:
            return {"model": model, "input": phrase or "hello"}


def lines_for(purpose: Any) -> bytes:
    """A file that fits a purpose."""
    if purpose == "fine-tune":
        return training_lines()
    if purpose == "batch":
        return batch_lines()
    return b'{"text": "hello"}\n'


def file_ids(source: Source, body: dict[str, Any]) -> None:
    """A training file, and sometimes another one to measure by."""
    body["training_file"] = _FILES[0]
    if source.chance(source.dials.optional) or body.get("compute_classification_metrics"):
        body["validation_file"] = _FILES[1]
    if body.get("classification_betas"):
        body["classification_positive_class"] = "good"


def upload(source: Source, body: dict[str, Any]) -> None:
    """A media type that fits the purpose, and a size that a test can send."""
    lines = body.get("purpose") in ("fine-tune", "batch")
    body["mime_type"] = "application/jsonl" if lines else source.pick(("text/plain", "application/pdf", "text/jsonl"))
    body["bytes"] = 1 + source.below(100)


def sound_graders(value: Any) -> None:
    """Mend every grader inside a value: its range goes upward, and its passing labels are among its labels."""
    if isinstance(value, list):
        for item in value:
            sound_graders(item)
    elif isinstance(value, dict):
        if value.get("type") == "score_model" and isinstance(value.get("range"), list):
            value["range"] = [0, 1]
        if value.get("type") == "label_model":
            value["passing_labels"] = list(value.get("labels", ()))[:1]
        for item in value.values():
            sound_graders(item)


def labelled(value: Any) -> Any:
    """A value in which every grader that passes labels has them among its labels."""
    if isinstance(value, list):
        return [labelled(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {name: labelled(item) for name, item in value.items()}
    passing, labels = made.get("passing_labels"), made.get("labels")
    if made.get("type") == "label_model" and isinstance(passing, list) and isinstance(labels, list):
        made["labels"] = [*labels, *(label for label in passing if isinstance(label, str) and label not in labels)]
    return made
