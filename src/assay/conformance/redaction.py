"""Redaction: a text without the user's secrets, in whatever form a target may have written them.

The rule of this module: what may be a secret is taken out, and that there was one is said. A secret is known as it is,
in percent-encoding, inside JSON text (escaped once or more) and inside a longer text in base64.
"""

from __future__ import annotations

import base64
import json
import re
from functools import lru_cache

__all__ = ["hidden"]

_SIGN = "(hidden)"
_SHORTEST = 4  # characters of a secret; what is shorter stands everywhere


def hidden(text: str, secrets: tuple[str, ...]) -> str:
    """Take the secrets out of a text; the longest come first, and those under four characters are none."""
    written, encoded = _patterns(secrets)
    for pattern in written:
        text = pattern.sub(_SIGN, text)
    for core, pattern in encoded:
        if core in text:
            text = pattern.sub(_SIGN, text)
    return text


@lru_cache(maxsize=4)
def _patterns(secrets: tuple[str, ...]) -> tuple[list[re.Pattern[str]], list[tuple[str, re.Pattern[str]]]]:
    known = [secret for secret in secrets if len(secret) >= _SHORTEST]
    cores = sorted({core for secret in known for core in _in_base64(secret)}, key=lambda core: (-len(core), core))
    written = [re.compile(_written(secret), re.IGNORECASE) for secret in known]
    # What a neighbour decides too goes with it.
    return written, [(core, re.compile(f"[\\w+/-]?{re.escape(core)}[\\w+/-]?", re.ASCII)) for core in cores]


def _written(secret: str) -> str:
    """A pattern of a secret, each character in any of its forms."""
    first = re.escape(secret[0])
    pattern = "".join(f"(?:{'|'.join(_forms(character))})" for character in secret)
    return rf"(?=[{first}%\\+]){pattern}"  # most characters begin none: looked at once


def _forms(character: str) -> list[str]:
    percent = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
    units = character.encode("utf-16-be", "surrogatepass")
    escaped = "".join(rf"\\+u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
    forms = [percent, escaped, re.escape(character)]
    if character == " ":
        forms.append(r"\+")
    if character == "/" or json.dumps(character) != f'"{character}"':
        forms.insert(0, rf"\\+{re.escape(json.dumps(character)[1:-1].removeprefix(chr(92)))}")
    return forms


def _in_base64(secret: str) -> set[str]:
    """The characters of base64 that a secret alone decides, wherever it stands in what was encoded."""
    cores = set()
    for before in range(3):
        whole = bytes(before) + secret.encode("utf-8", "surrogatepass")
        for coded in (base64.b64encode(whole), base64.urlsafe_b64encode(whole)):
            cores.add(coded.decode()[-(-before * 8 // 6) : len(whole) * 8 // 6])
    return cores
