"""Relations between exchanges: the same request twice, streamed and whole, alone and among others.

The rule of this module: one exchange is judged by the contract; here two are laid side by side. A model may answer
anew each time, so that content is compared only where seed and temperature ask for the same, and is a hazard at most.
"""

from __future__ import annotations

from dataclasses import replace
from math import hypot
from typing import TYPE_CHECKING, Any

import orjson

from assay.conformance.answers import said, vectors
from assay.conformance.run_rules import run_rule
from assay.messages import Request
from assay.violation import Violation, describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.conformance.answers import Said
    from assay.conformance.checks import Exchange
    from assay.conformance.trial import Trial
    from assay.contract import Contract
    from assay.model import Operation
    from assay.violation import Part

__all__ = ["RELATED", "relate"]

RELATED = {"/chat/completions": 4, "/completions": 4, "/responses": 3, "/embeddings": 0}
"""The paths whose answers are compared, each with the requests that this takes."""

_SAME: dict[str, dict[str, Any]] = {
    "/chat/completions": {"temperature": 0, "seed": 7},
    "/completions": {"temperature": 0, "seed": 7},
    "/responses": {"temperature": 0},
}
_USAGE: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
_STREAMED: dict[str, dict[str, Any]] = {
    "/chat/completions": _USAGE,
    "/completions": _USAGE,
    "/responses": {"stream": True},
}
_STOPPED = ("/chat/completions", "/completions")
_ALIKE, _SAME_VECTOR = 0.9, 0.99  # cosines: below the first two vectors differ, above the second they are one


def relate(contract: Contract, trial: Trial, operation: Operation) -> None:
    """Compare what the scenarios of an operation brought, and a few requests more."""
    one = _Relations(contract, trial, operation)
    one.scenes()
    if operation.path in _SAME:
        one.repeats()


