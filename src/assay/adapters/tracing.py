"""What a gate tells, as attributes and events of the current OpenTelemetry span.

The rule of this module: OpenTelemetry is never needed; :func:`tracing` returns None where it cannot be imported, and a
span that does not record costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from assay.gateway import Judgement

__all__ = ["tracing"]

_MOST = 10  # violations of one message that become events


def tracing() -> Callable[[Judgement], None] | None:
    """Return an observer that writes to the current span, or None without OpenTelemetry.

    Attributes ``assay.<kind>.operation``, ``.action``, ``.violations`` (their number), ``.rule`` (the first) and
    ``.error``; one event ``assay.violation`` for each violation.
    """
    try:
        from opentelemetry.trace import get_current_span  # noqa: PLC0415  an optional package
    except ImportError:
        return None

    def observe(judgement: Judgement) -> None:
        span = get_current_span()
        if not span.is_recording():
            return
        prefix = f"assay.{judgement.kind}"
        span.set_attribute(f"{prefix}.operation", judgement.operation or "")
        span.set_attribute(f"{prefix}.action", judgement.action)
        span.set_attribute(f"{prefix}.violations", len(judgement.violations))
        if judgement.error:
            span.set_attribute(f"{prefix}.error", judgement.error)
        for violation in judgement.violations[:_MOST]:
            about = {"assay.rule": violation.rule, "assay.place": violation.place, "assay.severity": violation.severity}
            span.add_event("assay.violation", about)
        if judgement.violations:
            span.set_attribute(f"{prefix}.rule", judgement.violations[0].rule)

    return observe
