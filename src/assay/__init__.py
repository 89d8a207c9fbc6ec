"""Assay: one contract for OpenAI-style HTTP APIs, used in tests, gateways and servers.

The face hands on names and defines none.
"""

from assay.contract import Contract, StreamCheck, load
from assay.errors import AssayError, DescriptionError, OverlayError, ReferenceRefused, TargetError, UsageError
from assay.messages import Event, Headers, Request, Response
from assay.violation import Verdict, Violation

__all__ = [
    "AssayError",
    "Contract",
    "DescriptionError",
    "Event",
    "Headers",
    "OverlayError",
    "ReferenceRefused",
    "Request",
    "Response",
    "StreamCheck",
    "TargetError",
    "UsageError",
    "Verdict",
    "Violation",
    "load",
]
