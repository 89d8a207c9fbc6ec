"""Claim: observing an exchange of the official client costs at most 0.3 ms, and at most 1.5 x the call without.

The same call (``httpx2`` and the official client, against an in-memory transport, so that no network hides the cost)
runs bare and observed; the difference of the best times is what observing costs: both messages are judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import openai

import assay
from assay.adapters.intercept import intercept
from assay.testing.observe import Scope, Traffic, Watch
from benchmarks.timing import Claim, best

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ALLOWED = 0.3  # milliseconds
_RATIO = 1.5
_MESSAGES: Any = [{"role": "user", "content": "Say hello to the otters in the river, please."}]
_REPLY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "gpt-4o-mini",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello, otters!", "refusal": None},
            "finish_reason": "stop",
            "logprobs": None,
        }
    ],
    "usage": {"prompt_tokens": 12, "completion_tokens": 4, "total_tokens": 16},
}


def claims() -> Iterator[Claim]:
    """Measure and state."""
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=_REPLY))
    with httpx2.Client(transport=transport) as http:
        client = openai.OpenAI(api_key="none", http_client=http, max_retries=0)

        def call() -> None:
            client.chat.completions.create(model="gpt-4o-mini", messages=_MESSAGES)

        watch = Watch([Scope(assay.load(), ("api.openai.com",))])
        times = best({"bare": call, "observed": _observed(call, watch)}, rounds=30, budget=0.05)
    assert watch.exchanges
    assert not watch.offences
    cost = 1000 * (times["observed"] - times["bare"])
    yield Claim(f"observing one exchange ({cost:.2f} ms) to the {_ALLOWED} ms allowed", cost / _ALLOWED, 1)
    yield Claim("the observed call to the bare one", times["observed"] / times["bare"], _RATIO)


def _observed(call: Callable[[], None], watch: Watch) -> Callable[[], None]:
    traffic = Traffic()
    traffic.watch = watch

    def observed() -> None:
        # Patching is part of the cost: a suite patches once for each test.
        with intercept(traffic):
            call()

    return observed
