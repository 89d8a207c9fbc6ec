"""A server with a few defects, made of the reference server: what the reports of a run are tested with."""

from __future__ import annotations

import json

from assay.reference.server import application

KEY = "sk-Otter-4711-marked-secret"
SAID = "a secret body"


def faulty():
    """An ASGI application that repeats the key wherever it can, and breaks a promise in most columns."""
    honest = application()

    async def app(scope, receive, send):
        if scope["type"] != "http":
            await honest(scope, receive, send)
            return
        kept = []

        async def keep(message):
            kept.append(message)

        await honest(scope, receive, keep)
        fields = dict(kept[0]["headers"])
        body = b"".join(message.get("body", b"") for message in kept[1:])
        status, body = _spoiled(scope["path"], kept[0]["status"], fields.get(b"content-type", b""), body)
        fields[b"x-echo"] = dict(scope["headers"]).get(b"authorization", b"none")
        fields[b"content-length"] = str(len(body)).encode()
        if status >= 400:
            fields[b"content-type"] = b"application/json"
        await send({"type": "http.response.start", "status": status, "headers": list(fields.items())})
        await send({"type": "http.response.body", "body": body})

    return app


def _spoiled(path, status, kind, body):
    if path.endswith("/images/generations"):
        return 404, b'{"detail": "Not Found"}'
    if path.endswith("/audio/speech"):
        error = {"message": f"This server lets {KEY} only chat.", "type": "t", "param": None, "code": None}
        return 400, json.dumps({"error": error}).encode()
    if path.endswith("/moderations"):
        return 500, b"```\n" + SAID.encode() + b"\n<script>alert(1)</script>"
    if status == 400:
        return 400, json.dumps({"error": f"wrong: {SAID} {KEY}"}).encode()
    if path.endswith("/chat/completions") and status == 200:
        if b"json" not in kind:
            return 200, body.replace(b"data: [DONE]\n\n", b"")
        value = json.loads(body)
        del value["created"]
        value["system_fingerprint"] = None  # which the letter alone forbids
        value["choices"][0]["message"]["content"] = f"{SAID} {KEY}"
        return 200, json.dumps(value).encode()
    return status, body
