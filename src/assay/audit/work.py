"""One task of an audit: some pieces of files in, their ledger out.

The rule of this module: a task knows nothing of other tasks, so that any worker may do it, or do it again; and its
result is told as a whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zlib import crc32

from assay.audit.batches import BatchFile
from assay.audit.judge import Fault, Judge, Outcome, load_judge
from assay.audit.ledger import Ledger
from assay.audit.reading import Item, Piece, read_piece
from assay.audit.records import Broken, Record
from assay.audit.training import Example, Trainer
from assay.generate.coverage import Observer
from assay.messages import Request
from assay.violation import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from assay.spec.load import Layer

__all__ = ["Auditor", "Part", "Settings", "Task"]

_TOLD = 500  # items between two words on progress
_SAMPLED = 256  # bytes of a body


@dataclass(frozen=True, slots=True)
class Settings:
    """What every worker must know: the description with its layers, whom to judge, and how much to keep.

    ``sampled``: the contract coverage of valid requests is counted for one in so many, chosen by their content; None
    counts none. ``columns`` maps the names of JSON Lines to those of Parquet files.
    """

    description: str = "openai"
    overlays: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ("compat",)
    hosts: tuple[str, ...] = ()
    off: tuple[str, ...] = ()
    strict_paths: bool = False
    keep: int = 5
    columns: Mapping[str, str] = field(default_factory=dict)
    sampled: int | None = 1

    def judge(self) -> Judge:
        """Load the description and make the judge."""
        return load_judge(
            self.description,
            overlays=self.overlays,
            layers=self.layers,
            hosts=self.hosts,
            off=self.off,
            strict_paths=self.strict_paths,
        )


@dataclass(frozen=True, slots=True)
class Task:
    """Pieces that one worker reads at one go; ``number`` names the task."""

    number: int
    pieces: tuple[Piece, ...]

    @property
    def weight(self) -> int:
        """Bytes, for progress."""
        return sum(piece.weight for piece in self.pieces)


@dataclass(slots=True)
class Part:
    """The result of one task: its counts, and the batch files that are still to be joined."""

    number: int
    ledger: Ledger
    batches: list[BatchFile] = field(default_factory=list)


class Auditor:
    """Does tasks. What it loads and compiles it keeps from task to task."""

    def __init__(self, settings: Settings, judge: Judge | None = None) -> None:
        self._settings = settings
        self._judge = judge or settings.judge()
        contract = next(iter(self._judge.contracts.values()))
        self._trainer = Trainer(contract)
        self._observer = Observer(contract.api, contract.schemas)

    def __call__(self, task: Task, told: Callable[[int], Any] = lambda _: None) -> Part:
        """Do a task; ``told`` is called now and then with the number of items since it was called last."""
        part = Part(task.number, Ledger(self._settings.keep))
        ledger, count = part.ledger, 0
        for piece in task.pieces:
            for item in read_piece(piece, self._settings.columns, ledger.counted):
                if type(item) is Record:
                    self._add(ledger, item)
                else:
                    self._other(part, item)
                count += 1
                if count == _TOLD:
                    told(count)
                    count = 0
        told(count)
        ledger.fold()
        return part

    def _add(self, ledger: Ledger, record: Record) -> None:
        outcome = self._judge(record)
        ledger.add(outcome)
        if self._settings.sampled is not None and outcome.operation is not None and "request" not in record.skipped:
            self._observe(ledger, outcome)

    def _other(self, part: Part, item: Item) -> None:
        if isinstance(item, Broken):
            part.ledger.add(item)
        elif isinstance(item, BatchFile):
            part.batches.append(item)
        elif isinstance(item, Example):
            part.ledger.add(self._taught(item))

    def _observe(self, ledger: Ledger, outcome: Outcome) -> None:
        """Count what a request covers: an invalid one always, for it is cheap; of the valid ones a sample."""
        body = outcome.record.request.body
        # Every so manyth byte tells bodies apart well enough, and costs far less than all of them.
        unsampled = crc32(body[:: len(body) // _SAMPLED + 1], len(body)) % (self._settings.sampled or 1)
        if unsampled and not outcome.faults:
            return
        wrong = tuple(fault.violation for fault in outcome.faults if fault.side == "request")
        verdict = Verdict(outcome.operation, wrong)
        if not (unsampled and verdict.ok):
            ledger.coverage.add(self._observer.observe(outcome.record.request, verdict))

    def _taught(self, example: Example) -> Outcome:
        first = next(iter(self._judge.contracts))
        record = Record(example.place, "", Request("", ""), None, {})
        faults = tuple(Fault("request", violation, (first,)) for violation in self._trainer(example))
        return Outcome(record, f"fine-tuning/{example.form}", faults=faults)