class _Relations:
    def __init__(self, contract: Contract, trial: Trial, operation: Operation) -> None:
        self._contract, self._trial, self._operation = contract, trial, operation

    def scenes(self) -> None:
        """Compare the scenarios that were played."""
        if self._operation.path == "/embeddings":
            self._tell(self._embeddings())
            return
        short, long = self._scene("minimal"), self._scene("conversation")
        few, many = _said(short), _said(long)
        if few and many and long and few.prompt is not None and many.prompt is not None and many.prompt <= few.prompt:
            wanted = f"more prompt tokens than {few.prompt}, which a part of this conversation has"
            self._tell([(long, "relation/prompt-grows", ("usage",), wanted, str(many.prompt))])
        whole, stream = _said(self._scene("tool required")), self._scene("stream of a tool call")
        streamed = _said(stream)
        if whole and streamed and stream and whole.calls and not streamed.calls:
            wanted = "a tool call, as the same request brings one when it is not streamed"
            self._tell([(stream, "relation/stream-tools", (), wanted, "none")])

    def repeats(self) -> None:
        """Send one request twice, and once as a stream; then stop at a word that it wrote."""
        minimal, path = self._scene("minimal"), self._operation.path
        if minimal is None or said(minimal.response) is None:
            return
        body = {**orjson.loads(minimal.request.body), **_SAME[path]}
        first, second = self._play(minimal, body), self._play(minimal, body)
        stream = self._play(minimal, {**body, **_STREAMED[path]})
        one, two, streamed = _said(first), _said(second), _said(stream)
        if first is None or second is None or one is None or two is None:
            return
        same = (one.text, one.finish, one.calls) == (two.text, two.finish, two.calls)
        if not same:
            wanted = "the answer that the same request got before, as temperature is 0"
            self._tell([(second, "relation/repeatable", (), wanted, "another one")])
        if stream is not None and streamed is not None:
            self._tell(_streamed(stream, one, streamed, repeatable=same))
        word = _word(one.text)
        if word and path in _STOPPED:
            self._play(minimal, {**body, "stop": [word]})  # judged by the rules of stop sequences

    def _embeddings(self) -> Iterator[_Told]:
        alone, among = self._scene("minimal"), self._scene("several inputs")
        coded = self._scene("base64")
        one, several, texts = _vectors(alone), _vectors(among), _vectors(coded)
        if not one or len(several) < len(("hello", "world", "hello")):
            return
        lengths = {len(vector) for vector in (*one, *several, *texts)}
        last = coded if texts and coded is not None else among
        if last is None or among is None:
            return
        if len(lengths) > 1:
            found = " and ".join(map(str, sorted(lengths)))
            yield last, "relation/embedding-length", ("data",), "embeddings of one length", f"lengths of {found}"
            return
        hello, world = several[0], several[1]
        if not any(hello) and not any(world):
            yield among, "relation/embedding-zero", ("data",), "numbers that tell texts apart", "zeros for every text"
        elif hello == world:
            yield among, "relation/embedding-differs", ("data", 1), "the embedding of another text", "the same numbers"
        if _cosine(hello, world) < _SAME_VECTOR < _cosine(one[0], world):
            wanted = "the embedding of the input at this place"
            yield among, "relation/embedding-order", ("data", 0), wanted, "that of another input"
        elif _cosine(one[0], hello) < _ALIKE:
            wanted = "the embedding that the same input has alone"
            yield among, "relation/embedding-repeatable", ("data", 0), wanted, "another one"
        elif coded is not None and texts and _cosine(one[0], texts[0]) < _ALIKE:
            wanted = "the numbers that come without base64"
            yield coded, "relation/embedding-encodings", ("data", 0, "embedding"), wanted, "others"

    def _scene(self, name: str) -> Exchange | None:
        return self._trial.scenes.get((self._operation.id, name))

    def _play(self, like: Exchange, body: dict[str, Any]) -> Exchange | None:
        if self._trial.result.tallies[self._operation.id].closed:
            return None
        request = Request(like.request.method, like.request.target, like.request.headers, orjson.dumps(body))
        return self._trial.play(self._operation, request)

    def _tell(self, told: Iterator[_Told] | list[_Told]) -> None:
        for exchange, rule, path, wanted, got in told:
            known = run_rule(rule)
            part: Part = "body" if path else "response"
            stated = self._contract.api.shown(self._operation.pointer)
            first = self._scene("minimal")
            led = (first.request,) if first is not None and first.request != exchange.request else ()
            violation = Violation(rule, part, path, wanted, got, stated, known.severity)
            self._trial.record(replace(exchange, before=led), violation)


_Told = tuple["Exchange", str, tuple[str | int, ...], str, str]


def _streamed(stream: Exchange, whole: Said, streamed: Said, *, repeatable: bool) -> Iterator[_Told]:
    if whole.prompt is not None and streamed.prompt is not None and whole.prompt != streamed.prompt:
        wanted = f"{whole.prompt} prompt tokens, as without a stream"
        yield stream, "relation/prompt-tokens", ("usage",), wanted, str(streamed.prompt)
    if not repeatable:
        return
    if whole.text != streamed.text:
        wanted = f"the text that comes without a stream: {describe(whole.text)}"
        yield stream, "relation/stream-text", (), wanted, f"another one: {describe(streamed.text)}"
    elif whole.finish != streamed.finish:
        wanted = f"the end that the same text has without a stream: {_end(whole)}"
        yield stream, "relation/stream-finish", (), wanted, _end(streamed)


def _end(one: Said) -> str:
    return one.finish if one.finish in _ENDS else "none" if one.finish is None else describe(one.finish)


_ENDS = frozenset(("stop", "length", "tool_calls", "content_filter", "completed", "incomplete", "failed"))


def _word(text: str) -> str:
    """A word from the middle of a text, to stop at."""
    words = text.split()
    return words[len(words) // 2] if len(words) > 1 else ""


def _said(exchange: Exchange | None) -> Said | None:
    return said(exchange.response) if exchange is not None else None


def _vectors(exchange: Exchange | None) -> list[tuple[float, ...]]:
    return vectors(exchange.response) if exchange is not None else []


def _cosine(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    sizes = hypot(*one) * hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / sizes if sizes else 1.0
