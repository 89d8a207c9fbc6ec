"""The reports of one run of a faulty server: they tell the same, keep secrets, and others can read them."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner
from faulty_target import KEY, SAID, faulty

from assay.adapters.serve import serve
from assay.cli import main
from assay.commands.reports import Place, _Report
from assay.conformance.markdown import _code, _fenced

OPERATIONS = ("createChatCompletion", "createModeration", "createEmbedding", "createImage", "createSpeech")
FILES = {"html": "r.html", "junit": "r.xml", "json": "r.json", "har": "r.har", "markdown": "r.md"}


def assay(*arguments, **environment):
    """Run a command and return what came of it."""
    return CliRunner(env=environment).invoke(main, [str(argument) for argument in arguments])


def reported(folder, *options):
    """Run against the faulty server with every report; return the output and the texts by format."""
    chosen = [word for name in OPERATIONS for word in ("--operation", name)]
    asked = [word for form, name in FILES.items() for word in ("--report", f"{form}={folder / name}")]
    with serve(faulty()) as url:
        done = assay(
            "run", url, "--max-requests", 90, *chosen, *asked, "--header", f"X-Extra: {KEY}", *options,
            OPENAI_API_KEY=KEY,
        )  # fmt: skip
    assert done.exit_code == 1, done.output
    return done.output, {form: (folder / name).read_text(encoding="utf-8") for form, name in FILES.items()}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The reports of a run in both layers."""
    return reported(tmp_path_factory.mktemp("plain"), "--layer", "both")


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    """The same with the bodies of responses."""
    return reported(tmp_path_factory.mktemp("bodies"), "--layer", "both", "--show-bodies")


def found(reports):
    """The findings of the JSON report."""
    return json.loads(reports["json"])["findings"]


def test_every_report_tells_every_finding(plain):
    """Each finding of the JSON stands in every format, with its rule, its place, what was wanted and its command."""
    output, reports = plain
    findings = found(reports)
    rules = {finding["rule"] for finding in findings}
    assert {"schema/required", "stream/done-missing", "http/error-envelope", "http/server-error"} <= rules
    archive = json.loads(reports["har"])["log"]["entries"]
    named = {told["number"]: told for entry in archive for told in entry["_findings"]}
    junit = "\n".join(ET.fromstring(reports["junit"]).itertext())  # noqa: S314  ours
    for number, finding in enumerate(findings, 1):
        assert finding["curl"] in output
        assert finding["curl"] in reports["markdown"]
        assert finding["curl"] in junit
        assert f"## {number}. {finding['rule']}" in reports["markdown"]
        assert f"{number}. {finding['rule']}" in reports["html"]
        assert f"<dd>{finding['expected']}</dd>".replace('"', "&#34;") in reports["html"]
        assert f"expected: {finding['expected']}\nseen:     {finding['got']}\n" in reports["markdown"]
        assert finding["message"] in junit
        assert named[number]["rule"] == finding["rule"]


def test_a_finding_is_told_with_its_sentence(plain):
    """Rules of the registry, of HTTP and of schemas say what they ask, in the reports that explain."""
    _, reports = plain
    for finding in found(reports):
        assert finding["sentence"].endswith("."), finding["rule"]
        assert finding["sentence"] in reports["markdown"]
    assert "The stream ends with [DONE], or with an error event." in reports["html"]


@pytest.mark.parametrize("form", ["output", *FILES])
def test_no_report_repeats_a_secret_or_a_body(form, plain, bodies):
    """A key that the target repeats in a header and a body shows nowhere; bodies show only when asked for."""
    output, reports = plain
    text = {"output": output, **reports}[form]
    assert "marked-secret" not in text
    assert SAID not in text
    output, reports = bodies
    text = {"output": output, **reports}[form]
    assert "marked-secret" not in text
    assert SAID in text
    assert "(hidden)" in text


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1?key={}", "http://me:{}@127.0.0.1:9/v1"])
def test_a_key_in_the_address_is_refused_and_not_repeated(url):
    """What stands in a URL would stand in every report, so no key may."""
    done = assay("run", url.format(KEY))
    assert done.exit_code == 2
    assert "marked-secret" not in done.output


