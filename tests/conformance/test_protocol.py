"""Requests that no case of an operation is: the honest server refuses them, and each twin is told."""
# ruff: noqa: ARG001, D103  twins take what all of them take, and are told by their names

from __future__ import annotations

import pytest
from in_process import in_process, json_of, refusal, rules, run_on, told

from assay.conformance.protocol import BESIDES, MALFORMED, NOWHERE, malformed
from assay.errors import TargetError
from assay.messages import Request, Response
from assay.reference.server import application

CHAT = ("createChatCompletion",)
JSON = {"content-type": "application/json"}
GOOD = Request(
    "POST", "/v1/chat/completions", JSON, b'{"model":"assay-chat","messages":[{"role":"user","content":"a"}]}'
)


@pytest.fixture(scope="module")
def honest(contract):
    return in_process(application(judge=contract))


def answers_any_method(request, send):
    return send(Request("POST", request.target, request.headers, request.body)) if request.method == "PUT" else None


def fails_on_other_methods(request, send):
    return Response(500, {}, b"") if request.method == "PUT" else None


def has_every_path(request, send):
    return Response(200, {"content-type": "text/html"}, b"<html>") if request.target.endswith(NOWHERE) else None


def fails_on_arrays(request, send):
    return Response(500, {"content-type": "text/plain"}, b"AttributeError") if request.body == b"[]" else None


def fails_on_half_characters(request, send):
    return Response(500, {}, b"") if b"\\ud800" in request.body else None


def fails_on_large_bodies(request, send):
    return Response(500, {}, b"") if len(request.body) > 900_000 else None


def takes_cut_texts(request, send):
    if request.target.endswith("/chat/completions") and request.body and json_of(request) is None:
        return send(Request("POST", request.target, JSON, GOOD.body))
    return None


TWINS = [
    (answers_any_method, "http/method"),
    (fails_on_other_methods, "http/server-error"),
    (has_every_path, "http/unknown-path"),
    (fails_on_arrays, "http/server-error"),
    (fails_on_half_characters, "http/server-error"),
    (fails_on_large_bodies, "http/server-error"),
    (takes_cut_texts, "http/invalid-accepted"),
]


@pytest.mark.parametrize(("change", "rule"), TWINS, ids=[change.__name__ for change, _ in TWINS])
def test_what_is_not_refused_well_is_told(contract, honest, change, rule):
    """A server that fails on what no client should send, or takes it, is told by one rule."""
    result = run_on(contract, lambda request: change(request, honest) or honest(request), operations=CHAT, requests=48)
    assert rules(result) == {rule}, told(result)
    assert not any(finding.flaky for finding in result.findings)
    assert result.failed == (rule != "http/unknown-path")


def test_the_honest_server_is_asked_and_refuses(contract, honest):
    """All of it is sent, and nothing is said."""
    asked = []

    def send(request):
        response = honest(request)
        asked.append((request, response.status))
        return response

    result = run_on(contract, send, operations=CHAT, requests=48)
    assert not len(result.findings), told(result)
    assert {status for request, status in asked if request.method == "PUT"} == {405}
    assert {status for request, status in asked if request.target.endswith(NOWHERE)} == {404}
    assert {status for request, status in asked if len(request.body) > 900_000} == {200}
    assert {status for request, status in asked if "charset" in (request.headers.content_type or "")} == {200}
    assert sum(status == 400 for _, status in asked) >= MALFORMED[0]


def test_words_of_frameworks_are_no_concern(contract, honest):
    """What a framework says of its own to unknown paths and methods, and a large body refused, are honest."""

    def framework(request):
        if request.method == "PUT":
            return Response(405, {**JSON, "allow": "POST"}, b'{"detail":"Method Not Allowed"}')
        if request.target.endswith(NOWHERE):
            return Response(404, {"content-type": "text/plain"}, b"404 page not found")
        if len(request.body) > 900_000:
            return Response(413, {"content-type": "text/html"}, b"<h1>Too large</h1>")
        if b"\\ud800" in request.body:
            return honest(GOOD)
        return honest(request)

    result = run_on(contract, framework, operations=CHAT, requests=48)
    assert not len(result.findings), told(result)


