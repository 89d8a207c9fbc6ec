"""``python -m benchmarks.detect [NAME ...]``: which faults of the reference server ``assay run`` finds, and how soon.

The rule of this module: a run gets what a user's run gets: the default budget over all operations, on a real port. A
fault is found when the run has a finding that is no hazard, of which the honest server has none; one that is a hazard
(legal, a rule that few rely on, or no different from a server that takes its time) counts apart, and is found when a
hazard tells it. What is not found is run again with the operations of the fault named, and listed with what is known
of why.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from assay.adapters.send import Sender
from assay.adapters.serve import serve
from assay.conformance.keys import bearer, secrets
from assay.conformance.result import Options, Result, Target
from assay.conformance.run import run
from assay.contract import Contract, load
from assay.errors import AssayError
from assay.reference.clock import ticking
from assay.reference.faults.application import Faulty
from assay.reference.faults.fault import GROUPS, Fault, applies
from assay.reference.faults.registry import FAULTS, find
from assay.reference.server import application

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "detection-rate.md"
WITNESSES = ROOT / "tests" / "honest_and_faulty" / "flows.yaml"
BUDGET, WANTED = 300, 0.95
_KEY = "of-the-detection"  # it protects a server that lives for seconds


class _Found(BaseException):
    """The run has found something; no Exception, so that Hypothesis lets it through."""


@dataclass(slots=True)
class Outcome:
    """What a run of one fault came to: ``requests`` until it was told, 0 when it never was; ``rule`` told it.

    ``focused`` says that the operations of the fault were named; ``hazards`` are rules that told it without failing;
    ``why`` is what is known of a miss.
    """

    name: str
    requests: int = 0
    rule: str = ""
    focused: bool = False
    hazards: tuple[str, ...] = ()
    why: str = ""

    @property
    def found(self) -> bool:
        """Whether it was found without naming an operation."""
        return bool(self.requests) and not self.focused


@dataclass(slots=True)
class _Watch:
    """Stops a run at its first finding that counts; ``hazards`` do where the fault is one."""

    result: Result
    hazards: bool = False
    known: int = 0
    stopped: str = ""
    told: list[tuple[str, int]] = field(default_factory=list)

    def begin(self, phase: str, operation: str) -> None:
        """Ignore it."""

    def update(self, sent: int, findings: int) -> None:
        """Look at new findings."""
        if findings == self.known:
            return
        self.known = findings
        counted = [finding.violation.rule for finding in self.result.findings if finding.fails or self.hazards]
        if counted:
            self.told.append((counted[0], sent))
            raise _Found


def trial(contract: Contract, faults: Iterable[Fault], operations: tuple[str, ...], seed: int = 0) -> _Watch:
    """Run against a server with some faults, until the first finding that counts."""
    faults = [*faults]
    key = _KEY if any(fault.keyed for fault in faults) else None
    hazards = any(fault.hazard for fault in faults)
    watch = _Watch(Result(Options(operations=operations, requests=BUDGET, seed=seed)), hazards)
    app = Faulty(application(judge=contract, key=key, clock=ticking()), faults, contract, key=key)
    with serve(app) as url:
        try:
            run(contract, _target(url, contract, key), watch.result, watch)
        except _Found:
            pass
        except AssayError as error:
            watch.stopped = f"the run ended with: {error}"
    return watch


def _target(url: str, contract: Contract, key: str | None) -> Target:
    """The target as the command makes it, with and without the key."""
    bases = {base for operation in contract.operations for base in operation.bases}
    headers = [] if key is None else [("Authorization", f"Bearer {key}")]
    send = Sender(url, headers=headers, timeout=10.0, bases=bases)
    anonymous = None if key is None else Sender(url, timeout=10.0, bases=bases).afresh
    return Target(send, send.url, anonymous, send.field_names, send.afresh, secrets(headers), bearer(headers))


def detect(name: str, *, again: bool = True) -> Outcome:
    """Look for one fault: with the default budget, and then, where it was missed, with its operations named."""
    contract, fault = _contract(), find(name)
    told = trial(contract, [fault], ())
    if told.told:
        rule, sent = told.told[0]
        return Outcome(name, max(sent, 1), rule)
    missed = Outcome(name, hazards=_hazards(told.result), why=told.stopped or _why(fault, told.result))
    named = tuple(o.id for o in contract.operations if applies(fault.change.on, o.id))
    if again and 0 < len(named) < len(contract.operations):
        told = trial(contract, [fault], named)
        if told.told:
            missed.rule, missed.requests = told.told[0]
            missed.focused = True
    return missed


_CONTRACTS: list[Contract] = []


def _contract() -> Contract:
    """The contract of this process, loaded once."""
    if not _CONTRACTS:
        _CONTRACTS.append(load("openai"))
    return _CONTRACTS[0]


def _hazards(result: Result) -> tuple[str, ...]:
    return tuple(sorted({finding.violation.rule for finding in result.findings}))


def _why(fault: Fault, result: Result) -> str:
    """What the tallies of its operations say of a fault that was missed."""
    if _hazards(result):
        return f"told as a hazard: {', '.join(_hazards(result))}"
    tallies = [tally for name, tally in result.tallies.items() if applies(fault.change.on, name)]
    if not tallies:
        return "shows on paths of no operation, which are not asked for"
    if not any(tally.sent for tally in tallies):
        return f"its operations were never sent: {next((t.closed for t in tallies if t.closed), '') or 'out of budget'}"
    if not any(tally.accepted for tally in tallies):
        return "no request of its operations was accepted"
    return f"not seen in {sum(tally.sent for tally in tallies)} requests of its operations"


def honest(seed: int) -> tuple[int, list[str]]:
    """The rules of all findings, hazards too, on the honest server with a seed."""
    return seed, [finding.violation.rule for finding in trial(_contract(), (), (), seed).result.findings]


def page(outcomes: dict[str, Outcome], clean: dict[int, list[str]]) -> Iterator[str]:
    """The page of the documentation."""
    broken = [outcome for name, outcome in outcomes.items() if not FAULTS[name].hazard]
    hazards = [outcome for name, outcome in outcomes.items() if FAULTS[name].hazard]
    found, named = [o for o in broken if o.found], [o for o in broken if o.focused]
    yield _HEAD.format(
        found=len(found),
        all=len(broken),
        share=_share(len(found), len(broken)),
        named=_share(len(found) + len(named), len(broken)),
        median=_median(broken),
        told=sum(o.found for o in hazards),
        hazards=len(hazards),
        seeds=len(clean),
        alarms=sum(len(rules) for rules in clean.values()),
    )
    yield "## By class\n"
    yield "| class | faults | found | share | median of requests | found when named |\n|---|--:|--:|--:|--:|--:|"
    for group in GROUPS:
        mine = [outcomes[name] for name in outcomes if FAULTS[name].group == group]
        hits, more = sum(o.found for o in mine), sum(o.focused for o in mine)
        yield f"| {group} | {len(mine)} | {hits} | {_share(hits, len(mine))} | {_median(mine)} | {more or '-'} |"
    yield "\n## Missed\n"
    yield "| fault | what is wrong | what shows it | found when its operations are named | why it was missed |"
    yield "|---|---|---|---|---|"
    shown = yaml.safe_load(WITNESSES.read_text(encoding="utf-8"))["witnesses"]
    for name, outcome in outcomes.items():
        if not outcome.found:
            again = f"{outcome.requests} requests, `{outcome.rule}`" if outcome.focused else "no"
            yield f"| `{name}` | {FAULTS[name].sentence} | {shown[name]['of']} | {again} | {outcome.why} |"
    yield "\n## Every fault\n"
    yield "| fault | class | requests | the rule that told it |\n|---|---|--:|---|"
    for name, outcome in outcomes.items():
        rule = f"`{outcome.rule}`{' (hazard)' if FAULTS[name].hazard else ''}" if outcome.found else "missed"
        yield f"| `{name}` | {FAULTS[name].group} | {outcome.requests if outcome.found else '-'} | {rule} |"


_HEAD = """\
# Detection rate

