"""The target that a user named: its URL, the fields that every request carries, and the key to be enforced.

The rule of this module: a key is never repeated in a message, and only a key that the user named must be asked for.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from assay.adapters.send import Sender
from assay.conformance.keys import bearer, secrets
from assay.conformance.result import Target
from assay.errors import UsageError

if TYPE_CHECKING:
    from assay.contract import Contract

__all__ = ["target_at"]


def target_at(url: str, contract: Contract, given: dict[str, Any]) -> tuple[str, Target]:
    """The target at a URL, with and without the user's key, and its address for people."""
    headers = [_field(text) for text in given["headers"]]
    key, asked = _key(given["key_env"])
    if key and not any(name.lower() == "authorization" for name, _ in headers):
        headers.append(("Authorization", f"Bearer {key}"))
    # A key that merely stands in the environment proves nothing of the target; one that was named does.
    enforced = asked or any(_field(text)[0].lower() == "authorization" for text in given["headers"])
    bases = {base for operation in contract.operations for base in operation.bases}
    send = Sender(url, headers=headers, timeout=given["timeout"], bases=bases, proxy=given["proxy"])
    anonymous = None
    if enforced:
        rest = [(name, value) for name, value in headers if name.lower() != "authorization"]
        # A refusal may leave a body unread, so each of these requests gets a connection of its own.
        anonymous = Sender(url, headers=rest, timeout=given["timeout"], bases=bases, proxy=given["proxy"]).afresh
    known = secrets(headers)
    return url, Target(send, send.url, anonymous, send.field_names, send.afresh, known, bearer(headers))


def _key(variable: str | None) -> tuple[str, bool]:
    """The API key and whether the user named its variable."""
    if variable is None:
        return os.environ.get("OPENAI_API_KEY", ""), False
    value = os.environ.get(variable)
    if not value:
        raise UsageError(f"--key-env: the variable {variable} is not set")
    return value, True


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        # The text may be a key, so it is not repeated.
        raise UsageError("--header: expected 'Name: value', and there is no name before a colon")
    return name.strip(), value.strip()
