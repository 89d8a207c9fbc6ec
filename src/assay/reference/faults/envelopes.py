"""Faults of the error envelope: refusals that no client of the API can read.

The rule of this module: the status of the refusal stays.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from assay.reference.faults.edits import drop, each, put
from assay.reference.faults.fault import Answer, Answers, Asked, Fault, Tells, with_header

__all__ = ["FAULTS"]

_fault = partial(Fault, group="error envelope")
_PAGE = b"<html><body><h1>400 Bad Request</h1><hr>nginx</body></html>"


def _page(answer: Answer, _asked: Asked) -> Answer:
    return replace(with_header(answer, "content-type", "text/html"), parts=(_PAGE,)) if answer.refuses else answer


def _nothing(answer: Answer, _asked: Asked) -> Answer:
    return replace(answer, parts=()) if answer.refuses else answer


FAULTS = (
    _fault("error-flat", "An error has no error object around it.",
           Tells("*", lambda value, _asked: {"object": "error", **value["error"]}, refusals=True), 30),
    _fault("error-detail", "An error is a bare detail.",
           Tells("*", lambda value, _asked: {"detail": value["error"]["message"]}, refusals=True), 31),
    _fault("error-param-object", "The param of an error is an object.",
           Tells("*", each("error.param", lambda old: {"loc": ["body", old]}), refusals=True), 31),
    _fault("error-type-missing", "An error has no type.", Tells("*", drop("error.type"), refusals=True)),
    _fault("error-message-missing", "An error has no message.", Tells("*", drop("error.message"), refusals=True)),
    _fault("error-message-null", "The message of an error is null.",
           Tells("*", put("error.message", None), refusals=True)),
    _fault("error-message-object", "The message of an error is an object.",
           Tells("*", each("error.message", lambda old: {"en": old}), refusals=True)),
    _fault("error-code-number", "The code of an error is a number.", Tells("*", put("error.code", 400), refusals=True)),
    _fault("error-text", "An error is a text.",
           Tells("*", lambda value, _asked: {"error": value["error"]["message"]}, refusals=True)),
    _fault("error-list", "An error is one of an array of errors.",
           Tells("*", lambda value, _asked: {"errors": [value["error"]]}, refusals=True)),
    _fault("error-in-array", "The envelope of an error stands in an array.",
           Tells("*", lambda value, _asked: [value], refusals=True)),
    _fault("error-null", "An error is null.", Tells("*", put("error", None), refusals=True)),
    _fault("error-page", "An error is a page of HTML.", Answers("*", _page)),
    _fault("error-empty", "An error has no body.", Answers("*", _nothing)),
    _fault("chat-error-flat", "Errors of chat have no error object around them.",
           Tells("createChatCompletion", lambda value, _asked: value["error"], refusals=True), 30),
)  # fmt: skip
