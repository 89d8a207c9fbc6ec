"""Tasks done on a cluster, by Ray Data.

The rule of this module: Ray schedules, restarts and moves; it is told what to do and nothing of how. What a task
gives is the same as on one machine.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from assay.audit.work import Auditor, Part, Settings
from assay.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from assay.audit.engine import Told
    from assay.audit.work import Task

__all__ = ["Cluster"]

_ERRORS = 40  # the level of Python's own logging


class _Actor:
    """One worker of the cluster: loads the contract once, then turns rows of tasks into rows of parts.

    The settings come with each row, for an actor that Ray starts again may have lost what it was made of.
    """

    def __init__(self) -> None:
        self._auditor: Auditor | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        settings, task = pickle.loads(row["task"])  # noqa: S301  our own pickle
        if self._auditor is None:
            self._auditor = Auditor(settings)
        return {"part": pickle.dumps(self._auditor(task))}


class Cluster:
    """Does tasks with ``count`` actors of the Ray cluster at ``address``; ``local`` starts one on this machine."""

    def __init__(self, settings: Settings, address: str, count: int) -> None:
        try:
            import ray  # noqa: PLC0415  of the extra assay[ray]
            import ray.data  # noqa: PLC0415
        except ImportError:
            raise UsageError("--ray needs the extra: pip install 'assay[ray]'") from None
        self._data: Any = ray.data
        self._settings = settings
        self._count = count
        if not ray.is_initialized():
            given: dict[str, Any] = {"num_cpus": count} if address == "local" else {}
            try:
                ray.init(address=address, log_to_driver=False, logging_level=_ERRORS, **given)
            except (ConnectionError, ValueError) as error:
                raise UsageError(f"--ray: no cluster at {address} ({type(error).__name__})") from None
        ray.data.DataContext.get_current().enable_progress_bars = False

    def __call__(self, tasks: Iterable[Task], told: Told) -> Iterator[Part]:
        """Yield the part of each task, in the order in which they end."""
        weights = {task.number: task.weight for task in tasks}
        if not weights:
            return
        items = [{"task": pickle.dumps((self._settings, task))} for task in tasks]
        data = self._data.from_items(items, override_num_blocks=len(items))
        strategy = self._data.ActorPoolStrategy(size=min(self._count, len(items)))
        found = data.map(_Actor, compute=strategy)
        for row in found.iter_rows():
            part: Part = pickle.loads(row["part"])  # noqa: S301  our own pickle
            told(weights[part.number], part.ledger.exchanges)
            yield part
