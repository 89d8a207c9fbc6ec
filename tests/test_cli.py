"""The command line from outside: exit codes, one line on stderr, files written, secrets kept."""
# ruff: noqa: ARG001  fakes take what the real ones take

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from click.testing import CliRunner

from assay.adapters.serve import serve
from assay.cli import main
from assay.reference.server import application

SECRET = "sk-otter-4711-marked-secret"


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.chdir(tmp_path)


def assay(*arguments, **environment):
    """Run a command and return what came of it."""
    return CliRunner(env=environment).invoke(main, [str(a) for a in arguments])


def test_the_embedded_default_conforms_on_one_screen(tmp_path):
    """Without a URL the reference server is tested, clean, and the result fits on 24 lines; nothing else is left."""
    done = assay("run", "--max-requests", 180)
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    assert "createChatCompletion" in done.stdout
    assert "0 findings in" in done.stdout
    assert len(done.stdout.splitlines()) <= 24
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_in_the_folder_of_the_user(tmp_path):
    """What the command and its libraries keep goes to the user's cache; pytest hides this, so a process shows it."""
    work, cache = tmp_path / "work", tmp_path / "cache"
    work.mkdir()
    kept = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    kept.pop("HYPOTHESIS_STORAGE_DIRECTORY", None)
    command = [sys.executable, "-m", "assay", "run", "--max-requests", "30", "--operation", "createEmbedding"]
    done = subprocess.run(command, cwd=work, env=kept, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(work.iterdir())
    assert [path.name for path in cache.iterdir()] == ["assay"]
    assert list((cache / "assay").iterdir())


def test_a_rule_is_switched_off_for_a_run():
    """``--off`` and ``--ignore`` take the id of a rule; an unknown one is told before anything is sent."""
    for name in ("--off", "--ignore"):
        done = assay("run", "--plan", name, "chat/nothing")
        assert done.exit_code == 2
        assert "there is no rule 'chat/nothing'" in done.stderr
        assert assay("run", "--plan", name, "chat/citations").exit_code == 0


def test_a_rule_of_a_run_can_be_switched_off():
    """What only a run judges by is no rule of a contract, and is switched off all the same; others still fail."""
    options = ("run", "--fault", "any-method", "--operation", "createChatCompletion", "--max-requests", 60)
    assert assay(*options, "--off", "http/allow", "--off", "chat/citations").exit_code == 1
    silent = assay(*options, "--off", "http/method")
    assert silent.exit_code == 0, silent.output
    assert "http/method" not in silent.output


async def broken(scope, receive, send):
    """Answer the list of models rightly and everything else with 500."""
    body = b'{"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "us"}]}'
    while (await receive()).get("more_body"):
        pass
    status, body = (200, body) if scope["path"] == "/v1/models" else (500, b"secret body of the answer")
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def test_findings_give_exit_code_1_and_every_report(tmp_path):
    """A broken server gives 1; terminal, JSON and JUnit tell the same findings and no key."""
    with serve(broken) as url:
        done = assay(
            "run", f"{url}/v1", "--max-requests", 30, "--operation", "createChatCompletion", "--operation", "/models",
            "--json", "out.json", "--junit", "out.xml", "--header", f"X-Extra: {SECRET}", OPENAI_API_KEY=SECRET,
        )  # fmt: skip
    assert done.exit_code == 1, done.output
    value = json.loads((tmp_path / "out.json").read_bytes())
    assert [f["rule"] for f in value["findings"]] == ["http/server-error"]
    assert value["verdict"] == "findings"
    assert value["format"] == "assay/run/1"
    suite = ET.fromstring((tmp_path / "out.xml").read_text(encoding="utf-8"))[0]  # noqa: S314  ours
    assert suite.attrib["failures"] == "1"
    assert "1 finding in" in done.stdout
    curl = value["findings"][0]["curl"]
    assert curl in done.stdout.splitlines()
    assert "stated at chat.yaml#/paths/~1chat~1completions/post" in done.stdout.replace("\n   ", "\n")
    assert value["findings"][0]["pointer"] == "chat.yaml#/paths/~1chat~1completions/post"
    assert "file:" not in done.stdout
    assert '-H "authorization: Bearer $OPENAI_API_KEY"' in curl
    assert '-H "X-Extra: $X_EXTRA"' in curl
    for text in (done.output, (tmp_path / "out.json").read_text(), (tmp_path / "out.xml").read_text()):
        assert SECRET not in text
        assert "secret body" not in text


def test_bodies_are_shown_when_asked_for():
    """``--show-bodies`` adds the response to the reports."""
    with serve(broken) as url:
        done = assay("run", url, "--max-requests", 10, "--operation", "createChatCompletion", "--show-bodies")
    assert done.exit_code == 1
    assert "secret body of the answer" in done.stdout


async def careless(scope, receive, send):
    """Answer the list of models rightly and every other request with the same moderation."""
    body = b'{"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "us"}]}'
    while (await receive()).get("more_body"):
        pass
    if scope["path"] != "/root/models":
        body = b'{"id": "m", "model": "m", "results": []}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def test_a_careless_server_is_told_its_kinds_in_every_report(tmp_path):
    """Several kinds of invalid request are one finding: a count and a list; the URL's path is the API's root."""
    with serve(careless) as url:
        options = ("--max-requests", 60, "--operation", "createModeration", "--json", "out.json", "--junit", "out.xml")
        done = assay("run", f"{url}/root", *options)
    assert done.exit_code == 1, done.output
    findings = json.loads((tmp_path / "out.json").read_bytes())["findings"]
    (finding,) = [f for f in findings if f["rule"] == "http/invalid-accepted"]
    assert finding["kinds"] >= len(finding["parts"]) >= 2
    assert f"of {finding['kinds']} kinds of invalid request" in finding["message"]
    junit = ET.fromstring((tmp_path / "out.xml").read_text(encoding="utf-8"))  # noqa: S314  ours
    told = "".join(junit.itertext())
    for part in finding["parts"]:
        line = f"- {part['place']}: {part['got']} where {part['expected']} is wanted"
        assert line in done.stdout
        assert line in told
        assert "/root/moderations" in part["curl"]


def test_a_plan_sends_nothing():
    """``--plan`` lists operations, phases and scenarios within the budget, and contacts nobody."""
    done = assay("run", "http://127.0.0.1:9/v1", "--plan", "--max-requests", 100)
    assert done.exit_code == 0, done.output
    assert "createChatCompletion: minimal; stream; " in done.stdout
    assert "not tested (deletes: " in done.stdout
    assert "100 of 100 requests" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith("createChatCompletion ")]
    assert int(rows[0][1]) >= 15
    assert "(system message + developer message + " in done.stdout
    assert sum(int(cell) for cell in rows[0][1:7]) == int(rows[0][7])
    small = assay("run", "--plan", "--max-requests", 5, "--operation", "createEmbedding")
    assert "5 of 5 requests" in small.stdout


