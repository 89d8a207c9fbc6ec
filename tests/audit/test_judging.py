"""One exchange to its verdicts: layers, hosts, rules switched off, and what is left unjudged."""

from __future__ import annotations

import json

import pytest
from recorded_exchange import CAME, exchange

from assay.audit.files import read_file
from assay.audit.judge import load_judge
from assay.audit.report import Report, template
from assay.errors import UsageError


@pytest.fixture(scope="module")
def judge():
    """The judge by the bundled description."""
    return load_judge()


def judged(lines, judge, *items):
    """The outcomes of exchanges."""
    return [judge(item) for item in read_file(lines(*items))]


def rules(outcome) -> set[tuple[str, str]]:
    """Message and rule of each fault."""
    return {(fault.side, fault.violation.rule) for fault in outcome.faults}


def test_honest_and_broken_exchanges_are_told_apart(lines, judge) -> None:
    """An honest exchange has no fault; a broken message has one, on its side."""
    honest, bad_request, bad_response = judged(
        lines, judge, exchange(), exchange(sent={"temperature": 3}), exchange(came={"object": "x"})
    )
    assert honest.operation == "createChatCompletion"
    assert rules(honest) == set()
    assert rules(bad_request) == {("request", "schema/maximum")}
    assert rules(bad_response) == {("response", "schema/const")}


def test_the_response_is_judged_by_its_request(lines, judge) -> None:
    """A rule between both messages is judged, but not when the request was not recorded."""
    known, unknown = judged(lines, judge, exchange(sent={"n": 2}), exchange(request_body=None))
    assert rules(known) == {("response", "chat/choices-count")}
    assert rules(unknown) == set()
    two = {"choices": [{**CAME["choices"][0], "index": i} for i in (0, 1)]}
    asked, hidden = judged(lines, judge, exchange(came=two), exchange(came=two, request_body=None))
    assert rules(asked) == {("response", "chat/choices-count")}
    assert rules(hidden) == set()
    assert set(hidden.skipped) == {"request"}


def test_a_message_that_was_not_recorded_is_not_judged(lines, judge) -> None:
    """A missing body is skipped with a reason; the other message is judged all the same."""
    (outcome,) = judged(lines, judge, exchange(sent={"temperature": 3}, response_body=None))
    assert set(outcome.skipped) == {"response"}
    assert rules(outcome) == {("request", "schema/maximum")}


def test_hosts_paths_and_methods(lines, judge) -> None:
    """Other hosts are left alone when a host is asked for; unknown paths and methods are no violations."""
    chosen = load_judge(hosts=["*.OpenAI.com"])
    ours, other = judged(lines, chosen, exchange(), exchange(host="api.example.com"))
    assert (ours.foreign, other.foreign) == (False, True)
    path, method = judged(lines, judge, exchange(path="/v1/nothing"), exchange(method="PATCH"))
    assert (path.operation, method.operation, path.faults, method.faults) == (None, None, (), ())
    strict = load_judge(strict_paths=True)
    path, method = judged(lines, strict, exchange(path="/v1/nothing"), exchange(method="PATCH"))
    assert rules(path) == {("request", "http/unknown-operation")}
    assert rules(method) == {("request", "http/unknown-method")}


def test_rules_are_switched_off_by_id(lines) -> None:
    """A registered rule and one of the schemas can be switched off; an unknown id is refused."""
    item = exchange(sent={"n": 2, "temperature": 3}, response_headers={"content-type": "text/plain"})
    everything = load_judge()
    assert rules(judged(lines, everything, item)[0]) == {
        ("request", "schema/maximum"),
        ("response", "http/content-type"),
    }
    quiet = load_judge(off=["schema/maximum", "http/content-type"])
    assert rules(judged(lines, quiet, item)[0]) == set()
    assert rules(judged(lines, load_judge(off=["chat/choices-count"]), exchange(sent={"n": 2}))[0]) == set()
    with pytest.raises(UsageError, match="chat/nothing"):
        load_judge(off=["chat/nothing"])


def test_each_fault_says_by_which_layer_it_is_one(shared, lines) -> None:
    """Judged by both layers, a fault by the letter alone is told from one by both."""
    judge = load_judge(shared / "specs" / "openai-2026-08-21.yaml", layers=("compat", "strict"))
    (outcome,) = judged(lines, judge, exchange(sent={"temperature": 3}, came={"system_fingerprint": None}))
    layers = {fault.violation.place: fault.layers for fault in outcome.faults}
    assert layers == {"body.temperature": ("compat", "strict"), "body.system_fingerprint": ("strict",)}


def test_reports_merge_into_the_report_of_the_whole(lines, judge) -> None:
    """Whatever the cut, the reports of both parts merge into the report of the whole."""
    items = [
        exchange(), "broken", exchange(sent={"temperature": 3}), exchange(path="/v1/nothing"),
        exchange(came={"object": "x", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 3}}),
        exchange(sent={"temperature": 4}, host="h"), exchange(request_body=None), exchange(sent={"temperature": 5}),
        "{}", exchange(sent={"n": 2}),
    ]  # fmt: skip
    read = [item if type(item).__name__ == "Broken" else judge(item) for item in read_file(lines(*items))]

    def report(part):
        made = Report(2)
        for item in part:
            made.add(item)
        return made

    whole = report(read)
    assert (whole.exchanges, whole.judged, whole.unread, len(whole.causes)) == (8, 7, 2, 3)
    for cut in range(len(read) + 1):
        merged = report(read[:cut])
        merged.merge(report(read[cut:]))
        for name in ("operations", "hosts", "unknown", "foreign", "skipped", "causes", "broken", "unread"):
            assert getattr(merged, name) == getattr(whole, name), (cut, name)


def test_a_report_is_bounded_whatever_the_traffic() -> None:
    """Paths that are all different fall into few templates, and at most a thousand names are kept."""
    assert template("/v1/threads/thread_A1b2c3/runs?key=x") == "/v1/threads/{}/runs"
    assert template("/v1beta/models/gpt-4o:generate") == "/v1beta/models/{}"
    assert template("/" + "a" * 25) == "/{}"
    report, other = Report(), Report()
    for number in range(3000):
        other.unknown = other.unknown.__class__({f"GET h{number}/x": 1})
        report.merge(other)
    assert len(report.unknown) <= 1001
    assert report.unknown.total() == 3000


def test_the_same_exchange_twice_has_the_same_verdict(lines, judge) -> None:
    """Judging keeps nothing from one exchange to the next."""
    item = exchange(sent={"temperature": 3}, came={"object": "x"})
    outcomes = judged(lines, judge, item, exchange(), item)
    assert rules(outcomes[0]) == rules(outcomes[2]) != set()
    assert json.loads(item["request_body"])["temperature"] == 3
