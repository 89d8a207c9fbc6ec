"""Faults of HTTP: lengths, connections, encodings, methods and redirections.

The rule of this module: the JSON of an answer would be right, if it could be read.
"""

from __future__ import annotations

import gzip
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import orjson

from assay.messages import Request
from assay.reference.faults.fault import (
    BAD_METHOD,
    OK,
    Answer,
    Answers,
    Asked,
    Fault,
    Instead,
    Sends,
    in_json,
    with_header,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FAULTS"]

_fault = partial(Fault, group="HTTP")
_CHAT = "createChatCompletion"
_HEAD = (("content-type", "application/json"), ("content-length", "100"))
_CLOSED = Answer(OK, _HEAD, (), exact=True, cut=True)
_LARGE = 20_000  # bytes of a body


def _successes(change: Callable[[Answer], Answer]) -> Callable[[Answer, Asked], Answer]:
    """Change whole successes."""
    fits = (OK, "application/json")
    return lambda answer, _asked: change(answer) if (answer.status, answer.kind) == fits else answer


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Answer, Asked], Answer]:
    return _successes(lambda answer: replace(answer, parts=(change(answer.body),)))


def _half(answer: Answer) -> Answer:
    body = answer.body
    sized = with_header(answer, "content-length", str(len(body)))
    return replace(sized, parts=(body[: len(body) // 2],), exact=True, cut=True)


def _stopped(answer: Answer, _asked: Asked) -> Answer:
    return replace(answer, parts=answer.parts[:2], cut=True) if answer.kind == "text/event-stream" else answer


def _closing(test: Callable[[Asked], bool]) -> Callable[[Asked], Answer | None]:
    return lambda asked: _CLOSED if test(asked) else None


def _malformed(asked: Asked) -> bool:
    declared = (asked.request.headers.content_type or "").startswith("application/json")
    return declared and bool(asked.request.body) and asked.value is None


def _any_method(asked: Asked) -> Asked:
    old = asked.request
    if old.method not in ("PUT", "PATCH"):
        return asked
    return replace(asked, request=Request("POST", old.target, old.headers, old.body))


def _read_as_models(asked: Asked) -> Asked:
    """Answer every GET that no operation has with the list of models."""
    old = asked.request
    if old.method != "GET":
        return asked
    return replace(asked, request=Request("GET", "/v1/models", old.headers))


def _error(status: int, message: str) -> Answer:
    return in_json(
        status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
    )


def _redirected(asked: Asked) -> Answer:
    return Answer(307, (("location", f"{asked.request.target}/"), ("content-length", "")), ())


def _allowing_nothing(answer: Answer, _asked: Asked) -> Answer:
    return with_header(answer, "allow", None) if answer.status == BAD_METHOD else answer


FAULTS = (
    _fault("body-cut-off", "The connection is closed in the middle of a chat completion.",
           Answers(_CHAT, _successes(_half))),
    _fault("stream-cut-off", "The connection is closed in the middle of a stream.", Answers(_CHAT, _stopped)),
    _fault("tools-connection-closed", "The connection is closed behind the header where tools are offered.",
           Instead(_CHAT, _closing(lambda asked: isinstance(asked.value, dict) and bool(asked.value.get("tools"))))),
    _fault("malformed-connection-closed", "The connection is closed behind the header where no JSON came.",
           Instead("*", _closing(_malformed))),
    _fault("json-with-mark", "JSON begins with a byte order mark.",
           Answers("*", _bytes(lambda body: b"\xef\xbb\xbf" + body))),
    _fault("json-twice", "The JSON of a chat completion comes twice.",
           Answers(_CHAT, _bytes(lambda body: body + body))),
    _fault("json-not-utf-8", "The JSON of a chat completion is not written in UTF-8.",
           Answers(_CHAT, _bytes(lambda body: body.replace(b'"content":"', b'"content":"\xe9')))),
    _fault("json-not-a-number", "The numbers of embeddings are NaN.",
           Answers("createEmbedding", _bytes(lambda body: body.replace(b'"embedding":[', b'"embedding":[NaN,')))),
    _fault("json-quoted-singly", "The list of models is written as Python writes it.",
           Answers("listModels", _bytes(lambda body: repr(orjson.loads(body)).encode()))),
    _fault("json-empty", "A chat completion has no body.", Answers(_CHAT, _bytes(lambda _body: b""))),
    _fault("encoding-untrue", "Answers say that they are compressed, and are not.",
           Answers("*", _successes(lambda answer: with_header(answer, "content-encoding", "gzip")))),
    _fault("encoding-untold", "Answers are compressed, and do not say so.", Answers("*", _bytes(gzip.compress))),
    _fault("any-method", "PUT and PATCH are taken for POST.", Sends("*", _any_method)),
    _fault("any-path", "Every path that does not exist is taken for the list of models.", Sends("-", _read_as_models),
           hazard=True),
    _fault("allow-missing", "A refusal of a method does not say which there are.", Answers("*", _allowing_nothing),
           hazard=True),
    _fault("chat-redirected", "Chat is redirected to a path with a slash.", Instead(_CHAT, _redirected)),
    _fault("large-body-413", f"A body of more than {_LARGE} bytes is too large.",
           Instead("*", lambda asked: _error(413, "too large") if len(asked.request.body) > _LARGE else None)),
    _fault("large-body-closed", f"The connection is closed behind the header where more than {_LARGE} bytes came.",
           Instead("*", _closing(lambda asked: len(asked.request.body) > _LARGE))),
    _fault("charset-refused", "A Content-Type with a charset is refused.",
           Instead("*", lambda asked: _error(415, "wrong media type")
                   if "charset" in (asked.request.headers.content_type or "") else None)),
)  # fmt: skip
