"""Claim: checking a chat request costs at most 2.5 x parsing it, and openapi-core costs at least 250 x ours.

The same bytes go to ``orjson.loads``, to ``Contract.check_request`` with the bundled and with the published
description, and to openapi-core with the published description as Assay repairs it (in OpenAPI 3.1 form, since
openapi-core cannot load it as published).
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

import assay
from benchmarks.timing import Claim, best
from benchmarks.traffic import PUBLISHED, chat_request, published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def claims() -> Iterator[Claim]:
    """Measure and state."""
    request = chat_request()
    calls: dict[str, Callable[[], Any]] = {"loads": partial(orjson.loads, request.body)}
    contracts = {"the bundled description": assay.load("openai")}
    path = published()
    if path is not None:
        contracts[PUBLISHED] = assay.load(path)
    for name, contract in contracts.items():
        assert contract.check_request(request).ok, name
        calls[name] = partial(contract.check_request, request)
    times = best(calls)
    for name in contracts:
        yield Claim(
            f"check_request, {len(request.body)} bytes, {name}, to orjson.loads", times[name] / times["loads"], 2.5
        )
    if path is None:
        return
    peer = _openapi_core(contracts[PUBLISHED], request)
    if peer is None:
        return
    slow = best({"peer": peer}, rounds=3)["peer"]
    yield Claim("openapi-core to orjson.loads", slow / times["loads"])
    yield Claim("openapi-core to check_request, same repaired description", slow / times[PUBLISHED], 250, at_least=True)


def _openapi_core(contract: assay.Contract, request: assay.Request) -> Callable[[], Any] | None:
    """openapi-core's request validation on the repaired description, or None (said on stderr) where it is missing."""
    try:
        from openapi_core import Config, OpenAPI  # noqa: PLC0415  the peer is installed by tox -e bench only
        from openapi_core.testing import MockRequest  # noqa: PLC0415
    except ImportError:
        sys.stderr.write("openapi-core is not installed: its figures are left out (tox run -e bench installs it)\n")
        return None
    # Its validator of descriptions refuses a null default; what is measured is its validation of requests.
    spec = OpenAPI.from_dict(_for_openapi_core(contract), config=Config(spec_validator_cls=None))
    call = MockRequest(
        "https://api.openai.com", "post", "/v1/chat/completions", data=request.body, content_type="application/json",
        headers={"Authorization": "Bearer key"},
    )  # fmt: skip
    spec.validate_request(call)  # raises when it refuses what is valid
    return lambda: spec.validate_request(call)


def _for_openapi_core(contract: assay.Contract) -> dict[str, Any]:
    """The repaired description, cut to the one operation and without what openapi-core cannot use."""
    document = contract.api.documents[contract.api.root]
    path = "/chat/completions"
    kept = {key: value for key, value in document.items() if key in ("info", "servers", "components", "security")}
    return {"openapi": "3.1.0", **_clean(kept), "paths": {path: _clean({"post": document["paths"][path]["post"]})}}


def _clean(value: Any) -> Any:
    # Discriminators without a mapping make openapi-core refuse every valid chat request; they decide nothing anyway.
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items() if key not in ("discriminator", "itemSchema")}
    return [_clean(item) for item in value] if isinstance(value, list) else value
