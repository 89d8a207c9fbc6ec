"""``assay check`` from the outside: its table, its JSON, its exit codes, and that it repeats nobody's data."""

from __future__ import annotations

import json

import pytest
import yaml
from click.testing import CliRunner
from recorded_exchange import exchange

from assay.cli import main

BAD = {"sent": {"temperature": 3}}


def run(*arguments):
    """Run the command; return exit code, standard output and standard error."""
    result = CliRunner().invoke(main, ["check", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_clean_traffic_exits_with_0(lines) -> None:
    """Honest traffic gives the table, no cause, and 0."""
    code, out, err = run(lines(exchange(), exchange()))
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == [
        "operation", "exchanges", "requests", "wrong", "responses", "wrong", "hazards", "skipped"]  # fmt: skip
    assert out.splitlines()[1].split() == ["createChatCompletion", "2", "-", "-", "-", "-"]
    assert "0 causes of violations; 2 of 2 exchanges judged" in out


def test_violations_exit_with_1_and_are_grouped_by_cause(lines) -> None:
    """Violations of one cause stand together, at most N with file, line and place, and the code is 1."""
    file = lines(exchange(), *[exchange(**BAD)] * 7, "{")
    code, out, _ = run(file, "--max-violations", 2)
    assert code == 1
    assert out.count("schema/maximum") == 1
    assert f"{file}:2: request of createChatCompletion: expected at most 2, got 3, at body.temperature" in out
    assert f"{file}:3: " in out
    assert f"{file}:4: " not in out
    assert "and 5 more" in out
    assert "unreadable entries: 1" in out
    assert f"{file}:9: the line is not JSON" in out


def test_a_file_that_cannot_be_read_is_one_line_and_2(lines, tmp_path) -> None:
    """An unreadable file gives 2 and one line on stderr, and does not keep the others from being judged."""
    code, out, err = run(tmp_path / "none")
    assert (code, out, err.count("\n")) == (2, "", 1)
    code, out, err = run(lines(exchange(**BAD)), tmp_path / "none")
    assert (code, err.count("\n")) == (2, 1)
    assert "schema/maximum" in out


@pytest.mark.parametrize(
    "arguments",
    [["--layer", "loose"], ["--description", "none.yaml"], ["--overlay", "none.yaml"], ["--off", "x"],
     ["--max-violations", "0"], ["--json", "/none/x.json"]],
)  # fmt: skip
def test_wrong_arguments_are_one_line_and_2(lines, arguments) -> None:
    """What cannot be done is one line on stderr and 2, never a traceback."""
    code, _, err = run(lines(exchange()), *arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert "Traceback" not in err


def test_other_hosts_and_unknown_paths_are_listed(lines) -> None:
    """What is not judged is counted and listed, and is no violation unless asked for."""
    file = lines(exchange(), exchange(host="example.com"), exchange(path="/v1/nothing/abc123"))
    code, out, _ = run(file, "--host", "api.openai.*")
    assert code == 0
    assert "of other hosts: 1\n  1 x example.com" in out
    assert "not in the description: 1\n  1 x POST api.openai.com/v1/nothing/{}" in out
    assert run(file, "--strict-paths")[0] == 1


def test_json_holds_what_the_text_says(lines, tmp_path) -> None:
    """The JSON document goes to a file, or alone to the standard output."""
    file = lines(exchange(), exchange(**BAD), "{", exchange(path="/v1/nothing"), exchange(response_body=None))
    code, out, err = run(file, "--json", "-")
    value = json.loads(out)
    assert code == 1
    assert "schema/maximum" in err
    assert (value["exchanges"], value["judged"], value["ok"]) == (4, 3, False)
    assert value["operations"]["createChatCompletion"]["requests_wrong"] == 1
    assert value["operations"]["createChatCompletion"]["responses_skipped"] == 1
    assert value["unreadable"] == {"count": 1, "first": [{"file": file, "line": 3, "reason": "the line is not JSON"}]}
    (cause,) = value["causes"]
    assert (cause["rule"], cause["count"], cause["layers"]) == ("schema/maximum", 1, {"compat": 1})
    assert cause["examples"][0]["place"] == "body.temperature"
    assert cause["examples"][0]["line"] == 2
    written = tmp_path / "out.json"
    run(file, "--json", written)
    assert json.loads(written.read_text()) == value


def test_both_layers_are_named(shared, lines) -> None:
    """With both layers each violation says in which one it holds."""
    file = lines(exchange(came={"system_fingerprint": None}), exchange(**BAD))
    description = shared / "specs" / "openai-2026-08-21.yaml"
    code, out, _ = run(file, "--description", description, "--layer", "both")
    assert code == 1
    assert "layers: compat 0, strict 1" in out
    assert "at body.system_fingerprint (strict only)" in out
    assert "layers: compat 1, strict 1" in out
    assert run(lines(exchange(came={"system_fingerprint": None})), "--description", description)[0] == 0


SECRETS = [f"SECRET{number}-zq" for number in range(18)]


def planted():
    """Exchanges with marked secrets in bodies, headers, queries, addresses and names, each broken somehow."""
    s = iter(SECRETS)
    fields = {"content-type": "application/json", "authorization": f"Bearer {next(s)}", "x-key": next(s)}
    yield exchange(sent={"temperature": next(s), "model": next(s)}, request_headers=fields, query=f"key={next(s)}")
    yield exchange(sent={"messages": [{"role": next(s), "content": next(s)}]})
    yield exchange(came={"choices": [{"index": next(s), "message": {"content": next(s)}}], next(s): 1})
    yield exchange(path=f"/v1/nothing/{next(s)}", host=f"user:{next(s)}@example.com")
    yield exchange(request_body="{" + next(s), request_headers={"content-type": next(s)})
    yield exchange(status=next(s))
    yield exchange(response_headers={"content-type": "text/event-stream", "set-cookie": next(s)},
                   response_body=f"data: {next(s)}\n\n")  # fmt: skip
    yield '{"method": "' + SECRETS[-1]


@pytest.mark.parametrize("arguments", [[], ["--strict-paths", "--max-violations", "50"], ["--host", "x"]])
def test_no_secret_reaches_the_output(lines, tmp_path, arguments) -> None:
    """Marked secrets in bodies, header values, queries and credentials stand in no output."""
    items = list(planted())
    assert all(secret in json.dumps(items) for secret in SECRETS)
    tape = tmp_path / "c.yaml"
    tape.write_text(yaml.safe_dump({"interactions": [{
        "request": {"method": "POST", "uri": f"https://u:{SECRETS[0]}@h/v1/chat/completions?k={SECRETS[1]}",
                    "headers": {"authorization": [SECRETS[2]], "content-type": ["application/json"]},
                    "body": json.dumps({"model": 1, "messages": SECRETS[3]})},
        "response": {"status": {"code": 200, "message": SECRETS[4]}, "headers": {"x": [SECRETS[5]]},
                     "body": {"string": SECRETS[6]}}}]}))  # fmt: skip
    told = run(lines(*items), tape, "--json", "-", *arguments)
    assert told[0] in (0, 1)
    assert not [secret for secret in SECRETS if secret.lower() in (told[1] + told[2]).lower()]
    if "--host" not in arguments:
        assert "schema/" in told[1]
