"""Honest and broken exchanges of a chat completion, to be written down in every format."""

from __future__ import annotations

import json

SENT = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
CAME = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1760000000,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
URL = "https://api.openai.com/v1/chat/completions"


def exchange(sent=None, came=None, **more):
    """One exchange in the form of JSON Lines; ``sent`` and ``came`` change the bodies' properties."""
    return {
        "host": "api.openai.com",
        "method": "POST",
        "path": "/v1/chat/completions",
        "query": "",
        "request_headers": {"content-type": "application/json"},
        "request_body": json.dumps({**SENT, **(sent or {})}),
        "status": 200,
        "response_headers": {"content-type": "application/json"},
        "response_body": json.dumps({**CAME, **(came or {})}),
        **more,
    }
