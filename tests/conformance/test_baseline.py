"""The baseline: what is known fails nothing, what is new does, what is gone is told, and reasons survive."""

from __future__ import annotations

import json
import re

import orjson
import pytest
from click.testing import CliRunner
from faulty_target import KEY, SAID, faulty
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.adapters.serve import serve
from assay.cli import main
from assay.conformance.baseline import FORMAT, Baseline, Entry, read, written
from assay.conformance.checks import Exchange
from assay.conformance.findings import LENIENT
from assay.conformance.result import Options, Result, Tally
from assay.errors import UsageError
from assay.messages import Request, Response
from assay.model import Operation
from assay.violation import Violation

OPERATION = Operation("chat", "POST", "/chat")


def result_of(*violations, closed="", accepted=1, status=200, said=b""):
    """A finished run of one operation with these violations."""
    result = Result(Options(), operations=(OPERATION,))
    result.tallies["chat"] = Tally(sent=9, accepted=accepted, closed=closed)
    for number, violation in enumerate(violations):
        request = Request("POST", "/chat", {}, b"x" * number)
        result.findings.add(Exchange(OPERATION, request, Response(status, {}, said)), violation)
    return result


def broken(rule="schema/type", *path, pointer="a.yaml#/x", severity="violation"):
    """A violation at a path of the body."""
    return Violation(rule, "body", path, "a string", "a number", pointer, severity)


def kinds(count, first=0):
    """Several kinds of invalid request that were accepted."""
    return [broken(LENIENT, f"p{number}", pointer=f"#/p{number}/type") for number in range(first, first + count)]


def failing(result):
    """The places of what fails a run."""
    return [finding.violation.place for finding in result.findings if finding.fails]


def test_what_is_known_fails_nothing_and_what_is_new_does():
    """The update accepts what a run finds; the next run fails for another place alone."""
    first = result_of(broken(), broken("schema/enum", "a", 3, "b"))
    assert len(failing(first)) == 2
    known = Baseline("b.yaml").updated(first)
    second = result_of(broken(), broken("schema/enum", "a", 7, "b"), broken("schema/enum", "c"))
    applied = known.applied(second)
    assert failing(second) == ["body.c"]
    assert second.failed
    assert applied.vanished == ()
    assert [finding.accepted for finding in second.all] == [False, True, True]
    third = result_of(broken())
    known.applied(third)
    assert not third.failed


def test_what_an_entry_leaves_out_matches_anything_and_what_it_names_must_be_the_same():
    """Each field alone decides; a rule is always named."""
    violation = broken("schema/type", "a", 0)
    for entry, covers in (
        (Entry("schema/type"), True),
        (Entry("schema/enum"), False),
        (Entry("schema/type", "chat", "a.yaml#/x", "body", ("a", "*")), True),
        (Entry("schema/type", "other"), False),
        (Entry("schema/type", pointer="a.yaml#/y"), False),
        (Entry("schema/type", part="event"), False),
        (Entry("schema/type", path=("a",)), False),
        (Entry("schema/type", path=()), False),
    ):
        result = result_of(violation)
        Baseline("b.yaml", (entry,)).applied(result)
        assert result.failed != covers, entry


def test_a_new_kind_of_a_known_leniency_is_new():
    """Ten kinds have an entry each and an eleventh fails; what takes more is said not to validate, by one entry."""
    few = Baseline("b.yaml").updated(result_of(*kinds(10)))
    assert len(few.entries) == 10
    again = result_of(*kinds(11))
    few.applied(again)
    (finding,) = [finding for finding in again.findings if finding.fails]
    assert (finding.violation.place, finding.kinds) == ("body.p10", 1)
    (accepted,) = [finding for finding in again.findings if finding.accepted]
    assert accepted.kinds == 10
    many = Baseline("b.yaml").updated(result_of(*kinds(11), broken()))
    assert many.entries == (Entry(LENIENT, "chat"), Entry("schema/type", "chat", "a.yaml#/x", "body", ()))
    other = result_of(*kinds(3, first=50))
    many.applied(other)
    assert not other.failed


