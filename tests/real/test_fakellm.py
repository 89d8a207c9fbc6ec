"""The main job against fakellm, a mock server from PyPI that we did not write.

The rule of this module: what is found is held against docs/field-notes.md, where each finding was checked by hand.
"""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.real, pytest.mark.slow]

PACKAGE = "fakellm==0.3.5"
CONFIG = """
version: 1
defaults:
  fallback: deterministic_echo
rules:
  - name: plain
    when: {messages_contain: "hello"}
    respond: {content: "A plain answer from the mock."}
"""

SURE = {
    "chat-stream/choices-count",
    "chat-stream/usage-missing",
    "chat/choices-count",
    "chat/json-mode",
    "chat/logprobs-given",
    "chat/stop-sequences",
    "chat/token-limit",
    "chat/tool-choice",
    "http/invalid-accepted",
    "http/server-error",
}
TRUE = SURE | {"chat-stream/logprobs-given", "chat/service-tier-told"}


@pytest.fixture(scope="module")
def fakellm(tmp_path_factory, installed, started):
    """Install fakellm, start it on a loopback port, yield its base URL."""
    commands = installed(PACKAGE)
    home = tmp_path_factory.mktemp("fakellm")
    (home / "fakellm.yaml").write_text(CONFIG)
    with started([commands / "fakellm", "serve", "--port", "{port}"], home) as url:
        yield url


def test_every_finding_is_one_that_was_checked_by_hand(fakellm, findings, explained):
    """`assay run` finds what fakellm really gets wrong, and nothing that was not explained."""
    explained(findings(fakellm, "--max-requests", "300"), sure=SURE, true=TRUE)
