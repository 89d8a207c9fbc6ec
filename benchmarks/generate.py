"""Claim: valid cases come at least 3 x as fast as Schemathesis's own, features at the set rate, chat's probes in 1 s.

Both sides draw whole valid requests of the same operations of the published description through Hypothesis with the
same settings, in alternating rounds. Schemathesis's preparation of an operation is not counted, and neither is ours.
"""

from __future__ import annotations

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
from benchmarks.traffic import published

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import SearchStrategy

_OPERATIONS = {
    "createChatCompletion": "/chat/completions",
    "createResponse": "/responses",
    "createImage": "/images/generations",
    "createFineTuningJob": "/fine_tuning/jobs",
}
_EXAMPLES, _ROUNDS, _CASES = 60, 3, 2000
_FEATURES = ("stream", "tools", "n", "logprobs", "response_format", "stop", "vision")
_SETS = (("stream",), ("tools",), ("stream", "tools"))
_POINTS = 0.05


def claims() -> Iterator[Claim]:
    """Measure and state."""
    yield from _probes()
    yield from _rates()
    path = published()
    if path is None:
        return
    peer = _schemathesis(path)
    if peer is None:
        return
    contract = assay.load(path)
    for name, template in _OPERATIONS.items():
        ours: Any = cases(contract.api, contract.schemas, contract[name])
        theirs = peer(template)
        times = {"ours": [0.0, 0.0], "theirs": [0.0, 0.0]}
        for number in range(_ROUNDS + 1):
            for side, strategy in (("ours", ours), ("theirs", theirs)):
                count, seconds = _drawn(strategy, number)
                if number:  # the first round warms both up
                    times[side][0] += count
                    times[side][1] += seconds
        rates = {side: count / seconds for side, (count, seconds) in times.items()}
        text = f"{name}: {rates['ours']:.0f} valid cases a second, Schemathesis {rates['theirs']:.0f}"
        yield Claim(text, rates["ours"] / rates["theirs"], 3, at_least=True)


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
    """How far the share of cases with a feature is from the set rate."""
    contract = assay.load("openai")
    strategy = cases(contract.api, contract.schemas, contract["createChatCompletion"])
    seen: list[frozenset[str]] = []
    for number in range(4):
        _each(strategy, _CASES // 4, number, lambda case: seen.append(frozenset(case.features)))
    for names in _SETS:
        wanted = DIALS.feature ** len(names)
        share = sum(frozenset(names) <= features for features in seen) / len(seen)
        text = f"share of chat cases with {' and '.join(names)} {share:.3f}, off the set {wanted:.2f} by, in fractions"
        yield Claim(text, abs(share - wanted), _POINTS)
    pairs = {pair: sum({*pair} <= features for features in seen) / len(seen) for pair in combinations(_FEATURES, 2)}
    rarest = min(pairs, key=lambda pair: pairs[pair])
    met = sum(share > 0 for share in pairs.values())
    text = (
        f"pairs of chat features met, of {len(pairs)} (rarest: {' and '.join(rarest)}, {pairs[rarest]:.3f}), as a share"
    )
    yield Claim(text, met / len(pairs), 1, at_least=True)


def _drawn(strategy: SearchStrategy[Any], number: int) -> tuple[int, float]:
    seen: list[int] = []
    began = time.perf_counter()
    _each(strategy, _EXAMPLES, number, lambda _: seen.append(1))
    return len(seen), time.perf_counter() - began


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


def _schemathesis(path: str) -> Callable[[str], SearchStrategy[Any]] | None:
    """Make the peer's strategies by path, or None (said on stderr) where it is missing."""
    try:
        import schemathesis  # noqa: PLC0415  the peer is installed by tox -e bench only
        from schemathesis import GenerationMode  # noqa: PLC0415
    except ImportError:
        sys.stderr.write("schemathesis is not installed: its figures are left out (tox run -e bench installs it)\n")
        return None
    schema = schemathesis.openapi.from_path(path)

    def strategy(template: str) -> SearchStrategy[Any]:
        made: SearchStrategy[Any] = schema[template]["POST"].as_strategy(generation_mode=GenerationMode.POSITIVE)
        return made

    return strategy
