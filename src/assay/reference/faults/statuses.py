"""Faults of the status: a success that is none, a refusal that is a crash.

The rule of this module: only the status changes, and what cannot go with it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from assay.reference.faults.fault import NOT_FOUND, OK, Answer, Answers, Asked, Fault, Instead, in_json

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FAULTS"]

_fault = partial(Fault, group="status")
_LONG = 2000  # bytes
_CRASH = {"error": {"message": "Internal server error", "type": "server_error", "param": None, "code": None}}


def _status(old: int, new: int, code: str = "") -> Callable[[Answer, Asked], Answer]:
    """Put another status in the place of one; where there is a ``code``, only of errors with this code."""

    def edit(answer: Answer, _asked: Asked) -> Answer:
        if answer.status != old or (code and _code(answer) != code):
            return answer
        return replace(answer, status=new)

    return edit


def _found_as(value: Any) -> Callable[[Answer, Asked], Answer]:
    """Answer with a value where there is nothing."""
    return lambda answer, _asked: in_json(OK, value) if answer.status == NOT_FOUND else answer


def _code(answer: Answer) -> Any:
    return orjson.loads(answer.body)["error"]["code"] if answer.refuses and answer.body else ""


def crashing(test: Callable[[Any], bool]) -> Callable[[Asked], Answer | None]:
    """Answer requests whose JSON value is an object that passes a test with a server error."""

    def make(asked: Asked) -> Answer | None:
        value = asked.value
        return in_json(500, _CRASH) if isinstance(value, dict) and test(value) else None

    return make


def _text(value: Any) -> str:
    return orjson.dumps(value).decode()


FAULTS = (
    _fault("invalid-500", "A request that breaks a constraint is answered with 500.",
           Answers("*", _status(400, 500)), 32),
    _fault("invalid-json-500", "A body that is no JSON is answered with 500.",
           Answers("*", _status(400, 500, "invalid_json")), 32),
    _fault("missing-body-500", "A request without its body is answered with 500.",
           Answers("*", _status(400, 500, "http_body_missing")), 32),
    _fault("errors-200", "Errors come with status 200.", Answers("*", _status(400, 200))),
    _fault("not-found-500", "An object that does not exist is answered with 500.", Answers("[!-]*", _status(404, 500))),
    _fault("not-found-200", "An object that does not exist is answered with 200 and null.",
           Answers("get* retrieve*", _found_as(None))),
    _fault("unknown-path-200", "A path that does not exist is answered with 200 and a greeting.",
           Answers("-", _found_as({"status": "ok"})), hazard=True),
    _fault("unknown-model-500", "A model that is not served is answered with 500.",
           Answers("*", _status(404, 500, "model_not_found"))),
    _fault("wrong-method-500", "A method that a path does not have is answered with 500.",
           Answers("*", _status(405, 500))),
    _fault("chat-201", "A chat completion is answered with 201.", Answers("createChatCompletion", _status(200, 201))),
    _fault("file-201", "A new file is answered with 201.", Answers("createFile", _status(200, 201))),
    _fault("thread-201", "A new thread is answered with 201.", Answers("createThread", _status(200, 201))),
    _fault("models-206", "The list of models is answered with 206.", Answers("listModels", _status(200, 206))),
    _fault("deleted-204", "A deletion is answered with 204 and nothing.",
           Answers("delete*", lambda answer, _asked: Answer(204, (), ()) if answer.status == OK else answer)),
    _fault("long-input-500", "A chat request of more than 2000 bytes is answered with 500.",
           Instead("createChatCompletion", crashing(lambda value: len(_text(value)) > _LONG))),
    _fault("non-ascii-500", "A chat request with letters beyond ASCII is answered with 500.",
           Instead("createChatCompletion", crashing(lambda value: not _text(value).isascii()))),
    _fault("null-option-500", "A chat request with an option that is null is answered with 500.",
           Instead("createChatCompletion", crashing(lambda value: None in value.values()))),
    _fault("tools-500", "A chat request with tools is answered with 500.",
           Instead("createChatCompletion", crashing(lambda value: bool(value.get("tools"))))),
    _fault("zero-temperature-500", "A chat request with temperature 0 is answered with 500.",
           Instead("createChatCompletion", crashing(lambda value: value.get("temperature") == 0))),
    _fault("embedding-tokens-500", "A request to embed tokens is answered with 500.",
           Instead("createEmbedding", crashing(lambda value: _first(value.get("input")) is int))),
    _fault("responses-items-500", "A response to an array of items is answered with 500.",
           Instead("createResponse", crashing(lambda value: isinstance(value.get("input"), list)))),
)  # fmt: skip


def _first(value: Any) -> Any:
    return type(value[0]) if isinstance(value, list) and value else None