@pytest.mark.parametrize("form", ["output", "html", "json", "markdown"])
def test_the_words_of_a_refusal_keep_the_key(form, plain):
    """Why something is not supported is told in the words of the target, the key taken out."""
    output, reports = plain
    text = {"output": output, **reports}[form]
    assert "refused with 400: this server lets (hidden) only" in text


def test_junit_fails_for_what_fails_the_run_alone(plain):
    """Failures are the findings that count; what the letter has stands in the output of its test."""
    _, reports = plain
    suite = ET.fromstring(reports["junit"])[0]  # noqa: S314  ours
    failing = [f for f in found(reports) if f["layer"] == "compat" and f["severity"] == "violation"]
    assert len(suite.findall(".//failure")) == len(failing) > 2
    assert int(suite.attrib["tests"]) == len(suite)
    out = "".join(node.text for node in suite.findall(".//system-out"))
    assert "schema/type (strict: by the letter alone)" in out


HAR = {
    "": {"startedDateTime": str, "time": float, "cache": dict, "timings": dict, "request": dict, "response": dict},
    "request": {"method": str, "url": str, "httpVersion": str, "cookies": list, "headers": list, "queryString": list,
                "headersSize": int, "bodySize": int},
    "response": {"status": int, "statusText": str, "httpVersion": str, "cookies": list, "headers": list,
                 "content": dict, "redirectURL": str, "headersSize": int, "bodySize": int},
}  # fmt: skip


def test_the_archive_is_one(bodies):
    """Every field that HAR 1.2 requires is there in its type, and no field of the user's is."""
    _, reports = bodies
    log = json.loads(reports["har"])["log"]
    assert (log["version"], log["creator"]["name"]) == ("1.2", "assay")
    assert len(log["entries"]) >= 4
    for entry in log["entries"]:
        for part, wanted in HAR.items():
            value = entry[part] if part else entry
            assert {name: type(value.get(name)) for name in wanted} == wanted
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", entry["startedDateTime"])
        assert set(entry["timings"]) == {"send", "wait", "receive"}
        assert {"size", "mimeType"} <= set(entry["response"]["content"])
        assert entry["request"]["comment"] == "sent with X-Extra, Authorization, left out here"
        for side in ("request", "response"):
            assert all(set(field) == {"name", "value"} for field in entry[side]["headers"])
        names = [field["name"].lower() for field in entry["request"]["headers"]]
        assert not {"authorization", "x-extra"} & set(names)


def test_check_tells_the_same_of_the_archive(bodies, plain, tmp_path):
    """``assay check`` finds the violations of responses in the archive again; without bodies it has none to judge."""
    _, reports = bodies
    (tmp_path / "r.har").write_text(reports["har"], encoding="utf-8")
    done = assay("check", tmp_path / "r.har", "--layer", "both", "--json", tmp_path / "c.json")
    assert done.exit_code == 1, done.output
    again = _of_responses(json.loads((tmp_path / "c.json").read_text()))
    wanted = {
        (finding["rule"], finding["pointer"])
        for finding in found(reports)
        if finding["column"] in ("shape", "streams", "relations") and not finding["rule"].startswith("relation/")
    }
    assert len(wanted) >= 3
    assert wanted <= again
    envelopes = [finding["pointer"] for finding in found(reports) if finding["rule"] == "http/error-envelope"]
    assert {("schema/type", pointer) for pointer in envelopes} <= again
    (tmp_path / "bare.har").write_text(plain[1]["har"], encoding="utf-8")
    done = assay("check", tmp_path / "bare.har", "--json", tmp_path / "bare.json")
    bare = json.loads((tmp_path / "bare.json").read_text())
    assert not [rule for rule, _ in _of_responses(bare) if rule.startswith("schema/")]
    assert bare["skipped"]