def test_what_is_gone_is_told_only_where_it_was_looked_for():
    """An entry vanished when its operation was served in a run that came to its end; an update drops it then."""
    entry = Entry("schema/enum", "chat", reason="later")
    known = Baseline("b.yaml", (entry, Entry("schema/enum", "elsewhere")))
    applied = known.applied(result_of(broken()))
    assert applied.vanished == (entry,)
    assert entry not in applied.updated(result_of()).entries
    assert Entry("schema/enum", "elsewhere") in applied.updated(result_of()).entries
    unserved = result_of(closed="answered with 404", accepted=0)
    assert known.applied(unserved).vanished == ()
    stopped = result_of()
    stopped.stopped = "time is up"
    assert known.applied(stopped).vanished == ()


def test_hazards_and_dead_targets_get_no_entry():
    """What fails nothing needs none, and a run that a dead target ended has proven nothing; by hand a hazard may."""
    down = Violation("http/server-down", "response", (), "a target", "none")
    result = result_of(broken(severity="hazard"), down)
    assert Baseline("b.yaml").updated(result).entries == ()
    Baseline("b.yaml", (Entry("schema/type"),)).applied(result)
    assert [finding.accepted for finding in result.findings] == [True, False]


def test_a_refusal_is_known_by_its_sentence_but_not_repeated():
    """The file tells refusals apart and shows none of their words, nor a name that may be somebody's."""
    refused = Violation("http/valid-refused", "status", (), "acceptance", "status 400")
    said = f"The key {KEY} may not".encode()
    known = Baseline("b.yaml").updated(result_of(refused, broken("schema/type", "sk-marked-secret"), said=said))
    text = written(known)
    assert "marked" not in text
    assert "key" not in text.partition("findings:")[2]
    same, other = result_of(refused, said=said), result_of(refused, said=b"Another sentence")
    known.applied(same)
    known.applied(other)
    assert (same.failed, other.failed) == (False, True)


steps = st.text(max_size=9)
entries = st.builds(
    Entry,
    st.text(min_size=1),
    *[st.none() | st.text()] * 3,
    st.none() | st.lists(steps, max_size=3).map(tuple),
    st.text(),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(entries, max_size=4).map(tuple), st.sampled_from(["b.yaml", "b.json"]))
def test_what_is_written_is_read_again(tmp_path_factory, found, name):
    """Any entry, whatever stands in its texts, survives the file, in YAML and in JSON."""
    folder = tmp_path_factory.getbasetemp()
    file = folder / name
    file.write_text(written(Baseline(str(file), found)), encoding="utf-8")
    assert read(str(file)).entries == found


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "is empty; expected format: assay/baseline/1"),
        ("format: [", "this is not YAML"),
        ("- a", "is no baseline of this version; expected format: assay/baseline/1"),
        ("format: assay/baseline/2\nfindings: []", "is no baseline of this version"),
        ("findings: []", "is no baseline of this version"),
        (f"format: {FORMAT}\nfindings: 3", "expected format and findings, a list, and nothing else"),
        (f"format: {FORMAT}\nfound: []", "expected format and findings"),
        (f"format: {FORMAT}\nfindings: [3]", "findings[0]: expected an object with a rule"),
        (f"format: {FORMAT}\nfindings: [{{operation: a}}]", "findings[0]: expected an object with a rule"),
        (f"format: {FORMAT}\nfindings: [{{rule: a, resaon: b}}]", "findings[0]: unknown key resaon; expected rule"),
        (f"format: {FORMAT}\nfindings: [{{rule: a, reason: 3}}]", "findings[0]: reason: expected text"),
        (f"format: {FORMAT}\nfindings: [{{rule: a, path: b}}]", "findings[0]: path: expected a list of texts"),
        (f"format: {FORMAT}\nfindings: [{{rule: a, rule: b}}]", "b.yaml"),
        ("\0", "b.yaml"),
    ],
)
def test_a_file_that_is_no_baseline_is_one_line(text, part, tmp_path, monkeypatch):
    """Whatever is wrong with the file is told in one line, before anything is sent."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.yaml").write_text(text)
    with pytest.raises(UsageError):
        read("b.yaml")
    done = CliRunner().invoke(main, ["run", "http://127.0.0.1:9", "--baseline", "b.yaml"])
    assert done.exit_code == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("assay: --baseline: b.yaml")
    assert part in line


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--baseline", "none.yaml"), "cannot read none.yaml"),
        (("--update-baseline",), "expected --baseline FILE too"),
        (("--baseline", "no/b.yaml", "--update-baseline"), "cannot write no/b.yaml"),
    ],
)
def test_a_baseline_that_cannot_be_is_refused_before_the_run(arguments, part, tmp_path, monkeypatch):
    """A missing file, an update of nothing, and a folder that is not there."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["run", "http://127.0.0.1:9", *arguments])
    assert (done.exit_code, part in done.stderr) == (2, True), done.output


