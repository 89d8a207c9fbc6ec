"""The search by itself: what chance draws, Hypothesis shrinks by the very same choices."""

from __future__ import annotations

import random

import pytest

from assay.conformance.search import search
from assay.contract import load
from assay.generate.cases import CaseMaker
from assay.generate.chance import Cases
from assay.generate.dials import DIALS


@pytest.fixture(scope="module")
def cases():
    """Cases of an operation with large bodies."""
    contract = load("openai")
    return Cases(CaseMaker(contract.schemas, contract["createChatCompletion"]), DIALS)


class Target:
    """Tries cases, each once, and says which show the cause that is looked for."""

    def __init__(self, shows):
        self.shows, self.sent, self.found = shows, {}, []

    def __call__(self, case):
        """Say what a case shows."""
        shown = self.sent.setdefault(case.request.body, frozenset({"cause"} if self.shows(case) else ()))
        self.found += [case] if shown else []
        return shown


def test_what_shows_something_new_is_made_small(cases):
    """The first case that shows it is long, the last is the least that does, within thirty requests."""
    target = Target(lambda case: case.valid and b'"temperature"' in case.request.body)
    known: set[object] = set()
    search(cases, target, known=known, requests=60, seed=1, spent=lambda: len(target.sent))
    sizes = [len(case.request.body) for case in target.found]
    assert known == {"cause"}
    assert min(sizes) < 120 < sizes[0]
    assert len(target.sent) <= 60 + 30


def test_the_same_seed_draws_the_same_cases(cases):
    """And another one draws others."""
    drawn = [[cases.drawn(chance) for _ in range(20)] for chance in map(random.Random, (1, 1, 2))]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_search_that_finds_nothing_spends_what_it_may(cases):
    """No more requests, and no fewer where there is anything new to be drawn."""
    target = Target(lambda _: False)
    search(cases, target, known=set(), requests=40, seed=0, spent=lambda: len(target.sent))
    assert len(target.sent) == 40
    assert not target.found
