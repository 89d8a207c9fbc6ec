"""The reference server for tests, in two forms: called in process, and served on a port with every exchange judged."""

from __future__ import annotations

import asyncio
import json

import pytest
from recorder import Recorder, text

import assay
from assay.adapters.serve import serve
from assay.messages import Request, Response
from assay.reference.server import application


@pytest.fixture(scope="session")
def contract():
    """Return the bundled contract."""
    return assay.load("openai")


@pytest.fixture(scope="session")
def recording():
    """Return the class of the recorder, for tests that serve an application of their own."""
    return Recorder


@pytest.fixture
def served(contract):
    """Serve the application; afterwards every request and response must have been valid."""
    recorder = Recorder(application())
    with serve(recorder) as url:
        recorder.url = url
        yield recorder
    assert recorder.exchanges
    for request, response in recorder.exchanges:
        verdict = contract.check_response(request, response)
        assert not verdict.violations, (request, [str(v) for v in verdict.violations])
        if response.status == 200:
            assert not contract.check_request(request).violations


class Local:
    """The application called in process, without a socket."""

    def __init__(self, app, contract) -> None:
        self.app = app
        self.contract = contract

    def send(self, method, target, body=b"", headers=None, *, valid=True):
        """Send one request and return its response, judged by the contract where ``valid``."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        headers = {"content-type": "application/json"} if headers is None and body else headers or {}
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        response = asyncio.run(self._call(scope, body))
        if valid:
            verdict = self.contract.check_response(Request(method, target, headers, body), response)
            assert not verdict.violations, [str(violation) for violation in verdict.violations]
        return response

    def post(self, target, body, **options):
        """Send a JSON body and return the parsed answer of a success."""
        response = self.send("POST", target, body, **options)
        assert response.status == 200, response.body
        if body.get("stream"):
            return [json.loads(part[6:]) for part in response.body.decode().split("\n\n") if part.startswith("data: {")]
        return json.loads(response.body)

    def refused(self, target, body):
        """Send a JSON body that must be refused; return status and error."""
        response = self.send("POST", target, body)
        assert response.status >= 400, response.body
        return response.status, json.loads(response.body)["error"]

    async def _call(self, scope, body):
        pending = [{"type": "http.request", "body": body, "more_body": False}]
        got = {"status": 0, "headers": [], "body": b""}

        async def receive():
            if pending:
                return pending.pop(0)
            return await asyncio.Event().wait()

        async def send(message):
            got["status"] = message.get("status", got["status"])
            got["headers"] = message.get("headers", got["headers"])
            got["body"] += message.get("body", b"")

        await self.app(scope, receive, send)
        return Response(got["status"], text(got["headers"]), got["body"])


@pytest.fixture
def local(contract):
    """Return the application, called in process."""
    return Local(application(), contract)
