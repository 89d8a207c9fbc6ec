"""The journal: what was answered is answered again, in order; what is cut off or of another run is not taken."""

from __future__ import annotations

import stat

import orjson
import pytest

from assay.conformance.journal import Journal
from assay.conformance.pace import Clock, Courier, Dead, Silent
from assay.errors import TargetError, UsageError
from assay.messages import Request, Response

ASKED = Request("POST", "/v1/a", {"content-type": "application/json"}, b'{"a": 1}')
OTHER = Request("POST", "/v1/a", {"content-type": "application/json"}, b'{"a": 2}')
BROKEN = Response(200, {}, b"ab", broken="time-out: not finished after 1 s")
SECOND = Response(404, {}, b"")
HEADING = {"target": "http://h", "seed": 7, "operations": ["x"]}


def told(response):
    """All that a response holds, to compare."""
    return response.status, response.headers.fields, response.body, response.elapsed, response.broken


def written(path, *outcomes):
    """A journal with some answers to ASKED, closed."""
    with Journal(path, HEADING) as journal:
        for outcome in outcomes:
            journal.note(ASKED, outcome)
    return path


def test_answers_come_back_in_their_order(tmp_path):
    """Every byte and field of an answer is kept; one more answer than there was is none."""
    path = written(tmp_path / "j", Response(200, [("x", "1"), ("x", "é")], bytes(range(256)), elapsed=0.25), SECOND)
    with Journal(path, HEADING) as journal:
        assert journal.known == 2
        assert journal.recall(OTHER) is None
        first = journal.recall(ASKED)
        assert told(first) == (200, (("x", "1"), ("x", "é")), bytes(range(256)), 0.25, "")
        journal.note(OTHER, BROKEN)
        assert told(journal.recall(ASKED)) == told(SECOND)
        assert journal.recall(ASKED) is None
    with Journal(path, HEADING) as journal:
        assert told(journal.recall(OTHER)) == told(BROKEN)


def test_lost_answers_are_kept_too(tmp_path):
    """That a request got no answer, and why, is an answer."""
    lost = Silent("time-out: no response", late=True)
    with Journal(written(tmp_path / "j", lost), HEADING) as journal:
        found = journal.recall(ASKED)
    assert (str(found), found.late, found.dead) == ("time-out: no response", True, False)


def test_a_journal_is_for_its_owner_and_holds_no_request(tmp_path):
    """The file's mode is 0600, and neither the target nor the body of a request is in it."""
    path = tmp_path / "j"
    with Journal(path, HEADING) as journal:
        journal.note(Request("POST", "/v1/secret-path", {"authorization": "marked-secret"}, b"secret body"), SECOND)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    data = path.read_bytes()
    assert not [word for word in (b"marked-secret", b"secret-path", b"secret body") if word in data]


@pytest.mark.parametrize("cut", [1, 30, -1, -20])
def test_a_line_that_was_cut_off_is_dropped(tmp_path, cut):
    """A process that was killed in the middle of a line leaves a journal that goes on before that line."""
    path = written(tmp_path / "j", SECOND, SECOND)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:cut])
    with Journal(path, HEADING) as journal:
        assert journal.known == 1
        journal.note(ASKED, SECOND)
    assert path.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("length", [0, 1, 12, 40, -1])
def test_a_heading_that_was_cut_off_begins_anew(tmp_path, length):
    """A process that was killed at once leaves nothing to go on with, and nothing in the way."""
    path = written(tmp_path / "j")
    whole = path.read_bytes()
    path.write_bytes(whole[:length])
    with Journal(path, HEADING):
        pass
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("heading", "part"),
    [
        ({**HEADING, "seed": 8}, "of a run with another seed (7, now 8)"),
        ({**HEADING, "target": "http://i"}, "of a run with another target (http://h, now http://i)"),
        ({**HEADING, "operations": []}, "of a run with another operations"),
        ({**HEADING, "more": 1}, "of a run with another more"),
    ],
)
def test_the_journal_of_another_run_is_refused(tmp_path, heading, part):
    """What would decide otherwise what is sent is named, and the file stays as it is."""
    path = written(tmp_path / "j", SECOND)
    before = path.read_bytes()
    with pytest.raises(UsageError) as refused:
        Journal(path, heading)
    assert part in str(refused.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"otter", b"otter\n", b"{}\n", b"[1]\n", b"\x00" * 40, b"\xff\n"])
def test_another_file_is_never_overwritten(tmp_path, content):
    """A file that is no journal, whatever is in it, is refused and left alone."""
    path = tmp_path / "precious"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="not the journal of a run"):
        Journal(path, HEADING)
    assert path.read_bytes() == content


def test_damage_in_the_middle_is_told(tmp_path):
    """A line that is no exchange is told by its number, and nothing is lost of the file."""
    path = written(tmp_path / "j", SECOND, SECOND)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1] + b"otter\n" + lines[2])
    with pytest.raises(UsageError, match="damaged after 1 exchange"):
        Journal(path, HEADING)
    assert path.read_bytes().endswith(lines[2])


@pytest.mark.parametrize("name", ["", "missing/j"])
def test_a_place_that_cannot_be_written_is_told(tmp_path, name):
    """A folder, or a file in a folder that is not there, is one clear line."""
    with pytest.raises(UsageError, match="cannot write"):
        Journal(tmp_path / name, HEADING)


def test_a_courier_sends_only_what_the_journal_does_not_know(tmp_path):
    """Replayed requests count in the budget, are not sent, and a 429 among them costs no time."""
    busy = Response(429, {"retry-after": "9"}, b"")
    path = written(tmp_path / "j", busy, SECOND)
    asked: list[Request] = []

    def send(request):
        asked.append(request)
        return Response(200, {}, b"live")

    with Journal(path, HEADING) as journal:
        courier = Courier(send, Request("GET", "/models"), 10, journal=journal)
        courier.greet()
        assert courier(ASKED).status == 404
        assert (courier.sent, courier.replayed) == (2, 2)
        assert courier(ASKED).body == b"live"
    assert (courier.sent, courier.replayed) == (3, 2)
    assert asked == [Request("GET", "/models"), ASKED]
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()[1:]]
    assert [line["status"] for line in lines] == [429, 404, 200]


def test_a_death_is_remembered(tmp_path):
    """The request after which the target had died is not sent again, and is told as such."""
    asked: list[Request] = []

    def dying(request):
        asked.append(request)
        raise TargetError("cannot connect")

    def courier(journal):
        clock = Clock(sleep=lambda _: None)
        return Courier(dying, Request("GET", "/models"), 10, journal=journal, clock=clock)

    with Journal(tmp_path / "j", HEADING) as journal, pytest.raises(Dead):
        courier(journal)(ASKED)
    assert asked.count(ASKED) == 1
    with Journal(tmp_path / "j", HEADING) as journal:
        with pytest.raises(TargetError, match="cannot connect"):
            courier(journal).greet()
        with pytest.raises(Silent) as silent:
            courier(journal)(ASKED)
    assert silent.value.dead
    assert asked.count(ASKED) == 1
