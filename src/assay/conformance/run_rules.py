"""The rules that only a run can judge: of several exchanges, of requests made on purpose, of the connection.

The rule of this module: sentences and nothing else; who judges by a rule takes it from here by its id, so that what is
told and what is listed cannot differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.rules.registry import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from assay.violation import Severity

__all__ = ["RULES", "parted", "run_rule"]

_HTTP = "https://www.rfc-editor.org/rfc/rfc9110.html"
_ERRORS = "#/components/schemas/ErrorResponse"
_PATHS = "#/paths"
_CHAT = "#/components/schemas/CreateChatCompletionRequest/properties"
_EMBEDDING = "#/components/schemas/CreateEmbeddingRequest/properties"


def _rules(resource: str, source: str, rows: Iterable[tuple[str, Severity, str]]) -> dict[str, Rule]:
    return {
        f"{resource}/{name}": Rule(f"{resource}/{name}", sentence, source, severity, (), "run")
        for name, severity, sentence in rows
    }


RULES: dict[str, Rule] = {
    **_rules("http", _HTTP, (
        ("authentication", "violation",
         "Where a key is given by name, a call without it or with another is refused; under another scheme, a hazard."),
        ("body-unread", "violation", "A connection that stays open serves the next request: what was sent is read."),
        ("broken-response", "violation", "A response comes to its end."),
        ("long-response", "hazard", "A response is not longer than a client can hold."),
        ("method", "violation", "A method that no operation has at a path is refused, with 405 or 404."),
        ("no-response", "violation", "Every request gets a response; where it is only late, that is a hazard."),
        ("server-down", "violation", "The server still answers after every request."),
        ("server-error", "violation", "No request, valid or not, ends in a 5xx; 501 says that something is not there."),
        ("slow-response", "hazard", "A response ends within the time that a client waits."),
        ("unknown-path", "hazard", "What is not served is refused, and not answered with a success."),
    )),
    **_rules("http", f"{_HTTP}#section-15.5.6", (
        ("allow", "hazard", "A refusal with 405 names the methods that there are, in Allow."),
    )),
    **_rules("http", _ERRORS, (
        ("error-envelope", "violation", "A refusal has the documented shape of an error."),
        ("invalid-accepted", "violation", "A request that breaks the contract is refused (4xx)."),
        ("valid-refused", "violation", "A valid request is accepted, or refused for a reason that it names."),
    )),
    **_rules("flow", _PATHS, (
        ("batch-lines", "violation", "A completed batch answers each line of its input once, by its custom_id."),
        ("bytes", "violation", "The content of a file comes back byte for byte."),
        ("cancelled", "violation", "What was cancelled does not go on."),
        ("deleted", "violation", "What was deleted is gone: it is neither retrieved nor listed any more."),
        ("digest", "violation", "An upload is not completed where its bytes have another digest than md5 says."),
        ("ended", "violation", "What was cancelled or deleted takes no further orders."),
        ("events", "violation", "A job that has ended tells its events."),
        ("grown", "violation", "Conversations, threads, responses and stored completions hold what was said to them."),
        ("listed", "violation", "A list holds what was created, and shows it as it is."),
        ("order", "violation",
         "order turns a list round; it is a hazard only where all objects are of the same second."),
        ("pages", "violation", "Pages follow each other without a gap, and has_more says whether one follows."),
        ("retrievable", "violation", "What was created can be retrieved by its id."),
        ("retrieve-agrees", "violation", "What is retrieved agrees with what was created, but for what lives."),
        ("run-answers", "violation", "A completed run has left its message in the thread."),
        ("search", "violation", "A search gives the file that has its words, and none that is not in the store."),
        ("unfinished", "hazard", "A run, a response in the background and the reading of a small file end in seconds."),
        ("updated", "violation", "What was changed shows the new values, at once and when it is retrieved."),
    )),
    **_rules("relation", _CHAT, (
        ("prompt-grows", "hazard", "A longer prompt has more prompt tokens."),
        ("prompt-tokens", "hazard", "The same prompt has the same number of tokens, streamed or not."),
        ("repeatable", "hazard", "The same seed at temperature 0 gives the same answer."),
        ("stream-finish", "violation", "The same answer ends for the same reason, streamed or not."),
        ("stream-tools", "violation", "A tool that must be called is called in a stream too."),
        ("stream-text", "hazard", "A repeatable answer is the same one when it is streamed."),
    )),
    **_rules("relation", _EMBEDDING, (
        ("embedding-differs", "hazard", "Different texts have different embeddings."),
        ("embedding-encodings", "violation", "An embedding in base64 is the one that comes as numbers."),
        ("embedding-length", "violation", "The embeddings of one model have one length, unless dimensions asks."),
        ("embedding-order", "violation", "Each of several inputs gets its own embedding, and not that of another."),
        ("embedding-zero", "violation", "Embeddings are not all zeros, whatever the text."),
        ("embedding-repeatable", "hazard", "The same input gives the same embedding, alone or among others."),
    )),
}  # fmt: skip
"""All of them by id."""


def run_rule(name: str) -> Rule:
    """The rule of an id."""
    return RULES[name]


def parted(off: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Part ids of rules to be switched off: those of a run, and those that a contract has to know."""
    given = tuple(off)
    return frozenset(given) & RULES.keys(), tuple(name for name in given if name not in RULES)
