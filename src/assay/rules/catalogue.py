"""The rules that Assay brings for the OpenAI API, all in one registry.

The rule of this module: it lists and decides nothing; a rule lives with its resource.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.rules import (
    batch_files,
    batches,
    chat,
    chat_requests,
    chat_stream,
    completions,
    embeddings,
    fine_tuning,
    identity,
    images,
    legacy,
    models,
    pages,
    responses,
    responses_stream,
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
    chat_requests.rules,
    chat.rules,
    streams.rules,
    chat_stream.rules,
    completions.rules,
    completions.stream_rules,
    embeddings.rules,
    models.rules,
    images.rules,
    responses.rules,
    responses_stream.rules,
    pages.rules,
    identity.rules,
    threads.rules,
    runs.rules,
    runs_stream.rules,
    vector_stores.rules,
    stored.rules,
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
