"""Rules that no schema can state, their registration, and how they are run over exchanges and streams.

The rule of this module: a rule is one sentence with one id and one source, and whatever a peer sent, a rule never
raises: it reads only parts that have the types it needs, and leaves the others to the schemas, so that nothing is
told twice.

A file of rules opens a :class:`RuleSet` and registers functions in it:

    rules = RuleSet("chat", "createChatCompletion")

    @rules.response("choices-count", "There are as many choices as n asks for.", "#/components/schemas/...")
    def choices_count(rule: Rule, exchange: Exchange) -> Iterator[Violation]: ...

Rules over streams share one :class:`Reducer` per operation, because a stream is read once: each rule is declared
with ``rules.stream(...)``, the reducer with ``@rules.reducer``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from assay.errors import UsageError
from assay.messages import Headers
from assay.violation import Part, Severity, Violation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from assay.wire.multipart import FilePart

    ShortWay = Callable[[Any, Any], bool]

__all__ = ["Check", "Exchange", "Reducer", "Registry", "Rule", "RuleSet", "StreamRules"]

Side = Literal["request", "response", "stream", "run"]
"""What a rule reads: the request alone, the response with its request, the events of a stream, or a whole run."""

_DONE = "[DONE]"
_NO_HEADERS = Headers()
_ReducerClass = TypeVar("_ReducerClass", bound="type[Reducer]")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request with its response, parsed.

    ``operation`` is the operation's id. ``request`` and ``response`` are JSON values (a form is an object; None
    when there is no body); ``response`` is None for request rules and for streams. ``status`` is 0 when there is
    no response yet. ``query`` and ``path_values`` hold decoded values; ``files`` are the files of a multipart request,
    ``body`` the bytes of the response as they came.
    """

    operation: str
    request: Any = None
    response: Any = None
    status: int = 200
    query: Mapping[str, Any] = field(default_factory=dict)
    path_values: Mapping[str, Any] = field(default_factory=dict)
    request_headers: Headers = _NO_HEADERS
    response_headers: Headers = _NO_HEADERS
    files: tuple[FilePart, ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: ``id`` is ``<resource>/<name>``; ``source`` says where the contract states the ``sentence``."""

    id: str
    sentence: str
    source: str
    severity: Severity
    operations: tuple[str, ...]
    side: Side

    def broken(self, path: tuple[str | int, ...], expected: str, got: str, *, part: Part = "body") -> Violation:
        """Make the violation of this rule at a place; ``expected`` and ``got`` are noun phrases without values."""
        return Violation(self.id, part, path, expected, got, self.source, self.severity)


@dataclass(frozen=True, slots=True)
class Check:
    """A rule with the function that judges an exchange by it.

    ``when`` are the properties of the request without which the rule has nothing to say; none: it always has.
    """

    rule: Rule
    judge: Callable[[Rule, Exchange], Iterable[Violation]]
    when: frozenset[str] = frozenset()

    def __call__(self, exchange: Exchange) -> Iterable[Violation]:
        """Judge one exchange."""
        return self.judge(self.rule, exchange)


class Reducer:
    """The state of one stream's rules; made once per stream, from the request. Memory is bounded.

    Each method returns the violations found at that point, most often none. A rule that a stream breaks in every
    event is told once, through :meth:`once`.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self._told: set[str] = set()

    def feed(self, number: int, value: Any, name: str) -> Sequence[Violation]:  # noqa: ARG002
        """Take the parsed data of event ``number`` (from 0); ``name`` is the event's name, ``message`` by default."""
        return ()

    def mark(self, number: int, text: str) -> Sequence[Violation]:  # noqa: ARG002
        """Take the end marker as it came, perhaps with white space around it."""
        return ()

    def close(self) -> Sequence[Violation]:
        """Take the end of the stream."""
        return ()

    def once(self, found: list[Violation], violation: Violation) -> None:
        """Add a violation unless its rule has been told already."""
        if violation.rule not in self._told:
            self._told.add(violation.rule)
            found.append(violation)


class RuleSet:
    """The rules of one resource, for the operations it names."""

    def __init__(self, resource: str, *operations: str) -> None:
        self.resource = resource
        self.operations = operations
        self.rules: list[Rule] = []
        self.checks: list[Check] = []
        self.short_ways: dict[tuple[str, Side], ShortWay] = {}
        self.reducers: list[tuple[tuple[str, ...], type[Reducer]]] = []

    def request(
        self,
        name: str,
        sentence: str,
        source: str,
        *,
        severity: Severity = "violation",
        operations: str = "",
        when: str = "",
    ) -> Callable[[Callable[[Rule, Exchange], Iterator[Violation]]], Check]:
        """Register a function as a rule of requests.

        ``operations`` (by spaces) narrows the set's own; ``when`` (by spaces) are properties of the request of
        which at least one must be there for the rule to have anything to say.
        """
        return self._check(self._rule(name, sentence, source, severity, "request", operations), when)

    def response(
        self,
        name: str,
        sentence: str,
        source: str,
        *,
        severity: Severity = "violation",
        operations: str = "",
        when: str = "",
    ) -> Callable[[Callable[[Rule, Exchange], Iterator[Violation]]], Check]:
        """Register a function as a rule of successful responses (2xx), seen with their requests."""
        return self._check(self._rule(name, sentence, source, severity, "response", operations), when)

    def stream(
        self, name: str, sentence: str, source: str, *, severity: Severity = "violation", operations: str = ""
    ) -> Rule:
        """Declare a rule that a reducer of this set judges by."""
        return self._rule(name, sentence, source, severity, "stream", operations)

    def short_way(self, side: Side, *, operations: str = "") -> Callable[[ShortWay], ShortWay]:
        """Register a predicate for the frequent exchange that breaks no rule of this set, so that none is run.

        It sees the request's value and the response's (None for rules of requests), and must be true only where
        every rule of the set (of that side) is silent; a property test holds it. ``operations`` (by spaces) narrows
        the set's own, as rules that read the path must do.
        """

        def register(predicate: ShortWay) -> ShortWay:
            for operation in operations.split() or self.operations:
                self.short_ways[operation, side] = predicate
            return predicate

        return register

    def reducer(self, cls: _ReducerClass) -> _ReducerClass:
        """Register the reducer of this set's stream rules."""
        self.reducers.append((self.operations, cls))
        return cls

    def _rule(self, name: str, sentence: str, source: str, severity: Severity, side: Side, operations: str) -> Rule:
        named = tuple(operations.split()) or self.operations
        rule = Rule(f"{self.resource}/{name}", sentence, source, severity, named, side)
        self.rules.append(rule)
        return rule

    def _check(self, rule: Rule, when: str) -> Callable[[Callable[[Rule, Exchange], Iterator[Violation]]], Check]:
        def register(judge: Callable[[Rule, Exchange], Iterator[Violation]]) -> Check:
            check = Check(rule, judge, frozenset(when.split()))
            self.checks.append(check)
            return check

        return register


class StreamRules:
    """The rules of one open stream.

    Feed every event exactly once, in order: ``feed`` for one whose data is JSON, ``mark`` for any other.
    """

    __slots__ = ("_off", "_reducers", "feed")

    feed: Callable[[int, Any, str], Sequence[Violation]]
    """Takes the number of an event (from 0), its parsed data and its name; returns the violations found."""

    def __init__(self, reducers: Iterable[Reducer], off: frozenset[str]) -> None:
        self._reducers = tuple(reducers)
        self._off = off
        # Nearly every stream has one reducer and no rule switched off: then nothing stands between.
        self.feed = self._reducers[0].feed if len(self._reducers) == 1 and not off else self._feed

    def _feed(self, number: int, value: Any, name: str) -> Sequence[Violation]:
        return tuple(v for reducer in self._reducers for v in self._kept(reducer.feed(number, value, name)))

    def mark(self, number: int, text: str) -> tuple[Violation, ...] | None:
        """Take data that is not JSON; None when it is no end marker either, so that it must be told as bad JSON."""
        if text.strip() != _DONE:
            return None
        return tuple(v for reducer in self._reducers for v in self._kept(reducer.mark(number, text)))

    def close(self) -> tuple[Violation, ...]:
        """Take the end of the stream. Do not call it for a stream that the reader itself broke off."""
        return tuple(v for reducer in self._reducers for v in self._kept(reducer.close()))

    def _kept(self, violations: Sequence[Violation]) -> tuple[Violation, ...]:
        return tuple(violation for violation in violations if violation.rule not in self._off)


@dataclass(frozen=True, slots=True)
class _Group:
    """The checks of one rule set for one operation and side."""

    short_way: ShortWay | None
    checks: tuple[Check, ...]


class Registry:
    """All rules that are on, by operation.

    ``off`` are ids of rules to leave out; an id that no rule has is a ``UsageError``.
    """

    def __init__(self, rule_sets: Iterable[RuleSet], *, off: Iterable[str] = ()) -> None:
        sets = tuple(rule_sets)
        self.rules: tuple[Rule, ...] = tuple(sorted((r for s in sets for r in s.rules), key=lambda rule: rule.id))
        self.off = frozenset(off)
        unknown = sorted(self.off - {rule.id for rule in self.rules})
        if unknown:
            raise UsageError(f"there is no rule {unknown[0]!r}; assay rules lists them")
        self._groups: dict[tuple[str, Side], tuple[_Group, ...]] = {}
        self._reducers: dict[str, tuple[type[Reducer], ...]] = {}
        for rule_set in sets:
            self._group(rule_set)
        for operations, reducer in (pair for s in sets for pair in s.reducers):
            for operation in operations:
                self._reducers[operation] = (*self._reducers.get(operation, ()), reducer)

    def checks_for(self, operation: str, side: Side = "response") -> tuple[Check, ...]:
        """Return the checks of an operation's requests or responses."""
        return tuple(check for group in self._groups.get((operation, side), ()) for check in group.checks)

    def silent_on(self, operation: str, side: Side) -> ShortWay:
        """Return a quick predicate on (request, response) values: True where no rule of that side can speak."""
        ways = [group.short_way for group in self._groups.get((operation, side), ())]
        if not ways:
            return lambda _request, _response: True
        if any(way is None for way in ways):
            return lambda _request, _response: False
        known = [way for way in ways if way is not None]
        return known[0] if len(known) == 1 else _all_silent(known)

    def check_request(self, exchange: Exchange) -> tuple[Violation, ...]:
        """Judge a request by the rules of its operation."""
        return self._judge(exchange, "request")

    def check_response(self, exchange: Exchange) -> tuple[Violation, ...]:
        """Judge a response by the rules of its operation; only successful responses have rules."""
        return self._judge(exchange, "response") if 200 <= exchange.status <= 299 else ()  # noqa: PLR2004  class 2xx

    def open_stream(self, exchange: Exchange) -> StreamRules:
        """Open the rules of one stream that answers ``exchange.request``."""
        return StreamRules((make(exchange) for make in self._reducers.get(exchange.operation, ())), self.off)

    def _group(self, rule_set: RuleSet) -> None:
        checks: dict[tuple[str, Side], list[Check]] = {}
        for check in rule_set.checks:
            for operation in check.rule.operations if check.rule.id not in self.off else ():
                checks.setdefault((operation, check.rule.side), []).append(check)
        for key, group in checks.items():
            made = _Group(rule_set.short_ways.get(key), tuple(group))
            self._groups[key] = (*self._groups.get(key, ()), made)

    def _judge(self, exchange: Exchange, side: Side) -> tuple[Violation, ...]:
        found: list[Violation] = []
        for group in self._groups.get((exchange.operation, side), ()):
            if group.short_way is not None and group.short_way(exchange.request, exchange.response):
                continue
            given = exchange.request.keys() if isinstance(exchange.request, dict) else ()
            for check in group.checks:
                if not check.when or not check.when.isdisjoint(given):
                    found.extend(check.judge(check.rule, exchange))
        return tuple(found)


def _all_silent(ways: Sequence[ShortWay]) -> ShortWay:
    if len(ways) == 2:  # noqa: PLR2004  as of chat: asked of every message, where a loop would be a tenth of all
        first, second = ways
        return lambda request, response: first(request, response) and second(request, response)

    def silent(request: Any, response: Any) -> bool:
        return all(way(request, response) for way in ways)

    return silent
