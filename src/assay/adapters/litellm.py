"""Pre-flight validation inside LiteLLM's proxy, installed by one line of its config.yaml.

    litellm_settings: {callbacks: assay.adapters.litellm.enforce}     # or .observe

The rule of this module: LiteLLM's data is read and never changed. What LiteLLM added to a request is taken away before
the contract sees it; the answer is judged in the form in which LiteLLM writes it to the client.
"""

from __future__ import annotations

import contextlib
import functools
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import ProxyException

from assay.adapters.logs import Log
from assay.adapters.tracing import tracing
from assay.contract import load
from assay.errors import UsageError
from assay.gateway import Gate
from assay.messages import Headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from assay.gateway import Passage, Refusal

__all__ = ["Hook"]

_JSON = Headers({"content-type": "application/json"})
_STREAM = Headers({"content-type": "text/event-stream"})
_INSTANCES: dict[str, Hook] = {}


class Hook(CustomLogger):  # type: ignore[misc]
    """A callback of LiteLLM's proxy that stands before a gate; make one of your own for a policy of your own."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.gate = gate

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: Any
    ) -> dict[str, Any]:
        """Judge a request before LiteLLM looks for a deployment; a wrong one is refused here."""
        del user_api_key_dict, cache, call_type
        opened = self._open(data)
        if opened is not None:
            passage, body = opened
            _raise(passage.judge(body))
        return data

    async def async_post_call_success_hook(self, data: dict[str, Any], user_api_key_dict: Any, response: Any) -> Any:
        """Judge a whole answer."""
        del user_api_key_dict
        watch = self._watch(data, _JSON)
        if watch is not None and hasattr(response, "model_dump_json"):
            refusal = watch.feed(_written(response)) or watch.close()
            _raise(refusal)
        return response

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: Any, request_data: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """Look at each piece of a stream after it has gone out, or before where streams are to be ended."""
        del user_api_key_dict
        watch = self._watch(request_data, _STREAM)
        whole = False
        try:
            async for item in response:
                piece = b"data: " + _written(item) + b"\n\n" if hasattr(item, "model_dump_json") else b""
                if watch is not None and watch.ends:
                    _raise(watch.feed(piece))
                yield item
                if watch is not None and not watch.ends:
                    watch.feed(piece)
            whole = True
        finally:
            if watch is not None:
                watch.feed(b"data: [DONE]\n\n" if whole else b"")
                watch.close(broken=not whole)

    def _watch(self, data: dict[str, Any], headers: Headers) -> Any:
        opened = self._open(data)
        if opened is None:
            return None
        passage, body = opened
        passage.take(body)
        return passage.answered(200, headers)

    def _open(self, data: dict[str, Any]) -> tuple[Passage, bytes] | None:
        """Return the passage of a call and its body as the client sent it; None when it is nothing for the gate."""
        request = data.get("proxy_server_request")
        if not isinstance(request, dict) or not isinstance(request.get("body"), dict):
            return None
        headers = Headers({str(name): str(value) for name, value in (request.get("headers") or {}).items()})
        if not (headers.content_type or "").startswith("application/json"):
            return None  # an upload, which LiteLLM has taken apart
        try:
            body = orjson.dumps(_sent(request["body"]))
        except TypeError:
            return None
        parts = urlsplit(str(request.get("url", "")))
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        passage = self.gate.open(str(request.get("method", "POST")), target, headers)
        return None if passage is None else (passage, body)


def _sent(body: dict[str, Any]) -> dict[str, Any]:
    """The body without ``metadata``: LiteLLM keeps its own books there, beside what the client gave."""
    return {name: value for name, value in body.items() if name != "metadata"}


def _written(answer: Any) -> bytes:
    text: str = answer.model_dump_json(exclude_none=True, exclude_unset=True)
    return text.encode()


def _raise(refusal: Refusal | None) -> None:
    if refusal is None:
        return
    error = orjson.loads(refusal.body)["error"]
    headers = {"x-assay-rule": refusal.rule}
    raise ProxyException(error["message"], error["type"], error["param"], refusal.status, headers)


def __getattr__(name: str) -> Hook:
    """Make ``observe`` and ``enforce`` when LiteLLM asks for them: the bundled contract, logs, spans and metrics."""
    if name not in ("observe", "enforce"):
        raise AttributeError(name)
    mode: Any = name
    if name not in _INSTANCES:
        _INSTANCES[name] = Hook(Gate(load("openai"), mode, observers=_observers(), clock=time.perf_counter))
    return _INSTANCES[name]


@functools.cache
def _observers() -> tuple[Any, ...]:
    """One set for the process: metrics of one name can stand in a registry once."""
    found: list[Any] = [Log(), tracing()]
    with contextlib.suppress(UsageError):
        from assay.adapters.metrics import Metrics  # noqa: PLC0415  optional

        found.append(Metrics())
    return tuple(one for one in found if one is not None)
