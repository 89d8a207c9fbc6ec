"""Chat completions, answered at once and in chunks.

The rule of this module: the turns are made first; a whole response and a stream of chunks are two ways to write the
same turns, so what a client joins is what it would have got at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from assay.generate.responses_parts import ABSENT, ITEM, Parts
from assay.generate.responses_turns import Call, Turn, Usage, moment, pieces, turn_of, usage_of
from assay.rules.accounting import choices_wanted
from assay.rules.chat import may_be_cut, token_limit
from assay.rules.read import at, integer, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from assay.generate.source import Source

__all__ = ["chat_chunks", "chat_completion", "interleaved", "turns_of", "usage_value"]


def turns_of(source: Source, request: Any) -> list[Turn]:
    """One turn for each choice that is asked for."""
    return [turn_of(source, request) for _ in range(choices_wanted(request))]


def chat_completion(source: Source, parts: Parts, reference: str, request: Any, turns: Sequence[Turn]) -> Any:
    """Make a whole chat completion of these turns."""
    choice = parts.below(reference, "choices", ITEM)
    if choice is None:
        return parts.value(source, reference)
    choices = [_choice(source, parts, choice, request, number, turn) for number, turn in enumerate(turns)]
    usage = _usage_or_not(source, parts, reference, _used(source, request, turns))
    ties = {"id": "chatcmpl-1", "created": moment(source), "model": model_of(request), "choices": choices}
    return parts.object(source, reference, {**ties, **_unasked(parts, reference, request), "usage": usage})


def model_of(request: Any) -> str:
    """The model that answers: the one asked for."""
    model = at(request, "model")
    return model if isinstance(model, str) and model else "gpt-4o-mini"


def _unasked(parts: Parts, reference: str, request: Any) -> dict[str, Any]:
    """What comes only when it is asked for; the tier is the one asked for where it is one that can be used."""
    tier = at(request, "service_tier")
    usable = tier != "auto" and parts.admits(parts.below(reference, "service_tier"), tier)
    told: dict[str, Any] = {"service_tier": ABSENT if tier is None else tier if usable else "default"}
    return told if at(request, "moderation") is not None else {**told, "moderation": ABSENT}


def _used(source: Source, request: Any, turns: Sequence[Turn]) -> Usage:
    """The tokens of these turns: where only one was allowed, one that ended by itself did not use it up."""
    usage = usage_of(source, request, len(turns))
    itself = not all(may_be_cut(turn.finish) for turn in turns)
    return Usage(usage.read, 0, usage.cached) if itself and usage.made == 1 == token_limit(request) else usage


def _usage_or_not(source: Source, parts: Parts, reference: str, usage: Usage) -> Any:
    place = parts.below(reference, "usage")
    # Nearly every response tells its usage; the smallest does not.
    return usage_value(source, parts, place, usage) if place is not None and source.chance(0.8) else ABSENT


def usage_value(source: Source, parts: Parts, reference: str, usage: Usage) -> Any:
    """The usage of a completion or a response, details within their wholes."""
    reference = parts.having(reference, "total_tokens") or reference
    wholes = {"total_tokens": usage.read + usage.made}
    wholes |= dict.fromkeys(("prompt_tokens", "input_tokens"), usage.read)
    wholes |= dict.fromkeys(("completion_tokens", "output_tokens"), usage.made)
    found: dict[str, Any] = dict(wholes)
    for names, part, count in (
        (("prompt_tokens_details", "input_tokens_details"), "cached_tokens", usage.cached),
        (("completion_tokens_details", "output_tokens_details"), "reasoning_tokens", usage.reasoning),
    ):
        for name in names:
            place = parts.below(reference, name)
            if place is not None:
                found[name] = _details(parts, place, part, count) if count else ABSENT
                if name in parts.required(reference):
                    found[name] = _details(parts, place, part, count)
    return parts.object(source, reference, found)


def _details(parts: Parts, reference: str, part: str, count: int) -> dict[str, int]:
    """The details of a count: one of its parts, and no more than must be told of the others."""
    return dict.fromkeys(parts.required(reference), 0) | ({part: count} if part in parts.names(reference) else {})


def _choice(source: Source, parts: Parts, reference: str, request: Any, number: int, turn: Turn) -> dict[str, Any]:
    message = parts.below(reference, "message") or reference
    calls = _calls(source, parts, message, turn.calls) if turn.calls and not turn.legacy else ABSENT
    legacy = {"name": turn.calls[0].name, "arguments": turn.calls[0].text} if turn.legacy and turn.calls else ABSENT
    # Drawn in any case: a refusal that took fewer choices than text would count as simpler.
    unrefused = parts.null_or_absent(source, message, "refusal")
    refusal = unrefused if turn.refusal is None else turn.refusal
    said = {"role": "assistant", "content": turn.content, "refusal": refusal}
    ties = {**said, "tool_calls": calls, "function_call": legacy, "audio": ABSENT}
    if "audio" in listed(at(request, "modalities")):
        ties.pop("audio")
    ties["annotations"] = _cited(source, parts, message, turn.content or "")
    return parts.object(
        source,
        reference,
        {
            "index": number,
            "message": parts.object(source, message, ties),
            "logprobs": _logprobs(source, parts, reference, request, turn),
            "finish_reason": turn.finish,
        },
    )


def _cited(source: Source, parts: Parts, message: str, content: str) -> Any:
    """Perhaps a citation of the whole content, perhaps a list without any."""
    place = parts.below(message, "annotations", ITEM)
    cited = None if place is None else parts.below(place, "url_citation")
    if place is None or not source.chance(source.dials.optional):
        return [] if "annotations" in parts.required(message) else ABSENT
    if cited is None or not source.below(2):
        return []
    citation = parts.object(source, cited, {"start_index": 0, "end_index": len(content)})
    return [parts.object(source, place, {"type": "url_citation", "url_citation": citation})]


def _calls(source: Source, parts: Parts, message: str, calls: Sequence[Call]) -> list[Any]:
    made = []
    place = parts.below(message, "tool_calls", ITEM)
    for number, call in enumerate(calls, start=1):
        kind = "custom" if call.custom else "function"
        body = {"name": call.name, "input" if call.custom else "arguments": call.text}
        ties = {"id": call.id or f"call_{number}", "type": kind, kind: body}
        variant = None if place is None else parts.variant(place, "type", kind) or place
        made.append(ties if variant is None else parts.object(source, variant, ties))
    return made


def _logprobs(source: Source, parts: Parts, choice: str, request: Any, turn: Turn) -> Any:
    """Log probabilities exactly when asked for, and where there is text to have them."""
    place = parts.below(choice, "logprobs")
    if place is None:
        return ABSENT
    if at(request, "logprobs") is not True:
        return parts.null_or_absent(source, choice, "logprobs")
    content = _tokens(source, parts, place, "content", request, turn.content or "")
    refusal = _tokens(source, parts, place, "refusal", request, turn.refusal or "") if turn.refusal else None
    return parts.object(source, place, {"content": content, "refusal": refusal})


def _tokens(source: Source, parts: Parts, place: str, name: str, request: Any, text: str) -> list[Any]:
    token = parts.below(place, name, ITEM)
    most = integer(at(request, "top_logprobs")) or 0
    found: list[Any] = []
    for piece in pieces(source, text) if token is not None else ():
        # Some may come without alternatives, but not all.
        count = source.below(most + 1) if found else most and 1 + source.below(most)
        others = [_token(source, other) for other in ("a", "b", "c", "d", "e")[:count]]
        found.append(_token(source, piece) | {"top_logprobs": others})
    return found


def _token(source: Source, text: str) -> dict[str, Any]:
    return {
        "token": text,
        "logprob": source.pick((0.0, -0.5, -2.25, -9999.0)),
        "bytes": [*text.encode("utf-8", "replace")],
    }


def chat_chunks(source: Source, parts: Parts, reference: str, request: Any, turns: Sequence[Turn]) -> Iterator[Any]:
    """Make the chunks of these turns: roles first, pieces, how each finished, and the usage when it is asked for."""
    chunk = parts.having(reference, "choices") or reference
    choice = parts.below(chunk, "choices", ITEM) or chunk
    asked = at(request, "stream_options", "include_usage") is True
    usage = parts.below(chunk, "usage")
    bare = {"id": "chatcmpl-1", "created": moment(source), "model": model_of(request)}
    told_once = {"choices": [], "usage": ABSENT}
    frame = parts.object(source, chunk, {**bare, **_unasked(parts, chunk, request), **told_once})
    empty = {"usage": None} if asked and parts.admits(usage, None) and source.chance(0.5) else {}
    told = [[*_deltas(source, parts, choice, request, (n, turn))] for n, turn in enumerate(turns)]
    for part in interleaved(source, told):
        yield {**frame, "choices": [part], **empty}
    if asked and usage is not None:
        made = usage_value(source, parts, usage, usage_of(source, request, len(turns)))
        yield {**frame, "choices": [], "usage": made}


def interleaved(source: Source, told: Sequence[list[Any]]) -> Iterator[Any]:
    """The parts of several choices, each in its own order; the simplest is one choice after the other."""
    waiting = [list(reversed(parts)) for parts in told if parts]
    while waiting:
        number = source.below(len(waiting))
        yield waiting[number].pop()
        waiting = [parts for parts in waiting if parts]


def _deltas(source: Source, parts: Parts, choice: str, request: Any, numbered: tuple[int, Turn]) -> Iterator[Any]:
    number, turn = numbered
    logprobs = parts.below(choice, "logprobs")
    quiet = {} if logprobs is None or not source.chance(0.5) else {"logprobs": None}

    def part(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
        return {"index": number, "delta": delta, "finish_reason": finish, **quiet, **more}

    start = "" if turn.content is not None else source.pick((None, ABSENT))
    yield part({"role": "assistant"} | ({} if start is ABSENT else {"content": start}))
    for piece in turn.spoken(source):
        more: dict[str, Any] = {}
        if at(request, "logprobs") is True and logprobs is not None:
            more["logprobs"] = {"content": _tokens(source, parts, logprobs, "content", request, piece), "refusal": None}
        yield part({"content": piece}, **more)
    for piece in pieces(source, turn.refusal or ""):
        yield part({"refusal": piece})
    for delta in _called(source, turn):
        yield part(delta)
    yield part({}, turn.finish)


def _called(source: Source, turn: Turn) -> Iterator[dict[str, Any]]:
    """The deltas of tool calls: id, type and name first, then the fragments of the arguments."""
    for number, call in enumerate(turn.calls):
        kind, text = ("custom", "input") if call.custom else ("function", "arguments")
        fragments = pieces(source, call.text)
        if turn.legacy:
            yield {"function_call": {"name": call.name, "arguments": ""}}
            yield from ({"function_call": {"arguments": fragment}} for fragment in fragments)
            continue
        # Some services send the arguments whole, with the name.
        first = fragments.pop(0) if len(fragments) == 1 and source.chance(0.5) else ""
        begun = {"id": call.id or f"call_{number + 1}", "type": kind, kind: {"name": call.name, text: first}}
        yield {"tool_calls": [{"index": number, **begun}]}
        for fragment in fragments:
            yield {"tool_calls": [{"index": number, kind: {text: fragment}}]}
