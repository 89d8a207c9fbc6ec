"""Suites of client code, run by pytest inside pytest, against the reference server."""

from __future__ import annotations

import os

import openai
import pytest

import assay.spec.compiling
import assay.spec.yaml_text
import assay.testing.given
import assay.testing.offline
import assay.testing.reporting
import assay.testing.session
import assay.testing.target
from assay.adapters.serve import serve
from assay.reference.server import application

# A run inside the run forgets what it imported, and would import a second copy of what others hold on to.
IMPORTED = (openai, openai.resources.chat, assay.spec, assay.testing)
SUITE = """
[pytest]
assay_hosts = 127.0.0.1
filterwarnings = error
"""
CLIENTS = """
import os

import openai
import pytest

URL = os.environ["ASSAY_TEST_URL"]
HI = [{"role": "user", "content": "hello"}]


@pytest.fixture
def client():
    with openai.OpenAI(base_url=URL + "/v1", api_key="sk-marked-secret", max_retries=0) as client:
        yield client


def ask(client, **options):
    return client.chat.completions.create(model="assay-chat", messages=HI, **options)
"""


@pytest.fixture(scope="session")
def reference():
    """Serve the reference server; return its URL."""
    with serve(application()) as url:
        yield url


@pytest.fixture
def suite(pytester, reference, monkeypatch):
    """Return a function that writes a test file for the official client and runs it with options."""
    monkeypatch.setenv("ASSAY_TEST_URL", reference)
    # Loading every plugin that is installed, and importing all that they need, takes seconds each time.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    # What the outer run is told by its environment is not meant for the inner one.
    for name in [name for name in os.environ if name.startswith("PYTEST_XDIST") or name == "PYTEST_ADDOPTS"]:
        monkeypatch.delenv(name)
    pytester.makeini(SUITE)

    def run(tests, *options, conftest="", **more):
        pytester.makeconftest(CLIENTS + conftest)
        pytester.makepyfile(test_suite="from conftest import *\n" + tests, **more)
        return pytester.runpytest_inprocess("-p", "assay_pytest", *options)

    return run