def test_the_baseline_of_the_documentation_is_one(root, tmp_path):
    """The example of docs/reports.md is read, and written again it is the same but for the head."""
    (block,) = re.findall(r"```yaml\n(.*?)```", (root / "docs" / "reports.md").read_text(), re.DOTALL)
    (tmp_path / "b.yaml").write_text(block)
    known = read(str(tmp_path / "b.yaml"))
    assert [entry.rule for entry in known.entries] == ["schema/required", LENIENT]
    (tmp_path / "c.yaml").write_text(written(known))
    assert read(str(tmp_path / "c.yaml")).entries == known.entries


@pytest.mark.parametrize("name", ["known.yaml", "known.json"])
def test_a_baseline_in_use(name, tmp_path, monkeypatch):
    """Fail, accept, pass; give a reason; see it kept; take one away and fail for it alone; secrets stay out."""
    monkeypatch.chdir(tmp_path)

    def ran(*options):
        with serve(faulty()) as url:
            wanted = ("--operation=createChatCompletion", "--operation=createModeration", "--max-requests", "40")
            environment = {"OPENAI_API_KEY": KEY}
            done = CliRunner(env=environment).invoke(main, ["run", url, *wanted, "--json", "r.json", *options])
        return done, json.loads((tmp_path / "r.json").read_text())

    assert ran()[0].exit_code == 1
    done, _ = ran("--baseline", name, "--update-baseline")
    assert done.exit_code == 0, done.output
    text = (tmp_path / name).read_text()
    assert "marked-secret" not in text
    assert SAID not in text
    known = read(name)
    assert len(known.entries) >= 4
    reasoned = [Entry(**{**_fields(entry), "reason": f"because: {entry.rule} #1"}) for entry in known.entries]
    gone = Entry("schema/minimum", "createChatCompletion", reason="gone")
    (tmp_path / name).write_text(written(Baseline(name, (*reasoned, gone))))
    done, value = ran("--baseline", name)
    assert done.exit_code == 0, done.output
    failing = [finding for finding in value["findings"] if finding["severity"] == "violation"]
    assert f"{len(failing)} known findings accepted by {name}" in done.stdout
    assert "no longer seen: createChatCompletion schema/minimum" in done.stdout
    assert value["baseline"] == {"file": name, "vanished": [gone.document()]}
    assert {finding["accepted"] for finding in failing} == {True}
    assert {finding["reason"] for finding in failing} == {entry.reason for entry in reasoned}
    assert len(done.stdout.splitlines()) <= 24
    ran("--baseline", name, "--update-baseline")
    assert read(name).entries == tuple(reasoned)
    (tmp_path / name).write_text(written(Baseline(name, tuple(reasoned[1:]))))
    done, value = ran("--baseline", name)
    assert done.exit_code == 1
    failing = [finding for finding in value["findings"] if finding["severity"] == "violation"]
    assert [finding["rule"] for finding in failing if not finding["accepted"]] == [reasoned[0].rule]


def _fields(entry):
    value = orjson.loads(orjson.dumps(entry.document()))
    return {**value, **({"path": tuple(value["path"])} if "path" in value else {})}
