"""What LiteLLM logs of a call (its StandardLoggingPayload), as the exchange that its client had.

The rule of this module: the payload holds what the call was about and not its bytes, so the exchange is put together
again from what is there; what LiteLLM did not keep (redacted messages, uploads, the pieces of a stream) is skipped.
"""

from __future__ import annotations

from typing import Any

from assay.audit import records
from assay.audit.records import Broken, Place, Record, Unreadable
from assay.audit.traits import moment

__all__ = ["is_payload", "read_payload"]

# The kind of call -> the path of its operation, and the property that LiteLLM keeps as ``messages``.
_CALLS = {
    "completion": ("/v1/chat/completions", "messages"),
    "text_completion": ("/v1/completions", "prompt"),
    "embedding": ("/v1/embeddings", "input"),
    "responses": ("/v1/responses", "input"),
    "image_generation": ("/v1/images/generations", "prompt"),
    "moderation": ("/v1/moderations", "input"),
    "speech": ("/v1/audio/speech", "input"),
}
_UPLOADS = {
    "transcription": "/v1/audio/transcriptions",
    "image_edit": "/v1/images/edits",
}
# Of the wire, and not kept: what is logged of a stream is one answer.
_OF_STREAMS = ("stream", "stream_options")
_JSON = [("content-type", "application/json")]
_REDACTED = "redacted-by-litellm"


def is_payload(value: Any) -> bool:
    """Say whether a JSON value is a payload."""
    return isinstance(value, dict) and {"call_type", "model_parameters", "startTime"} <= value.keys()


def read_payload(value: Any, place: Place) -> Record | Broken:
    """Read one payload."""
    if not is_payload(value):
        return Broken(place, "it is not a payload of LiteLLM")
    try:
        return _record(value, place)
    except Unreadable as error:
        return Broken(place, str(error))


def _record(value: dict[str, Any], place: Place) -> Record:
    call = str(value["call_type"]).removeprefix("a")
    gaps = {}
    path, told = _CALLS.get(call) or (_UPLOADS.get(call), "")
    if path is None:
        raise Unreadable("its call_type is none of those that can be judged")
    if told and not _redacted(value.get("messages")):
        request, gaps["request"] = records.request("POST", path, _JSON, records.raw(_asked(value, told)))
    else:
        request, _ = records.request("POST", path, [], b"")
        gaps["request"] = "its messages were redacted" if told else "its upload was not recorded"
    response = None
    code, came = _status(value), value.get("response")
    if code is not None:
        kept = isinstance(came, dict) and came and not _redacted(came)
        response, gaps["response"] = records.response(code, _JSON, records.raw(came) if kept else None)
        if code >= 400:  # noqa: PLR2004  LiteLLM keeps what it made of a refusal, and not the refusal
            gaps["response"] = "its body was not recorded"
    return records.record(place, _host(value.get("api_base")), request, response, gaps, moment(value["startTime"]))


def _asked(value: dict[str, Any], told: str) -> dict[str, Any]:
    given = value["model_parameters"]
    if not isinstance(given, dict):
        raise Unreadable("its model_parameters are not an object")
    rest = {name: item for name, item in given.items() if name not in _OF_STREAMS}
    return {"model": value.get("model"), told: value.get("messages"), **rest}


def _redacted(value: Any) -> bool:
    if value is None or value in ("", _REDACTED):
        return True
    if isinstance(value, dict):
        return value.get("text") == _REDACTED or _REDACTED in str(value.get("choices", ""))[:4096]
    if isinstance(value, list):
        return any(isinstance(item, dict) and item.get("content") == _REDACTED for item in value)
    return False


def _status(value: dict[str, Any]) -> int | None:
    if value.get("status") == "success":
        return 200
    told = value.get("error_information")
    code = told.get("error_code") if isinstance(told, dict) else None
    try:
        return records.status(code)
    except Unreadable:
        return None


def _host(url: Any) -> str:
    return records.address(url)[0] if isinstance(url, str) and url else ""
