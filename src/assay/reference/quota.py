"""How many requests a minute are answered, and what is said of it.

The rule of this module: a minute begins with its first request; what is left is told with every answer, and a refusal
says when to come again.
"""

from __future__ import annotations

from assay.reference.replies import Refusal

__all__ = ["Fields", "Quota"]

Fields = tuple[tuple[str, str], ...]
_MINUTE = 60  # seconds


class Quota:
    """A number of requests a minute."""

    def __init__(self, requests: int) -> None:
        self._requests = requests
        self._began = 0
        self._left = 0

    def take(self, now: int) -> Fields:
        """Count one request, at a time in seconds; return the header fields that tell of it. Raises Refusal (429)."""
        if now >= self._began + _MINUTE:
            self._began, self._left = now, self._requests
        again = self._began + _MINUTE - now
        self._left -= 1
        fields = (
            ("x-ratelimit-limit-requests", str(self._requests)),
            ("x-ratelimit-remaining-requests", str(max(0, self._left))),
            ("x-ratelimit-reset-requests", f"{again}s"),
        )
        if self._left >= 0:
            return fields
        text = f"More than {self._requests} requests in a minute; come again in {again} s."
        refusal = Refusal(429, text, code="rate_limit_exceeded", kind="requests")
        refusal.headers = (*fields, ("retry-after", str(again)))
        raise refusal
