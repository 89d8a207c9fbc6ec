"""Vendor profiles: what a vendor's API has beyond the OpenAI API, and the rules it does not keep.

The rule of this module: a profile is a folder of overlays of the bundled description, one for each document that it
changes, and nothing else; rules that a vendor does not keep stand in them as ``x-assay-off``, each with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import UsageError
from assay.spec.load import schemas_folder
from assay.spec.text import parse

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Profile", "profile", "profiles"]


@dataclass(frozen=True, slots=True)
class Profile:
    """``overlays`` to apply to the bundled description, in order, and ids of rules to switch ``off``."""

    name: str
    overlays: tuple[Path, ...]
    off: tuple[str, ...]


def profiles() -> tuple[str, ...]:
    """Return the names of all profiles."""
    folders = (schemas_folder() / "overlays").iterdir()
    return tuple(sorted(folder.name for folder in folders if folder.is_dir()))


def profile(name: str) -> Profile:
    """Return a profile by its name; an unknown one is a ``UsageError``."""
    if name not in profiles():
        raise UsageError(f"there is no profile {name[:40]!r}; there are: {', '.join(profiles())}")
    overlays = tuple(sorted((schemas_folder() / "overlays" / name).glob("*.yaml")))
    off: list[str] = []
    for path in overlays:
        off += parse(path.read_bytes(), str(path))[0].get("x-assay-off", [])
    return Profile(name, overlays, tuple(off))
