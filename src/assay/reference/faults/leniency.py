"""How a lenient server reads what it must refuse.

The rule of this module: each reading is one that a real server or framework has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.reference.faults.fault import Asked

__all__ = ["any_json", "body_of_none", "not_answering", "numbers_read"]


def not_answering(value: Any, _asked: Any) -> Any:
    """Return a chat request whose results of tools are words of the user."""
    messages = [
        {"role": "user", "content": "Done."} if message.get("role") in ("tool", "function") else message
        for message in value["messages"]
    ]
    return {**value, "messages": messages}


def numbers_read(value: Any, _asked: Any) -> Any:
    """Return a body in which a property that is a number in text is the number."""
    return {name: _number(item) for name, item in value.items()} if isinstance(value, dict) else value


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return int(number) if number.is_integer() else number


def any_json(instead: Any) -> Callable[[Asked], Asked]:
    """Take another value for a body that is no JSON."""

    def edit(asked: Asked) -> Asked:
        try:
            orjson.loads(asked.request.body)
        except orjson.JSONDecodeError:
            return asked.with_request(body=orjson.dumps(instead)) if asked.request.body else asked
        return asked

    return edit


def body_of_none(instead: Any) -> Callable[[Asked], Asked]:
    """Take another value for a body that is missing."""
    return lambda asked: asked if asked.request.body else asked.with_request(body=orjson.dumps(instead))
