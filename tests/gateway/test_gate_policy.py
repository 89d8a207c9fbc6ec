"""Policies: which mode holds for which traffic, and which configuration is refused at the start."""

from __future__ import annotations

import hashlib

import pytest

import assay
from assay.errors import UsageError
from assay.gateway import Gate, Limits, Override, Policy, Settings, read_policy
from assay.gateway.policy import Modes
from assay.messages import Headers

KEY = "sk-marked-secret-otter"
DIGEST = f"sha256:{hashlib.sha256(KEY.encode()).hexdigest()}"


def modes(policy, operation="createEmbedding", headers=()):
    """Ask a policy; returns requests, responses, sample."""
    found = policy.modes(operation, Headers(headers))
    return found.requests, found.responses, found.sample


def test_one_word_stands_for_a_policy() -> None:
    """Enforce refuses requests and only observes responses; a policy can say otherwise."""
    assert modes(Policy.of("enforce")) == ("enforce", "observe", 1.0)
    assert modes(Policy.of("observe")) == ("observe", "observe", 1.0)
    assert modes(Policy.of("off")) == ("off", "off", 1.0)
    assert modes(Policy("observe", "enforce")) == ("observe", "enforce", 1.0)


def test_the_first_override_that_fits_wins() -> None:
    """Operations, headers and keys are conditions that must all hold."""
    policy = read_policy({
        "requests": "enforce",
        "responses": "off",
        "overrides": [
            {"operations": "createEmbedding", "headers": {"X-Tenant": ["acme", "beta"]}, "requests": "off"},
            {"keys": [DIGEST], "responses": "observe", "sample": 0.5},
            {"headers": {"x-canary": []}, "requests": "observe"},
        ],
    })  # fmt: skip
    assert modes(policy) == ("enforce", "off", 1.0)
    assert modes(policy, headers={"x-tenant": "beta"}) == ("off", "off", 1.0)
    assert modes(policy, headers={"x-tenant": "gamma"}) == ("enforce", "off", 1.0)
    assert modes(policy, "createImage", {"x-tenant": "beta"}) == ("enforce", "off", 1.0)
    assert modes(policy, headers={"authorization": f"Bearer {KEY}"}) == ("enforce", "observe", 0.5)
    assert modes(policy, headers={"api-key": KEY}) == ("enforce", "observe", 0.5)
    assert modes(policy, headers={"x-canary": "anything"}) == ("observe", "off", 1.0)


def test_a_function_may_choose() -> None:
    """What a user's function leaves open is for the policy to say."""
    policy = Policy.of(lambda _, headers: "enforce" if "x-strict" in headers else None)
    assert modes(policy) == ("observe", "observe", 1.0)
    assert modes(policy, headers={"x-strict": "1"}) == ("enforce", "observe", 1.0)
    assert modes(Policy.of(lambda *_: Modes("off", "enforce"))) == ("off", "enforce", 1.0)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "the policy: expected an object"),
        ({"request": "off"}, "unknown field 'request'"),
        ({"requests": "on"}, "requests: expected off, observe or enforce, got on"),
        ({"requests": {"a": 1}}, "requests: expected off"),
        ({"sample": 2}, "sample must be"),
        ({"sample": True}, "sample must be"),
        ({"overrides": {}}, "overrides: expected a list"),
        ({"overrides": [{"requests": "off"}]}, "override 1: an override needs a condition"),
        ({"overrides": [{"operations": ["x"]}, {"keys": [KEY]}]}, "override 2: an override's key must be sha256:"),
        ({"overrides": [{"operations": [1]}]}, "override 1: operations: expected a text or a list"),
        ({"overrides": [{"headers": {"a b": []}}]}, "override 1: an override's headers"),
        ({"overrides": [{"headers": []}]}, "override 1: headers: expected names"),
        ({"overrides": ["x"]}, "override 1: expected an object"),
    ],
)
def test_a_wrong_policy_is_refused_in_one_line(value, told) -> None:
    """The message names the place, and repeats no key."""
    with pytest.raises(UsageError) as caught:
        read_policy(value)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "marked-secret" not in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Limits(body=0),
        lambda: Limits(depth=5000),
        lambda: Limits(event=1.5),
        lambda: Settings(unknown_fields="maybe"),
        lambda: Settings(unknown_paths="deny"),
        lambda: Settings(fail_closed="yes"),
        lambda: Settings(limits={"body": 1}),
        lambda: Policy.of("enforced"),
        lambda: Gate(assay.load(), Policy(overrides=(Override(operations=("createOtter",), requests="off"),))),
        lambda: Gate(assay.load(), "observe", {"fail_closed": True}),
    ],
)
def test_a_wrong_setting_is_refused_at_the_start(make) -> None:
    """No wrong setting waits for the first request."""
    with pytest.raises(UsageError) as caught:
        make()
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_sample_is_spread_evenly() -> None:
    """A tenth of the exchanges is a tenth of any hundred in a row, within two."""
    gate = Gate(assay.load(), Policy(sample=0.1))
    drawn = [gate.open("GET", "/v1/models", Headers()) is not None for _ in range(1000)]
    for start in range(0, 1000, 100):
        assert 8 <= sum(drawn[start : start + 100]) <= 12
