"""Graders: texts are compared and measured, models are asked, and one mark is reckoned from several.

The rule of this module: what cannot be done here (a program to run, a measure that needs a dictionary) is refused by
name, never marked by guess; what goes wrong in a template or a formula is told in the flags of the answer.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from typing import TYPE_CHECKING, Any

from assay.reference.replies import Call, Refusal, Reply
from assay.reference.similarity import MEASURES
from assay.reference.text import Source, count

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["run_grader", "validate_grader"]

_FLAGS = (
    "formula_parse_error", "sample_parse_error", "truncated_observation_error", "unresponsive_reward_error",
    "invalid_variable_error", "other_error", "python_grader_server_error", "python_grader_runtime_error",
    "model_grader_server_error", "model_grader_refusal_error", "model_grader_parse_error",
)  # fmt: skip
_DETAILS = (
    "python_grader_server_error_type", "python_grader_runtime_error_details", "model_grader_server_error_details",
)  # fmt: skip
_TEMPLATE = re.compile(r"\{\{\s*([\w.\[\]]+)\s*\}\}")
_OPERATIONS: dict[str, Callable[[str, str], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "like": lambda text, part: part in text,
    "ilike": lambda text, part: part.lower() in text.lower(),
}
_ARITHMETIC: dict[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {"min": min, "max": max, "abs": abs}
_LONGEST = 1000  # characters of a formula


class _Marking:
    """One run of a grader: the texts that templates name, what went wrong, and what the models cost."""

    def __init__(self, call: Call) -> None:
        self.sample = call.value["model_sample"]
        self.item = call.value.get("item") or {}
        self.flags: set[str] = set()
        self.usage: dict[str, int] = {}

    def mark(self, grader: dict[str, Any]) -> float:
        """Return the mark of a grader that is not made of others."""
        match grader["type"]:
            case "string_check":
                compare = _OPERATIONS[grader["operation"]]
                return float(compare(self.filled(grader["input"]), self.filled(grader["reference"])))
            case "text_similarity":
                return self._similarity(grader)
            case "score_model":
                low, high = grader.get("range") or (0, 1)
                return float(low + (high - low) * self._asked(grader) / 1000)
            case "label_model":
                labels = grader["labels"]
                return float(bool(labels) and labels[self._asked(grader) % len(labels)] in grader["passing_labels"])
            case _:
                raise Refusal(
                    400, "Graders that run programs are not supported here.", param="grader", code="unsupported"
                )

    def _similarity(self, grader: dict[str, Any]) -> float:
        measure = MEASURES.get(grader["evaluation_metric"])
        if measure is None:
            raise Refusal(400, "This measure is not supported here.", param="grader", code="unsupported")
        return measure(self.filled(grader["input"]), self.filled(grader["reference"]))

    def _asked(self, grader: dict[str, Any]) -> int:
        """What a model says, as a number below 1000 that follows from what it is asked."""
        model = grader["model"]
        asked = self.filled(str(grader["input"]))
        self.usage[model] = self.usage.get(model, 0) + count(asked)
        return Source("grader", [model, asked]).below(1000)

    def filled(self, text: str) -> str:
        """Write the values of templates into a text."""
        return _TEMPLATE.sub(lambda found: self._value(found.group(1)), text)

    def _value(self, name: str) -> str:
        if name in ("sample.output_text", "sample"):
            return str(self.sample)
        value: Any = {"item": self.item}
        for step in re.findall(r"\w+", name):
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            self.flags.add("invalid_variable_error")
            return ""
        return str(value)


def run_grader(call: Call) -> Reply:
    """Answer ``POST /fine_tuning/alpha/graders/run``."""
    grader, marking = call.value["grader"], _Marking(call)
    parts: dict[str, float] = {}
    if grader["type"] == "multi":
        parts = {name: marking.mark(part) for name, part in _parts(grader["graders"]).items()}
        reward = _reckoned(grader["calculate_output"], parts, marking)
    else:
        reward = marking.mark(grader)
    errors = {**{name: name in marking.flags for name in _FLAGS}, **dict.fromkeys(_DETAILS)}
    metadata = {
        "name": grader["name"],
        "type": grader["type"],
        "errors": errors,
        "execution_time": 0.0,
        "scores": parts or {grader["name"]: reward},
        "token_usage": sum(marking.usage.values()) or None,
        "sampled_model_name": next(iter(marking.usage), None),
    }
    answer = {"reward": reward, "metadata": metadata, "sub_rewards": parts}
    return Reply({**answer, "model_grader_token_usage_per_model": marking.usage})


def validate_grader(call: Call) -> Reply:
    """Answer ``POST /fine_tuning/alpha/graders/validate``."""
    return Reply({"grader": call.value["grader"]})


def _parts(graders: Any) -> dict[str, dict[str, Any]]:
    """The inner graders by the names that a formula calls them."""
    if isinstance(graders, list):
        return {grader["name"]: grader for grader in graders}
    if isinstance(graders.get("type"), str):
        return {graders["name"]: graders}
    return dict(graders)


def _reckoned(formula: str, parts: dict[str, float], marking: _Marking) -> float:
    """The value of a formula over the names of the parts; 0, with a flag, where it has none."""
    try:
        value = _value(ast.parse(formula.strip()[:_LONGEST], mode="eval").body, parts)
    except KeyError:
        marking.flags.add("invalid_variable_error")
    except (SyntaxError, ValueError, TypeError, ArithmeticError, RecursionError, MemoryError):
        marking.flags.add("formula_parse_error")
    else:
        if math.isfinite(value):
            return value
        marking.flags.add("other_error")
    return 0.0


def _value(node: ast.expr, parts: dict[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return parts[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, parts)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return float(_ARITHMETIC[type(op)](_value(left, parts), _value(right, parts)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS and args:
            values = [_value(arg, parts) for arg in args]
            return float(_FUNCTIONS[name](*values))
    raise ValueError
