"""The plugin observes: traffic is judged, violations fail the test that caused them, nothing else changes."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCOPE = ("-o", "asyncio_default_fixture_loop_scope=function")
GOOD = """
def test_good(client):
    assert ask(client).choices
"""
BAD = """
def test_bad(client):
    with pytest.raises(openai.BadRequestError):
        ask(client, temperature=7)
"""


def test_valid_traffic_passes(suite) -> None:
    """A suite whose traffic is valid passes, and nothing is told."""
    ran = suite(GOOD + "def test_stream(client):\n    assert list(ask(client, stream=True))\n", "--assay")
    ran.assert_outcomes(passed=2)
    assert "assay:" not in ran.stdout.str()


def test_a_violation_fails_the_test_that_caused_it(suite) -> None:
    """The message stands first, then the place in the test and in the code that it calls."""
    ran = suite(GOOD + BAD, "--assay")
    ran.assert_outcomes(passed=1, failed=1)
    ran.stdout.fnmatch_lines(
        [
            "*expected at most 2, got 7, at body.temperature [[]schema/maximum[]]",
            "in the request of POST http://127.0.0.1:*/v1/chat/completions (createChatCompletion)",
            "stated at chat.yaml#/components/schemas/*/temperature/maximum",
            "sent from",
            "*test_suite.py:*: in test_bad",
            "*ask(client, temperature=7)",
            "*conftest.py:*: in ask",
        ]
    )
    ran.stdout.fnmatch_lines(["FAILED test_suite.py::test_bad - assay.ContractViolated: expected at most 2*"])


def test_a_failing_test_is_told_of_the_contract_first(suite) -> None:
    """Where the test fails by itself too, the contract's message comes before its traceback."""
    ran = suite("def test_bad(client):\n    ask(client, temperature=7)\n", "--assay")
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(
        ["assay: expected at most 2, got 7*", "The test itself failed with", "*openai.BadRequestError*"]
    )


def test_nothing_is_observed_unasked(suite) -> None:
    """Without the option or a marker the plugin does nothing."""
    suite(GOOD + BAD).assert_outcomes(passed=2)


def test_the_marker_asks_for_one_test(suite) -> None:
    """A marker observes its test alone, and can leave one alone in an observed suite."""
    other = "def test_other(client):\n    with pytest.raises(openai.BadRequestError):\n        ask(client, n=500)\n"
    suite("@pytest.mark.assay" + BAD + other).assert_outcomes(passed=1, failed=1)
    suite("@pytest.mark.assay(mode='off')" + BAD + other, "--assay").assert_outcomes(passed=1, failed=1)


def test_other_hosts_are_left_alone(suite) -> None:
    """Traffic to hosts that are not the contract's is not judged."""
    ran = suite(BAD, "--assay", "-o", "assay_hosts=api.openai.com")
    ran.assert_outcomes(passed=1)
    # Else a suite that talks to a server of its own would take silence for proof.
    ran.stdout.fnmatch_lines(["asked for operations of the contract: 127.0.0.1:* (see assay_hosts)"])


def test_traffic_of_fixtures_fails_its_phase(suite) -> None:
    """What a fixture sends wrongly is an error of the setup, and of the teardown."""
    tests = """
@pytest.fixture
def wrong(client):
    with pytest.raises(openai.BadRequestError):
        ask(client, n=500)

@pytest.fixture
def late(client):
    yield
    with pytest.raises(openai.BadRequestError):
        ask(client, n=500)

def test_one(wrong): pass
def test_two(late): pass
"""
    suite(tests, "--assay").assert_outcomes(errors=2, passed=1)


def test_threads_belong_to_the_test_that_runs(suite) -> None:
    """A violation in another thread fails the test, although its exception is lost."""
    tests = """
import threading

def test_thread(client):
    def work():
        with pytest.raises(openai.BadRequestError):
            ask(client, n=500)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
"""
    ran = suite(tests, "--assay")
    ran.assert_outcomes(failed=1)
    ran.stdout.fnmatch_lines(["*expected at most 128, got 500, at body.n*", "*: in work"])


def test_asynchronous_tests_are_observed(suite) -> None:
    """Tests of pytest-asyncio and of anyio are observed like others, with the place that sent the request."""
    tests = """
async def send():
    async with openai.AsyncOpenAI(base_url=URL + "/v1", api_key="x", max_retries=0) as client:
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(model="assay-chat", messages=HI, n=500)

@pytest.mark.asyncio
async def test_asyncio():
    await send()

@pytest.mark.anyio
async def test_anyio():
    await send()

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""
    ran = suite(tests, "--assay", "-p", "pytest_asyncio.plugin", "-p", "anyio.pytest_plugin", *SCOPE)
    ran.assert_outcomes(failed=2)
    ran.stdout.fnmatch_lines(["*test_suite.py:*: in test_asyncio", "*test_suite.py:*: in send"])


def test_it_works_spread_over_workers_and_shuffled(suite) -> None:
    """Under xdist and pytest-randomly each test has its own verdict, and the message comes through."""
    more = "".join(f"def test_good_{n}(client):\n    ask(client)\n" for n in range(6))
    ran = suite(GOOD + BAD + more, "--assay", "-p", "xdist", "-p", "pytest_randomly", "-n", "2")
    ran.assert_outcomes(passed=7, failed=1)
    ran.stdout.fnmatch_lines(["*expected at most 2, got 7, at body.temperature*"])


def test_an_expected_failure_may_be_the_contract(suite) -> None:
    """A strict xfail is satisfied by a violation."""
    suite("@pytest.mark.xfail(strict=True)" + BAD, "--assay").assert_outcomes(xfailed=1)


def test_calls_outside_the_description_are_told_at_the_end(suite) -> None:
    """An unknown path is no failure unless it was asked for; one that lacks its slash surely is."""
    tests = """
