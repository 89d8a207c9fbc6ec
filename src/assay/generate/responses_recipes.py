"""The recipes by operation: how a whole response is made, how its stream is told, and what a test may wish of both.

The rule of this module: it lists and decides nothing; an operation that is not in the tables needs no recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assay.generate import responses_chat as chat
from assay.generate import responses_items as items
from assay.generate import responses_other as other
from assay.generate.responses_asked import Asked
from assay.generate.responses_parts import Parts
from assay.generate.responses_runs import run_events
from assay.generate.responses_streams import DONE, Told
from assay.generate.source import Source
from assay.rules.read import at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from assay.generate.responses_turns import Turn

__all__ = ["STREAMS", "TURNS", "WHOLE", "Wish"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants a response to be.

    ``turns`` is one for each choice (the last serves for all further ones); ``fields`` are top-level properties.
    """

    turns: tuple[Turn, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def given(self) -> bool:
        """Whether anything is wished for."""
        return bool(self.turns or self.fields)

    def of(self, turns: Sequence[Turn]) -> list[Turn]:
        """The turns to make, instead of these."""
        if not self.turns:
            return [*turns]
        return [self.turns[min(number, len(self.turns) - 1)] for number in range(max(len(turns), len(self.turns)))]


Recipe = Callable[[Source, Parts, str, Asked, Wish], Any]
StreamRecipe = Callable[[Source, Parts, str, Asked, Wish], Iterator[Told]]


def _chat(source: Source, parts: Parts, reference: str, asked: Asked, wish: Wish) -> Any:
    return chat.chat_completion(source, parts, reference, asked.body, wish.of(chat.turns_of(source, asked.body)))


def _chat_stream(source: Source, parts: Parts, reference: str, asked: Asked, wish: Wish) -> Iterator[Told]:
    turns = wish.of(chat.turns_of(source, asked.body))
    yield from _unnamed(chat.chat_chunks(source, parts, reference, asked.body, turns), wish)
    yield DONE


def _completion(source: Source, parts: Parts, reference: str, asked: Asked, wish: Wish) -> Any:
    return other.completion(source, parts, reference, asked.body, wish.of(other.text_turns(source, asked.body)))


def _completion_stream(source: Source, parts: Parts, reference: str, asked: Asked, wish: Wish) -> Iterator[Told]:
    turns = wish.of(other.text_turns(source, asked.body))
    yield from _unnamed(other.completion_chunks(source, parts, reference, asked.body, turns), wish)
    yield DONE


def _outcome(source: Source, asked: Asked, wish: Wish) -> items.Outcome:
    if not wish.turns:
        return items.outcome_of(source, asked)
    cut = wish.turns[0].finish in ("length", "content_filter")
    return items.Outcome(wish.turns[0], "incomplete" if cut else "completed")


def _response(source: Source, parts: Parts, reference: str, asked: Asked, wish: Wish) -> Any:
    return items.whole_response(source, parts, reference, asked, _outcome(source, asked, wish))


def _response_stream(source: Source, parts: Parts, reference: str, asked: Asked, wish: Wish) -> Iterator[Told]:
    for name, event in items.response_events(source, parts, reference, asked, _outcome(source, asked, wish)):
        whole = at(event, "response")
        yield name, {**event, "response": {**whole, **wish.fields}} if isinstance(whole, dict) else event


def _run_stream(source: Source, parts: Parts, reference: str, asked: Asked, wish: Wish) -> Iterator[Told]:
    _ = wish
    yield from run_events(source, parts, reference, asked)


def _plain(make: Callable[[Source, Parts, str, Any], Any]) -> Recipe:
    return lambda source, parts, reference, asked, _wish: make(source, parts, reference, asked.body)


def _events(make: Callable[[Source, Parts, str, Any], Iterator[Any]]) -> StreamRecipe:
    return lambda source, parts, reference, asked, wish: _unnamed(make(source, parts, reference, asked.body), wish)


def _named(make: Callable[[Source, Parts, str, Any], Iterator[Any]]) -> StreamRecipe:
    """Events that bear their type as their name."""
    unnamed = _events(make)
    return lambda *given: ((at(event, "type"), event) for _, event in unnamed(*given))


def _unnamed(events: Iterable[Any], wish: Wish) -> Iterator[Told]:
    for event in events:
        # Usage is told in the one event that has it, everything else in each.
        fields = {k: v for k, v in wish.fields.items() if k != "usage" or event.get("usage") is not None}
        yield None, {**event, **fields}


TURNS = frozenset({"createChatCompletion", "createCompletion", "createResponse"})
"""The operations whose responses are what a model says."""

WHOLE: dict[str, Recipe] = {
    "createChatCompletion": _chat,
    "createCompletion": _completion,
    "createEdit": _completion,
    "createResponse": _response,
    "getResponse": _response,
    "cancelResponse": _response,
    "createEmbedding": _plain(other.embeddings),
    "createImage": _plain(other.images),
    "createImageEdit": _plain(other.images),
    "createImageVariation": _plain(other.images),
    "createModeration": _plain(other.moderations),
    "createTranscription": _plain(other.transcript),
    "createTranslation": _plain(other.transcript),
}
"""Recipes of whole responses by operation id."""

STREAMS: dict[str, StreamRecipe] = {
    "createChatCompletion": _chat_stream,
    "createCompletion": _completion_stream,
    "createResponse": _response_stream,
    "getResponse": _response_stream,
    "createImage": _named(other.image_events),
    "createImageEdit": _named(other.image_events),
    "createTranscription": _events(other.transcript_events),
    "createSpeech": _events(other.speech_events),
    "createRun": _run_stream,
    "createThreadAndRun": _run_stream,
    "submitToolOuputsToRun": _run_stream,
}
"""Recipes of streams by operation id."""
