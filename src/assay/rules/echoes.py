"""What a response repeats: the id in the path, the values of its request.

The rule of this module: it compares what both messages hold, and leaves what is missing to the schemas; the rules
that use it bring their own ids and places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.rules.read import at, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.rules.registry import Exchange, Rule
    from assay.violation import Violation

__all__ = ["id_asked", "kept"]


def id_asked(rule: Rule, exchange: Exchange, name: str, field: str = "id") -> Iterator[Violation]:
    """The object that the path names is the one that is shown; ``name`` is the parameter of the path."""
    asked, given = exchange.path_values.get(name), text(at(exchange.response, field))
    if isinstance(asked, str) and given is not None and asked != given:
        yield rule.broken((field,), "the id in the path", "another id")


def kept(rule: Rule, exchange: Exchange, *names: str) -> Iterator[Violation]:
    """Properties of the request stand in the response as they were sent."""
    for name in names:
        wanted, given = at(exchange.request, name), at(exchange.response, name)
        if wanted is not None and given is not None and wanted != given:
            yield rule.broken((name,), f"the {name} of the request", "another value")