def test_unknown(client):
    with pytest.raises(openai.NotFoundError):
        client.post("/nothing", cast_to=object, body={})
"""
    ran = suite(tests, "--assay")
    ran.assert_outcomes(passed=1)
    ran.stdout.fnmatch_lines(["*assay: not judged*", "POST /v1/nothing"])
    suite(tests, "--assay", "-o", "assay_unknown=fail").assert_outcomes(failed=1)


def test_a_response_that_breaks_the_contract_fails(suite) -> None:
    """Responses and streams are judged as the client reads them."""
    tests = """
import httpx2

def answering(pieces, kind):
    def handle(request):
        return httpx2.Response(200, headers={"content-type": kind}, content=iter(pieces))
    http = httpx2.Client(transport=httpx2.MockTransport(handle))
    return openai.OpenAI(base_url=URL + "/v1", api_key="x", max_retries=0, http_client=http)

def test_whole():
    ask(answering([b'{"object": "chat.completion"}'], "application/json"))

def test_stream():
    stream = ask(answering([b'data: {"id": 1}\\n\\n', b"data: [DONE]\\n\\n"], "text/event-stream"), stream=True)
    assert len(list(stream)) == 1

def test_left_early():
    stream = ask(answering([b'data: {"id": 1}\\n\\n', b"data: [DONE]\\n\\n"], "text/event-stream"), stream=True)
    next(stream)
    stream.close()
"""
    ran = suite(tests, "--assay")
    ran.assert_outcomes(failed=3)
    text = ran.stdout.str()
    assert "in the response of POST" in text
    assert "in the stream of POST" in text


def test_two_contracts_in_one_suite(suite, pytester) -> None:
    """A marker names another description; an overridden fixture brings a contract of one's own."""
    pytester.makefile(
        ".yaml",
        shop="""
openapi: 3.1.0
info: {title: Shop, version: "1"}
servers: [{url: "https://shop.example/v1"}]
paths:
  /models:
    get:
      operationId: listGoods
      responses:
        "200":
          description: goods
          content: {application/json: {schema: {type: array}}}
""",
    )
    tests = """
import assay

@pytest.mark.assay("shop.yaml", hosts=["127.0.0.1"])
def test_shop(client):
    client.models.list()

def test_openai(client):
    client.models.list()

class TestOwn:
    @pytest.fixture
    def assay_contract(self):
        return assay.load("shop.yaml")

    def test_own(self, client):
        client.models.list()
"""
    ran = suite(tests, "--assay")
    ran.assert_outcomes(passed=1, failed=2)
    ran.stdout.fnmatch_lines(["*(listGoods)*"])


def test_rules_of_ones_own_judge_too(suite) -> None:
    """A hook in conftest.py adds rule sets."""
    hook = """
from assay.rules.registry import RuleSet

rules = RuleSet("ours", "createChatCompletion")

@rules.request("seed-given", "Our requests are repeatable.", "docs/house-rules.md")
def seed_given(rule, exchange):
    if "seed" not in exchange.request:
        yield rule.broken((), "the property seed", "none")

def pytest_assay_rules(config):
    return [rules]
"""
    ran = suite(GOOD + "def test_seed(client):\n    ask(client, seed=1)\n", "--assay", conftest=hook)
    ran.assert_outcomes(passed=1, failed=1)
    ran.stdout.fnmatch_lines(["*expected the property seed, got none, at body [[]ours/seed-given[]]"])


def test_settings_that_do_not_exist_are_named(suite) -> None:
    """A wrong setting ends the run with one line that says what there is."""
    ran = suite("@pytest.mark.assay(laier='strict')" + GOOD)
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*assay has no setting 'laier'; there are: description, overlays, layer*"])
    ran = suite(GOOD, "--assay", "-o", "assay_description=nowhere.yaml")
    assert ran.ret == pytest.ExitCode.USAGE_ERROR


def test_no_secret_is_told(suite) -> None:
    """Neither the key nor the prompt stands in a report."""
    ran = suite(BAD, "--assay", "--showlocals")
    assert "sk-marked" not in ran.stdout.str()


def test_help_markers_and_fixtures_document_themselves(pytester, monkeypatch) -> None:
    """The options have a group, and the marker and the fixtures say what they do."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    assert (
        "contract tests of OpenAI-style APIs"
        in pytester.runpytest_inprocess("--help", "-p", "assay_pytest").stdout.str()
    )
    assert (
        "@pytest.mark.assay(description" in pytester.runpytest_inprocess("--markers", "-p", "assay_pytest").stdout.str()
    )
    assert "assay_contract" in pytester.runpytest_inprocess("--fixtures", "-p", "assay_pytest").stdout.str()


def test_a_suite_that_does_not_use_it_pays_nothing() -> None:
    """Importing the plugin takes under 30 ms beside pytest, and imports nothing of Assay."""
    code = (
        "import pytest, sys, time; t = time.perf_counter(); import assay_pytest; "
        "print(time.perf_counter() - t, 'assay' in sys.modules)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(3)]
    found = [run.stdout.split() for run in runs]
    assert min(float(seconds) for seconds, _ in found) < 0.03
    assert {imported for _, imported in found} == {"False"}
