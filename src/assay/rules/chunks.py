"""What the chunks of chat and text completions have in common: one id, one finish for each choice, one usage.

The rule of this module: a stream is read once and in bounded memory. A stream of a million chunks costs a handful
of counters for each choice that was asked for, and a chunk that only brings text costs a few look-ups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.rules import accounting
from assay.rules.chat import stop_sequences
from assay.rules.read import at
from assay.rules.streams import Framing, is_error
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.rules.registry import Exchange, Rule, RuleSet
    from assay.violation import Violation

__all__ = ["Choice", "ChunkRules", "Chunks", "declare"]

_OPTIONS = "#/components/schemas/ChatCompletionStreamOptions/anyOf/0/properties/include_usage"
_STOP = "#/components/schemas/StopConfiguration"
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class ChunkRules:
    """The rules that :class:`Chunks` judges by, under the ids of one resource."""

    same_id: Rule
    same_created: Rule
    same_model: Rule
    id_set: Rule
    created: Rule
    choice_index: Rule
    choices_count: Rule
    choices_empty: Rule
    finish_missing: Rule
    finish_last: Rule
    usage_unasked: Rule
    usage_missing: Rule
    usage_last: Rule
    usage_sums: Rule
    stop_sequences: Rule
    after_error: Rule


def declare(rules: RuleSet, schema: str) -> ChunkRules:
    """Declare the rules of chunks in a set; ``schema`` is the pointer of the chunk's schema."""
    here, finish = f"{schema}/properties", f"{schema}/properties/choices/items/properties/finish_reason"
    say = rules.stream
    return ChunkRules(
        same_id=say("same-id", "All chunks have the same id.", f"{here}/id"),
        same_created=say("same-created", "All chunks have the same created.", f"{here}/created"),
        same_model=say("same-model", "All chunks have the same model.", f"{here}/model"),
        id_set=say("id-set", "The id is not empty.", f"{here}/id"),
        created=say("created-seconds", "created is a Unix time in seconds.", f"{here}/created"),
        choice_index=say("choice-index", "The index of a choice is below the number of choices.", f"{here}/choices"),
        choices_count=say("choices-count", "Every choice that was asked for comes.", f"{here}/choices"),
        choices_empty=say("choices-empty", "choices is empty only in the chunk with the usage.", f"{here}/choices"),
        finish_missing=say("finish-missing", "Every choice finishes with a finish_reason.", finish),
        finish_last=say("finish-last", "The chunk with the finish_reason is the last one of its choice.", finish),
        usage_unasked=say("usage-unasked", "usage comes only when include_usage is true.", f"{here}/usage"),
        usage_missing=say("usage-missing", "usage comes when include_usage is true.", _OPTIONS),
        usage_last=say("usage-last", "The chunk with the usage comes once, last, with empty choices.", _OPTIONS),
        stop_sequences=say("stop-sequences", "The joined text holds no stop sequence.", _STOP),
        usage_sums=say("usage-sums", "total_tokens is prompt_tokens + completion_tokens.", f"{here}/usage"),
        after_error=say("after-error", "Nothing but [DONE] follows an error event.", schema),
    )


class Choice:
    """What is known of one choice so far."""

    __slots__ = ("finish_reason", "started", "tail")

    def __init__(self) -> None:
        self.tail = ""  # the end of the text so far, where a stop sequence may have begun
        self.started = False
        self.finish_reason: Any = None


