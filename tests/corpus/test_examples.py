"""Every example inside the published description of the OpenAI API, judged by the real contract.

Each that fails stands on the ledger with the reason why the example itself is wrong; no entry of the ledger is stale.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
import yaml
from published_examples import (
    component_examples,
    curl_body,
    curl_form,
    operation_examples,
    read_json,
    schema_examples,
    token,
)

from assay.contract import load
from assay.messages import Request, Response
from assay.spec.text import parse

LEDGER = Path(__file__).parent / "examples-ledger.yaml"
NAME = "openai-2026-08-21.yaml"
JSON = {"content-type": "application/json"}
POINTER = "/~$()!*'+,;=:@"  # characters of a pointer that a URI fragment takes as they are
EVENTS = {"content-type": "text/event-stream"}
# How many of each kind there are at least: a finder that finds nothing would prove nothing.
FLOORS = {"schema": 300, "component": 380, "curl": 125, "response": 280, "stream": 10}


class Examples:
    """The examples of a description: how many of each kind were judged, and which failed, with kind and reasons."""

    def __init__(self, path: Path) -> None:
        self.contract = load(path)
        self.judged: Counter[str] = Counter()
        self.failed: dict[str, tuple[str, list[str]]] = {}
        document, _ = parse(path.read_bytes(), str(path))
        for pointer, schema, value in schema_examples(document):
            self.value("schema", pointer, schema, value)
        for pointer, schema, text in component_examples(document):
            self.text("component", pointer, schema, text)
        by_place = {self._key(operation): operation for operation in self.contract.operations}
        for written in operation_examples(document):
            operation = by_place[f"{token(written.path)}/{written.method.lower()}"]
            exchange = self.request(operation, written)
            if written.response is not None:
                self.response(operation, exchange, written)

    @staticmethod
    def _key(operation) -> str:
        return unquote(operation.pointer.partition("#/paths/")[2])

    def value(self, kind, pointer, schema, value) -> None:
        """Judge a value by a schema of the description."""
        self.judged[kind] += 1
        check = self.contract.schemas.check(f"{self.contract.api.root}#{quote(schema[1:], safe=POINTER)}")
        if not check.ok(value):
            self._fail(pointer, "wrong", check.explain(value, part="body"))

    def text(self, kind, pointer, schema, text) -> None:
        """Judge JSON text by a schema of the description."""
        try:
            value = read_json(text)
        except ValueError:
            self.judged[kind] += 1
            self.failed[pointer] = ("not-json", ["not JSON"])
        else:
            self.value(kind, pointer, schema, value)

    def request(self, operation, written):
        """Judge the JSON body of a curl line; return the exchange that the response belongs to."""
        check = self.contract._request_check(operation)
        bare = check.exchange(Request(operation.method, operation.path, JSON), {})
        text = curl_body(written.curl) if written.curl else None
        if not text or not text.strip():
            return replace(bare, request=curl_form(written.curl)) if written.curl else bare
        self.judged["curl"] += 1
        pointer = f"{written.pointer}/request/curl"
        try:
            body = json.dumps(read_json(text)).encode()
        except ValueError:
            self.failed[pointer] = ("not-json", ["not JSON"])
            return bare
        request = Request(operation.method, operation.path, JSON, body)
        # The path's variables and the query are no part of the example: they stand for the reader's own.
        self._fail(pointer, "wrong", [v for v in check.check(request, {}).violations if v.part in ("body", "header")])
        return check.exchange(request, {})

    def response(self, operation, exchange, written) -> None:
        """Judge a response by the 200 or 201 answer, event by event where it is a stream."""
        pointer, text = f"{written.pointer}/response", written.response.strip()
        status = next(code for code in (200, 201) if self.contract._response_check(operation).answer(code))
        answer = self.contract._response_check(operation).answer(status)
        if text.startswith(("data:", "event:")):
            self.judged["stream"] += 1
            headers, body = EVENTS, f"{text}\n\n".encode()
        elif any("json" in content.media_type for content in answer.contents):
            self.judged["response"] += 1
            try:
                headers, body = JSON, json.dumps(read_json(text)).encode()
            except ValueError:
                self.failed[pointer] = ("not-json", ["not JSON"])
                return
        else:
            return
        found = self.contract._response_check(operation).check(exchange, Response(status, headers, body))
        kind = "not-json" if any(v.rule == "http/stream-json" for v in found) else "wrong"
        self._fail(pointer, kind, found)

    def _fail(self, pointer, kind, found) -> None:
        wrong = [str(violation) for violation in found if violation.severity == "violation"]
        if wrong:
            self.failed[pointer] = (kind, wrong)


@pytest.fixture(scope="module")
def examples(shared) -> Examples:
    """The examples of the published description, judged in the layer compat."""
    return Examples(shared / "specs" / NAME)


@pytest.fixture(scope="module")
def ledger() -> dict[str, str]:
    """The kinds of the ledger's entries, by pointer."""
    entries = yaml.safe_load(LEDGER.read_text(encoding="utf-8"))["examples"]
    assert all(entry["reason"] for entry in entries)
    return {entry["pointer"]: entry["kind"] for entry in entries}


def test_each_failing_example_is_on_the_ledger(examples, ledger) -> None:
    """An example breaks the contract only where the ledger says why the example is wrong."""
    unlisted = {pointer: told for pointer, told in examples.failed.items() if pointer not in ledger}
    assert not unlisted


def test_no_entry_of_the_ledger_is_stale(examples, ledger) -> None:
    """Each example of the ledger still fails, and in the way that the ledger says."""
    assert {pointer: kind for pointer, (kind, _) in examples.failed.items()} == ledger


def test_examples_were_judged_and_most_pass(examples) -> None:
    """Of each kind of example at least the known number was judged, and both verdicts were seen."""
    short = {kind: examples.judged[kind] for kind, floor in FLOORS.items() if examples.judged[kind] < floor}
    assert not short, examples.judged
    assert examples.judged.total() - len(examples.failed) >= 1000
    assert len(examples.failed) >= 50
