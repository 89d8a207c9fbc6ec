"""The forms that recorded traffic comes in, recognised by content.

The rule of this module: the first lines decide, each by the properties that its object has; what has none of them is
to be read whole, and decides then.
"""

from __future__ import annotations

from typing import Any

from assay.audit.batches import is_input, is_output
from assay.audit.lines import EMPTY, is_exchange, parsed
from assay.audit.opening import DAMAGED, opened, raw
from assay.audit.payloads import is_payload
from assay.audit.records import BODY_LIMIT, Broken, Place
from assay.audit.training import form_of

__all__ = ["FORMS", "form_of_value", "recognised"]

FORMS = (
    "exchanges", "har", "cassette", "parquet", "litellm", "batch-input", "batch-output", "fine-tuning",
)  # fmt: skip
"""Every form by the name that a user gives it."""

_LINES_TRIED = 50  # a file of lines shows a whole object within its first lines
_BOM = b"\xef\xbb\xbf"
_BY_VALUE = (
    ("batch-input", is_input),  # has a method and a url too
    ("exchanges", is_exchange),
    ("litellm", is_payload),
    ("batch-output", is_output),
    ("fine-tuning", lambda value: form_of(value) is not None),
)


def recognised(file: str) -> str:
    """The form of a file of lines, ``parquet``, or ``whole`` for what must be read whole; raises OSError."""
    with raw(file) as lying:
        if lying.read(4) == b"PAR1":
            return "parquet"
    try:
        with opened(file) as stream:
            for _ in range(_LINES_TRIED):
                line = stream.readline(BODY_LIMIT)
                if not line:
                    break
                form = _form_of_line(line)
                if form is not None:
                    return form
    except DAMAGED:
        return "whole"
    return "whole"


def form_of_value(value: Any) -> str | None:
    """The form of a JSON object, or None."""
    return next((form for form, is_one in _BY_VALUE if is_one(value)), None)


def _form_of_line(line: bytes) -> str | None:
    text = line.removeprefix(_BOM).strip()
    if not (text.startswith(b"{") and text.endswith(b"}")):
        return None
    value = parsed(text, Place(""))
    return None if value is EMPTY or isinstance(value, Broken) else form_of_value(value)