def test_json_on_stdout_is_alone_there():
    """``--json -`` leaves the standard output to the document."""
    done = assay("run", "--max-requests", 20, "--operation", "listModels", "--json", "-")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["verdict"] == "conforms"
    assert "0 findings" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("run", "http://127.0.0.1:9"), "cannot connect to http://127.0.0.1:9: connection refused"),
        (("run", "localhost:8000"), "the target must be http"),
        (("run", "--operation", "createChatCompletions"), "did you mean createChatCompletion"),
        (("run", "--header", SECRET), "--header: expected 'Name: value'"),
        (("run", "--key-env", "NO_SUCH_KEY"), "the variable NO_SUCH_KEY is not set"),
        (("run", "--max-requests", "0"), "--max-requests"),
        (("run", "--json", "no/such/folder/x.json"), "cannot write no/such/folder/x.json"),
        (("run", "--description", "nothing.yaml"), "nothing.yaml"),
        (("operations", "--description", "nothing.yaml"), "nothing.yaml"),
        (("spec", "repairs", "--overlay", "nothing.yaml"), "nothing.yaml"),
        (("dance",), "No such command"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_what_cannot_run_is_one_line_and_exit_code_2(arguments, part):
    """Each kind of wrong argument, unreachable target and unreadable description gets one clear line."""
    done = assay(*arguments)
    assert done.exit_code == 2, done.output
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("assay: ")
    assert part in lines[0]
    assert SECRET not in done.output


def test_an_unexpected_error_is_one_line_with_a_place(monkeypatch, tmp_path):
    """A fault of ours leaves its traceback in a file and one line on stderr."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def fails(*arguments, **options):
        raise RuntimeError("otter")

    monkeypatch.setattr("assay.cli.load_api", fails)
    done = assay("operations")
    assert done.exit_code == 2
    assert "unexpected RuntimeError; its traceback is in " in done.stderr
    (file,) = tmp_path.glob("assay-*.traceback")
    assert "RuntimeError: otter" in file.read_text(encoding="utf-8")
    assert "Traceback" in assay("--debug", "operations").stderr


def test_an_interrupt_prints_what_was_found(monkeypatch):
    """Ctrl-C gives 130, the result so far, and how a run can be gone on with."""

    def interrupted(contract, target, result, watch, *, journal):
        result.sent = 7
        raise KeyboardInterrupt

    monkeypatch.setattr("assay.commands.run.test", interrupted)
    done = assay("run")
    assert done.exit_code == 130
    assert "0 findings in 7 requests" in done.stdout
    assert "(stopped: interrupted)" in done.stdout
    assert "with --resume FILE, the next run could go on where this one ended" in done.stdout
    done = assay("run", "http://127.0.0.1:9", "--resume", "journal")
    assert done.stdout.endswith("the same command goes on from here: journal holds what was answered\n")


def test_a_key_is_sent_and_its_enforcement_tested():
    """With ``--key-env`` a server that asks for the key conforms; without any key the run says what is missing."""
    with serve(application(key=SECRET)) as url:
        keyed = assay("run", url, "--key-env", "MY_KEY", "--max-requests", 40, MY_KEY=SECRET)
        keyless = assay("run", url, "--max-requests", 40)
    assert keyed.exit_code == 0, keyed.output
    assert keyless.exit_code == 2
    assert "OPENAI_API_KEY" in keyless.stderr
    assert SECRET not in keyed.output


def test_version_operations_and_repairs_are_listed():
    """The small commands print what they are asked for."""
    assert assay("--version").stdout.startswith("assay ")
    listed = assay("operations").stdout
    assert "createChatCompletion" in listed
    assert "/chat/completions" in listed
    done = assay("spec", "repairs")
    assert done.exit_code == 0
    assert "repairs" in done.stdout.lower()
