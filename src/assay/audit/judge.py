"""One recorded exchange against one contract or two: what is wrong with it, and by which layer.

The rule of this module: pure and without memory of what came before, so that any number of workers may judge the
parts of one recording and merge what they counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, NamedTuple

from assay.contract import load
from assay.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from assay.audit.records import Record
    from assay.contract import Contract
    from assay.spec.load import Layer, Source
    from assay.violation import Verdict, Violation

__all__ = ["Fault", "Judge", "Outcome", "load_judge"]

Side = Literal["request", "response"]
_BUILT_IN = ("http/", "schema/")


@dataclass(frozen=True, slots=True)
class Fault:
    """One violation of a recorded message, and the layers (``compat``, ``strict``) by which it is one."""

    side: Side
    violation: Violation
    layers: tuple[str, ...]


class Outcome(NamedTuple):  # a tuple, for the reason that a Record is one
    """What is to be said of one exchange.

    ``operation`` is None when the description does not know the path or its method, and when ``foreign`` says that
    the host was not asked for. ``skipped`` gives, by message, the reason why it was not judged.
    """

    record: Record
    operation: str | None = None
    foreign: bool = False
    faults: tuple[Fault, ...] = ()
    skipped: Mapping[str, str] | None = None


class Judge:
    """Judges exchanges. ``contracts`` by layer; ``hosts`` are globs (none: every host); ``off`` are rule ids.

    ``strict_paths`` makes an exchange with an unknown path or method a violation.
    """

    def __init__(
        self,
        contracts: Mapping[Layer, Contract],
        *,
        hosts: Iterable[str] = (),
        off: Iterable[str] = (),
        strict_paths: bool = False,
    ) -> None:
        self.contracts = dict(contracts)
        self._first = next(iter(self.contracts.values()))
        self._layered = len(self.contracts) > 1
        self.title = self._first.api.title
        self._hosts = tuple(host.lower() for host in hosts)
        self._off = frozenset(off)
        self._strict_paths = strict_paths

    def __call__(self, record: Record) -> Outcome:
        """Judge one exchange."""
        if self._hosts and not any(fnmatchcase(record.host, glob) for glob in self._hosts):
            return Outcome(record, foreign=True)
        skipped = record.skipped
        if "request" in skipped:
            operation = self._first.find(record.request)
            known, name = None, operation.id if operation is not None else None
        else:
            known = self._first.check_request(record.request)
            name = known.operation
        if name is None:
            return Outcome(record, faults=self._faults("request", record) if self._strict_paths else ())
        faults: tuple[Fault, ...] = ()
        if known is not None and (known.violations or self._layered):
            faults = self._faults("request", record, known)
        if "response" not in skipped:
            answer = record.response
            told = None if answer is None else self._first.check_response(record.request, answer)
            if told is None or told.violations or self._layered:
                faults += self._faults("response", record, told)
        return Outcome(record, name, faults=faults, skipped=skipped)

    def _faults(self, side: Side, record: Record, asked: Verdict | None = None) -> tuple[Fault, ...]:
        """Judge one message by every layer; a fault that several find is one fault.

        ``asked`` is the verdict of the first layer, where it was asked already.
        """
        found: dict[tuple[object, ...], Fault] = {}
        alone = side == "response" and "request" in record.skipped
        for layer, contract in self.contracts.items():
            verdict, asked = asked or _verdict(contract, side, record), None
            for violation in verdict.violations:
                # Rules tie a response to its request: where that is unknown, only the response's own form is judged.
                if violation.rule in self._off or (alone and not violation.rule.startswith(_BUILT_IN)):
                    continue
                key = (violation.rule, violation.part, violation.path, violation.expected)
                known = found.get(key)
                if known is None:
                    found[key] = Fault(side, violation, (layer,))
                elif layer not in known.layers:
                    found[key] = replace(known, layers=(*known.layers, layer))
        return tuple(found.values())


def load_judge(
    source: Source = "openai",
    *,
    overlays: Iterable[Source] = (),
    layers: Iterable[Layer] = ("compat",),
    hosts: Iterable[str] = (),
    off: Iterable[str] = (),
    strict_paths: bool = False,
) -> Judge:
    """Load a description in the layers named and make the judge of it; ``off`` takes ids of any rule."""
    overlays, off = tuple(overlays), tuple(off)
    registered = [rule for rule in off if not rule.startswith(_BUILT_IN)]
    contracts = {layer: load(source, overlays=overlays, layer=layer, off=registered) for layer in layers}
    if not contracts:
        raise UsageError("no layer to judge by; expected compat, strict or both")
    return Judge(contracts, hosts=hosts, off=off, strict_paths=strict_paths)


def _verdict(contract: Contract, side: Side, record: Record) -> Verdict:
    if side == "request" or record.response is None:
        return contract.check_request(record.request)
    return contract.check_response(record.request, record.response)
