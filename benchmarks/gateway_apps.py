"""The servers of the gateway benchmark, each in a process of its own: ``python -m benchmarks.gateway_apps NAME PORT``.

The rule of this module: ``plain`` and ``checked`` are one gateway, without and with the middleware and its metrics;
``upstream`` is what stands behind them.
"""

import asyncio
import gc
import sys
from typing import Any

import httpx2
import orjson
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from starlette.responses import StreamingResponse

import assay
from assay.adapters.asgi import Preflight
from assay.adapters.metrics import Metrics
from benchmarks.traffic import chat_response, chunks

_BODY = chat_response().body
_JSON = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]
_STREAM = [(b"content-type", b"text/event-stream")]
_EVENTS = [b"data: " + line + b"\n\n" for line in (*chunks(20), b"[DONE]")]


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Read a chat request; answer whole or with a stream."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    asked = orjson.loads(body)
    if not asked.get("stream"):
        await send({"type": "http.response.start", "status": 200, "headers": _JSON})
        await send({"type": "http.response.body", "body": _BODY})
        return
    await send({"type": "http.response.start", "status": 200, "headers": _STREAM})
    for event in _EVENTS:
        await send({"type": "http.response.body", "body": event, "more_body": True})
        await asyncio.sleep(0)
    await send({"type": "http.response.body", "body": b""})


class Asked(BaseModel):
    """What such a gateway reads of a chat request; the rest goes on as it is."""

    model_config = ConfigDict(extra="allow")
    model: str
    messages: list[dict[str, Any]]
    stream: bool | None = False


def forwarding(behind: int) -> FastAPI:
    """Make the gateway that people write: FastAPI, a typed body, an HTTP client, a streaming response."""
    app = FastAPI()
    client = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{behind}", limits=httpx2.Limits(max_connections=100))

    async def chat(asked: Asked) -> StreamingResponse:
        request = client.build_request("POST", "/chat/completions", json=asked.model_dump(exclude_unset=True))
        answer = await client.send(request, stream=True)
        kept = {name: answer.headers[name] for name in ("content-type", "content-length") if name in answer.headers}
        return StreamingResponse(answer.aiter_raw(), answer.status_code, kept)

    app.post("/chat/completions")(chat)
    return app


def main(name: str, port: int, behind: int) -> None:
    """Serve one of the applications; ``behind`` is the port of the upstream."""
    app: Any = application if name == "upstream" else forwarding(behind)
    if name == "checked":
        contract = assay.load("openai")
        contract.compile()
        app = Preflight(app, contract, "enforce", observers=[Metrics()])
    gc.collect()
    gc.freeze()  # as docs/gateways.md advises: what was loaded at the start need not be looked at again
    uvicorn.run(app, port=port, http="httptools", loop="uvloop", lifespan="off", access_log=False, log_level="critical")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
