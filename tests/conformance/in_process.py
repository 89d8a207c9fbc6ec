"""Whole runs without a socket, for the tests of flows, relations and the protocol: an honest target and its twins."""
# ruff: noqa: ARG005  fakes take what the real ones take

from __future__ import annotations

import asyncio

import orjson

from assay.conformance.findings import Findings
from assay.conformance.pace import Clock
from assay.conformance.result import Options, Result, Target
from assay.conformance.run import run
from assay.messages import Request, Response


class Quiet:
    """Looks on and says nothing."""

    def begin(self, phase, operation):
        """Ignore it."""

    def update(self, sent, findings):
        """Ignore it."""


def in_process(app):
    """Send requests to an ASGI application without a socket."""

    def send(request: Request) -> Response:
        path, _, query = request.target.partition("?")
        scope = {
            "type": "http",
            "method": request.method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode("utf-8")) for k, v in request.headers.fields],
        }
        incoming = [{"type": "http.request", "body": request.body, "more_body": False}]
        sent = []

        async def receive():
            return incoming.pop(0) if incoming else await asyncio.sleep(3600)

        async def keep(message):
            sent.append(message)

        asyncio.run(app(scope, receive, keep))
        fields = [(k.decode(), v.decode("latin-1")) for k, v in sent[0]["headers"]]
        return Response(sent[0]["status"], fields, b"".join(m.get("body", b"") for m in sent[1:]))

    return send


def run_on(contract, send, *, anonymous=None, key="", off=(), **options):
    """Run with these options, 120 requests unless they say otherwise, and return the result."""
    result = Result(Options(**{"requests": 120, **options}), findings=Findings(off=off))
    target = Target(send, lambda target: f"http://target{target}", anonymous, key=key)
    run(contract, target, result, Quiet(), clock=Clock(sleep=lambda seconds: None))
    return result


def told(result):
    """What went wrong, for the message of a failing test."""
    return "\n".join(
        f"{f.operations} {f.violation}\n   {f.exchange.request.method} {f.exchange.request.target} "
        f"{f.exchange.request.body[:200]!r}"
        for f in result.findings
    )


def rules(result):
    """The ids of the rules that were told."""
    return {finding.violation.rule for finding in result.findings}


def json_of(message):
    """The JSON value of a message, or None."""
    try:
        return orjson.loads(message.body)
    except orjson.JSONDecodeError:
        return None


def with_json(response, value):
    """The same response with another value."""
    return Response(response.status, response.headers, orjson.dumps(value))


def refusal(status, message="Not here.", code="not_found"):
    """A refusal in OpenAI's envelope."""
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return Response(status, {"content-type": "application/json"}, orjson.dumps({"error": error}))
