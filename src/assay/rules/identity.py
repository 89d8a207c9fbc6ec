"""Rules of what every kept object says of itself: its id, its parents, its time of creation.

The rule of this module: a path names the object and its parents, and what is shown at it says the same; that needs a
table of operations and no knowledge of any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.rules import accounting
from assay.rules.read import at, shown, text
from assay.rules.registry import Exchange, Rule, RuleSet
from assay.violation import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.violation import Violation

__all__ = ["rules"]

# Operation -> the parameter of its path that holds the id of the object that is shown.
_NAMED = {
    **dict.fromkeys(("retrieveFile", "deleteFile"), "file_id"),
    **dict.fromkeys(("getAssistant", "modifyAssistant", "deleteAssistant"), "assistant_id"),
    **dict.fromkeys(("getThread", "modifyThread", "deleteThread"), "thread_id"),
    **dict.fromkeys(("getMessage", "modifyMessage", "deleteMessage"), "message_id"),
    **dict.fromkeys(("getRun", "modifyRun", "cancelRun", "submitToolOuputsToRun"), "run_id"),
    "getRunStep": "step_id",
    **dict.fromkeys(("getVectorStore", "modifyVectorStore", "deleteVectorStore"), "vector_store_id"),
    **dict.fromkeys(
        ("getVectorStoreFile", "updateVectorStoreFileAttributes", "deleteVectorStoreFile"), "file_id"
    ),
    **dict.fromkeys(("getVectorStoreFileBatch", "cancelVectorStoreFileBatch"), "batch_id"),
}  # fmt: skip
_MADE = (
    "createFile", "createAssistant", "createThread", "createMessage", "createRun", "createThreadAndRun",
    "createVectorStore", "createVectorStoreFile", "createVectorStoreFileBatch",
)  # fmt: skip
_LISTED = (
    "listFiles", "listAssistants", "listMessages", "listRuns", "listRunSteps", "listVectorStores",
    "listVectorStoreFiles", "listFilesInVectorStoreBatch",
)  # fmt: skip
# Operation -> what its request sets and its object shows.
_KEPT = {
    **dict.fromkeys(("createAssistant", "modifyAssistant"), ("name", "description", "instructions", "metadata")),
    **dict.fromkeys(("createVectorStore", "modifyVectorStore"), ("name", "description", "metadata")),
    **dict.fromkeys(("createVectorStoreFile", "updateVectorStoreFileAttributes"), ("attributes",)),
    **dict.fromkeys(
        ("createThread", "modifyThread", "createMessage", "modifyMessage", "createRun", "modifyRun",
         "createThreadAndRun", "createConversation", "updateConversation"), ("metadata",)
    ),
}  # fmt: skip
_PARENTS = ("thread_id", "run_id", "vector_store_id")
_OWNED = (
    "listMessages", "createMessage", "getMessage", "modifyMessage", "listRuns", "createRun", "getRun", "modifyRun",
    "cancelRun", "submitToolOuputsToRun", "listRunSteps", "getRunStep", "listVectorStoreFiles",
    "createVectorStoreFile", "getVectorStoreFile", "updateVectorStoreFileAttributes", "createVectorStoreFileBatch",
    "getVectorStoreFileBatch", "cancelVectorStoreFileBatch", "listFilesInVectorStoreBatch",
)  # fmt: skip

rules = RuleSet("objects", *_NAMED, *_MADE, *_LISTED)

_FILE = "#/components/schemas/OpenAIFile/properties"


@rules.response("id-set", "The id is not empty.", f"{_FILE}/id")
def id_set(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, item in shown(exchange.response):
        if item.get("id") == "":
            yield rule.broken((*path, "id"), "an id", "an empty string")


@rules.response(
    "id-asked", "The object that the path names is the one that is shown.", f"{_FILE}/id", operations=" ".join(_NAMED)
)
def id_asked(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    asked = exchange.path_values.get(_NAMED[exchange.operation])
    for path, item in shown(exchange.response):
        given = text(item.get("id"))
        if isinstance(asked, str) and given and asked != given:
            yield rule.broken((*path, "id"), "the id in the path", "another id")


@rules.response(
    "parents",
    "An object names the thread, the run or the vector store that its path names.",
    "#/components/schemas/MessageObject/properties/thread_id",
    operations=" ".join(_OWNED),
)
def parents(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, item in shown(exchange.response):
        for name in _PARENTS:
            asked, given = exchange.path_values.get(name), text(item.get(name))
            if isinstance(asked, str) and given is not None and asked != given:
                yield rule.broken((*path, name), f"the {name} of the path", "another id")


@rules.response(
    "request-kept",
    "An object shows the name, the instructions and the metadata that its request gave it.",
    "#/components/schemas/AssistantObject/properties/metadata",
    operations=" ".join(_KEPT),
)
def request_kept(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule where something was given and the object has the property: empty may be shown as null."""
    made = exchange.response if isinstance(exchange.response, dict) else {}
    for name in _KEPT[exchange.operation]:
        wanted = at(exchange.request, name)
        if wanted and name in made and made[name] != wanted:
            yield rule.broken((name,), f"the {name} of the request", describe(made[name]))


@rules.response("created-seconds", "created_at is a Unix time in seconds.", f"{_FILE}/created_at")
def created_seconds(rule: Rule, exchange: Exchange) -> Iterator[Violation]:
    """Judge by the rule."""
    for path, item in shown(exchange.response):
        yield from accounting.seconds(rule, item.get("created_at"), (*path, "created_at"))
