"""A server under test inside a suite: one item per operation and kind of finding, in process or by its URL."""

from __future__ import annotations

import pytest

APPS = """
from assay.reference.server import application

app = application()


def wsgi(environ, start_response):
    start_response("200 OK", [("content-type", "application/json")])
    return [b'{"object": "list", "data": [{"id": "m"}]}']


def failing(environ, start_response):
    start_response("500 Oops", [("content-type", "application/json")])
    return [b'{"error": {"message": "a", "type": "b", "param": None, "code": None}}']


class Started:
    ready = False

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            self.ready = True
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        assert self.ready
        await app(scope, receive, send)


started = Started()
number = 7
"""


@pytest.fixture
def target(pytester, monkeypatch):
    """Return a function that runs the items of a target."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    pytester.makepyfile(served=APPS)

    def run(name, *options):
        given = ("-p", "assay_pytest", "--assay-target", name, "--assay-requests", "12")
        return pytester.runpytest_inprocess(*given, *options)

    return run


def test_an_honest_server_passes(target) -> None:
    """An ASGI application of this process is tested without a socket of the user's."""
    ran = target("served:app", "-k", "createEmbedding or listModels")
    outcomes = ran.parseoutcomes()
    assert outcomes["passed"] >= 7
    assert "failed" not in outcomes


def test_the_application_is_told_of_its_start(target) -> None:
    """Frameworks open what they need when they start."""
    outcomes = target("served:started", "-k", "listModels").parseoutcomes()
    assert outcomes["passed"] >= 3
    assert "failed" not in outcomes


def test_a_finding_is_printed_as_assay_run_does(target) -> None:
    """A failing item says what was expected, where it is stated, and how to see it again."""
    ran = target("served:wsgi", "-k", "listModels")
    outcomes = ran.parseoutcomes()
    assert (outcomes["passed"], outcomes["failed"]) == (3, 1)
    ran.stdout.fnmatch_lines(
        [
            "*assay::listModels[[]shape[]]*",
            'expected the property "object", got no such property, at body.data[[]0[]]',
            "stated at models.yaml#/components/schemas/Model/required",
            "curl * http://127.0.0.1:*/v1/models",
        ]
    )


BASELINE = """
format: assay/baseline/1
findings:
  - operation: listModels
    rule: schema/required
    reason: they know
"""


def test_what_a_baseline_knows_fails_no_item(target, pytester) -> None:
    """A file for `assay run` serves here too; what it does not know fails, and one that is none is said to be none."""
    pytester.makefile(".yaml", known=BASELINE, other=BASELINE.replace("listModels", "createEmbedding"), none="a: 1")
    name = ("served:wsgi", "-k", "listModels and shape")
    target(*name, "--assay-baseline", "known.yaml").assert_outcomes(passed=1)
    target(*name, "--assay-baseline", "other.yaml").assert_outcomes(failed=1)
    for file, line in (("none.yaml", "*assay: --assay-baseline: *none.yaml is no baseline*"), ("no", "*cannot read*")):
        ran = target(*name, "--assay-baseline", file)
        assert ran.ret == pytest.ExitCode.USAGE_ERROR
        ran.stderr.fnmatch_lines([line])


def test_a_rule_of_a_run_can_be_switched_off(target) -> None:
    """The setting that names rules of the contract names those of a run too, and an unknown one is refused."""
    name = ("served:failing", "-k", "listModels and errors")
    target(*name).assert_outcomes(failed=1)
    target(*name, "-o", "assay_off=http/method").assert_outcomes(failed=1)
    ran = target(*name, "-o", "assay_off=http/server-error")
    assert ran.parseoutcomes().get("failed") is None
    ran = target(*name, "-o", "assay_off=http/nothing")
    assert ran.ret == pytest.ExitCode.USAGE_ERROR
    ran.stderr.fnmatch_lines(["*there is no rule 'http/nothing'*"])


def test_a_url_works_too_and_nothing_is_deleted_there(target, reference) -> None:
    """What deletes is asked only of an application of this process."""
    ran = target(reference, "--collect-only", "-q")
    here = target("served:app", "--collect-only", "-q")
    assert "deleteFile" not in ran.stdout.str()
    assert "assay::deleteFile[errors]" in here.stdout.str()
    assert target(reference, "-k", "retrieveModel and errors").parseoutcomes()["passed"] == 1


def test_markers_select_and_the_order_is_the_same_each_time(target) -> None:
    """Items have a marker of their own, and two collections are equal."""
    first, second = (target("served:app", "--collect-only", "-q", "-m", "assay_target").outlines for _ in range(2))
    names = [line for line in first if line.startswith("assay::")]
    assert len(names) > 50
    assert names == [line for line in second if line.startswith("assay::")]
    assert (
        target("served:app", "--collect-only", "-q", "-m", "not assay_target").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    )


def test_it_spreads_over_workers(target) -> None:
    """Under xdist every worker collects the same items."""
    ran = target("served:app", "-p", "xdist", "-n", "2", "-k", "listModels or retrieveModel")
    outcomes = ran.parseoutcomes()
    assert outcomes["passed"] >= 6
    assert "failed" not in outcomes


def test_what_cannot_be_tested_says_why(target) -> None:
    """No application, no module, nobody there: one line each."""
    for name, line in (
        ("served:number", "*served:number is no ASGI or WSGI application*"),
        ("nowhere:app", "*nowhere:app cannot be loaded*ModuleNotFoundError*"),
        ("http://127.0.0.1:9", "*cannot connect to http://127.0.0.1:9*"),
    ):
        ran = target(name, "-k", "listModels and errors")
        assert ran.parseoutcomes()["failed"] == 1
        ran.stdout.fnmatch_lines([line])
