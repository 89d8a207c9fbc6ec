"""Request bodies as the resources see them: a JSON value, or the fields and files of a form.

The rule of this module: a body is read only as what its Content-Type says it is, and only where the operation reads
such bodies; anything else is refused before a resource sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from assay.reference.replies import Refusal
from assay.wire.multipart import FilePart, read_multipart
from assay.wire.problem import Problem

if TYPE_CHECKING:
    from assay.model import Shape

__all__ = ["Body", "read"]

_JSON, _FORM = "application/json", "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Body:
    """``value`` is what a schema sees (a file is a string there), ``files`` are the files of a form, in order."""

    value: Any = None
    files: tuple[FilePart, ...] = ()


def read(headers: dict[str, str], body: bytes, *, json: bool, form: Shape | None) -> Body:
    """Read a body; ``json`` and ``form`` say what the operation reads, a form with the types of its fields.

    No bytes where JSON may be are no body, whatever the Content-Type: clients send it always, and whether a body is
    needed is the contract's to say.
    """
    if not body and json:
        return Body()
    content_type = headers.get("content-type", "")
    essence = content_type.partition(";")[0].strip().lower()
    known = (_JSON,) * json + (_FORM,) * (form is not None)
    if essence not in known:
        text = f"The body must be sent with 'Content-Type: {' or '.join(known)}'."
        raise Refusal(415, text, code="unsupported_content_type")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal(415, "The body must not be compressed.", code="unsupported_content_encoding")
    return Body(_json(body)) if essence == _JSON else _form(body, content_type, form)


def _json(body: bytes) -> Any:
    try:
        value = orjson.loads(body)
        orjson.dumps(value)  # answers and digests are written by this; it ends at 254 levels
    except orjson.JSONDecodeError as error:
        text = f"The body is not JSON: line {error.lineno}, column {error.colno}."
        raise Refusal(400, text, code="invalid_json") from None
    except orjson.JSONEncodeError:
        raise Refusal(400, "The body is nested too deeply.", code="nested_too_deeply") from None
    return value


def _form(body: bytes, content_type: str, form: Shape | None) -> Body:
    found = read_multipart(body, content_type, form, {})
    if isinstance(found, Problem):
        raise Refusal(400, f"The body is not a form: {found.expected} was expected.", code="invalid_form")
    return Body(found.candidates[0], found.files)
