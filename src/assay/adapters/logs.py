"""What a gate tells, as JSON lines through Python's logging: logger ``assay.gateway``.

The rule of this module: one line for each message that something is to be told of, and nothing of the message in it:
places, expectations and masked descriptions, as a violation holds them.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.gateway import Judgement
    from assay.violation import Violation

__all__ = ["LOGGER", "Log"]

LOGGER = logging.getLogger("assay.gateway")

_MOST = 10  # violations of one message that are written out


class Log:
    """An observer of a gate: errors of Assay at level ERROR, violations WARNING, hazards and skipped messages INFO."""

    def __init__(self, logger: logging.Logger = LOGGER, clock: Callable[[], float] = time.time) -> None:
        self._logger = logger
        self._clock = clock

    def __call__(self, judgement: Judgement) -> None:
        """Write one line, or none when all was well."""
        if judgement.error:
            level = logging.ERROR
        elif judgement.broken:
            level = logging.WARNING
        elif judgement.violations or judgement.skipped:
            level = logging.INFO
        else:
            return
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", orjson.dumps(self._record(judgement)).decode())

    def _record(self, judgement: Judgement) -> dict[str, Any]:
        record: dict[str, Any] = {
            "time": round(self._clock(), 3),
            "kind": judgement.kind,
            "operation": judgement.operation,
            "mode": judgement.mode,
            "action": judgement.action,
            "check_ms": round(judgement.seconds * 1000, 3),
        }
        if judgement.violations:
            record["violations"] = [_told(one) for one in judgement.violations[:_MOST]]
            record["violations_count"] = len(judgement.violations)
        for name in ("skipped", "error"):
            if getattr(judgement, name):
                record[name] = getattr(judgement, name)
        return record


def _told(violation: Violation) -> dict[str, str]:
    return {
        "rule": violation.rule,
        "severity": violation.severity,
        "place": violation.place,
        "expected": violation.expected,
        "got": violation.got,
        "pointer": violation.pointer,
    }
