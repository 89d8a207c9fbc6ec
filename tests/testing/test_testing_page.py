"""docs/testing.md says what is so: its options and settings exist, all of them are named, and its code runs."""

from __future__ import annotations

import ast
import re

import pytest

import assay_pytest


@pytest.fixture
def page(root):
    """The text of the page."""
    return (root / "docs" / "testing.md").read_text(encoding="utf-8")


def test_options_and_settings_are_those_that_exist(page, pytester, monkeypatch) -> None:
    """The page names every option and every setting, and none that does not exist."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    offered = pytester.runpytest_inprocess("--help", "-p", "assay_pytest").stdout.str()
    options = set(re.findall(r"--assay[a-z-]*", offered))
    assert options == set(re.findall(r"--assay[a-z-]*", page))
    assert {name for name, *_ in assay_pytest._INI} == set(re.findall(r"^\| `(assay_[a-z]+)`", page, re.MULTILINE))


def test_the_code_of_the_page_is_python(page) -> None:
    """Every block can be parsed."""
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) >= 4
    for block in blocks:
        ast.parse(block)


def test_the_answers_of_the_page_work(page, suite) -> None:
    """The tests that write an answer down pass with a client as the page means it."""
    block = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[1]
    functions = """
CLIENT = openai.OpenAI(api_key="none", max_retries=0)


def said(prompt, **options):
    return CLIENT.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": prompt}], **options
    )


def placed(prompt):
    import json
    tool = {"type": "function", "function": {"name": "order", "parameters": {
        "type": "object", "properties": {"rafts": {"type": "integer"}}}}}
    call = said(prompt, tools=[tool]).choices[0].message.tool_calls[0]
    return json.loads(call.function.arguments)["rafts"]


def patient(prompt):
    try:
        return said(prompt).choices[0].message.content
    except openai.RateLimitError:
        return said(prompt).choices[0].message.content


def typed(prompt):
    return "".join(chunk.choices[0].delta.content or "" for chunk in said(prompt, stream=True))
"""
    suite(functions + block).assert_outcomes(passed=3)
