"""How many requests a minute the reference server answers."""

from __future__ import annotations

import json

import pytest

from assay.reference.quota import Quota
from assay.reference.replies import Refusal


def test_a_minute_has_so_many_requests() -> None:
    """Within a minute the limit is kept and what is left is told; the next minute begins anew."""
    quota = Quota(2)
    first, second = dict(quota.take(1000)), dict(quota.take(1059))
    assert [f["x-ratelimit-remaining-requests"] for f in (first, second)] == ["1", "0"]
    assert (first["x-ratelimit-reset-requests"], second["x-ratelimit-reset-requests"]) == ("60s", "1s")
    with pytest.raises(Refusal) as refused:
        quota.take(1059)
    assert refused.value.status == 429
    assert dict(refused.value.headers)["retry-after"] == "1"
    assert dict(quota.take(1060))["x-ratelimit-remaining-requests"] == "1"


def test_every_answer_tells_what_is_left_and_the_rest_is_429(contract) -> None:
    """Successes and refusals bear the fields, and a request over the limit gets the envelope of an error."""
    from conftest import Local  # noqa: PLC0415

    from assay.reference.server import application  # noqa: PLC0415

    local = Local(application(judge=contract, rate=2), contract)
    left = [
        local.send("GET", path).headers.get("x-ratelimit-remaining-requests") for path in ("/v1/models", "/v1/models/x")
    ]
    assert left == ["1", "0"]
    limited = local.send("GET", "/v1/models")
    assert limited.status == 429
    assert json.loads(limited.body)["error"]["code"] == "rate_limit_exceeded"


def test_a_seed_gives_other_texts_and_the_same_one_the_same(contract) -> None:
    """The seed decides on every text and id, and on nothing else."""
    from conftest import Local  # noqa: PLC0415

    from assay.reference.server import application  # noqa: PLC0415

    hi = {"model": "assay-chat", "messages": [{"role": "user", "content": "hello"}]}
    said = [Local(application(judge=contract, seed=n), contract).post("/v1/chat/completions", hi) for n in (0, 0, 7)]
    assert said[0] == said[1]
    assert said[0]["id"] != said[2]["id"]
    assert said[0]["choices"][0]["message"]["content"] != said[2]["choices"][0]["message"]["content"]
