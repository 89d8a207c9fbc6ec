"""The rules that Assay brings for the OpenAI API, all in one registry.

The rule of this module: it lists and decides nothing; a rule lives with its resource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.rules import (
    audio,
    audio_stream,
    batch_files,
    batches,
    chat,
    chat_answers,
    chat_history,
    chat_stream,
    chat_tools,
    completions,
    embeddings,
    files,
    fine_tuning,
    identity,
    image_files,
    image_stream,
    images,
    legacy,
    models,
    moderations,
    pages,
    responses,
    responses_asked,
    responses_progress,
    responses_requests,
    responses_stream,
    responses_tools,
    runs,
    runs_stream,
    stored,
    streams,
    threads,
    training_files,
    uploads,
    vector_stores,
)
from assay.rules.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.rules.registry import RuleSet

__all__ = ["RULE_SETS", "standard"]

RULE_SETS = (
    chat_tools.rules,
    chat_history.rules,  # and those of chat_requests
    chat.rules,
    chat_answers.rules,
    streams.rules,
    chat_stream.rules,
    completions.rules,
    completions.stream_rules,
    embeddings.rules,
    models.rules,
    moderations.rules,
    images.rules,
    image_files.rules,
    image_stream.rules,
    audio.rules,
    audio.speech_rules,
    audio_stream.rules,
    audio_stream.speech_rules,
    files.rules,
    stored.rules,
    responses_requests.rules,
    responses_tools.rules,
    responses.rules,
    responses_asked.rules,
    responses_progress.rules,
    responses_progress.resumed_rules,
    responses_stream.rules,
    pages.rules,
    identity.rules,
    threads.rules,
    runs.rules,
    runs_stream.rules,
    vector_stores.rules,
    fine_tuning.rules,
    training_files.rules,
    batches.rules,
    batch_files.rules,
    uploads.rules,
    legacy.edit_rules,
    legacy.rules,
    legacy.stream_rules,
)


def standard(*, off: Iterable[str] = (), more: Iterable[RuleSet] = ()) -> Registry:
    """Return the registry of all rules and of ``more`` rule sets, without those whose ids are in ``off``."""
    return Registry((*RULE_SETS, *more), off=off)
