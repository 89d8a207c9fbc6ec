"""The main job against LiteLLM's proxy, a gateway from PyPI that we did not write, with answers of its own mock.

The rule of this module: what is found is held against docs/field-notes.md, where each finding was checked by hand.
Installing takes about a minute.
"""

from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.real, pytest.mark.slow]

PACKAGE = "litellm[proxy]==1.106.2"
KEY = "sk-otter"
ANSWERS = {"mocked": "A plain answer from the mock.", "mocked-embedding": [0.1, -0.2, 0.3, 0.4]}
MODELS = [
    {"model_name": name, "litellm_params": {"model": f"openai/{name}", "api_key": "none", "mock_response": answer}}
    for name, answer in ANSWERS.items()
]

SURE = {
    "chat-stream/finish-missing",
    "chat-stream/usage-last",
    "chat/json-mode",
    "chat/logprobs-given",
    "chat/stop-sequences",
    "chat/token-limit",
    "chat/tool-choice",
    "completions-stream/usage-last",
    "embeddings/count",
    "embeddings/encoding",
    "embeddings/usage",
    "http/authentication",
    "http/invalid-accepted",
    "http/server-error",
    "schema/required",
    "schema/type",
}
TRUE = SURE | {
    "chat-stream/logprobs-given",
    "chat-stream/choices-count",
    "chat-stream/finish-last",
    "chat-stream/role-once",
    "completions-stream/choices-count",
    "completions-stream/finish-last",
    "completions-stream/usage-unasked",
    "http/error-envelope",
    "http/stream-missing",
    "http/valid-refused",
    "relation/prompt-grows",
    "relation/prompt-tokens",
    "schema/enum",
}


@pytest.fixture(scope="module")
def litellm(tmp_path_factory, installed, started):
    """Install LiteLLM's proxy, start it offline on a loopback port, yield its base URL."""
    commands = installed(PACKAGE)
    home = tmp_path_factory.mktemp("litellm")
    (home / "config.yaml").write_text(json.dumps({"model_list": MODELS}))
    command = [commands / "litellm", "--config", "config.yaml", "--host", "127.0.0.1", "--port", "{port}"]
    with started(command, home, LITELLM_MASTER_KEY=KEY, LITELLM_LOCAL_MODEL_COST_MAP="True") as url:
        yield url


def test_every_finding_is_one_that_was_checked_by_hand(litellm, findings, explained):
    """`assay run` finds what the proxy really gets wrong, and nothing that was not explained."""
    found = findings(litellm, "--max-requests", "300", "--key-env", "MY_KEY", MY_KEY=KEY)
    explained(found, sure=SURE, true=TRUE)
