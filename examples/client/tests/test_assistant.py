"""The tests of the assistant: no network, no mocks to keep up to date, nothing to patch."""

from __future__ import annotations

import assistant
import openai
from hypothesis import settings

from assay.testing import given_response

# One client for all: making one takes longer than all that it does here.
CLIENT = openai.OpenAI(api_key="none", max_retries=0)


def test_slogan(assay):
    """A slogan is what the model says."""
    assay.respond(content="Otters love it")
    assert assistant.slogan(CLIENT, "a raft") == "Otters love it"


def test_forecast(assay):
    """The weather is what the model says."""
    assay.respond(content="Rain")
    assert assistant.forecast(CLIENT, "Bern") == "Rain"


def test_told(assay):
    """The result of a tool goes back to the model."""
    assay.respond(content="Seven rafts")
    assert assistant.told(CLIENT, "call_1", "7 rafts") == "Seven rafts"


def test_vectors(assay):
    """Nothing to embed is no vectors."""
    assay.respond()
    assistant.vectors(CLIENT, [])


def test_pictures(assay):
    """Pictures are counted."""
    assay.respond()
    assert assistant.pictures(CLIENT, "an otter") > 0


def test_speech(assay):
    """Speech is bytes."""
    assay.respond()
    assert assistant.speech(CLIENT, "hello")


@given_response("createChatCompletion")
def test_greeting():
    """Whatever the service answers, a greeting is text."""
    assert isinstance(assistant.greeting(CLIENT, "Ada"), str)


@given_response("createChatCompletion")
def test_typed():
    """Whatever the stream holds, what was typed is text."""
    assert isinstance(assistant.typed(CLIENT, "Write"), str)


@given_response("createChatCompletion")
def test_order():
    """Whatever the service answers, an order is an object."""
    assert isinstance(assistant.order(CLIENT, "two rafts"), dict)


@settings(report_multiple_bugs=False, deadline=None)  # one failure at a time
@given_response("createChatCompletion", faults=True)
def test_patient():
    """Whatever fails, there is an answer or none."""
    assert isinstance(assistant.patient(CLIENT, "hello"), str | None)
