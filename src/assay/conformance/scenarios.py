"""Feature scenarios: hand-written requests for what clients of the OpenAI API really use.

The rule of this module: data only; every body is small, deterministic, limits its tokens, and needs nothing but a
model. What the contract of a run does not allow is not sent, so one table serves every description.
"""

from __future__ import annotations

from typing import Any

__all__ = ["EARLIER", "MODEL", "SCENARIOS", "kind"]

MODEL = "{model}"
"""Stands for the name of the model in bodies and paths."""
EARLIER = "{earlier}"
"""Stands for the id of what the first scenario of the operation brought; the scenario is left out where none came."""

_SAY: list[dict[str, Any]] = [{"role": "user", "content": "Say hello."}]
_WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
_CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}
_ANSWERED = [
    {"role": "user", "content": "What is the weather in Oslo?"},
    {"role": "assistant", "content": None, "tool_calls": [_CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "Rain, 7 degrees"},
]
_CITY = {
    "name": "city",
    "strict": True,
    "schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}

_TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city",
    "strict": True,
    "parameters": _CITY["schema"],
}
_TOLD = [
    {"role": "user", "content": "What is the weather in Oslo?"},
    {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": '{"city": "Oslo"}'},
    {"type": "function_call_output", "call_id": "call_1", "output": "Rain, 7 degrees"},
]
_FORM = {"format": {"type": "json_schema", **_CITY}}


def _chat(**more: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": _SAY, "max_tokens": 8, **more}


def _completion(**more: Any) -> dict[str, Any]:
    return {"model": MODEL, "prompt": "Once upon a time", "max_tokens": 8, **more}


def _response(**more: Any) -> dict[str, Any]:
    return {"model": MODEL, "input": "Say hello.", "max_output_tokens": 16, **more}


_INCLUDE = {"include_usage": True}

SCENARIOS: dict[tuple[str, str], dict[str, dict[str, Any] | None]] = {
    ("GET", "/models"): {"list": None},
    ("GET", "/models/{model}"): {"retrieve": None},
    ("POST", "/chat/completions"): {
        "minimal": _chat(),
        "stream": _chat(stream=True),
        "stream with usage": _chat(stream=True, stream_options=_INCLUDE),
        "no token limit given as null": _chat(stop=None, temperature=None, user="assay"),
        "system message": _chat(messages=[{"role": "system", "content": "Be brief."}, *_SAY]),
        "developer message": _chat(messages=[{"role": "developer", "content": "Be brief."}, *_SAY]),
        "content parts": _chat(messages=[{"role": "user", "content": [{"type": "text", "text": "Say hello."}]}]),
        "conversation": _chat(messages=[*_SAY, {"role": "assistant", "content": "Hello."}, *_SAY]),
        "two turns of one role": _chat(messages=[*_SAY, {"role": "user", "content": "Say it again."}]),
        "name, warm and one stop": _chat(messages=[{**_SAY[0], "name": "ann"}], temperature=1.5, stop="\n"),
        "max_completion_tokens": {"model": MODEL, "messages": _SAY, "max_completion_tokens": 4},
        "one token": _chat(max_tokens=1),
        "n": _chat(n=2),
        "stream of two": _chat(n=2, stream=True),
        "sampling": _chat(temperature=0, top_p=0.5, seed=7, presence_penalty=0.5, frequency_penalty=-0.5),
        "stop": _chat(stop=["\n", "o"]),
        "logprobs": _chat(logprobs=True, top_logprobs=2),
        "stream of logprobs": _chat(logprobs=True, top_logprobs=1, stream=True),
        "tools": _chat(tools=[_WEATHER]),
        "tool required": _chat(tools=[_WEATHER], tool_choice="required", max_tokens=64),
        "stream of a tool call": _chat(tools=[_WEATHER], tool_choice="required", max_tokens=64, stream=True),
        "tool named": _chat(
            tools=[_WEATHER], tool_choice={"type": "function", "function": {"name": "get_weather"}}, max_tokens=64
        ),
        "tool result": _chat(messages=_ANSWERED, tools=[_WEATHER]),
        "JSON object": _chat(
            messages=[{"role": "user", "content": "Answer in JSON: where are you?"}],
            response_format={"type": "json_object"},
            max_tokens=64,
        ),
        "JSON schema": _chat(response_format={"type": "json_schema", "json_schema": _CITY}, max_tokens=64),
    },
    ("POST", "/completions"): {
        "minimal": _completion(),
        "stream": _completion(stream=True),
        "stream with usage": _completion(stream=True, stream_options=_INCLUDE),
        "several prompts": _completion(prompt=["One", "Two"]),
        "n": _completion(n=2),
        "echo": _completion(echo=True),
        "logprobs": _completion(logprobs=2),
        "stop": _completion(stop=["\n"]),
    },
    ("POST", "/embeddings"): {
        "minimal": {"model": MODEL, "input": "hello"},
        "several inputs": {"model": MODEL, "input": ["hello", "world", "hello"]},
        "float": {"model": MODEL, "input": "hello", "encoding_format": "float"},
        "base64": {"model": MODEL, "input": ["hello", "world"], "encoding_format": "base64"},
        "tokens": {"model": MODEL, "input": [1, 2, 3]},
        "lists of tokens": {"model": MODEL, "input": [[1, 2], [3]]},
        "dimensions": {"model": MODEL, "input": "hello", "dimensions": 8},
    },
    ("POST", "/responses"): {
        "minimal": _response(),
        "stream": _response(stream=True),
        "no options given as null": _response(temperature=None, instructions=None, metadata=None),
        "messages": _response(input=[{"role": "user", "content": [{"type": "input_text", "text": "Say hello."}]}]),
        "conversation": _response(input=[*_SAY, {"role": "assistant", "content": "Hello."}, *_SAY]),
        "instructions": _response(instructions="Be brief."),
        "sampling": _response(temperature=0, top_p=0.5),
        "not stored": _response(store=False),
        "previous response": _response(previous_response_id=EARLIER),
        "tools": _response(tools=[_TOOL]),
        "tool required": _response(tools=[_TOOL], tool_choice="required", max_output_tokens=64),
        "stream of a tool call": _response(tools=[_TOOL], tool_choice="required", max_output_tokens=64, stream=True),
        "tool named": _response(
            tools=[_TOOL], tool_choice={"type": "function", "name": "get_weather"}, max_output_tokens=64
        ),
        "tool result": _response(input=_TOLD, tools=[_TOOL]),
        "JSON object": _response(
            input="Answer in JSON: where are you?", text={"format": {"type": "json_object"}}, max_output_tokens=64
        ),
        "JSON schema": _response(text=_FORM, max_output_tokens=64),
        "stream of a JSON schema": _response(text=_FORM, max_output_tokens=64, stream=True),
    },
    ("POST", "/moderations"): {
        "minimal": {"input": "hello"},
        "several inputs": {"input": ["hello", "world"]},
    },
}

_KINDS = {"/embeddings": "embedding", "/moderations": "moderation", "/images": "image", "/audio": "audio"}


def kind(path: str) -> str:
    """What sort of model an operation wants; ``text`` where nothing else is known."""
    return next((name for start, name in _KINDS.items() if path.startswith(start)), "text")
