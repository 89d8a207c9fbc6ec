"""Keys: a server that knows its own gives no finding; one that takes another, or what is near to it, gives one."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from in_process import Quiet, in_process, refusal, rules, run_on, told

from assay.conformance.curl import curl
from assay.conformance.documents import Document
from assay.conformance.har import har
from assay.conformance.journal import Journal
from assay.conformance.keys import bearer, near, secrets
from assay.conformance.pace import Clock
from assay.conformance.result import Options, Result, Target
from assay.conformance.run import run
from assay.errors import TargetError
from assay.messages import Request, Response
from assay.reference.server import application

CHAT = ("createChatCompletion",)
KEY = "sk-Otter-0123456789-Of-The-Tests"
FIELD = f"Bearer {KEY}"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def honest(contract):
    """The honest server, which asks for no key."""
    return in_process(application(judge=contract))


def locked(send, check, refused=None):
    """A server that lets in whose Authorization passes, and the way of the user to it."""
    told_off = refused or refusal(401, "Who are you?", "invalid_api_key")

    def anonymous(request):
        return send(request) if check(request.headers.get("authorization", "")) else told_off

    def keyed(request):
        fields = [*request.headers.fields, ("authorization", FIELD)]
        return anonymous(Request(request.method, request.target, fields, request.body))

    return keyed, anonymous


def asked(contract, send, check, refused=None, key=KEY):
    """The result of a run with a key."""
    keyed, anonymous = locked(send, check, refused)
    return run_on(contract, keyed, operations=CHAT, requests=48, anonymous=anonymous, key=key)


def given_key(field):
    """The key behind a scheme, whatever that is."""
    return field.partition(" ")[2]


NEAR = [
    ("beginning", "with the beginning of the key", lambda field: len(field) > 9 and FIELD.startswith(field)),
    ("ending", "with the key and more behind it", lambda field: field.startswith(FIELD)),
    ("case", "with the key in the other case", lambda field: field.lower() == FIELD.lower()),
    ("scheme", "with the key under the scheme Assay", lambda field: given_key(field) == KEY),
]


@pytest.mark.parametrize(("name", "words", "check"), NEAR, ids=[name for name, *_ in NEAR])
def test_what_is_near_to_the_key_is_another_key(contract, honest, name, words, check):
    """Who takes it is told, and which; another scheme is a hazard, for who sends the key has it."""
    result = asked(contract, honest, check)
    (finding,) = result.findings
    assert finding.violation.rule == "http/authentication", told(result)
    assert finding.violation.path == ("authorization", name)
    assert words in finding.violation.expected
    assert result.failed == (name != "scheme")


def test_each_of_them_is_a_finding(contract, honest):
    """A hazard hides no violation, and one hole no other; of a server that takes any key, that is told alone."""
    result = asked(contract, honest, lambda field: KEY.lower() in field.lower())
    assert {finding.violation.path[-1] for finding in result.findings} == {"ending", "case", "scheme"}
    result = asked(contract, honest, bool)
    assert [finding.violation.path for finding in result.findings] == [()]


def test_a_server_that_knows_its_key_gives_nothing(contract, honest):
    """However it words its refusal, if the envelope is right; and where the scheme is read in any case."""
    for check in (lambda field: field == FIELD, lambda field: field.lower()[:7] == "bearer " and field[7:] == KEY):
        for refused in (None, refusal(403, "no")):
            result = asked(contract, honest, check, refused)
            assert not len(result.findings), told(result)


def test_no_key_behind_bearer_is_changed(contract, honest):
    """A key of another scheme has no neighbours that all servers must refuse."""
    result = asked(contract, honest, lambda field: FIELD.startswith(field) and len(field) > 9, key="")
    assert not len(result.findings), told(result)


def test_a_key_that_is_not_asked_for_is_one_finding(contract, honest):
    """Only when a key was given is its enforcement tested; a server that enforces it gives nothing."""
    result = run_on(contract, honest, requests=100, anonymous=honest)
    assert [f.violation.rule for f in result.findings] == ["http/authentication"], told(result)
    keyed, anonymous = locked(in_process(application(judge=contract, key=KEY)), lambda _: True)
    assert not len(run_on(contract, keyed, requests=100, anonymous=anonymous, key=KEY).findings)


def test_a_wrong_key_is_as_good_as_none(contract, honest):
    """A server that asks for a key and takes any is told; one that knows its own is not."""
    assert rules(asked(contract, honest, bool)) == {"http/authentication"}
    assert not rules(asked(contract, honest, lambda field: field == FIELD))


def test_no_answer_to_a_key_is_no_finding(contract, honest):
    """A connection that is closed on whoever has no key lets nobody in."""

    def closing(request):
        if request.headers.get("authorization") != FIELD:
            raise TargetError("no HTTP response from http://target: connection reset by peer")
        return honest(request)

    keyed, _ = locked(closing, lambda _: True)
    assert not len(run_on(contract, keyed, operations=CHAT, requests=48, anonymous=closing, key=KEY).findings)


@pytest.mark.parametrize("body", [b'{"detail":"Not authenticated"}', b"", b'{"error":"Unauthorized"}'])
def test_the_refusal_has_the_shape_of_an_error(contract, honest, body):
    """Clients read it as any other; the line that shows it again sends no key."""
    result = asked(contract, honest, lambda field: field == FIELD, Response(401, JSON, body))
    assert rules(result) == {"http/error-envelope"}, told(result)
    (finding,) = result.findings
    target = Target(honest, lambda path: f"http://h{path}", fields=("Authorization", "X-Extra"), secrets=(KEY,))
    line = Document(result, target, "http://h").curl(finding)
    assert '-H "X-Extra: $X_EXTRA"' in line
    assert "$OPENAI_API_KEY" not in line


def test_the_key_is_in_no_report_and_in_no_journal(contract, honest, tmp_path):
    """Nor is any part of it, whatever is found; a journal tells the requests apart, and gives the same run again."""
    keyed, anonymous = locked(honest, lambda field: KEY.lower()[:-4] in field.lower())
    sent, journal = [], tmp_path / "journal"

    def send(request):
        sent.append(request)
        return anonymous(request)

    told_of = []
    for _ in range(2):
        result = Result(Options(requests=40, operations=CHAT))
        target = Target(keyed, lambda path: f"http://h{path}", send, ("Authorization",), None, secrets(_fields()), KEY)
        with Journal(journal, {}) as kept:
            run(contract, target, result, Quiet(), clock=Clock(sleep=lambda _: None), journal=kept)
        told_of.append([finding.violation for finding in result.findings])
        document = Document(result, target, "http://h", bodies=True)
        texts = [document.json(), har(document), journal.read_bytes()]
        for text in texts:
            assert b"Otter" not in text
            assert b"oTTER" not in text
    assert {violation.path[-1] for violation in told_of[0]} == {"beginning", "ending", "case", "scheme"}
    assert told_of[0] == told_of[1]
    assert result.replayed == result.sent
    fields = [request.headers.get("authorization") for request in sent]
    assert fields == [None, *fields[1:2], *(one.value for one in near(KEY))]
    assert KEY not in repr([*near(KEY)])


def test_a_shell_makes_what_was_sent():
    """The text that stands in a curl line, with the key in its variable, is the value that went out."""
    for key in (KEY, "ab", "a/b+c=", "12345678", "Ünicode-Key"):
        for one in near(key):
            words = shlex.split(curl(Request("GET", "/a"), "http://h/a"))
            line = curl(Request("GET", "/a", {"authorization": one.shell}), "http://h/a").replace(
                "curl", "printf '%s\\n'"
            )
            done = subprocess.run(
                ["sh", "-c", line],
                capture_output=True,
                env={"OPENAI_API_KEY": key, "PATH": "/bin:/usr/bin"},
                check=True,
            )
            assert done.stdout.decode().splitlines() == [*words[1:], "-H", f"authorization: {one.value}"]


def test_what_says_nothing_of_a_key_is_left_out():
    """The case of hexadecimal digits and of base32, the half of one character."""
    names = {key: [one.name for one in near(key)] for key in ("x", "0123456789abcdef", "ABCD-1234", "1234", "sk-abc")}
    assert names == {
        "x": ["ending", "case", "scheme"],
        "0123456789abcdef": ["beginning", "ending", "scheme"],
        "ABCD-1234": ["beginning", "ending", "scheme"],
        "1234": ["beginning", "ending", "scheme"],
        "sk-abc": ["beginning", "ending", "case", "scheme"],
    }
    assert all(one.value != f"Bearer {key}" for key in names for one in near(key))


def test_the_key_is_what_stands_behind_bearer():
    """In any case of the word; of other schemes, of two fields, of no field, there is none."""
    assert bearer(_fields()) == KEY
    assert bearer([("authorization", f"bearer {KEY}")]) == KEY
    for headers in (
        [],
        [("authorization", KEY)],
        [("authorization", "Basic x")],
        [*_fields(), *_fields()],
        [("X", FIELD)],
    ):
        assert not bearer(headers)
    assert secrets(_fields()) == (FIELD, KEY)


def _fields():
    return [("Authorization", FIELD)]
