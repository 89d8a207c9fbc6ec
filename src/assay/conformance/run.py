"""A run: scenarios, checks, flows, probes from inside and from outside, then search, against one target, into findings.

The rule of this module: the best information comes first, nothing that the target does can lose what was found, and
nothing is deleted on a target but what the run made there, unless the user asked for it by name.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from assay.conformance import plan
from assay.conformance.checks import server_down
from assay.conformance.findings import LENIENT
from assay.conformance.flows.inferred import flows
from assay.conformance.flows.memory import Memory
from assay.conformance.flows.player import Player
from assay.conformance.keys import Keys
from assay.conformance.limits import limits
from assay.conformance.pace import Clock, Courier, Dead, Enough, Silent
from assay.conformance.probing import Probing
from assay.conformance.protocol import important, questions
from assay.conformance.relations import RELATED, relate
from assay.conformance.scenes import scenes
from assay.conformance.search import search
from assay.conformance.trial import Trial
from assay.conformance.workers import each
from assay.errors import TargetError
from assay.generate.chance import Cases
from assay.generate.coverage import Universe, key
from assay.generate.dials import DIALS
from assay.generate.sites import sites

if TYPE_CHECKING:
    from assay.conformance.findings import Key
    from assay.conformance.flows.steps import Flow
    from assay.conformance.journal import Journal
    from assay.conformance.result import Result, Tally, Target, Watch
    from assay.conformance.scenes import Scene
    from assay.contract import Contract
    from assay.generate.cases import Case
    from assay.messages import Request
    from assay.model import Operation

__all__ = ["run"]

_Task = Callable[[], "Iterable[_Task] | None"]
_UNAUTHORIZED = (401, 403)
_BULKY = 8000  # bytes of a body
_LENIENT = 3  # kinds of invalid request, accepted by one operation, that are shrunk
_NEEDS_KEY = (
    "the target refuses these credentials ({}): set OPENAI_API_KEY, name another variable with --key-env, "
    "or pass --header 'Authorization: ...'"
)


def run(
    contract: Contract,
    target: Target,
    result: Result,
    watch: Watch,
    *,
    clock: Clock | None = None,
    journal: Journal | None = None,
) -> None:
    """Test a target and fill ``result`` (made with the options) while the run goes.

    What ``journal`` knows of an earlier session of the same run is not sent again.

    Raises ``TargetError`` when the target cannot be reached, serves nothing of the API, or refuses the user's
    credentials; ``UsageError`` for unknown operations. After ``KeyboardInterrupt`` the result holds what was found.
    """
    options = result.options
    result.operations = plan.select(contract.api, options.operations)
    clock = clock or Clock()
    alive = plan.models_request(contract.api)
    courier = Courier(target.send, alive, options.requests, options.seconds, clock, options.rate, journal)
    phases = _Phases(contract, target, Trial(contract, courier, result, watch, target.fresh))
    courier.greet()
    over = False
    try:
        with courier.turn:
            phases.run()
        over = True
    except Enough:
        over = courier.sent >= options.requests
        result.stopped = "" if over else "time is up"
    except Dead as dead:
        result.stopped = "the target stopped answering"
        phases.died(str(dead))
    finally:
        result.sent, result.replayed = courier.sent, courier.replayed
        result.seconds = clock.now() - courier.began
        phases.measure()
        if over or journal is None:  # a run that is gone on with needs what it made
            phases.trial.ledger.tidy(courier)


class _Phases:
    """The phases of one run, in their order."""

    def __init__(self, contract: Contract, target: Target, trial: Trial) -> None:
        self.contract, self.target, self.trial = contract, target, trial
        self.result, self.courier, self.watch = trial.result, trial.courier, trial.watch
        self.small: dict[str, set[object]] = {}
        self.cases: dict[str, Cases] = {}
        self.probings: dict[str, Probing] = {}
        self.memory = Memory()
        self.limited: set[str] = set()
        self.listed = False
        self.keys = Keys(contract, trial, target)

    def run(self) -> None:
        """Go through all phases; ``Enough`` and ``Dead`` end them."""
        self.result.tallies.update((o.id, plan.opened(o, self.result.options)) for o in self.result.operations)
        models = self._discover()
        for level in plan.levels(self._open()):
            self._each([partial(self._scenarios, operation, models) for operation in level])
        self._let_in()
        self.keys.ask()
        self._relations()
        self._protocol()
        self._limits()
        first, second = self._planned(models)
        self._first_contact(frozenset(step.place for flow in (*first, *second) for step in flow.steps))
        self._flows(first, second)
        self._first_contact()
        for phase in plan.PHASES:
            self._phase(phase)
            if phase == "inside":
                self._something_served()
        # What operations that have little to vary left over goes to the others, while these find anything to send.
        before = -1
        while self.courier.left and self.courier.sent > before:
            before = self.courier.sent
            self._phase("search")

    def died(self, reason: str) -> None:
        """One finding for a dead target, with the request that was its last."""
        if self.trial.last is None:
            raise TargetError(reason)
        self.trial.record(self.trial.last, server_down())

    def measure(self) -> None:
        """Say which sites there are in the requests of every operation that was asked."""
        api, schemas = self.contract.api, self.contract.schemas
        for operation in (one for one in self.result.operations if one.id in self.result.tallies):
            if self.result.tallies[operation.id].sent:
                made = self.probings.get(operation.id)
                found = made.sites if made is not None else sites(api, schemas, operation)
                self.result.universes[operation.id] = Universe.named(found)

    def _each(self, tasks: Iterable[_Task]) -> None:
        """Do all tasks, and those that come of them, by as many workers as were asked for."""
        each(self.result.options.workers, self.courier, tasks, lambda task: task())

    def _open(self) -> list[Operation]:
        return [o for o in self.result.operations if not self.result.tallies[o.id].closed]

    def _tally(self, operation: Operation) -> Tally:
        """The tally of an operation, closed where nothing is served at the path above it: no need to ask again."""
        tally = self.result.tallies[operation.id]
        if tally.sent or tally.closed:
            return tally
        for above in self.result.operations:
            if plan.is_below(operation.path, above.path):
                asked = [self.result.tallies[o.id] for o in self.result.operations if o.path == above.path]
                reasons = [one.closed for one in asked if one.sent]
                if reasons and all(reasons):
                    tally.closed = reasons[0]
        return tally

    def _discover(self) -> tuple[str, ...]:
        """The models to use, from ``--model`` or the target's list; also the first sign of life."""
        self.watch.begin("discover", "")
        try:
            response = self.courier(self.courier.alive)
        except (Dead, Silent) as error:
            raise TargetError(str(error)) from error
        served = plan.served(response)
        self.listed = bool(served)
        return served if self.result.options.model is None else (self.result.options.model,)

    def _scenarios(self, operation: Operation, models: tuple[str, ...]) -> list[_Task]:
        """Find the model that serves an operation, by its first scenario, and return the others.

        An operation that refuses its simplest valid request with every model is left alone.
        """
        self.watch.begin("scenarios", operation.id)
        tally = self._tally(operation)
        candidates = plan.candidates(models, operation.path)
        tally.model = candidates[0]
        for model in candidates:
            first = next(scenes(self.trial.verdict, operation, (model,)), None)
            if first is None:
                continue
            tally.model = model
            self.trial.attempt(operation, first.request, valid=True, scenario=first.name)
            if tally.accepted or tally.closed or not tally.refusals:
                break
        if not tally.sent:
            return []
        if not tally.accepted:
            tally.closed = tally.closed or next(iter(tally.refusals), "its simplest valid request is not accepted")
        latest = self.trial.latest.get(operation.id)
        others = (model for model in plan.fitting(models, operation.path) if model != tally.model)
        earlier = plan.identity(latest.response if latest else None)
        _, *made = scenes(self.trial.verdict, operation, (tally.model, *others), earlier)
        return [partial(self._scenario, operation, scene) for scene in made]

    def _scenario(self, operation: Operation, scene: Scene) -> None:
        """Play a scene that is not the first of its operation; one of several features in parts, if need be."""
        if self.result.tallies[operation.id].closed:
            return
        if not scene.parts:
            self.trial.attempt(operation, scene.request, valid=True, scenario=scene.name)
            return
        tell = self.trial.together(operation, scene.request, scene.name)
        if tell is None:
            return
        for part in scene.parts:
            self._scenario(operation, part)
        if all(self.trial.accepted(operation, part.name) for part in scene.parts):
            tell()  # it is all of them together that this target does not take

    def _relations(self) -> None:
        """Lay answers of one operation side by side."""
        tallies = self.result.tallies
        related = [o for o in self._open() if o.path in RELATED and o.method == "POST" and tallies[o.id].accepted]
        self._each([partial(self._related, operation) for operation in related])

    def _related(self, operation: Operation) -> None:
        self.watch.begin("checks", operation.id)
        relate(self.contract, self.trial, operation)

    def _protocol(self) -> None:
        """Ask what no case of an operation asks, on what the target serves."""
        served = important(self.result)
        if served:
            self.watch.begin("checks", served[0].id)
            self._each([*questions(self.contract, self.trial, served, self._refused_nowhere)])

    def _refused_nowhere(self, words: str) -> None:
        self.memory.nowhere = words

    def _planned(self, models: tuple[str, ...]) -> tuple[tuple[Flow, ...], tuple[Flow, ...]]:
        """The flows in two halves, with a model that is known by now."""
        self.memory.ids["model"] = self.result.options.model or plan.candidates(models, "/chat/completions")[0]
        return flows(self.contract, self.memory.ids["model"])

    def _flows(self, first: tuple[Flow, ...], second: tuple[Flow, ...]) -> None:
        """Play flows with a part of what is left; what they make lives on, for the probes to name."""
        player = Player(self.contract, self.trial, self._tally, self.memory)
        until = self.courier.sent + int(self.courier.left * plan.FLOWS)
        player.prepare((*first, *second))
        player.play(first, until)
        self._limits()
        self.keys.ask_of_flows()
        player.play(second, until)
        self._limits()

    def _first_contact(self, played: frozenset[tuple[str, str]] | None = None) -> None:
        """What was not asked at all by now gets one request, before others get more of them.

        Before the flows, what these play, and what needs an id that they may bring, waits for them.
        """
        unasked = [
            operation
            for operation in self._open()
            if not self._tally(operation).sent
            and (played is None or ("{" not in operation.path and (operation.method, operation.path) not in played))
        ]
        self._each([partial(self._step, "inside", operation, 1) for operation in unasked])

    def _limits(self) -> None:
        """Send what servers most often let pass, where a request to be broken was accepted; each once."""
        opened = [operation for operation in self._open() if operation.id not in self.limited]
        examples = [(operation, self.result.tallies[operation.id].example) for operation in opened]
        self.limited.update(operation.id for operation, example in examples if example is not None)
        self._each(
            partial(self._limit, operation, *one)
            for operation, example in examples
            if example is not None
            for one in limits(operation, example)
        )

    def _limit(self, operation: Operation, name: str, request: Request) -> None:
        if not self.result.tallies[operation.id].closed:
            self.watch.begin("checks", operation.id)
            self.trial.attempt(operation, request, valid=False, scenario=name)

    def _let_in(self) -> frozenset[str] | None:
        """Why nothing was accepted so far; None where something was. Credentials that are refused end the run."""
        tallies = self.result.tallies.values()
        if any(t.accepted for t in tallies) or self.result.failed:
            return None
        reasons = frozenset(reason for t in tallies for reason in (t.closed, *t.refusals) if reason)
        refused = [f"answered with {status}" for status in _UNAUTHORIZED if f"answered with {status}" in reasons]
        if refused and not self.listed:
            raise TargetError(_NEEDS_KEY.format(refused[0]))
        return reasons

    def _something_served(self) -> None:
        """A target that serves nothing of the description cannot be tested."""
        reasons = self._let_in()
        if reasons is None:
            return
        for finding in self.result.findings:
            got = finding.violation.got
            raise TargetError(f"the target gave no whole answer ({got}): --timeout gives it more time")
        place = self.target.url(self.courier.alive.target)
        why = "; ".join(sorted(reasons)[:3]) or "no request was accepted"
        if self.listed:
            raise TargetError(f"models are listed at {place}, but nothing that was tested is served ({why})")
        raise TargetError(f"nothing of this API is served here ({why}); asked first: {place}. Is the base path right?")

    def _phase(self, phase: str) -> None:
        """Share the phase's requests out over the operations by their weights; what some leave, the others get.

        Shares are given out before any is used, and counted for each operation: so the workers do not matter.
        """
        budget, hungry = int(self.courier.left * plan.PHASES[phase]), self._open()
        while budget > 0 and hungry:
            weights = [self._probing(operation).weight for operation in hungry]
            shares = {o.id: n for o, n in zip(hungry, plan.spread(budget, weights), strict=True) if n}
            used = self._spent(phase, [o for o in hungry if o.id in shares], shares)
            budget -= sum(used.values())
            # Who got nothing in this round may get something in the next.
            fed = [o for o in hungry if used.get(o.id, 0) >= shares.get(o.id, 0)]
            hungry = [o for o in fed if not self.result.tallies[o.id].closed]

    def _spent(self, phase: str, operations: list[Operation], shares: dict[str, int]) -> dict[str, int]:
        """Let operations spend their shares of a phase; return what each has really sent."""
        tallies = self.result.tallies
        before = {o.id: tallies[o.id].sent for o in operations}
        # The largest first, so that no worker is left alone with it in the end.
        ordered = sorted(operations, key=lambda operation: -shares[operation.id])
        self._each([partial(self._step, phase, operation, shares[operation.id]) for operation in ordered])
        return {o.id: tallies[o.id].sent - before[o.id] for o in operations}

    def _step(self, phase: str, operation: Operation, requests: int) -> None:
        """Spend an operation's share of a phase."""
        self.watch.begin(phase, operation.id)
        if phase == "search":
            self._search(operation, requests)
        else:
            self._probe(phase, operation, requests)

    def _probing(self, operation: Operation) -> Probing:
        """The probes of an operation, opened once."""
        made = self.probings.get(operation.id)
        if made is None:
            model = self.result.tallies[operation.id].model
            made = Probing(self.contract, operation, model, self.memory.known, self.trial)
            self.probings[operation.id] = made
        return made

    def _probe(self, side: str, operation: Operation, requests: int) -> None:
        """Send the next probes of an operation from one side."""
        tally, counts = self._tally(operation), self.result.counts
        until = tally.sent + requests
        drawn = self._probing(operation).draw(side, counts.inside)
        while tally.sent < until and not tally.closed:
            site, case = next(drawn, (None, None))
            if site is None or case is None:
                return
            before = tally.sent
            self.trial.attempt(operation, case.request, valid=case.valid)
            if side == "outside" and tally.sent > before:
                # A union may tell of this site in its own name, which the request alone would not show.
                counts.outside[key(site)] += 1

    def _search(self, operation: Operation, requests: int) -> None:
        cases = self._cases(operation)
        if cases.none:
            return
        tally = self._tally(operation)
        seed = zlib.crc32(f"{self.result.options.seed}/{tally.sent}/{operation.id}".encode())
        known = self.small.setdefault(operation.id, set())

        def attempt(case: Case) -> frozenset[object]:
            if tally.closed:
                return frozenset()
            shown = self.trial.attempt(operation, case.request, valid=case.valid)
            # What is long on purpose stays long, and slow models pay for every try to shorten it.
            return frozenset() if len(case.request.body) > _BULKY else _worth_shrinking(shown, known)

        search(cases, attempt, known=known, requests=requests, seed=seed, spent=lambda: tally.sent)

    def _cases(self, operation: Operation) -> Cases:
        """Valid and invalid cases of an operation, with the model that serves it."""
        made = self.cases.get(operation.id)
        if made is None:
            model = self.result.tallies[operation.id].model
            dials = replace(DIALS, models=(model,) if model else DIALS.models, known=self.memory.known)
            made = self.cases[operation.id] = Cases(self._probing(operation).maker, dials)
        return made


def _worth_shrinking(shown: frozenset[Key], known: set[object]) -> frozenset[object]:
    """The causes to make small: of an operation that takes anything, the first kinds only, for they are one finding."""
    lenient = sum(isinstance(name, tuple) and name[1] == LENIENT for name in known)
    return frozenset(name for name in shown if name in known or name[1] != LENIENT or lenient < _LENIENT)
