"""The reference server's HTTP: routes, refusals, limits, keys, streams that stop when the client has gone."""

from __future__ import annotations

import asyncio
import json

import pytest

from assay.reference.server import application

HI = {"model": "assay-chat", "messages": [{"role": "user", "content": "hello"}]}
CHAT = "/v1/chat/completions"


def error(response) -> dict:
    """Return the error of a refusal, whose envelope must be complete."""
    value = json.loads(response.body)
    assert set(value["error"]) == {"message", "type", "param", "code"}
    assert response.headers.get("content-type") == "application/json"
    return value["error"]


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/models", "/v1/models/", "/v1/chat/completions/x/y"])
def test_an_unknown_path_is_404(local, path) -> None:
    """There is nothing at a path that no operation has."""
    response = local.send("GET", path, valid=False)
    assert response.status == 404
    assert error(response)["code"] == "unknown_url"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/completions"), ("PUT", "/v1/models"), ("OPTIONS", "/v1/embeddings")]
)
def test_a_wrong_method_is_405_with_allow(local, method, path) -> None:
    """The answer says which methods there are."""
    response = local.send(method, path, valid=False)
    assert response.status == 405
    assert error(response)["code"] == "method_not_allowed"
    assert response.headers.get("allow") == ("GET, HEAD" if path == "/v1/models" else "POST")


def test_head_is_get_without_a_body(local) -> None:
    """HEAD tells the length of what GET would send."""
    whole = local.send("GET", "/v1/models")
    head = local.send("HEAD", "/v1/models", valid=False)
    assert (head.status, head.body) == (200, b"")
    assert head.headers.get("content-length") == str(len(whole.body))


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_a_wrong_content_type_is_415(local, kind) -> None:
    """A body that is not declared as JSON is not read as JSON."""
    response = local.send("POST", CHAT, HI, {"content-type": kind})
    assert response.status == 415
    assert error(response)["code"] == "unsupported_content_type"


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_may_have_parameters_and_capitals(local, kind) -> None:
    """Media types compare without case and parameters."""
    assert local.send("POST", CHAT, HI, {"content-type": kind}).status == 200


def test_a_missing_body_is_400(local) -> None:
    """No body where one is needed is refused by the contract, whatever the Content-Type."""
    for headers in ({}, {"content-type": "application/json"}):
        response = local.send("POST", CHAT, b"", headers)
        assert response.status == 400
        assert error(response)["code"] == "http_body_missing"


@pytest.mark.parametrize("body", [b"{", b'{"model": ', b"\xff", b'{"a": NaN}', b'{"a": 1} x'])
def test_malformed_json_is_400(local, body) -> None:
    """What is not JSON is refused without repeating it."""
    response = local.send("POST", CHAT, body, {"content-type": "application/json"})
    assert response.status == 400
    assert error(response)["code"] == "invalid_json"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({**HI, "temperature": 3}, "temperature"),
        ({**HI, "messages": []}, "messages"),
        ({**HI, "messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({**HI, "n": 0}, "n"),
        ([], None),
        (None, None),
    ],
)
def test_what_the_contract_refuses_the_server_refuses(local, body, param) -> None:
    """A broken constraint gives 400 and names its place."""
    status, refusal = local.refused(CHAT, body if body is not None else b"null")
    assert (status, refusal["type"], refusal["param"]) == (400, "invalid_request_error", param)


@pytest.mark.parametrize(("depth", "status"), [(200, 200), (300, 400), (5000, 400), (100_000, 400)])
def test_nesting_has_a_limit(local, depth, status) -> None:
    """A body nested beyond the limit is refused, not an accident."""
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    body = json.dumps(HI).encode().replace(b'"content"', b'"x": ' + nested + b', "content"')
    assert local.send("POST", CHAT, body, {"content-type": "application/json"}).status == status


