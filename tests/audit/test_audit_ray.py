"""The same audit on a Ray cluster of two workers, one of which dies."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from recorded_exchange import exchange

from assay.audit.cluster import Cluster
from assay.audit.engine import Alone, audited
from assay.audit.plan import tasks
from assay.audit.summary import document
from assay.audit.work import Settings

pytestmark = [
    pytest.mark.real,
    # Ray leaves sockets and pipes to its own processes when it ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def ray():
    """Ray, ended after the test."""
    found = pytest.importorskip("ray", reason="ray is not installed (pip install 'assay[ray]')")
    yield found
    found.shutdown()


def told(ledger):
    """A ledger as text."""
    return json.dumps(document(ledger, {"description": "d", "layers": ["compat"], "sources": []}, {}), sort_keys=True)


def workers():
    """The processes of the actors that this process started, through the cluster's own."""
    names, parents = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            names[int(entry.name)] = (entry / "cmdline").read_bytes()
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = []
    for number, name in names.items():
        above = number
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid() and b"MapWorker" in name:
            found.append(number)
    return found


def test_a_cluster_tells_the_same_also_when_a_worker_dies(ray, tmp_path) -> None:
    """Two workers of a local cluster, one of them killed in mid-run, give the result of one process to the byte."""
    texts = []
    for number in range(3000):
        sent = {"temperature": 3} if number % 9 == 0 else {"model": f"m{number % 3}"}
        texts.append("{" if number % 37 == 0 else json.dumps(exchange(sent=sent)))
    (tmp_path / "a.jsonl").write_text("\n".join(texts))
    lines = [
        {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}},
        {"custom_id": "1", "response": {"status_code": 200, "body": {}}},
    ]
    for name, line in zip(("in", "out"), lines, strict=True):
        (tmp_path / name).write_text(json.dumps(line))
    files = sorted((str(path), path.stat().st_size) for path in tmp_path.iterdir())
    expected = told(audited(Alone(Settings()), tasks(files, chunk=20_000), 5))
    cluster = Cluster(Settings(), "local", 2)
    killed = []

    def told_of(_size, _exchanges):
        if not killed:
            killed.extend(workers())
            os.kill(killed[0], signal.SIGKILL)

    assert told(audited(cluster, tasks(files, chunk=20_000), 5, told_of)) == expected
    assert killed
    assert ray.cluster_resources()["CPU"] == 2
