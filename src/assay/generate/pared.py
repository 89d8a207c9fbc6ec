"""Paring: a valid value cut down to what one place of it needs, for the requests that people read in a finding.

The rule of this module: nothing is invented. What is cut away comes back, as it was, where the schema or a rule asks
for it; and a cut that no value of the original can mend is not made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.generate.reached import Path, stands
from assay.schema.failures import value_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from assay.generate.subjects import Subject
    from assay.violation import Violation

__all__ = ["Parer", "replaced"]

_MENDS, _SIBLINGS, _ITEMS = 6, 12, 3

Version = tuple[Any, Path]
"""A whole value, and the path in it of the place that is kept."""


class Parer:
    """Pares values of one root.

    ``subject`` says what its schema finds in a value and sets right what no schema says, ``clean`` is the verdict of
    all rules, and ``plain`` is the simplest value: what a part must have comes from there, where that will do.
    """

    def __init__(self, subject: Subject, clean: Callable[[Any], bool]) -> None:
        self.plain: Any = None
        self._violations = subject.violations
        self._ok = subject.ok
        self._finish = subject.finish
        self._clean = clean
        self._prefix = len(subject.root.prefix)
        self._cut: dict[tuple[int, Path, bool], Version] = {}
        self._kept: list[Any] = []  # an id means something only while its object lives

    def versions(self, value: Any, path: Path) -> Iterator[Version]:
        """Yield the value in versions, the smallest first and itself last."""
        cut: list[Version] = []
        before: Version = (value, ())
        for depth in range(len(path) + 1):
            last = depth == len(path)
            key = (id(value), path[: depth + 1], last)
            if key not in self._cut:
                self._cut[key] = self._pared(*before, None if last else path[depth])
                self._kept.append(value)
            before = self._cut[key]
            cut.append((before[0], (*before[1], *path[depth + 1 :])))
        for raw, there in reversed(cut):
            if raw is not value:
                yield self._finish(raw), there
        yield value, path

    def smaller(self, value: Any, path: Path, good: Callable[[Any, Path], bool]) -> Version:
        """The value without every member that it can do without, where what is left is ``good``.

        They go one after the other, from the part at the path and from all that holds it: slower than all cuts at once,
        which may take too much.
        """
        for depth in range(len(path) + 1):
            part = value_at(value, path[:depth])
            for member in (
                list(part) if isinstance(part, dict) else range(len(part) - 1, -1, -1) if isinstance(part, list) else ()
            ):
                if depth < len(path) and member == path[depth]:
                    continue
                slim, there = _without(value, path, depth, member)
                finished = self._finish(slim)
                if self._ok(finished) and good(finished, there) and self._clean(finished):
                    value, path = slim, there
        return self._finish(value), path

    def _pared(self, value: Any, path: Path, step: str | int | None) -> Version:
        """Cut the part at a path down to one step of it, or to what it must have; the path leads on to the step.

        What comes back is not finished: what a cut leaves to be added shows when all cuts are made.
        """
        part = value_at(value, path)
        onward = path if step is None else (*path, step)
        if isinstance(part, list) and len(part) > 1:
            for index in [step] if isinstance(step, int) else range(min(len(part), _ITEMS)):
                alone = replaced(value, path, [part[index]])
                inside = path if step is None else (*path, 0)
                if self._holds(alone, (*path, 0), part[index]):
                    return alone, inside
        if not isinstance(part, dict) or len(part) <= (step is not None):
            return value, onward
        kept = {} if step is None else {step: part[step]}
        for slim in self._mended(value, path, kept):
            if self._holds(slim, onward, value_at(slim, onward)):
                return self._lighter(slim, path, step), onward
        return value, onward

    def _holds(self, value: Any, path: Path, part: Any) -> bool:
        """Whether a value, finished, is good and has a part where it was."""
        finished = self._finish(value)
        there = stands(finished, path) and value_at(finished, path) == part
        return there and self._ok(finished) and self._clean(finished)

    def _lighter(self, value: Any, path: Path, step: str | int | None) -> Any:
        """The value with one item in the arrays beside the step."""
        part: dict[Any, Any] = value_at(value, path)
        for name, items in part.items():
            if name == step or not isinstance(items, list) or len(items) < 2:  # noqa: PLR2004  one is what is wanted
                continue
            for item in items[:_ITEMS]:
                slim = replaced(value, (*path, name), [item])
                if self._holds(slim, (*path, name, 0), item):
                    value = slim
                    break
        return value

    def _mended(self, value: Any, path: Path, kept: dict[Any, Any]) -> Iterator[Any]:
        """Yield the value with the part cut down and mended, then with one more of what the part had."""
        part: dict[Any, Any] = value_at(value, path)
        simple = self.plain if not path and isinstance(self.plain, dict) else {}
        wanted = kept
        for _ in range(_MENDS):
            violations = self._violations(replaced(value, path, kept))
            if violations is None:
                return
            missing = {name for violation in violations for name in self._missing(violation, path, part, kept)}
            if not missing:
                break
            kept = {name: part[name] for name in part if name in kept or name in missing}
        plainer = {name: one if name in wanted else simple.get(name, one) for name, one in kept.items()}
        for slim in (plainer, kept) if plainer != kept else (kept,):
            yield replaced(value, path, slim)
        others = [name for name in part if name not in kept]
        for name in others[:_SIBLINGS] if len(others) > 1 else ():
            yield replaced(value, path, {other: one for other, one in part.items() if other in kept or other == name})

    def _missing(self, violation: Violation, path: Path, part: dict[Any, Any], kept: dict[Any, Any]) -> list[Any]:
        asks = violation.rule in ("schema/required", "schema/dependentRequired")
        if not asks or violation.path[self._prefix :] != path:
            return []
        return [name for name in part if name not in kept and f'"{name}"' in violation.expected]


def _members(part: Any) -> list[Any]:
    """The names or indexes of what a value holds, the last index first."""
    if isinstance(part, dict):
        return list(part)
    return list(range(len(part) - 1, -1, -1)) if isinstance(part, list) else []


def _without(value: Any, path: Path, depth: int, member: Any) -> Version:
    """A value without one member of the part at a depth of a path, and the path that leads where it led."""
    part = value_at(value, path[:depth])
    if isinstance(part, dict):
        return replaced(value, path[:depth], {name: one for name, one in part.items() if name != member}), path
    step = path[depth] if depth < len(path) else -1
    moved = (step - 1,) if isinstance(step, int) and step > member else (step,)
    slim = replaced(value, path[:depth], [*part[:member], *part[member + 1 :]])
    return slim, path if depth == len(path) else (*path[:depth], *moved, *path[depth + 1 :])


def replaced(value: Any, path: Path, part: Any) -> Any:
    """A copy of a JSON value with another part at a path."""
    if not path:
        return part
    step = path[0]
    inner = replaced(value[step], path[1:], part)
    if isinstance(value, list) and isinstance(step, int):
        return [*value[:step], inner, *value[step + 1 :]]
    return {**value, step: inner}
