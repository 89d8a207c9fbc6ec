"""Checks: the questions asked of one exchange, beyond what the contract says of the response itself.

The rule of this module: no check accuses where an honest server may differ. A refusal that names a missing feature,
an unknown resource or a limit of the model is *unsupported*; of several checks that would tell one defect twice,
only the one nearest to its cause speaks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from assay.violation import Violation

if TYPE_CHECKING:
    from assay.contract import Contract
    from assay.messages import Request, Response
    from assay.model import Operation
    from assay.violation import Severity

__all__ = ["Exchange", "Outcome", "absent", "authentication", "judge", "no_answer", "server_down", "words"]

BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, BAD_METHOD = 400, 401, 403, 404, 405
TOO_LARGE, TOO_MANY, SERVER_ERROR, NOT_IMPLEMENTED = 413, 429, 500, 501

# A refusal in these words names a feature, a resource or a limit; it does not deny that the request was valid.
_HONEST = re.compile(
    r"not (yet |currently )?(supported|implemented|available|enabled|allowed|permitted|configured)|unsupported"
    r"|(does|do|is|are|can) ?(not|n't) (yet |currently )?(support|have access|able)|cannot be used with|unimplemented"
    r"|not[ _]found|no such|(does|do) ?(not|n't) exist|unknown (model|file|engine|tool)|invalid model|disabled"
    r"|context[ _](length|window|size)|maximum (context|number of tokens)|too (long|large|many|big)|exceed"
    r"|this (server|model|deployment|endpoint)\b.{0,60}\b(at most|only|up to)\b"
    r"|could not (download|fetch|load)|failed to (download|fetch|load)|rate limit|quota|billing",
    re.IGNORECASE,
)
_NO_ROUTE = {"detail": "Not Found"}
_OURS = "more than"  # how a sender tells that it stopped reading, and not the target sending
_READ = 2000  # characters of a refusal that are read
_MANY = 100  # items of a list


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request with its response, None when none came.

    ``flaw`` is what the contract has against the request, None for a valid one; ``scenario`` is the name of the
    feature scenario that it plays, or empty; ``then`` the next request on the connection, where only that shows it;
    ``before`` are the requests that led to it, in their order, where a flow found something; ``anonymous`` says that it
    was sent without the user's key.
    """

    operation: Operation
    request: Request
    response: Response | None = None
    scenario: str = ""
    flaw: Violation | None = None
    then: Request | None = None
    before: tuple[Request, ...] = ()
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the checks say of one exchange: ``unsupported`` is the reason of an honest refusal, or empty."""

    violations: tuple[Violation, ...] = ()
    unsupported: str = ""


def judge(contract: Contract, exchange: Exchange) -> Outcome:
    """Ask every check of one exchange with a response, those that explain others first."""
    response = _there(exchange)
    if response.broken.startswith(_OURS):
        return Outcome(_long(contract, exchange, response))
    if response.broken:
        return Outcome((_broken(contract, exchange.operation, response),))
    if response.status == NOT_IMPLEMENTED:
        return Outcome(unsupported="501: not implemented")
    if response.status >= SERVER_ERROR:
        return Outcome((_server_error(contract, exchange, response),))
    if response.status < BAD_REQUEST:
        if exchange.flaw is not None:
            return Outcome((_accepted(response, exchange.flaw),))
        return Outcome(contract.check_response(exchange.request, response).violations)
    envelope = _envelope(contract, exchange.request, response)
    if exchange.flaw is not None:
        return Outcome(envelope)
    reason = _honest(response)
    if not reason and "{" in exchange.operation.path:
        # The id was made up, and a target may say so with whatever refusal it likes.
        reason = f"answered with {response.status}"
    if reason:
        return Outcome(envelope, reason)
    return Outcome((*envelope, _refused(contract, exchange, response)))


def absent(exchange: Exchange) -> str:
    """Why this response means that the target does not serve the operation at all, or ``""``."""
    response, operation = _there(exchange), exchange.operation
    status = response.status
    if status in (BAD_METHOD, NOT_IMPLEMENTED):
        return f"answered with {status}"
    if status != NOT_FOUND:
        return ""
    error = _error(response)
    # A resource is missing where the error speaks of one; a framework's own 404 speaks of the route.
    if isinstance(error, dict) and error != _NO_ROUTE and ("{" in operation.path or _names_something(error)):
        return ""
    return f"answered with {status}"


def authentication(contract: Contract, exchange: Exchange, *, key: str = "without a key") -> Violation | None:
    """A request without the key, or with another ``key``, must be refused, with 401 or another 4xx."""
    status = _there(exchange).status
    if BAD_REQUEST <= status < SERVER_ERROR:
        return None
    wanted = f"status 401 for a request {key}"
    return Violation(
        "http/authentication", "status", (), wanted, f"status {status}", _stated(contract, exchange.operation)
    )


def no_answer(contract: Contract, operation: Operation, reason: str, *, late: bool) -> Violation:
    """The target lives, yet gave no response to this request; only late is a hazard, for models may be slow."""
    severity: Severity = "hazard" if late else "violation"
    return Violation("http/no-response", "response", (), "a response", reason, _stated(contract, operation), severity)


def server_down() -> Violation:
    """The target answers nothing any more, not even whether it lives."""
    wanted, got = "a target that goes on answering", "no connection and no response any more"
    return Violation("http/server-down", "response", (), wanted, got)


def words(response: Response) -> str:
    """What a refusal says, for deciding only; never for a report, since it may repeat the request."""
    error = _error(response)
    if isinstance(error, dict):
        texts = [error.get(name) for name in ("message", "code", "type", "detail", "error", "msg")]
        return " ".join(text for text in texts if isinstance(text, str))[:_READ]
    if isinstance(error, str):
        return error[:_READ]
    return response.body[:_READ].decode("utf-8", "replace")


def _error(response: Response) -> Any:
    """The error object of a response: inside ``error``, or the whole body; None when it is not JSON."""
    try:
        value = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        return None
    return value.get("error", value) if isinstance(value, dict) else value


def _names_something(error: dict[str, Any]) -> bool:
    """Whether a 404 tells of a missing resource (a model, a file) rather than of a missing route."""
    if error.get("code") or error.get("param"):
        return True
    return isinstance(error.get("message"), str) and "model" in error["message"].lower()


def _honest(response: Response) -> str:
    if response.status in (UNAUTHORIZED, FORBIDDEN, NOT_FOUND, BAD_METHOD, 409, TOO_LARGE, TOO_MANY):
        return f"answered with {response.status}"
    found = _HONEST.search(words(response))
    return f"refused with {response.status}: {found.group(0).lower()}" if found else ""


def _stated(contract: Contract, operation: Operation) -> str:
    """Where the description has an operation, written for people."""
    return contract.api.shown(operation.pointer)


def _there(exchange: Exchange) -> Response:
    if exchange.response is None:
        raise ValueError("this exchange has no response to be judged")
    return exchange.response


def _broken(contract: Contract, operation: Operation, response: Response) -> Violation:
    stated = _stated(contract, operation)
    if response.broken.startswith("time-out"):
        return Violation("http/slow-response", "response", (), "a whole response", response.broken, stated, "hazard")
    return Violation("http/broken-response", "response", (), "a whole response", response.broken, stated)


def _long(contract: Contract, exchange: Exchange, response: Response) -> tuple[Violation, ...]:
    """A body longer than what is read: its status tells of the request, and its length is a hazard at most.

    It is none where a request asked for so much: two thousand embeddings are tens of megabytes.
    """
    if exchange.flaw is not None and response.status < BAD_REQUEST:
        return (_accepted(response, exchange.flaw),)
    if _asks_much(exchange.request):
        return ()
    stated = _stated(contract, exchange.operation)
    wanted = "a body that a client can hold"
    return (Violation("http/long-response", "response", (), wanted, response.broken, stated, "hazard"),)


def _asks_much(request: Request) -> bool:
    """Whether a request has a long list, each item of which may want an answer of its own."""
    try:
        value = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return False
    lists = value.values() if isinstance(value, dict) else ()
    return any(isinstance(item, list) and len(item) > _MANY for item in lists)


def _server_error(contract: Contract, exchange: Exchange, response: Response) -> Violation:
    flaw = exchange.flaw
    wanted = f"a refusal (400) of a request that breaks {flaw.rule} at {flaw.place}" if flaw else "no server error"
    return Violation(
        "http/server-error", "status", (), wanted, f"status {response.status}", _stated(contract, exchange.operation)
    )


def _accepted(response: Response, flaw: Violation) -> Violation:
    wanted = f"a refusal (400) of a request with {flaw.got} where {flaw.expected} is wanted"
    return Violation("http/invalid-accepted", flaw.part, flaw.path, wanted, f"status {response.status}", flaw.pointer)


def _refused(contract: Contract, exchange: Exchange, response: Response) -> Violation:
    feature = f" ({exchange.scenario})" if exchange.scenario else ""
    wanted, got = f"acceptance of a valid request{feature}", f"status {response.status}"
    return Violation("http/valid-refused", "status", (), wanted, got, _stated(contract, exchange.operation))


def _envelope(contract: Contract, request: Request, response: Response) -> tuple[Violation, ...]:
    """The documented shape of an error; a status that is not documented has none, and is no one's fault."""
    found = contract.check_response(request, response).violations
    real = [v for v in found if v.rule != "http/status"]
    if not real:
        return ()
    first = real[0]
    if first.rule.startswith("schema/") or first.rule in ("http/json", "http/body-missing"):
        first = replace(first, rule="http/error-envelope")
    return (first,)
