"""Envoy's external processing (``envoy.service.ext_proc.v3``): pre-flight validation beside an Envoy.

The rule of this module: each message of Envoy gets exactly one answer, and none changes a byte but the immediate
response of a refusal and the event that ends a stream. :class:`Exchange` knows no connection: messages in, answers out.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from typing import TYPE_CHECKING, Any

from assay.adapters.logs import LOGGER, Log
from assay.adapters.metrics import Metrics
from assay.adapters.serve import listen
from assay.adapters.tracing import tracing
from assay.contract import load
from assay.errors import AssayError, TargetError, UsageError
from assay.gateway import Gate
from assay.messages import Headers

try:
    import grpc
    import prometheus_client as prometheus
    from envoy.extensions.filters.http.ext_proc.v3.processing_mode_pb2 import ProcessingMode
    from envoy.service.ext_proc.v3 import external_processor_pb2 as api
    from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as rpc
except ImportError as error:
    raise UsageError(f"Envoy's service needs the package {error.name}: pip install 'assay[envoy]'") from error

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from assay.gateway import Passage, Policy, Refusal, Settings, Watch

__all__ = ["Exchange", "Processor", "serve_envoy"]

_GRACE = 30  # seconds for exchanges that are under way when the service is told to stop
_ROOM = 1024 * 1024  # what a gRPC message may hold beside a body


class Exchange:
    """One HTTP exchange as Envoy tells it: ``take`` each message, ``close`` at the end of the gRPC stream.

    Where Envoy allows mode overrides, it is asked for what the policy needs: a body that may be refused is buffered,
    any other is streamed by, and what nobody looks at is not sent.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._passage: Passage | None = None
        self._intake: _Intake | None = None
        self._watch: Watch | None = None
        self._cut = False

    def take(self, message: Any) -> Any:
        """Answer one ``ProcessingRequest``."""
        kind = message.WhichOneof("request")
        if kind == "request_headers":
            return self._asked(message.request_headers)
        if kind == "request_body":
            return self._sent(message.request_body)
        if kind == "request_trailers":
            refusal = self._intake.end() if self._intake is not None else None
            return _refused(refusal) or api.ProcessingResponse(request_trailers=api.TrailersResponse())
        if kind == "response_headers":
            return self._answered(message.response_headers)
        if kind == "response_body":
            return self._received(message.response_body)
        refusal = self._ended()
        return _refused(refusal) or api.ProcessingResponse(response_trailers=api.TrailersResponse())

    def close(self) -> None:
        """Envoy is done with this exchange; what has not come to its end was broken off."""
        if self._intake is not None and self._intake.open and self._passage is not None:
            self._passage.broke_off()
        if self._watch is not None:
            self._watch.close(broken=True)
        self._intake = self._watch = None

    def _asked(self, message: Any) -> Any:
        fields, pseudo = _fields(message.headers)
        passage = self._gate.open(pseudo.get(":method", ""), pseudo.get(":path", ""), fields)
        answer = api.ProcessingResponse(request_headers=api.HeadersResponse())
        if passage is None:
            answer.mode_override.response_header_mode = ProcessingMode.SKIP
            return answer
        self._passage = passage
        self._intake = _Intake(passage, self._gate.settings.limits.body)
        if message.end_of_stream:
            return _refused(self._intake.end()) or answer
        mode = answer.mode_override
        enforced = passage.modes.requests == "enforce"
        mode.request_body_mode = ProcessingMode.BUFFERED if enforced else ProcessingMode.STREAMED
        mode.request_trailer_mode = ProcessingMode.SEND
        mode.response_header_mode = ProcessingMode.SEND
        return answer

    def _sent(self, message: Any) -> Any:
        refusal = None
        if self._intake is not None:
            refusal = self._intake.feed(message.body)
            if message.end_of_stream and refusal is None:
                refusal = self._intake.end()
        return _refused(refusal) or api.ProcessingResponse(request_body=api.BodyResponse())

    def _answered(self, message: Any) -> Any:
        answer = api.ProcessingResponse(response_headers=api.HeadersResponse())
        fields, pseudo = _fields(message.headers)
        status = pseudo.get(":status", "")
        if self._passage is not None and status.isdigit():
            self._watch = self._passage.answered(int(status), fields)
        watch = self._watch
        if watch is not None and message.end_of_stream:
            return _refused(self._ended()) or answer
        mode = answer.mode_override
        if watch is not None:
            mode.response_body_mode = ProcessingMode.BUFFERED if watch.holds else ProcessingMode.STREAMED
            mode.response_trailer_mode = ProcessingMode.SEND
        return answer

    def _received(self, message: Any) -> Any:
        answer = api.ProcessingResponse(response_body=api.BodyResponse())
        if self._cut:
            answer.response_body.response.body_mutation.clear_body = True
            return answer
        if self._watch is None:
            return answer
        ending = self._watch.feed(message.body)
        if ending is not None:
            self._cut, self._watch = True, None
            answer.response_body.response.body_mutation.body = ending.event
            return answer
        return (_refused(self._ended()) if message.end_of_stream else None) or answer

    def _ended(self) -> Refusal | None:
        """The response is over."""
        watch, self._watch = self._watch, None
        return None if watch is None else watch.close()


