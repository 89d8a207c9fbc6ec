"""A server under test inside a suite: each operation is tested once, and each kind of finding is one item.

The rule of this module: the items follow from the description alone, in its order, so that every worker collects the
same; what deletes is tested only on an application of this process, for nothing else is surely the user's to lose.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from assay.adapters.hosting import application, hosted
from assay.adapters.send import Sender
from assay.conformance.baseline import read
from assay.conformance.documents import Document
from assay.conformance.findings import COLUMNS, Findings, column
from assay.conformance.keys import secrets
from assay.conformance.result import Options, Result, Target
from assay.conformance.run import run
from assay.errors import AssayError, TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.conformance.findings import Finding
    from assay.contract import Contract
    from assay.model import Operation

__all__ = ["Asked", "Bench", "Probe", "collected"]

_STREAM = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options ask for: ``target`` is a URL or ``module:name``, ``requests`` are those for one operation.

    ``off`` are ids of rules that a run judges by, ``baseline`` a file; both have the meaning that they have for it.
    """

    target: str
    folder: str
    requests: int
    model: str | None
    off: frozenset[str] = frozenset()
    baseline: str | None = None

    @property
    def hosted(self) -> bool:
        """Whether the target is an application of this process."""
        return "://" not in self.target


class Bench:
    """Tests operations when they are first asked for, and keeps their results."""

    def __init__(self, contract: Contract, asked: Asked) -> None:
        self.contract, self.asked = contract, asked
        self._known = None if asked.baseline is None else read(asked.baseline, "--assay-baseline")
        self._stack = ExitStack()
        self._target: tuple[str, Target] | None = None
        self._results: dict[str, tuple[Result, AssayError | None]] = {}

    def close(self) -> None:
        """Stop what was started."""
        self._stack.close()
        self._target = None

    def result(self, operation: Operation) -> tuple[Result, AssayError | None]:
        """The result of one operation, and why it could not be tested."""
        known = self._results.get(operation.id)
        if known is None:
            options = Options(self.asked.model, (operation.id,), self.asked.requests)
            result = Result(options, findings=Findings(off=self.asked.off))
            try:
                run(self.contract, self.target[1], result, _Nobody())
            except AssayError as error:
                known = result, error
            else:
                known = result, None
            if self._known is not None:
                self._known.applied(result)
            self._results[operation.id] = known
        return known

    @property
    def target(self) -> tuple[str, Target]:
        """The base URL of the target, and how it is talked to."""
        if self._target is None:
            url = self.asked.target
            if self.asked.hosted:
                url = self._stack.enter_context(hosted(application(url, self.asked.folder)))
            key = os.environ.get("OPENAI_API_KEY", "")
            headers = [("Authorization", f"Bearer {key}")] if key else []
            bases = {base for operation in self.contract.operations for base in operation.bases}
            send = Sender(url, headers=headers, bases=bases)
            self._target = url, Target(send, send.url, None, send.field_names, send.afresh, secrets(headers))
        return self._target

    def document(self, result: Result) -> Document:
        """A result as it is written for people."""
        url, target = self.target
        return Document(result, target, url)


class _Nobody:
    def begin(self, phase: str, operation: str) -> None:
        """Nobody looks on."""

    def update(self, sent: int, findings: int) -> None:
        """Nobody looks on."""


class Probes(pytest.Collector):
    """Where the items of a target stand in the tree; it is collected by :func:`collected`."""

    def collect(self) -> list[pytest.Item]:
        """Nothing stands below it but what is put there."""
        return []


class Probe(pytest.Item):
    """One kind of finding of one operation."""

    def __init__(self, *, bench: Bench, operation: Operation, kind: str, **rest: Any) -> None:
        super().__init__(**rest)
        self._bench, self._operation, self._kind = bench, operation, kind

    def runtest(self) -> None:
        """Test the operation, unless an item before did."""
        result, error = self._bench.result(self._operation)
        tally = result.tallies.get(self._operation.id)
        if error is not None:
            if isinstance(error, TargetError) and tally is not None and (tally.closed or tally.refusals):
                pytest.skip(self._bench.document(result).hidden(tally.closed or next(iter(tally.refusals))))
            raise error
        found = [finding for finding in result.findings if column(finding.violation) == self._kind and finding.fails]
        if found:
            raise _Found(self._bench.document(result), found)
        if tally is not None and tally.closed and not tally.accepted:
            pytest.skip(self._bench.document(result).hidden(tally.closed))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Print findings as ``assay run`` does, and what ends a run in one line."""
        if isinstance(excinfo.value, _Found | AssayError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        """What a report says of its place."""
        return self.path, None, self.nodeid


class _Found(Exception):  # noqa: N818  findings are no error of the item
    """The findings of one item."""

    def __init__(self, document: Document, found: list[Finding]) -> None:
        texts = []
        for finding in found:
            flaky = "flaky: " if finding.flaky else ""
            head = f"{flaky}{finding.violation.rule} in {', '.join(finding.operations)}"
            texts.append("\n".join([head, *document.lines(finding), document.curl(finding)]))
        super().__init__("\n\n".join(texts))


def collected(session: pytest.Session, bench: Bench) -> Iterator[pytest.Item]:
    """Yield the items of a target: for each operation one of every kind that it can have."""
    parent = Probes.from_parent(session, name="assay", nodeid="assay")
    for operation in bench.contract.operations:
        if operation.method == "DELETE" and not bench.asked.hosted:
            continue
        for kind in _kinds(bench.contract, operation):
            name = f"{operation.id}[{kind}]"
            yield Probe.from_parent(parent, name=name, bench=bench, operation=operation, kind=kind)


def _kinds(contract: Contract, operation: Operation) -> list[str]:
    able = set(COLUMNS)
    if not operation.parameters and operation.body is None:
        able.discard("constraints")
    if not any(content.media_type == _STREAM for answer in operation.answers for content in answer.contents):
        able.discard("streams")
    if not contract.rules.checks_for(operation.id):
        able.discard("relations")
    return [kind for kind in COLUMNS if kind in able]
