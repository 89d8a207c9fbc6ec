"""The reference server: a small, honest, deterministic ASGI application made from the contract.

The rule of this module: HTTP is here and nowhere else in the room. A request is read to its end before it is
answered, so that a kept-alive connection stays usable; what the contract refuses, the server refuses, in
OpenAI's error envelope; time and identity come from outside, so that the same requests in the same order give
the same bytes.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, unquote

import orjson

from assay.messages import Request
from assay.reference import (
    batches,
    conversations,
    fine_tuning,
    graders,
    legacy,
    permissions,
    responses,
    stored,
    uploads,
)
from assay.reference.assistants import (
    create_assistant,
    delete_assistant,
    get_assistant,
    list_assistants,
    modify_assistant,
)
from assay.reference.bodies import Body, read
from assay.reference.chat import create_chat_completion
from assay.reference.clock import still
from assay.reference.completions import create_completion
from assay.reference.embeddings import create_embedding
from assay.reference.files import (
    FILE_FORM,
    create_file,
    delete_file,
    download_file,
    list_files,
    retrieve_file,
)
from assay.reference.images import IMAGE_FORM, create_image, create_image_edit, create_image_variation
from assay.reference.models import delete_model, list_models, retrieve_model
from assay.reference.moderations import create_moderation
from assay.reference.quota import Quota
from assay.reference.replies import Call, Named, Raw, Refusal, Reply, Stream
from assay.reference.run_answers import (
    cancel_run,
    create_run,
    create_thread_and_run,
    get_run,
    get_run_step,
    list_run_steps,
    list_runs,
    modify_run,
    submit_tool_outputs,
)
from assay.reference.speech import create_speech
from assay.reference.store import Store
from assay.reference.text import SEED, Source
from assay.reference.threads import (
    create_message,
    create_thread,
    delete_message,
    delete_thread,
    get_message,
    get_thread,
    list_messages,
    modify_message,
    modify_thread,
)
from assay.reference.transcripts import AUDIO_FORM, create_transcription, create_translation
from assay.reference.vector_files import (
    add_batch,
    add_file,
    batch_files,
    cancel_batch,
    file_content,
    get_batch,
    get_file,
    list_store_files,
    remove_file,
    update_attributes,
)
from assay.reference.vector_stores import (
    create_store,
    delete_store,
    get_store,
    list_stores,
    modify_store,
    search_store,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from assay.model import Shape
    from assay.reference.quota import Fields
    from assay.violation import Verdict

__all__ = ["Application", "Judge", "application"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LIMIT = 50 * 1024 * 1024  # bytes of a request body


class Judge(Protocol):
    """What the server asks of a contract."""

    def check_request(self, request: Request, /) -> Verdict:
        """Judge one request."""
        ...


Answer = Reply | Raw | Stream
Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class _Route:
    """One path: its handlers by method, and what bodies its ``POST`` reads; ``bare`` is one that reads none."""

    pattern: re.Pattern[str]
    handlers: dict[str, Handler]
    json: bool
    form: Shape | None
    bare: bool


def _route(
    template: str, *, json: bool = True, form: Shape | None = None, bare: bool = False, **handlers: Handler
) -> _Route:
    # A model's name may have slashes of its own; other names have none.
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template).replace("(?P<model>[^/]+)", "(?P<model>.+)")
    methods = {method.upper(): handler for method, handler in handlers.items()}
    return _Route(re.compile(f"/v1{pattern}"), methods, json, form, bare)


_JOB = "/fine_tuning/jobs/{fine_tuning_job_id}"
_PERMISSIONS = "/fine_tuning/checkpoints/{fine_tuned_model_checkpoint}/permissions"

ROUTES = (
    _route("/models", get=list_models),
    _route("/models/{model}", get=retrieve_model, delete=delete_model),
    _route("/chat/completions", get=stored.list_chat_completions, post=create_chat_completion),
    _route(
        "/chat/completions/{completion_id}",
        get=stored.get_chat_completion,
        post=stored.update_chat_completion,
        delete=stored.delete_chat_completion,
    ),
    _route("/chat/completions/{completion_id}/messages", get=stored.get_chat_completion_messages),
    _route("/completions", post=create_completion),
    _route("/embeddings", post=create_embedding),
    _route("/images/generations", post=create_image),
    _route("/images/edits", form=IMAGE_FORM, post=create_image_edit),
    _route("/images/variations", json=False, form=IMAGE_FORM, post=create_image_variation),
    _route("/audio/speech", post=create_speech),
    _route("/audio/transcriptions", json=False, form=AUDIO_FORM, post=create_transcription),
    _route("/audio/translations", json=False, form=AUDIO_FORM, post=create_translation),
    _route("/files", json=False, form=FILE_FORM, get=list_files, post=create_file),
    _route("/files/{file_id}", get=retrieve_file, delete=delete_file),
    _route("/files/{file_id}/content", get=download_file),
    _route("/moderations", post=create_moderation),
    _route("/assistants", get=list_assistants, post=create_assistant),
    _route("/assistants/{assistant_id}", get=get_assistant, post=modify_assistant, delete=delete_assistant),
    _route("/threads", post=create_thread),
    _route("/threads/runs", post=create_thread_and_run),
    _route("/threads/{thread_id}", get=get_thread, post=modify_thread, delete=delete_thread),
    _route("/threads/{thread_id}/messages", get=list_messages, post=create_message),
    _route("/threads/{thread_id}/messages/{message_id}", get=get_message, post=modify_message, delete=delete_message),
    _route("/threads/{thread_id}/runs", get=list_runs, post=create_run),
    _route("/threads/{thread_id}/runs/{run_id}", get=get_run, post=modify_run),
    _route("/threads/{thread_id}/runs/{run_id}/cancel", post=cancel_run),
    _route("/threads/{thread_id}/runs/{run_id}/submit_tool_outputs", post=submit_tool_outputs),
    _route("/threads/{thread_id}/runs/{run_id}/steps", get=list_run_steps),
    _route("/threads/{thread_id}/runs/{run_id}/steps/{step_id}", get=get_run_step),
    _route("/vector_stores", get=list_stores, post=create_store),
    _route("/vector_stores/{vector_store_id}", get=get_store, post=modify_store, delete=delete_store),
    _route("/vector_stores/{vector_store_id}/search", post=search_store),
    _route("/vector_stores/{vector_store_id}/files", get=list_store_files, post=add_file),
    _route(
        "/vector_stores/{vector_store_id}/files/{file_id}", get=get_file, post=update_attributes, delete=remove_file
    ),
    _route("/vector_stores/{vector_store_id}/files/{file_id}/content", get=file_content),
    _route("/vector_stores/{vector_store_id}/file_batches", post=add_batch),
    _route("/vector_stores/{vector_store_id}/file_batches/{batch_id}", get=get_batch),
    _route("/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel", post=cancel_batch),
    _route("/vector_stores/{vector_store_id}/file_batches/{batch_id}/files", get=batch_files),
    _route("/fine_tuning/jobs", get=fine_tuning.list_jobs, post=fine_tuning.create_job),
    _route(_JOB, get=fine_tuning.retrieve_job),
    _route(f"{_JOB}/cancel", bare=True, post=fine_tuning.cancel_job),
    _route(f"{_JOB}/pause", bare=True, post=fine_tuning.pause_job),
    _route(f"{_JOB}/resume", bare=True, post=fine_tuning.resume_job),
    _route(f"{_JOB}/events", get=fine_tuning.list_events),
    _route(f"{_JOB}/checkpoints", get=fine_tuning.list_checkpoints),
    _route(_PERMISSIONS, get=permissions.list_permissions, post=permissions.create_permissions),
    _route(f"{_PERMISSIONS}/{{permission_id}}", delete=permissions.delete_permission),
    _route("/fine_tuning/alpha/graders/run", post=graders.run_grader),
    _route("/fine_tuning/alpha/graders/validate", post=graders.validate_grader),
    _route("/batches", get=batches.list_batches, post=batches.create_batch),
    _route("/batches/{batch_id}", get=batches.retrieve_batch),
    _route("/batches/{batch_id}/cancel", bare=True, post=batches.cancel_batch),
    _route("/uploads", post=uploads.create_upload),
    _route("/uploads/{upload_id}/parts", json=False, form=uploads.PART_FORM, post=uploads.add_part),
    _route("/uploads/{upload_id}/complete", post=uploads.complete_upload),
    _route("/uploads/{upload_id}/cancel", bare=True, post=uploads.cancel_upload),
    _route("/responses", post=responses.create_response),
    _route("/responses/input_tokens", post=responses.count_input_tokens),
    _route("/responses/compact", post=responses.compact),
    _route("/responses/{response_id}", get=responses.get_response, delete=responses.delete_response),
    _route("/responses/{response_id}/cancel", bare=True, post=responses.cancel_response),
    _route("/responses/{response_id}/input_items", get=responses.list_input_items),
    _route("/conversations", post=conversations.create_conversation),
    _route(
        "/conversations/{conversation_id}",
        get=conversations.get_conversation,
        post=conversations.update_conversation,
        delete=conversations.delete_conversation,
    ),
    _route("/conversations/{conversation_id}/items", get=conversations.list_items, post=conversations.create_items),
    _route(
        "/conversations/{conversation_id}/items/{item_id}",
        get=conversations.get_item,
        delete=conversations.delete_item,
    ),
    _route("/edits", post=legacy.create_edit),
    _route("/fine-tunes", get=legacy.list_fine_tunes, post=legacy.create_fine_tune),
    _route("/fine-tunes/{fine_tune_id}", get=legacy.retrieve_fine_tune),
    _route("/fine-tunes/{fine_tune_id}/cancel", bare=True, post=legacy.cancel_fine_tune),
    _route("/fine-tunes/{fine_tune_id}/events", get=legacy.list_fine_tune_events),
)


def application(
    *,
    key: str | None = None,
    judge: Judge | None = None,
    clock: Callable[[], int] = still,
    limit: int = LIMIT,
    rate: int | None = None,
    seed: int = 0,
) -> Application:
    """Make the reference server as an ASGI application.

    With a ``key``, every request must bear it (``Authorization: Bearer``). ``judge`` is the contract to enforce,
    by default the bundled one. ``clock`` gives seconds since 1970. ``limit`` is in bytes, ``rate`` in requests a
    minute. Another ``seed`` gives other texts and ids.
    """
    return Application(judge or _bundled(), Terms(key, limit, rate, seed), clock)


def _bundled() -> Judge:
    from assay import contract  # noqa: PLC0415  compiled only when no judge is given

    judge: Judge = contract.load("openai")
    return judge


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms requests are answered; see :func:`application`."""

    key: str | None
    limit: int
    rate: int | None
    seed: int


