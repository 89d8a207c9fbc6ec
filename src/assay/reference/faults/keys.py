"""Faults of authentication: who is let in, and how the others are told.

The rule of this module: they show only where a key is demanded; no key is ever repeated.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from assay.messages import Request
from assay.reference.faults.fault import Answer, Answers, Asked, Fault, Sends, in_json, with_header

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FAULTS"]

_fault = partial(Fault, group="authentication", keyed=True)
_UNAUTHORIZED = 401


def _let_in(test: Callable[[str, str], bool]) -> Callable[[Asked], Asked]:
    """Let in whoever sends an Authorization that passes a test, beside the key of the server."""

    def edit(asked: Asked) -> Asked:
        given = asked.request.headers.get("authorization", "") or ""
        if asked.key is None or not test(given, asked.key):
            return asked
        old = asked.request
        rest = [pair for pair in old.headers.fields if pair[0].lower() != "authorization"]
        fields = (*rest, ("authorization", f"Bearer {asked.key}"))
        return replace(asked, request=Request(old.method, old.target, fields, old.body))

    return edit


def _bearer(given: str) -> str:
    scheme, _, key = given.partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _refused(change: Callable[[Answer], Answer]) -> Callable[[Answer, Asked], Answer]:
    return lambda answer, _asked: change(answer) if answer.status == _UNAUTHORIZED else answer


def _to_log_in(answer: Answer) -> Answer:
    return with_header(replace(answer, status=302, parts=()), "location", "/login")


FAULTS = (
    _fault("key-not-demanded", "Every request is let in.", Sends("*", _let_in(lambda _given, _key: True))),
    _fault("any-key-accepted", "Every key is let in.", Sends("*", _let_in(lambda given, _key: bool(_bearer(given))))),
    _fault("no-key-accepted", "Requests without a key are let in, those with a wrong one are not.",
           Sends("*", _let_in(lambda given, _key: not given))),
    _fault("key-beginning-accepted", "A key is let in that begins as the right one.",
           Sends("*", _let_in(lambda given, key: bool(_bearer(given)) and key.startswith(_bearer(given))))),
    _fault("key-ending-ignored", "A key is let in that goes on behind the right one.",
           Sends("*", _let_in(lambda given, key: _bearer(given).startswith(key)))),
    _fault("key-case-ignored", "A key is let in whatever its case.",
           Sends("*", _let_in(lambda given, key: _bearer(given).lower() == key.lower()))),
    _fault("scheme-ignored", "A key is let in under every scheme.",
           Sends("*", _let_in(lambda given, key: given.rpartition(" ")[2] == key)), hazard=True),
    _fault("models-open", "The list of models needs no key.", Sends("listModels", _let_in(lambda _given, _key: True))),
    _fault("chat-open", "Chat needs no key.", Sends("createChatCompletion", _let_in(lambda _given, _key: True))),
    _fault("files-open", "Files can be listed without a key.", Sends("listFiles", _let_in(lambda _given, _key: True))),
    _fault("unauthorized-500", "A wrong key is answered with 500.",
           Answers("*", _refused(lambda answer: replace(answer, status=500)))),
    _fault("unauthorized-200", "A wrong key is answered with 200, and the error.",
           Answers("*", _refused(lambda answer: replace(answer, status=200)))),
    _fault("unauthorized-redirected", "A wrong key is sent to a page to log in.",
           Answers("*", _refused(_to_log_in))),
    _fault("unauthorized-detail", "A wrong key is answered with a bare detail.",
           Answers("*", _refused(lambda _answer: in_json(_UNAUTHORIZED, {"detail": "Not authenticated"})))),
    _fault("unauthorized-empty", "A wrong key is answered with nothing.",
           Answers("*", _refused(lambda answer: replace(answer, parts=())))),
)  # fmt: skip