def test_unknown_models_are_404(local) -> None:
    """A model that is not listed, or is of another kind, is not there."""
    assert local.refused(CHAT, {**HI, "model": "nobody"})[0] == 404
    status, refusal = local.refused(CHAT, {**HI, "model": "assay-embedding"})
    assert (status, refusal["param"], refusal["code"]) == (404, "model", "model_not_found")


def test_a_listed_model_cannot_be_deleted(local) -> None:
    """Only fine-tuned models may be deleted."""
    assert local.send("DELETE", "/v1/models/assay-chat").status == 403
    assert local.send("DELETE", "/v1/models/nobody").status == 404


def test_a_body_over_the_limit_is_413(local, contract) -> None:
    """One byte more than the limit is too much; the limit itself is not."""
    body = json.dumps(HI).encode()
    local.app = application(judge=contract, limit=len(body))
    assert local.send("POST", CHAT, body, {"content-type": "application/json"}).status == 200
    response = local.send("POST", CHAT, body + b" ", {"content-type": "application/json"})
    assert response.status == 413
    assert error(response)["code"] == "request_too_large"


@pytest.mark.parametrize("given", ["", "sesame", "Basic sesame", "Bearer", "Bearer wrong"])
def test_a_key_is_enforced(local, contract, given) -> None:
    """Without the key nothing is told, not even whether a path exists; with it all is well."""
    local.app = application(judge=contract, key="sesame")
    for path in ("/v1/models", "/v1/nothing"):
        response = local.send("GET", path, headers={"authorization": given} if given else {}, valid=False)
        assert response.status == 401
        assert "sesame" not in error(response)["message"]
    assert local.send("GET", "/v1/models", headers={"authorization": "Bearer sesame"}).status == 200


def test_the_same_requests_give_the_same_bytes(contract, local) -> None:
    """Two servers asked the same in the same order answer the same, ids included."""
    first = [local.send("POST", CHAT, HI) for _ in range(2)]
    local.app = application(judge=contract)
    again = [local.send("POST", CHAT, HI) for _ in range(2)]
    assert [response.body for response in first] == [response.body for response in again]
    assert json.loads(first[0].body)["id"] != json.loads(first[1].body)["id"]
    assert first[0].headers.get("x-request-id") != first[1].headers.get("x-request-id")


def test_streams_are_framed(local) -> None:
    """Each event is one data line, and [DONE] ends the stream."""
    response = local.send("POST", CHAT, {**HI, "stream": True})
    assert response.headers.get("content-type") == "text/event-stream; charset=utf-8"
    frames = response.body.split(b"\n\n")
    assert frames[-2:] == [b"data: [DONE]", b""]
    assert all(frame.startswith(b"data: {") for frame in frames[:-2])


def test_a_stream_stops_when_the_client_has_gone(contract) -> None:
    """After a disconnect no further event is written."""
    body = json.dumps({**HI, "stream": True, "n": 128}).encode()
    written = []

    async def run() -> None:
        gone = asyncio.Event()
        pending = [{"type": "http.request", "body": body}]

        async def receive():
            if pending:
                return pending.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message) -> None:
            written.append(message)
            if len(written) == 5:
                gone.set()

        headers = [(b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": CHAT, "query_string": b"", "headers": headers}
        await application(judge=contract)(scope, receive, send)

    asyncio.run(run())
    assert 5 <= len(written) <= 8


def test_a_connection_survives_refused_bodies(served) -> None:
    """The body of a refused request is read, so that the next request on the connection is understood."""
    import urllib3  # noqa: PLC0415  only here

    with urllib3.HTTPConnectionPool("127.0.0.1", int(served.url.rpartition(":")[2]), maxsize=1) as pool:
        for _ in range(3):
            refused = pool.request(
                "POST", CHAT, body=b"x" * 200_000, headers={"content-type": "text/plain"}, retries=False
            )
            assert refused.status == 415
            assert pool.request("GET", "/v1/models", retries=False).status == 200
        assert pool.num_connections == 1