def test_a_large_body_that_is_not_answered_is_a_hazard(contract, honest):
    """The refusal may have been lost with the connection."""

    def closing(request):
        if len(request.body) > 900_000:
            raise TargetError("no HTTP response from http://target: connection reset by peer")
        return honest(request)

    result = run_on(contract, closing, operations=CHAT, requests=48)
    assert rules(result) == {"http/no-response"}, told(result)
    assert not result.failed


def test_a_405_without_allow_is_a_hazard(contract, honest):
    """RFC 9110 wants the methods told, and no client asks for them."""

    def silent(request):
        response = honest(request)
        fields = [pair for pair in response.headers.fields if pair[0].lower() != "allow"]
        return Response(response.status, fields, response.body) if request.method == "PUT" else response

    result = run_on(contract, silent, operations=CHAT, requests=48)
    assert rules(result) == {"http/allow"}, told(result)
    assert not result.failed


def test_a_charset_is_taken(contract, honest):
    """It means nothing for JSON, whatever words a refusal has; a server error stays one."""
    for status, rule in ((415, "http/valid-refused"), (400, "http/valid-refused"), (500, "http/server-error")):

        def narrow(request, status=status):
            if "charset" in (request.headers.content_type or ""):
                return refusal(status, "Unsupported media type")
            return honest(request)

        result = run_on(contract, narrow, operations=CHAT, requests=48)
        assert rules(result) == {rule}, told(result)
        assert result.failed
        assert not any(finding.flaky for finding in result.findings)


@pytest.mark.parametrize("limit", [20_000, 100_000])
def test_a_body_of_32_kilobytes_is_taken(contract, honest, limit):
    """A limit below it is told, in whatever way it shows; one above it is not, but for the hazard of a silence."""

    def refusing(request):
        return refusal(413, "too large") if len(request.body) > limit else honest(request)

    def closing(request):
        if len(request.body) > limit:
            raise TargetError("no HTTP response from http://target: connection reset by peer")
        return honest(request)

    def breaking(request):
        cut = Response(200, JSON, b"", broken="the body ended after 0 bytes, before its end")
        return cut if len(request.body) > limit else honest(request)

    small = limit < 32_000
    for twin, rule, hazard in (
        (refusing, "http/valid-refused", None),
        (closing, "http/no-response", "http/no-response"),
        (breaking, "http/broken-response", None),
    ):
        result = run_on(contract, twin, operations=CHAT, requests=48)
        assert rules(result) == ({rule} if small else {hazard} - {None}), told(result)
        assert result.failed == small
        if small and rule == "http/valid-refused":
            (finding,) = result.findings
            assert "a body of 32" in finding.violation.expected


def test_a_rule_that_is_off_is_told_of_nothing(contract, honest):
    """Nothing is repeated for it either, and other rules go on."""
    asked = []

    def send(request):
        asked.append(request)
        return fails_on_arrays(request, honest) or answers_any_method(request, honest) or honest(request)

    options = {"operations": CHAT, "requests": 48}
    assert rules(run_on(contract, send, **options)) == {"http/server-error", "http/method"}
    both = len([one for one in asked if one.method == "PUT"])
    result = run_on(contract, send, off={"http/method"}, **options)
    assert rules(result) == {"http/server-error"}, told(result)
    assert (both, len([one for one in asked if one.method == "PUT"])) == (2, 3)
    assert not rules(run_on(contract, send, off={"http/method", "http/server-error"}, **options))


def test_every_broken_text_is_invalid(contract):
    """The contract itself has something against each text, so that no honest refusal is held against anybody."""
    texts = dict(malformed(GOOD))
    assert len(texts) == MALFORMED[0]
    assert BESIDES == 6
    for name, request in texts.items():
        assert not contract.check_request(request).ok, name
