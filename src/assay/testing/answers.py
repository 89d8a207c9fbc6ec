"""Who answers instead of the network, for the time of one test.

The rule of this module: whoever answers is given the whole request and says what comes back; that the exchange is
judged and counted is not their business, it happens to every exchange alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from assay.adapters.intercept.wire import Reply
    from assay.messages import Request

__all__ = ["Answers"]


class Answers(Protocol):
    """Answers requests to the hosts of a contract."""

    def __call__(self, request: Request, url: str, /) -> Reply:
        """Answer one request; ``url`` is absolute. Called from any thread.

        An exception goes to the caller of the client, and fails the test also where the client swallows it.
        """
        ...
