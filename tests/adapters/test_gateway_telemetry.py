"""Metrics, logs and spans of a gate, and metrics read back: counts and ids, never a value of a message."""

from __future__ import annotations

import json
import logging

import prometheus_client
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import assay
from assay.adapters.logs import Log
from assay.adapters.metrics import Metrics, Row, fetch, read
from assay.adapters.serve import serve
from assay.adapters.tracing import tracing
from assay.errors import TargetError
from assay.gateway import Gate, Judgement
from assay.messages import Headers

WRONG = {"model": "m", "messages": [{"role": "user", "content": "marked-secret"}], "n": "marked-secret"}


@pytest.fixture
def metrics():
    """Make metrics with a registry of their own."""
    return Metrics(prometheus_client.CollectorRegistry())


def judged(observer) -> None:
    """Send one right and two wrong requests through a gate."""
    gate = Gate(assay.load(), "enforce", observers=[observer])
    for body in ({**WRONG, "n": 1}, WRONG, WRONG):
        passage = gate.open("POST", "/v1/chat/completions", Headers({"content-type": "application/json"}))
        passage.judge(json.dumps(body).encode())


def test_metrics_count_what_was_judged(metrics) -> None:
    """Requests by action, violations by rule and operation, the time of checks, failures and skipped messages."""
    judged(metrics)
    metrics(Judgement("stream", "createChatCompletion", "observe", skipped="coding"))
    metrics(Judgement("request", None, "enforce", error="ZeroDivisionError"))
    text = metrics.text().decode()
    for line in (
        'assay_judged_total{action="refused",kind="request",mode="enforce",operation="createChatCompletion"} 2.0',
        'kind="request",operation="createChatCompletion",rule="schema/type",severity="violation"} 2.0',
        'assay_skipped_total{kind="stream",reason="coding"} 1.0',
        'assay_failures_total{action="forwarded",error="ZeroDivisionError",kind="request"} 1.0',
        'assay_check_seconds_count{kind="request"} 3.0',
    ):
        assert line in text
    assert "marked" not in text
    found = read(text)
    assert (found.judged, found.refused, found.skipped, found.failures) == (5, 2, 1, 1)
    assert found.rows == (Row("schema/type", "createChatCompletion", "request", "violation", 2),)


@pytest.mark.parametrize("text", ["", "otter 1\n", "# TYPE x counter\nx_total{a=} 1\n", "<html>", '{"error": {}}'])
def test_other_texts_are_refused(text) -> None:
    """What is no metrics of ours is said to be none."""
    with pytest.raises(TargetError):
        read(text)


def test_metrics_are_fetched_from_the_root_of_a_gateway(metrics) -> None:
    """A URL without a path means /metrics."""
    judged(metrics)

    async def app(scope, _receive, send) -> None:
        status = 200 if scope["path"] == "/metrics" else 404
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": metrics.text()})

    with serve(app) as url:
        assert fetch(url).judged == fetch(f"{url}/metrics").judged == fetch(url.removeprefix("http://")).judged == 3
        with pytest.raises(TargetError, match="status 404"):
            fetch(f"{url}/otter")
    with pytest.raises(TargetError, match="cannot read metrics"):
        fetch(url)


def test_the_log_has_one_json_line_for_each_message_that_is_worth_one(caplog) -> None:
    """Nothing for a right request; place, rule and masked value for a wrong one; the class of an error."""
    caplog.set_level(logging.INFO, "assay.gateway")
    log = Log(clock=lambda: 5.0)
    judged(log)
    log(Judgement("response", "listModels", "observe", skipped="size"))
    log(Judgement("request", "listModels", "enforce", "refused", error="KeyError"))
    lines = [json.loads(record.getMessage()) for record in caplog.records]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING", "INFO", "ERROR"]
    assert lines[0]["violations"] == [
        {
            "rule": "schema/type",
            "severity": "violation",
            "place": "body.n",
            "expected": lines[0]["violations"][0]["expected"],
            "got": "a string of 13 characters",
            "pointer": lines[0]["violations"][0]["pointer"],
        }
    ]
    assert (lines[0]["action"], lines[0]["time"], lines[2]["skipped"], lines[3]["error"]) == (
        "refused", 5.0, "size", "KeyError"
    )  # fmt: skip


def test_the_current_span_learns_what_was_found() -> None:
    """Attributes and one event for each violation; outside of a span nothing happens."""
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    observe = tracing()
    with provider.get_tracer("test").start_as_current_span("call"):
        judged(observe)
    judged(observe)
    (span,) = spans.get_finished_spans()
    assert span.attributes["assay.request.operation"] == "createChatCompletion"
    assert span.attributes["assay.request.action"] == "refused"
    assert span.attributes["assay.request.rule"] == "schema/type"
    assert [event.name for event in span.events] == ["assay.violation"] * 2
    assert "marked" not in span.to_json()


def test_tracing_is_nothing_without_opentelemetry(monkeypatch) -> None:
    """The package is never needed."""
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.trace", None)
    assert tracing() is None
