"""The assistant of a small shop, with its ten bugs mended."""

from __future__ import annotations

import json
import time

import openai

MODEL = "gpt-4o-mini"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def slogan(client: openai.OpenAI, product: str) -> str:
    """Write a slogan, a daring one."""
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": f"A slogan for {product}"}],
        temperature=1.5,
    )
    return answer.choices[0].message.content or ""


def forecast(client: openai.OpenAI, city: str) -> str | None:
    """Ask for the weather, through a tool."""
    answer = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": f"Weather in {city}?"}], tools=[WEATHER]
    )
    return answer.choices[0].message.content


def told(client: openai.OpenAI, call_id: str, result: str) -> str | None:
    """Tell the model what a tool has found."""
    call = {"id": call_id, "type": "function", "function": {"name": "stock", "arguments": "{}"}}
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "user", "content": "What is in stock?"},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call_id, "content": result},
        ],
    )
    return answer.choices[0].message.content


def vectors(client: openai.OpenAI, texts: list[str]) -> list[list[float]]:
    """Embed texts."""
    if not texts:
        return []
    made = client.embeddings.create(model="text-embedding-3-small", input=texts)
    return [item.embedding for item in made.data]


def pictures(client: openai.OpenAI, prompt: str) -> int:
    """Draw a dozen pictures."""
    made = [client.images.generate(model="gpt-image-1", prompt=prompt, n=6) for _ in range(2)]
    return sum(len(one.data or []) for one in made)


def speech(client: openai.OpenAI, text: str) -> bytes:
    """Read a text aloud, slowly."""
    made = client.audio.speech.create(model="tts-1", voice="alloy", input=text, speed=0.25)
    return made.read()


def greeting(client: openai.OpenAI, name: str) -> str:
    """Greet somebody."""
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": f"Greet {name}"}])
    return (answer.choices[0].message.content or "Hello!").strip()


def typed(client: openai.OpenAI, prompt: str) -> str:
    """Return a text that comes piece by piece."""
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": prompt}],
        stream=True,
        stream_options={"include_usage": True},
    )
    return "".join(choice.delta.content or "" for chunk in stream for choice in chunk.choices)


def order(client: openai.OpenAI, text: str) -> dict[str, object]:
    """Read an order."""
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": f"As JSON and nothing else: {text}"}],
    )
    try:
        read = json.loads(answer.choices[0].message.content or "{}")
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def patient(client: openai.OpenAI, prompt: str) -> str | None:
    """Ask again when the service is busy."""
    for _ in range(3):
        try:
            answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": prompt}])
            return answer.choices[0].message.content
        except openai.APIStatusError as error:
            time.sleep(float(error.response.headers.get("retry-after", "0")))
        except openai.APIError:
            time.sleep(0)
    return None
