"""Ledgers: what they count, and that neither order nor partition shows in it."""

from __future__ import annotations

import json
import pickle
import random

from recorded_exchange import exchange

from assay.audit import ledger as ledgers
from assay.audit.judge import load_judge
from assay.audit.ledger import OTHERS, Count, Ledger, Names
from assay.audit.lines import read_exchange
from assay.audit.records import Broken, Place
from assay.audit.summary import document
from assay.audit.traits import moment

ABOUT = {"description": "d", "layers": ["compat"], "sources": []}


def outcomes():
    """Judged exchanges of several hosts, models and days; some wrong, some unreadable, some unknown."""
    judge = load_judge()
    found = []
    for number in range(120):
        sent = {"model": f"m-{number % 7}", "temperature": number % 4}
        one = exchange(sent=sent, host=f"h{number % 5}.example", time=1_760_000_000 + number * 40_000)
        if number % 11 == 0:
            one["path"] = "/v1/nothing"
        place = Place("f", line=number + 1)
        if number % 13 == 0:
            found.append(Broken(place, "the line is not JSON"))
        else:
            found.append(judge(read_exchange(one, place)))
    return found


def sent(part):
    """A part as it comes out of another process."""
    return pickle.loads(pickle.dumps(part))  # noqa: S301  our own


def told(ledger):
    """A ledger as text, settled."""
    ledger.settle()
    return json.dumps(document(ledger, ABOUT, {}), sort_keys=True)


def test_the_result_depends_on_neither_order_nor_partition() -> None:
    """However the items are shuffled and dealt out, the merged ledgers tell the same."""
    items = outcomes()
    whole = Ledger(3)
    for item in items:
        whole.add(item)
    expected = told(whole)
    value = json.loads(expected)
    assert value["wrong"] > 20
    assert value["judged"] - value["wrong"] > 20
    rng = random.Random(7)  # noqa: S311  a shuffle
    for parts in (1, 2, 5, 40):
        rng.shuffle(items)
        dealt = [Ledger(3) for _ in range(parts)]
        for number, item in enumerate(items):
            dealt[number % parts].add(item)
        merged = Ledger(3)
        for part in dealt:
            merged.merge(sent(part))
        assert told(merged) == expected


def test_too_many_names_are_dropped_alike_in_every_partition() -> None:
    """Over the cap the same names are kept, each with its whole count, and the rest is summed."""
    names = [f"n{number % 300}" for number in range(3000)]
    expected = None
    rng = random.Random(3)  # noqa: S311  a shuffle
    for parts in (1, 3, 9):
        rng.shuffle(names)
        dealt = [Names(Count, 20) for _ in range(parts)]
        for number, name in enumerate(names):
            dealt[number % parts].at(name).merge(Count(None, None, 1))
        merged = Names(Count, 20)
        for part in dealt:
            merged.merge(sent(part))
            assert len(part) <= 41
        merged.settle()
        counts = {name: count.exchanges for name, count in merged.items()}
        assert len(counts) == 21
        assert counts.pop(OTHERS) == 2800
        assert set(counts.values()) == {10}
        expected = expected or counts
        assert counts == expected
    assert ledgers.OTHERS not in expected


def test_cells_over_the_cap_change_nothing(monkeypatch) -> None:
    """A ledger that must fold early tells the same."""
    one, other = Ledger(), Ledger()
    items = outcomes()
    for item in items:
        one.add(item)
    monkeypatch.setattr(ledgers, "_CELLS_KEPT", 3)
    for item in items:
        other.add(item)
    assert told(one) == told(other)


def test_first_and_last_seen_are_those_of_the_traffic() -> None:
    """A cause is dated by the recording, else by the answer's Date header, else by its own ``created``."""
    judge = load_judge()
    ledger = Ledger()
    bad = {"temperature": 3}
    dated = {"content-type": "application/json", "date": "Sat, 03 Jan 2026 00:00:00 GMT"}
    ledger.add(judge(read_exchange(exchange(sent=bad, time="2026-01-02T00:00:00Z"), Place("f", 1))))
    ledger.add(judge(read_exchange(exchange(sent=bad, response_headers=dated), Place("f", 2))))
    ledger.add(judge(read_exchange(exchange(sent=bad), Place("f", 3))))
    ledger.settle()
    (trouble,) = ledger.troubles.values()
    assert trouble.total.first == 1760000000
    assert trouble.total.last == moment("2026-01-03T00:00:00Z")
    assert sorted(trouble.by["day"]) == ["2025-10-09", "2026-01-02", "2026-01-03"]


def test_times_are_read_in_every_form() -> None:
    """Seconds, milliseconds, ISO 8601 and HTTP dates are one moment; what is none is None."""
    expected = 1767312000.0
    for value in (1767312000, 1767312000000, "2026-01-02T00:00:00Z", "2026-01-02T01:00:00+01:00",
                  "Fri, 02 Jan 2026 00:00:00 GMT"):  # fmt: skip
        assert moment(value) == expected
    for value in (None, True, -5, 3, "yesterday", [], 1e300, float("nan")):
        assert moment(value) is None
