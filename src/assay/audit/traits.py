"""What an exchange is counted by besides its operation: host, model, and the time at which it happened.

The rule of this module: a name out of somebody's traffic is shown only when it reads like the name of a host or of a
model and not like a key; a time is what the recording says, else what the answer says of itself, and never guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from assay.messages import UNREAD

if TYPE_CHECKING:
    from assay.audit.records import Record

__all__ = ["day_text", "model_of", "moment", "plain_host", "plain_model", "when_of"]

_HOST = re.compile(r"[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9])?(:\d{1,5})?|\[[0-9a-f:.]{2,45}\](:\d{1,5})?")
_MODEL = re.compile(r"[a-z0-9][a-z0-9._:/@+ -]{0,99}", re.IGNORECASE)
# What reads like a credential: its usual beginnings, or a long run of letters and digits that no model's name has.
_KEY = re.compile(r"^(sk|pk|rk|key|ghp|hf|gsk|xai|xox.)[-_]|bearer|secret|token|password|AKIA|eyJ", re.IGNORECASE)
_RUN = re.compile(r"(?=[a-z]*\d)(?=\d*[a-z])[a-z0-9]{20,}", re.IGNORECASE)
_FORM_MODEL = re.compile(rb'name="?model"?\r?\n(?:[^\r\n]+\r?\n)*\r?\n([^\r\n]{1,100})\r?\n', re.IGNORECASE)
_CREATED = re.compile(rb'"created(?:_at)?"\s*:\s*(\d{10})(?!\d)')
_HEAD = 2048  # services write the time of an answer near its head
_EARLIEST, _LATEST = 946_684_800, 4_102_444_800  # 2000 and 2100: what lies outside is no time of such traffic
_MILLISECONDS = 1e11


@lru_cache(4096)
def plain_host(host: str) -> str:
    """A host's name, masked when it does not read like one."""
    return host if _HOST.fullmatch(host) and not _odd(host) else f"<host of {len(host)} characters>" if host else ""


@lru_cache(4096)
def plain_model(name: str) -> str:
    """A model's name, masked when it does not read like one."""
    if not name:
        return ""
    return name if _MODEL.fullmatch(name) and not _odd(name) else f"<model of {len(name)} characters>"


def model_of(record: Record) -> str:
    """The model that a request asks for, as it came; empty when it asks for none."""
    request = record.request
    asked = request.parsed
    if asked is UNREAD:
        if not request.body:
            return ""
        found = _FORM_MODEL.search(request.body[:65536]) if request.body.startswith(b"--") else None
        if found is not None:
            return found[1].decode("utf-8", "replace").strip()
        asked = _value(request.body)
    name = asked.get("model") if type(asked) is dict else None
    return name if type(name) is str else ""


def when_of(record: Record) -> float | None:
    """When an exchange happened, in seconds since 1970: as recorded, else the answer's Date, else its ``created``."""
    if record.when is not None:
        return record.when
    if record.response is None:
        return None
    date = record.response.headers.get("date")
    if date is not None:
        return _dated(date)
    if record.request.method != "POST":
        # What is listed or retrieved may be older than the request by years.
        return None
    found = _CREATED.search(record.response.body, 0, _HEAD)
    return _within(float(found[1])) if found is not None else None


def moment(value: Any) -> float | None:
    """Read a time in any form of recordings: seconds or milliseconds since 1970, ISO 8601, HTTP's date."""
    if isinstance(value, datetime):
        return _within((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _within(value / 1000 if value > _MILLISECONDS else float(value))
    if not isinstance(value, str):
        return None
    try:
        return moment(datetime.fromisoformat(value))
    except ValueError:
        return _dated(value)


@lru_cache(4096)
def day_text(number: float | None) -> str:
    """The day of a number of days since 1970, UTC, as ``2026-01-31``; empty when there is none."""
    if number is None:
        return ""
    return datetime.fromtimestamp(number * 86400, UTC).strftime("%Y-%m-%d")


@lru_cache(4096)
def _dated(text: str) -> float | None:
    try:
        return moment(parsedate_to_datetime(text))
    except (ValueError, TypeError, OverflowError):
        return None


def _within(seconds: float) -> float | None:
    return seconds if _EARLIEST <= seconds < _LATEST else None


def _odd(name: str) -> bool:
    return _KEY.search(name) is not None or _RUN.search(name) is not None


def _value(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
