"""Tasks done by worker processes on one machine, and their parts merged.

The rule of this module: a part counts when it has come whole, and once. A worker that dies takes the task that it had
with it, which another worker does again; a task that ends three workers is counted as unread, file by file.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import connection
from typing import TYPE_CHECKING, Any, Self

from assay.audit.ledger import Ledger
from assay.audit.opening import shown
from assay.audit.plan import joined
from assay.audit.records import Broken, Place
from assay.audit.work import Auditor, Part, Settings, Task
from assay.errors import AssayError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from assay.audit.batches import BatchFile
    from assay.audit.judge import Judge

__all__ = ["Alone", "Merged", "Pool", "audited", "lost"]

_TRIES = 3
# A child of its own, not a copy: the parent may have threads, and a copy of a compiled contract saves little.
_SPAWN = multiprocessing.get_context("spawn")

Told = Callable[[int, int], Any]
"""What is called with bytes done and exchanges done, each since the last call."""

Run = Callable[[Iterable[Task], Told], Iterable[Part]]
"""What does tasks: in this process, in several, on a cluster."""


class Merged:
    """The parts that have come, merged; each task counts once."""

    def __init__(self, keep: int) -> None:
        self.ledger = Ledger(keep)
        self.batches: list[BatchFile] = []
        self._done: set[int] = set()

    def add(self, part: Part) -> None:
        """Count a part, unless its task is counted already."""
        if part.number in self._done:
            return
        self._done.add(part.number)
        self.ledger.merge(part.ledger)
        self.batches.extend(part.batches)


class Alone:
    """Does tasks in this process."""

    def __init__(self, settings: Settings, judge: Judge | None = None) -> None:
        self._auditor = Auditor(settings, judge)

    def __call__(self, tasks: Iterable[Task], told: Told) -> Iterator[Part]:
        """Yield the part of each task."""
        for task in tasks:
            yield self._auditor(task, lambda count: told(0, count))
            told(task.weight, 0)


def audited(run: Run, tasks: Iterable[Task], keep: int, told: Told = lambda *_: None) -> Ledger:
    """Run tasks, then those that join batch files, and return the ledger of all."""
    merged = Merged(keep)
    planned = [*tasks]
    for part in run(planned, told):
        merged.add(part)
    if merged.batches:
        for part in run([*joined(merged.batches, len(planned))], lambda _, count: told(0, count)):
            merged.add(part)
    merged.ledger.settle()
    return merged.ledger


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    pipe: Connection
    task: Task | None = None
    told: int = 0


class Pool:
    """Does tasks in ``count`` processes; a context manager that ends them."""

    def __init__(self, settings: Settings, count: int, keep: int) -> None:
        self._settings = settings
        self._keep = keep
        self._workers = [self._hired() for _ in range(count)]
        self._tries: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            with suppress(OSError):
                worker.pipe.send(None)
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join(1)
            if worker.process.is_alive():
                worker.process.terminate()
                worker.process.join()

    @property
    def pids(self) -> list[int]:
        """The process ids of the workers."""
        return [worker.process.pid or 0 for worker in self._workers]

    def __call__(self, tasks: Iterable[Task], told: Told) -> Iterator[Part]:
        """Yield the part of each task, in the order in which they end."""
        waiting = deque(tasks)
        for number in range(len(self._workers)):
            self._give(number, waiting)
        while any(worker.task is not None for worker in self._workers):
            by_pipe = {worker.pipe: number for number, worker in enumerate(self._workers) if worker.task is not None}
            for pipe in connection.wait([*by_pipe]):
                yield from self._heard(by_pipe[pipe], waiting, told)  # type: ignore[index]  # pipes went in

    def _heard(self, number: int, waiting: deque[Task], told: Told) -> Iterator[Part]:
        """What one worker says: how far it is, its part, that it cannot work, or, by the end of its pipe, its death."""
        worker = self._workers[number]
        task = worker.task
        try:
            said = worker.pipe.recv()
        except (EOFError, OSError):
            told(0, -worker.told)
            yield from self._replaced(number, waiting, told)
            return
        if isinstance(said, int):
            worker.told += said
            told(0, said)
        elif isinstance(said, AssayError):
            raise said
        elif isinstance(said, Part) and task is not None:
            told(task.weight, 0)
            yield said
            self._give(number, waiting)
        else:
            raise RuntimeError(f"a worker failed: {said}")

    def _replaced(self, number: int, waiting: deque[Task], told: Told) -> Iterator[Part]:
        worker = self._workers[number]
        task = worker.task
        worker.pipe.close()
        worker.process.join()
        self._workers[number] = self._hired()
        if task is not None:
            tries = self._tries[task.number] = self._tries.get(task.number, 0) + 1
            if tries < _TRIES:
                waiting.appendleft(task)
            else:
                told(task.weight, 0)
                yield lost(task, self._keep)
        self._give(number, waiting)

    def _give(self, number: int, waiting: deque[Task]) -> None:
        worker = self._workers[number]
        worker.task = waiting.popleft() if waiting else None
        worker.told = 0
        if worker.task is not None:
            # The pipe of a worker that has died breaks; its end is heard like any other death.
            with suppress(OSError):
                worker.pipe.send(worker.task)

    def _hired(self) -> _Worker:
        mine, theirs = _SPAWN.Pipe()
        process = _SPAWN.Process(target=_work, args=(theirs, self._settings), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, mine)


def lost(task: Task, keep: int) -> Part:
    """The part of a task that no worker survived: each of its files is unread."""
    part = Part(task.number, Ledger(keep))
    for piece in task.pieces:
        part.ledger.add(Broken(Place(shown(piece.file), start=piece.start), f"{_TRIES} workers died of it"))
    return part


def _work(pipe: Connection, settings: Settings) -> None:
    """The life of a worker: tasks in, parts out."""
    with suppress(EOFError, OSError, KeyboardInterrupt):
        try:
            auditor = Auditor(settings)
            while (task := pipe.recv()) is not None:
                pipe.send(auditor(task, pipe.send))
        except (EOFError, OSError):
            raise
        except AssayError as error:
            pipe.send(error)
        except Exception as error:  # noqa: BLE001  a traceback may hold values; its kind says enough
            pipe.send(f"{type(error).__name__}")
