"""Claim: valid cases come at least 3 x as fast as Schemathesis's own, features at the set rate, chat's probes in 1 s.

Both sides draw whole valid requests of the same operations of the published descriptions through Hypothesis with the
same settings, in alternating rounds, and are timed by the CPU. Schemathesis's preparation of an operation is not
counted, and neither is ours.

The set rate is that of one feature (0.30), and features are independent: among cases with one of two features, the
other one has its set rate too, so that both together have the square of it (0.09). Shares are read from the bodies of
8000 requests over 8 seeds; every example is drawn anew, so that the standard error of a share of 0.30 is 0.005 (0.009
of a share among those with another feature) and a true rate within 1.5 points of the set one fails less than once in
a thousand times; the seeds are fixed, so that the figures change with the code or with Hypothesis, and not by chance.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import warnings
from itertools import combinations
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, given, seed, settings

import assay
from assay.generate.cases import cases
from assay.generate.dials import DIALS
from assay.generate.probes import Prober
from benchmarks.timing import Claim
from benchmarks.traffic import described, published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import SearchStrategy

    from assay.generate.cases import Case

_OPERATIONS = {
    "createChatCompletion": "/chat/completions",
    "createResponse": "/responses",
    "createImage": "/images/generations",
    "createFineTuningJob": "/fine_tuning/jobs",
}
_EXAMPLES, _ROUNDS, _CASES, _SEEDS = 60, 5, 1000, 8
_PAIRED = ("createChatCompletion", "createCompletion", "createImage", "createResponse")
_POINTS = 0.05
_EVERY = {"openai-2026-08-21.yaml": 5, "stripe.json": 24}  # of the operations with a body, one in so many
_FEW = 12


def claims() -> Iterator[Claim]:
    """Measure and state."""
    yield from _probes()
    yield from _rates()
    yield from _speed()
    yield from _corpora()


def _speed() -> Iterator[Claim]:
    """Valid cases of four operations, against the peer's."""
    path = published()
    peer = None if path is None else _schemathesis(path)
    if path is None or peer is None:
        return
    contract = assay.load(path)
    for name, template in _OPERATIONS.items():
        ours = cases(contract.api, contract.schemas, contract[name])
        rates = _raced(ours, peer("POST", template))
        text = f"{name}: {rates['ours']:.0f} valid cases a second, Schemathesis {rates['theirs']:.0f}"
        yield Claim(text, rates["ours"] / rates["theirs"], 3, at_least=True)


def _raced(ours: SearchStrategy[Any], theirs: SearchStrategy[Any]) -> dict[str, float]:
    """Examples a second of two strategies, each in its best round: a slow spell of the machine counts for neither."""
    rates = {"ours": 0.0, "theirs": 0.0}
    for number in range(_ROUNDS + 1):
        for side, strategy in (("ours", ours), ("theirs", theirs)):
            gc.collect()
            count, seconds = _drawn(strategy, number, _EXAMPLES)
            if number:  # the first round warms both up
                rates[side] = max(rates[side], count / seconds)
    return rates


def _corpora() -> Iterator[Claim]:
    """Milliseconds an example over request bodies of the published descriptions, first ones and preparation too."""
    for name, every in _EVERY.items():
        path = described(name)
        peer = None if path is None else _schemathesis(path)
        if path is None or peer is None:
            return
        contract = assay.load(path)
        spent = {"ours": 0.0, "theirs": 0.0}
        drawn = {"ours": 0, "theirs": 0}
        for operation in [operation for operation in contract.operations if operation.body is not None][::every]:
            began = time.process_time()
            ours = cases(contract.api, contract.schemas, operation)
            spent["ours"] += time.process_time() - began
            began = time.process_time()
            theirs = peer(operation.method, operation.path)
            spent["theirs"] += time.process_time() - began
            for side, strategy in (("ours", ours), ("theirs", theirs)):
                count, seconds = _drawn(strategy, 0, _FEW)
                drawn[side] += count
                spent[side] += seconds
        each = {side: 1000 * spent[side] / drawn[side] for side in spent}
        text = f"bodies of {name}: {each['ours']:.1f} ms an example, to Schemathesis's {each['theirs']:.1f}"
        yield Claim(text, each["ours"] / each["theirs"], 1)


