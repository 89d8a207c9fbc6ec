"""What a user may set at a gate besides its policy: limits, and what becomes of what the contract does not know.

The rule of this module: a wrong setting is refused when it is made, in one line that names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from assay.errors import UsageError

__all__ = ["Limits", "Settings", "Unknown", "one_of"]

Unknown = Literal["allow", "warn", "refuse"]
"""``allow`` without a word, ``warn`` (a hazard, which is counted and logged), or ``refuse`` (a violation)."""

_MEGABYTE = 1024 * 1024
_DEEPEST = 1024  # the JSON parser's own bound


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds, in bytes but for ``depth``.

    ``body``      a request body that is judged whole; a longer upload is judged without the contents of its files,
                  anything else that is longer is refused with 413 (enforce) or judged by its head (observe).
    ``response``  a response body that is judged whole; a longer one passes and is judged by its head.
    ``event``     one event of a stream.
    ``depth``     arrays and objects inside each other in a JSON request.
    """

    body: int = 16 * _MEGABYTE
    response: int = 16 * _MEGABYTE
    event: int = 8 * _MEGABYTE
    depth: int = 128

    def __post_init__(self) -> None:
        for name in ("body", "response", "event", "depth"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise UsageError(f"the limit {name} must be a whole number of at least 1")
        if self.depth > _DEEPEST:
            raise UsageError(f"the limit depth must be at most {_DEEPEST}")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a gate behaves.

    ``fail_closed``     when Assay itself errs: refuse with 503 what is to be enforced, instead of letting it pass.
    ``unknown_fields``  top-level fields of a JSON request that the contract does not declare; None leaves it to the
                        contract, which forbids them in some requests and not in others.
    ``unknown_paths``   requests that belong to no operation of the contract.
    ``end_streams``     in ``enforce``, end a stream at its first violation with an error event; without it a stream
                        is never touched.
    """

    limits: Limits = Limits()
    fail_closed: bool = False
    unknown_fields: Unknown | None = None
    unknown_paths: Unknown = "allow"
    end_streams: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.limits, Limits):
            raise UsageError("the setting limits must be a Limits")
        if self.unknown_fields is not None:
            one_of("unknown_fields", self.unknown_fields, get_args(Unknown))
        one_of("unknown_paths", self.unknown_paths, get_args(Unknown))
        for name in ("fail_closed", "end_streams"):
            if not isinstance(getattr(self, name), bool):
                raise UsageError(f"the setting {name} must be True or False")


def one_of(name: str, value: Any, known: tuple[str, ...]) -> None:
    """Refuse a value that is none of the known words (``UsageError``)."""
    if value not in known:
        shown = value if isinstance(value, str) and value.isidentifier() and len(value) <= 30 else type(value).__name__  # noqa: PLR2004  a word, not data
        raise UsageError(f"{name}: expected {', '.join(known[:-1])} or {known[-1]}, got {shown}")
