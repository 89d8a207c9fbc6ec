"""Record and replay: a suite runs without network from what was recorded, which holds no secret and is judged again."""

from __future__ import annotations

import json

import pytest

from assay.audit.har import read_archive
from assay.testing.replay import cassette_of

TESTS = """
def test_whole(client):
    assert ask(client, user="u-1").choices[0].message.content

def test_stream(client):
    chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].usage.total_tokens

def test_two(client):
    first, second = ask(client, seed=1), ask(client, seed=2, n=2)
    assert [len(first.choices), len(second.choices)] == [1, 2]

def test_file(client):
    made = client.files.create(file=("a.jsonl", b'{"a": 1}'), purpose="user_data")
    assert client.files.content(made.id).read() == b'{"a": 1}'

def test_error(client):
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")
"""
SECRETS = """
@pytest.fixture
def client():
    headers = {"x-api-key": "other-marked-secret", "cookie": "s=marked-secret"}
    query = {"api-key": "query-marked-secret", "limit": "2"}
    with openai.OpenAI(base_url=URL + "/v1", api_key="sk-marked-secret", organization="org-marked-secret",
                       max_retries=0, default_headers=headers, default_query=query) as client:
        yield client

def test_secret(client):
    client.models.list()
    ask(client, user="sk-marked-secret")
"""


@pytest.fixture
def unplugged(monkeypatch):
    """Return a function that takes the server away: from then on nobody answers."""
    return lambda: monkeypatch.setenv("ASSAY_TEST_URL", "http://127.0.0.1:9")


def test_what_was_recorded_is_replayed_without_network(suite, pytester, unplugged) -> None:
    """One cassette per test, named for it; replay is what happens where there is one."""
    suite(TESTS, "--assay-record").assert_outcomes(passed=5)
    folder = pytester.path / "cassettes" / "test_suite"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{name}.har" for name in ("test_error", "test_file", "test_stream", "test_two", "test_whole")
    ]
    unplugged()
    suite(TESTS, "--assay").assert_outcomes(passed=5)
    suite(TESTS, "--assay-replay").assert_outcomes(passed=5)
    suite(TESTS, "--assay-live").assert_outcomes(failed=5)


def test_a_cassette_is_an_archive_that_others_read(suite, pytester) -> None:
    """It is HAR 1.2, and the audit reads every entry of it as a whole exchange."""
    suite(TESTS, "--assay-record").assert_outcomes(passed=5)
    for path in (pytester.path / "cassettes" / "test_suite").iterdir():
        value = json.loads(path.read_text())
        assert value["log"]["version"] == "1.2"
        for record in read_archive(value, path.name):
            assert record.response is not None
            assert not record.skipped
    stream = json.loads((pytester.path / "cassettes" / "test_suite" / "test_stream.har").read_text())
    assert len(stream["log"]["entries"][0]["response"]["_pieces"]) > 1


def test_no_secret_is_recorded(suite, pytester, unplugged) -> None:
    """Keys, cookies and organizations are gone from headers, queries and bodies; replay does without them."""
    suite(SECRETS, "--assay-record").assert_outcomes(passed=1)
    text = (pytester.path / "cassettes" / "test_suite" / "test_secret.har").read_text()
    assert "marked-secret" not in text
    assert text.count("removed") >= 6
    assert "limit=2" in text
    unplugged()
    suite(SECRETS, "--assay-replay").assert_outcomes(passed=1)


def test_a_cassette_that_aged_out_of_the_contract_fails(suite, pytester, unplugged) -> None:
    """A recorded response that the contract no longer allows fails the test that reads it."""
    suite(TESTS, "--assay-record", "-k", "whole").assert_outcomes(passed=1)
    path = pytester.path / "cassettes" / "test_suite" / "test_whole.har"
    value = json.loads(path.read_text())
    content = value["log"]["entries"][0]["response"]["content"]
    body = json.loads(content["text"])
    del body["created"]
    content["text"] = json.dumps(body)
    path.write_text(json.dumps(value))
    unplugged()
    ran = suite(TESTS, "--assay", "-k", "whole")
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(['*expected the property "created"*', "in the response of POST*"])


def test_a_call_that_was_not_recorded_fails_by_name(suite, unplugged) -> None:
    """A changed suite is told which call its cassette lacks, although the client hides the error."""
    suite(TESTS, "--assay-record", "-k", "whole").assert_outcomes(passed=1)
    unplugged()
    more = TESTS.replace("ask(client, user", "client.models.list() and ask(client, user")
    ran = suite(more, "--assay", "-k", "whole")
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(["*GET http://127.0.0.1:9/v1/models is not in the cassette*test_whole.har*"])
    suite(TESTS, "--assay-replay", "-k", "two").assert_outcomes(failed=1)


def test_a_file_that_is_no_cassette_is_named(suite, pytester) -> None:
    """A damaged cassette fails its test, by its path."""
    path = pytester.path / "cassettes" / "test_suite" / "test_whole.har"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    ran = suite(TESTS, "--assay", "-k", "whole")
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(["*POST http://*/chat/completions has no answer: *test_whole.har is no cassette*"])


def test_names_of_parametrized_tests_are_names_of_files(tmp_path) -> None:
    """Whatever a parameter holds, the name is one a file may have."""
    path = cassette_of(tmp_path / "test_x.py", "TestA.test_b[http://x/y?z=1ö]")
    assert path == tmp_path / "cassettes" / "test_x" / "TestA.test_b[http-x-y-z-1-].har"
