"""Claim: checking a chat completion costs at most 2.5 x parsing it, an embeddings response at most 1.3 x.

The request was checked before its response, as at every door. Measured with the bundled and with the published
description, on the same bytes as ``orjson.loads``.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

import assay
from benchmarks.timing import Claim, best
from benchmarks.traffic import JSON, PUBLISHED, chat_response, embeddings_response, published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def claims() -> Iterator[Claim]:
    """Measure and state."""
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}).encode()
    chat = assay.Request("POST", "/v1/chat/completions", JSON, body), chat_response()
    contracts = {"the bundled description": assay.load("openai")}
    path = published()
    if path is not None:
        contracts[PUBLISHED] = assay.load(path)
    for what, (request, response), bound in [
        ("a chat completion", chat, 2.5),
        ("8 x 1536 floats", embeddings_response(), 1.3),
    ]:
        calls: dict[str, Callable[[], Any]] = {"loads": partial(orjson.loads, response.body)}
        for name, contract in contracts.items():
            assert contract.check_request(request).ok
            assert contract.check_response(request, response).ok, contract.check_response(request, response)
            calls[name] = partial(contract.check_response, request, response)
        times = best(calls)
        for name in contracts:
            text = f"check_response, {what}, {len(response.body)} bytes, {name}, to orjson.loads"
            yield Claim(text, times[name] / times["loads"], bound)
