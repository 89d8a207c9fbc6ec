"""What a test did against its contract: the violation, the exchange, and the place that sent the request.

The rule of this module: the message comes first, the place after it, and neither repeats a body or a key.
"""

from __future__ import annotations

import linecache
import sys
import sysconfig
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assay.errors import AssayError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import CodeType

    from assay.violation import Violation

__all__ = ["ContractViolated", "Offence", "Origin"]

_DEPTH = 120  # frames that are looked at
_SHOWN = 8  # places of the user's own code that are shown
_LIBRARIES = ("stdlib", "platstdlib", "purelib", "platlib")
_FOREIGN = tuple({f"{path}/" for name, path in sysconfig.get_paths().items() if name in _LIBRARIES})


class Origin:
    """The stack from which a request was sent; taking it costs a few microseconds, text is made only when shown."""

    __slots__ = ("_frames",)

    def __init__(self, depth: int = 2) -> None:
        frames: list[tuple[CodeType, int]] = []
        frame = sys._getframe(depth)  # noqa: SLF001  inspect.stack() reads every source file
        while frame is not None and len(frames) < _DEPTH:
            frames.append((frame.f_code, frame.f_lineno))
            frame = frame.f_back  # type: ignore[assignment]
        self._frames = frames

    def lines(self) -> list[str]:
        """The places in the user's own code, outermost first, each with its line of source."""
        own: list[tuple[CodeType, int]] = []
        for code, line in self._frames:
            if "/_pytest/" in code.co_filename:
                break
            if _own(code.co_filename):
                own.append((code, line))
        lines: list[str] = []
        for code, number in reversed(own[:_SHOWN]):
            lines.append(f"{code.co_filename}:{number}: in {code.co_name}")
            source = linecache.getline(code.co_filename, number).strip()
            if source:
                lines.append(f"    {source}")
        return lines


@dataclass(frozen=True, slots=True)
class Offence:
    """One violation in the traffic of a test. ``call`` names the exchange: method, URL without query, operation."""

    violation: Violation
    call: str
    side: str
    origin: Origin

    def text(self) -> str:
        """The message, what it is about, where it is stated, and the place that sent the request."""
        violation = self.violation
        lines = [f"{violation.message} [{violation.rule}]", f"in the {self.side} of {self.call}"]
        if violation.pointer:
            lines.append(f"stated at {violation.pointer}")
        places = self.origin.lines()
        if places:
            lines += ["sent from", *(f"  {place}" for place in places)]
        return "\n".join(lines)


class ContractViolated(AssayError):  # noqa: N818  what happened, as a test reports it
    """Traffic of a test broke its contract; ``offences`` say how, in the order in which they were seen."""

    def __init__(self, offences: Sequence[Offence]) -> None:
        self.offences = tuple(offences)
        super().__init__(told(self.offences))


# What people read in a failed test is the message, not where the class lives.
ContractViolated.__module__ = "assay"


def told(offences: Iterable[Offence]) -> str:
    """Write offences for people; what is the same but for its place in the traffic is told once, with its count."""
    groups: dict[tuple[object, ...], Offence] = {}
    counts: Counter[tuple[object, ...]] = Counter()
    for offence in offences:
        found = offence.violation
        key: tuple[object, ...] = (
            found.rule,
            found.part,
            found.pointer,
            offence.call,
            tuple(map(str, offence.origin.lines())),
        )
        groups.setdefault(key, offence)
        counts[key] += 1
    texts = []
    for key, offence in groups.items():
        more = f"\n(seen {counts[key]} times)" if counts[key] > 1 else ""
        texts.append(offence.text() + more)
    return "\n\n".join(texts)


def _own(file: str) -> bool:
    """Whether a file is the user's: not Python's, not an installed library's, not Assay's."""
    if file.startswith(("<", *_FOREIGN)) or "site-packages" in file:
        return False
    return "/assay/adapters/" not in file and "/assay/testing/" not in file and not file.endswith("/assay_pytest.py")
