"""The hook inside LiteLLM's real proxy, installed by the one line that the docs give.

The rule of this module: what the client of the proxy sees is what counts. Installing takes about a minute.
"""

from __future__ import annotations

import json
import subprocess

import pytest
import urllib3

pytestmark = [pytest.mark.real, pytest.mark.slow]

PACKAGE = "litellm[proxy]==1.106.2"
CONFIG = """
model_list:
- model_name: mocked
  litellm_params: {model: openai/mocked, api_key: none, mock_response: "A plain answer."}
litellm_settings: {callbacks: assay.adapters.litellm.enforce}
"""


@pytest.fixture(scope="module")
def chat(tmp_path_factory, installed, started, root):
    """Start LiteLLM's proxy with Assay beside it; yields a function that sends a chat request."""
    commands = installed(PACKAGE)
    command = [commands / "pip", "install", "--quiet", "--disable-pip-version-check", f"{root}[gateway]"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode != 0:
        pytest.skip(f"Assay cannot be installed beside LiteLLM: {done.stderr.strip()[-200:]}")
    home = tmp_path_factory.mktemp("litellm")
    (home / "config.yaml").write_text(CONFIG)
    start = [commands / "litellm", "--config", "config.yaml", "--host", "127.0.0.1", "--port", "{port}"]
    with started(start, home, LITELLM_MASTER_KEY="sk-otter", LITELLM_LOCAL_MODEL_COST_MAP="True") as url:

        def send(**body):
            with urllib3.PoolManager() as pool:
                whole = {"model": "mocked", "messages": [{"role": "user", "content": "marked-secret"}], **body}
                headers = {"authorization": "Bearer sk-otter"}
                return pool.request("POST", f"{url}/chat/completions", json=whole, headers=headers, timeout=60)

        yield send


def test_a_right_request_is_answered(chat) -> None:
    """As without the hook, metadata of the client included."""
    for more in ({}, {"metadata": {"a": "b"}, "temperature": 1, "seed": 3}):
        answer = chat(**more)
        assert answer.status == 200, answer.data
        assert json.loads(answer.data)["choices"][0]["message"]["content"] == "A plain answer."


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"messages": []}, "messages"),
        ({"tools": [{"type": "otter"}]}, "tools[0].type"),
    ],
)
def test_a_wrong_request_is_refused(chat, more, param) -> None:
    """Status 400, OpenAI's envelope with the place, the rule in a header, and nothing of the prompt."""
    answer = chat(**more)
    error = json.loads(answer.data)["error"]
    assert (answer.status, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert answer.headers["x-assay-rule"]
    assert b"marked" not in answer.data


def test_a_stream_passes(chat) -> None:
    """All of the text, and its end."""
    answer = chat(stream=True)
    chunks = [json.loads(line[6:]) for line in answer.data.decode().split("\n\n") if line.startswith("data: {")]
    text = "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])
    assert text == "A plain answer."
    assert answer.data.endswith(b"data: [DONE]\n\n")
