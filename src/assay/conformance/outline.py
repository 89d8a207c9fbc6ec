"""The outline of a run: what would be asked of which operation, before anything is sent.

The rule of this module: it shares the budget out as a run does, supposing that the target serves every operation; what
a target does not serve, its share goes to the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.conformance import plan
from assay.conformance.flows.inferred import flows
from assay.conformance.flows.player import SPARED
from assay.conformance.flows.steps import Index, wanted
from assay.conformance.limits import LIMITS
from assay.conformance.probing import Probing
from assay.conformance.protocol import BESIDES, MALFORMED, rank
from assay.conformance.relations import RELATED
from assay.conformance.scenes import scenes

if TYPE_CHECKING:
    from assay.conformance.result import Options
    from assay.conformance.scenes import Scene
    from assay.contract import Contract
    from assay.model import Operation

__all__ = ["Share", "outline"]


@dataclass(slots=True)
class Share:
    """What one operation gets: the labels of its scenarios, and how many requests each later phase may send.

    ``closed`` says why it gets nothing, or is empty; ``keyless`` is 1 where its key is to be proven necessary,
    ``related`` counts what is sent to lay answers side by side, ``protocol`` broken texts and what is not there,
    ``limits`` what is broken by hand.
    """

    operation: Operation
    scenarios: tuple[str, ...] = ()
    keyless: int = 0
    related: int = 0
    protocol: int = 0
    flows: int = 0
    limits: int = 0
    inside: int = 0
    outside: int = 0
    search: int = 0
    closed: str = ""

    @property
    def requests(self) -> int:
        """All requests for this operation."""
        made = self.keyless + self.related + self.protocol + self.limits + self.flows
        return len(self.scenarios) + made + self.inside + self.outside + self.search


def outline(contract: Contract, options: Options, *, keyed: bool = False) -> tuple[Share, ...]:
    """Share the budget out; ``keyed`` says that the user's key is to be enforced."""
    left = options.requests - 1  # the list of models
    shares = []
    for operation in plan.select(contract.api, options.operations):
        share = Share(operation, closed=plan.opened(operation, options).closed)
        if not share.closed:
            model = options.model or plan.candidates((), operation.path)[0]
            share.scenarios = _scenarios(contract, operation, model)[: max(0, left)]
            left -= len(share.scenarios)
        shares.append(share)
    if keyed:
        for share in (share for share in shares if share.scenarios and left > 0):
            share.keyless, left = 1, left - 1
    left -= _made(shares, left)
    left -= _limits(shares, left)
    left -= _flows(contract, shares, int(left * plan.FLOWS))
    drawn = [(share, Probing(contract, share.operation, "any")) for share in shares if not share.closed]
    for phase, part in plan.PHASES.items():
        able = [(share, one) for share, one in drawn if _can(one, phase)]
        left -= _spread(able, phase, int(left * part))
    return tuple(shares)


def _made(shares: list[Share], left: int) -> int:
    """Count the requests for relations and for the protocol, as far as the budget goes; return how many there are."""
    given = 0
    served = [share for share in shares if share.scenarios]
    for share in served:
        share.related = min(RELATED.get(share.operation.path, 0), left - given)
        given += share.related
    first = sorted((one for one in served if one.operation.method == "POST"), key=lambda one: rank(one.operation))
    for number, (share, count) in enumerate(zip(first, MALFORMED, strict=False)):
        share.protocol = min(count + (BESIDES if number == 0 else 0), left - given)
        given += share.protocol
    return given


def _limits(shares: list[Share], left: int) -> int:
    """Count the hand-written broken requests; those of what flows make first come later, but cost the same."""
    given = 0
    for share in shares:
        count = len(LIMITS.get((share.operation.method, share.operation.path), ()))
        share.limits = 0 if share.closed else min(count, left - given)
        given += share.limits
    return given


def _flows(contract: Contract, shares: list[Share], left: int) -> int:
    """Count the steps of flows for each operation, as far as the budget goes; return how many there are."""
    index, by_id, given = Index(contract.api), {share.operation.id: share for share in shares}, 0
    first, second = flows(contract, "any")
    played = (*first, *second)
    found = [(step, index.get(*step.place)) for flow in played for step in flow.steps]
    mine = {step.place for step, one in found if one is not None and one.id in by_id}
    needed = wanted(played, lambda step: step.place in mine and step.tells)
    taken = [(step, one) for step, one in found if one is not None and step.place in mine]
    taken = [(step, one) for step, one in taken if step.tells or step.keep in needed]
    for spare, most in ((False, left), (True, left - SPARED)):
        for step, operation in taken:
            if step.spare is spare and given < most:
                by_id[operation.id].flows += 1
                given += 1
    return given


def _scenarios(contract: Contract, operation: Operation, model: str) -> tuple[str, ...]:
    """The labels of the scenarios that this contract allows."""
    return tuple(_label(scene) for scene in scenes(contract.check_request, operation, (model,)))


def _label(scene: Scene) -> str:
    return f"{scene.name} ({' + '.join(part.name for part in scene.parts)})" if scene.parts else scene.name


def _can(probing: Probing, phase: str) -> bool:
    """Whether a phase has anything to send to an operation."""
    if phase != "search":
        return any(phase in site.sides for site in probing.sites)
    return probing.maker.possible


def _spread(shares: list[tuple[Share, Probing]], phase: str, requests: int) -> int:
    """Give each share its part by weight; return how many were given."""
    given = plan.spread(requests, [one.weight for _, one in shares])
    for (share, _), part in zip(shares, given, strict=True):
        setattr(share, phase, part)
    return sum(given)
