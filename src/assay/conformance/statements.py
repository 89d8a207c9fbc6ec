"""What each rule asks, in one sentence: of registered rules and those of a run their own, of the contract's those here.

The rule of this module: a sentence says what is right, never what went wrong.
"""

from __future__ import annotations

from functools import lru_cache

from assay.conformance.run_rules import RULES
from assay.rules.catalogue import standard

__all__ = ["related", "sentence"]

_HTTP = {
    "http/body-missing": "A message that must have a body has one.",
    "http/body-size": "A body stays within the limit.",
    "http/body-unexpected": "A message without a described body has none.",
    "http/charset": "Text is in the charset that its header names.",
    "http/content-encoding": "A coded body can be decoded as its header says.",
    "http/content-type": "A body is of a media type that the description names.",
    "http/header-form": "A header has the described form.",
    "http/header-missing": "A described header that is required is there.",
    "http/json": "A body that is said to be JSON is JSON.",
    "http/status": "A response has a status that the description names.",
    "http/stream-event-size": "An event of a stream stays within the limit.",
    "http/stream-json": "The data of an event is JSON where the description says so.",
    "http/stream-missing": "A stream that was asked for comes as a stream.",
    "http/stream-unasked": "A stream comes only where one was asked for.",
    "http/stream-unfinished": "The last event of a stream is brought to its end.",
}


@lru_cache(maxsize=1)
def _registered() -> dict[str, str]:
    return {rule.id: rule.sentence for rule in (*standard().rules, *RULES.values())}


@lru_cache(maxsize=1)
def _operations() -> frozenset[str]:
    return frozenset(name for rule in standard().rules if rule.side != "request" for name in rule.operations)


def sentence(rule: str) -> str:
    """What a rule asks; empty for one that nobody has put into words."""
    if rule.startswith("schema/"):
        return f"Every value keeps what its schema says by {rule.removeprefix('schema/')}."
    return _HTTP.get(rule) or _registered().get(rule, "")


def related(operation: str) -> bool:
    """Whether there are rules between the messages of an operation at all."""
    return operation in _operations()
