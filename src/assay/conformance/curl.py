"""A request as a ``curl`` line that reproduces it, to be pasted into a shell and into a bug report.

The rule of this module: the line sends the same bytes, and no secret stands in it: fields that the user added to
every request appear as shell variables, and what was made of the user's key as the text that makes it. The generated
body is shown, for we made it.
"""

from __future__ import annotations

import base64
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.messages import Request

__all__ = ["curl"]


def curl(request: Request, url: str, *, secret: Iterable[str] = ()) -> str:
    """Write one request as one line of shell; ``secret`` names the fields that the user adds to every request."""
    words = ["curl", "-sS", "-g", "--path-as-is", *_method(request), shlex.quote(url)]
    for name in secret:
        if name not in request.headers:
            words += ["-H", _variable(name)]
    for name, value in request.headers.fields:
        words += ["-H", _field(name, value)]
    if not request.body:
        return " ".join(words)
    if "content-type" not in request.headers:
        words += ["-H", "content-type:"]  # else curl declares a form
    text = _text(request.body)
    if text is not None:
        return " ".join([*words, "--data-raw", shlex.quote(text)])
    encoded = base64.b64encode(request.body).decode("ascii")
    return f"echo {encoded} | base64 -d | " + " ".join([*words, "--data-binary", "@-"])


def _method(request: Request) -> list[str]:
    if request.method == "HEAD":
        return ["--head"]
    implied = "POST" if request.body else "GET"
    return [] if request.method == implied else ["-X", shlex.quote(request.method)]


def _field(name: str, value: str) -> str:
    if name.lower() == "authorization" and "OPENAI_API_KEY" in value:
        return f'"{name}: {value}"'  # a shell makes it
    return shlex.quote(f"{name}: {value}" if value else f"{name};")


def _variable(name: str) -> str:
    if name.lower() == "authorization":
        return '"authorization: Bearer $OPENAI_API_KEY"'
    variable = "".join(c if c.isalnum() and c.isascii() else "_" for c in name).upper()
    return f'"{name}: ${variable}"'


def _text(body: bytes) -> str | None:
    """The body as text that a shell and a terminal carry unchanged, or None."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if all(c.isprintable() or c == "\n" for c in text) else None
