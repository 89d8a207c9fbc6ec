"""``assay serve`` and ``assay faults``: the stand-in server for people."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import openai
import pytest
from click.testing import CliRunner

from assay.cli import main
from assay.reference.faults.fault import GROUPS
from assay.reference.faults.registry import FAULTS

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
HI = [{"role": "user", "content": "hello"}]


class Served:
    """``assay serve`` as a process of its own."""

    def __init__(self, *arguments, **environment) -> None:
        command = [sys.executable, "-m", "assay", "serve", "--port", "0", *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self.told = [self.process.stdout.readline() for _ in range(3)]
        self.url = next((word for word in self.told[0].replace(",", " ").split() if word.startswith("http")), "")
        self.url = self.url.rstrip(".")

    def client(self, key="any"):
        """An official client of it."""
        return openai.OpenAI(base_url=self.url, api_key=key, max_retries=0)

    def end(self, number):
        """Send a signal; the exit code and what was said at the end."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said


@pytest.fixture
def serving():
    """Start servers that end with the test."""
    started = []

    def start(*arguments, **environment):
        started.append(Served(*arguments, **environment))
        return started[-1]

    yield start
    for served in started:
        if served.process.poll() is None:
            served.process.kill()
            served.process.communicate()


def run(*arguments) -> tuple[int, str]:
    """The exit code and the output of a command."""
    done = CliRunner().invoke(main, arguments, standalone_mode=False)
    return done.return_value, done.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_the_official_client_until_it_is_ended(serving, number) -> None:
    """The URL it prints serves a client, and a signal ends it with exit code 0 and no traceback."""
    served = serving()
    made = served.client().chat.completions.create(model="assay-chat", messages=HI)
    assert made.choices[0].message.content
    assert f"OPENAI_BASE_URL={served.url}" in served.told[1]
    code, said = served.end(number)
    assert code == 0
    assert said == "The server has ended.\n"


def test_faults_keys_limits_and_seeds_can_be_had(serving) -> None:
    """One server shows its faults, demands its key, limits the rate; another seed gives another text."""
    terms = ["--key-env", "TEAM_KEY", "--rate-limit", "2", "--seed", "7"]
    served = serving("--fault", "chat-id-empty", *terms, TEAM_KEY="marked-secret")
    assert "chat-id-empty" in served.told[0]
    assert "marked-secret" not in "".join(served.told)
    with pytest.raises(openai.AuthenticationError):
        served.client().models.list()
    made = served.client("marked-secret").chat.completions.create(model="assay-chat", messages=HI)
    assert made.id == ""
    other = serving().client().chat.completions.create(model="assay-chat", messages=HI)
    assert made.choices[0].message.content != other.choices[0].message.content
    served.client("marked-secret").models.list()
    with pytest.raises(openai.RateLimitError) as limited:
        served.client("marked-secret").models.list()
    fields = limited.value.response.headers
    assert (fields["x-ratelimit-limit-requests"], fields["x-ratelimit-remaining-requests"]) == ("2", "0")
    assert 0 < int(fields["retry-after"]) <= 60


def test_what_cannot_be_served_is_one_line_and_exit_code_2(monkeypatch) -> None:
    """A taken port, an unknown fault, a key that is not set, and a fault that needs a key."""
    monkeypatch.delenv("TEAM_KEY", raising=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, said = run("serve", "--port", str(taken.getsockname()[1]))
    assert code == 2
    assert "choose another port" in said
    for arguments, expected in (
        (["--fault", "done-mising"], "did you mean done-missing"),
        (["--key-env", "TEAM_KEY"], "TEAM_KEY is not set"),
        (["--fault", "models-open"], "--key-env"),
    ):
        code, said = run("serve", *arguments)
        assert code == 2
        assert expected in said
        assert said.count("\n") == 1


def test_the_page_of_faults_is_current() -> None:
    """docs/faults.md is what ``assay faults --markdown`` prints, with a row for every fault."""
    code, page = run("faults", "--markdown")
    assert code == 0
    assert page == PAGE.read_text(encoding="utf-8"), "run: assay faults --markdown > docs/faults.md"
    assert all(f"| `{fault.name}` | {fault.sentence}" in page for fault in FAULTS.values())


def test_faults_are_listed_by_group_and_as_json() -> None:
    """All groups come with their faults; one group alone can be had; programs get JSON; other groups are told."""
    listed = run("faults")[1]
    assert [line.partition(" (")[0] for line in listed.splitlines() if not line.startswith(" ")] == [*GROUPS]
    assert all(f"  {name} " in listed for name in FAULTS)
    alone = run("faults", "--group", "streams")[1]
    assert "done-missing" in alone
    assert "models-open" not in alone
    shown = json.loads(run("faults", "--json")[1])
    assert [fault["name"] for fault in shown] == [*FAULTS]
    assert {fault["name"] for fault in shown if fault["needs_key"]} == {f.name for f in FAULTS.values() if f.keyed}
    code, said = run("faults", "--group", "stream")
    assert code == 2
    assert "there are response shape" in said


def test_a_run_finds_a_fault_of_the_embedded_server() -> None:
    """``assay run --fault`` fails where the honest run does not; with a URL it is refused; a needed key is given."""
    small = ["--operation", "createChatCompletion", "--max-requests", "8"]
    assert run("run", *small)[0] == 0
    code, said = run("run", *small, "--fault", "chat-usage-total-wrong")
    assert code == 1
    assert "chat/usage-sums" in said
    code, said = run("run", "--fault", "chat-open", "--operation", "createChatCompletion", "--max-requests", "40")
    assert code == 1
    assert "http/authentication" in said
    code, said = run("run", "http://127.0.0.1:9", "--fault", "chat-open")
    assert code == 2
    assert "leave out the URL" in said


def test_a_closed_connection_closes_a_real_one(serving) -> None:
    """A fault that cuts an answer off does so on a socket too, and the server goes on."""
    served = serving("--fault", "malformed-connection-closed")
    wrong = urllib.request.Request(  # noqa: S310  it is our own server
        f"{served.url}/chat/completions", data=b"{", headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(wrong, timeout=10) as answer, pytest.raises(http.client.IncompleteRead):  # noqa: S310
        answer.read()
    assert served.client().models.list().data
