"""The assistant of a small shop, as it was written in a hurry: ten bugs, each marked with its number."""

from __future__ import annotations

import json
import time

import openai

MODEL = "gpt-4o-mini"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get weather",  # bug 1: a name may hold letters, digits, _ and -
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def slogan(client: openai.OpenAI, product: str) -> str:
    """Write a slogan, a daring one."""
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": f"A slogan for {product}"}],
        temperature=3,  # bug 2: at most 2
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
            {"role": "tool", "content": result},  # bug 3: whose result? tool_call_id is missing
        ],
    )
    return answer.choices[0].message.content


def vectors(client: openai.OpenAI, texts: list[str]) -> list[list[float]]:
    """Embed texts."""
    # bug 4: an empty list is sent although there is nothing to embed
    made = client.embeddings.create(model="text-embedding-3-small", input=texts)
    return [item.embedding for item in made.data]


def pictures(client: openai.OpenAI, prompt: str) -> int:
    """Draw a dozen pictures."""
    made = client.images.generate(model="gpt-image-1", prompt=prompt, n=12)  # bug 5: at most 10
    return len(made.data or [])


def speech(client: openai.OpenAI, text: str) -> bytes:
    """Read a text aloud, slowly."""
    made = client.audio.speech.create(model="tts-1", voice="alloy", input=text, speed=0.1)  # bug 6: at least 0.25
    return made.read()


def greeting(client: openai.OpenAI, name: str) -> str:
    """Greet somebody."""
    answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": f"Greet {name}"}])
    return answer.choices[0].message.content.strip()  # bug 7: content is null in a refusal


def typed(client: openai.OpenAI, prompt: str) -> str:
    """Return a text that comes piece by piece."""
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": prompt}],
        stream=True,
        stream_options={"include_usage": True},
    )
    # bug 8: the last chunk brings the usage, and no choices
    return "".join(chunk.choices[0].delta.content or "" for chunk in stream)


def order(client: openai.OpenAI, text: str) -> dict[str, object]:
    """Read an order."""
    answer = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": f"As JSON and nothing else: {text}"}],
    )
    try:
        # bug 9: a model that was asked for JSON may still answer in words
        return json.loads(answer.choices[0].message.content or "{}")
    except TypeError:
        return {}


def patient(client: openai.OpenAI, prompt: str) -> str | None:
    """Ask again when the service is busy."""
    for _ in range(3):
        try:
            answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": prompt}])
            return answer.choices[0].message.content
        except openai.RateLimitError as error:
            # bug 10: a failure of the server, or a connection that breaks, is not waited for and ends the program
            time.sleep(float(error.response.headers.get("retry-after", "0")))
    return None
