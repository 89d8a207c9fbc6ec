"""Two layers from one run: one decides what is sent and how it ends, the letter is told apart and fails nothing."""

from __future__ import annotations

import json
import re

from click.testing import CliRunner
from faulty_target import faulty

from assay.adapters.serve import serve
from assay.cli import main
from assay.conformance.checks import Exchange
from assay.conformance.letter import Letter
from assay.contract import load
from assay.messages import Request, Response
from assay.reference.server import application

# What the wire does and the published description forbids, looked at by hand; the reference server shows the wire.
# Whoever asks for base64 gets text; a page of nothing has no first id; a store may have no name and no end; the error
# of a job that did not fail is an empty object; a stored message that a user said has no refusal.
_PAGES = ("listFiles", "listAssistants", "listChatCompletions", "listVectorStores", "listBatches")
_STORES = {"createVectorStore": "body", "getVectorStore": "body", "modifyVectorStore": "body",
           "listVectorStores": "body.data[*]"}  # fmt: skip
_JOBS = ("createFineTuningJob", "cancelFineTuningJob", "retrieveFineTuningJob", "resumeFineTuningJob",
         "pauseFineTuningJob")  # fmt: skip
WIRE = {
    *((name, "body.error") for name in _JOBS),
    ("listPaginatedFineTuningJobs", "body.data[*].error"),
    ("getChatCompletionMessages", "body.data[*]"),
    ("createEmbedding", "body.data[*].embedding"),
    *((name, f"body.{end}_id") for end in ("first", "last") for name in _PAGES),
    *((name, f"{place}.{field}") for name, place in _STORES.items() for field in ("name", "expires_after")),
}


def ran(app, tmp_path, *options):
    """Run and return the exit code, the output and the JSON report."""
    with serve(app) as url:
        done = CliRunner().invoke(main, ["run", url, "--json", str(tmp_path / "r.json"), *options])
    return done.exit_code, done.output, json.loads((tmp_path / "r.json").read_text())


def told(finding):
    """The places of a finding."""
    parts = finding["parts"] or [finding]
    return {(finding["operations"][0], re.sub(r"\d+", "*", part["place"])) for part in parts}


def test_what_only_the_letter_has_against_the_honest_server_is_known(tmp_path):
    """Both layers on the reference server: the run conforms, and the letter tells what is known of the wire alone."""
    code, output, value = ran(application(), tmp_path, "--layer", "both", "--max-requests", "300")
    assert code == 0, output
    assert value["layers"] == ["compat", "strict"]
    assert value["verdict"] == "conforms"
    assert value["findings"]
    assert {finding["layer"] for finding in value["findings"]} == {"strict"}
    assert set().union(*map(told, value["findings"])) <= WIRE
    assert f"0 findings and {len(value['findings'])} by the letter alone in " in output


def test_both_layers_send_what_one_does(tmp_path):
    """The letter sends nothing: the same requests, the same findings, and some more of its own."""
    options = ("--max-requests", "60", "--operation", "createChatCompletion")
    _, _, one = ran(faulty(), tmp_path, *options)
    _, _, both = ran(faulty(), tmp_path, *options, "--layer", "both")
    sent = [(operation["requests"], operation["valid"], operation["invalid"]) for operation in one["operations"]]
    assert sent == [(o["requests"], o["valid"], o["invalid"]) for o in both["operations"]]
    mine = [(finding["rule"], finding["message"]) for finding in one["findings"]]
    theirs = [(finding["rule"], finding["message"]) for finding in both["findings"] if finding["layer"] == "compat"]
    assert mine == theirs
    assert [finding["place"] for finding in both["findings"] if finding["layer"] == "strict"] == [
        "body.system_fingerprint"
    ]


def test_the_strict_layer_alone_decides_when_it_is_asked_for(tmp_path):
    """With ``--layer strict`` the letter is the contract, and what it has against the target fails the run."""
    code, _, value = ran(
        application(), tmp_path, "--layer", "strict", "--operation", "createEmbedding", "--max-requests", "40"
    )
    assert code == 1
    assert value["layers"] == ["strict"]
    assert {finding["layer"] for finding in value["findings"]} == {"strict"}


def test_the_letter_tells_nothing_twice():
    """Where the deciding contract found something at a place, the letter says nothing of that place."""
    compat, letter = load("openai"), Letter(load("openai", layer="strict"))
    operation = compat["listModels"]
    request = Request("GET", "/v1/models")
    came = Response(200, {"content-type": "application/json"}, b'{"object": "list", "data": 3}')
    exchange = Exchange(operation, request, came)
    violations = compat.check_response(request, came).violations
    assert violations
    letter.judge(exchange, violations)
    assert len(letter.findings) == 0
    letter.judge(exchange, ())
    assert len(letter.findings) == len({violation.place for violation in violations})
    assert not any(finding.fails for finding in letter.findings)