class Chunks(Framing):
    """The frame of the chunks; a resource's own class reads what is in each choice (:meth:`read_choice`)."""

    chunk_rules: ChunkRules

    def __init__(self, exchange: Exchange) -> None:
        super().__init__(exchange)
        self.choices: dict[int, Choice] = {}
        self.wanted = self.count_wanted()
        self._id: Any = _ABSENT
        self._created: Any = _ABSENT
        self._model: Any = _ABSENT
        options = at(exchange.request, "stream_options")
        self._usage_asked = at(options, "include_usage") is True
        # vLLM's way to ask for the usage so far in every chunk.
        self._usage_always = at(options, "continuous_usage_stats") is True
        self._usages = 0
        self._stops = self.stops_wanted()
        self._longest_stop = max(map(len, self._stops), default=0)
        # Whether even a chunk that only brings text must be looked at.
        self.watched = bool(self._stops)
        self._number = 0
        # The choice of the last chunk, while nothing but text may follow: begun, not finished, no end in sight.
        self.current: int | None = None

    def count_wanted(self) -> int:
        """How many choices the request asks for."""
        return accounting.choices_wanted(self.exchange.request)

    def stops_wanted(self) -> list[str]:
        """The sequences at which the text is to stop."""
        return stop_sequences(self.exchange.request)

    def make_choice(self) -> Choice:
        """Begin a choice."""
        return Choice()

    def read_chunk(self, found: list[Violation], chunk: dict[str, Any]) -> None:
        """Judge what a chunk has beside its choices; those that bring only text do not come here."""

    def read_text(self, found: list[Violation], path: tuple[str | int, ...], state: Choice, text: Any) -> None:
        """Look for a stop sequence in the text of a choice, also where it is cut between two chunks."""
        if not self._stops or not isinstance(text, str):
            return
        joined = state.tail + text
        if any(stop in joined for stop in self._stops):
            expected = "text that ends before the stop sequence"
            self.tell(found, self.chunk_rules.stop_sequences, path, expected, "text with a stop sequence in it")
        state.tail = joined[-self._longest_stop + 1 :] if self._longest_stop > 1 else ""

    def read_choice(self, found: list[Violation], path: tuple[str | int, ...], state: Any, choice: Any) -> None:
        """Judge one choice of a chunk, before its finish_reason is taken into ``state``."""

    def close_choice(self, found: list[Violation], index: int, state: Any) -> None:
        """Judge one choice at the end of the stream."""

    def is_text(self, choice: Any) -> bool:  # noqa: ARG002
        """Tell whether a choice of a chunk brings text to ``self.current`` and nothing else: no rule is about it.

        May raise KeyError or TypeError where a choice has another shape.
        """
        return False

    def feed(self, number: int, value: Any, name: str) -> Sequence[Violation]:
        """Take one chunk."""
        if self.current is not None and not self.watched and name == "message" and self._is_quiet(value):
            return ()  # by far the most frequent chunk
        if not isinstance(value, dict):
            return ()
        choices = value.get("choices")
        same = value.get("id") == self._id and value.get("created") == self._created
        same = same and value.get("model") == self._model
        self._number = number
        found: list[Violation] = []
        self.read_frame(found, number, name)
        if self.failed or is_error(value):
            self._read_error(found)
            return found
        if choices == [] and not value.get("id") and value.get("usage") is None:
            # Azure opens with such a chunk, about the prompt: one deviation, not one in each of its fields.
            self.tell(found, self.chunk_rules.choices_empty, ("choices",), "at least one choice", "an empty array")
            return found
        if not same:
            self._read_constants(found, value)
        if value.get("usage") is not None or self._usages or choices == []:
            self._read_usage(found, value)
        self.read_chunk(found, value)
        if isinstance(choices, list):
            for position, choice in enumerate(choices):
                self._read_choice(found, position, choice)
        return found

    def _is_quiet(self, chunk: Any) -> bool:
        """Tell whether a chunk brings text to the current choice, and is in all else like the one before."""
        try:
            if chunk["id"] != self._id or chunk["created"] != self._created or chunk["model"] != self._model:
                return False
            choices = chunk["choices"]
            return len(choices) == 1 and chunk.get("usage") is None and self.is_text(choices[0])
        except (KeyError, TypeError):  # what has another shape is looked at closely
            return False

    def mark(self, number: int, text: str) -> Sequence[Violation]:
        """Take the end marker."""
        self.current = None
        return super().mark(number, text)

    def close(self) -> Sequence[Violation]:
        """Take the end of the stream; after an error event nothing is missed."""
        found = list(super().close())
        if self.failed:
            return found
        rules = self.chunk_rules
        missing = [index for index in range(self.wanted) if index not in self.choices]
        if missing:
            got = f"{self.wanted - len(missing)}"
            self.once(found, rules.choices_count.broken((), f"{self.wanted} choices", got, part="stream"))
        for index, state in sorted(self.choices.items()):
            if state.finish_reason is None:
                got = f"the end of the stream without it in choice {index}"
                self.once(found, rules.finish_missing.broken((), "a finish_reason", got, part="stream"))
            self.close_choice(found, index, state)
        if self._usage_asked and not self._usages:
            self.once(found, rules.usage_missing.broken((), "a chunk with the usage", "none", part="stream"))
        return found

    def tell(self, found: list[Violation], rule: Rule, path: tuple[str | int, ...], expected: str, got: str) -> None:
        """Tell once that a rule is broken at a place in the event being read."""
        self.once(found, rule.broken((self._number, *path), expected, got, part="event"))

    def _read_error(self, found: list[Violation]) -> None:
        if self.failed:
            self.tell(found, self.chunk_rules.after_error, (), "the end after an error event", "another event")
        self.failed, self.current = True, None

    def _read_constants(self, found: list[Violation], chunk: dict[str, Any]) -> None:
        rules = self.chunk_rules
        if self._id is _ABSENT:
            self._id, self._created, self._model = chunk.get("id"), chunk.get("created"), chunk.get("model")
            if self._id == "":
                self.tell(found, rules.id_set, ("id",), "an id", "an empty string")
            for violation in accounting.seconds(rules.created, self._created, ("created",)):
                self.tell(found, rules.created, violation.path, violation.expected, violation.got)
            return
        for name, rule, known in (
            ("id", rules.same_id, self._id),
            ("created", rules.same_created, self._created),
            ("model", rules.same_model, self._model),
        ):
            value = chunk.get(name)
            # Another type, or none, is for the schema to tell.
            if value != known and isinstance(value, str | int) and isinstance(known, str | int):
                self.tell(found, rule, (name,), f"the {name} of the first chunk", "another one")

    def _read_usage(self, found: list[Violation], chunk: dict[str, Any]) -> None:
        rules, usage, choices = self.chunk_rules, chunk.get("usage"), chunk.get("choices")
        if usage is None:
            if not choices and chunk.get("moderation") is None:
                self.tell(found, rules.choices_empty, ("choices",), "at least one choice", "an empty array")
            elif choices and self._usages and not self._usage_always:
                self.tell(found, rules.usage_last, ("choices",), "no choice after the usage", describe(choices))
            return
        if not self._usage_asked:
            self.tell(found, rules.usage_unasked, ("usage",), "no usage, as it was not asked for", describe(usage))
        elif not self._usage_always and choices:
            self.tell(found, rules.usage_last, ("choices",), "an empty array beside the usage", describe(choices))
        elif not self._usage_always and self._usages:
            self.tell(found, rules.usage_last, ("usage",), "the usage once", "the usage again")
        self._usages += 1
        sums = accounting.sums(rules.usage_sums, usage, ("usage",), "prompt_tokens", "completion_tokens")
        for violation in sums:
            self.tell(found, rules.usage_sums, violation.path, violation.expected, violation.got)

    def _read_choice(self, found: list[Violation], position: int, choice: Any) -> None:
        if not isinstance(choice, dict):
            return
        index = choice.get("index")
        if type(index) is not int:
            return
        state = self.choices.get(index)
        if state is None:
            if not 0 <= index < self.wanted:
                # Not followed further, so that a server that counts chunks here costs no memory.
                place, expected = ("choices", position, "index"), f"an index from 0 to {self.wanted - 1}"
                self.tell(found, self.chunk_rules.choice_index, place, expected, describe(index))
                return
            state = self.choices[index] = self.make_choice()
        if state.finish_reason is not None:
            expected = "no more of a finished choice"
            self.tell(found, self.chunk_rules.finish_last, ("choices", position), expected, "another part of it")
        self.read_choice(found, ("choices", position), state, choice)
        state.started = True
        if choice.get("finish_reason"):
            state.finish_reason = choice["finish_reason"]
        self.current = None if state.finish_reason or self._usages or self.done else index
