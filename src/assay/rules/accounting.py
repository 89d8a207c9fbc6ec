"""What every resource counts and dates: token usage, numbered lists, times of creation.

The rule of this module: it knows numbers only, no resource; the rules that use it bring their own ids and places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from assay.rules.read import at, integer
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.rules.registry import Rule
    from assay.violation import Violation

__all__ = [
    "choices_wanted",
    "in_order",
    "indexes",
    "is_plain_time",
    "is_plain_usage",
    "not_before_2015",
    "part_of",
    "seconds",
    "sums",
]

# No service of this kind is older than 2015; a time in seconds stays below eleven digits until the year 5138.
_EARLIEST = 1_420_070_400
_MILLISECONDS = 100_000_000_000


def choices_wanted(request: Any) -> int:
    """How many choices, or images, a request asks for: ``n``, by default 1."""
    wanted = integer(at(request, "n"))
    return wanted if wanted is not None and wanted > 0 else 1


def sums(rule: Rule, usage: Any, path: tuple[str | int, ...], first: str, second: str) -> Iterator[Violation]:
    """``total_tokens`` is the sum of two other counts."""
    total, one, two = integer(at(usage, "total_tokens")), integer(at(usage, first)), integer(at(usage, second))
    if total is None or one is None or two is None or total == one + two:
        return
    yield rule.broken((*path, "total_tokens"), f"{one + two}, the sum of {first} and {second}", str(total))


def part_of(
    rule: Rule, usage: Any, path: tuple[str | int, ...], whole: str, part: tuple[str, str]
) -> Iterator[Violation]:
    """A count in the details is no greater than the count it is part of."""
    count, limit = integer(at(usage, *part)), integer(at(usage, whole))
    if count is not None and limit is not None and count > limit:
        yield rule.broken((*path, *part), f"at most {limit}, the {whole}", str(count))


def indexes(rule: Rule, items: list[Any], path: tuple[str | int, ...]) -> Iterator[Violation]:
    """The ``index`` of the items of a list are 0 to its length - 1, once each, in any order."""
    found = [integer(at(item, "index")) for item in items]
    if None in found or sorted(number for number in found if number is not None) == list(range(len(items))):
        return
    # The first index that is out of range or comes again is the one to show.
    seen: set[int] = set()
    for position, number in enumerate(found):
        if number is None or number in seen or not 0 <= number < len(items):
            place = (*path, position, "index")
            yield rule.broken(place, f"each of 0 to {len(items) - 1} once", describe(number))
            return
        seen.add(number)


def seconds(rule: Rule, value: Any, path: tuple[str | int, ...]) -> Iterator[Violation]:
    """A time is in seconds, not in milliseconds or finer."""
    time = integer(value)
    if time is not None and time >= _MILLISECONDS:
        yield rule.broken(path, "a Unix time in seconds", f"{describe(time)}, which is no time in seconds of our age")


def not_before_2015(rule: Rule, value: Any, path: tuple[str | int, ...]) -> Iterator[Violation]:
    """A time of creation is not a placeholder such as 0."""
    time = integer(value)
    if time is not None and time < _EARLIEST:
        yield rule.broken(path, "the Unix time of creation, in seconds", describe(time))


def in_order(rule: Rule, value: Any, path: tuple[str | int, ...], names: tuple[str, ...]) -> Iterator[Violation]:
    """Each of some times is no earlier than those before it; one that is null or not there is passed over."""
    last, last_name = None, ""
    for name in names:
        time = integer(at(value, name))
        if not time:
            continue
        if last is not None and time < last:
            yield rule.broken((*path, name), f"a time not before {last_name}", f"{last - time} seconds before it")
        last, last_name = time, name


def is_plain_time(value: Any) -> TypeGuard[int]:
    """Tell at once whether neither rule about times has anything to say."""
    return type(value) is int and _EARLIEST <= value < _MILLISECONDS


def is_plain_usage(usage: dict[str, Any], read: str = "prompt", made: str = "completion") -> bool:
    """Tell at once whether the sums and parts of a usage are right; ``read`` and ``made`` begin their names."""
    asked, answered = usage.get(f"{read}_tokens"), usage.get(f"{made}_tokens")
    if type(asked) is not int or type(answered) is not int or usage.get("total_tokens") != asked + answered:
        return False
    of_asked, of_answered = usage.get(f"{read}_tokens_details"), usage.get(f"{made}_tokens_details")
    cached = of_asked.get("cached_tokens") or 0 if type(of_asked) is dict else 0
    reasoning = of_answered.get("reasoning_tokens") or 0 if type(of_answered) is dict else 0
    return type(cached) is int and type(reasoning) is int and cached <= asked and reasoning <= answered