def _probes() -> Iterator[Claim]:
    """CPU seconds for all probes of the chat request of the bundled description, the best of three."""
    best = float("inf")
    for _ in range(3):
        contract = assay.load("openai")
        began = time.process_time()
        Prober(
            contract.api, contract.schemas, contract["createChatCompletion"], judge=contract.check_request
        ).outcomes()
        best = min(best, time.process_time() - began)
    yield Claim("all probes of the chat request, built and proven, to one second of CPU time", best, 1)


def _rates() -> Iterator[Claim]:
    """How far the share of cases with a feature is from the set rate, and whether all pairs of features are met."""
    contract = assay.load("openai")
    for name in _PAIRED:
        strategy = cases(contract.api, contract.schemas, contract[name])
        seen: list[Case] = []
        for number in range(_SEEDS):
            _each(strategy, _CASES, number, seen.append)
        if name == "createChatCompletion":
            yield from _shares([json.loads(case.request.body) for case in seen])
        yield _pairs(name, [{*case.features} - {"stream_options"} for case in seen])


def _shares(bodies: list[dict[str, Any]]) -> Iterator[Claim]:
    """Of streams, of tools, of both, and of each among those with the other."""
    streams = [body for body in bodies if body.get("stream") is True]
    tools = [body for body in bodies if body.get("tools")]
    both = [body for body in streams if body.get("tools")]
    rate = DIALS.feature
    for text, part, whole, wanted in (
        ("with stream", streams, bodies, rate),
        ("with tools", tools, bodies, rate),
        ("with both", both, bodies, rate * rate),
        ("with tools among those with stream", both, streams, rate),
        ("with stream among those with tools", both, tools, rate),
    ):
        share = len(part) / len(whole)
        said = f"share of chat cases {text} {share:.3f}, off the set {wanted:.2f} by"
        yield Claim(said, abs(share - wanted), _POINTS)


def _pairs(name: str, seen: list[set[str]]) -> Claim:
    """Pairwise coverage: the share of all pairs of features that some case has together."""
    features = sorted({feature for one in seen for feature in one})
    pairs = {pair: sum({*pair} <= one for one in seen) / len(seen) for pair in combinations(features, 2)}
    rarest = min(pairs, key=lambda pair: pairs[pair])
    met = sum(share > 0 for share in pairs.values())
    text = f"{name}: pairs of features met, of {len(pairs)} (rarest: {' and '.join(rarest)}, {pairs[rarest]:.3f})"
    return Claim(text, met / len(pairs), 1, at_least=True)


def _drawn(strategy: SearchStrategy[Any], number: int, examples: int) -> tuple[int, float]:
    seen: list[int] = []
    began = time.process_time()
    _each(strategy, examples, number, lambda _: seen.append(1))
    return len(seen), time.process_time() - began


def _each(strategy: SearchStrategy[Any], examples: int, number: int, tell: Callable[[Any], None]) -> None:
    @seed(number)
    @settings(
        max_examples=examples, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(strategy)
    def run(case: Any) -> None:
        tell(case)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run()


def _schemathesis(path: str) -> Callable[[str, str], SearchStrategy[Any]] | None:
    """Make the peer's strategies by method and path, or None (said on stderr) where it is missing."""
    try:
        import schemathesis  # noqa: PLC0415  the peer is installed by tox -e bench only
        from schemathesis import GenerationMode  # noqa: PLC0415
    except ImportError:
        sys.stderr.write("schemathesis is not installed: its figures are left out (tox run -e bench installs it)\n")
        return None
    schema = schemathesis.openapi.from_path(path)

    def strategy(method: str, template: str) -> SearchStrategy[Any]:
        made: SearchStrategy[Any] = schema[template][method].as_strategy(generation_mode=GenerationMode.POSITIVE)
        return made

    return strategy
