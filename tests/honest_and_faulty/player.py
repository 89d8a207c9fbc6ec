"""Plays the flows of ``flows.yaml`` on an ASGI application, called in process.

The rule of this module: what a step holds is data; an application that closes the connection gives a response that says
so, as a socket would.
"""

from __future__ import annotations

import asyncio
import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from urllib3 import encode_multipart_formdata

from assay.messages import Request, Response
from assay.reference.faults.application import Cut
from assay.reference.sound import pcm, wav

HERE = Path(__file__).parent
FLOWS = yaml.safe_load((HERE / "flows.yaml").read_text(encoding="utf-8"))["flows"]
KEY = "right-key"
LARGE = 30_000
WORDS = {
    "LONG": "word " * 1000,
    "LARGE": "x" * LARGE,
    "KEYED": "k" * 65,
    "MANY": [{"type": "message", "role": "user", "content": "Hello"}] * 21,
}
_LINE = {"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi."}]}


@dataclass(frozen=True)
class Exchange:
    """A request and its response."""

    request: Request
    response: Response

    @functools.cached_property
    def value(self) -> Any:
        """The JSON value of the response, or None."""
        try:
            return json.loads(self.response.body)
        except ValueError:
            return None

    @property
    def events(self) -> list[str]:
        """The data of each event of a stream."""
        text = self.response.body.decode("utf-8", "replace")
        return [block.partition("data: ")[2] for block in text.split("\n\n") if block]


def play(app: Any, flow: str) -> list[Exchange]:
    """Send the requests of a flow, one after the other."""
    made: list[Exchange] = []
    for step in FLOWS[flow]:
        request = _request(step, made)
        made.append(Exchange(request, asyncio.run(_sent(app, request))))
    return made


def _request(step: dict[str, Any], made: list[Exchange]) -> Request:
    method, path = step["send"].split(" ", 1)
    headers = {}
    key = step.get("key", "right")
    if key != "none":
        headers["authorization"] = {"right": f"Bearer {KEY}", "wrong": "Bearer wrong"}.get(key, key)
    body = b""
    if "json" in step:
        body = json.dumps(_filled(step["json"], made)).encode()
        headers["content-type"] = step.get("type", "application/json")
    elif "raw" in step:
        body = step["raw"].encode()
        headers["content-type"] = "application/json"
    elif "form" in step:
        body, headers["content-type"] = encode_multipart_formdata(_form(step), boundary="assay-boundary")
    return Request(method, f"/v1{_filled(path, made)}", headers, body)


def _form(step: dict[str, Any]) -> dict[str, Any]:
    if "wav" in step:
        file = ("a.wav", wav(pcm(step["wav"], 220)), "audio/wav")
    elif "training" in step:
        file = ("a.jsonl", (json.dumps(_LINE) + "\n").encode() * step["training"], "application/jsonl")
    else:
        batch = step["form"].get("purpose") == "batch"
        file = ("a.jsonl" if batch else "a.txt", step["file"].encode(), "text/plain")
    return {**step["form"], step.get("as", "file"): file}


def _filled(value: Any, made: list[Exchange]) -> Any:
    """A value with its ``{0.id}`` and its words filled in."""
    if isinstance(value, dict):
        return {WORDS[name] if name == "KEYED" else name: _filled(item, made) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, made) for item in value]
    if not isinstance(value, str):
        return value
    if value in WORDS:
        return WORDS[value]
    return re.sub(r"\{(\d+)\.([\w.]+)\}", lambda found: str(at(made[int(found[1])].value, found[2])), value)


def at(value: Any, path: str) -> Any:
    """What is at a dotted path of a JSON value; ``...`` where there is nothing."""
    for step in path.split(".") if path else ():
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return ...
    return value


async def _sent(app: Any, request: Request) -> Response:
    path, _, query = request.target.partition("?")
    scope = {
        "type": "http",
        "method": request.method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers.fields],
    }
    pending = [{"type": "http.request", "body": request.body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return pending.pop(0) if pending else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    broken = ""
    try:
        await app(scope, receive, send)
    except Cut:
        broken = "connection closed"
    start = sent[0] if sent else {"status": 502, "headers": []}
    fields = [(name.decode(), value.decode()) for name, value in start["headers"]]
    return Response(start["status"], fields, b"".join(part["body"] for part in sent[1:]), broken=broken)