def _of_responses(checked):
    """What ``assay check`` has against responses."""
    causes = [cause for cause in checked["causes"] if cause["examples"][0]["message"] == "response"]
    return {(cause["rule"], cause["pointer"]) for cause in causes}


def test_markdown_has_a_row_for_what_has_findings(plain):
    """The table tells broken operations cell by cell, and names the others in one line."""
    _, reports = plain
    rows = [line for line in reports["markdown"].splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == ["createChatCompletion", "createModeration", "createEmbedding"]
    assert "| **1 broken** |" in rows[0]
    assert len({row.count("|") for row in rows}) == 1
    assert "* `unsupported (answered with 404)`: `createImage`" in reports["markdown"]


@pytest.mark.parametrize("text", ["plain", "``", "a\n```\nb", "`````", "", "~~~"])
def test_nothing_ends_a_fence_or_a_span(text):
    """The fence is longer than any run of backticks in a block, and so are the marks of a span."""
    fence, *inside, last = _fenced(text, "").split("\n")
    assert fence == last
    assert set(fence) == {"`"}
    assert "\n".join(inside) == text
    assert len(fence) > max((len(run) for run in re.findall("`+", text)), default=2)
    span = _code(text)
    ticks = re.match("`+", span)[0]
    assert ticks not in re.findall("`+", span[len(ticks) : -len(ticks)])


def test_a_block_that_is_too_long_is_cut():
    """An issue holds so many characters: what is cut says by how much."""
    block = _fenced("x" * 9000, "sh")
    assert len(block) < 8200
    assert "1000 characters more" in block


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("html", Place("html", "assay-report.html")),
        ("har=x", Place("har", "x")),
        ("markdown=-", Place("markdown", "-")),
        ("a/b.HTM", Place("html", "a/b.HTM")),
        ("b.xml", Place("junit", "b.xml")),
        ("b.json", Place("json", "b.json")),
        ("b.har", Place("har", "b.har")),
        ("b.md", Place("markdown", "b.md")),
        ("html=a=b.md", Place("html", "a=b.md")),
    ],
)
def test_a_report_names_its_format_or_shows_it(text, place):
    """A format, a format with a file, or a file whose ending tells the format."""
    assert _Report().convert(text, None, None) == place


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--report", "pdf"), "expected FORMAT or FORMAT=FILE, one of html, junit, json, har, markdown"),
        (("--report", "pdf=a.html"), "expected FORMAT"),
        (("--report", "html="), "expected FORMAT"),
        (("--report", "report"), "expected FORMAT"),
        (("--report", "no/such/a.html"), "cannot write no/such/a.html"),
        (("--report", "html=a", "--report", "har=a"), "two reports would go to a"),
        (("--json", "-", "--report", "html=-"), "two reports would go to the standard output"),
    ],
)
def test_a_report_that_cannot_be_is_refused_before_the_run(arguments, part, tmp_path, monkeypatch):
    """One line and exit code 2, and nothing is sent."""
    monkeypatch.chdir(tmp_path)
    done = assay("run", "http://127.0.0.1:9", *arguments)
    assert done.exit_code == 2
    assert part in done.stderr.splitlines()[-1]


def test_a_report_on_the_standard_output_is_alone_there(tmp_path, monkeypatch):
    """Whatever the format, the terminal's report goes to stderr; files without a name get one, and are told."""
    monkeypatch.chdir(tmp_path)
    done = assay("run", "--max-requests", 12, "--operation", "listModels", "--report", "markdown=-", "--report", "har")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("# Assay: 0 findings\n")
    assert "Tried without findings: `listModels`." in done.stdout
    assert done.stderr.splitlines()[-1] == "written: assay-report.har"
    assert json.loads((tmp_path / "assay-report.har").read_text())["log"]["entries"] == []
