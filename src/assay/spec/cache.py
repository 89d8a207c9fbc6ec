"""The compiled form of a description as bytes, and back: what the second start reads in place of the description.

The rule of this module: pure, and never a reason to fail. An entry is JSON behind a checksum, because a file in a
shared folder may be damaged or forged: JSON can make values only, where pickle runs code and marshal can crash the
interpreter. Whatever is not exactly what was written here is no entry, and the description is compiled again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.model import Repair

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Compiled", "digest", "dump", "key", "load"]

_FORM = 1
"""Counts up when the form of an entry changes."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A description whose documents are normalised, and what was done to get there.

    ``files`` maps the URI of every document that was read beside the root to the digest of its bytes.
    """

    documents: dict[str, Any]
    repairs: tuple[Repair, ...]
    files: Mapping[str, str]


def digest(data: bytes) -> str:
    """Name bytes by their content."""
    return hashlib.sha256(data).hexdigest()


def key(parts: Iterable[bytes]) -> str:
    """Name an entry by everything that decides its content; no two lists of parts have one name."""
    whole = hashlib.sha256(str(_FORM).encode())
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()


def dump(compiled: Compiled) -> bytes:
    """Write an entry."""
    body = json.dumps(
        {
            "documents": compiled.documents,
            "repairs": [dataclasses.astuple(repair) for repair in compiled.repairs],
            "files": dict(compiled.files),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    return digest(body).encode() + b"\n" + body


def load(data: bytes) -> Compiled | None:
    """Read an entry; None when it is not one."""
    checksum, _, body = data.partition(b"\n")
    if checksum != digest(body).encode():
        return None
    try:
        value = json.loads(body)
        repairs = tuple(Repair(*fields) for fields in value["repairs"])
        return Compiled(dict(value["documents"]), repairs, dict(value["files"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
