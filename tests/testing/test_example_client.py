"""The example of docs/testing.md: the plugin finds all ten bugs of a small client, and none in the mended one."""

from __future__ import annotations

import shutil

import pytest

SENT = {
    "slogan": "expected at most 2, got 3, at body.temperature [[]schema/maximum[]]",
    "forecast": "expected *, at body.tools[[]0[]].function.name [[]schema/pattern[]]",
    "told": 'expected the property "tool_call_id"*, at body.messages[[]2[]]*',
    "vectors": "expected *, got an empty array, at body.input*",
    "pictures": "expected at most 10, got 12, at body.n [[]schema/maximum[]]",
    "speech": "expected at least 0.25, got 0.1, at body.speed [[]schema/minimum[]]",
}
READ = {
    "greeting": "*AttributeError: 'NoneType' object has no attribute 'strip'*",
    "typed": "*IndexError: list index out of range*",
    "order": "*json.decoder.JSONDecodeError*",
    "patient": "*openai.*Error*",
}


@pytest.fixture
def example(pytester, root, monkeypatch):
    """Return a function that runs the suite of the example in a copy of it."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    shutil.copytree(root / "examples" / "client", pytester.path, dirs_exist_ok=True)

    def run(*options):
        return pytester.runpytest_inprocess("-p", "assay_pytest", "-p", "no:cacheprovider", *options)

    return run


@pytest.mark.parametrize("name", SENT)
def test_a_bug_in_what_is_sent_is_named_with_its_line(example, name) -> None:
    """The contract's message, and the line of the client that sent it."""
    ran = example("-k", name)
    assert ran.parseoutcomes()["failed"] == 1
    ran.stdout.fnmatch_lines([f"*{SENT[name]}", "*assistant.py:*"])


@pytest.mark.parametrize("name", READ)
def test_a_bug_in_what_is_read_is_shown_by_a_response(example, name) -> None:
    """The client's own error, with the response that leads to it."""
    ran = example("-k", name)
    assert ran.parseoutcomes()["failed"] == 1
    ran.stdout.fnmatch_lines([READ[name]])


def test_the_mended_client_passes(example) -> None:
    """Where there is no bug there is no alarm."""
    example("-o", "pythonpath=fixed").assert_outcomes(passed=10)
