"""Feature scenarios: hand-written requests for what clients of the OpenAI API really use.

The rule of this module: data only; every body is small, deterministic, limits its tokens, and needs nothing but a
model. What the contract of a run does not allow is not sent, so one table serves every description. Features that have
nothing to do with each other are asked for in one request, and each alone only where that one is not accepted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["EARLIER", "MODEL", "SCENARIOS", "Scenario", "kind"]

MODEL = "{model}"
"""Stands for the name of the model in bodies."""
EARLIER = "{earlier}"
"""Stands for the id of what the first scenario of the operation brought; the scenario is left out where none came."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A valid request for one feature; for several at once, where it has ``parts``, each a scenario of its own.

    ``bodies`` are ways to ask for it, of which the first that the contract admits is sent; none means no body at all.
    ``spoken`` makes the body a form with a short recording as its ``file``. ``unlike`` names models that are known to
    lack the feature.
    """

    name: str
    bodies: tuple[dict[str, Any], ...] = ()
    parts: tuple[Scenario, ...] = ()
    spoken: bool = False
    unlike: tuple[str, ...] = ()


_SAY: list[dict[str, Any]] = [{"role": "user", "content": "Say hello."}]
_WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
_TIME = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "The time of day in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
_BOTH = [{"role": "user", "content": "What is the weather in Oslo, and what time is it there? Ask both tools."}]
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
_LONG_LIST = {
    "name": "cities",
    "strict": False,
    "schema": {
        "type": "object",
        "properties": {"cities": {"type": "array", "items": {"type": "string"}, "minItems": 20}},
        "required": ["cities"],
        "additionalProperties": False,
    },
}
"""More than 16 tokens can hold, so that the answer is cut off."""

_SYSTEM = {"role": "system", "content": "Be brief."}
_DEVELOPER = {"role": "developer", "content": "Be brief."}
_PARTS = {"role": "user", "content": [{"type": "text", "text": "Say hello."}]}
_AGAIN = {"role": "user", "content": "Say it again."}
_ANN = {"role": "user", "content": "Say hello.", "name": "ann"}
_LONG = {"role": "user", "content": "Rain falls on the hills, and the river carries it away. " * 45}  # 2520 bytes
_ACCENTS = {"role": "user", "content": "Grüße aus Łódź, Αθήνα und 東京!"}
_EMPTY = {"role": "user", "content": ""}


def _chat(name: str, **more: Any) -> Scenario:
    return Scenario(name, ({"model": MODEL, "messages": _SAY, "max_tokens": 8, **more},))


def _completion(name: str, **more: Any) -> Scenario:
    return Scenario(name, ({"model": MODEL, "prompt": "Once upon a time", "max_tokens": 8, **more},))


def _embedding(name: str, text: Any, **more: Any) -> Scenario:
    return Scenario(name, ({"model": MODEL, "input": text, **more},))


def _response(name: str, **more: Any) -> Scenario:
    return Scenario(name, ({"model": MODEL, "input": "Say hello.", "max_output_tokens": 16, **more},))


def _image(name: str, *ways: dict[str, Any]) -> Scenario:
    return Scenario(name, tuple({"model": MODEL, "prompt": "A grey square", **way} for way in ways or ({},)))


def _speech(name: str, **more: Any) -> Scenario:
    return Scenario(name, ({"model": MODEL, "input": "Hello.", "voice": "alloy", **more},))


def _spoken(name: str, *unlike: str, **more: Any) -> Scenario:
    return Scenario(name, ({"model": MODEL, **more},), spoken=True, unlike=unlike)


def _together(whole: Scenario, *parts: Scenario) -> Scenario:
    return Scenario(whole.name, whole.bodies, parts)


_INCLUDE = {"include_usage": True}
_NAMED = {"type": "function", "function": {"name": "get_weather"}}
_SMALL, _WIDE, _BROAD = "256x256", "1536x1024", "1792x1024"  # sizes of dall-e-2 and most others, GPT image, dall-e-3
_WHISPER = "whisper-1"

SCENARIOS: dict[tuple[str, str], tuple[Scenario, ...]] = {
    ("GET", "/models"): (Scenario("list"),),
    ("POST", "/chat/completions"): (
        _chat("minimal"),
        _chat("stream", stream=True),
        _chat("stream with usage", stream=True, stream_options=_INCLUDE),
        _together(
            _chat(
                "messages of many kinds, and nulls",
                messages=[_SYSTEM, _DEVELOPER, _PARTS, _ANN, _ACCENTS, _LONG, _EMPTY, _AGAIN],
                stop=None,
                temperature=None,
            ),
            _chat("system message", messages=[_SYSTEM, *_SAY]),
            _chat("developer message", messages=[_DEVELOPER, *_SAY]),
            _chat("content parts", messages=[_PARTS]),
            _chat("name", messages=[_ANN]),
            _chat("two turns of one role", messages=[*_SAY, _AGAIN]),
            _chat("letters beyond ASCII", messages=[_ACCENTS]),
            _chat("long text", messages=[_LONG]),
            _chat("empty content", messages=[_EMPTY]),
            _chat("options given as null", stop=None, temperature=None, user="assay"),
        ),
        _chat("conversation", messages=[*_SAY, {"role": "assistant", "content": "Hello."}, *_SAY]),
        _together(
            Scenario(
                "one token, warm, one stop",
                ({"model": MODEL, "messages": _SAY, "max_completion_tokens": 1, "temperature": 1.5, "stop": "\n"},),
            ),
            Scenario("max_completion_tokens", ({"model": MODEL, "messages": _SAY, "max_completion_tokens": 1},)),
            _chat("warm temperature", temperature=1.5),
            _chat("one stop", stop="\n"),
        ),
        _together(
            _chat("n with logprobs", n=2, logprobs=True, top_logprobs=2),
            _chat("n", n=2),
            _chat("logprobs", logprobs=True, top_logprobs=2),
        ),
        _together(
            _chat("stream of two with logprobs", n=2, logprobs=True, top_logprobs=1, stream=True),
            _chat("stream of two", n=2, stream=True),
            _chat("stream of logprobs", logprobs=True, top_logprobs=1, stream=True),
        ),
        _together(
            _chat(
                "sampling and stops",
                temperature=0,
                top_p=0.5,
                seed=7,
                presence_penalty=0.5,
                frequency_penalty=-0.5,
                stop=["\n", "o"],
            ),
            _chat("sampling", temperature=0, top_p=0.5, seed=7, presence_penalty=0.5, frequency_penalty=-0.5),
            _chat("stop", stop=["\n", "o"]),
        ),
        _chat("tools", messages=_BOTH, tools=[_WEATHER, _TIME], max_tokens=64),
        _chat("stream of tools", messages=_BOTH, tools=[_WEATHER, _TIME], max_tokens=64, stream=True),
        _chat("tool required", tools=[_WEATHER], tool_choice="required", max_tokens=64),
        _chat("stream of a tool call", tools=[_WEATHER], tool_choice="required", max_tokens=64, stream=True),
        _chat("tool named", tools=[_WEATHER], tool_choice=_NAMED),
        _chat("tool result", messages=_ANSWERED, tools=[_WEATHER]),
        _chat(
            "JSON object",
            messages=[{"role": "user", "content": "Answer in JSON: where are you?"}],
            response_format={"type": "json_object"},
            max_tokens=64,
        ),
        _chat("JSON schema", response_format={"type": "json_schema", "json_schema": _CITY}, max_tokens=64),
    ),
    ("POST", "/completions"): (
        _completion("minimal"),
        _completion("stream", stream=True),
        _completion("stream with usage", stream=True, stream_options=_INCLUDE),
        _together(
            _completion("several prompts, n of each, stops", prompt=["One", "Two"], n=2, stop=["\n"]),
            _completion("several prompts", prompt=["One", "Two"]),
            _completion("n", n=2),
            _completion("stop", stop=["\n"]),
        ),
        _together(
            _completion("echo with logprobs", echo=True, logprobs=2),
            _completion("echo", echo=True),
            _completion("logprobs", logprobs=2),
        ),
        _together(
            _completion("sampling, one stop and nulls", top_p=0.5, seed=7, stop="\n", n=None, temperature=None),
            _completion("sampling", top_p=0.5, seed=7),
            _completion("one stop", stop="\n"),
            _completion("options given as null", n=None, temperature=None),
        ),
    ),
    ("POST", "/embeddings"): (
        _embedding("minimal", "hello"),
        _embedding("several inputs", ["hello", "world", "hello"]),
        _embedding("base64", ["hello", "world"], encoding_format="base64"),
        _embedding("tokens", [1, 2, 3]),
        _embedding("lists of tokens", [[1, 2], [3]]),
        _together(
            _embedding("dimensions in float", "hello", dimensions=8, encoding_format="float"),
            _embedding("dimensions", "hello", dimensions=8),
            _embedding("float", "hello", encoding_format="float"),
        ),
    ),
    ("POST", "/responses"): (
        _response("minimal"),
        _response("stream", stream=True),
        _together(
            _response(
                "messages with instructions, sampling and metadata",
                input=[{"role": "user", "content": [{"type": "input_text", "text": "Say hello."}]}],
                instructions="Be brief.",
                temperature=0,
                top_p=0.5,
                metadata={"topic": "assay"},
            ),
            _response("messages", input=[{"role": "user", "content": [{"type": "input_text", "text": "Say hello."}]}]),
            _response("instructions", instructions="Be brief."),
            _response("sampling", temperature=0, top_p=0.5),
            _response("metadata", metadata={"topic": "assay"}),
        ),
        _together(
            _response("not stored, and nulls", temperature=None, instructions=None, metadata=None, store=False),
            _response("options given as null", temperature=None, instructions=None, metadata=None),
            _response("not stored", store=False),
        ),
        _response("conversation", input=[*_SAY, {"role": "assistant", "content": "Hello."}, *_SAY]),
        _response("previous response", previous_response_id=EARLIER),
        _response("tools", tools=[_TOOL]),
        _response("tool required", tools=[_TOOL], tool_choice="required", max_output_tokens=64),
        _response("stream of a tool call", tools=[_TOOL], tool_choice="required", max_output_tokens=64, stream=True),
        _response(
            "tool named",
            tools=[_TOOL],
            tool_choice={"type": "function", "name": "get_weather"},
            max_output_tokens=64,
        ),
        _response("tool result", input=_TOLD, tools=[_TOOL]),
        _response(
            "JSON object",
            input="Answer in JSON: where are you?",
            text={"format": {"type": "json_object"}},
            max_output_tokens=64,
        ),
        _response("JSON schema", text=_FORM, max_output_tokens=64),
        _response("stream of a JSON schema", text=_FORM, max_output_tokens=64, stream=True),
        _response("JSON schema, cut off", text={"format": {"type": "json_schema", **_LONG_LIST}}),
    ),
    ("POST", "/moderations"): (
        Scenario("minimal", ({"input": "hello"},)),
        Scenario("several inputs", ({"input": ["hello", "world"]},)),
    ),
    ("POST", "/images/generations"): (
        _image("minimal"),
        _together(
            _image(
                "two of one size",
                {"n": 2, "size": _SMALL, "response_format": "b64_json"},
                {"n": 2, "size": _WIDE, "quality": "low"},
            ),
            _image("n", {"n": 2}),
            _image("size", {"size": _SMALL}, {"size": _WIDE, "quality": "low"}, {"size": _BROAD}),
            _image("base64", {"response_format": "b64_json"}),
        ),
        _image("stream", {"stream": True}),
    ),
    ("POST", "/audio/speech"): (
        _speech("minimal"),
        _together(
            _speech("wav at another speed", response_format="wav", speed=1.5),
            _speech("wav", response_format="wav"),
            _speech("speed", speed=1.5),
        ),
        _speech("stream", stream_format="sse"),
    ),
    ("POST", "/audio/transcriptions"): (
        _spoken("minimal"),
        _spoken("verbose JSON", response_format="verbose_json"),
        _spoken("text", response_format="text"),
        _spoken("log probabilities", include=["logprobs"]),
        _spoken("stream", _WHISPER, stream=True),
    ),
    ("POST", "/audio/translations"): (_spoken("minimal"),),
}

_KINDS = {
    "/embeddings": "embedding",
    "/moderations": "moderation",
    "/images": "image",
    "/audio/speech": "speech",
    "/audio": "transcription",
}


def kind(path: str) -> str:
    """What sort of model an operation wants; ``text`` where nothing else is known."""
    return next((name for start, name in _KINDS.items() if path.startswith(start)), "text")
