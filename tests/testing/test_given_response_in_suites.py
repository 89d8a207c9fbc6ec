"""``given_response`` inside suites: with the plugin's settings, its fixture's name, classes, parameters and asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import assay.testing.given
import assay.testing.offline

if TYPE_CHECKING:
    import pytest

# A run inside the run forgets what it imported; half a package imported anew would know itself no more.
IMPORTED = (assay.testing.given, assay.testing.offline)

START = """
import openai
import pytest
from hypothesis import settings, strategies as st
from assay.testing import given_response

HI = [{"role": "user", "content": "hello"}]
CLIENT = openai.OpenAI(api_key="sk-marked-secret", max_retries=0)
FEW = settings(max_examples=25, deadline=None, database=None, derandomize=True)
"""
DESCRIPTION = """
openapi: 3.1.0
info: {title: Otters, version: "1"}
servers: [{url: https://otters.example/v1}]
paths:
  /otters/{name}:
    get:
      operationId: getOtter
      parameters: [{name: name, in: path, required: true, schema: {type: string}}]
      responses:
        "200":
          description: One otter.
          content:
            application/json:
              schema:
                type: object
                required: [name, age]
                properties:
                  name: {type: string}
                  age: {type: [integer, "null"], minimum: 0}
"""


def run(pytester: pytest.Pytester, tests: str, *options: str) -> pytest.RunResult:
    """Run a test file of its own."""
    pytester.makepyfile(START + tests)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:randomly", *options)


def test_in_classes_with_parameters_and_the_plugin(pytester: pytest.Pytester) -> None:
    """It is a test like any other: a method, with parameters and strategies, watched by the plugin or not."""
    tests = """
class TestAnswers:
    @pytest.mark.parametrize("stream", [True, False])
    @FEW
    @given_response("createChatCompletion", n=st.integers(1, 2))
    def test_choices(self, stream, n, assay):
        answer = CLIENT.chat.completions.create(model="m", messages=HI, n=n, stream=stream)
        assert (len(list(answer)) if stream else len(answer.choices)) >= n
        assert [call.operation for call in assay.calls] == ["createChatCompletion"]
"""
    run(pytester, tests, "-p", "no:asyncio").assert_outcomes(passed=2)
    run(pytester, tests, "-p", "no:asyncio", "--assay").assert_outcomes(passed=2)


def test_what_a_person_reads(pytester: pytest.Pytester) -> None:
    """A failure shows the call and its smallest response, and no key."""
    tests = """
@FEW
@given_response("createChatCompletion")
def test_summary():
    CLIENT.chat.completions.create(model="m", messages=HI).choices[0].message.content.strip()
"""
    result = run(pytester, tests, "-p", "no:asyncio")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*Draw 1 (POST /v1/chat/completions (createChatCompletion)):*", "*200 application/json", '*"content": null*']
    )
    result.stdout.no_fnmatch_line("*marked-secret*")


def test_under_pytest_asyncio(pytester: pytest.Pytester) -> None:
    """The other plugin that runs async tests runs these as well."""
    tests = """
@pytest.mark.asyncio
@FEW
@given_response("createChatCompletion")
async def test_choices():
    async with openai.AsyncOpenAI(api_key="sk", max_retries=0) as client:
        answer = await client.chat.completions.create(model="m", messages=HI)
        assert answer.choices[0].finish_reason
        {bug}
"""
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    run(pytester, tests.format(bug="")).assert_outcomes(passed=1)
    result = run(pytester, tests.format(bug="answer.choices[0].message.content.strip()"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(['*"content": null*'])


def test_the_description_of_the_suite(pytester: pytest.Pytester) -> None:
    """The contract is the one that the suite is configured with; its responses shrink like all others."""
    pytester.makeini("[pytest]\nassay_description = otters.yaml\n")
    pytester.makefile(".yaml", otters=DESCRIPTION)
    tests = """
import requests

@FEW
@given_response("getOtter")
def test_age():
    otter = requests.get("https://otters.example/v1/otters/Ida", timeout=5).json()
    assert otter["age"] + 1 > 0
"""
    result = run(pytester, tests, "-p", "no:asyncio")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*TypeError*", '*{"age": null, "name": "Ida"}'])
