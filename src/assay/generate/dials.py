"""The settings of generation, as one frozen value.

The rule of this module: a dial changes how often or how large, never whether a value is valid.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DIALS", "Dials"]


@dataclass(frozen=True, slots=True)
class Dials:
    """How values are drawn. Rates are chances from 0 to 1.

    ``optional``  that a declared optional property is present; ``feature`` that a feature of a request which a
                  domain strategy knows (``stream``, ``tools``, ``n``, ...) is used; ``extra`` that an object which
                  allows it holds one property nobody declared; ``hostile`` that free text is hostile Unicode
                  instead of readable words.
    ``items``     how many items beyond the minimum an array holds at most; likewise names of free-form objects.
    ``depth``     how deep values nest by choice; beyond it only what is required is made.
    ``size``      how many choices one value may take before it is finished with what is required.
    ``models``    names of models that the target serves. ``tokens`` is the most that a token limit ever asks for.
    ``known``     ids of objects that the target has: by the name of the property, and by the path of the object with
                  its names left out (``file_id``, ``/files/{}``).
    """

    optional: float = 0.3
    feature: float = 0.3
    extra: float = 0.0
    hostile: float = 0.03
    items: int = 3
    depth: int = 6
    size: int = 250
    models: tuple[str, ...] = ("gpt-4o-mini",)
    tokens: int = 16
    known: Mapping[str, str] = field(default_factory=dict, hash=False)


DIALS = Dials()
"""The defaults: small, readable values."""
