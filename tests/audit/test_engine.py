"""The engine: cutting and worker processes change nothing, and a killed worker costs time alone."""

from __future__ import annotations

import gzip
import json
import os
import signal

import pytest
from recorded_exchange import exchange

from assay.audit import engine
from assay.audit.engine import Alone, Merged, Pool, audited, lost
from assay.audit.plan import tasks
from assay.audit.reading import Piece
from assay.audit.summary import document
from assay.audit.work import Settings, Task

ABOUT = {"description": "d", "layers": ["compat"], "sources": []}


@pytest.fixture
def traffic(tmp_path):
    """Write files of many lines, some wrong, some broken; return them with their sizes."""
    texts = []
    for number in range(400):
        sent = {"temperature": 3} if number % 9 == 0 else {"model": f"m{number % 3}"}
        texts.append("{" if number % 37 == 0 else json.dumps(exchange(sent=sent)))
    body = "\n".join(texts).encode() + b"\n"
    (tmp_path / "a.jsonl").write_bytes(body)
    (tmp_path / "b.jsonl").write_bytes(b"\xef\xbb\xbf" + body.rstrip())
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(body))
    return [(str(path), path.stat().st_size) for path in sorted(tmp_path.iterdir())]


def told(ledger):
    """A ledger as text."""
    return json.dumps(document(ledger, ABOUT, {}), sort_keys=True)


def test_chunks_of_any_size_tell_the_same(traffic) -> None:
    """Lines are told once, with their numbers in the file, wherever it is cut."""
    alone = Alone(Settings())
    expected = None
    for chunk in (1 << 30, 50_000, 3_001, 997):
        planned = [*tasks(traffic, chunk=chunk)]
        found = told(audited(alone, planned, 5))
        expected = expected or found
        assert found == expected
    assert len(planned) > 300
    value = json.loads(expected)
    assert value["exchanges"] == 3 * 389
    assert value["unread"]["count"] == 3 * 11
    assert value["unread"]["first"][1]["line"] == 38
    assert value["wrong"] == 3 * 43
    assert [seen["line"] for seen in value["causes"][0]["examples"]] == [10, 19, 28, 37, 46]


@pytest.mark.parametrize("chunk", [20_000, 1 << 30])
def test_a_killed_worker_costs_time_and_nothing_else(traffic, chunk) -> None:
    """Workers that are killed in mid-run are replaced, and the result is that of an undisturbed run."""
    expected = told(audited(Alone(Settings()), tasks(traffic, chunk=chunk), 5))
    killed = []
    with Pool(Settings(), 2, 5) as pool:

        def told_of(_size, exchanges):
            if exchanges > 0 and len(killed) < 2:
                killed.append(pool.pids[len(killed) % 2])
                os.kill(killed[-1], signal.SIGKILL)

        found = told(audited(pool, tasks(traffic, chunk=chunk), 5, told_of))
        assert killed[0] not in pool.pids
    assert len(killed) == 2
    assert found == expected


def test_a_task_that_kills_every_worker_is_counted_as_unread(traffic, monkeypatch) -> None:
    """What no worker survives is told with its file, and the rest is judged."""
    monkeypatch.setattr(engine, "_TRIES", 1)
    planned = [*tasks(traffic, chunk=20_000)]
    killed = []
    with Pool(Settings(), 1, 5) as pool:

        def told_of(_size, exchanges):
            if exchanges > 0 and not killed:
                killed.append(pool.pids[0])
                os.kill(killed[-1], signal.SIGKILL)

        value = document(audited(pool, planned, 5, told_of), ABOUT, {})
    assert value["unread"]["reasons"]["N workers died of it"] >= 1
    assert 0 < value["exchanges"] < 3 * 389


def test_a_part_that_comes_twice_counts_once(traffic) -> None:
    """A task may be done twice; it is counted once."""
    (first, *_) = Alone(Settings())(tasks(traffic), lambda *_: None)
    merged = Merged(5)
    merged.add(first)
    count = merged.ledger.exchanges
    merged.add(first)
    assert merged.ledger.exchanges == count > 0
    assert lost(Task(9, (Piece("f", 1),)), 5).ledger.unread.total() == 1