class _Intake:
    """The body of a request as its pieces come, judged at its end; ``open`` until then."""

    def __init__(self, passage: Passage, limit: int) -> None:
        self.open = True
        self._passage = passage
        self._limit = limit
        self._body = bytearray()
        self._skeleton: Any = None

    def feed(self, piece: bytes) -> Refusal | None:
        """Take a piece; the refusal of a body that is too long for a judgement."""
        if not self.open:
            return None
        if self._skeleton is not None:
            self._skeleton.feed(piece)
            return None
        self._body += piece
        if len(self._body) <= self._limit:
            return None
        self._skeleton = self._passage.skeleton()
        if self._skeleton is None:
            return self._too_large()
        self._skeleton.feed(bytes(self._body))
        self._body.clear()
        return None

    def end(self) -> Refusal | None:
        """Judge the whole."""
        if not self.open:
            return None
        if self._skeleton is not None and self._skeleton.over:
            return self._too_large()
        self.open = False
        return self._passage.judge(bytes(self._body) if self._skeleton is None else self._skeleton.body)

    def _too_large(self) -> Refusal | None:
        self.open = False
        self._body.clear()
        return self._passage.too_large()


class Processor(rpc.ExternalProcessorServicer):  # type: ignore[misc] # the package has no types
    """The service. ``gate`` may be replaced while traffic flows: exchanges that have begun keep theirs."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    async def Process(self, messages: AsyncIterator[Any], _: Any) -> AsyncIterator[Any]:  # noqa: N802  Envoy's name
        """Answer the messages of one exchange."""
        exchange = Exchange(self.gate)
        try:
            async for message in messages:
                yield exchange.take(message)
        finally:
            exchange.close()

    def server(self, host: str, port: int) -> tuple[Any, int]:
        """Make a server and tell its port (0 takes a free one); raises ``TargetError``."""
        listen(host, port).close()  # gRPC would log what is wrong, and not say it
        limits = self.gate.settings.limits
        largest = max(limits.body, limits.response) + _ROOM
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", largest), ("grpc.so_reuseport", 0)])
        rpc.add_ExternalProcessorServicer_to_server(self, server)
        return server, server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def serve_envoy(
    contract: dict[str, Any],
    policy: Policy,
    settings: Settings,
    *,
    address: tuple[str, int],
    metrics: tuple[str, int] | None,
) -> None:
    """Serve until told to stop (SIGINT, SIGTERM); SIGHUP reads the contract again.

    ``contract`` holds the arguments of ``assay.load``; ``address`` and ``metrics`` are host and port. Raises
    ``AssayError`` when it cannot start.
    """
    observers = [one for one in (Metrics(), Log(), tracing()) if one is not None]

    def made() -> Gate:
        loaded = load(**contract)
        loaded.compile()  # now, and not while the first clients wait
        return Gate(loaded, policy, settings, observers=observers, clock=time.perf_counter)

    processor = Processor(made())
    gc.collect()
    gc.freeze()  # the contract stays: the collector need not walk it again and again
    if metrics is not None:
        try:
            prometheus.start_http_server(metrics[1], metrics[0])
        except OSError as error:
            raise TargetError(f"cannot serve metrics on {metrics[0]}:{metrics[1]}: {error.strerror}") from error
    asyncio.run(_serve(processor, address, made))


async def _serve(processor: Processor, address: tuple[str, int], made: Any) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    server, _ = processor.server(*address)
    await server.start()
    reloads: set[asyncio.Task[None]] = set()  # held, or the loop would forget them

    async def reload() -> None:
        try:
            processor.gate = await asyncio.to_thread(made)
            LOGGER.warning('{"event":"reloaded"}')
        except AssayError as error:
            LOGGER.error('{"event":"not reloaded","reason":%r}', str(error))

    def hung_up() -> None:
        task = asyncio.ensure_future(reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    if hasattr(signal, "SIGHUP"):
        loop.add_signal_handler(signal.SIGHUP, hung_up)
    await stop.wait()
    await server.stop(_GRACE)


def _fields(headers: Any) -> tuple[Headers, dict[str, str]]:
    """The fields of a message, and its pseudo-header fields (``:method``, ``:path``, ``:status``)."""
    pairs = [(one.key, one.raw_value.decode("latin-1") if one.raw_value else one.value) for one in headers.headers]
    pseudo = {name: value for name, value in pairs if name[:1] == ":"}
    return Headers([pair for pair in pairs if pair[0][:1] != ":"]), pseudo


def _refused(refusal: Refusal | None) -> Any:
    """The immediate response that a refusal is, or None."""
    if refusal is None:
        return None
    answer = api.ProcessingResponse()
    immediate = answer.immediate_response
    immediate.status.code = refusal.status
    immediate.body = refusal.body
    immediate.details = "assay"  # in Envoy's access log: %RESPONSE_CODE_DETAILS%
    for name, value in refusal.headers:
        if name != "content-length":  # Envoy counts
            header = immediate.headers.set_headers.add().header
            header.key, header.raw_value = name, value.encode("latin-1")
    return answer