class Application:
    """The ASGI application; see :func:`application`."""

    def __init__(self, judge: Judge, terms: Terms, clock: Callable[[], int]) -> None:
        self._judge = judge
        self._terms = terms
        self._clock = clock
        self._quota = None if terms.rate is None else Quota(terms.rate)
        self._serials = itertools.count(1)
        self._store = Store()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one connection event of ASGI."""
        if scope["type"] != "http":
            return
        SEED.set(self._terms.seed)
        exchange = _Exchange(scope, receive, send, next(self._serials))
        try:
            body = await exchange.read(self._terms.limit)
            answer = self._answer(scope, body, exchange)
        except Refusal as refusal:
            await exchange.send_json(refusal.status, refusal.envelope, refusal.headers)
            return
        except ConnectionError:
            return  # the client went away while it was still sending
        if isinstance(answer, Stream):
            await exchange.send_stream(answer)
        elif isinstance(answer, Raw):
            await exchange.send_bytes(200, answer.data, answer.media_type)
        else:
            await exchange.send_json(answer.status, answer.value)

    def _answer(self, scope: Message, body: bytes, exchange: _Exchange) -> Answer:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self._authenticate(headers)
        if self._quota is not None:
            exchange.fields = self._quota.take(self._clock())
        return self._serve(_request(scope, headers, body), headers, exchange.serial)

    def _serve(self, request: Request, headers: dict[str, str], serial: int) -> Answer:
        """Answer one request, from whoever it comes; raises Refusal."""
        path, _, query = request.target.partition("?")
        route, names = _find(request.method, path)
        reads = request.method == "POST" and not route.bare
        read_body = read(headers, request.body, json=route.json, form=route.form) if reads else Body()
        verdict = self._judge.check_request(request)
        if not verdict.ok:
            broken = next(v for v in verdict.violations if v.severity == "violation")
            envelope = broken.envelope()["error"]
            raise Refusal(400, envelope["message"], param=envelope["param"], code=envelope["code"])
        asked = dict(parse_qsl(query))
        call = Call(read_body.value, names, serial, self._clock(), read_body.files, asked, self._store, self._perform)
        return route.handlers["GET" if request.method == "HEAD" else request.method](call)

    def _perform(self, path: str, value: Any) -> tuple[int, Any]:
        """Post a JSON value to an operation as a client would, and return status and value."""
        headers = {"content-type": "application/json"}
        request = Request("POST", path, headers, orjson.dumps(value))
        try:
            answer = self._serve(request, headers, next(self._serials))
        except Refusal as refusal:
            return refusal.pair
        if isinstance(answer, Reply):
            return answer.status, answer.value
        return Refusal(400, "This operation does not answer in JSON.", code="unsupported_operation").pair

    def _authenticate(self, headers: dict[str, str]) -> None:
        if self._terms.key is None:
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            text = "No API key was given; send it as 'Authorization: Bearer KEY'."
            raise Refusal(401, text, code="missing_api_key")
        if given.strip() != self._terms.key:
            raise Refusal(401, "The API key is not known here.", code="invalid_api_key")


def _find(method: str, path: str) -> tuple[_Route, dict[str, str]]:
    """Find the route of a path as it stands on the wire; the names in it come decoded."""
    for route in ROUTES:
        match = route.pattern.fullmatch(path)
        if match is None:
            continue
        if ("GET" if method == "HEAD" else method) not in route.handlers:
            allowed = [*route.handlers, *(["HEAD"] if "GET" in route.handlers else [])]
            refusal = Refusal(405, f"This path is not for {method}.", code="method_not_allowed")
            refusal.headers = (("allow", ", ".join(allowed)),)
            raise refusal
        return route, {name: unquote(text) for name, text in match.groupdict().items()}
    raise Refusal(404, "There is nothing at this path.", code="unknown_url")


def _request(scope: Message, headers: dict[str, str], body: bytes) -> Request:
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    return Request(scope["method"], f"{path}?{query}" if query else path, headers, body)


class _Exchange:
    """One request and its answer on the wire."""

    def __init__(self, scope: Message, receive: Receive, send: Send, serial: int) -> None:
        self._head = scope["method"] == "HEAD"
        self._receive = receive
        self._send = send
        self.serial = serial
        self.fields: Fields = ()

    async def read(self, limit: int) -> bytes:
        """Return the whole body; one over the limit is read to its end, but not kept."""
        parts: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ConnectionAbortedError
            part = message.get("body", b"")
            size += len(part)
            if size <= limit:
                parts.append(part)
            more = message.get("more_body", False)
        if size > limit:
            raise Refusal(413, f"The body is larger than {limit} bytes.", code="request_too_large")
        return b"".join(parts)

    async def send_json(self, status: int, value: Any, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Send a whole answer in JSON."""
        await self.send_bytes(status, orjson.dumps(value), "application/json", headers)

    async def send_bytes(
        self, status: int, body: bytes, media_type: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Send a whole answer."""
        await self._start(status, (("content-type", media_type), ("content-length", str(len(body))), *headers))
        await self._send({"type": "http.response.body", "body": b"" if self._head else body})

    async def send_stream(self, stream: Stream) -> None:
        """Send events as they come, and stop as soon as the client has gone."""
        gone = asyncio.ensure_future(self._receive())
        try:
            headers = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
            await self._start(200, headers)
            for frame in _frames(stream):
                await self._send({"type": "http.response.body", "body": frame, "more_body": True})
                await asyncio.sleep(0)
                if gone.done():
                    return
            await self._send({"type": "http.response.body", "body": b""})
        except OSError:
            return  # the client closed the connection between two events
        finally:
            gone.cancel()

    async def _start(self, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        fields = (*headers, *self.fields, ("x-request-id", f"req_{Source('request', self.serial).name(32)}"))
        encoded = [(name.encode(), value.encode()) for name, value in fields]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})


def _frames(stream: Stream) -> Iterator[bytes]:
    name = b""
    for event in stream.events:
        if isinstance(event, Named):
            name = b"event: done\n"
            yield b"event: " + event.name.encode() + b"\ndata: " + orjson.dumps(event.value) + b"\n\n"
            continue
        kind = b"event: " + event["type"].encode() + b"\n" if stream.named else b""
        yield kind + b"data: " + orjson.dumps(event) + b"\n\n"
    if stream.done:
        yield name + b"data: [DONE]\n\n"
