"""What reading a text of either form has in common: how deep it may be, and what is taken note of.

The rule of this module: a note is a sentence for people; the places it is about are counted under it.
"""

from __future__ import annotations

__all__ = ["DEEPEST", "DUPLICATE", "UNBOUNDED"]

DEEPEST = 256
"""How many containers may stand inside one another. The deepest published description known to us has 60."""

DUPLICATE = "a key that stands twice in one object: the last one counts"
UNBOUNDED = "a number that JSON cannot hold is kept as text"
