"""Fine-tuning files: each line a conversation, a prompt with its completion, or two answers of which one is preferred.

The rule of this module: a line is judged by the description's own component for its form; by a small schema of ours
where the description has none; and by nothing that would need the file as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.audit.records import Broken, Place
from assay.schema.check import Schemas

if TYPE_CHECKING:
    from assay.contract import Contract
    from assay.schema.check import Check
    from assay.violation import Violation

__all__ = ["FORMS", "Example", "Trainer", "form_of", "read_example"]

FORMS = {
    "preference": ("input", "preferred_output", "non_preferred_output"),
    "chat": ("messages",),
    "completion": ("prompt", "completion"),
}
_COMPONENTS = {
    "preference": "FineTunePreferenceRequestInput",
    "chat": "FineTuneChatRequestInput",
    "completion": "FineTuneCompletionRequestInput",
}
_MESSAGES = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["role"],
        "properties": {
            "role": {"enum": ["developer", "system", "user", "assistant", "tool", "function"]},
            "content": {"type": ["string", "array", "null"]},
            "tool_calls": {"type": "array"},
            "weight": {"enum": [0, 1]},
        },
    },
}
_ANSWER = {"type": "array", "maxItems": 1, "items": {"type": "object", "required": ["role"]}}
_URI = "file:///fine-tuning.yaml"
_OURS: dict[str, Any] = {
    "components": {
        "schemas": {
            "FineTuneChatRequestInput": {
                "type": "object",
                "required": ["messages"],
                "properties": {"messages": _MESSAGES, "tools": {"type": "array"}},
            },
            "FineTuneCompletionRequestInput": {
                "type": "object",
                "required": ["prompt", "completion"],
                "properties": {"prompt": {"type": "string"}, "completion": {"type": "string"}},
            },
            "FineTunePreferenceRequestInput": {
                "type": "object",
                "required": ["input", "preferred_output", "non_preferred_output"],
                "properties": {
                    "input": {"type": "object", "required": ["messages"], "properties": {"messages": _MESSAGES}},
                    "preferred_output": _ANSWER,
                    "non_preferred_output": _ANSWER,
                },
            },
        }
    }
}


@dataclass(frozen=True, slots=True)
class Example:
    """One line of a fine-tuning file: where it stands, its form (a name of ``FORMS``), and its value."""

    place: Place
    form: str
    value: Any


def form_of(value: Any) -> str | None:
    """The form whose properties an example has, or None."""
    if not isinstance(value, dict):
        return None
    return next((form for form, needed in FORMS.items() if all(name in value for name in needed)), None)


def read_example(value: Any, place: Place) -> Example | Broken:
    """Read one line."""
    form = form_of(value)
    if form is None:
        return Broken(
            place, "the line is not an example: it needs messages, prompt and completion, or input and outputs"
        )
    return Example(place, form, value)


class Trainer:
    """Judges examples by the components of a contract's description."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._checks: dict[str, Check] = {}

    def __call__(self, example: Example) -> tuple[Violation, ...]:
        """What is wrong with one example."""
        check = self._checks.get(example.form)
        if check is None:
            check = self._checks[example.form] = self._check(_COMPONENTS[example.form])
        return () if check.ok(example.value) else check.explain(example.value, part="body")

    def _check(self, name: str) -> Check:
        for uri, document in self._contract.api.documents.items():
            components = document.get("components") if isinstance(document, dict) else None
            schemas = components.get("schemas") if isinstance(components, dict) else None
            if isinstance(schemas, dict) and name in schemas:
                return self._contract.schemas.check(f"{uri}#/components/schemas/{name}", "request")
        return Schemas({_URI: _OURS}).check(f"{_URI}#/components/schemas/{name}", "request")
