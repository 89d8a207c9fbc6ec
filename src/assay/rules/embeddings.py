"""Rules of embeddings: one vector for each input, of the asked length and encoding.

The rule of this module: vectors are long, so a rule looks at their type, their length and their first number, and at
the others only where that is zero.
"""

from __future__ import annotations

import binascii
import re
from typing import TYPE_CHECKING, Any

from assay.rules import accounting
from assay.rules.read import at, integer, listed, objects, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["inputs", "rules"]

rules = RuleSet("embeddings", "createEmbedding")

_REQUEST = "#/components/schemas/CreateEmbeddingRequest/properties"
_RESPONSE = "#/components/schemas/CreateEmbeddingResponse/properties"
_BYTES_PER_NUMBER = 4  # float32
_ZERO = "AAAAA"  # how base64 begins whose first number is 0
# What every vocabulary has pieces for. Static models know nothing of other texts, and give zeros for them.
_WORD = re.compile(r"\b[A-Za-z]{2,20}\b")
_TOKENS = 300_000
_LENGTHS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}


def inputs(request: Any) -> int | None:
    """How many inputs a request has: a text or an array of token ids is one; None when there is no telling."""
    given = at(request, "input")
    if isinstance(given, str):
        return 1
    if not isinstance(given, list) or not given:
        return None
    return 1 if integer(given[0]) is not None else len(given)


def length(embedding: Any) -> int | None:
    """The number of numbers of an embedding in either encoding; None when it is not to be read."""
    if isinstance(embedding, list):
        return len(embedding)
    if not isinstance(embedding, str):
        return None
    try:
        size = len(binascii.a2b_base64(embedding, strict_mode=True))
    except (binascii.Error, ValueError):
        return None
    return None if size % _BYTES_PER_NUMBER else size // _BYTES_PER_NUMBER


