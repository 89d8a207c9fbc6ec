"""``assay audit`` from the outside: its outputs, its exit codes, its verdicts, and that it repeats nobody's data."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner
from pyarrow import parquet
from recorded_exchange import exchange
from test_check_command import SECRETS, planted

from assay.cli import main

BAD = {"sent": {"temperature": 3}}


def run(*arguments, command="audit"):
    """Run the command; return exit code, standard output and standard error."""
    result = CliRunner().invoke(main, [command, *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def test_the_text_tells_what_with_whom_and_since_when(lines) -> None:
    """The table, each cause with its hosts, models and times, its places, and the share."""
    file = lines(exchange(), exchange(**BAD), exchange(path="/v1/x"), "{")
    code, out, err = run(file)
    assert (code, err) == (1, "")
    assert out.splitlines()[1].split() == ["createChatCompletion", "2", "1", "1", "-", "-", "-"]
    assert "1. schema/maximum: 1 in 1 exchange" in out
    assert "from 2025-10-09T08:53:20Z to 2025-10-09T08:53:20Z" in out
    assert "hosts: api.openai.com 1" in out
    assert "models: m 1" in out
    assert f"{file}:2: request of createChatCompletion: expected at most 2, got 3, at body.temperature" in out
    assert "not in the description: 1\n  1 x POST api.openai.com/v1/x" in out
    assert f"{file}:4: the line is not JSON" in out
    assert "1 of 2 exchanges wrong (50.00%); 2 of 3 judged" in out


@pytest.mark.parametrize(
    ("limit", "code"), [((), 1), (("--fail-over", "1%"), 1), (("--fail-over", "10%"), 0), (("--fail-over", "0.2"), 0)]
)
def test_the_exit_code_follows_the_threshold(lines, limit, code) -> None:
    """One wrong exchange in twenty is 5%: over 1%, and under 10%."""
    assert run(lines(exchange(**BAD), *[exchange()] * 19), *limit)[0] == code


def test_clean_traffic_is_0_and_no_traffic_is_2(lines, tmp_path) -> None:
    """Exit codes tell clean traffic from none."""
    assert run(lines(exchange()), "--fail-over", "0")[0] == 0
    (tmp_path / "none.txt").write_text("nothing")
    assert run(tmp_path / "none.txt")[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [["--fail-over", "x"], ["--fail-over", "200%"], ["--format", "x"], ["--column", "x=y"], ["--column", "method"],
     ["--workers", "0"], ["--json", "/none/x.json"], ["--html", "/none/x.html"], ["--off", "x"],
     ["--description", "none.yaml"], ["/none/at/all"]],
)  # fmt: skip
def test_what_cannot_be_done_is_one_line_and_2(lines, arguments) -> None:
    """Wrong options and sources are told before any work, never with a traceback."""
    code, _, err = run(lines(exchange()), *arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert "Traceback" not in err


def test_json_and_parquet_hold_the_counts(lines, tmp_path) -> None:
    """Both outputs tell each dimension of all traffic and of each cause, and the contract coverage."""
    file = lines(exchange(), exchange(**BAD), exchange(sent={"model": "n"}, time="2026-01-02T00:00:00Z"))
    code, out, err = run(file, "--json", "-", "--parquet", tmp_path / "t.parquet", "--workers", 2)
    value = json.loads(out)
    assert code == 1
    assert "schema/maximum" in err
    assert (value["exchanges"], value["judged"], value["wrong"]) == (3, 3, 1)
    assert value["by"]["day"]["2026-01-02"]["exchanges"] == 1
    assert value["last"] == "2026-01-02T00:00:00Z"
    (cause,) = value["causes"]
    assert cause["by"]["model"] == {"m": {**cause["by"]["model"]["m"], "exchanges": 1, "violations": 1}}
    inside, every = value["coverage"]["operations"]["createChatCompletion"]["inside"]
    assert 0 < inside < every
    assert value["coverage"]["operations"]["createChatCompletion"]["outside"][0] == 1
    rows = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    by_model = {row["name"]: row["exchanges"] for row in rows if row["dimension"] == "model" and row["rule"] is None}
    assert by_model == {"m": 2, "n": 1}
    (worst,) = [row for row in rows if row["rule"] == "schema/maximum" and row["dimension"] == "day"]
    assert (worst["name"], worst["violations"], worst["first"].year) == ("2025-10-09", 1, 2025)
    assert "coverage" not in json.loads(run(file, "--json", "-", "--no-coverage")[1])["coverage"]["operations"]


def test_the_verdicts_are_those_of_check(shared, tmp_path) -> None:
    """On recorded real traffic every count of every cause and operation is that of ``assay check``."""
    files = sorted((shared / "traffic").glob("*.gz"))
    for name, arguments in (("check", files), ("audit", [shared / "traffic"])):
        code, _, _ = run(*arguments, "--json", tmp_path / name, command=name)
        assert code == 1
    check, audit = (json.loads((tmp_path / name).read_text()) for name in ("check", "audit"))
    assert (audit["exchanges"], audit["judged"]) == (check["exchanges"], check["judged"])
    assert audit["judged"] > 400

    def causes(value, count):
        return sorted((one["rule"], one["pointer"], one[count], one["exchanges"]) for one in value["causes"])

    assert causes(audit, "violations") == causes(check, "count")
    assert len(audit["causes"]) > 20
    for name, tally in check["operations"].items():
        assert {key: audit["by"]["operation"][name][key] for key in tally if key != "hazards"} == {
            key: count for key, count in tally.items() if key != "hazards"
        }
    assert audit["other_hosts"] == check["other_hosts"]
    assert sum(audit["not_in_description"].values()) == sum(check["not_in_description"].values())
    assert audit["skipped"] == check["skipped"]


def test_nothing_of_the_traffic_is_repeated(lines, tmp_path) -> None:
    """Secrets in bodies, headers, queries, addresses and names come out in no report."""
    keys = ["sk-proj-SECRETzq", "x" * 12 + "1a2b3c4d5e6f7g8h9i0j"]
    more = [
        exchange(sent={"model": keys[0], "temperature": 3}),
        exchange(sent={"model": keys[1], "n": -1}),
        exchange(host=f"{keys[0]}.example", path=f"/v1/{keys[1]}", **BAD),
        json.dumps({"custom_id": SECRETS[0], "method": "POST", "url": f"/v1/{SECRETS[1]}", "body": SECRETS[2]}),
        f"{{{SECRETS[3]}",
    ]
    file = lines(*planted(), *more)
    code, out, err = run(
        file, "--layer", "both", "--strict-paths", "--json", tmp_path / "a.json", "--html", tmp_path / "a.html",
        "--parquet", tmp_path / "a.parquet", "--max-examples", 100,
    )  # fmt: skip
    assert code == 1
    written = (tmp_path / "a.json").read_text() + (tmp_path / "a.html").read_text()
    written += str(parquet.read_table(tmp_path / "a.parquet").to_pylist())
    for secret in (*SECRETS, *keys, "SECRET"):
        assert secret not in out + err
        assert secret not in written


def test_memory_does_not_grow_with_the_file(tmp_path) -> None:
    """A file of some 200 MB takes hardly more memory than one of 10 MB."""
    line = (json.dumps(exchange(sent={"user": "u" * 60_000})) + "\n").encode()
    script = (
        "import resource, sys\nfrom assay.cli import main\nmain(sys.argv[1:], standalone_mode=False)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for count in (160, 3200):
        with (tmp_path / "t.jsonl").open("wb") as out:
            for _ in range(count):
                out.write(line)
        done = subprocess.run(
            [sys.executable, "-c", script, "audit", str(tmp_path / "t.jsonl"), "--workers", "1"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert f"0 of {count} exchanges wrong" in done.stdout
        peaks.append(int(done.stdout.splitlines()[-1]) / 1024)
    assert (tmp_path / "t.jsonl").stat().st_size > 190_000_000
    assert peaks[1] - peaks[0] < 40