The reference server can break one named promise at a time: `assay faults` lists them, `assay serve --fault NAME` shows
them. This page says which of them `assay run` finds with its default budget of 300 requests over all operations, and
after how many. It is made by `tox run -e detect`.

A fault is found when the run has a finding that is no hazard; on the honest server there must be none at all. A fault
that was missed is looked for once more in a run with its operations named (`--operation`) and the same budget. What
shows a fault is the name of a flow of requests in `tests/honest_and_faulty/flows.yaml`.

**{found} of {all} faults are found ({share}), half of them within {median} requests; with their operations named
{named}. Of {hazards} more, which are hazards at most (legal, a rule that few rely on, or no different from a server
that takes its time), {told} are told. The honest server:
{alarms} findings in {seeds} runs with as many seeds.**
"""


def _median(outcomes: list[Outcome]) -> str:
    hits = sorted(outcome.requests for outcome in outcomes if outcome.found)
    return str(hits[len(hits) // 2]) if hits else "-"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def main(arguments: list[str]) -> int:
    """Detect, write the page, and say whether the claim holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detect", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("names", nargs="*", help="faults to look for; all of them, and the page is written, without")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=20, help="seeds of the honest server")
    parser.add_argument(
        "--resume", metavar="FILE", help="keep outcomes there, a line each, and go on from those it has"
    )
    parser.add_argument("--once", action="store_true", help="do not look again for what was missed")
    given = parser.parse_args(arguments)
    names = [find(name).name for name in given.names] or [*FAULTS]
    outcomes = {o.name: o for o in _kept(given.resume) if o.name in names}
    with multiprocessing.get_context("spawn").Pool(given.workers) as pool:
        clean = dict(pool.map(honest, range(0 if given.names else given.seeds)))
        left = [name for name in names if name not in outcomes]
        for outcome in pool.imap_unordered(partial(detect, again=not given.once), left):
            outcomes[outcome.name] = outcome
            _keep(given.resume, outcome)
            _tell(len(outcomes), len(names), outcome)
    outcomes = {name: outcomes[name] for name in names}
    if not given.names:
        PAGE.write_text("\n".join(page(outcomes, clean)) + "\n", encoding="utf-8")
    counted = [outcome for name, outcome in outcomes.items() if not FAULTS[name].hazard] or [*outcomes.values()]
    share = sum(outcome.found for outcome in counted) / len(counted)
    alarms = Counter(rule for rules in clean.values() for rule in rules)
    print(f"found {share:.1%} of {len(counted)} faults; the honest server: {dict(alarms) or 'no finding'}")
    return 0 if share >= WANTED and not alarms else 1


def _tell(number: int, whole: int, outcome: Outcome) -> None:
    how = f"{outcome.requests} requests, {outcome.rule}" if outcome.requests else outcome.why
    mark = "found" if outcome.found else "named" if outcome.focused else "MISSED"
    print(f"{time.strftime('%H:%M:%S')} {number}/{whole} {mark} {outcome.name}: {how}", file=sys.stderr, flush=True)


def _kept(file: str | None) -> list[Outcome]:
    if file is None or not Path(file).exists():
        return []
    lines: list[dict[str, Any]] = [json.loads(line) for line in Path(file).read_text(encoding="utf-8").splitlines()]
    return [Outcome(**{**line, "hazards": tuple(line["hazards"])}) for line in lines if line["name"] in FAULTS]


def _keep(file: str | None, outcome: Outcome) -> None:
    if file is not None:
        with Path(file).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(outcome)) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
