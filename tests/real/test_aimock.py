"""The main job against aimock, a mock server from npm that we did not write.

The rule of this module: what is found is held against docs/field-notes.md, where each finding was checked by hand;
anything else is either a new defect of theirs or a false alarm of ours, and somebody must look.
"""

from __future__ import annotations

import json
import shutil

import pytest

pytestmark = [pytest.mark.real, pytest.mark.slow]

PACKAGE = "@copilotkit/aimock@1.43.0"
FIXTURES = [{"match": {"endpoint": "chat"}, "response": {"content": "A plain answer from the mock."}}]
# The port stands in the configuration only, so it is filled in by the shell.
START = """sed 's/"PORT"/{port}/' template.json > aimock.json; exec node_modules/.bin/aimock --config aimock.json"""

# The rules whose findings docs/field-notes.md explains and calls true. What is listed as sure is found by the
# scenarios alone, whatever the seed.
SURE = {"http/error-envelope", "http/invalid-accepted", "chat/choices-count", "chat/token-limit", "chat/logprobs-given"}
TRUE = SURE | {
    "chat-stream/logprobs-given",
    "chat-stream/choices-count",
    "embeddings/encoding",
    "chat/json-mode",
    "chat/stop-sequences",
    "chat/tool-choice",
    "http/valid-refused",
    "http/server-error",
    "chat/service-tier-told",
    "files/batch-expiry",
    "moderations/count",
    "schema/required",
    "relation/prompt-grows",
    "fine-tuning/model-name",
}


@pytest.fixture(scope="module")
def aimock(tmp_path_factory, started, unpacked):
    """Install aimock from npm, start it on a loopback port, yield its base URL."""
    if shutil.which("node") is None:
        pytest.skip("node is needed to run aimock")
    home = tmp_path_factory.mktemp("aimock")
    unpacked(PACKAGE, home)
    (home / "fixtures.json").write_text(json.dumps({"fixtures": FIXTURES}))
    (home / "template.json").write_text(json.dumps({"port": "PORT", "llm": {"fixtures": str(home / "fixtures.json")}}))
    with started(["sh", "-c", START], home) as url:
        yield url


def test_every_finding_is_one_that_was_checked_by_hand(aimock, findings, explained):
    """`assay run` finds what aimock really gets wrong, and nothing that was not explained."""
    found = findings(aimock, "--max-requests", "300")
    explained(found, sure=SURE, true=TRUE)
    lenient = [finding["operations"] for finding in found if finding["rule"] == "http/invalid-accepted"]
    assert len(lenient) == len({operations[0] for operations in lenient}), "one finding for each operation"
