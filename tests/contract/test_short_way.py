"""The short way of requests and responses against the whole check.

The rule of this module: both verdicts and both ways are counted, each with a floor, so that a short way that is never
taken, or takes everything, fails.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from chat_exchange import ANSWER, ASK, JSON
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import assay

VALUES = st.sampled_from([None, True, 0, 1, 2, -1, 5000, "", "stop", "auto", "length", [], {}, [1], {"type": "text"}])
ASKED = st.dictionaries(
    st.sampled_from(["n", "stop", "logprobs", "max_tokens", "tool_choice", "tools", "stream_options", "temperature"]),
    VALUES,
    max_size=2,
)
SETTINGS = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def contract() -> assay.Contract:
    """Load the bundled contract."""
    return assay.load("openai")


def ask(change: dict[str, Any]) -> assay.Request:
    """Make a chat request."""
    return assay.Request("POST", "/v1/chat/completions", JSON, json.dumps(ASK | change).encode())


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for step, item in steps for place in places(item, (*path, step)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The value with another one at a place."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


def test_requests_that_go_the_short_way_have_no_violation(contract: assay.Contract) -> None:
    """What the short way accepts, the whole check accepts too."""
    check = contract._request_check(contract["createChatCompletion"])
    counts = {"short": 0, "right": 0, "wrong": 0}

    @SETTINGS
    @given(ASKED)
    def compare(change: dict[str, Any]) -> None:
        request = ask(change)
        parameters, judged = check._parts(request, {})
        found = judged.violations or check._rules.check_request(check._exchange(request, parameters, judged))
        counts["wrong" if found else "right"] += 1
        if check.accepts(request):
            counts["short"] += 1
            assert found == ()

    compare()
    assert min(counts.values()) >= 20, counts


def test_responses_that_go_the_short_way_have_no_violation(contract: assay.Contract) -> None:
    """What the short way accepts, the whole check accepts too, whatever was asked for."""
    responses = contract._response_check(contract["createChatCompletion"])
    requests = contract._request_check(contract["createChatCompletion"])
    counts = {"short": 0, "right": 0, "wrong": 0}

    @SETTINGS
    @given(ASKED, st.sampled_from(places(ANSWER)), VALUES, st.booleans())
    def compare(change: dict[str, Any], path: tuple[Any, ...], new: Any, keep: bool) -> None:  # noqa: FBT001
        request = ask(change)
        value = ANSWER if keep else changed(ANSWER, path, new)
        response = assay.Response(200, JSON, json.dumps(value).encode())
        found = responses.check(requests.exchange(request, {}), response)
        counts["wrong" if found else "right"] += 1
        if responses.accepts(request, response):
            counts["short"] += 1
            assert found == ()

    compare()
    assert min(counts.values()) >= 20, counts
