"""Claim: an audit costs 2.5 x parsing at most, a jsonschema script 20 x as much; two workers do 1.7 x the work of one.

The traffic is JSON Lines of chat exchanges (2.6 kB asked, 1.8 kB answered). Parsing is ``orjson.loads`` of a line and
of the two bodies in it, as text. The script parses with ``json`` and validates both bodies with the ``jsonschema``
library and the same bundled schemas. Costs are CPU time of one core, contract coverage as for 1 GB included. What two
workers do is told by CPU time (what the work costs more in two processes than in one) and, where both cores are free,
by the clock.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import orjson

import assay
from assay.audit.engine import Alone, Pool, audited
from assay.audit.plan import sampling, tasks
from assay.audit.work import Auditor, Settings
from benchmarks.timing import Claim
from benchmarks.traffic import JSON, chat_request, chat_response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EXCHANGES = 30_000
_SCRIPTED = 300
_ROUNDS = 5
_CHUNK = 4 * 1024 * 1024
_FREE = 0.5  # of a core, at most, that others use where the clock is to be believed


def claims() -> Iterator[Claim]:
    """Measure and state."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "traffic.jsonl")
        _write(path)
        files = [(str(path), path.stat().st_size)]
        settings = Settings(sampled=sampling([(str(path), 1 << 30)]))
        auditor = Auditor(settings)
        planned = [*tasks(files, chunk=_CHUNK)]
        ledger = audited(Alone(settings), planned, 5)
        assert (ledger.exchanges, ledger.total.wrong) == (_EXCHANGES, 0)
        calls: dict[str, Callable[[], Any]] = {
            "lines": partial(_parsed, path, bodies=False),
            "parsed": partial(_parsed, path, bodies=True),
            "audit": lambda: [auditor(task) for task in planned],
        }
        costs = _cheapest(calls)
        each = {name: cost / _EXCHANGES for name, cost in costs.items()}
        yield Claim(
            f"audit ({1 / each['audit']:,.0f} exchanges/s and core) to parsing", each["audit"] / each["parsed"], 2.5
        )
        yield Claim("audit to parsing the lines alone, their bodies left as text", each["audit"] / each["lines"])
        contract = assay.load("openai")
        script = _cheapest({"script": partial(_scripted, path, contract)}, rounds=2)["script"] / _SCRIPTED
        yield Claim(
            f"jsonschema ({1 / script:,.0f} exchanges/s and core) to audit", script / each["audit"], 20, at_least=True
        )
        yield from _workers(settings, files)


def _write(path: Path) -> None:
    asked: dict[str, Any] = json.loads(chat_request().body)
    del asked["stream"], asked["stream_options"]
    answered = chat_response().body.decode()
    with path.open("w", encoding="utf-8") as out:
        for number in range(_EXCHANGES):
            asked["messages"][-1]["content"] = f"And day {number}? " * 4
            line = {
                "time": 1_760_000_000 + number,
                "host": "api.openai.com",
                "method": "POST",
                "path": "/v1/chat/completions",
                "query": "",
                "request_headers": JSON,
                "request_body": json.dumps(asked),
                "status": 200,
                "response_headers": JSON,
                "response_body": answered,
            }
            out.write(json.dumps(line) + "\n")


def _parsed(path: Path, *, bodies: bool) -> None:
    loads = orjson.loads
    with path.open("rb") as lines:
        for line in lines:
            value = loads(line)
            if bodies:
                loads(value["request_body"])
                loads(value["response_body"])


def _scripted(path: Path, contract: assay.Contract) -> None:
    """What one writes in an afternoon: the schemas' validators and a loop."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415  slow to import
    from referencing import Registry  # noqa: PLC0415
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    documents = contract.api.documents
    registry: Any = Registry().with_resources((uri, DRAFT202012.create_resource(d)) for uri, d in documents.items())
    operation = contract["createChatCompletion"]
    asked, answered = (
        Draft202012Validator({"$ref": schema}, registry=registry)
        for schema in (next(iter(operation.request_schemas)), next(iter(operation.response_schemas)))
    )
    with path.open("rb") as lines:
        for line, _ in zip(lines, range(_SCRIPTED), strict=False):
            value = json.loads(line)
            assert asked.is_valid(json.loads(value["request_body"]))
            assert answered.is_valid(json.loads(value["response_body"]))


def _cheapest(calls: dict[str, Callable[[], Any]], rounds: int = _ROUNDS) -> dict[str, float]:
    """The least CPU time of one call of each, in alternating rounds."""
    costs = dict.fromkeys(calls, float("inf"))
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.process_time()
            call()
            costs[name] = min(costs[name], time.process_time() - began)
    return costs


def _workers(settings: Settings, files: list[tuple[str, int]]) -> Iterator[Claim]:
    cores = os.cpu_count() or 1
    busy = os.getloadavg()[0]
    least = {1: (float("inf"), float("inf")), 2: (float("inf"), float("inf"))}
    with Pool(settings, 1, 5) as one, Pool(settings, 2, 5) as two:
        for _ in range(_ROUNDS):
            for count, pool in ((1, one), (2, two)):
                began, used = time.perf_counter(), _used(pool)
                audited(pool, tasks(files, chunk=_CHUNK), 5)
                cost = (time.perf_counter() - began, _used(pool) - used)
                least[count] = (min(least[count][0], cost[0]), min(least[count][1], cost[1]))
    if Path("/proc/self/stat").exists():
        # Both cores work all the time where tasks are many and small, so that the cost alone bounds the speed.
        yield Claim("two workers to one, by CPU time", 2 * least[1][1] / least[2][1], 1.7, at_least=True)
    clock = least[1][0] / least[2][0]
    if cores - busy >= 2 - _FREE:
        yield Claim("two workers to one, by the clock", clock, 1.7, at_least=True)
        return
    sys.stderr.write(f"{cores} cores under a load of {busy:.1f}: the clock claims nothing\n")
    yield Claim(f"two workers to one, by the clock, under a load of {busy:.1f}", clock)


def _used(pool: Pool) -> float:
    """CPU seconds of this process and the pool's."""
    total = time.process_time()
    for pid in pool.pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total
