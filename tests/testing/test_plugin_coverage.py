"""Coverage of a client's suite: what its operations may answer against what its tests have seen."""

from __future__ import annotations

import assay
from assay.messages import Headers, Request
from assay.testing.coverage import Coverage, Totals, report
from assay.testing.facets import Facets
from assay.testing.observe import Seen

TESTS = """
def test_whole(client):
    ask(client)

def test_stream(client):
    list(ask(client, stream=True))

def test_long(client):
    assert ask(client, max_completion_tokens=1).choices[0].finish_reason == "length"

def test_error(client):
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nobody")
"""


def test_the_end_tells_what_was_not_seen(suite) -> None:
    """For each operation that was called: its kinds of response and their facets that no test has read."""
    ran = suite(TESTS, "--assay-coverage-full")
    ran.assert_outcomes(passed=4)
    ran.stdout.fnmatch_lines(
        [
            "*assay: coverage*",
            "createChatCompletion: * facets of its responses in 3 calls; its requests keep * sites",
            "  never answered with: 429, 4XX, 5XX, broken connection",
            "  not seen in 200 application/json: *choices[[]].finish_reason=tool_calls*",
            "  not seen in 200 text/event-stream: *",
            "retrieveModel: * in 1 calls*",
            "  never answered with: 200 application/json, 429, 5XX, broken connection",
            "*% (* of *) of what 2 of * operations may answer was seen",
        ]
    )
    whole = next(line for line in ran.outlines if "not seen in 200 application/json" in line)
    assert "finish_reason=length" not in whole
    assert "createEmbedding" not in ran.stdout.str()


def test_workers_add_up(suite) -> None:
    """Spread over workers, a suite covers what it covers in one process."""
    one = suite(TESTS, "--assay-coverage-full").stdout.lines
    two = suite(TESTS, "--assay-coverage-full", "-p", "xdist", "-n", "2").stdout.lines

    def told(lines):
        return [line for line in lines if " of its responses in " in line or "never answered" in line or "seen" in line]

    assert told(one) == told(two)
    assert len(told(one)) >= 6


def test_too_little_fails_the_run(suite) -> None:
    """Below the bound a run without failures fails; above it nothing changes."""
    ran = suite(TESTS, "--assay-fail-under", "95")
    ran.assert_outcomes(passed=4)
    assert ran.ret == 1
    ran.stdout.fnmatch_lines(["*FAIL: assay coverage is under 95%"])
    assert suite(TESTS, "--assay-fail-under", "5").ret == 0


def test_facets_are_values_nulls_branches_and_optional_properties() -> None:
    """A schema's facets are named by place, and a value shows its own and no others."""
    contract = assay.load(
        {
            "openapi": "3.1.0",
            "info": {"title": "t", "version": "1"},
            "paths": {},
            "components": {
                "schemas": {
                    "Thing": {
                        "type": "object",
                        "required": ["kind"],
                        "properties": {
                            "kind": {"enum": ["a", "b", None]},
                            "note": {"type": ["string", "null"]},
                            "parts": {"type": "array", "items": {"oneOf": [{"type": "string"}, {"type": "integer"}]}},
                            "more": {"type": "object", "additionalProperties": {"enum": [True, False]}},
                        },
                    }
                }
            },
        }
    )
    facets = Facets(contract.schemas, f"{contract.api.root}#/components/schemas/Thing")
    assert facets.possible == {
        "kind=a", "kind=b", "kind=null", "note", "note=null", "parts", "parts[] is string", "parts[] is integer",
        "more", "more.*=true", "more.*=false",
    }  # fmt: skip
    assert facets.shown({"kind": "a"}) == {"kind=a"}
    assert facets.shown({"kind": None, "note": None, "parts": [1], "more": {"x": True}}) == {
        "kind=null", "note", "note=null", "parts", "parts[] is integer", "more", "more.*=true"
    }  # fmt: skip


def test_totals_survive_being_written_down() -> None:
    """What a worker hands over is what it has counted, broken connections too."""
    contract = assay.load()
    request = Request("GET", "/v1/models")
    coverage = Coverage()
    for state, status in (("end", 200), ("broken", 0), ("end", 429), ("end", 503)):
        verdict = contract.check_request(request)
        seen = Seen(contract, "http://x/v1/models", request, verdict, status, Headers(), [], state)
        coverage.add(seen)
    totals = Totals.read(coverage.totals.dumped())
    assert totals == coverage.totals
    kinds = {name for _, group, name in totals.seen if group == "responses"}
    assert kinds == {"200", "broken connection", "429", "503", "5XX"}
    assert 0 < totals.percent < 100
    assert any(line.startswith("listModels: ") for line in report(totals, full=False))