@rules.request("total-tokens", "All inputs together have at most 300,000 tokens.", f"{_REQUEST}/input")
def total_tokens(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule where the inputs are arrays of tokens; how many a text has, only the model knows."""
    given = listed(at(exchange.request, "input"))
    tokens = sum(len(item) for item in given if isinstance(item, list))
    if tokens > _TOKENS:
        yield rule.broken(("input",), f"at most {_TOKENS} tokens in all", str(tokens))


@rules.response("count", "There is one embedding for each input.", f"{_RESPONSE}/data")
def count(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    wanted, data = inputs(exchange.request), at(exchange.response, "data")
    if wanted is not None and isinstance(data, list) and len(data) != wanted:
        yield rule.broken(("data",), f"an array of {wanted}, one for each input", describe(data))


@rules.response("indexes", "The embeddings are numbered 0, 1, 2, once each.", f"{_RESPONSE}/data")
def indexes(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    return accounting.indexes(rule, listed(at(exchange.response, "data")), ("data",))


@rules.response("order", "The embeddings come in the order of the inputs.", f"{_RESPONSE}/data", severity="hazard")
def order(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; clients are known to read by place and not by index."""
    data = listed(at(exchange.response, "data"))
    found = [integer(at(item, "index")) for item in data]
    known = [number for number in found if number is not None]
    if len(known) != len(data) or sorted(known) != list(range(len(data))) or known == sorted(known):
        return
    place = next(n for n, number in enumerate(known) if number != n)
    yield rule.broken(("data", place, "index"), str(place), str(known[place]))


@rules.response("encoding", "The embeddings have the encoding that was asked for.", f"{_REQUEST}/encoding_format")
def encoding(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; without encoding_format they are numbers. Told once."""
    asked = at(exchange.request, "encoding_format")
    if asked not in (None, "float", "base64"):
        return
    kind, expected = (str, "base64 text") if asked == "base64" else (list, "an array of numbers")
    for number, item in objects(at(exchange.response, "data")):
        embedding = item.get("embedding")
        if isinstance(embedding, str | list) and not isinstance(embedding, kind):
            yield rule.broken(("data", number, "embedding"), expected, describe(embedding))
            return


@rules.response("base64", "A base64 embedding is the bytes of 32-bit floats.", f"{_REQUEST}/encoding_format")
def base64_floats(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule, where base64 was asked for; else text of any sort is the wrong encoding. Told once."""
    if at(exchange.request, "encoding_format") != "base64":
        return
    for number, item in objects(at(exchange.response, "data")):
        embedding = item.get("embedding")
        if isinstance(embedding, str) and length(embedding) is None:
            got = f"{describe(embedding)} that is not"
            yield rule.broken(("data", number, "embedding"), "base64 of whole 32-bit floats", got)
            return


@rules.response("dimensions", "The embeddings have the length that dimensions asks for.", f"{_REQUEST}/dimensions")
def dimensions(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule. Told once."""
    wanted = integer(at(exchange.request, "dimensions"))
    if wanted is None:
        return
    for number, item in objects(at(exchange.response, "data")):
        found = length(item.get("embedding"))
        if found is not None and found != wanted:
            yield rule.broken(("data", number, "embedding"), f"{wanted} numbers, as dimensions asks", f"{found}")
            return


@rules.response(
    "default-length",
    "Without dimensions a known model gives embeddings of its own length.",
    f"{_REQUEST}/dimensions",
    severity="hazard",
)
def default_length(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule. Told once; a hazard, since a server may give a model of its own a known name."""
    model = at(exchange.request, "model")
    wanted = _LENGTHS.get(model) if isinstance(model, str) else None
    if wanted is None or at(exchange.request, "dimensions") is not None:
        return
    for number, item in objects(at(exchange.response, "data")):
        found = length(item.get("embedding"))
        if found is not None and found != wanted:
            yield rule.broken(("data", number, "embedding"), f"{wanted} numbers, the length of this model", f"{found}")
            return


@rules.response(
    "zero",
    "The embedding of a text is not all zeros: nothing is similar to it.",
    f"{_RESPONSE}/data",
    severity="hazard",
)
def zero(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule; told once, and only of texts with a word in them, in their full length.

    A model that only adds up what it knows of each word has nothing to add up for other texts and for tokens without
    meaning; and what ``dimensions`` leaves of a sparse embedding may well be zeros.
    """
    if at(exchange.request, "dimensions") is not None:
        return
    for number, item in objects(at(exchange.response, "data")):
        if _is_zero(item.get("embedding")) and _WORD.search(_input_of(exchange.request, item)):
            yield rule.broken(("data", number, "embedding"), "numbers that are not all 0", "zeros only")
            return


def _input_of(request: Any, item: dict[str, Any]) -> str:
    """The text that an embedding is of; empty where it is of tokens, or there is no telling."""
    given, index = at(request, "input"), integer(item.get("index"))
    if isinstance(given, list):
        given = given[index] if index is not None and 0 <= index < len(given) else None
    return text(given) or ""


def _is_zero(embedding: Any) -> bool:
    """Whether a vector, in either encoding, has numbers and all of them are 0."""
    if isinstance(embedding, list):
        return bool(embedding) and embedding[0] == 0 and not any(embedding)
    if not isinstance(embedding, str) or not embedding.startswith(_ZERO) or length(embedding) is None:
        return False
    return not any(binascii.a2b_base64(embedding))


@rules.response("equal-lengths", "All embeddings of a response have the same length.", f"{_RESPONSE}/data")
def equal_lengths(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule. Told once."""
    first: int | None = None
    for number, item in objects(at(exchange.response, "data")):
        found = length(item.get("embedding"))
        first = found if first is None else first
        if found is not None and found != first:
            yield rule.broken(("data", number, "embedding"), f"{first} numbers, as in the first embedding", f"{found}")
            return


@rules.response("usage", "total_tokens is not less than prompt_tokens.", f"{_RESPONSE}/usage")
def usage(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    prompt = integer(at(exchange.response, "usage", "prompt_tokens"))
    total = integer(at(exchange.response, "usage", "total_tokens"))
    if prompt is not None and total is not None and total < prompt:
        yield rule.broken(("usage", "total_tokens"), f"at least {prompt}, the prompt_tokens", str(total))
